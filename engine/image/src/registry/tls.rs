//! Certificates: the host's, and what certs.d has for one registry.
//!
//! In a registry's directory, `*.crt` are CA certificates added to the host's, and `NAME.cert` with `NAME.key` prove who
//! we are (containers-certs.d(5)).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

use super::error::RegistryError;
use super::options::ClientOptions;

/// Certificates that all connections share.
#[derive(Debug, Default)]
pub(super) struct Tls {
    host_roots: OnceLock<Vec<Certificate<'static>>>,
    provider: OnceLock<Arc<CryptoProvider>>,
}

impl Tls {
    /// Makes the TLS settings for one registry.
    pub(super) fn config(
        &self,
        registry: &str,
        verify: bool,
        options: &ClientOptions,
    ) -> Result<TlsConfig, RegistryError> {
        let provider =
            self.provider.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone();
        let mut roots = Vec::new();
        let mut client = None;
        let mut trusts_host = true;
        match &options.trust {
            Some(trust) => {
                client.clone_from(&trust.identity);
                trusts_host = trust.authorities.is_none();
                roots.extend(trust.authorities.iter().flatten().cloned());
            }
            None => {
                for directory in directories(registry, options) {
                    read_directory(registry, &directory, &provider, &mut roots, &mut client)?;
                }
            }
        }
        let builder = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .client_cert(client);
        if !verify {
            return Ok(builder.disable_verification(true).build());
        }
        if trusts_host {
            roots.extend(self.host_roots.get_or_init(host_roots).iter().cloned());
        }
        Ok(builder.root_certs(RootCerts::new_with_certs(&roots)).build())
    }
}

/// Reads the host's CA certificates. A host that has none, or some that cannot be read, trusts only the others: then a
/// registry fails with an unknown issuer, which says enough.
fn host_roots() -> Vec<Certificate<'static>> {
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(|it| Certificate::from_der(it.as_ref()).to_owned()).collect()
}

fn directories(registry: &str, options: &ClientOptions) -> Vec<PathBuf> {
    // Certificates are kept under the name that images carry.
    let registry = if registry == "registry-1.docker.io" { "docker.io" } else { registry };
    match &options.cert_dir {
        Some(directory) => vec![directory.clone()],
        None => options.certs_dirs.iter().map(|directory| directory.join(registry)).collect(),
    }
}

fn read_directory(
    registry: &str,
    directory: &Path,
    provider: &CryptoProvider,
    roots: &mut Vec<Certificate<'static>>,
    client: &mut Option<ClientCert>,
) -> Result<(), RegistryError> {
    let fault = |path: &Path, reason: String| RegistryError::Certificate {
        registry: registry.to_owned(),
        path: path.to_owned(),
        reason,
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        // Podman, too, passes over directories that are closed to the user.
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(());
        }
        Err(err) => return Err(fault(directory, err.to_string())),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|err| fault(directory, err.to_string()))?.path());
    }
    paths.sort();
    for path in &paths {
        match path.extension().and_then(|it| it.to_str()) {
            Some("crt") => {
                for certificate in certificates(path).map_err(|reason| fault(path, reason))? {
                    roots.push(Certificate::from_der(&certificate).to_owned());
                }
            }
            Some("cert") => {
                let key_path = path.with_extension("key");
                if !paths.contains(&key_path) {
                    return Err(fault(path, format!("its key `{}` is missing", key_path.display())));
                }
                *client = Some(pair(path, &key_path, provider).map_err(|reason| fault(path, reason))?);
            }
            Some("key") if !paths.contains(&path.with_extension("cert")) => {
                let reason =
                    "its certificate is missing; CA certificates are named .crt, client certificates .cert";
                return Err(fault(path, reason.to_owned()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    parse(&std::fs::read(path).map_err(|err| err.to_string())?)
}

/// The certificates of a PEM text; there is at least one.
pub(super) fn parse(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(found) if found.is_empty() => Err("it has no PEM certificate".to_owned()),
        Ok(found) => Ok(found),
        Err(err) => Err(format!("it is no PEM certificate: {err}")),
    }
}

/// Reads a client certificate and its key, and makes sure that they belong together.
fn pair(path: &Path, key_path: &Path, provider: &CryptoProvider) -> Result<ClientCert, String> {
    let chain = certificates(path)?;
    let text = std::fs::read(key_path).map_err(|err| format!("`{}`: {err}", key_path.display()))?;
    identity(chain, &text, &format!("`{}`", key_path.display()), provider)
}

/// A client certificate with its key, which is a PEM text that is called `name` in errors.
pub(super) fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: &[u8],
    name: &str,
    provider: &CryptoProvider,
) -> Result<ClientCert, String> {
    let no_key = |err: &dyn std::fmt::Display| format!("{name} is no PEM key: {err}");
    let parsed = PrivateKeyDer::from_pem_slice(key).map_err(|err| no_key(&err))?;
    let converted = PrivateKey::from_pem(key).map_err(|err| no_key(&err))?;
    // The HTTP library takes for granted that they fit.
    CertifiedKey::from_der(chain.clone(), parsed, provider)
        .map_err(|err| format!("it does not go with {name}: {err}"))?;
    let chain: Vec<_> = chain.iter().map(|it| Certificate::from_der(it.as_ref()).to_owned()).collect();
    Ok(ClientCert::new_with_certs(&chain, converted))
}
