//! kubeconfig files: where a cluster is, whom to trust, and who we are (kubernetes.io, "Organizing Cluster Access Using
//! kubeconfig Files").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::document::ReadError;
use crate::read::read;
use crate::yaml;

/// How a cluster is reached, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its address.
    pub server: String,
    /// Who signs its certificate; `None` are the host's authorities.
    pub authority: Option<Material>,
    /// Its certificate is not looked at.
    pub skips_verification: bool,
    /// The proxy it is reached through.
    pub proxy: Option<String>,
    /// A certificate of ours, and its key.
    pub identity: Option<(Material, Material)>,
    /// Who we are, in words.
    pub proof: Option<Proof>,
    /// Where objects go that do not say it.
    pub namespace: Option<String>,
}

/// Something that is in the file, or in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// A path.
    File(String),
    /// Itself.
    Data(Vec<u8>),
}

/// What a server is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A token.
    Token(Material),
    /// A name and a password.
    Password(String, String),
}

/// A kubeconfig that does not say how to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something in it, or the lack of it.
    #[error("{file}: {text}")]
    Wrong {
        /// The files.
        file: String,
        /// What is wrong.
        text: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Kubeconfig {
    clusters: Vec<NamedCluster>,
    users: Vec<NamedUser>,
    contexts: Vec<NamedContext>,
    current_context: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Context {
    cluster: String,
    user: String,
    namespace: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Cluster {
    server: String,
    certificate_authority: String,
    certificate_authority_data: String,
    insecure_skip_tls_verify: bool,
    proxy_url: String,
    tls_server_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    client_certificate: String,
    client_certificate_data: String,
    client_key: String,
    client_key_data: String,
    token: String,
    #[serde(rename = "tokenFile")]
    token_file: String,
    username: String,
    password: String,
    exec: Option<serde::de::IgnoredAny>,
    auth_provider: Option<serde::de::IgnoredAny>,
}

/// Reads how the cluster of the current context is reached; without one it is the first cluster and the first user, as in
/// Podman. Of several files, `(name, directory, text)`, the first one that has something of a name counts. Relative paths begin
/// in the directory of their file.
///
/// # Errors
/// See [`KubeconfigError`].
pub fn login(files: &[(String, String, String)]) -> Result<Login, KubeconfigError> {
    let mut all = Kubeconfig::default();
    for (file, directory, text) in files {
        let mut one = parse(file, text)?;
        one.clusters.iter_mut().for_each(|it| from(directory, &mut it.cluster.certificate_authority));
        for NamedUser { user, .. } in &mut one.users {
            for path in [&mut user.client_certificate, &mut user.client_key, &mut user.token_file] {
                from(directory, path);
            }
        }
        all.clusters.append(&mut one.clusters);
        all.users.append(&mut one.users);
        all.contexts.append(&mut one.contexts);
        if all.current_context.is_empty() {
            all.current_context = one.current_context;
        }
    }
    let names: Vec<&str> = files.iter().map(|it| it.0.as_str()).collect();
    choose(all).map_err(|text| KubeconfigError::Wrong { file: names.join(":"), text })
}

fn parse(file: &str, text: &str) -> Result<Kubeconfig, KubeconfigError> {
    let documents =
        yaml::documents(text).map_err(|source| ReadError::Syntax { file: file.to_owned(), source })?;
    let Some(node) = documents.first() else { return Ok(Kubeconfig::default()) };
    let value =
        |source| KubeconfigError::from(ReadError::Value { file: file.to_owned(), place: node.place, source });
    read(node).map(|it| it.0).map_err(value)
}

/// Makes a path absolute, if it is one and is not.
fn from(directory: &str, path: &mut String) {
    if !path.is_empty() && !path.starts_with('/') {
        *path = format!("{}/{path}", directory.trim_end_matches('/'));
    }
}

fn choose(all: Kubeconfig) -> Result<Login, String> {
    let Kubeconfig { clusters, users, contexts, current_context } = all;
    let context = match current_context.as_str() {
        "" => None,
        name => Some(
            contexts
                .into_iter()
                .find(|it| it.name == name)
                .ok_or_else(|| format!("there is no context `{name}`, which is the current one"))?
                .context,
        ),
    };
    let is_meant = |name: &str, of: fn(&Context) -> &str| context.as_ref().is_none_or(|it| of(it) == name);
    let cluster = clusters.into_iter().find(|it| is_meant(&it.name, |it| &it.cluster));
    let cluster = cluster.ok_or("it names no cluster")?;
    let names_no_user = context.as_ref().is_some_and(|it| it.user.is_empty());
    let user = users.into_iter().find(|it| !names_no_user && is_meant(&it.name, |it| &it.user));
    if user.is_none()
        && let Some(name) = context.as_ref().map(|it| &it.user).filter(|it| !it.is_empty())
    {
        return Err(format!("there is no user `{name}`"));
    }
    let user = user.map(|it| it.user).unwrap_or_default();
    let Cluster {
        server,
        certificate_authority,
        certificate_authority_data,
        insecure_skip_tls_verify,
        proxy_url,
        tls_server_name,
    } = cluster.cluster;
    if server.is_empty() {
        return Err(format!("cluster `{}` has no `server`", cluster.name));
    }
    let host = server.split("://").last().unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    if !tls_server_name.is_empty() && tls_server_name != host {
        return Err(format!("`tls-server-name` ({tls_server_name}) must be the server's name, `{host}`"));
    }
    let authority =
        material("certificate-authority-data", certificate_authority_data, certificate_authority)?;
    let certificate =
        material("client-certificate-data", user.client_certificate_data, user.client_certificate)?;
    let key = material("client-key-data", user.client_key_data, user.client_key)?;
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => return Err("the user has a `client-certificate` and no `client-key`".to_owned()),
        (None, Some(_)) => return Err("the user has a `client-key` and no `client-certificate`".to_owned()),
    };
    // A token counts before a file with one (client-go, "AuthInfo").
    let proof = if !user.token.is_empty() {
        Some(Proof::Token(Material::Data(user.token.into_bytes())))
    } else if !user.token_file.is_empty() {
        Some(Proof::Token(Material::File(user.token_file)))
    } else if !user.username.is_empty() {
        Some(Proof::Password(user.username, user.password))
    } else {
        None
    };
    if proof.is_none() && identity.is_none() {
        for (word, is_said) in
            [("exec", user.exec.is_some()), ("auth-provider", user.auth_provider.is_some())]
        {
            if is_said {
                return Err(format!("the user is known by `{word}`, and no other program is run for it"));
            }
        }
    }
    Ok(Login {
        server,
        authority,
        skips_verification: insecure_skip_tls_verify,
        proxy: Some(proxy_url).filter(|it| !it.is_empty()),
        identity,
        proof,
        namespace: context.map(|it| it.namespace).filter(|it| !it.is_empty()),
    })
}

/// What is in the file counts before what lies elsewhere (client-go, "Cluster").
fn material(name: &str, data: String, path: String) -> Result<Option<Material>, String> {
    if !data.is_empty() {
        let text: String = data.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(text).map_err(|err| format!("`{name}` is no base64: {err}"))?;
        return Ok(Some(Material::Data(bytes)));
    }
    Ok(Some(path).filter(|it| !it.is_empty()).map(Material::File))
}
