//! `kube apply`: objects to a cluster, by its API.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pontoon_image::{Answered, ClientOptions, Environment, ProxySettings, Server, Trust};
use pontoon_kube::cluster::{self, Answer, Kinds, Login, Material, Proof, Wanted};
use pontoon_kube::yaml;
use serde::Deserialize;

use super::super::{Context, Failure};
use super::{generate, input};
use pontoon_cli::args::KubeApplyArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::generate::kube::Wishes;
use pontoon_cli::output;

/// The media type of objects that are applied; JSON is YAML, too.
const APPLY: &str = "application/apply-patch+yaml";

/// `--ca-cert-file` of somebody who checks no certificate, as in Podman.
const INSECURE: &str = "insecure";

/// `pontoon kube apply`
pub fn apply(context: &Context, args: &KubeApplyArgs) -> Result<ExitStatus, Failure> {
    let wanted = wanted(context, args)?;
    let login = login(context, args)?;
    let cluster = Cluster { server: server(context, args, &login)?, address: &login.server };
    let namespace = args.ns.as_deref().or(login.namespace.as_deref()).unwrap_or("default");
    if let Some(ns) = &args.ns
        && let Some(other) =
            wanted.iter().find(|it| it.namespace.as_deref().is_some_and(|it| it != namespace))
    {
        let text = format!("{}: `metadata.namespace` is another one than `--ns {ns}`", other.at);
        return Err(Failure::new(text, None));
    }
    output::line("Deploying to cluster...")?;
    let kinds = cluster.kinds(&wanted)?;
    let force = args.force_conflicts;
    // All or nothing, as far as a cluster can tell: what is to be in something that is new cannot be tried.
    let makes_places =
        wanted.iter().any(|it| matches!(it.kind.as_str(), "Namespace" | "CustomResourceDefinition"));
    if !makes_places {
        for it in &wanted {
            cluster.send(it, &kinds, namespace, Answer { only_tried: true, force })?;
        }
    }
    for it in &wanted {
        let deed = match cluster.send(it, &kinds, namespace, Answer { only_tried: false, force })? {
            201 => "created",
            _ => "configured",
        };
        output::line(&format!("{}/{} {deed}", it.kind.to_ascii_lowercase(), it.name))?;
    }
    output::line("Successfully deployed workloads to cluster!")?;
    Ok(ExitStatus::Success)
}

/// The objects of the file, or of what was named.
fn wanted(context: &Context, args: &KubeApplyArgs) -> Result<Vec<Wanted>, Failure> {
    let (name, text) = match &args.file {
        Some(file) => (input::shown(file), input::text(context, file)?),
        None if args.names.is_empty() => {
            let hint = "name containers, pods or volumes, or a file with --file".to_owned();
            return Err(Failure::new("there is nothing to apply", Some(hint)));
        }
        None => {
            let wishes = Wishes { service: args.service, ..Wishes::default() };
            let objects = generate::objects(context, &args.names, &wishes)?;
            ("what is generated", yaml::write(&objects).map_err(|err| Failure::new(err, None))?)
        }
    };
    let found = cluster::wanted(name, &text).map_err(|err| Failure::new(err, None))?;
    match found.is_empty() {
        true => Err(Failure::new(format!("{name}: there is no object in it"), None)),
        false => Ok(found),
    }
}

/// Reads the kubeconfig: the one that is named, those of `KUBECONFIG`, or kubectl's own.
fn login(context: &Context, args: &KubeApplyArgs) -> Result<Login, Failure> {
    let paths: Vec<PathBuf> = match (&args.kubeconfig, context.host.variable("KUBECONFIG")) {
        (Some(path), _) => vec![path.clone()],
        (None, Some(paths)) if !paths.is_empty() => {
            paths.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect()
        }
        _ => context.host.variable("HOME").map(|it| Path::new(it).join(".kube/config")).into_iter().collect(),
    };
    let mut files = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).map_err(|err| {
            let hint = "--kubeconfig or KUBECONFIG says how the cluster is reached".to_owned();
            let failure = Failure { hint: Some(hint), ..Failure::from(err) };
            failure.while_doing(format!("cannot read kubeconfig `{}`", path.display()))
        })?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let directory = path.parent().unwrap_or(Path::new("/"));
        files.push((path.display().to_string(), directory.display().to_string(), text));
    }
    cluster::login(&files).map_err(|err| Failure::new(err, None))
}

