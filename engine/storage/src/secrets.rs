//! Secrets by name: a record, and the data in a file of its owner's alone.

use std::fmt;
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

use crate::containers::now;
use crate::error::{At, FileError};
use crate::id::random_suffix;
use crate::record::{Durability, RecordError, parse, read_bytes, to_bytes, write_fresh};
use crate::store::Store;

const RECORD: &str = "record.json";
const DATA: &str = "data";

/// Most bytes of a secret, as in Podman.
pub const MAX_SECRET: usize = 512_000;
/// Longest name.
const MAX_NAME: usize = 253;

/// What is known of a secret; its data is read apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretRecord {
    /// 25 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where its data is: `file` (here), or another driver's.
    pub driver: String,
    /// What was said to the driver.
    pub options: Vec<(String, String)>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// When it was made, nanoseconds since 1970.
    pub created: u64,
    /// When its data was made.
    pub updated: u64,
}

/// The bytes of a secret: they do not show in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretData(pub Vec<u8>);

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretData(…)")
    }
}

/// A secret could not be made, found or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// There is one of this name.
    #[error("secret name in use: `{name}`")]
    Exists {
        /// The name.
        name: String,
    },
    /// The name is not one.
    #[error("`{name}` cannot be a secret's name: it has 1 to {MAX_NAME} bytes, and none of `,`, `=`, `/`")]
    BadName {
        /// The name.
        name: String,
    },
    /// The data is not possible.
    #[error("a secret has from 1 to {MAX_SECRET} bytes, not {length}")]
    BadLength {
        /// How many there are.
        length: usize,
    },
    /// There is none.
    #[error("no such secret: `{query}`")]
    NotFound {
        /// What was asked for.
        query: String,
    },
    /// An id that begins more than one.
    #[error("`{query}` begins the ids of more than one secret")]
    Ambiguous {
        /// What was asked for.
        query: String,
    },
}

impl SecretError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Exists { .. } => Some("--replace replaces it".to_owned()),
            Self::NotFound { .. } => Some("`pontoon secret ls` lists all secrets".to_owned()),
            _ => None,
        }
    }
}

/// Whether it can be a secret's name, and a directory's.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && !matches!(name, "." | "..")
        && !name.contains([',', '=', '/', '\0', '\n'])
}

