//! Credential helpers: programs `docker-credential-NAME` that are asked with `get`.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{Credential, CredentialError};
use crate::environment::Environment;

/// The user name that says the secret is an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks a helper for the credentials of a server.
pub(super) fn get(
    name: &str,
    server: &str,
    environment: &Environment,
) -> Result<Option<Credential>, CredentialError> {
    // The name becomes part of a program's name and must not lead elsewhere.
    if name.is_empty() || name.contains(['/', '\0']) {
        return Err(CredentialError::HelperName { name: name.to_owned() });
    }
    let start = |source: io::Error| CredentialError::HelperStart { name: name.to_owned(), source };
    let mut child = Command::new(format!("docker-credential-{name}"))
        .arg("get")
        .env_clear()
        .envs(environment.iter())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that knows the answer without reading the question closes the pipe; that is no fault.
        match stdin.write_all(server.as_bytes()) {
            Err(err) if err.kind() != io::ErrorKind::BrokenPipe => return Err(start(err)),
            _ => drop(stdin),
        }
    }
    let output = child.wait_with_output().map_err(start)?;
    if !output.status.success() {
        let text = [output.stdout.as_slice(), b" ", output.stderr.as_slice()].concat();
        let message: String =
            String::from_utf8_lossy(&text).trim().chars().filter(|ch| !ch.is_control()).take(300).collect();
        if message.contains("credentials not found") {
            return Ok(None);
        }
        return Err(CredentialError::HelperFailed { name: name.to_owned(), message });
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|source| CredentialError::HelperAnswer { name: name.to_owned(), source })?;
    Ok(match (answer.username.as_str(), answer.secret.is_empty()) {
        (_, true) => None,
        (TOKEN_USER, false) => Some(Credential::IdentityToken(answer.secret)),
        ("", false) => None,
        (_, false) => Some(Credential::Basic { username: answer.username, password: answer.secret }),
    })
}
