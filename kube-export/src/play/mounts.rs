//! Volumes of a pod, and where they are mounted.

use std::collections::BTreeMap;

use super::files::{self, File, is_below};
use super::pod::Around;
use super::{Deciding, HostPath, HostPathKind, OF_POD, OwnVolume, PodWanted, SAID, Spot, VolumeWanted};
use crate::names::NameRule;
use crate::objects::{Container, PersistentVolumeClaim, Volume, VolumeMount};
use crate::quantity;

/// Annotations of a claim that say what Podman's volume is.
const OF_VOLUME: &str = "volume.podman.io/";

/// What can be mounted, by name.
pub(super) type Mountable = BTreeMap<String, Source>;

/// What a volume is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A path of the host, with options of its mounts.
    Bind(String, Vec<String>),
    /// A device of the host.
    Device(String),
    /// A volume with a name; whether it can be changed.
    Volume(String, bool),
    /// A file system in memory, with its size.
    Memory(Option<u64>),
    /// The files of an image.
    Image(String),
    /// One that may be missing, and is.
    Missing,
}

/// The volume of a claim.
pub(super) fn claim(claim: &PersistentVolumeClaim) -> VolumeWanted {
    let mut words = ["volume", "create", "--ignore"].map(str::to_owned).to_vec();
    words.extend(claim.metadata.labels.iter().map(|(key, value)| format!("--label={key}={value}")));
    let mut options = Vec::new();
    for (key, value) in &claim.metadata.annotations {
        match key.strip_prefix(OF_VOLUME) {
            Some("device") => words.push(format!("--opt=device={value}")),
            Some("type") => words.push(format!("--opt=type={value}")),
            Some("uid") => options.push(format!("uid={value}")),
            Some("gid") => options.push(format!("gid={value}")),
            Some("mount-options") => options.push(value.clone()),
            _ => {}
        }
    }
    if !options.is_empty() {
        words.push(format!("--opt=o={}", options.join(",")));
    }
    words.push("--".to_owned());
    words.push(claim.metadata.name.clone());
    VolumeWanted { name: claim.metadata.name.clone(), words }
}

/// The volumes of a pod; those that are its own, and what must be on the host, go to what is wanted.
pub(super) fn volumes(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    wanted: &mut PodWanted,
) -> Mountable {
    let mut found = Mountable::new();
    for (number, volume) in around.spec.volumes.iter().enumerate() {
        let spot = spot.item(number);
        deciding.name(&spot.field("name"), &volume.name, NameRule::Label);
        let Some(source) = source(deciding, &spot, around, volume, wanted) else { continue };
        if found.insert(volume.name.clone(), source).is_some() {
            let text = format!("there are two volumes `{}`", volume.name);
            deciding.fault(&spot.field("name"), text, None);
        }
    }
    found
}

fn source(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    volume: &Volume,
    wanted: &mut PodWanted,
) -> Option<Source> {
    let (pod, spec) = (around.name, around.spec);
    let own = format!("{pod}-{}", volume.name);
    if let Some(path) = &volume.host_path {
        return host_path(deciding, &spot.field("hostPath"), &path.path, &path.kind, wanted);
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        if claim.claim_name.is_empty() {
            deciding.fault(&spot.field("persistentVolumeClaim.claimName"), "there must be a name", None);
        }
        return Some(Source::Volume(claim.claim_name.clone(), !claim.read_only));
    }
    if let Some(image) = &volume.image {
        return Some(Source::Image(image.reference.clone()));
    }
    if let Some(empty) = &volume.empty_dir {
        let spot = spot.field("emptyDir");
        let size = empty.size_limit.as_ref().map(|it| quantity::whole(it));
        if size == Some(None) {
            deciding.fault(&spot.field("sizeLimit"), "it is no amount, as 64Mi or 1G", None);
        }
        let containers = spec.containers.iter().chain(&spec.init_containers);
        let users = containers.filter(|it| it.volume_mounts.iter().any(|it| it.name == volume.name)).count();
        match empty.medium.as_str() {
            "Memory" if users <= 1 => return Some(Source::Memory(size.flatten())),
            "Memory" => {
                // Everybody may write there; the pod has it as long as it is there.
                let size = size.flatten().map(|it| format!(",size={it}")).unwrap_or_default();
                let mut memory = own_volume(&own, pod, volume, Vec::new());
                let words = ["--opt=type=tmpfs", "--opt=device=tmpfs", &format!("--opt=o=mode=1777{size}")];
                memory.words.splice(2..2, words.map(str::to_owned));
                wanted.volumes.push(memory);
                return Some(Source::Volume(own, true));
            }
            "" => {}
            other => {
                deciding.note(&spot.field("medium"), format_args!("`{other}` is not known; it is on disk"))
            }
        }
        if size.flatten().is_some() {
            deciding.note(&spot.field("sizeLimit"), "a directory on disk has no limit of its own");
        }
        wanted.volumes.push(own_volume(&own, pod, volume, Vec::new()));
        return Some(Source::Volume(own, true));
    }
    let files = files::of_volume(deciding, spot, around, volume)?;
    let Some(files) = files else { return Some(Source::Missing) };
    wanted.volumes.push(own_volume(&own, pod, volume, files));
    // What was written into it would be followed the next time.
    Some(Source::Volume(own, false))
}

