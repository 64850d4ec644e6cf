//! Labels of security modules: written down just before exec, for the program that is executed.
//!
//! A file of `/proc` that pretends to be another one would leave the program without its label (CVE-2019-16884,
//! CVE-2025-52881): so it is written in an instance of `proc` that nobody else can see, and read back.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};

use crate::message::{Failure, Step};
use crate::plan::Labels;

/// From `linux/magic.h`.
const PROC_SUPER_MAGIC: i64 = 0x9fa0;
/// Number of the root directory of `proc`, from the kernel's `proc_fs.h`.
const PROC_ROOT: u64 = 1;

/// Writes down the labels that the program to be executed gets.
pub(super) fn prepare(labels: &Labels) -> Result<(), Failure> {
    if labels.apparmor.is_none() && labels.selinux.is_none() {
        return Ok(());
    }
    let subject = labels.apparmor.as_deref().or(labels.selinux.as_deref()).unwrap_or_default();
    let failed = |err| Failure::new(Step::Label, subject, err);
    let proc = private_proc().map_err(failed)?;
    if let Some(profile) = &labels.apparmor {
        // The module's own file first; kernels before 5.1 have one for all modules.
        match write(&proc, "attr/apparmor/exec", &format!("exec {profile}"), profile) {
            Err(Errno::NOENT) => {
                write(&proc, "attr/exec", &format!("exec {profile}"), profile).map_err(failed)?;
            }
            other => other.map_err(failed)?,
        }
    }
    if let Some(context) = &labels.selinux {
        write(&proc, "attr/exec", context, context).map_err(failed)?;
    }
    Ok(())
}

/// An instance of `proc` of our own; where we may not make one, the one that is mounted, checked to be one.
fn private_proc() -> Result<OwnedFd, Errno> {
    let new = || {
        let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", "proc")?;
        fsconfig_create(&context)?;
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
    };
    match new() {
        Err(Errno::PERM) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let proc = openat(CWD, "/proc", flags, Mode::empty())?;
            let is_proc = rustix::fs::fstatfs(&proc)?.f_type == PROC_SUPER_MAGIC
                && rustix::fs::fstat(&proc)?.st_ino == PROC_ROOT;
            if is_proc { Ok(proc) } else { Err(Errno::PERM) }
        }
        other => other,
    }
}

/// Writes a file of our own process, and reads it back.
fn write(proc: &OwnedFd, file: &str, text: &str, expected: &str) -> Result<(), Errno> {
    let path = format!("{}/{file}", rustix::process::getpid().as_raw_nonzero());
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let open = |flags| openat2(proc, path.as_str(), flags | OFlags::CLOEXEC, Mode::empty(), resolve);
    rustix::io::write(open(OFlags::WRONLY)?, text.as_bytes())?;
    let mut seen = [0u8; 4096];
    let length = rustix::io::read(open(OFlags::RDONLY)?, &mut seen)?;
    let seen = seen.get(..length).unwrap_or_default();
    // AppArmor adds its mode, ` (enforce)`.
    let is_set = seen
        .strip_prefix(expected.as_bytes())
        .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\n' | 0)));
    if is_set { Ok(()) } else { Err(Errno::IO) }
}
