//! Names of images: links whose text is the image's id and the full name.
//!
//! The link's own name is the full name with its slashes written as `%2F`; where that is too long for a file it is the
//! name's digest. So a name is found by one call, and all names are told without any other file.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FlockOperation};
use rustix::io::Errno;

use crate::error::{At, FileError};
use crate::id::{ImageId, hex};
use crate::layers::sha256;
use crate::lock;
use crate::record::RecordError;
use crate::store::Store;

/// Longer than any registry takes (a repository has at most 255 characters, a tag 128, a host 255).
const MAX_NAME: usize = 1024;

/// What the link that is about to take a name's place has behind that name; before it is a dot, as in no finished one.
const HALF_MADE: &str = ".new";

/// A name could not be given or taken.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such image.
    #[error("no image {}", image.short())]
    NoImage {
        /// The image.
        image: ImageId,
    },
    /// What is known of an image in another store cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The name is in a store of which only the images are looked at.
    #[error("cannot take a name from read-only image {}", image.short())]
    ReadOnly {
        /// The image.
        image: ImageId,
    },
    /// The name is not a full one.
    #[error("`{}` is not a full name of an image (`registry/path:tag`)", name.escape_debug())]
    BadName {
        /// The name.
        name: String,
    },
}

/// Refuses what is not `registry/path:tag`.
pub(super) fn check(name: &str) -> Result<(), TagError> {
    let well_formed = || {
        let (registry, rest) = name.split_once('/')?;
        let (path, tag) = rest.rsplit_once(':')?;
        let visible = name.bytes().all(|byte| byte.is_ascii_graphic()) && name.len() <= MAX_NAME;
        (visible
            && !registry.is_empty()
            && !path.is_empty()
            && !tag.is_empty()
            && !tag.contains('/')
            && !name.contains('@'))
        .then_some(())
    };
    well_formed().ok_or_else(|| TagError::BadName { name: name.chars().take(MAX_NAME).collect() })
}

/// The link's name.
fn file_name(name: &str) -> String {
    let mut file = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b':' => file.push(char::from(byte)),
            // `.` and `..` are no names, and a leading dot hides.
            b'.' if !file.is_empty() => file.push('.'),
            other => file.push_str(&format!("%{other:02X}")),
        }
    }
    // A name of a file has at most 255 bytes; the temporary link's is a little longer than the link's.
    if file.len() > 220 { format!("sha256-{}", hex(&sha256(name.as_bytes()))) } else { file }
}

/// Reads the text of a link.
fn parse(target: &[u8]) -> Option<(String, ImageId)> {
    let (id, name) = std::str::from_utf8(target).ok()?.split_once(' ')?;
    Some((name.to_owned(), ImageId::from_hex(id)?))
}

