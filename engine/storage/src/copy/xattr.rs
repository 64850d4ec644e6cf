//! Extended attributes of copies, with the ids inside them translated.

use std::os::fd::BorrowedFd;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::Rules;

/// Copies the attributes that may be copied.
pub(super) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, rules: &dyn Rules) -> rustix::io::Result<()> {
    let names = match read(|buffer| rustix::fs::flistxattr(from, buffer)) {
        Err(Errno::NOTSUP) => return Ok(()),
        other => other?,
    };
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let overlay = name.starts_with(b"user.overlay.") || name.starts_with(b"trusted.overlay.");
        let wanted = match name {
            b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default" => true,
            _ if overlay => rules.keeps_overlay(),
            _ => name.starts_with(b"user."),
        };
        if !wanted {
            continue;
        }
        let value = match read(|buffer| rustix::fs::fgetxattr(from, name, buffer)) {
            // Gone meanwhile.
            Err(Errno::NODATA) => continue,
            other => other?,
        };
        let value = match name {
            b"security.capability" => capability(value, rules)?,
            b"system.posix_acl_access" | b"system.posix_acl_default" => acl(value, rules)?,
            _ => value,
        };
        match rustix::fs::fsetxattr(to, name, &value, XattrFlags::empty()) {
            // The other file system has none of these. A layer without overlayfs's marks would be another layer.
            Err(Errno::NOTSUP) if !overlay => {}
            other => other?,
        }
    }
    Ok(())
}

/// The attributes that an archive carries: file capabilities, access control lists and those of programs.
pub(crate) fn list(from: BorrowedFd<'_>) -> rustix::io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let names = match read(|buffer| rustix::fs::flistxattr(from, buffer)) {
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let ours = name.starts_with(b"user.overlay.") || name.starts_with(b"user.fuseoverlayfs.");
        let wanted =
            matches!(name, b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default")
                || (name.starts_with(b"user.") && !ours);
        if wanted {
            match read(|buffer| rustix::fs::fgetxattr(from, name, buffer)) {
                Err(Errno::NODATA) => {}
                other => found.push((name.to_vec(), other?)),
            }
        }
    }
    Ok(found)
}

/// Calls until the answer fits.
fn read(mut call: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0_u8; 1024];
    loop {
        match call(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            // The kernel gives at most 64 KiB.
            Err(Errno::RANGE) if buffer.len() < 1 << 17 => buffer.resize(buffer.len() * 4, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// Bytes of a file capability without and with the id of its namespace's root. See `linux/capability.h`, `vfs_cap_data`
/// and `vfs_ns_cap_data`.
const CAPABILITY_2: usize = 20;
const CAPABILITY_3: usize = 24;

/// A file capability holds in the namespaces of one root. The copy's is where the layer's root went to.
fn capability(mut value: Vec<u8>, rules: &dyn Rules) -> rustix::io::Result<Vec<u8>> {
    let root = match value.len() {
        // The kernel leaves the id out when it is the reader's own root.
        CAPABILITY_2 => 0,
        CAPABILITY_3 => {
            value.get(20..).and_then(|id| id.first_chunk().copied()).map_or(0, u32::from_le_bytes)
        }
        _ => return Ok(value),
    };
    let to = rules.user(root).ok_or(Errno::INVAL)?;
    if to == root {
        return Ok(value);
    }
    value.truncate(CAPABILITY_2);
    value.extend_from_slice(&to.to_le_bytes());
    // The revision is the highest byte of the first little-endian word.
    if let Some(revision) = value.get_mut(3) {
        *revision = 3;
    }
    Ok(value)
}

/// Translates the ids of an access control list. See `linux/posix_acl_xattr.h`: a version, then tag, permission and id
/// of each entry, all little-endian.
fn acl(mut value: Vec<u8>, rules: &dyn Rules) -> rustix::io::Result<Vec<u8>> {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    for entry in value.get_mut(4..).unwrap_or_default().chunks_exact_mut(8) {
        let tag = entry.first_chunk().copied().map(u16::from_le_bytes);
        let id = entry.get(4..).and_then(|id| id.first_chunk().copied()).map(u32::from_le_bytes);
        let to = match (tag, id) {
            (Some(USER), Some(id)) => rules.user(id),
            (Some(GROUP), Some(id)) => rules.group(id),
            _ => continue,
        };
        if let Some(place) = entry.get_mut(4..8) {
            place.copy_from_slice(&to.ok_or(Errno::INVAL)?.to_le_bytes());
        }
    }
    Ok(value)
}
