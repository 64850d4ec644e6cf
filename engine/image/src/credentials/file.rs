//! One credential file: which of its entries is for an image.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::{AuthFile, AuthFormat, Credential, CredentialError};
use crate::reference::Reference;

/// Takes padded and unpadded text, since both are found.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file that was read.
#[derive(Debug)]
pub(super) struct Contents {
    path: PathBuf,
    format: AuthFormat,
    auths: BTreeMap<String, Entry>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    identitytoken: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Entry")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default, deserialize_with = "crate::config::null_is_default")]
    auths: BTreeMap<String, Entry>,
    #[serde(default, deserialize_with = "crate::config::null_is_default")]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

/// Reads a file; `None` if it is not there and need not be.
pub(super) fn read(file: &AuthFile) -> Result<Option<Contents>, CredentialError> {
    let path = file.path.clone();
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(err)
            if !file.required
                && matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(CredentialError::Read { path, source }),
    };
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let parsed = match file.format {
        AuthFormat::Auths => serde_json::from_slice::<File>(&text),
        AuthFormat::Dockercfg => serde_json::from_slice(&text).map(|auths| File {
            auths,
            cred_helpers: BTreeMap::new(),
            creds_store: None,
        }),
    };
    let parsed = parsed.map_err(|source| CredentialError::Json { path: path.clone(), source })?;
    Ok(Some(Contents {
        path,
        format: file.format,
        auths: parsed.auths,
        helpers: parsed.cred_helpers,
        store: parsed.creds_store.filter(|name| !name.is_empty()),
    }))
}

impl Contents {
    /// Returns the helper that is named for a registry.
    pub(super) fn helper_for(&self, domain: &str) -> Option<&str> {
        self.helpers.get(domain).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Returns the helper for everything that has no entry.
    pub(super) fn store(&self) -> Option<&str> {
        self.store.as_deref()
    }

    /// Finds the entry with the longest beginning of the image's name, then one that names the registry in another way.
    pub(super) fn find(&self, image: &Reference) -> Result<Option<Credential>, CredentialError> {
        let name = image.name();
        let mut key = name.as_str();
        loop {
            let usable = self.format == AuthFormat::Auths || key == image.domain();
            if let Some(entry) = self.auths.get(key).filter(|_| usable)
                && let Some(found) = self.decode(key, entry)?
            {
                return Ok(Some(found));
            }
            match key.rsplit_once('/') {
                Some((shorter, _)) => key = shorter,
                None => break,
            }
        }
        let wanted = normalise(image.domain());
        for (key, entry) in &self.auths {
            // Keys with a path are namespaces here, and were API addresses in Docker's files.
            let is_address =
                key.contains("://") || !key.contains('/') || self.format == AuthFormat::Dockercfg;
            if is_address
                && normalise(key) == wanted
                && let Some(found) = self.decode(key, entry)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn decode(&self, key: &str, entry: &Entry) -> Result<Option<Credential>, CredentialError> {
        if let Some(token) = entry.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(Credential::IdentityToken(token.clone())));
        }
        if let Some(auth) = entry.auth.as_ref().filter(|auth| !auth.is_empty()) {
            let wrong = || CredentialError::Entry { path: self.path.clone(), key: key.to_owned() };
            let bytes = BASE64.decode(auth.trim()).map_err(|_| wrong())?;
            let text = String::from_utf8(bytes).map_err(|_| wrong())?;
            let (username, password) = text.split_once(':').ok_or_else(wrong)?;
            let password = password.trim_end_matches('\0');
            let (username, password) = (username.to_owned(), password.to_owned());
            return Ok(Some(Credential::Basic { username, password }));
        }
        match (&entry.username, &entry.password) {
            (Some(username), Some(password)) if !username.is_empty() => {
                Ok(Some(Credential::Basic { username: username.clone(), password: password.clone() }))
            }
            _ => Ok(None),
        }
    }
}

/// Brings the ways to write a registry to one: without scheme and path, and Docker Hub under one name.
fn normalise(key: &str) -> &str {
    let host = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    match host.split('/').next().unwrap_or(host) {
        "registry-1.docker.io" | "docker.io" => "index.docker.io",
        host => host,
    }
}
