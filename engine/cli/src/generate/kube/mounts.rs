//! Mounts are volumes of the pod, and places in its containers.

use pontoon_kube::names::NameRule;
use pontoon_kube::objects::{
    ClaimSource, Container, EmptyDirSource, HostPathSource, ImageSource, KeyToPath, SecretSource, Volume,
    VolumeMount,
};
use pontoon_kube::play::needed_by_volume;
use pontoon_kube::quantity;
use pontoon_lifecycle::request::{MountRequest, MountSource, SecretPlace};

use super::{Member, Writing, config};
use crate::run_options::parse_size;

/// What `--read-only` leaves writable, unless `--read-only-tmpfs=false` is said.
const WRITABLE: [&str; 3] = ["/run", "/tmp", "/var/tmp"];

pub(super) fn write(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container) {
    let request = member.request;
    for mount in &request.mounts {
        one(writing, member, container, mount);
    }
    let is_mounted =
        |container: &Container, path: &str| container.volume_mounts.iter().any(|it| it.mount_path == path);
    if request.read_only && request.read_only_tmpfs != Some(false) {
        for path in WRITABLE {
            if !is_mounted(container, path) {
                let volume = memory(member, path, None);
                add(
                    writing,
                    container,
                    volume,
                    VolumeMount { mount_path: path.to_owned(), ..VolumeMount::default() },
                );
            }
        }
    }
    if let Some(size) = request.shm_size {
        let volume = memory(member, "/dev/shm", Some(size));
        let mount = VolumeMount { mount_path: "/dev/shm".to_owned(), ..VolumeMount::default() };
        add(writing, container, volume, mount);
    }
    for device in &request.devices {
        let path = device.host.display().to_string();
        let source = HostPathSource {
            path: path.clone(),
            kind: writing.facts.host_path_type(&device.host).to_owned(),
        };
        let name = name_of(member, &path);
        let volume = Volume { name, host_path: Some(source), ..Volume::default() };
        let mount = VolumeMount { mount_path: device.container.clone(), ..VolumeMount::default() };
        add(writing, container, volume, mount);
        let text = "a cluster gives devices to privileged containers, or by a plugin of its own";
        writing.approximated(member.name, &format!("--device {path}"), text);
    }
    for secret in &request.secrets {
        let SecretPlace::Mount { target, mode, uid, gid } = &secret.place else { continue };
        let target = if target.starts_with('/') { target.clone() } else { format!("/run/secrets/{target}") };
        let (name, key) = config::secret(writing, member.name, &secret.name);
        if (*uid, *gid) != (0, 0) {
            let option = format!("--secret {}", secret.name);
            writing.approximated(
                member.name,
                &option,
                "its file is root's: `fsGroup` of a pod gives it to a group",
            );
        }
        let item = KeyToPath { key: key.clone(), mode: i32::try_from(*mode).ok(), path: key.clone() };
        let source = SecretSource { items: vec![item], secret_name: name, ..SecretSource::default() };
        let volume = Volume { name: name_of(member, &target), secret: Some(source), ..Volume::default() };
        let mount =
            VolumeMount { mount_path: target, sub_path: key, read_only: true, ..VolumeMount::default() };
        add(writing, container, volume, mount);
    }
    if !request.volumes_from.is_empty() {
        writing.lost(member.name, "--volumes-from", "name the volumes with --volume");
    }
}

/// A name for a volume of a container, by what it is or where it is.
fn name_of(member: &Member<'_>, path: &str) -> String {
    NameRule::Label.nearest(&format!("{}-{}", member.name, path.trim_matches('/')))
}

fn memory(member: &Member<'_>, path: &str, size: Option<u64>) -> Volume {
    let source = EmptyDirSource { medium: "Memory".to_owned(), size_limit: size.map(quantity::of_bytes) };
    Volume { name: name_of(member, path), empty_dir: Some(source), ..Volume::default() }
}

/// Adds a volume, unless the pod has it already, and where it is mounted.
fn add(writing: &mut Writing<'_>, container: &mut Container, mut volume: Volume, mut mount: VolumeMount) {
    let volumes = &mut writing.spec.volumes;
    let without_name = |it: &Volume| Volume { name: String::new(), ..it.clone() };
    // What is in memory or empty is each container's own.
    let is_shared = volume.empty_dir.is_none();
    match volumes.iter().find(|it| is_shared && without_name(it) == without_name(&volume)) {
        Some(known) => volume.name.clone_from(&known.name),
        None => {
            let wanted = volume.name.clone();
            for number in 1.. {
                if volumes.iter().all(|it| it.name != volume.name) {
                    break;
                }
                let mut short = wanted.clone();
                short.truncate(55);
                volume.name = format!("{}-{number}", short.trim_end_matches('-'));
            }
            volumes.push(volume.clone());
        }
    }
    mount.name = volume.name;
    container.volume_mounts.push(mount);
}

