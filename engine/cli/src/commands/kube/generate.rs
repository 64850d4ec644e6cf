//! `kube generate`: Kubernetes objects of containers, pods and volumes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use pontoon_cli::args::{KubeGenerateArgs, ReportFormat, WorkloadKind};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::generate::kube::{self, Facts, Group, Kind, Member, Played, Remark, Wishes, Written};
use pontoon_cli::{message, output};
use pontoon_kube::document::Object;
use pontoon_kube::play::{OF_POD, OWNER, Owner};
use pontoon_kube::yaml;
use pontoon_storage::Store;

use super::super::{Context, Failure};
use super::subject::{Disk, Finder, Subject};

/// What begins a file, as with Podman.
const HEADER: &str =
    "# Save the output of this file and use kubectl create -f to import\n# it into Kubernetes.\n#\n";

/// `pontoon kube generate`
pub fn generate(context: &Context, args: &KubeGenerateArgs) -> Result<ExitStatus, Failure> {
    let usual = context.containers_conf()?.kube_type().and_then(WorkloadKind::named);
    let kind = args.kind.or(usual).map(|it| match it {
        WorkloadKind::Pod => Kind::Pod,
        WorkloadKind::Deployment => Kind::Deployment,
        WorkloadKind::Daemonset => Kind::DaemonSet,
        WorkloadKind::Job => Kind::Job,
    });
    if args.replicas.is_some() && kind != Some(Kind::Deployment) {
        let hint = Some("add --type deployment".to_owned());
        return Err(Failure::new("`--replicas` is about a deployment", hint));
    }
    if args.replicas.is_some_and(|it| it < 0) {
        return Err(Failure::new("`--replicas` takes a number from 0 on", None));
    }
    let wishes = Wishes {
        kind,
        service: args.service,
        replicas: args.replicas,
        podman_only: args.podman_only,
        config_maps: args.config_maps,
        secrets: args.secrets,
    };
    let store = context.store()?;
    // What programs read is not mixed with what people do.
    let is_for_people = args.report == ReportFormat::Text;
    let written = written(context, &store, &args.names, &wishes, is_for_people)?;
    report(&written.remarks, args)?;
    if is_for_people {
        tell_of_secrets(&written);
    }
    let text = yaml::write(&written.objects).map_err(|err| Failure::new(err, None))?;
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("{HEADER}# Created with {}-{version}\n---\n{text}", context.name());
    match args.filename.as_deref().filter(|it| *it != Path::new("-")) {
        None => output::out(&text)?,
        Some(path) => {
            // What holds secrets is for nobody else.
            let mode = if args.secrets { 0o600 } else { 0o666 };
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
            made.and_then(|mut it| it.write_all(text.as_bytes())).map_err(|err| {
                let hint = (err.kind() == std::io::ErrorKind::AlreadyExists)
                    .then(|| "a file that is there is not written over".to_owned());
                Failure { hint, ..Failure::from(err) }
                    .while_doing(format!("cannot write `{}`", path.display()))
            })?;
        }
    }
    Ok(ExitStatus::Success)
}

/// The objects of containers, pods, volumes and unit files; what is not written as it is, is told.
pub(super) fn objects(context: &Context, names: &[String], wishes: &Wishes) -> Result<Vec<Object>, Failure> {
    let store = context.store()?;
    let written = written(context, &store, names, wishes, true)?;
    tell(&written.remarks);
    tell_of_secrets(&written);
    Ok(written.objects)
}

fn written(
    context: &Context,
    store: &Store,
    names: &[String],
    wishes: &Wishes,
    tells: bool,
) -> Result<Written, Failure> {
    let finder = Finder::new(context, store, wishes, tells)?;
    let subjects = names.iter().map(|it| finder.find(it)).collect::<Result<Vec<_>, _>>()?;
    Ok(write(&subjects, wishes, &Disk { store }))
}

fn tell(remarks: &[Remark]) {
    for Remark { name, option, outcome, reason } in remarks {
        message::print_warning(&format!("{name}: `{option}` is {outcome}: {reason}"));
    }
}

fn tell_of_secrets(written: &Written) {
    if written.objects.iter().any(|it| it.kind() == "Secret") {
        message::print_warning("the values of secrets are in what is written: whoever reads it knows them");
    }
}

/// Volumes first, then pods; containers that are in none are one together, as in Podman.
fn write(subjects: &[Subject], wishes: &Wishes, facts: &dyn Facts) -> Written {
    let mut all = Written::default();
    let mut add = |written: Written| {
        for object in written.objects {
            // A volume that is named, and one that a container uses, may be the same.
            if !all.objects.iter().any(|it| it.kind() == object.kind() && it.name() == object.name()) {
                all.objects.push(object);
            }
        }
        all.remarks.extend(written.remarks);
    };
    for subject in subjects {
        let Subject::Volume(name, record) = subject else { continue };
        add(kube::volume(name, record));
    }
    for subject in subjects {
        let Subject::Pod(pod) = subject else { continue };
        let labels = pod.labels.as_slice();
        let played = played(labels);
        // What was played has its pod's name before its own.
        let prefix = (played != Played::Not).then(|| format!("{}-", pod.name));
        let members = pod.members.iter().map(|it| it.member(prefix.as_deref())).collect();
        let (name, infra, shares_processes) = (pod.name.clone(), pod.infra.as_ref(), pod.shares_processes);
        let maps = pod.maps.as_slice();
        let group = Group { name, labels, played, maps, infra, shares_processes, members };
        add(kube::group(&group, wishes, facts));
        let remarks = pod.members.iter().flat_map(|it| it.remarks.clone()).collect();
        add(Written { objects: Vec::new(), remarks });
    }
    let alone = subjects.iter().filter_map(|it| match it {
        Subject::Container(container) => Some(container),
        _ => None,
    });
    let alone: Vec<_> = alone.collect();
    let members: Vec<Member<'_>> = alone.iter().map(|it| it.member(None)).collect();
    if let Some(first) = members.first() {
        let name = format!("{}-pod", first.name);
        let (labels, maps, played, infra) = (&[][..], &[][..], Played::Not, None);
        let group = Group { name, labels, played, maps, infra, shares_processes: false, members };
        add(kube::group(&group, wishes, facts));
        let remarks = alone.iter().flat_map(|it| it.remarks.clone()).collect();
        add(Written { objects: Vec::new(), remarks });
    }
    all
}

/// What a pod was played of, by its labels.
fn played(labels: &[(String, String)]) -> Played {
    let label = |name: &str| labels.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    match (label(OF_POD), label(OWNER).and_then(Owner::read)) {
        (None, _) => Played::Not,
        (Some(_), None) => Played::Pod,
        (Some(_), Some(owner)) => Played::Owner(Box::new(owner)),
    }
}

/// Tells what is not written as it is; with `--strict` that is an error.
fn report(remarks: &[Remark], args: &KubeGenerateArgs) -> Result<(), Failure> {
    match args.report {
        ReportFormat::Json => {
            let json = serde_json::to_string_pretty(remarks).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "{json}");
        }
        ReportFormat::Text => tell(remarks),
    }
    match (args.strict, remarks.len()) {
        (true, count) if count > 0 => {
            let hint = Some("without --strict these are warnings".to_owned());
            Err(Failure::new(format!("{count} settings cannot be written as they are"), hint))
        }
        _ => Ok(()),
    }
}
