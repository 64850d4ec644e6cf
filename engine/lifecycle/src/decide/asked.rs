//! The mounts that somebody asks for: by options, by unit files, by an image's volumes.

use std::path::{Path, PathBuf};

use pontoon_rootless::idmap::IdMaps;
use pontoon_runtime::plan::{Allows, CommonVolume, FirstCopy, Mount, MountSource as Source, Propagation};
use pontoon_storage::StorePaths;

use super::mounts::{bind, plain, tmpfs};
use super::{DecideError, Facts};
use crate::artifact::BlobFile;
use crate::mount_ids;
use crate::record::{ContainerRecord, VolumeFilesystem, VolumeUse};
use crate::request::{MountRequest, MountSource};

/// Below a container's directory: the changes to what is mounted with the option `O`, and to images.
pub(crate) const OVERLAYS: &str = "overlays";

/// Below the runtime directory: who has which volume's file system together with others.
pub(crate) const COMMON_VOLUMES: &str = "volumes";

/// What these mounts are decided from.
pub(super) struct Asked<'a> {
    /// The container.
    pub record: &'a ContainerRecord,
    /// Its directory.
    pub directory: &'a Path,
    /// The store.
    pub store: &'a StorePaths,
    /// Volumes that were never used before, by name.
    pub fresh_volumes: &'a [String],
    /// Id maps of its user namespace; `None` as root.
    pub maps: Option<&'a IdMaps>,
    /// The map of whoever asks: as root all ids.
    pub stored: &'a IdMaps,
    /// Whether the caller is an ordinary user.
    pub is_rootless: bool,
    /// The layers of images that are mounted, the topmost first: by the numbers of the mounts that ask for them.
    pub images: &'a [(usize, Vec<PathBuf>)],
    /// The files of artifacts that are mounted: by the numbers of the mounts that ask for them.
    pub artifacts: &'a [(usize, Vec<BlobFile>)],
    /// Whether root file systems are served by a program, since the kernel's overlayfs cannot be had.
    pub is_served: bool,
    /// Whether rules of the control group guard the host's devices.
    pub has_device_rules: bool,
}

/// The directory, below [`OVERLAYS`], for the changes to the image that the mount with this number asks for.
pub(crate) fn image_changes(number: usize) -> String {
    format!("image-{number}")
}

impl<'a> Asked<'a> {
    pub(super) fn of(facts: &'a Facts<'a>, has_device_rules: bool) -> Self {
        Self {
            record: facts.record,
            directory: facts.directory,
            store: facts.store,
            fresh_volumes: &facts.fresh_volumes,
            maps: facts.maps.as_ref(),
            stored: facts.stored,
            is_rootless: facts.caller.uid != 0,
            images: &facts.images,
            artifacts: &facts.artifacts,
            has_device_rules,
            is_served: matches!(facts.rootfs, pontoon_runtime::plan::RootfsSource::Fuse { .. }),
        }
    }

    /// As root in the host's own user namespace a device node is a device wherever it lies. Where no rule of a control group
    /// says otherwise, of paths of the host only those are that somebody asks for by `dev`, `--device` or `--privileged`.
    fn without_devices(&self) -> bool {
        self.maps.is_none() && !self.record.request.privileged && !self.has_device_rules
    }
}

