//! Exchanges with one web server that is no registry.

use std::io::Read;

use super::address::Address;
use super::fetch::FetchError;
use super::http::{Ask, Http, HttpError, Sending, transport_io};
use super::options::ClientOptions;

/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

/// A server, and how we come to it. It has no `Debug`, since it carries secrets.
pub struct Server {
    http: Http,
    base: String,
    authorization: Option<String>,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status: 200 and the like.
    pub status: u16,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl Server {
    /// A server by the address that paths are added to. `authorization` is shown to it with each request. Nothing is connected
    /// yet.
    ///
    /// # Errors
    /// If it is no address.
    pub fn new(
        base: &str,
        authorization: Option<String>,
        options: ClientOptions,
    ) -> Result<Self, FetchError> {
        let base = base.trim_end_matches('/').to_owned();
        Address::parse(&base).ok_or_else(|| FetchError::Address { address: base.clone() })?;
        Ok(Self { http: Http::new(options), base, authorization })
    }

    /// Asks for a path, which begins with a slash; `body` is a media type and a text. No redirect is followed: whom we trust
    /// and what we show is meant for this server.
    ///
    /// # Errors
    /// If there is no whole answer; whatever the server answers is none.
    pub fn exchange(
        &self,
        method: &'static str,
        path: &str,
        body: Option<(&'static str, String)>,
    ) -> Result<Answered, FetchError> {
        let address = format!("{}{path}", self.base);
        let given = || address.clone();
        let parsed = Address::parse(&address).ok_or_else(|| FetchError::Address { address: given() })?;
        let mut ask = Ask::get(parsed.clone());
        ask.method = method;
        ask.headers.push(("accept", "application/json".to_owned()));
        ask.body = body.map(|(kind, text)| Sending { kind, text });
        let verify = self.http.options().tls_verify != Some(false);
        let answer = self.http.exchange(&ask, &parsed, self.authorization.as_ref(), verify);
        let answer = answer.map_err(|error| match error {
            HttpError::Transport(source) => FetchError::Connect { address: given(), source },
            HttpError::Refused { target, reason } => {
                FetchError::Redirect { address: given(), target, reason }
            }
            HttpError::Registry(source) => {
                FetchError::Certificates { address: given(), source: Box::new(source) }
            }
        })?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        let read = answer.into_body().into_reader().take(MAX_ANSWER + 1).read_to_end(&mut bytes);
        read.map_err(|source| FetchError::Connect { address: given(), source: transport_io(source) })?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_ANSWER) {
            return Err(FetchError::TooLarge { address: given(), limit: MAX_ANSWER });
        }
        Ok(Answered { status, bytes })
    }
}
