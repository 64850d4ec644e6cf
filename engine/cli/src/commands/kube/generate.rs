//! `kube generate`: Kubernetes objects of containers, pods and volumes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use pontoon_cli::args::{KubeGenerateArgs, ReportFormat, WorkloadKind};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::generate::kube::{self, Facts, Group, Kind, Member, Remark, Wishes, Written};
use pontoon_cli::{message, output};
use pontoon_kube::document::Object;
use pontoon_kube::objects::Texts;
use pontoon_kube::play::OF_POD;
use pontoon_kube::yaml;
use pontoon_lifecycle::list;
use pontoon_lifecycle::pod::{self as pods, PodSummary, Shared};
use pontoon_lifecycle::record::{ContainerRecord, VolumeRecord};
use pontoon_lifecycle::volume_options;
use pontoon_storage::Store;

use super::super::control::is_missing;
use super::super::{Context, Failure};

/// What begins a file, as with Podman.
const HEADER: &str =
    "# Save the output of this file and use kubectl create -f to import\n# it into Kubernetes.\n#\n";

/// The host, as far as it is looked at.
struct Disk;

impl Facts for Disk {
    fn host_path_type(&self, path: &Path) -> &'static str {
        let Ok(found) = fs::metadata(path).map(|it| it.file_type()) else { return "" };
        match found {
            it if it.is_dir() => "Directory",
            it if it.is_file() => "File",
            it if it.is_socket() => "Socket",
            it if it.is_char_device() => "CharDevice",
            it if it.is_block_device() => "BlockDevice",
            _ => "",
        }
    }
}

/// What a name stands for.
enum Subject {
    Container(Box<ContainerRecord>),
    Pod(Box<PodSummary>),
    Volume(String, VolumeRecord),
}

/// `pontoon kube generate`
pub fn generate(context: &Context, args: &KubeGenerateArgs) -> Result<ExitStatus, Failure> {
    let kind = match args.kind {
        WorkloadKind::Pod => Kind::Pod,
        WorkloadKind::Deployment => Kind::Deployment,
        WorkloadKind::Daemonset => Kind::DaemonSet,
        WorkloadKind::Job => Kind::Job,
    };
    if args.replicas.is_some() && kind != Kind::Deployment {
        let hint = Some("add --type deployment".to_owned());
        return Err(Failure::new("`--replicas` is about a deployment", hint));
    }
    if args.replicas.is_some_and(|it| it < 0) {
        return Err(Failure::new("`--replicas` takes a number from 0 on", None));
    }
    let wishes =
        Wishes { kind, service: args.service, replicas: args.replicas, podman_only: args.podman_only };
    let store = context.store()?;
    let subjects = args.names.iter().map(|it| find(&store, it)).collect::<Result<Vec<_>, _>>()?;
    let written = write(&subjects, &wishes);
    report(&written.remarks, args)?;
    let text = yaml::write(&written.objects).map_err(|err| Failure::new(err, None))?;
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("{HEADER}# Created with {}-{version}\n---\n{text}", context.name());
    match args.filename.as_deref().filter(|it| *it != Path::new("-")) {
        None => output::out(&text)?,
        Some(path) => {
            let made = fs::OpenOptions::new().write(true).create_new(true).open(path);
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

/// The objects of containers, pods and volumes; what is not written as it is, is told.
pub(super) fn objects(context: &Context, names: &[String], wishes: &Wishes) -> Result<Vec<Object>, Failure> {
    let store = context.store()?;
    let subjects = names.iter().map(|it| find(&store, it)).collect::<Result<Vec<_>, _>>()?;
    let written = write(&subjects, wishes);
    tell(&written.remarks);
    Ok(written.objects)
}

fn tell(remarks: &[Remark]) {
    for Remark { name, option, outcome, reason } in remarks {
        message::print_warning(&format!("{name}: `{option}` is {outcome}: {reason}"));
    }
}

fn find(store: &Store, name: &str) -> Result<Subject, Failure> {
    match pods::find(store, name) {
        Ok((_, pod)) => return Ok(Subject::Pod(Box::new(pod))),
        Err(err) if err.is_not_found() => {}
        Err(err) => return Err(err.into()),
    }
    match list::find(store, name) {
        Ok(found) => {
            if found.record.request.pod.is_some() {
                let hint = Some("name the pod: its containers belong together".to_owned());
                return Err(Failure::new(format!("container `{name}` is in a pod"), hint));
            }
            return Ok(Subject::Container(Box::new(found.record)));
        }
        Err(err) if is_missing(&err) => {}
        Err(err) => return Err(err.into()),
    }
    if let Ok(volume) = store.find_volume(name) {
        return Ok(Subject::Volume(name.to_owned(), volume.read_entry()?.record()?));
    }
    let hint =
        Some("`pontoon ps -a`, `pontoon pod ps` and `pontoon volume ls` list what there is".to_owned());
    Err(Failure::new(format!("`{name}` is no container, pod or volume"), hint))
}

/// Volumes first, then pods; containers that are in none are one together, as in Podman.
fn write(subjects: &[Subject], wishes: &Wishes) -> Written {
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
        add(kube::volume(name, annotations(record)));
    }
    for subject in subjects {
        let Subject::Pod(pod) = subject else { continue };
        let infra = pod.infra().map(|it| &it.record.request);
        let labels = pod.record.labels.as_slice();
        let shares_processes = pod.record.shares(Shared::Pid);
        let played = labels.iter().any(|(key, _)| key == OF_POD);
        let prefix = format!("{}-", pod.record.name);
        let members = pod.own_members().map(|it| {
            let member = member(&it.record);
            // What was played has its pod's name before its own.
            let own = member.name.strip_prefix(&prefix).filter(|it| played && !it.is_empty());
            Member { name: own.unwrap_or(member.name), ..member }
        });
        let members = members.collect();
        add(kube::group(
            &Group { name: pod.record.name.clone(), labels, infra, shares_processes, members },
            wishes,
            &Disk,
        ));
    }
    let members: Vec<Member<'_>> = subjects
        .iter()
        .filter_map(|it| match it {
            Subject::Container(record) => Some(member(record)),
            _ => None,
        })
        .collect();
    if let Some(first) = members.first() {
        let name = format!("{}-pod", first.name);
        add(kube::group(
            &Group { name, labels: &[], infra: None, shares_processes: false, members },
            wishes,
            &Disk,
        ));
    }
    all
}

fn member(record: &ContainerRecord) -> Member<'_> {
    let image = if record.image_name.is_empty() { &record.request.image } else { &record.image_name };
    Member { name: &record.name, image, request: &record.request }
}

/// What Podman, and we, read a volume's options from.
fn annotations(record: &VolumeRecord) -> Texts {
    let mut annotations = Texts::new();
    for (key, value) in volume_options::told(record) {
        let key = match key.to_ascii_lowercase().as_str() {
            "o" => "mount-options".to_owned(),
            other => other.to_owned(),
        };
        annotations.insert(format!("volume.podman.io/{key}"), value);
    }
    annotations
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
