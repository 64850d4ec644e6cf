//! `mounts.conf`: what of the host every container has a copy of (containers-mounts.conf(5)).
//!
//! As in Podman the copy is made when the container starts, belongs to its root, and is its own: it may write there, and it
//! keeps what it has until the next boot, whatever becomes of the host's files meanwhile.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::decide::check_target;
use crate::host::Host;

/// The administrator's file, and the distribution's.
const SYSTEMS: [&str; 2] = ["/etc/containers/mounts.conf", "/usr/share/containers/mounts.conf"];
/// Where copies lie in a container's directory, below the boot's name.
const DIRECTORY: &str = "mounts.conf";
/// A name for the time until the next boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// Links to directories can lead in circles.
const DEEPEST: u32 = 40;

/// A file or directory of the host that a container has a copy of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultMount {
    /// The host's.
    pub source: PathBuf,
    /// Where the container sees it.
    pub target: String,
    /// The container's copy.
    pub copy: PathBuf,
    /// Whether the copy was made now, and belongs to nobody of the container's yet.
    pub is_fresh: bool,
}

/// What the file that counts says for a container with that directory: the user's in place of the administrator's in place
/// of the distribution's. What cannot be is left out, and told.
pub fn find(host: &Host, directory: &Path, warn: &dyn Fn(&str)) -> Vec<DefaultMount> {
    let Some((file, text)) = read(host, warn) else { return Vec::new() };
    let boot = fs::read_to_string(BOOT).unwrap_or_default();
    let copies = directory.join(DIRECTORY).join(boot.trim());
    let mut found: Vec<DefaultMount> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", file.display(), number + 1);
        match parse(line) {
            Ok(None) => {}
            Ok(Some((source, _))) if !Path::new(source).exists() => {
                warn(&format!("{place}: `{source}` is not there: containers have no copy of it"));
            }
            Ok(Some((_, target))) if found.iter().any(|it| it.target == target) => {
                warn(&format!("{place}: `{target}` stands there already, and is not heeded again"));
            }
            Ok(Some((source, target))) => {
                let copy = copies.join(target.replace('%', "%25").replace('/', "%2F"));
                found.push(DefaultMount { source: source.into(), target, copy, is_fresh: false });
            }
            Err(reason) => warn(&format!("{place}: {reason}")),
        }
    }
    found
}

/// Makes the copies that are not there. What cannot be copied is left out, and told.
pub fn provide(mounts: &mut Vec<DefaultMount>, warn: &dyn Fn(&str)) {
    mounts.retain_mut(|mount| {
        // Whoever it belongs to by now, its name can be seen.
        if mount.copy.symlink_metadata().is_ok() {
            return true;
        }
        mount.is_fresh = true;
        let copied = copy(&mount.source, &mount.copy);
        if let Err(err) = &copied {
            let (source, target) = (mount.source.display(), &mount.target);
            warn(&format!("cannot copy `{source}` for the container's `{target}` (mounts.conf): {err}"));
        }
        copied.is_ok()
    });
}

/// The first of the files that is there.
fn read(host: &Host, warn: &dyn Fn(&str)) -> Option<(PathBuf, String)> {
    let of_user = host.home().filter(|_| host.is_rootless());
    let of_user = of_user.map(|it| it.join(".config/containers/mounts.conf"));
    let usual = || of_user.into_iter().chain(SYSTEMS.map(PathBuf::from)).collect();
    let files: Vec<PathBuf> = host.default_mounts_file.clone().map_or_else(usual, |it| vec![it]);
    for file in files {
        match fs::read_to_string(&file) {
            Ok(text) => return Some((file, text)),
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => {
                warn(&format!("cannot read `{}`: {err}", file.display()));
                return None;
            }
        }
    }
    None
}

/// `/HOST[:/CONTAINER]`; none for a line that says nothing.
fn parse(line: &str) -> Result<Option<(&str, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (source, target) = line.split_once(':').unwrap_or((line, line));
    if !source.starts_with('/') {
        return Err(format!("`{line}` is not heeded: it must be /HOST:/CONTAINER"));
    }
    let target = format!("/{}", target.trim_matches('/'));
    match check_target(&target) {
        Ok(()) => Ok(Some((source, target))),
        Err(err) => Err(format!("`{line}` is not heeded: {err}")),
    }
}

