//! `--device`.

use pontoon_lifecycle::request::DeviceRequest;

use super::error::Fault;
use super::{Host, mounts};

/// `HOST[:CONTAINER[:rwm]]` or `HOST:rwm`; after a dash, a device that may be missing.
pub(super) fn read(text: &str, host: &Host) -> Result<DeviceRequest, Fault> {
    let (text, optional) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (device, inside, permissions) = match parts.as_slice() {
        [device] => (*device, *device, "rwm"),
        [device, second] if second.starts_with('/') => (*device, *second, "rwm"),
        [device, second] => (*device, *device, *second),
        [device, inside, permissions] => (*device, *inside, *permissions),
        _ => return Err(Fault::invalid("it must be HOST, HOST:CONTAINER or HOST:CONTAINER:PERMISSIONS")),
    };
    if !device.starts_with(['/', '.']) {
        if device.contains('/') && device.contains('=') {
            return Err(
                Fault::not_supported().hint("devices of the container device interface cannot be given yet")
            );
        }
        return Err(Fault::invalid("the device must be a path, as /dev/fuse"));
    }
    let mut letters: Vec<char> = permissions.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.is_empty()
        || letters.len() != permissions.len()
        || !letters.iter().all(|letter| "rwm".contains(*letter))
    {
        return Err(Fault::invalid(format!(
            "`{permissions}` is neither a path in the container nor made of r, w and m"
        )));
    }
    let inside = if inside.starts_with('/') { mounts::clean(inside) } else { String::new() };
    if inside.is_empty() || inside == "/" {
        return Err(Fault::invalid("the path in the container must be absolute"));
    }
    let host = mounts::host_path(device, host)?;
    Ok(DeviceRequest { host, container: inside, permissions: permissions.to_owned(), optional })
}