/// Decides.
pub(super) fn mounts(asked: &Asked<'_>) -> Result<Vec<Mount>, DecideError> {
    let record = asked.record;
    let mut mounts = Vec::new();
    for (number, request) in record.request.mounts.iter().enumerate() {
        let MountRequest { source, target, options } = request;
        let mount = match source {
            MountSource::Bind(path) => {
                let source = bind(path.clone(), target);
                with_options(Mount { nosuid: false, nodev: asked.without_devices(), ..source }, options)
            }
            MountSource::Tmpfs => asked_tmpfs(request),
            MountSource::Devpts => asked_devpts(request),
            MountSource::Ramfs => with_options(filesystem("ramfs", None, Vec::new(), target), options),
            MountSource::Image(name) => {
                if asked.is_served {
                    return Err(DecideError::FuseImage { image: name.clone() });
                }
                let layers = asked.images.iter().find(|(of, _)| *of == number).map(|(_, it)| it.clone());
                let changes = asked.directory.join(OVERLAYS).join(image_changes(number));
                let source = Source::Image { layers: layers.unwrap_or_default(), subpath: None, changes };
                let read_only = !options.iter().any(|it| it == "rw");
                let nodev = asked.without_devices();
                with_options(Mount { read_only, nosuid: false, nodev, ..plain(source, target) }, options)
            }
            MountSource::Artifact(_) => {
                let files = asked.artifacts.iter().filter(|(of, _)| *of == number).flat_map(|(_, it)| it);
                for mount in artifact(&files.collect::<Vec<_>>(), target, options) {
                    check_target(&mount.target)?;
                    mounts.push((mount, options));
                }
                continue;
            }
            // These have become volumes and binds when the container was made.
            MountSource::Volume(_) | MountSource::Anonymous | MountSource::Glob(_) => continue,
        };
        check_target(target)?;
        mounts.push((mount, options));
    }
    for volume in &record.volumes {
        check_target(&volume.target)?;
        mounts.push((volume_mount(volume, asked)?, &volume.options));
    }
    let finish = |(number, (mut mount, options)): (usize, (Mount, &Vec<String>))| {
        mount.ids = mount_ids::decide(options, asked.maps, asked.stored, asked.is_rootless)
            .map_err(|reason| DecideError::MountIds { target: mount.target.clone(), reason })?;
        if options.iter().any(|it| it == "O") {
            if !matches!(mount.source, Source::Bind { .. }) {
                let reason = "the option O is for directories, and not for file systems of their own";
                return Err(DecideError::Target { target: mount.target, reason });
            }
            let own = asked.directory.join(OVERLAYS).join(number.to_string());
            lay_over(&mut mount, options, &own);
        }
        if asked.maps.is_some() {
            mount.allows = Allows::default();
        }
        Ok(mount)
    };
    mounts.into_iter().enumerate().map(finish).collect()
}

/// The mounts of an artifact's files: the only one at the target, or in it where that is a directory; several always in
/// it. Nobody writes to them: they lie in the store under their digests. As Podman has it, a name that was asked for
/// gets a number where there are several.
fn artifact(files: &[&BlobFile], target: &str, options: &[String]) -> Vec<Mount> {
    let name = options.iter().find_map(|it| it.strip_prefix("name="));
    let mount = |source, target: &str| Mount { read_only: true, ..plain(source, target) };
    if let [only] = files {
        let name = name.unwrap_or(&only.name).to_owned();
        return vec![mount(Source::File { path: only.path.clone(), name }, target)];
    }
    let several = files.iter().enumerate().map(|(number, file)| {
        let name = name.map_or_else(|| file.name.clone(), |it| format!("{it}-{number}"));
        mount(bind(file.path.clone(), target).source, &format!("{target}/{name}"))
    });
    several.collect()
}

/// A mount that the specification of a device asks for.
pub(crate) fn of_specification(request: &MountRequest) -> Result<Option<Mount>, DecideError> {
    let mount = match &request.source {
        MountSource::Bind(path) => with_options(bind(path.clone(), &request.target), &request.options),
        MountSource::Tmpfs => asked_tmpfs(request),
        MountSource::Devpts => asked_devpts(request),
        _ => return Ok(None),
    };
    check_target(&request.target)?;
    Ok(Some(mount))
}

/// Where nobody may mount: on the root itself, or on what tells programs about processes (CVE-2019-16884).
pub(crate) fn check_target(target: &str) -> Result<(), DecideError> {
    let refuse = |reason| Err(DecideError::Target { target: target.to_owned(), reason });
    let mut parts = target.split('/').filter(|it| !it.is_empty()).peekable();
    if !target.starts_with('/') {
        return refuse("the path is not absolute");
    }
    if parts.peek().is_none() {
        return refuse("it is the container's root");
    }
    if parts.clone().any(|it| it == "." || it == "..") {
        return refuse("the path has `.` or `..` in it");
    }
    if parts.next() == Some("proc") {
        return refuse("/proc shows the container's processes, and nothing may pretend to");
    }
    Ok(())
}

