//! Tokens: which token server is asked, how, and what it answers.

use std::io::Read;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::address::Address;
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::http::{self, Answer, Ask, FORM, Sending, detail, printable};
use crate::credentials::Credential;

/// The largest answer of a token server.
const MAX_TOKEN: u64 = 1 << 20;
/// Tokens are not trusted to live longer than this, and those without an expiry live this long.
const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// A token and when it is thrown away.
#[derive(Clone)]
pub(super) struct Token {
    pub value: String,
    pub until: Instant,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token")
    }
}

impl Endpoint {
    /// Asks the token server that the registry names.
    pub(super) fn fetch_token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        registry_is_https: bool,
    ) -> Result<Token, RegistryError> {
        let refused = |reason| RegistryError::Realm {
            registry: self.registry.clone(),
            realm: printable(realm),
            reason,
        };
        let mut address = Address::parse(realm).ok_or_else(|| refused("it is no usable http address"))?;
        if registry_is_https && !address.https {
            return Err(refused("it is http, while the registry is https"));
        }
        let own = self.address(address.https, "/")?;
        if address.is_link_local() && address.host != own.host {
            return Err(refused("it is a link-local address"));
        }
        let mut query: Vec<(&str, &str)> = Vec::new();
        if let Some(service) = service {
            query.push(("service", service));
        }
        query.push(("scope", scope));
        let mut ask = match &self.credential {
            Some(Credential::IdentityToken(token)) => {
                query.extend([
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token.as_str()),
                    ("client_id", "pontoon"),
                ]);
                let form = encode(&query);
                Ask { method: "POST", body: Some(Sending { kind: FORM, text: form }), ..Ask::get(address) }
            }
            credential => {
                let mut authorization = None;
                if let Some(Credential::Basic { username, password }) = credential {
                    query.push(("account", username));
                    authorization = Some(basic(username, password));
                }
                let joint = if address.target.contains('?') { '&' } else { '?' };
                address.target = format!("{}{joint}{}", address.target, encode(&query));
                Ask { authorization, ..Ask::get(address) }
            }
        };
        ask.headers.push(("accept", "application/json".to_owned()));
        let answer = self.http.send(&ask, !self.insecure).map_err(|err| self.http_error(err))?;
        self.read_token(answer, scope)
    }

    fn read_token(&self, answer: Answer, scope: &str) -> Result<Token, RegistryError> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            token: Option<String>,
            #[serde(default)]
            access_token: Option<String>,
            #[serde(default)]
            expires_in: Option<u64>,
        }
        let status = answer.status().as_u16();
        let registry = self.registry.clone();
        match status {
            200..300 => {}
            400 | 401 | 403 => {
                return Err(RegistryError::Unauthorized {
                    registry,
                    repository: scope.split(':').nth(1).unwrap_or(scope).to_owned(),
                    detail: detail(answer),
                    with_credentials: self.credential.is_some(),
                });
            }
            429 => return Err(RegistryError::RateLimited { registry, detail: detail(answer) }),
            _ => {
                let what = "a token".to_owned();
                return Err(RegistryError::Status { registry, what, status, detail: detail(answer) });
            }
        }
        let mut text = Vec::new();
        answer
            .into_body()
            .into_reader()
            .take(MAX_TOKEN)
            .read_to_end(&mut text)
            .map_err(|err| self.broken("a token", http::transport_io(err)))?;
        let nothing = || RegistryError::Token { registry: self.registry.clone() };
        let body: Body = serde_json::from_slice(&text).map_err(|_| nothing())?;
        let value = body.token.filter(|it| !it.is_empty()).or(body.access_token).ok_or_else(nothing)?;
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(nothing());
        }
        let life =
            body.expires_in.map_or(TOKEN_LIFE, Duration::from_secs).max(TOKEN_LIFE).min(TOKEN_LIFE * 60);
        // Ten seconds off, for the way there.
        Ok(Token { value, until: Instant::now() + life - Duration::from_secs(10) })
    }
}

/// Writes name and password as HTTP has it.
pub(super) fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

/// Encodes names and values for a query or a form.
fn encode(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                    out.push(char::from(byte));
                }
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_for_a_query() {
        assert_eq!(
            encode(&[("service", "a b&c=d+é"), ("scope", "repository:a/b:pull")]),
            "service=a%20b%26c%3Dd%2B%C3%A9&scope=repository:a/b:pull"
        );
    }

    #[test]
    fn basic_words_are_base64() {
        assert_eq!(basic("u1", "p1"), "Basic dTE6cDE=");
    }
}
