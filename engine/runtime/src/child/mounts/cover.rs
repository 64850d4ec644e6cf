//! Paths that are hidden, and paths that nobody may write to.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use pontoon_rootless::sys::{MountAttributes, set_mount_attributes};
use rustix::fs::FileType;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};

use super::at;
use super::attributes::{MS_PRIVATE, kernel_error, new_filesystem, set_attributes};
use super::sources::open_device;
use super::target::{attach, existing};
use crate::message::{Failure, Step};
use crate::paths;
use crate::plan::{Allows, Mount, MountSource, Plan, Propagation};

/// Covers the masked paths and makes the others read-only. A path that this kernel does not have needs no cover.
pub(in crate::child) fn cover(root: &OwnedFd, plan: &Plan) -> Result<(), Failure> {
    for path in &plan.masked_paths {
        let failed = at(Step::Mask, path);
        let Some(target) = existing(root, path).map_err(&failed)? else { continue };
        if paths::kind(&target).map_err(&failed)? == FileType::Directory {
            let empty = Mount {
                target: path.clone(),
                source: MountSource::Tmpfs { options: Vec::new(), copy_up: false },
                read_only: true,
                nosuid: true,
                nodev: true,
                noexec: true,
                allows: Allows::default(),
                propagation: Propagation::Private,
                give_to_user: false,
                owner: None,
                group: None,
                fill: false,
                ids: None,
            };
            let options = [("size".to_owned(), "0".to_owned()), ("mode".to_owned(), "755".to_owned())];
            let mounted = new_filesystem("tmpfs", &options, &[], &empty).map_err(&failed)?;
            set_attributes(&mounted, &empty, false).map_err(&failed)?;
            attach(&mounted, &target).map_err(failed)?;
        } else {
            // A detached mount can be attached once only, so each cover is taken, and checked, anew.
            let null = open_device(Path::new("/dev/null"), Some((1, 3)))?;
            let closed = MountAttrFlags::MOUNT_ATTR_RDONLY
                | MountAttrFlags::MOUNT_ATTR_NOSUID
                | MountAttrFlags::MOUNT_ATTR_NOEXEC;
            let attributes =
                MountAttributes { set: u64::from(closed.bits()), clear: 0, propagation: MS_PRIVATE };
            set_mount_attributes(null.as_fd(), attributes, false)
                .map_err(|err| failed(kernel_error(&err)))?;
            attach(&null, &target).map_err(failed)?;
        }
    }
    for path in &plan.readonly_paths {
        let failed = at(Step::Mask, path);
        let Some(target) = existing(root, path).map_err(&failed)? else { continue };
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE;
        let copy = open_tree(&target, "", flags).map_err(&failed)?;
        let read_only = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
        let attributes = MountAttributes { set: read_only, clear: 0, propagation: MS_PRIVATE };
        set_mount_attributes(copy.as_fd(), attributes, true).map_err(|err| failed(kernel_error(&err)))?;
        attach(&copy, &target).map_err(failed)?;
    }
    Ok(())
}