fn volume_mount(volume: &VolumeUse, asked: &Asked<'_>) -> Result<Mount, DecideError> {
    let is_fresh = asked.fresh_volumes.contains(&volume.name);
    let copies = !volume.no_copy && !volume.options.iter().any(|it| it == "nocopy");
    if let Some(common) = common_volume(volume, asked.store, asked.is_rootless.then_some(asked.stored)) {
        let is_read_only = common.options.iter().any(|(key, _)| key == "ro");
        let fill = is_fresh && copies && !common.is_in_memory();
        let mut common = CommonVolume { copies, ..common };
        if common.is_in_memory() {
            // It is the container that does not write: somebody has to fill it.
            common.options.retain(|(key, _)| key != "ro");
        }
        let source = Source::Common { volume: common, subpath: None };
        let mount = Mount { read_only: is_read_only, fill, ..plain(source, &volume.target) };
        return Ok(with_options(mount, &volume.options));
    }
    let mount = match &volume.filesystem {
        Some(it) if volume.is_bound => with_options(bind(volume.data.clone(), &volume.target), &it.options),
        Some(it) if asked.is_rootless && !it.is_for_everybody() => {
            return Err(DecideError::VolumeFilesystem { name: volume.name.clone(), kind: it.kind.clone() });
        }
        Some(VolumeFilesystem { kind, device, options }) => {
            filesystem(kind, device.clone(), options.iter().map(|it| pair(it)).collect(), &volume.target)
        }
        None => {
            let first_copy = is_fresh.then(|| FirstCopy {
                staging: volume.data.with_file_name("copying"),
                keeps_owner: volume.has_owner,
                only_owner: !copies,
            });
            let path = volume.data.clone();
            plain(Source::Bind { path, recursive: true, first_copy, subpath: None }, &volume.target)
        }
    };
    let fill = is_fresh && copies && volume.filesystem.is_some();
    Ok(with_options(Mount { fill, ..mount }, &volume.options))
}

fn pair(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    }
}

/// The file system of a volume, if it is one that the kernel would make anew for each mount. `user` are all ids of an
/// ordinary user.
pub(super) fn common_volume(
    volume: &VolumeUse,
    store: &StorePaths,
    user: Option<&IdMaps>,
) -> Option<CommonVolume> {
    if volume.is_bound {
        return None;
    }
    let tmpfs = volume.tmpfs.as_ref().map(|options| VolumeFilesystem {
        kind: "tmpfs".to_owned(),
        device: None,
        options: options.clone(),
    });
    let filesystem =
        tmpfs.or_else(|| volume.filesystem.clone()).filter(VolumeFilesystem::is_for_everybody)?;
    Some(CommonVolume {
        name: volume.name.clone(),
        place: store.run.join(COMMON_VOLUMES).join(&volume.name),
        data: volume.data.clone(),
        kind: filesystem.kind,
        device: filesystem.device,
        options: filesystem.options.iter().map(|it| pair(it)).collect(),
        user: user.cloned(),
        copies: false,
    })
}

fn filesystem(
    kind: &str,
    device: Option<String>,
    options: Vec<(String, Option<String>)>,
    target: &str,
) -> Mount {
    plain(Source::Filesystem { kind: kind.to_owned(), device, options, subpath: None }, target)
}

/// The changes to what is mounted go elsewhere (`O`): to directories that are named, or to fresh ones for every run.
fn lay_over(mount: &mut Mount, options: &[String], own: &Path) {
    let Source::Bind { path, subpath, first_copy, .. } = &mount.source else { return };
    let named = |key: &str| options.iter().find_map(|it| it.strip_prefix(key)).map(PathBuf::from);
    let directories = named("upperdir=").zip(named("workdir="));
    let is_fresh = directories.is_none();
    let (upper, work) = directories.unwrap_or_else(|| (own.join("upper"), own.join("work")));
    let (lower, subpath, first_copy) = (path.clone(), subpath.clone(), first_copy.clone());
    mount.source = Source::Overlay { lower, subpath, upper, work, is_fresh, first_copy };
}

