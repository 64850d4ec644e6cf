//! Making what was decided; what was made before something went wrong is removed again.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use pontoon_image::ImageConfig;
use pontoon_kube::objects::ConfigMap;
use pontoon_kube::play::{HostPath, HostPathKind, OWNER, OwnVolume, Play, PodWanted};
use pontoon_kube::yaml;
use pontoon_lifecycle::annotated;
use pontoon_lifecycle::create::image_config;
use pontoon_lifecycle::list::{self, Summary};
use pontoon_lifecycle::pod::{self as pods, PodRecord, PodRequest};
use pontoon_lifecycle::request::CreateRequest;
use pontoon_lifecycle::secret::FILE_DRIVER;
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::{create, volume, volume_options};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{ImageRecord, SecretData, SecretRecord, Store};

use super::super::logs;
use super::super::pod::{pod_request, start_pod};
use super::super::run::{base_image, new_request};
use super::super::{Context, Failure};
use pontoon_cli::args::{self, Command, ContainerOptions, KubePlayArgs};
use pontoon_cli::output;
use pontoon_cli::run_options::parse_label;

/// The options of a command, of its words.
pub(super) trait FromCommand: Sized {
    /// Takes them out of the command.
    fn of(command: Command) -> Option<Self>;
}

macro_rules! from_command {
    ($($kind:ident: $pattern:pat => $value:expr;)*) => {$(
        impl FromCommand for args::$kind {
            fn of(command: Command) -> Option<Self> {
                match command { $pattern => Some($value), _ => None }
            }
        }
    )*};
}

from_command! {
    CreateArgs: Command::Create(it) => *it;
    NetworkCreateArgs: Command::NetworkCreate(it) => *it;
    PodCreateArgs: Command::PodCreate(it) => *it;
    RunArgs: Command::Run(it) => *it;
    VolumeCreateArgs: Command::VolumeCreate(it) => it;
}

/// Reads the words of a command, as if somebody had typed them.
pub(super) fn parsed<T: FromCommand>(words: &[String]) -> Result<T, Failure> {
    let words = words.iter().map(Into::into).collect();
    let invocation = args::parse(words).map_err(|err| Failure::new(err.to_string(), None))?;
    T::of(invocation.command).ok_or_else(|| Failure::new("the words are those of another command", None))
}

/// A pod that can be made: everything about it was looked at.
pub(super) struct ReadyPod {
    name: String,
    request: PodRequest,
    volumes: Vec<OwnVolume>,
    maps: Vec<ConfigMap>,
    containers: Vec<(CreateRequest, Option<ImageRecord>)>,
}

/// Reads the words of pods and containers, and gets their images.
pub(super) fn prepare(
    context: &Context,
    store: &Store,
    pods: &[&PodWanted],
) -> Result<Vec<ReadyPod>, Failure> {
    pods.iter().map(|pod| prepare_pod(context, store, pod)).collect()
}

fn prepare_pod(context: &Context, store: &Store, pod: &PodWanted) -> Result<ReadyPod, Failure> {
    let cannot = |err: Failure| err.while_doing(format!("cannot make pod `{}`", pod.name));
    let request = pod_request(context, &parsed(&pod.words).map_err(cannot)?, ContainerOptions::default())
        .map_err(cannot)?;
    let mut containers = Vec::new();
    for container in &pod.containers {
        let cannot = |err: Failure| err.while_doing(format!("cannot make container `{}`", container.name));
        let (request, options) =
            new_request(context, parsed(&container.words).map_err(cannot)?).map_err(cannot)?;
        let image = base_image(context, store, &request, &options).map_err(cannot)?;
        if container.non_root
            && let Some(image) = &image
            && is_root(&image_config(store, image)?)
        {
            let text = format!("`runAsNonRoot` is set, and `{}` runs as root", request.image);
            let hint = "say `runAsUser`, or take an image with a user of its own".to_owned();
            return Err(cannot(Failure::new(text, Some(hint))));
        }
        containers.push((request, image));
    }
    let (name, volumes, maps) = (pod.name.clone(), pod.volumes.clone(), pod.maps.clone());
    Ok(ReadyPod { name, request, volumes, maps, containers })
}

/// Whether an image runs as root, as far as can be seen without looking into it.
fn is_root(config: &ImageConfig) -> bool {
    let user = config.config.user.split(':').next().unwrap_or_default();
    matches!(user, "" | "0" | "root")
}

/// Paths of the host that must be there are, and those that may be made can be.
pub(super) fn check_host_paths(play: &Play) -> Result<(), Failure> {
    for path in play.pods.iter().flat_map(|it| &it.host_paths) {
        check(path).map_err(|err| {
            let deed = format!("{}: cannot use `{}` of the host", path.at, path.path);
            Failure::from(err).while_doing(deed)
        })?;
    }
    Ok(())
}