fn own_volume(name: &str, pod: &str, volume: &Volume, files: Vec<File>) -> OwnVolume {
    let mut words = ["volume", "create"].map(str::to_owned).to_vec();
    words.push(format!("--label={OF_POD}={pod}"));
    let said = serde_json::to_string(volume).unwrap_or_default();
    words.push(format!("--label={SAID}={said}"));
    words.push("--".to_owned());
    words.push(name.to_owned());
    OwnVolume { name: name.to_owned(), words, files }
}

fn host_path(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    path: &str,
    kind: &str,
    wanted: &mut PodWanted,
) -> Option<Source> {
    if path.is_empty() || path.contains(['\0', ':']) {
        deciding.fault(&spot.field("path"), format_args!("`{path}` is no path that can be mounted"), None);
        return None;
    }
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => {
            format!("{}/{}", deciding.options.directory.trim_end_matches('/'), path.trim_start_matches("./"))
        }
    };
    let kind = match kind {
        "" => HostPathKind::Any,
        "Directory" => HostPathKind::Directory,
        "DirectoryOrCreate" => HostPathKind::DirectoryOrCreate,
        "File" => HostPathKind::File,
        "FileOrCreate" => HostPathKind::FileOrCreate,
        "Socket" => HostPathKind::Socket,
        "CharDevice" => HostPathKind::CharDevice,
        "BlockDevice" => HostPathKind::BlockDevice,
        other => {
            let hint =
                "Directory, DirectoryOrCreate, File, FileOrCreate, Socket, CharDevice and BlockDevice are"
                    .to_owned();
            deciding.fault(&spot.field("type"), format_args!("`{other}` is none of the types"), Some(hint));
            return None;
        }
    };
    wanted.host_paths.push(HostPath { path: path.clone(), kind, at: spot.field("path").at() });
    Some(match kind {
        HostPathKind::CharDevice | HostPathKind::BlockDevice => Source::Device(path),
        _ => Source::Bind(path, vec!["z".to_owned()]),
    })
}

/// Says what a container mounts.
pub(super) fn mount(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    container: &Container,
    words: &mut Vec<String>,
) {
    for (number, mount) in container.volume_mounts.iter().enumerate() {
        let spot = spot.field("volumeMounts").item(number);
        let Some(source) = around.mounts.get(&mount.name).cloned() else {
            let is_there = around.spec.volumes.iter().any(|it| it.name == mount.name);
            if !is_there {
                let text = format!("the pod has no volume `{}`", mount.name);
                deciding.fault(&spot.field("name"), text, None);
            }
            continue;
        };
        if let Some(word) = word(deciding, &spot, around, container, mount, source) {
            words.push(word);
        }
    }
}

