//! One HTTP exchange at a time: connections, redirects, and what their failures mean.
//!
//! It knows hosts, not registries: nothing about tokens or manifests.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use ureq::http::{HeaderMap, Request, Response};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Proxy};

use super::address::Address;
use super::error::{RegistryError, TransportError};
use super::options::ClientOptions;
use super::resolve::HostResolver;
use super::tls::Tls;

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 10;
/// Bytes of an answer that explains a failure.
const MAX_DETAIL: u64 = 16 << 10;

/// An answer.
pub(super) type Answer = Response<Body>;

/// A request that can be sent again. It has no `Debug`, since it carries secrets.
#[derive(Clone)]
pub(super) struct Ask {
    pub method: &'static str,
    pub address: Address,
    pub headers: Vec<(&'static str, String)>,
    /// Shown to the server of `address` only.
    pub authorization: Option<String>,
    /// What is sent; a redirect does not get it.
    pub body: Option<Sending>,
}

/// What a request sends.
#[derive(Clone)]
pub(super) struct Sending {
    /// Its media type.
    pub kind: &'static str,
    pub text: String,
}

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

impl Ask {
    pub(super) fn get(address: Address) -> Ask {
        Ask { method: "GET", address, headers: Vec::new(), authorization: None, body: None }
    }
}

/// The connections of a client.
#[derive(Debug)]
pub(super) struct Http {
    options: ClientOptions,
    tls: Tls,
    agents: Mutex<HashMap<(bool, String, bool), Agent>>,
}

/// Why an exchange failed.
#[derive(Debug)]
pub(super) enum HttpError {
    Transport(TransportError),
    Refused { target: String, reason: &'static str },
    Registry(RegistryError),
}

impl Http {
    pub(super) fn new(options: ClientOptions) -> Http {
        Http { options, tls: Tls::default(), agents: Mutex::default() }
    }

    pub(super) fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Sends a request and follows redirects. What authorises us is dropped for good when another server is reached.
    pub(super) fn send(&self, ask: &Ask, verify: bool) -> Result<Answer, HttpError> {
        let origin = &ask.address;
        let mut address = origin.clone();
        let mut authorization = ask.authorization.as_ref();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.exchange(ask, &address, authorization, verify)?;
            let status = answer.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) || ask.body.is_some() {
                return Ok(answer);
            }
            let location = header(answer.headers(), "location").unwrap_or_default();
            let refused = |reason| HttpError::Refused { target: printable(location), reason };
            let next = address
                .join(location)
                .filter(|_| !location.is_empty())
                .ok_or_else(|| refused("it is no usable http address"))?;
            if origin.https && !next.https {
                return Err(refused("it leads from https to http"));
            }
            if next.is_link_local() && !origin.is_link_local() {
                return Err(refused("it leads to a link-local address"));
            }
            if !next.same_origin(origin) {
                authorization = None;
            }
            address = next;
        }
        Err(HttpError::Refused { target: address.to_string(), reason: "there are too many redirects" })
    }

    /// Sends a request; a redirect is an answer as any other.
    pub(super) fn exchange(
        &self,
        ask: &Ask,
        address: &Address,
        authorization: Option<&String>,
        verify: bool,
    ) -> Result<Answer, HttpError> {
        if self.options.cancel.is_cancelled() {
            return Err(HttpError::Transport(TransportError::Cancelled));
        }
        let agent = self.agent(address, verify).map_err(HttpError::Registry)?;
        let mut builder = Request::builder().method(ask.method).uri(address.to_string());
        for (name, value) in &ask.headers {
            builder = builder.header(*name, value);
        }
        if let Some(value) = authorization {
            builder = builder.header("authorization", value);
        }
        let unusable = |err: ureq::http::Error| transport(ureq::Error::Http(err));
        let result = match &ask.body {
            Some(body) => {
                builder = builder.header("content-type", body.kind);
                agent.run(
                    builder.body(body.text.as_str()).map_err(|err| HttpError::Transport(unusable(err)))?,
                )
            }
            None => agent.run(builder.body(()).map_err(|err| HttpError::Transport(unusable(err)))?),
        };
        result.map_err(|err| HttpError::Transport(transport(err)))
    }

