//! Secrets of containers: a container gets a copy when it is made, as in Podman, so that it starts as it did before whatever
//! becomes of the secret. What is seen in a variable is looked up at every start and by `exec`, as in Podman, too; there the copy
//! is for a secret that is gone. One that the service manager keeps (systemd.exec(5), "CREDENTIALS") is read at every start.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pontoon_storage::{SecretError, Store};

use crate::record::{ContainerRecord, SecretCopy};
use crate::request::{CreateRequest, SecretPlace, SecretUse};

/// The driver that keeps secrets in the store.
pub const FILE_DRIVER: &str = "file";
/// The driver whose secrets are credentials of the service manager's.
pub const CREDENTIAL_DRIVER: &str = "systemd-credential";
/// Option of that driver: the credential's name.
pub const CREDENTIAL: &str = "credential";

/// Where copies lie in a container's directory.
const DIRECTORY: &str = "secrets";

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// The store.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A copy.
    #[error("cannot {deed} the container's copy of secret `{name}`")]
    Copy {
        /// What was tried.
        deed: &'static str,
        /// The secret.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Nobody gave us credentials.
    #[error("secret `{name}` is a credential of the service manager's, and it gives us none")]
    NoCredentials {
        /// The secret.
        name: String,
    },
    /// A credential.
    #[error("cannot read the credential `{credential}` of secret `{name}`")]
    Credential {
        /// The secret.
        name: String,
        /// The credential.
        credential: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl UseError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Secret(SecretError::NotFound { query }) => {
                Some(format!("make it: printf %s VALUE | pontoon secret create {query} -"))
            }
            Self::Secret(err) => err.hint(),
            Self::NoCredentials { .. } => Some(
                "run the container in a unit that has LoadCredential= or SetCredentialEncrypted=".to_owned(),
            ),
            Self::Credential { credential, .. } => {
                Some(format!("the unit needs LoadCredential={credential}:PATH or the like"))
            }
            Self::Copy { .. } => None,
        }
    }
}

/// Looks up the secrets of a request. A credential of the unit that we are in, by its name, comes before the store's: who
/// wrote `LoadCredential=` beside `Secret=` meant that one, and needs no `secret create`.
///
/// # Errors
/// See [`UseError`].
pub fn find(
    store: &Store,
    request: &CreateRequest,
    credentials: Option<&OsStr>,
) -> Result<Vec<SecretCopy>, UseError> {
    let is_credential = |name: &str| {
        // A name with a slash would be looked for elsewhere.
        !name.contains('/') && credentials.is_some_and(|it| Path::new(it).join(name).is_file())
    };
    let look_up = |name: &str| {
        if is_credential(name) {
            let (id, name) = (String::new(), name.to_owned());
            return Ok(SecretCopy { id, credential: Some(name.clone()), name });
        }
        let secret = store.find_secret(name)?;
        let credential = (secret.driver == CREDENTIAL_DRIVER).then(|| {
            let given =
                secret.options.iter().find(|(key, _)| key == CREDENTIAL).map(|(_, value)| value.clone());
            given.unwrap_or_else(|| secret.name.clone())
        });
        Ok(SecretCopy { id: secret.id, name: secret.name, credential })
    };
    request.secrets.iter().map(|it| look_up(&it.name)).collect()
}

/// Who asked for a secret by its id sees it under its name all the same, unless another one was said.
pub fn use_names(request: &mut CreateRequest, secrets: &[SecretCopy]) {
    for (wanted, copy) in request.secrets.iter_mut().zip(secrets) {
        let (SecretPlace::Mount { target, .. } | SecretPlace::Env { name: target }) = &mut wanted.place;
        if *target == wanted.name {
            target.clone_from(&copy.name);
        }
        wanted.name.clone_from(&copy.name);
    }
}

/// Where copies lie.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The container's directory.
    pub directory: &'a Path,
    /// The one that a reboot clears, for what the service manager keeps in memory: it is not to come to a disk by us.
    pub run_directory: &'a Path,
}

impl Places<'_> {
    /// Where the copy of a container's secret with that number lies.
    #[must_use]
    pub fn copy_path(self, record: &ContainerRecord, number: usize) -> PathBuf {
        let is_credential = record.secrets.get(number).is_some_and(|it| it.credential.is_some());
        let directory = if is_credential { self.run_directory } else { self.directory };
        directory.join(DIRECTORY).join(number.to_string())
    }
}

