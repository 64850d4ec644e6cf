//! The mounts of a container, each made from a handle onto a handle.
//!
//! No path of the image is ever resolved by the kernel's `mount`: the source is a detached mount, the target a handle found
//! inside the root, so that exchanging a link in between changes nothing.

mod attributes;
mod content;
mod cover;
mod links;
mod node;
mod prepare;
mod sources;
mod target;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, openat2, readlinkat, symlinkat};
use rustix::io::Errno;

use self::attributes::{new_filesystem, set_attributes, set_read_only};
use self::content::{copy_into_tmpfs, reopen_directory, take_mode};
pub(super) use self::cover::cover;
use self::links::is_fresh_dev;
pub(super) use self::links::{close_dev, make_dev_links, make_mtab};
pub(super) use self::node::make_own_nodes;
use self::node::{make_node, with_own_node};
pub(crate) use self::prepare::mount_source_here;
pub(super) use self::prepare::{Owner, prepare};
pub(super) use self::sources::{clone_mount, open_sources};
use self::target::{Places, existing, is_shown_by_proc};
use crate::identity::Identity;
use crate::message::{Failure, Step};
use crate::paths::{self, Make};
use crate::plan::{Mount, MountSource};
use crate::tree;

fn at(step: Step, subject: &str) -> impl Fn(Errno) -> Failure {
    let subject = subject.to_owned();
    move |err| Failure::new(step, subject.clone(), err)
}

/// Makes mounts, in order. `in_place`, if it was not called yet, is called before the first that shows our cgroup, or else at the end.
pub(super) fn make_all(
    root: &OwnedFd,
    mounts: &[Mount],
    sysctls: &[(String, String)],
    sources: Vec<Option<OwnedFd>>,
    identity: &Identity,
    mut in_place: Option<impl FnOnce() -> Result<(), Failure>>,
) -> Result<(), Failure> {
    let mut places = Places::new(root);
    for (mount, source) in mounts.iter().zip(sources) {
        if mount.source == MountSource::Cgroup
            && let Some(wait) = in_place.take()
        {
            wait()?;
        }
        make(&mut places, mount, source, sysctls, identity)?;
    }
    in_place.map_or(Ok(()), |wait| wait())
}

