//! One file from a web server, for whoever is given an address instead of a path.

use std::io::{self, Read};

use super::address::Address;
use super::error::{RegistryError, TransportError};
use super::http::{Ask, Http, HttpError, detail, header, transport_io};
use super::options::ClientOptions;

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What the server calls it, else the last part of the address; it may hold anything but a slash.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no address.
    #[error("`{address}` is no http or https address")]
    Address {
        /// As given.
        address: String,
    },
    /// No answer.
    #[error("cannot reach `{address}`")]
    Connect {
        /// As given.
        address: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// The certificates cannot be used.
    #[error("cannot reach `{address}`")]
    Certificates {
        /// As given.
        address: String,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// A redirect that is not followed.
    #[error("`{address}` leads to `{target}`: {reason}")]
    Redirect {
        /// As given.
        address: String,
        /// Where it leads.
        target: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// The server has no such file.
    #[error("`{address}` answers {detail}")]
    Status {
        /// As given.
        address: String,
        /// What the server says.
        detail: String,
    },
    /// It is too large.
    #[error("`{address}` holds more than {limit} bytes")]
    TooLarge {
        /// As given.
        address: String,
        /// The most that was wanted.
        limit: u64,
    },
}

/// Fetches a file of at most `limit` bytes; certificates are always checked.
pub fn fetch(address: &str, options: ClientOptions, limit: u64) -> Result<Fetched, FetchError> {
    let given = || address.to_owned();
    let parsed = Address::parse(address).ok_or_else(|| FetchError::Address { address: given() })?;
    let http = Http::new(options);
    let answer = http.send(&Ask::get(parsed.clone()), true).map_err(|error| match error {
        HttpError::Transport(source) => FetchError::Connect { address: given(), source },
        HttpError::Refused { target, reason } => FetchError::Redirect { address: given(), target, reason },
        HttpError::Registry(source) => {
            FetchError::Certificates { address: given(), source: Box::new(source) }
        }
    })?;
    if answer.status().as_u16() != 200 {
        return Err(FetchError::Status { address: given(), detail: detail(answer) });
    }
    let called = header(answer.headers(), "content-disposition").and_then(file_name);
    let path = parsed.target.split('?').next().unwrap_or_default();
    let name = called.or_else(|| path.rsplit('/').next()).unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    let read = answer.into_body().into_reader().take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source: io::Error| FetchError::Connect { address: given(), source: transport_io(source) })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(FetchError::TooLarge { address: given(), limit });
    }
    Ok(Fetched { name, bytes })
}

/// The name in `attachment; filename="web.container"`, RFC 6266.
fn file_name(disposition: &str) -> Option<&str> {
    let value = disposition.split(';').find_map(|part| part.trim().strip_prefix("filename="))?;
    let name = value.trim().trim_matches('"');
    // Whatever directory the server has in mind is none of ours.
    name.rsplit(['/', '\\']).next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_server_may_say_what_a_file_is_called() {
        assert_eq!(file_name(r#"attachment; filename="web.container""#), Some("web.container"));
        assert_eq!(file_name("attachment; filename=../../web.container"), Some("web.container"));
        assert_eq!(file_name("inline"), None);
    }
}
