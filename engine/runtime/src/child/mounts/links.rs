//! The symbolic links that programs expect, beside what is mounted.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, mkdirat, symlinkat};
use rustix::io::Errno;

use super::attributes::set_read_only;
use crate::message::{Failure, Step};
use crate::paths::open_real_directory;
use crate::plan::{Mount, MountSource};

/// `/etc/mtab`, where older programs look for what is mounted, if the image has nothing there. Comes before the mounts: what
/// somebody shows as `/etc` stays as it is, and what begins as a copy of the image's has it.
///
/// Where it cannot be made it is missing, as in the image.
pub(crate) fn make_mtab(root: &OwnedFd) {
    let etc = match open_real_directory(root, "/etc") {
        Err(Errno::NOENT) => {
            mkdirat(root, "etc", Mode::from_raw_mode(0o755)).and_then(|()| open_real_directory(root, "/etc"))
        }
        other => other,
    };
    let _ = etc.and_then(|etc| symlinkat("/proc/mounts", &etc, "mtab"));
}

/// Whether a mount is a `/dev` in memory, which is filled by us.
pub(super) fn is_fresh_dev(mount: &Mount) -> bool {
    mount.target == "/dev" && matches!(mount.source, MountSource::Tmpfs { .. })
}

/// Makes `/dev` read-only if that is asked for, once its links and the console are there.
pub(crate) fn close_dev(root: &OwnedFd, mounts: &[Mount]) -> Result<(), Failure> {
    if !mounts.iter().any(|it| is_fresh_dev(it) && it.read_only) {
        return Ok(());
    }
    open_real_directory(root, "/dev")
        .and_then(|dev| set_read_only(dev.as_fd(), true))
        .map_err(|err| Failure::new(Step::Mount, "/dev", err))
}

/// The links in `/dev`, if that is a file system in memory. In somebody's own directory nothing is made.
pub(crate) fn make_dev_links(root: &OwnedFd, mounts: &[Mount]) -> Result<(), Failure> {
    if !mounts.iter().any(is_fresh_dev) {
        return Ok(());
    }
    let failed = |name: &str| {
        let subject = format!("/dev/{name}");
        move |err| Failure::new(Step::Mount, subject, err)
    };
    let dev = open_real_directory(root, "/dev").map_err(failed(""))?;
    let links = [
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
        ("pts/ptmx", "ptmx"),
        ("/proc/kcore", "core"),
    ];
    for (to, name) in links {
        match symlinkat(to, &dev, name) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(err) => return Err(failed(name)(err)),
        }
    }
    Ok(())
}
