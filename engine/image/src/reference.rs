//! Image names: registry, repository, tag and digest, parsed as Docker and Podman parse them.
//!
//! A [`Reference`] is always fully qualified: a name without a registry is Docker Hub's (`alpine` is
//! `docker.io/library/alpine`). Whether a short name should rather be looked up in registries.conf is asked with
//! [`is_short_name`](crate::is_short_name) before parsing. Nothing is looked up here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The registry of names that have none.
const DEFAULT_DOMAIN: &str = "docker.io";
/// The older name of the same registry.
const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
/// The namespace of official images there.
const OFFICIAL: &str = "library/";
/// The longest repository path registries take.
const MAX_PATH: usize = 255;
/// The longest tag registries take.
const MAX_TAG: usize = 128;

/// A fully qualified image name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Says why a text is no image name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid image name `{name}`: {reason}")]
pub struct InvalidReference {
    /// The text, without control characters.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidReference {
    fn new(name: &str, reason: impl Into<String>) -> InvalidReference {
        let name = name.chars().take(300).map(|ch| if ch.is_control() { '?' } else { ch }).collect();
        InvalidReference { name, reason: reason.into() }
    }

    /// Returns what could be done about it.
    pub fn hint(&self) -> Option<String> {
        let lower = self.name.to_lowercase();
        if lower != self.name && Reference::from_str(&lower).is_ok() {
            return Some(format!("did you mean `{lower}`?"));
        }
        None
    }
}

impl Reference {
    /// Parses a name; one without a registry becomes Docker Hub's. A leading `docker://` is allowed.
    pub fn parse(text: &str) -> Result<Reference, InvalidReference> {
        let invalid = |reason: &str| InvalidReference::new(text, reason);
        let name = strip_transport(text)?;
        if name.is_empty() {
            return Err(invalid("it is empty"));
        }
        if name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(invalid("64 hex digits are an image id, not a name"));
        }
        let parts = split(name);
        let digest = match parts.digest {
            Some(digest) => {
                Some(digest.parse::<Digest>().map_err(|err| InvalidReference::new(text, err.to_string()))?)
            }
            None => None,
        };
        if let Some(tag) = parts.tag {
            check_tag(tag).map_err(invalid)?;
        }
        let (domain, path) = split_domain(parts.name);
        check_domain(domain).map_err(invalid)?;
        let domain = if domain == LEGACY_DEFAULT_DOMAIN { DEFAULT_DOMAIN } else { domain };
        let path = match domain == DEFAULT_DOMAIN && !path.contains('/') {
            true => format!("{OFFICIAL}{path}"),
            false => path.to_owned(),
        };
        check_path(&path).map_err(invalid)?;
        Ok(Reference { domain: domain.to_owned(), path, tag: parts.tag.map(str::to_owned), digest })
    }

    /// Returns the registry, with its port if it has one.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the repository within the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// Returns the tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns the same repository with this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Reference, InvalidReference> {
        check_tag(tag).map_err(|reason| InvalidReference::new(&format!("{}:{tag}", self.name()), reason))?;
        Ok(Reference { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// Returns the same repository with this digest and no tag.
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// Returns the name with `:latest`, if it has neither tag nor digest.
    pub fn with_default_tag(&self) -> Reference {
        match (&self.tag, &self.digest) {
            (None, None) => Reference { tag: Some("latest".to_owned()), ..self.clone() },
            _ => self.clone(),
        }
    }

    /// Returns the name under which a pulled image is kept and asked for: the digest wins over a tag beside it, and
    /// without either the tag is `latest`.
    pub fn for_pull(&self) -> Reference {
        match &self.digest {
            Some(digest) => self.with_digest(digest.clone()),
            None => self.with_default_tag(),
        }
    }

    /// Returns the short form people write for Docker Hub: `alpine:3` for `docker.io/library/alpine:3`.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let Some(rest) = full.strip_prefix("docker.io/") else { return full };
        match rest.strip_prefix(OFFICIAL) {
            Some(official) if !official.contains('/') => official.to_owned(),
            _ => rest.to_owned(),
        }
    }
}