/// Copies beside the place and then gives the copy its name, so that none is there in parts.
fn copy(source: &Path, place: &Path) -> io::Result<()> {
    let directory = place.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut temporary = place.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = Path::new(&temporary);
    let _ = fs::remove_file(temporary).or_else(|_| fs::remove_dir_all(temporary));
    copy_entry(source, &fs::metadata(source)?, temporary, DEEPEST)?;
    fs::rename(temporary, place)
}

/// What a link leads to is copied in its place, as in Podman, and one that leads nowhere is left out.
fn copy_entry(source: &Path, what: &Metadata, place: &Path, depth: u32) -> io::Result<()> {
    let mode = what.permissions().mode() & 0o777;
    if what.is_dir() {
        if depth == 0 {
            return Err(io::Error::other(format!("`{}` is too deep", source.display())));
        }
        DirBuilder::new().mode(0o700).create(place)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            match fs::metadata(entry.path()) {
                Ok(what) => copy_entry(&entry.path(), &what, &place.join(entry.file_name()), depth - 1)?,
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                Err(err) => return Err(err),
            }
        }
        return fs::set_permissions(place, Permissions::from_mode(mode));
    }
    if !what.is_file() {
        let text = format!("`{}` is neither a file nor a directory", source.display());
        return Err(io::Error::other(text));
    }
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
    io::copy(&mut File::open(source)?, &mut copy)?;
    copy.set_permissions(Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn lines_name_what_is_copied_and_where_to() {
        let parsed = |line| parse(line).unwrap().map(|(source, target)| (source.to_owned(), target));
        let both = |source: &str, target: &str| Some((source.to_owned(), target.to_owned()));
        assert_eq!(parsed("/a:/b/"), both("/a", "/b"));
        assert_eq!(parsed("  /a  "), both("/a", "/a"));
        assert_eq!(parsed("/a:b/c"), both("/a", "/b/c"));
        assert_eq!((parsed("# /a:/b"), parsed("")), (None, None));
        assert_eq!(parse("a:/b").unwrap_err(), "`a:/b` is not heeded: it must be /HOST:/CONTAINER");
        for line in ["/a:/../b", "/a:/", "/a:/proc/b"] {
            assert!(parse(line).unwrap_err().starts_with(&format!("`{line}` is not heeded: ")), "{line}");
        }
    }

    #[test]
    fn copies_have_the_modes_of_what_links_lead_to_and_are_made_once() {
        let base = std::env::temp_dir().join(format!("pontoon-default-mounts-{}", std::process::id()));
        let (source, place) = (base.join("source"), base.join("copies/%2Fx"));
        fs::create_dir_all(source.join("deep/empty")).unwrap();
        fs::write(source.join("deep/file"), "one").unwrap();
        fs::set_permissions(source.join("deep/file"), Permissions::from_mode(0o4604)).unwrap();
        fs::set_permissions(source.join("deep"), Permissions::from_mode(0o750)).unwrap();
        symlink("deep/file", source.join("link")).unwrap();
        symlink("nowhere", source.join("dangling")).unwrap();
        let mount = DefaultMount {
            source: source.clone(),
            target: "/x".to_owned(),
            copy: place.clone(),
            is_fresh: false,
        };
        let told = std::cell::RefCell::new(Vec::new());
        let warn = |text: &str| told.borrow_mut().push(text.to_owned());
        let provided = |mut mounts: Vec<DefaultMount>| {
            provide(&mut mounts, &warn);
            mounts.iter().map(|it| it.is_fresh).collect::<Vec<_>>()
        };
        assert_eq!(provided(vec![mount.clone()]), [true]);
        let mode = |path: &str| place.join(path).symlink_metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("deep"), mode("deep/file"), mode("link")), (0o750, 0o604, 0o604));
        assert!(place.join("deep/empty").is_dir() && !place.join("dangling").exists());
        fs::write(source.join("deep/file"), "two").unwrap();
        assert_eq!(provided(vec![mount.clone()]), [false]);
        assert_eq!(fs::read_to_string(place.join("link")).unwrap(), "one");
        assert!(told.borrow().is_empty());
        // A directory in itself has no end.
        symlink(".", source.join("circle")).unwrap();
        assert_eq!(provided(vec![DefaultMount { copy: base.join("copies/other"), ..mount }]), [false; 0]);
        assert!(told.borrow().concat().contains("cannot copy"), "{told:?}");
        fs::remove_dir_all(base).unwrap();
    }
}