fn asked_devpts(request: &MountRequest) -> Mount {
    let keys = ["uid", "gid", "mode", "max"];
    let pairs = request.options.iter().filter_map(|it| it.split_once('='));
    let own = pairs.filter(|(key, _)| keys.contains(key));
    let options = own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let mount =
        Mount { nodev: false, noexec: true, ..plain(Source::AskedDevpts { options }, &request.target) };
    with_options(mount, &request.options)
}

/// Applies mount options; `z`, `Z` and the like ask for nothing here.
fn with_options(mut mount: Mount, options: &[String]) -> Mount {
    for option in options {
        match option.as_str() {
            "ro" | "readonly" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "U" | "chown" => mount.give_to_user = true,
            word if word.starts_with("fsgroup=") => mount.group = word["fsgroup=".len()..].parse().ok(),
            "nosuid" => mount.nosuid = true,
            "suid" => (mount.nosuid, mount.allows.suid) = (false, true),
            "nodev" => mount.nodev = true,
            "dev" => (mount.nodev, mount.allows.dev) = (false, true),
            "noexec" => mount.noexec = true,
            "exec" => (mount.noexec, mount.allows.exec) = (false, true),
            "private" | "rprivate" => mount.propagation = Propagation::Private,
            "slave" | "rslave" => mount.propagation = Propagation::Slave,
            "shared" | "rshared" => mount.propagation = Propagation::Shared,
            "unbindable" | "runbindable" => mount.propagation = Propagation::Unbindable,
            word if word.starts_with("subpath=") => {
                if let Source::Bind { subpath, .. }
                | Source::Image { subpath, .. }
                | Source::Filesystem { subpath, .. }
                | Source::Common { subpath, .. } = &mut mount.source
                {
                    *subpath = word.strip_prefix("subpath=").map(str::to_owned);
                }
            }
            "bind" => {
                if let Source::Bind { recursive, .. } | Source::Link { recursive, .. } = &mut mount.source {
                    *recursive = false;
                }
            }
            "no-dereference" => {
                if let Source::Bind { path, recursive, .. } = &mount.source {
                    mount.source = Source::Link { path: path.clone(), recursive: *recursive };
                }
            }
            _ => {}
        }
    }
    mount
}