fn word(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    container: &Container,
    mount: &VolumeMount,
    source: Source,
) -> Option<String> {
    // Podman takes options after a colon, as in `-v`.
    let (target, more) = mount.mount_path.split_once(':').unwrap_or((&mount.mount_path, ""));
    if !target.starts_with('/') || target.contains(['\0', ',']) {
        deciding.fault(&spot.field("mountPath"), format_args!("`{target}` is no absolute path"), None);
        return None;
    }
    let mut options: Vec<String> = more.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    if mount.read_only && !options.iter().any(|it| it == "ro") {
        options.push("ro".to_owned());
    }
    let group = around.spec.security_context.as_ref().and_then(|it| it.fs_group);
    match mount.mount_propagation.as_str() {
        "" => {}
        "None" => options.push("rprivate".to_owned()),
        "HostToContainer" => options.push("rslave".to_owned()),
        "Bidirectional" => options.push("rshared".to_owned()),
        other => {
            let text = format!("`{other}` is none of None, HostToContainer, Bidirectional");
            deciding.fault(&spot.field("mountPropagation"), text, None);
        }
    }
    let part = mount.sub_path.as_str();
    let has_part = !part.is_empty() && part != ".";
    if has_part && (!is_below(part.trim_end_matches('/')) || part.contains(',')) {
        deciding.fault(&spot.field("subPath"), format_args!("`{part}` is no path below the volume"), None);
        return None;
    }
    let with = |options: &[String]| match options.is_empty() {
        true => String::new(),
        false => format!(":{}", options.join(",")),
    };
    match source {
        Source::Missing => None,
        Source::Device(path) => Some(format!("--device={path}:{target}")),
        Source::Bind(path, usual) => {
            for name in ["bind-mount-options".to_owned(), format!("bind-mount-options/{}", container.name)] {
                let said = around.metadata.annotations.get(&name).and_then(|it| it.rsplit_once(':'));
                if let Some((_, word)) = said.filter(|(of, _)| *of == path) {
                    options.extend(word.split(',').map(str::to_owned));
                }
            }
            let relabels = options.iter().any(|it| it.eq_ignore_ascii_case("z"));
            options.extend(usual.into_iter().filter(|_| !relabels));
            options.sort();
            options.dedup();
            if !has_part {
                return Some(format!("--volume={path}:{target}{}", with(&options)));
            }
            if path.contains([',', '"']) {
                let text = format!("no part is mounted of `{path}`, which has a comma or a quotation mark");
                deciding.fault(&spot.field("subPath"), text, None);
                return None;
            }
            // Looked up when it is mounted, and no link leads out: whoever writes into the directory could lay one there.
            let rest: String = options.iter().map(|it| format!(",{it}")).collect();
            Some(format!("--mount=type=bind,source={path},target={target},subpath={part}{rest}"))
        }
        Source::Volume(name, is_writable) => {
            if !is_writable && !options.iter().any(|it| it == "ro") {
                options.push("ro".to_owned());
            }
            options.extend(group.map(|it| format!("fsgroup={it}")));
            match has_part {
                false => Some(format!("--volume={name}:{target}{}", with(&options))),
                true => {
                    let rest: String = options.iter().map(|it| format!(",{it}")).collect();
                    Some(format!("--mount=type=volume,source={name},target={target},subpath={part}{rest}"))
                }
            }
        }
        Source::Memory(size) => {
            let size = size.map(|it| format!(",tmpfs-size={it}")).unwrap_or_default();
            let is_read_only = options.iter().any(|it| it == "ro");
            let read_only = if is_read_only { ",ro" } else { "" };
            // As in Kubernetes, everybody may write there, and what is new is the group's.
            let (mode, group) = group.map_or(("1777", String::new()), |it| ("3777", format!(",gid={it}")));
            Some(format!("--mount=type=tmpfs,target={target},tmpfs-mode={mode}{group}{size}{read_only}"))
        }
        Source::Image(image) => {
            if image.is_empty() || image.contains(',') {
                deciding.fault(spot, format_args!("`{image}` is no name of an image"), None);
                return None;
            }
            let part = if has_part { format!(",subpath={part}") } else { String::new() };
            Some(format!("--mount=type=image,source={image},target={target}{part}"))
        }
    }
}
