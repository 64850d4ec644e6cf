//! What can go wrong with a registry, in words that say what to do.

use std::io;
use std::path::PathBuf;

use crate::credentials::CredentialError;
use crate::digest::VerifyError;
use crate::manifest::ManifestError;

/// Says why a request got no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The kernel or the peer broke it off.
    #[error(transparent)]
    Io(io::Error),
    /// The peer speaks http where https was expected.
    #[error("the server speaks http, not https")]
    NoTls,
    /// The name of the host has no address.
    #[error("the host name has no address")]
    HostNotFound,
    /// It took too long.
    #[error("no answer in time ({what})")]
    Timeout {
        /// What was waited for.
        what: &'static str,
    },
    /// The peer is not whom it should be, or speaks no TLS.
    #[error("TLS: {0}")]
    Tls(Box<str>),
    /// The proxy did not let us through.
    #[error("the proxy refused the connection: {0}")]
    Proxy(Box<str>),
    /// The peer speaks something else than HTTP.
    #[error("{0}")]
    Protocol(Box<str>),
    /// It was stopped from outside.
    #[error("cancelled")]
    Cancelled,
}

/// Says why a registry did not give what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer.
    #[error("cannot reach registry {registry}")]
    Connect {
        /// Host, with its port if it has one.
        registry: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// The transfer of a blob broke, more often than we try.
    #[error("the transfer of {what} from {registry} broke")]
    Broken {
        /// Host.
        registry: String,
        /// Manifest or blob.
        what: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// It does not let us in (401).
    #[error("registry {registry} refuses access to {repository}: {detail}")]
    Unauthorized {
        /// Host.
        registry: String,
        /// Repository.
        repository: String,
        /// What it said.
        detail: String,
        /// Whether we showed credentials.
        with_credentials: bool,
    },
    /// It does not have the image (404).
    #[error("registry {registry} has no {what}: {detail}")]
    NotFound {
        /// Host.
        registry: String,
        /// What was asked for.
        what: String,
        /// What it said.
        detail: String,
    },
    /// It says we ask too often (429).
    #[error("registry {registry} limits how often it may be asked: {detail}")]
    RateLimited {
        /// Host.
        registry: String,
        /// What it said.
        detail: String,
    },
    /// It answered something else.
    #[error("registry {registry} answered {status} for {what}: {detail}")]
    Status {
        /// Host.
        registry: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// It asks for a way of authentication we do not have.
    #[error("registry {registry} asks for authentication we do not know: `{challenge}`")]
    Challenge {
        /// Host.
        registry: String,
        /// What it asks for.
        challenge: String,
    },
    /// Its token server must not be asked.
    #[error("registry {registry} names the token server `{realm}`, which is refused: {reason}")]
    Realm {
        /// Host.
        registry: String,
        /// The address.
        realm: String,
        /// Why.
        reason: &'static str,
    },
    /// Its token server gave nothing usable.
    #[error("the token server of {registry} answered nothing usable")]
    Token {
        /// Host.
        registry: String,
    },
    /// It sends us somewhere we do not go.
    #[error("registry {registry} redirects to `{target}`, which is refused: {reason}")]
    Redirect {
        /// Host.
        registry: String,
        /// The address.
        target: String,
        /// Why.
        reason: &'static str,
    },
    /// What it sent is too large.
    #[error("registry {registry} sent more than {limit} bytes for {what}")]
    TooLarge {
        /// Host.
        registry: String,
        /// What was asked for.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// What it sent is not what was asked for.
    #[error("registry {registry} sent wrong content for {what}")]
    Content {
        /// Host.
        registry: String,
        /// What was asked for.
        what: String,
        /// Why.
        #[source]
        source: VerifyError,
    },
    /// Its manifest is unusable.
    #[error("registry {registry} sent an unusable manifest for {what}")]
    Manifest {
        /// Host.
        registry: String,
        /// What was asked for.
        what: String,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// registries.conf forbids it.
    #[error("registry {registry} is blocked by {path}:{line}")]
    Blocked {
        /// Prefix of the entry.
        registry: String,
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// A certificate or key for it cannot be used.
    #[error("cannot use `{path}` for registry {registry}: {reason}")]
    Certificate {
        /// Host.
        registry: String,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The address of the proxy cannot be used.
    #[error("the proxy address `{proxy}` cannot be used")]
    Proxy {
        /// The address, without its password.
        proxy: String,
    },
    /// Credentials for it could not be had.
    #[error("cannot get the credentials for registry {registry}")]
    Credentials {
        /// Host.
        registry: String,
        /// Why.
        #[source]
        source: CredentialError,
    },
    /// Neither a mirror nor the registry itself had it; the last word is the registry's own.
    #[error("no mirror and not the registry itself could give {what} ({mirrors})")]
    Mirrors {
        /// What was asked for.
        what: String,
        /// What each mirror said.
        mirrors: String,
        /// What the registry itself said.
        #[source]
        source: Box<RegistryError>,
    },
    /// registries.conf says digests only come from mirrors that all failed, or the like.
    #[error("cannot make an address for `{image}` from the entry at {path}:{line}")]
    Rewrite {
        /// The image.
        image: String,
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
}

impl RegistryError {
    /// Returns what could be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            RegistryError::Connect { registry, source } => connect_hint(registry, source),
            RegistryError::Unauthorized { registry, with_credentials: false, .. } => Some(format!(
                "the image may be private or misspelt; to show who you are, run `podman login {registry}` or put the \
                 credentials into auth.json"
            )),
            RegistryError::Unauthorized { registry, .. } => Some(format!(
                "the credentials for {registry} in auth.json may be out of date, or lack the right to pull"
            )),
            RegistryError::NotFound { .. } => Some("check the spelling of the name and the tag".to_owned()),
            RegistryError::RateLimited { registry, .. } => {
                Some(format!("wait, log in to {registry}, or name a mirror of it in registries.conf"))
            }
            RegistryError::Mirrors { source, .. } => source.hint(),
            RegistryError::Credentials { source, .. } => source.hint(),
            _ => None,
        }
    }

    /// Tells whether the registry could not be reached or failed on its own, so that asking later or elsewhere helps.
    pub fn is_unavailable(&self) -> bool {
        match self {
            RegistryError::Connect { .. }
            | RegistryError::Broken { .. }
            | RegistryError::RateLimited { .. } => true,
            RegistryError::Status { status, .. } => *status >= 500,
            RegistryError::Mirrors { source, .. } => source.is_unavailable(),
            _ => false,
        }
    }

    /// Tells whether the registry says there is no such image.
    pub fn is_not_found(&self) -> bool {
        match self {
            RegistryError::NotFound { .. } => true,
            RegistryError::Mirrors { source, .. } => source.is_not_found(),
            _ => false,
        }
    }
}

fn connect_hint(registry: &str, source: &TransportError) -> Option<String> {
    match source {
        TransportError::NoTls => Some(format!(
            "if {registry} has no TLS, mark it `insecure = true` in registries.conf or use --tls-verify=false"
        )),
        TransportError::Tls(_) => Some(format!(
            "put the registry's CA certificate into /etc/containers/certs.d/{registry}/ca.crt, or, if it has none, mark \
             it `insecure = true` in registries.conf or use --tls-verify=false"
        )),
        TransportError::Io(err) if err.kind() == io::ErrorKind::ConnectionRefused => {
            Some(format!("nothing listens at {registry}; is the registry running, and is the port right?"))
        }
        TransportError::HostNotFound => {
            Some("check the spelling of the registry, and the network".to_owned())
        }
        TransportError::Timeout { .. } => {
            Some("check the network; behind a proxy, set HTTPS_PROXY".to_owned())
        }
        _ => None,
    }
}