/// Copies the data of a container's secrets to their places, as far as that was not done before. Gives the values of
/// those that are seen in variables, which are what the secrets are by now.
///
/// # Errors
/// See [`UseError`].
pub fn provide(
    store: &Store,
    record: &ContainerRecord,
    places: Places<'_>,
    credentials: Option<&OsStr>,
) -> Result<Vec<(String, String)>, UseError> {
    let mut variables = Vec::new();
    if record.secrets.is_empty() {
        return Ok(variables);
    }
    for (number, (copy, wanted)) in record.secrets.iter().zip(&record.request.secrets).enumerate() {
        let path = places.copy_path(record, number);
        let failed = |deed| move |source| UseError::Copy { deed, name: copy.name.clone(), source };
        let mode = match wanted.place {
            SecretPlace::Mount { mode, .. } => mode,
            SecretPlace::Env { .. } => 0o400,
        };
        if let Some(credential) = &copy.credential {
            let data = read_credential(&copy.name, credential, credentials)?;
            write(&path, &data, mode).map_err(failed("write"))?;
        } else if !path.exists() {
            let data = store.secret_data(&copy.name)?;
            write(&path, &data.0, mode).map_err(failed("write"))?;
        } else if matches!(wanted.place, SecretPlace::Env { .. })
            && let Some(data) = current(store, copy)
        {
            write(&path, &data, mode).map_err(failed("write"))?;
        }
        if let SecretPlace::Env { name } = &wanted.place {
            let data = std::fs::read(&path).map_err(failed("read"))?;
            variables.push((name.clone(), String::from_utf8_lossy(&data).into_owned()));
        }
    }
    Ok(variables)
}

/// What those secrets of a container that are seen in variables are by now, for a process that joins it. The others are in the
/// container's own environment.
#[must_use]
pub fn current_variables(store: &Store, record: &ContainerRecord) -> Vec<(String, String)> {
    let pairs = record.secrets.iter().zip(&record.request.secrets);
    let variable = |(copy, wanted): (&SecretCopy, &SecretUse)| {
        let SecretPlace::Env { name } = &wanted.place else { return None };
        let data = current(store, copy).filter(|_| copy.credential.is_none())?;
        Some((name.clone(), String::from_utf8_lossy(&data).into_owned()))
    };
    pairs.filter_map(variable).collect()
}

/// What the store's secret with that name is by now, if there is one.
fn current(store: &Store, copy: &SecretCopy) -> Option<Vec<u8>> {
    let there = store.find_secret(&copy.name).ok()?;
    // Nor is it one whose id begins so.
    let is_meant = there.name == copy.name && there.driver == FILE_DRIVER;
    is_meant.then(|| store.secret_data(&there.name).ok().map(|it| it.0)).flatten()
}

fn read_credential(name: &str, credential: &str, directory: Option<&OsStr>) -> Result<Vec<u8>, UseError> {
    let directory = directory.ok_or_else(|| UseError::NoCredentials { name: name.to_owned() })?;
    std::fs::read(Path::new(directory).join(credential)).map_err(|source| UseError::Credential {
        name: name.to_owned(),
        credential: credential.to_owned(),
        source,
    })
}

/// Writes a copy beside its place and gives it its name: it may belong to one of the container's users by now.
fn write(path: &Path, data: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let temporary = path.with_extension("new");
    let _ = std::fs::remove_file(&temporary);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(data)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    std::fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_asked_for_by_its_id_is_seen_by_its_name() {
        let asked = |place| SecretUse { name: "1e0c".to_owned(), place };
        let mount =
            |target: &str| SecretPlace::Mount { target: target.to_owned(), uid: 0, gid: 0, mode: 0o444 };
        let variable = |name: &str| SecretPlace::Env { name: name.to_owned() };
        let secrets =
            vec![asked(mount("1e0c")), asked(mount("/etc/x")), asked(variable("1e0c")), asked(variable("X"))];
        let mut request = CreateRequest { secrets, ..CreateRequest::default() };
        let copy = SecretCopy { id: "1e0cc349".to_owned(), name: "db".to_owned(), credential: None };
        use_names(&mut request, &vec![copy; 4]);
        let places: Vec<_> = request.secrets.iter().map(|it| it.place.clone()).collect();
        assert_eq!(places, [mount("db"), mount("/etc/x"), variable("db"), variable("X")]);
        assert!(request.secrets.iter().all(|it| it.name == "db"));
    }
}
