//! `--env`, `--env-file`, `--env-host`, `--http-proxy`.

use std::path::PathBuf;

use super::error::Fault;
use super::{Host, OptionError, files};

/// Variables that Podman passes on by itself; each is wanted in capitals, too.
const PROXY_VARIABLES: [&str; 4] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"];

/// Reads files first, then single settings, so that the latter win. An empty setting sets nothing.
pub(super) fn read(
    settings: &[String],
    files: &[PathBuf],
    host: &Host,
) -> Result<Vec<(String, String)>, OptionError> {
    let settings: Vec<String> = settings.iter().filter(|it| !it.is_empty()).cloned().collect();
    exec_env(&settings, files, host)
}

/// Reads `--env` and `--env-file` of `exec`, which takes no empty setting.
pub fn exec_env(
    settings: &[String],
    files: &[PathBuf],
    host: &Host,
) -> Result<Vec<(String, String)>, OptionError> {
    let mut env = Vec::new();
    for path in files {
        files::each_line("--env-file", path, |line| {
            // Blanks in front are no part of a name; blanks behind may be meant.
            let line = line.trim_start_matches([' ', '\t']);
            if line.is_empty() || line.starts_with('#') {
                return Ok(());
            }
            env.extend(setting(line, host)?);
            Ok(())
        })?;
    }
    for text in settings {
        env.extend(setting(text, host).map_err(|why| Fault::invalid(why).of("--env", text))?);
    }
    Ok(env)
}

/// `NAME=VALUE` of `--env-merge`.
pub(super) fn merged(text: &str) -> Result<String, Fault> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err(Fault::invalid("it must be NAME=VALUE")),
    }
}

/// A setting of containers.conf, which may take what the host has as well.
pub(super) fn usual(text: &str, host: &Host) -> Result<Vec<(String, String)>, Fault> {
    setting(text, host).map_err(Fault::invalid)
}

/// What comes from the host without being named, and gives way to what the image sets.
pub(super) fn proxies(host: &Host) -> Vec<(String, String)> {
    let is_proxy =
        |name: &str| PROXY_VARIABLES.iter().any(|proxy| *proxy == name || proxy.to_uppercase() == name);
    host.env.iter().filter(|(name, _)| is_proxy(name)).cloned().collect()
}

/// `NAME=VALUE`; or `NAME` and `PREFIX*`, which take what the host has, and nothing if it has nothing.
fn setting(text: &str, host: &Host) -> Result<Vec<(String, String)>, String> {
    match text.split_once('=') {
        Some(("", _)) => Err("the name of the variable is missing".to_owned()),
        Some((name, value)) => Ok(vec![(name.to_owned(), value.to_owned())]),
        None if text.is_empty() => Err("the name of the variable is missing".to_owned()),
        None => Ok(match text.strip_suffix('*') {
            Some(prefix) => host.env.iter().filter(|(name, _)| name.starts_with(prefix)).cloned().collect(),
            None => host.env.iter().filter(|(name, _)| name == text).cloned().collect(),
        }),
    }
}
