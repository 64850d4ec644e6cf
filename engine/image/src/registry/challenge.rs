//! What a registry asks for when it answers 401: the `WWW-Authenticate` header.

use ureq::http::HeaderMap;

use super::http::printable;

/// A way to show who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with each request.
    Basic,
    /// A token from a token server.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// Reads all challenges of an answer and chooses the best that we know: a token before a password. The error is what
/// the registry asked for instead.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Challenge>, String> {
    let mut basic = false;
    let mut unknown = None;
    for value in headers.get_all("www-authenticate") {
        let Ok(text) = value.to_str() else { continue };
        for (scheme, parameters) in challenges(text) {
            let get =
                |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            match (scheme.as_str(), get("realm")) {
                ("bearer", Some(realm)) => {
                    return Ok(Some(Challenge::Bearer {
                        realm,
                        service: get("service"),
                        scope: get("scope"),
                    }));
                }
                ("basic", _) => basic = true,
                _ => unknown = Some(printable(text)),
            }
        }
    }
    match (basic, unknown) {
        (true, _) => Ok(Some(Challenge::Basic)),
        (false, Some(text)) => Err(text),
        (false, None) => Ok(None),
    }
}

type Parameters = Vec<(String, String)>;

/// Splits a header into schemes with their parameters (RFC 7235, without token68).
fn challenges(text: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let word_end = rest.find([' ', '\t', '=', ',']).unwrap_or(rest.len());
        let word = rest.get(..word_end).unwrap_or_default().to_ascii_lowercase();
        let after = rest.get(word_end..).unwrap_or_default();
        if let Some(value) = after.trim_start().strip_prefix('=') {
            let (value, after) = parameter_value(value.trim_start());
            if let Some((_, parameters)) = found.last_mut() {
                parameters.push((word, value));
            }
            rest = after;
        } else {
            found.push((word, Vec::new()));
            rest = after;
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    found
}

/// Reads a quoted string or a token; returns it and what follows.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, ch) in quoted.char_indices() {
        match ch {
            _ if escaped => {
                value.push(ch);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            _ => value.push(ch),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read_one(text: &str) -> Result<Option<Challenge>, String> {
        let mut headers = HeaderMap::new();
        headers.append("www-authenticate", text.parse().unwrap());
        read(&headers)
    }

    #[test]
    fn the_usual_challenges_are_read() {
        assert_eq!(
            read_one(
                r#"Bearer realm="https://auth.io/t?a=b,c",service="reg",scope="repository:a/b:pull,push""#
            ),
            Ok(Some(Challenge::Bearer {
                realm: "https://auth.io/t?a=b,c".to_owned(),
                service: Some("reg".to_owned()),
                scope: Some("repository:a/b:pull,push".to_owned()),
            }))
        );
        assert_eq!(read_one(r#"BASIC realm="x""#), Ok(Some(Challenge::Basic)));
        assert_eq!(read_one("Basic"), Ok(Some(Challenge::Basic)));
        assert_eq!(read_one(r#"Negotiate, Basic realm="x""#), Ok(Some(Challenge::Basic)));
        assert!(matches!(
            read_one(r#"Basic realm="x", Bearer realm="y""#),
            Ok(Some(Challenge::Bearer { .. }))
        ));
    }

    #[test]
    fn strange_challenges_do_no_harm() {
        assert_eq!(read_one("Negotiate"), Err("Negotiate".to_owned()));
        assert_eq!(read_one("Bearer"), Err("Bearer".to_owned()));
        assert_eq!(read(&HeaderMap::new()), Ok(None));
        for text in
            ["", ",,,", "=", "Bearer realm=\"", "Bearer realm=\"a\\", "Bearer =x", "\"", "Bearer realm"]
        {
            let _ = read_one(text);
        }
    }
}
