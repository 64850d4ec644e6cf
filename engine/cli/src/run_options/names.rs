//! `--name`, `--user`, `--group-add`, `--hostname`, `--workdir`, `--tz`, `--umask`.

use std::path::Path;

use pontoon_lifecycle::request::HostsFile;

use super::error::Fault;
use super::{Host, OptionError};

/// Longest host name the kernel takes.
const MAX_HOSTNAME: usize = 64;

/// Checks a name of a container or volume against Podman's rule.
pub fn check_name(option: &'static str, name: &str) -> Result<(), OptionError> {
    read(name).map(drop).map_err(|fault| fault.of(option, name))
}

/// A name of a container or volume.
pub(super) fn read(text: &str) -> Result<String, Fault> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(Fault::invalid("a name has letters, digits, `_`, `.` and `-`, and begins with a letter or digit"))
}

/// A name of a container. Docker has them begin with a slash, which is no part of them here.
pub(super) fn container(text: &str) -> Result<String, Fault> {
    read(without_slash(text))
}

/// A container's name as it is kept.
pub fn without_slash(name: &str) -> &str {
    name.trim_start_matches('/')
}

/// Whether it can be a name of a container or volume.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// `user`, `uid`, `user:group`, `:group`, each part of which may be empty; who they are is seen in the image.
pub(super) fn user(text: &str) -> Result<String, Fault> {
    let form = "it must be USER, USER:GROUP or :GROUP, by name or number";
    if text.is_empty() || text.split(':').count() > 2 || text.contains(['\n', '\0']) {
        return Err(Fault::invalid(form));
    }
    Ok(text.to_owned())
}

/// A group, by name or number.
pub(super) fn group(text: &str) -> Result<String, Fault> {
    match text {
        "" => Err(Fault::invalid("the name of the group is missing")),
        _ => Ok(text.to_owned()),
    }
}

/// A line of a user database.
pub(super) fn entry(text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.contains(['\n', '\0']) {
        return Err(Fault::invalid("it must be one line"));
    }
    Ok(text.to_owned())
}

/// `--hosts-file`: a file, or one of two words.
pub(super) fn hosts_file(text: &str, host: &Host) -> HostsFile {
    match text {
        "image" => HostsFile::Image,
        "none" => HostsFile::None,
        path => HostsFile::Path(host.directory.as_deref().unwrap_or(Path::new("/")).join(path)),
    }
}

/// A file of the host, told from where we are.
pub(super) fn host_path(path: &Path, host: &Host) -> std::path::PathBuf {
    host.directory.as_deref().unwrap_or(Path::new("/")).join(path)
}

/// A host name: the kernel is not picky, so neither are we beyond its limits.
pub(super) fn hostname(text: &str) -> Result<String, Fault> {
    if text.len() > MAX_HOSTNAME {
        return Err(Fault::invalid(format!("a host name has at most {MAX_HOSTNAME} bytes")));
    }
    if text.is_empty() || text.contains(['\n', '\0', '/']) {
        return Err(Fault::invalid("it is no host name"));
    }
    Ok(text.to_owned())
}

/// A working directory.
pub(super) fn workdir(text: &str) -> Result<String, Fault> {
    if !text.starts_with('/') {
        return Err(Fault::invalid("it must be an absolute path"));
    }
    Ok(pontoon_lifecycle::clean::clean(text))
}

/// A time zone's name, or `local`.
pub(super) fn timezone(text: &str) -> Result<String, Fault> {
    let outside = text.starts_with('/') || text.split('/').any(|part| matches!(part, "" | "." | ".."));
    if outside || text.contains('\0') {
        return Err(Fault::invalid("it must be the name of a time zone, as Europe/Berlin, or `local`"));
    }
    Ok(text.to_owned())
}

/// A file mode mask in octal.
pub(super) fn umask(text: &str) -> Result<u32, Fault> {
    match u32::from_str_radix(text, 8) {
        Ok(mask) if mask <= 0o777 && !text.starts_with('+') => Ok(mask),
        _ => Err(Fault::invalid("it must be an octal number from 0 to 0777")),
    }
}