fn one(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container, request: &MountRequest) {
    let target = &request.target;
    let option = || format!("--volume …:{target}");
    let mut mount = VolumeMount { mount_path: target.clone(), ..VolumeMount::default() };
    if target.contains(':') {
        writing.lost(member.name, &option(), "a cluster takes no `:` in a path");
        return;
    }
    let mut size = None;
    for word in &request.options {
        match word.as_str() {
            "ro" => mount.read_only = true,
            "rslave" | "slave" => "HostToContainer".clone_into(&mut mount.mount_propagation),
            "rshared" | "shared" => "Bidirectional".clone_into(&mut mount.mount_propagation),
            "rw" | "z" | "Z" | "rprivate" | "private" | "rbind" | "nosuid" | "nodev" | "nocopy" => {}
            word if word.starts_with("subpath=") => word["subpath=".len()..].clone_into(&mut mount.sub_path),
            word if word.starts_with("size=") => size = parse_size("--tmpfs", &word["size=".len()..]).ok(),
            word if word.starts_with("mode=") || word.starts_with("fsgroup=") => {}
            word => {
                writing.lost(member.name, &format!("{}:{word}", option()), "a cluster has no such option")
            }
        }
    }
    if let MountSource::Volume(name) = &request.source
        && let Some(volume) = writing.facts.volume_said(name)
    {
        of_pod(writing, member, &option(), volume, mount, container);
        return;
    }
    let volume = match &request.source {
        MountSource::Bind(path) => {
            if request.options.iter().any(|it| it == "O" || it == "U") {
                writing.approximated(member.name, &option(), "it is the directory as it is");
            }
            let text = path.display().to_string();
            let kind = writing.facts.host_path_type(path).to_owned();
            let name = name_of(member, &format!("{}-host", text.trim_matches('/')));
            if writing.wishes.podman_only && request.options.iter().any(|it| it == "Z") {
                let key = format!("bind-mount-options/{}", container.name);
                writing.metadata.annotations.insert(key, format!("{text}:Z"));
            }
            let source = HostPathSource { path: text, kind };
            Volume { name, host_path: Some(source), ..Volume::default() }
        }
        MountSource::Volume(volume) => {
            let claim = NameRule::Subdomain.nearest(volume);
            if claim != *volume {
                let text = format!("the claim is called `{claim}`: {}", NameRule::Subdomain.words());
                writing.approximated(member.name, &option(), text);
            }
            if !writing.claims.contains(&claim) {
                writing.claims.push(claim.clone());
            }
            let name = NameRule::Label.nearest(&format!("{claim}-pvc"));
            let source = ClaimSource { claim_name: claim, read_only: false };
            Volume { name, persistent_volume_claim: Some(source), ..Volume::default() }
        }
        MountSource::Anonymous => Volume {
            name: name_of(member, target),
            empty_dir: Some(EmptyDirSource::default()),
            ..Volume::default()
        },
        MountSource::Tmpfs | MountSource::Ramfs => memory(member, target, size),
        MountSource::Image(image) => {
            let source = ImageSource { reference: image.clone(), ..ImageSource::default() };
            Volume { name: name_of(member, target), image: Some(source), ..Volume::default() }
        }
        MountSource::Devpts | MountSource::Artifact(_) | MountSource::Glob(_) => {
            writing.lost(member.name, &option(), "a cluster has no such mounts");
            return;
        }
    };
    add(writing, container, volume, mount);
}

/// A volume that was made for the pod when it was played; it may be that of several containers.
fn of_pod(
    writing: &mut Writing<'_>,
    member: &Member<'_>,
    option: &str,
    volume: Volume,
    mut mount: VolumeMount,
    container: &mut Container,
) {
    config::needed(writing, member.name, option, &needed_by_volume(&volume));
    // Files that were made of something else cannot be changed anyhow.
    if volume.empty_dir.is_none() {
        mount.read_only = false;
    }
    mount.name.clone_from(&volume.name);
    if !writing.spec.volumes.contains(&volume) {
        writing.spec.volumes.push(volume);
    }
    container.volume_mounts.push(mount);
}
