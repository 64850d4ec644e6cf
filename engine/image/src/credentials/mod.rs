//! Who we are to a registry: auth.json, Docker's config.json and credential helpers.
//!
//! Looks where Podman looks, in its order (containers-auth.json(5)). It never writes, and prints no secret: the `Debug` of
//! everything here leaves secrets out.

mod file;
mod helper;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::reference::Reference;

/// The helper name that means the files.
const FILES: &str = "containers-auth.json";

/// What proves who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that the token server changes into others.
    IdentityToken(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::Basic { username, .. } => write!(formatter, "Basic({username})"),
            Credential::IdentityToken(_) => formatter.write_str("IdentityToken"),
        }
    }
}

impl Credential {
    /// Parses `name:password`, as `--creds` has it.
    pub fn parse(text: &str) -> Option<Credential> {
        let (username, password) = text.split_once(':')?;
        (!username.is_empty())
            .then(|| Credential::Basic { username: username.to_owned(), password: password.to_owned() })
    }
}

/// The formats of credential files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFormat {
    /// auth.json and config.json.
    Auths,
    /// The old ~/.dockercfg, which has the registries at its top.
    Dockercfg,
}

/// One file that may hold credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFile {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: AuthFormat,
    /// Whether somebody named it, so that its absence is an error.
    pub required: bool,
}

/// The files to look into, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialPaths {
    /// The files.
    pub files: Vec<AuthFile>,
}

impl CredentialPaths {
    /// Returns the files Podman uses: `--authfile` alone, or `$REGISTRY_AUTH_FILE` alone, or the usual ones.
    pub fn standard(environment: &Environment, authfile: Option<&Path>, uid: u32) -> CredentialPaths {
        // The variable stands in profiles, of users that have not logged in yet, too.
        let named = authfile.filter(|path| !path.as_os_str().is_empty()).map(|path| (path.to_owned(), true));
        if let Some((path, required)) =
            named.or_else(|| environment.path("REGISTRY_AUTH_FILE").map(|path| (path, false)))
        {
            return CredentialPaths { files: vec![AuthFile { path, format: AuthFormat::Auths, required }] };
        }
        let home = environment.path("HOME");
        let in_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
        let runtime = environment
            .path("XDG_RUNTIME_DIR")
            .map(|dir| dir.join("containers/auth.json"))
            .unwrap_or_else(|| PathBuf::from(format!("/run/containers/{uid}/auth.json")));
        let config = environment.path("XDG_CONFIG_HOME").or_else(|| in_home(".config"));
        let docker = environment.path("DOCKER_CONFIG").or_else(|| in_home(".docker"));
        let auths = [
            Some(runtime),
            config.map(|dir| dir.join("containers/auth.json")),
            docker.map(|dir| dir.join("config.json")),
        ];
        let file = |path, format| AuthFile { path, format, required: false };
        let mut files: Vec<AuthFile> =
            auths.into_iter().flatten().map(|path| file(path, AuthFormat::Auths)).collect();
        files.extend(in_home(".dockercfg").map(|path| file(path, AuthFormat::Dockercfg)));
        CredentialPaths { files }
    }
}

/// Says why credentials could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not the JSON it should be.
    #[error("`{path}` is no credential file")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
    /// An entry is not base64 of `name:password`.
    #[error("`{path}` has an entry for `{key}` that is not base64 of name:password")]
    Entry {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
    },
    /// The name of a helper is no program name.
    #[error("`{name}` cannot be the name of a credential helper")]
    HelperName {
        /// The name.
        name: String,
    },
    /// A helper cannot be run.
    #[error("cannot run `docker-credential-{name}`")]
    HelperStart {
        /// The helper.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A helper failed.
    #[error("`docker-credential-{name}` failed: {message}")]
    HelperFailed {
        /// The helper.
        name: String,
        /// What it said.
        message: String,
    },
    /// A helper answered something else than JSON.
    #[error("`docker-credential-{name}` gave no usable answer")]
    HelperAnswer {
        /// The helper.
        name: String,
        /// Where and what.
        #[source]
        source: serde_json::Error,
    },
}

impl CredentialError {
    /// Returns what could be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            CredentialError::HelperStart { name, .. } => Some(format!(
                "install docker-credential-{name} somewhere in $PATH, or take `{name}` out of the file"
            )),
            CredentialError::Entry { path, .. } => {
                Some(format!("write the entry anew with `podman login --authfile {}`", path.display()))
            }
            _ => None,
        }
    }
}

/// Finds credentials for images.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    explicit: Option<Credential>,
    paths: CredentialPaths,
    helpers: Vec<String>,
    environment: Environment,
}

impl Credentials {
    /// Makes a finder that has nothing to find.
    pub fn none() -> Credentials {
        Credentials::default()
    }

    /// Makes a finder that shows the same credentials to every registry, as `--creds` asks.
    pub fn explicit(credential: Credential) -> Credentials {
        Credentials { explicit: Some(credential), ..Credentials::default() }
    }

    /// Makes a finder in these files; `helpers` is `credential-helpers` of registries.conf (empty: only the files), and
    /// the helpers are run with `environment`.
    pub fn new(paths: CredentialPaths, helpers: Vec<String>, environment: Environment) -> Credentials {
        Credentials { explicit: None, paths, helpers, environment }
    }

    /// Returns the credentials for an image, if there are any. The longest entry that its name begins with wins.
    pub fn find(&self, image: &Reference) -> Result<Option<Credential>, CredentialError> {
        if self.explicit.is_some() {
            return Ok(self.explicit.clone());
        }
        let in_files = [FILES.to_owned()];
        let helpers = if self.helpers.is_empty() { &in_files[..] } else { &self.helpers };
        for helper in helpers {
            let found = match helper.as_str() {
                FILES => self.find_in_files(image)?,
                name => helper::get(name, image.domain(), &self.environment)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn find_in_files(&self, image: &Reference) -> Result<Option<Credential>, CredentialError> {
        for auth_file in &self.paths.files {
            let Some(contents) = file::read(auth_file)? else { continue };
            let domain = image.domain();
            if let Some(name) = contents.helper_for(domain) {
                return helper::get(name, domain, &self.environment);
            }
            if let Some(found) = contents.find(image)? {
                return Ok(Some(found));
            }
            if let Some(name) = contents.store() {
                // Docker keeps its own registry under the address it had in the beginning.
                let server = if domain == "docker.io" { "https://index.docker.io/v1/" } else { domain };
                if let Some(found) = helper::get(name, server, &self.environment)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
