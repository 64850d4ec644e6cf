//! The registry client as this user and this host have it set up.

use std::path::PathBuf;

use pontoon_image::{
    ClientOptions, Credential, CredentialPaths, Credentials, Environment, Policy, PolicyError,
    RegistriesConf, RegistriesError, RegistriesPaths, RegistryClient,
};
use pontoon_rootless::idmap::IdMaps;
use pontoon_storage::{Ownership, UnpackOptions, XattrMode};

use crate::host::Host;
use crate::pull::PullOptions;

/// What a command says about registries.
#[derive(Debug, Clone, Default)]
pub struct RegistryWishes {
    /// `--authfile`.
    pub authfile: Option<PathBuf>,
    /// `--cert-dir`.
    pub cert_dir: Option<PathBuf>,
    /// `--creds`.
    pub credentials: Option<Credential>,
    /// `--tls-verify`.
    pub tls_verify: Option<bool>,
}

/// How this user's files are unpacked.
#[must_use]
pub fn unpack_options(host: &Host, maps: Option<&IdMaps>) -> UnpackOptions {
    // With one id there is nobody else to give files to.
    let ownership =
        if maps.is_some_and(IdMaps::is_single) { Ownership::SquashToCaller } else { Ownership::Keep };
    let xattr_mode = if host.is_rootless() { XattrMode::User } else { XattrMode::Trusted };
    UnpackOptions { ownership, xattr_mode }
}

/// Why registries cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// registries.conf.
    #[error(transparent)]
    Registries(#[from] RegistriesError),
    /// policy.json.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// A client, and the configuration that short names are resolved by. The policy for images goes into `options`.
///
/// # Errors
/// If a configuration file cannot be understood.
pub fn client(
    host: &Host,
    wishes: &RegistryWishes,
    options: &mut PullOptions,
) -> Result<(RegistryClient, RegistriesConf), AcquireError> {
    let environment: Environment = host.environment.iter().collect();
    options.policy = Policy::read(&Policy::standard_paths(&environment))?;
    let conf = RegistriesConf::read(&RegistriesPaths::standard(&environment, host.is_rootless()))?;
    let client_options = ClientOptions {
        tls_verify: wishes.tls_verify,
        cert_dir: wishes.cert_dir.clone(),
        cancel: options.cancel.clone(),
        ..ClientOptions::standard(&environment)
    };
    let credentials = match &wishes.credentials {
        Some(given) => Credentials::explicit(given.clone()),
        None => {
            let paths = CredentialPaths::standard(&environment, wishes.authfile.as_deref(), host.uid);
            Credentials::new(paths, conf.credential_helpers.clone(), environment)
        }
    };
    Ok((RegistryClient::new(client_options, conf.clone(), credentials), conf))
}
