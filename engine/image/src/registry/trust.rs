//! Certificates for one server, given as values: whom we trust, and who we are.

use std::fmt;

use ureq::tls::{Certificate, ClientCert};

use super::tls;

/// What is known of a server and what it is shown. The key shows in no message.
#[derive(Clone, Default)]
pub struct Trust {
    /// The authorities that sign the server's certificate; `None` are the host's.
    pub(super) authorities: Option<Vec<Certificate<'static>>>,
    /// What the server is shown.
    pub(super) identity: Option<ClientCert>,
}

impl Trust {
    /// Trusts the authorities of a PEM text, and no others.
    ///
    /// # Errors
    /// Why it is none.
    pub fn authorities(mut self, text: &[u8]) -> Result<Self, String> {
        let found = tls::parse(text)?;
        self.authorities =
            Some(found.iter().map(|it| Certificate::from_der(it.as_ref()).to_owned()).collect());
        Ok(self)
    }

    /// Shows the server a certificate, whose key we have; both are PEM texts.
    ///
    /// # Errors
    /// Why they are none, or do not belong together.
    pub fn identity(mut self, certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let provider = rustls::crypto::ring::default_provider();
        self.identity = Some(tls::identity(tls::parse(certificate)?, key, "its key", &provider)?);
        Ok(self)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("authorities", &self.authorities.as_ref().map(Vec::len))
            .field("identity", &self.identity.is_some())
            .finish()
    }
}
