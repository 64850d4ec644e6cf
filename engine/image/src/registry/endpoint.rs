//! One registry as we talk to it: whether by https or http, who we are, which tokens we hold, and trying again.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;

use super::address::Address;
use super::challenge::{self, Challenge};
use super::error::{RegistryError, TransportError};
use super::http::{self, Answer, Ask, Http, HttpError, detail, header};
use super::token::{Token, basic};
use crate::credentials::Credential;
use crate::source::Progress;

/// The longest that a `Retry-After` is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// A registry, for one repository's reader.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) http: Arc<Http>,
    /// As people know it; in messages.
    pub(super) registry: String,
    /// As it is reached.
    authority: String,
    pub(super) insecure: bool,
    pub(super) credential: Option<Credential>,
    session: Mutex<Session>,
}

#[derive(Debug, Default)]
struct Session {
    https: Option<bool>,
    challenge: Option<Challenge>,
    tokens: HashMap<String, Token>,
}

/// What is asked of a registry.
pub(super) struct Request<'a> {
    pub method: &'static str,
    pub repository: &'a str,
    /// After `/v2/REPOSITORY/`.
    pub path: &'a str,
    pub headers: Vec<(&'static str, String)>,
    /// What it is, in messages.
    pub what: &'a str,
}

impl Endpoint {
    pub(super) fn new(
        http: Arc<Http>,
        domain: &str,
        insecure: bool,
        credential: Option<Credential>,
    ) -> Endpoint {
        let insecure = match http.options().tls_verify {
            Some(verify) => !verify,
            None => insecure,
        };
        // Docker Hub answers under another name than its images carry.
        let authority = if domain == "docker.io" { "registry-1.docker.io" } else { domain };
        Endpoint {
            http,
            registry: domain.to_owned(),
            authority: authority.to_owned(),
            insecure,
            credential,
            session: Mutex::default(),
        }
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request, with tries, tokens and redirects, and returns an answer of status 2xx.
    pub(super) fn ask(
        &self,
        request: &Request<'_>,
        progress: &dyn Progress,
    ) -> Result<Answer, RegistryError> {
        self.trying(request.what, progress, || self.ask_once(request))
    }

    /// The same, with a body of at most `limit` bytes.
    pub(super) fn fetch(
        &self,
        request: &Request<'_>,
        limit: u64,
        progress: &dyn Progress,
    ) -> Result<(HeaderMap, Vec<u8>), RegistryError> {
        self.trying(request.what, progress, || {
            let (parts, body) = self.ask_once(request)?.into_parts();
            let mut bytes = Vec::new();
            body.into_reader()
                .take(limit + 1)
                .read_to_end(&mut bytes)
                .map_err(|err| (self.broken(request.what, http::transport_io(err)), None))?;
            if bytes.len() as u64 > limit {
                let (registry, what) = (self.registry.clone(), request.what.to_owned());
                return Err((RegistryError::TooLarge { registry, what, limit }, None));
            }
            Ok((parts.headers, bytes))
        })
    }

    /// Does something again, after a while, when its failure may pass; the second part of an error is how long the
    /// registry wants us to wait.
    fn trying<T>(
        &self,
        what: &str,
        progress: &dyn Progress,
        mut deed: impl FnMut() -> Result<T, (RegistryError, Option<Duration>)>,
    ) -> Result<T, RegistryError> {
        let options = self.http.options();
        let mut delay = options.retry_delay;
        let mut tried = 1;
        loop {
            let (err, wait) = match deed() {
                Err((err, wait)) if tried < options.tries && is_worth_another_try(&err) => (err, wait),
                result => return result.map_err(|(err, _)| err),
            };
            progress.retrying(what, &err.to_string());
            if options.cancel.wait(wait.unwrap_or(delay)) {
                return Err(self.broken(what, TransportError::Cancelled));
            }
            delay = delay.saturating_mul(2).min(MAX_RETRY_AFTER);
            tried += 1;
        }
    }

    /// Sends a request once, and once more with a new token if it was refused for that.
    fn ask_once(&self, request: &Request<'_>) -> Result<Answer, (RegistryError, Option<Duration>)> {
        let plain = |err| (err, None);
        let https = self.scheme().map_err(plain)?;
        let scope = format!("repository:{}:pull", request.repository);
        let mut renewed = false;
        loop {
            let authorization = self.authorization(&scope).map_err(plain)?;
            let target = format!("/v2/{}/{}", request.repository, request.path);
            let address = self.address(https, &target).map_err(plain)?;
            let ask = Ask {
                method: request.method,
                address,
                headers: request.headers.clone(),
                authorization: authorization.clone(),
                body: None,
            };
            let answer = self.http.send(&ask, !self.insecure).map_err(|err| plain(self.http_error(err)))?;
            let status = answer.status().as_u16();
            if status != 401 || renewed {
                return self.judge(answer, request, authorization.is_some());
            }
            renewed = true;
            // The token may have grown old, or the registry wants another scope than the usual one.
            self.note_challenge(answer.headers(), &scope).map_err(plain)?;
        }
    }

    fn judge(
        &self,
        answer: Answer,
        request: &Request<'_>,
        authorized: bool,
    ) -> Result<Answer, (RegistryError, Option<Duration>)> {
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let wait = header(answer.headers(), "retry-after")
            .and_then(|value| value.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
        let registry = self.registry.clone();
        let what = request.what.to_owned();
        let detail = detail(answer);
        let error = match status {
            401 | 403 => RegistryError::Unauthorized {
                registry,
                repository: request.repository.to_owned(),
                detail,
                with_credentials: authorized && self.credential.is_some(),
            },
            404 => RegistryError::NotFound { registry, what, detail },
            429 => RegistryError::RateLimited { registry, detail },
            _ => RegistryError::Status { registry, what, status, detail },
        };
        Err((error, wait))
    }

    pub(super) fn address(&self, https: bool, target: &str) -> Result<Address, RegistryError> {
        Address::new(https, &self.authority, target).ok_or_else(|| RegistryError::Connect {
            registry: self.registry.clone(),
            source: TransportError::HostNotFound,
        })
    }

    pub(super) fn http_error(&self, err: HttpError) -> RegistryError {
        let registry = self.registry.clone();
        match err {
            HttpError::Transport(source) => RegistryError::Connect { registry, source },
            HttpError::Refused { target, reason } => RegistryError::Redirect { registry, target, reason },
            HttpError::Registry(err) => err,
        }
    }

    pub(super) fn broken(&self, what: &str, source: TransportError) -> RegistryError {
        RegistryError::Broken { registry: self.registry.clone(), what: what.to_owned(), source }
    }

    /// Finds out, once, whether the registry speaks https; http is only tried where it is allowed. Its challenge is
    /// noted on the way.
    fn scheme(&self) -> Result<bool, RegistryError> {
        let mut session = self.session();
        if let Some(https) = session.https {
            return Ok(https);
        }
        let ping = |https: bool| -> Result<Answer, RegistryError> {
            let ask = Ask::get(self.address(https, "/v2/")?);
            self.http.send(&ask, !self.insecure).map_err(|err| self.http_error(err))
        };
        let (https, answer) = match ping(true) {
            Ok(answer) => (true, answer),
            Err(first) if self.insecure => match ping(false) {
                Ok(answer) => (false, answer),
                // What https said counts, unless http got further.
                Err(second) => return Err(if is_refusal(&second) { first } else { second }),
            },
            Err(err) => return Err(err),
        };
        if answer.status().as_u16() >= 500 || answer.status().as_u16() == 429 {
            let status = answer.status().as_u16();
            let (registry, what) = (self.registry.clone(), "the version check".to_owned());
            return Err(RegistryError::Status { registry, what, status, detail: detail(answer) });
        }
        session.challenge = self.read_challenge(answer.headers())?;
        session.https = Some(https);
        Ok(https)
    }

    fn read_challenge(&self, headers: &HeaderMap) -> Result<Option<Challenge>, RegistryError> {
        challenge::read(headers)
            .map_err(|challenge| RegistryError::Challenge { registry: self.registry.clone(), challenge })
    }

    fn note_challenge(&self, headers: &HeaderMap, scope: &str) -> Result<(), RegistryError> {
        let challenge = self.read_challenge(headers)?;
        let mut session = self.session();
        session.tokens.remove(scope);
        if challenge.is_some() {
            session.challenge = challenge;
        }
        Ok(())
    }

    /// Returns what shows who we are. Threads wait for one another here, so that one token serves them all.
    fn authorization(&self, scope: &str) -> Result<Option<String>, RegistryError> {
        let mut session = self.session();
        match session.challenge.clone() {
            None => Ok(None),
            Some(Challenge::Basic) => match &self.credential {
                Some(Credential::Basic { username, password }) => Ok(Some(basic(username, password))),
                _ => Ok(None),
            },
            Some(Challenge::Bearer { realm, service, scope: asked }) => {
                if let Some(token) = session.tokens.get(scope)
                    && token.until > Instant::now()
                {
                    return Ok(Some(format!("Bearer {}", token.value)));
                }
                // A challenge to a request names the scope best. The one to the version check knows no repository, and
                // some registries make one up for it.
                let own = scope.trim_end_matches("pull");
                let wanted = asked.filter(|it| it.starts_with(own)).unwrap_or_else(|| scope.to_owned());
                let token =
                    self.fetch_token(&realm, service.as_deref(), &wanted, session.https == Some(true))?;
                let value = format!("Bearer {}", token.value);
                session.tokens.insert(scope.to_owned(), token);
                Ok(Some(value))
            }
        }
    }
}

/// Tells whether nothing listens there at all.
fn is_refusal(err: &RegistryError) -> bool {
    matches!(
        err,
        RegistryError::Connect { source: TransportError::Io(_) | TransportError::Timeout { .. }, .. }
    )
}

fn is_worth_another_try(err: &RegistryError) -> bool {
    match err {
        RegistryError::RateLimited { .. } => true,
        RegistryError::Status { status, .. } => matches!(status, 500 | 502 | 503 | 504),
        RegistryError::Connect { source: TransportError::Io(err), .. }
        | RegistryError::Broken { source: TransportError::Io(err), .. } => matches!(
            err.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        ),
        RegistryError::Connect { source: TransportError::Timeout { what }, .. } => *what != "connecting",
        _ => false,
    }
}
