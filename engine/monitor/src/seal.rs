//! Keeping our own program out of a container's reach (CVE-2019-5736).
//!
//! A process that enters a container can be made to run `/proc/self/exe`, that is, us; the container then has a handle of the
//! file on the host. Where the container's root could write to that file, we run from a sealed copy in memory instead.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use pontoon_rootless::sys::{CStringArray, exec_fd};
use rustix::fs::{Access, MemfdFlags, SealFlags, access, fcntl_add_seals, memfd_create};
use rustix::process::geteuid;

const NAME: &str = "pontoon-monitor";

/// Runs us again from a sealed copy if our file could be written by a container; comes back if that is not needed.
///
/// # Errors
/// If the copy cannot be made or run: going on without would be unsafe.
pub fn ensure_sealed() -> io::Result<()> {
    let exe = std::fs::read_link("/proc/self/exe")?;
    if exe.to_string_lossy().starts_with(&format!("/memfd:{NAME}")) || !is_exposed()? {
        return Ok(());
    }
    let copy = sealed_copy()?;
    let arguments = strings(std::env::args_os());
    let environment = strings(std::env::vars_os().map(|(name, value)| {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        pair
    }));
    Err(exec_fd(copy.as_fd(), &arguments, &environment))
}

/// Whether somebody in a container could write to our file: root (a rootful container is root), or the user whose file it is.
fn is_exposed() -> io::Result<bool> {
    let owner = std::fs::metadata("/proc/self/exe")?.uid();
    Ok(geteuid().is_root()
        || owner == geteuid().as_raw()
        || access("/proc/self/exe", Access::WRITE_OK).is_ok())
}

fn sealed_copy() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // MFD_EXEC is new in Linux 6.3; before, every memory file can be executed.
    let copy = memfd_create(NAME, flags | MemfdFlags::EXEC).or_else(|_| memfd_create(NAME, flags))?;
    let mut copy = File::from(copy);
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    fcntl_add_seals(&copy, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(copy.into())
}

fn strings(from: impl Iterator<Item = std::ffi::OsString>) -> CStringArray {
    use std::os::unix::ffi::OsStringExt;
    CStringArray::new(from.filter_map(|it| std::ffi::CString::new(it.into_vec()).ok()).collect())
}

/// Our own program, to be run as a container's init.
///
/// # Errors
/// The kernel's error.
pub fn own_program() -> io::Result<OwnedFd> {
    Ok(File::open("/proc/self/exe")?.into())
}