impl Store {
    /// The image a full name leads to.
    pub(super) fn name_owner(&self, name: &str) -> Result<Option<ImageId>, FileError> {
        let names = self.image_names()?;
        let file = file_name(name);
        match rustix::fs::readlinkat(&names.fd, &file, Vec::new()) {
            Ok(target) => Ok(parse(target.as_bytes()).filter(|(found, _)| found == name).map(|(_, id)| id)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(FileError::new("read", names.path.join(file), errno)),
        }
    }

    /// All full names and where they lead.
    pub(crate) fn all_names(&self) -> Result<Vec<(String, ImageId)>, FileError> {
        let names = self.image_names()?;
        let mut all = Vec::new();
        for entry in names.list()? {
            match rustix::fs::readlinkat(&names.fd, entry.name.as_slice(), Vec::new()) {
                Ok(target) => {
                    // A temporary link leads to an image already; its name is not yet given.
                    if let Some((name, id)) = parse(target.as_bytes())
                        && file_name(&name).as_bytes() == entry.name
                    {
                        all.push((name, id));
                    }
                }
                Err(Errno::NOENT | Errno::INVAL) => {}
                Err(errno) => return Err(FileError::new("read", names.path.join(entry.path()), errno)),
            }
        }
        Ok(all)
    }

    /// Lets a full name (`registry/path:tag`) lead to an image; gives back the image it led to before.
    pub fn tag(&self, id: &ImageId, name: &str) -> Result<Option<ImageId>, TagError> {
        check(name)?;
        let images = self.images()?;
        let _index =
            lock::index(images.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &images.path)?;
        if !images.has(id.hex())? && !self.adopt(images, id)? {
            return Err(TagError::NoImage { image: id.clone() });
        }
        let before = self.name_owner(name)?;
        self.set_names(id, &[name.to_owned()])?;
        Ok(before.filter(|before| before != id))
    }

    /// Takes a full name away; the image stays. `None` when the name led nowhere.
    pub fn untag(&self, name: &str) -> Result<Option<ImageId>, TagError> {
        let images = self.images()?;
        let _index =
            lock::index(images.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &images.path)?;
        let owner = self.name_owner(name)?;
        if owner.is_some() {
            self.unlink_name(name)?;
            self.image_names()?.sync()?;
            return Ok(owner);
        }
        for other in &self.others {
            if let Some(image) = other.name_owner(name)? {
                return Err(TagError::ReadOnly { image });
            }
        }
        Ok(None)
    }

    /// Lets names lead to an image, durably. The index is locked by the caller.
    pub(super) fn set_names(&self, id: &ImageId, names: &[String]) -> Result<(), FileError> {
        if names.is_empty() {
            return Ok(());
        }
        let place = self.image_names()?;
        for name in names {
            let file = file_name(name);
            let temporary = format!(".{file}{HALF_MADE}");
            let failed = |errno| FileError::new("make", place.path.join(&file), errno);
            // A killed process may have left one; the index is locked, so nobody is at it.
            match rustix::fs::unlinkat(&place.fd, &temporary, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed(errno)),
            }
            rustix::fs::symlinkat(format!("{} {name}", id.hex()), &place.fd, &temporary).map_err(failed)?;
            rustix::fs::renameat(&place.fd, &temporary, &place.fd, &file).map_err(failed)?;
        }
        place.sync()
    }

    /// Links that did not come to take the place of a name. With the index locked, they are those of killed processes.
    pub(crate) fn half_made_image_names(&self) -> Result<Vec<String>, FileError> {
        let entries = self.image_names()?.list()?;
        let links = entries.iter().filter_map(|it| it.text());
        Ok(links.filter(|it| it.starts_with('.') && it.ends_with(HALF_MADE)).map(str::to_owned).collect())
    }

    /// Takes one name away. The index is locked by the caller.
    pub(super) fn unlink_name(&self, name: &str) -> Result<(), FileError> {
        let place = self.image_names()?;
        let file = file_name(name);
        match rustix::fs::unlinkat(&place.fd, &file, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FileError::new("delete", place.path.join(file), errno)),
        }
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn full_names_have_registry_path_and_tag() {
        for name in ["docker.io/library/nginx:latest", "localhost/a:b", "127.0.0.1:5000/x/y:1.0"] {
            assert!(check(name).is_ok(), "{name}");
        }
        let long = format!("a/{}:b", "x".repeat(2000));
        for name in [
            "",
            "nginx",
            "nginx:latest",
            "a/b",
            "a/:b",
            "/b:c",
            "a/b:",
            "a/b:c/d",
            "a/b@sha256:c",
            "a/b c:d",
            &long,
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn file_names_are_safe_distinct_and_short() {
        assert_eq!(file_name("docker.io/library/nginx:latest"), "docker.io%2Flibrary%2Fnginx:latest");
        assert_eq!(file_name("../x:y"), "%2E.%2Fx:y");
        assert_ne!(file_name("a%2Fb:c"), file_name("a/b:c"));
        let long = format!("localhost/{}:b", "x/".repeat(200));
        assert!(file_name(&long).starts_with("sha256-") && file_name(&long).len() < 220);
    }
}