fn asked_tmpfs(request: &MountRequest) -> Mount {
    let has = |name: &str| request.options.iter().any(|it| it == name);
    let mut options = Vec::new();
    for option in &request.options {
        if let Some((name, value)) = option.split_once('=')
            && matches!(name, "size" | "mode" | "nr_inodes" | "nr_blocks" | "uid" | "gid" | "huge" | "mpol")
        {
            options.push((name.to_owned(), value.to_owned()));
        }
    }
    with_options(tmpfs(&request.target, options, !has("notmpcopyup") && !has("nocopy")), &request.options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(it: &[&str]) -> Vec<String> {
        it.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn some_places_are_refused() {
        for target in ["/", "//", "relative", "/a/../b", "/proc", "/proc/sys", "//proc/self"] {
            assert!(check_target(target).is_err(), "{target}");
        }
        for target in ["/data", "/process", "/a/b", "/dev/shm"] {
            assert!(check_target(target).is_ok(), "{target}");
        }
    }

    #[test]
    fn options_change_what_is_the_default() {
        let mount =
            with_options(bind("/a".into(), "/b"), &words(&["ro", "suid", "dev", "noexec", "z", "rslave"]));
        assert!(mount.read_only && !mount.nosuid && !mount.nodev && mount.noexec);
        assert_eq!(mount.propagation, Propagation::Slave);
        let link = with_options(bind("/a".into(), "/b"), &words(&["bind", "no-dereference"]));
        assert_eq!(link.source, Source::Link { path: "/a".into(), recursive: false });
    }

    /// The mounts of a container with one bind and one volume.
    fn decided(
        options: &[&str],
        maps: Option<&IdMaps>,
        is_rootless: bool,
        volume: VolumeUse,
    ) -> Result<Vec<Mount>, DecideError> {
        let mut record = ContainerRecord::default();
        record.request.mounts.push(MountRequest {
            source: MountSource::Bind("/a".into()),
            target: "/b".to_owned(),
            options: words(options),
        });
        record.volumes.push(VolumeUse { target: "/v".to_owned(), name: "v".to_owned(), ..volume });
        mounts(&Asked {
            record: &record,
            directory: Path::new("/c"),
            store: &StorePaths { root: "/s".into(), run: "/run".into() },
            fresh_volumes: &["v".to_owned()],
            maps,
            stored: &IdMaps::all(),
            is_rootless,
            images: &[],
            artifacts: &[],
            is_served: false,
            has_device_rules: false,
        })
    }

    #[test]
    fn the_only_file_of_an_artifact_is_at_the_target_and_several_are_in_it() {
        let file = |name: &str| BlobFile { path: format!("/blobs/{name}").into(), name: name.to_owned() };
        let (a, b) = (file("a"), file("b"));
        let [only] = &artifact(&[&a], "/m", &[])[..] else { panic!("one") };
        let expected = Source::File { path: "/blobs/a".into(), name: "a".to_owned() };
        assert!(only.source == expected && only.target == "/m" && only.read_only);
        let targets = |options: &[&str]| {
            let mounts = artifact(&[&a, &b], "/m", &words(options));
            assert!(mounts.iter().all(|it| it.read_only));
            mounts.into_iter().map(|it| it.target).collect::<Vec<_>>()
        };
        assert_eq!(targets(&[]), ["/m/a", "/m/b"]);
        assert_eq!(targets(&["name=x"]), ["/m/x-0", "/m/x-1"]);
    }

    #[test]
    fn only_root_s_binds_are_without_devices() {
        let maps = IdMaps::all();
        let of = |maps| decided(&[], maps, true, VolumeUse::default()).unwrap();
        let [bind, volume] = &of(Some(&maps))[..] else { panic!("two") };
        assert!(!bind.nosuid && !bind.nodev && volume.nosuid && volume.nodev);
        assert!(of(None)[0].nodev);
    }

    #[test]
    fn file_systems_of_volumes_are_filled_and_not_for_everybody() {
        let of = |kind: &str, is_rootless| {
            let options = words(&["ro", "data=journal"]);
            let filesystem = VolumeFilesystem { kind: kind.to_owned(), device: None, options };
            decided(&[], None, is_rootless, VolumeUse { filesystem: Some(filesystem), ..Default::default() })
        };
        let all = of("ext4", false).unwrap();
        assert!(all[1].fill);
        let Source::Filesystem { options, .. } = &all[1].source else { panic!("{:?}", all[1]) };
        assert_eq!(options, &[("ro".to_owned(), None), ("data".to_owned(), Some("journal".to_owned()))]);
        assert!(matches!(of("ext4", true), Err(DecideError::VolumeFilesystem { .. })));
        // What would be another file system for each mount is one for all who use it.
        for kind in ["overlay", "ramfs", "tmpfs"] {
            let Source::Common { volume, .. } = &of(kind, true).unwrap()[1].source else { panic!("{kind}") };
            assert_eq!((volume.kind.as_str(), &volume.place), (kind, &PathBuf::from("/run/volumes/v")));
            assert!(volume.user.is_some() && of(kind, true).unwrap()[1].read_only);
            // Somebody has to fill what is in memory.
            assert_eq!(volume.options.iter().any(|(key, _)| key == "ro"), kind == "overlay");
        }
    }

    #[test]
    fn a_volume_begins_with_what_the_image_has_unless_it_is_not_to() {
        let copy = |options: &[&str]| {
            let used = VolumeUse { data: "/s/v/_data".into(), options: words(options), ..Default::default() };
            match &decided(&[], None, false, used).unwrap()[1].source {
                Source::Bind { first_copy, .. } | Source::Overlay { first_copy, .. } => first_copy.clone(),
                other => panic!("{other:?}"),
            }
        };
        let staging: PathBuf = "/s/v/copying".into();
        let whole = FirstCopy { staging, keeps_owner: false, only_owner: false };
        assert_eq!(copy(&[]), Some(whole.clone()));
        assert_eq!(copy(&["O"]), Some(whole.clone()));
        assert_eq!(copy(&["nocopy"]), Some(FirstCopy { only_owner: true, ..whole }));
    }
}