/// The textual parts of a name, unchecked.
pub(crate) struct Parts<'a> {
    pub name: &'a str,
    pub tag: Option<&'a str>,
    pub digest: Option<&'a str>,
}

/// Takes off `docker://`; other transports are no names.
pub(crate) fn strip_transport(text: &str) -> Result<&str, InvalidReference> {
    if let Some(name) = text.strip_prefix("docker://") {
        return Ok(name);
    }
    const OTHERS: [&str; 7] =
        ["docker-archive:", "oci-archive:", "oci:", "dir:", "docker-daemon:", "containers-storage:", "sif:"];
    if let Some(transport) = OTHERS.iter().find(|transport| text.starts_with(**transport)) {
        // `oci:latest` and `dir:1` are names with tags; a transport is followed by a path.
        let rest = text.get(transport.len()..).unwrap_or_default();
        if rest.contains('/') || transport.contains('-') {
            let transport = transport.trim_end_matches(':');
            return Err(InvalidReference::new(text, format!("transport `{transport}` is not an image name")));
        }
    }
    match text.split_once("://") {
        Some((scheme, _)) => {
            Err(InvalidReference::new(text, format!("image names have no `{scheme}://` in front")))
        }
        None => Ok(text),
    }
}

/// Splits at the digest's `@` and at the tag's `:`, which comes after the last `/`.
pub(crate) fn split(text: &str) -> Parts<'_> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let after_slash = rest.rfind('/').map_or(0, |at| at + 1);
    match rest.get(after_slash..).unwrap_or_default().find(':') {
        Some(at) => {
            let (name, tag) = rest.split_at(after_slash + at);
            Parts { name, tag: tag.get(1..), digest }
        }
        None => Parts { name: rest, tag: None, digest },
    }
}

/// Splits a name without tag into registry and repository; what does not look like a host is part of the repository.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest)) if looks_like_host(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, name),
    }
}

fn looks_like_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(|ch| ch.is_uppercase())
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    if tag.is_empty() {
        return Err("its tag is empty");
    }
    if tag.len() > MAX_TAG {
        return Err("its tag is longer than 128 characters");
    }
    if tag.starts_with(['.', '-']) {
        return Err("its tag begins with a dot or a dash");
    }
    match tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
        true => Ok(()),
        false => Err("its tag has other characters than letters, digits, `_`, `.` and `-`"),
    }
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => {
            let (address, port) =
                rest.split_once(']').ok_or("its registry address has no closing bracket")?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| "its registry is not an IPv6 address")?;
            ("", port)
        }
        None => domain.split_at(domain.find(':').unwrap_or(domain.len())),
    };
    if let Some(port) = port.strip_prefix(':') {
        if !port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().is_err() {
            return Err("its registry's port is not a port number");
        }
    } else if !port.is_empty() {
        return Err("its registry address has something else than a port after the bracket");
    }
    if domain.starts_with('[') {
        return Ok(());
    }
    let good = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match host.len() <= 253 && host.split('.').all(good) {
        true => Ok(()),
        false => Err("its registry is not a host name"),
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > MAX_PATH {
        return Err("its repository is longer than 255 characters");
    }
    if path.chars().any(|ch| ch.is_uppercase()) {
        return Err("repository names are lower case");
    }
    match path.split('/').all(is_path_component) {
        true => Ok(()),
        false => Err(
            "repository names are made of lower-case letters and digits, with single `.`, `_`, `/`, `__` or dashes between",
        ),
    }
}

/// `[a-z0-9]+` with separators `.`, `_`, `__` or any number of `-` between.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(first), Some(last)) = (component.bytes().next(), component.bytes().last()) else {
        return false;
    };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    component.split(|ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit()).all(|separator| {
        matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
    })
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Reference, InvalidReference> {
        Reference::parse(text)
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Reference, InvalidReference> {
        Reference::parse(&text)
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests;