fn check(wanted: &HostPath) -> io::Result<()> {
    let path = Path::new(&wanted.path);
    let found = match fs::metadata(path) {
        Ok(found) => Some(found.file_type()),
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        Err(err) => return Err(err),
    };
    let is_right = |it: fs::FileType| match wanted.kind {
        HostPathKind::Any => true,
        HostPathKind::Directory | HostPathKind::DirectoryOrCreate => it.is_dir(),
        HostPathKind::File | HostPathKind::FileOrCreate => it.is_file(),
        HostPathKind::Socket => it.is_socket(),
        HostPathKind::CharDevice => it.is_char_device(),
        HostPathKind::BlockDevice => it.is_block_device(),
    };
    match (found, wanted.kind) {
        (Some(it), _) if is_right(it) => Ok(()),
        (Some(_), kind) => Err(io::Error::other(format!("it is no {}", word(kind)))),
        (None, HostPathKind::DirectoryOrCreate) => {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
        }
        (None, HostPathKind::FileOrCreate) => {
            // As Kubernetes, which makes the file and not what it is in.
            fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path).map(drop)
        }
        (None, _) => Err(io::ErrorKind::NotFound.into()),
    }
}

fn word(kind: HostPathKind) -> &'static str {
    match kind {
        HostPathKind::Any => "file",
        HostPathKind::Directory | HostPathKind::DirectoryOrCreate => "directory",
        HostPathKind::File | HostPathKind::FileOrCreate => "regular file",
        HostPathKind::Socket => "socket",
        HostPathKind::CharDevice => "character device",
        HostPathKind::BlockDevice => "block device",
    }
}

/// What was made.
#[derive(Debug, Default)]
struct Made {
    volumes: Vec<String>,
    own_volumes: Vec<String>,
    secrets: Vec<SecretRecord>,
    pods: Vec<String>,
}

impl Made {
    /// Takes it all back.
    fn undo(self, context: &Context, store: &Store) {
        for id in self.pods {
            if let Err(err) = pods::remove(&context.host, store, &id, true, Some(0)) {
                Failure::from(err).while_doing("cannot take back what was made".to_owned()).print();
            }
        }
        for name in self.own_volumes.into_iter().chain(self.volumes) {
            let _ = volume::remove(&context.host, store, &name, None);
        }
        for secret in self.secrets {
            let _ = store.remove_secret(&secret.name);
        }
    }
}

/// Notes what makes a pod now; the pod itself is as it was.
pub(super) fn note_owner(store: &Store, wanted: &PodWanted) -> Result<(), Failure> {
    let pod = store.find_pod(&wanted.name)?;
    let lock = pod.lock()?;
    let mut record: PodRecord = pod.read_entry()?.record()?;
    record.labels.retain(|(key, _)| key != OWNER);
    record.labels.extend(wanted.owner.iter().map(|it| (OWNER.to_owned(), it.clone())));
    Ok(pod.replace_record(&lock, &record)?)
}

/// Tells what there is of what was said, as Podman tells what it has made: whoever reads that finds it also where nothing had to be
/// made. Of containers that prepare a pod nothing is told; most are gone by then.
pub(super) fn tell(store: &Store, play: &Play) -> Result<(), Failure> {
    let list = |title: &str, lines: &[&str]| {
        if lines.is_empty() {
            return Ok(());
        }
        output::line(title)?;
        lines.iter().try_for_each(|line| output::line(line))
    };
    let volumes: Vec<&str> = play.volumes.iter().map(|it| it.name.as_str()).collect();
    list("Volumes:", &volumes)?;
    let secrets: Vec<SecretRecord> =
        play.secrets.iter().filter_map(|it| store.find_secret(&it.name).ok()).collect();
    list("Secrets:", &secrets.iter().map(|it| it.id.as_str()).collect::<Vec<_>>())?;
    for wanted in &play.pods {
        // It may have ended, and be gone with that.
        let Ok((_, pod)) = pods::find(store, &wanted.name) else { continue };
        list("Pod:", &[pod.record.id.as_str()])?;
        let members = pod.own_members().filter(|it| it.record.request.init_container.is_none());
        let ids: Vec<&str> = members.map(|it| it.record.id.as_str()).collect();
        list(if ids.len() == 1 { "Container:" } else { "Containers:" }, &ids)?;
        output::line("")?;
    }
    Ok(())
}

/// Makes everything, and starts it.
pub(super) fn make(
    context: &Context,
    store: &Store,
    play: &Play,
    ready: Vec<ReadyPod>,
    args: &KubePlayArgs,
) -> Result<(), Failure> {
    let mut made = Made::default();
    make_all(context, store, play, ready, args, &mut made).inspect_err(|_| made.undo(context, store))
}