/// The server as the kubeconfig says it.
fn server(context: &Context, args: &KubeApplyArgs, login: &Login) -> Result<Server, Failure> {
    let unusable = |name: &str| {
        let text = format!("cannot use the {name} of cluster `{}`", login.server);
        move |reason: String| Failure::new(reason, None).while_doing(text)
    };
    let mut trust = Trust::default();
    let given = args.ca_cert_file.as_deref();
    let insecure = given.is_some_and(|it| it.eq_ignore_ascii_case(INSECURE));
    let authority = match given {
        Some(file) if !insecure => Some(Material::File(file.to_owned())),
        _ => login.authority.clone(),
    };
    let verifies = !insecure && (given.is_some() || !login.skips_verification);
    if let Some(authority) = authority.filter(|_| verifies) {
        trust = trust.authorities(&bytes(&authority)?).map_err(unusable("certificate authority"))?;
    }
    if let Some((certificate, key)) = &login.identity {
        trust = trust.identity(&bytes(certificate)?, &bytes(key)?).map_err(unusable("client certificate"))?;
    }
    let environment: Environment = context.host.environment.iter().collect();
    let standard = ClientOptions::standard(&environment);
    let proxy = match &login.proxy {
        Some(proxy) => {
            ProxySettings { http: Some(proxy.clone()), https: Some(proxy.clone()), no_proxy: String::new() }
        }
        None => standard.proxy.clone(),
    };
    let options = ClientOptions { trust: Some(trust), tls_verify: Some(verifies), proxy, ..standard };
    Ok(Server::new(&login.server, authorization(login)?, options)?)
}

/// Who we are, in the words of HTTP.
fn authorization(login: &Login) -> Result<Option<String>, Failure> {
    Ok(match &login.proof {
        None => None,
        Some(Proof::Token(token)) => {
            let token = String::from_utf8(bytes(token)?)
                .ok()
                .map(|it| it.trim().to_owned())
                .filter(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_graphic()))
                .ok_or_else(|| Failure::new("the token of the kubeconfig is none", None))?;
            Some(format!("Bearer {token}"))
        }
        Some(Proof::Password(name, password)) => {
            Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
        }
    })
}

fn bytes(material: &Material) -> Result<Vec<u8>, Failure> {
    match material {
        Material::Data(bytes) => Ok(bytes.clone()),
        Material::File(path) => {
            fs::read(path).map_err(|err| Failure::from(err).while_doing(format!("cannot read `{path}`")))
        }
    }
}

/// A cluster's API.
struct Cluster<'a> {
    server: Server,
    address: &'a str,
}

impl Cluster<'_> {
    /// Asks which kinds of objects there are, as far as they are wanted.
    fn kinds(&self, wanted: &[Wanted]) -> Result<Kinds, Failure> {
        let mut kinds = Kinds::default();
        let versions: BTreeSet<&str> = wanted.iter().map(|it| it.api_version.as_str()).collect();
        for version in versions {
            let answer = self.server.exchange("GET", &Kinds::path(version), None)?;
            match answer.status {
                200 if kinds.learn(version, &answer.bytes) => {}
                200 => {
                    let text = format!("`{}` is no API of Kubernetes", self.address);
                    return Err(Failure::new(text, None));
                }
                // Said with the object.
                404 => {}
                _ => {
                    let text = format!("cannot ask cluster `{}` for its kinds of objects", self.address);
                    return Err(refused(&answer).while_doing(text));
                }
            }
        }
        Ok(kinds)
    }

    /// Sends an object; gives the status, which is 201 for one that is new.
    fn send(&self, wanted: &Wanted, kinds: &Kinds, namespace: &str, wishes: Answer) -> Result<u16, Failure> {
        let cannot = || format!("{}: cannot apply {} `{}`", wanted.at, wanted.kind, wanted.name);
        let path = kinds.apply(wanted, namespace, &wishes).ok_or_else(|| {
            let text =
                format!("the cluster knows no objects of kind `{}` ({})", wanted.kind, wanted.api_version);
            Failure::new(text, None).while_doing(cannot())
        })?;
        let body = Some((APPLY, wanted.object.to_string()));
        let answer = self.server.exchange("PATCH", &path, body)?;
        match answer.status {
            200..=299 => Ok(answer.status),
            _ => Err(refused(&answer).while_doing(cannot())),
        }
    }
}

/// What a cluster says when it does not do something (kubernetes.io, "Status").
fn refused(answer: &Answered) -> Failure {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    let said = serde_json::from_slice::<Status>(&answer.bytes).map(|it| it.message);
    let said: String = said.unwrap_or_default().chars().filter(|it| !it.is_control()).take(2000).collect();
    let hint = match answer.status {
        401 => Some("the kubeconfig says who we are; what it says is not known to the cluster"),
        409 => Some("--force-conflicts takes over what others manage"),
        _ => None,
    };
    let text = match said.is_empty() {
        true => format!("the cluster answers {}", answer.status),
        false => format!("the cluster answers {}: {said}", answer.status),
    };
    Failure::new(text, hint.map(str::to_owned))
}