    /// Returns the connections to one server.
    fn agent(&self, address: &Address, verify: bool) -> Result<Agent, RegistryError> {
        let key = (address.https, format!("{}:{}", address.host, address.port), verify);
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let tls = self.tls.config(&address.authority(), verify, &self.options)?;
        let proxy = match self.options.proxy.for_address(address) {
            Some(text) => Some(proxy(text)?),
            None => None,
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls)
            .proxy(proxy)
            .user_agent(concat!("pontoon/", env!("CARGO_PKG_VERSION")))
            .accept("")
            .timeout_resolve(Some(self.options.connect_timeout))
            .timeout_connect(Some(self.options.connect_timeout))
            .timeout_send_request(Some(self.options.idle_timeout))
            .timeout_recv_response(Some(self.options.idle_timeout))
            .timeout_per_read(Some(self.options.idle_timeout))
            .timeout_per_write(Some(self.options.idle_timeout))
            .output_buffer_size(16 << 10)
            .max_idle_connections_per_host(8)
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), HostResolver);
        agents.insert(key, agent.clone());
        Ok(agent)
    }
}

fn proxy(text: &str) -> Result<Proxy, RegistryError> {
    let address = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // The part before the `@` may hold a password.
    let shown = || address.rsplit('@').next().unwrap_or_default().to_owned();
    let known = address.starts_with("http://") || address.starts_with("https://");
    let parsed = Proxy::new(&address).ok().filter(|_| known);
    parsed.ok_or_else(|| RegistryError::Proxy { proxy: shown() })
}

/// Returns a header as text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Reads the short explanation that registries send with a failure.
pub(super) fn detail(answer: Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Errors {
        errors: Vec<Fault>,
    }
    #[derive(serde::Deserialize)]
    struct Fault {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let status = answer.status();
    let mut body = Vec::new();
    let read =
        io::Read::read_to_end(&mut io::Read::take(answer.into_body().into_reader(), MAX_DETAIL), &mut body);
    if read.is_ok()
        && let Ok(errors) = serde_json::from_slice::<Errors>(&body)
        && let Some(fault) = errors.errors.first()
    {
        let words: Vec<&str> =
            [fault.code.as_str(), fault.message.as_str()].into_iter().filter(|it| !it.is_empty()).collect();
        if !words.is_empty() {
            return printable(&words.join(": "));
        }
    }
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Keeps a server's words from colouring or flooding the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|ch| !ch.is_control()).take(300).collect()
}

/// Says in our words why nothing came.
pub(super) fn transport(err: ureq::Error) -> TransportError {
    match err {
        ureq::Error::Io(err) => transport_io(err),
        ureq::Error::HostNotFound => TransportError::HostNotFound,
        ureq::Error::Timeout(timeout) => TransportError::Timeout {
            what: match timeout {
                ureq::Timeout::Resolve => "looking up the host name",
                ureq::Timeout::Connect => "connecting",
                ureq::Timeout::SendRequest | ureq::Timeout::SendBody | ureq::Timeout::PerWrite => "sending",
                ureq::Timeout::RecvResponse => "waiting for the answer",
                _ => "the transfer stood still",
            },
        },
        ureq::Error::Rustls(err) => tls(&err),
        ureq::Error::Tls(text) => TransportError::Tls(text.into()),
        ureq::Error::ConnectProxyFailed(text) => TransportError::Proxy(text.into()),
        other => TransportError::Protocol(other.to_string().into()),
    }
}

/// The same for a failure while an answer is read.
pub(super) fn transport_io(err: io::Error) -> TransportError {
    let inner = err.get_ref();
    if let Some(err) = inner.and_then(|it| it.downcast_ref::<rustls::Error>()) {
        return tls(err);
    }
    if inner.is_some_and(|it| it.is::<ureq::Error>()) {
        return match err.downcast::<ureq::Error>() {
            Ok(err) => transport(err),
            Err(err) => TransportError::Io(err),
        };
    }
    TransportError::Io(err)
}

fn tls(err: &rustls::Error) -> TransportError {
    match err {
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => TransportError::NoTls,
        err => TransportError::Tls(tls_words(err)),
    }
}

fn tls_words(err: &rustls::Error) -> Box<str> {
    use rustls::{CertificateError, Error};
    match err {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate is signed by an unknown authority".into()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the certificate has expired".into()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the certificate is for another host name".into(),
        other => other.to_string().into(),
    }
}