fn make(
    places: &mut Places<'_>,
    mount: &Mount,
    source: Option<OwnedFd>,
    sysctls: &[(String, String)],
    identity: &Identity,
) -> Result<(), Failure> {
    let failed = at(Step::Mount, &mount.target);
    let (mounted, target) = match &mount.source {
        MountSource::Proc => {
            let proc = new_filesystem("proc", &[], &[], mount).map_err(&failed)?;
            write_sysctls(&proc, sysctls)?;
            (proc, places.kernel(&mount.target)?)
        }
        MountSource::AskedProc { options } => {
            if !sysctls.is_empty() {
                // One that nobody sees: what was asked for may have no `sys`, or be read-only.
                let whole = Mount { read_only: false, ..mount.clone() };
                write_sysctls(&new_filesystem("proc", &[], &[], &whole).map_err(&failed)?, sysctls)?;
            }
            let proc = new_filesystem("proc", options, &[], mount).map_err(&failed)?;
            (proc, places.kernel(&mount.target)?)
        }
        MountSource::Sysfs => {
            (new_filesystem("sysfs", &[], &[], mount).map_err(&failed)?, places.kernel(&mount.target)?)
        }
        MountSource::Cgroup => {
            (new_filesystem("cgroup2", &[], &[], mount).map_err(&failed)?, places.kernel(&mount.target)?)
        }
        MountSource::Mqueue => {
            (new_filesystem("mqueue", &[], &[], mount).map_err(&failed)?, places.kernel(&mount.target)?)
        }
        MountSource::Devpts { gid, label } => {
            let mut options =
                vec![("ptmxmode".to_owned(), "0666".to_owned()), ("mode".to_owned(), "0620".to_owned())];
            options.extend(gid.map(|gid| ("gid".to_owned(), gid.to_string())));
            options.extend(label.iter().map(|label| ("context".to_owned(), label.clone())));
            let devpts = new_filesystem("devpts", &options, &["newinstance"], mount).map_err(&failed)?;
            (devpts, places.kernel(&mount.target)?)
        }
        MountSource::Tmpfs { options, copy_up } => {
            let tmpfs = new_filesystem("tmpfs", options, &[], mount).map_err(&failed)?;
            let was_there =
                existing(places.root, &mount.target).map_err(at(Step::MountTarget, &mount.target))?;
            let target = if mount.target == "/dev" {
                places.kernel(&mount.target)?
            } else {
                places.asked(&mount.target, Make::Directory)?
            };
            // A place that we make has nothing to be taken over.
            if !*copy_up && was_there.is_some() && !options.iter().any(|(key, _)| key == "mode") {
                // Nobody gets into what covers a directory who could not get into that.
                take_mode(&target, &tmpfs).map_err(&failed)?;
            }
            if *copy_up && was_there.is_some() {
                let copied = reopen_directory(&target).and_then(|from| {
                    reopen_directory(&tmpfs).and_then(|to| copy_into_tmpfs(&from, &to, options))
                });
                copied.map_err(at(Step::Copy, &mount.target))?;
            }
            if mount.give_to_user {
                tree::give(&tmpfs, identity.uid, identity.gid).map_err(at(Step::Owner, &mount.target))?;
            }
            // What belongs into this one comes last: it is closed when all is there.
            let open = Mount { read_only: mount.read_only && !is_fresh_dev(mount), ..mount.clone() };
            set_attributes(&tmpfs, &open, true).map_err(&failed)?;
            (tmpfs, target)
        }
        MountSource::AskedDevpts { options } => {
            let mut all = vec![("ptmxmode".to_owned(), "0666".to_owned())];
            all.extend(options.iter().cloned());
            let devpts = new_filesystem("devpts", &all, &["newinstance"], mount).map_err(&failed)?;
            (devpts, places.asked(&mount.target, Make::Directory)?)
        }
        MountSource::Bind { .. }
        | MountSource::Overlay { .. }
        | MountSource::SharedMemory
        | MountSource::Link { .. }
        | MountSource::Filesystem { .. }
        | MountSource::Common { .. }
        | MountSource::Image { .. } => {
            let recursive = matches!(
                mount.source,
                MountSource::Bind { recursive: true, .. } | MountSource::Link { recursive: true, .. }
            );
            let Some(mounted) = source else { return Err(failed(Errno::BADF)) };
            if mount.target == "/proc" {
                // The host's: its settings are those of whoever writes them.
                write_sysctls(&mounted, sysctls)?;
            }
            let kind = paths::kind(&mounted).map_err(&failed)?;
            if kind == FileType::Symlink {
                return copy_link(places, &mount.target, &mounted).map_err(failed);
            }
            let make = if kind == FileType::Directory { Make::Directory } else { Make::File };
            let target = places.asked(&mount.target, make)?;
            if mount.source == MountSource::SharedMemory && !mount.read_only {
                // The other container may have closed its own view of it, which is not ours. Where the kernel holds that
                // to be a lock it stays closed.
                let _ = set_read_only(mounted.as_fd(), false);
            }
            set_attributes(&mounted, mount, recursive).map_err(&failed)?;
            (mounted, target)
        }
        MountSource::File { name, .. } => {
            let Some(mounted) = source else { return Err(failed(Errno::BADF)) };
            let there = existing(places.root, &mount.target).map_err(at(Step::MountTarget, &mount.target))?;
            let is_directory = |it: OwnedFd| Ok(paths::kind(&it)? == FileType::Directory);
            let within = there.map_or(Ok(false), is_directory).map_err(&failed)?;
            let path = if within { format!("{}/{name}", mount.target) } else { mount.target.clone() };
            let target = places.asked(&path, Make::File)?;
            set_attributes(&mounted, mount, false).map_err(&failed)?;
            (mounted, target)
        }
        MountSource::Device { is_own, .. } => {
            let Some(node) = source else { return Err(failed(Errno::BADF)) };
            let attach = |places: &mut Places<'_>, mounted: OwnedFd| {
                let target = places.asked(&mount.target, Make::File)?;
                set_attributes(&mounted, mount, false).map_err(&failed)?;
                places.attach(mounted, &target, mount.read_only).map_err(&failed)
            };
            return match is_own {
                true if make_node(places, &mount.target, &node).map_err(&failed)? => Ok(()),
                true => with_own_node(places, node, attach),
                false => attach(places, node),
            };
        }
    };
    places.attach(mounted, &target, mount.read_only && !is_fresh_dev(mount)).map_err(failed)
}

/// Makes the same link as one of the host's. What is there already must be the same.
fn copy_link(places: &Places<'_>, target: &str, link: &OwnedFd) -> Result<(), Errno> {
    let to = readlinkat(link, "", Vec::new())?;
    let path = Path::new(target);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL) };
    let parent = places.open_or_make(parent, Make::Directory)?;
    if is_shown_by_proc(&parent)? {
        return Err(Errno::PERM);
    }
    match symlinkat(&*to, &parent, name) {
        Err(Errno::EXIST) if readlinkat(&parent, name, Vec::new()).is_ok_and(|it| it == to) => Ok(()),
        other => other,
    }
}

/// Kernel settings, through the new `proc` before anybody else can see it (CVE-2025-52881).
fn write_sysctls(proc: &OwnedFd, sysctls: &[(String, String)]) -> Result<(), Failure> {
    for (name, value) in sysctls {
        let path = format!("sys/{}", name.replace('.', "/"));
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        openat2(proc, path.as_str(), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty(), resolve)
            .and_then(|file| rustix::io::write(&file, value.as_bytes()).map(drop))
            .map_err(at(Step::Sysctl, name))?;
    }
    Ok(())
}