fn make_all(
    context: &Context,
    store: &Store,
    play: &Play,
    ready: Vec<ReadyPod>,
    args: &KubePlayArgs,
    made: &mut Made,
) -> Result<(), Failure> {
    for secret in &play.secrets {
        let data = SecretData(secret.text.clone().into_bytes());
        if store.secret_data(&secret.name).is_ok_and(|there| there == data) {
            continue;
        }
        let record = SecretRecord {
            name: secret.name.clone(),
            driver: FILE_DRIVER.to_owned(),
            ..SecretRecord::default()
        };
        let is_new = store.find_secret(&secret.name).is_err();
        let record = store
            .create_secret(record, &data, args.replace)
            .map_err(|err| Failure::from(err).while_doing(format!("cannot make secret `{}`", secret.name)))?;
        context.host.tell_of_other(Kind::Secret, Deed::Create, &record.id, &record.name);
        if is_new {
            made.secrets.push(record);
        }
    }
    for wanted in &play.volumes {
        if store.find_volume(&wanted.name).is_err() {
            make_volume(context, store, &wanted.words)?;
            made.volumes.push(wanted.name.clone());
        }
    }
    for pod in ready {
        make_pod(context, store, pod, args, made)?;
    }
    Ok(())
}

fn make_volume(context: &Context, store: &Store, words: &[String]) -> Result<(), Failure> {
    let args: args::VolumeCreateArgs = parsed(words)?;
    let mut record = volume_options::read(&args.opt, context.host.is_rootless())?;
    for label in &args.label {
        record.labels.push(parse_label(label)?);
    }
    volume::create(&context.host, store, args.name.as_deref(), &record, args.ignore)?;
    Ok(())
}

fn make_pod(
    context: &Context,
    store: &Store,
    pod: ReadyPod,
    args: &KubePlayArgs,
    made: &mut Made,
) -> Result<(), Failure> {
    for own in &pod.volumes {
        make_volume(context, store, &own.words)?;
        made.own_volumes.push(own.name.clone());
        fill(store, own).map_err(|err| err.while_doing(format!("cannot fill volume `{}`", own.name)))?;
    }
    let record = pods::create(&context.host, store, pod.request)?;
    made.pods.push(record.id.clone());
    if !pod.maps.is_empty() {
        let text = yaml::write(&pod.maps).map_err(|err| Failure::new(err, None))?;
        store.find_pod(&record.id)?.keep_source(text.as_bytes())?;
    }
    for (request, image) in pod.containers {
        let created = create::create(&context.host, store, request, image.as_ref(), false)?;
        created.unsynced.sync()?;
    }
    if args.start != Some(false) {
        start_pod(context, store, &pods::find(store, &record.id)?.1).map_err(|err| {
            let hint = show_last_words(store, &record.id, &pod.name).or(err.hint.clone());
            Failure { hint, ..err.while_doing(format!("cannot play pod `{}`", pod.name)) }
        })?;
    }
    Ok(())
}

/// Shows what those that come before the others wrote last, where one has ended: with the pod, its log is taken away. Says how it can
/// be kept.
fn show_last_words(store: &Store, id: &str, name: &str) -> Option<String> {
    let (_, pod) = pods::find(store, id).ok()?;
    let has_failed = |it: &Summary| match &it.status {
        // One that is to go on fails whatever it ends with.
        Status::Exited(_) if annotated::is_sidecar(&it.record.request.annotations) => true,
        Status::Exited(exit) => it.record.request.init_container.is_some() && exit.code != 0,
        _ => false,
    };
    let mut shown = None;
    for member in pod.own_members() {
        if has_failed(member)
            && let Ok(found) = list::find(store, &member.record.id)
            && logs::show_last(&found).is_ok()
        {
            let way = format!("`kube play --start=false` and `pod start {name}`");
            shown =
                Some(format!("what it wrote last stands above; with {way} the pod stays, with all its logs"));
        }
    }
    shown
}

/// Writes the files of a ConfigMap or a Secret. The volume was made a moment ago and no container has seen it, so there are no
/// links in it that would be followed (CVE-2025-9566).
fn fill(store: &Store, own: &OwnVolume) -> Result<(), Failure> {
    if own.files.is_empty() {
        return Ok(());
    }
    let volume = store.find_volume(&own.name)?;
    let root = volume.data_path();
    for (path, content, mode) in &own.files {
        let path = root.join(path);
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(content)?;
        // The umask is not asked.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(*mode))?;
    }
    // What an image has in its place is not to be mixed with it.
    volume.mark_used()?;
    Ok(())
}