impl Store {
    /// Makes a secret; of two processes that want one name, one gets it. Gives its record, with id and times.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn create_secret(
        &self,
        secret: SecretRecord,
        data: &SecretData,
        replace: bool,
    ) -> Result<SecretRecord, SecretError> {
        if !is_name(&secret.name) {
            return Err(SecretError::BadName { name: secret.name });
        }
        if data.0.is_empty() || data.0.len() > MAX_SECRET {
            return Err(SecretError::BadLength { length: data.0.len() });
        }
        let secrets = self.secrets()?;
        let old = match self.find_secret_by_name(&secret.name) {
            Ok(_) if !replace => return Err(SecretError::Exists { name: secret.name }),
            Ok(old) => Some(old),
            Err(SecretError::NotFound { .. }) => None,
            // One that cannot be read is replaced all the same.
            Err(_) if replace => None,
            Err(err) => return Err(err),
        };
        let random = || random_suffix().at("draw an id in", &secrets.path);
        let id: String = format!("{}{}", random()?, random()?).chars().take(25).collect();
        let moment = now();
        let created = old.map_or(moment, |it| it.created);
        let record = SecretRecord { id, created, updated: moment, ..secret };
        let mut temporary = self.make_temporary("secret")?;
        let fresh = &temporary.place;
        let bytes = to_bytes(&record, &fresh.path.join(RECORD))?;
        write_fresh(fresh.fd.as_fd(), RECORD, &bytes, Durability::Durable)?;
        write_fresh(fresh.fd.as_fd(), DATA, &data.0, Durability::Durable)?;
        fresh.sync()?;
        if !temporary.place_at(secrets, &record.name)? {
            if !replace {
                return Err(SecretError::Exists { name: record.name });
            }
            // Both change places, and the old one goes: at every moment there is one.
            temporary.exchange_with(secrets, &record.name)?;
        }
        secrets.sync()?;
        Ok(record)
    }

    fn find_secret_by_name(&self, name: &str) -> Result<SecretRecord, SecretError> {
        let missing = || SecretError::NotFound { query: name.to_owned() };
        if !is_name(name) {
            return Err(missing());
        }
        let secrets = self.secrets()?;
        let record = format!("{name}/{RECORD}");
        let path = secrets.path.join(&record);
        match read_bytes(secrets.fd.as_fd(), &record, &path).and_then(|bytes| parse(&bytes, &path)) {
            Err(err) if err.is_not_found() => Err(missing()),
            other => Ok(other?),
        }
    }

    /// Finds a secret by name, id, or the beginning of an id.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn find_secret(&self, query: &str) -> Result<SecretRecord, SecretError> {
        match self.find_secret_by_name(query) {
            Err(SecretError::NotFound { .. }) => {}
            other => return other,
        }
        let mut found =
            self.list_secrets()?.into_iter().filter(|it| !query.is_empty() && it.id.starts_with(query));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(SecretError::Ambiguous { query: query.to_owned() }),
            _ => Err(SecretError::NotFound { query: query.to_owned() }),
        }
    }

    /// All secrets that can be read, by name.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list_secrets(&self) -> Result<Vec<SecretRecord>, FileError> {
        let mut found: Vec<SecretRecord> = self
            .secrets()?
            .list()?
            .iter()
            .filter_map(|entry| self.find_secret_by_name(entry.text()?).ok())
            .collect();
        found.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }

    /// A secret's data.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn secret_data(&self, name: &str) -> Result<SecretData, SecretError> {
        let secrets = self.secrets()?;
        let data = format!("{name}/{DATA}");
        let path = secrets.path.join(&data);
        match read_bytes(secrets.fd.as_fd(), &data, &path) {
            // Removed since it was found.
            Err(err) if err.is_not_found() => Err(SecretError::NotFound { query: name.to_owned() }),
            bytes => Ok(SecretData(bytes?)),
        }
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn remove_secret(&self, name: &str) -> Result<(), SecretError> {
        let secrets = self.secrets()?;
        if !self.discard(secrets, name)? {
            return Err(SecretError::NotFound { query: name.to_owned() });
        }
        secrets.sync()?;
        let _ = self.empty_trash();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDir;

    fn secret(name: &str) -> SecretRecord {
        SecretRecord { name: name.to_owned(), driver: "file".to_owned(), ..SecretRecord::default() }
    }

    fn data(text: &str) -> SecretData {
        SecretData(text.as_bytes().to_vec())
    }

    #[test]
    fn secrets_are_made_found_replaced_and_removed() {
        let test = TestDir::new();
        let store = test.store();
        let first = store.create_secret(secret("db"), &data("one"), false).unwrap();
        assert_eq!(first.id.len(), 25);
        assert!(matches!(
            store.create_secret(secret("db"), &data("two"), false),
            Err(SecretError::Exists { .. })
        ));
        let second = store.create_secret(secret("db"), &data("two"), true).unwrap();
        assert_eq!(second.created, first.created);
        assert_ne!(second.id, first.id);
        assert_eq!(store.find_secret(&second.id[..8]).unwrap(), second);
        assert_eq!(store.secret_data("db").unwrap(), data("two"));
        assert_eq!(store.list_secrets().unwrap(), [second]);
        store.remove_secret("db").unwrap();
        assert!(matches!(store.find_secret("db"), Err(SecretError::NotFound { .. })));
        assert!(matches!(store.remove_secret("db"), Err(SecretError::NotFound { .. })));
    }

    #[test]
    fn what_cannot_be_one_is_refused() {
        let test = TestDir::new();
        let store = test.store();
        for name in ["", ".", "..", "a/b", "a=b", "a,b", &"x".repeat(254)] {
            let made = store.create_secret(secret(name), &data("x"), false);
            assert!(matches!(made, Err(SecretError::BadName { .. })), "{name}");
        }
        for length in [0, MAX_SECRET + 1] {
            let made = store.create_secret(secret("a"), &SecretData(vec![1; length]), false);
            assert!(matches!(made, Err(SecretError::BadLength { .. })), "{length}");
        }
        assert!(!format!("{:?}", data("hunter2")).contains("hunter2"));
    }
}
