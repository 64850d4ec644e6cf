//! `version`.

use std::time::SystemTime;

use serde::Serialize;

use super::is_json_lines;
use crate::format::{TemplateError, Value, json, render_values, to_value};
use crate::time::unix_or_never;

/// Version of the program and what it was built for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    #[serde(rename = "APIVersion")]
    api_version: &'static str,
    version: &'static str,
    go_version: &'static str,
    git_commit: &'static str,
    built_time: String,
    built: i64,
    build_origin: &'static str,
    os_arch: String,
    os: &'static str,
}

/// The version of this program under the name by which it was called; `built` is when its file was made, where that is known.
///
/// Under Podman's name it is the version of Podman whose behaviour we have, for scripts compare it.
pub fn ours(name: &str, built: Option<SystemTime>) -> Version {
    let version = if name == "podman" { crate::args::PODMAN } else { env!("CARGO_PKG_VERSION") };
    Version {
        api_version: version,
        version,
        // Scripts look for the field; there is no Go in here.
        go_version: "",
        git_commit: "",
        built_time: built.map(crate::time::calendar_words).unwrap_or_default(),
        built: built.map_or(0, |built| unix_or_never(Some(built))),
        build_origin: "",
        os_arch: format!("linux/{}", architecture()),
        os: "linux",
    }
}

/// The machine's architecture, in the words of images.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

/// What a template and JSON see.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Both<'a> {
    client: &'a Version,
}

/// The text to print.
pub fn text(version: &Version, format: Option<&str>) -> Result<String, TemplateError> {
    let both = Both { client: version };
    match format {
        Some(format) if format == "json" || is_json_lines(Some(format)) => {
            Ok(format!("{}\n", json::compact(&both)))
        }
        // `.Client.Version` and `.Version` are the same, and so is `.Server.Version`: without a service Podman, too, tells it of
        // the program itself.
        Some(template) => {
            let of = |side: &str| (side.to_owned(), to_value(version));
            let mut fields = vec![of("Client"), of("Server")];
            if let Value::Struct(own) = to_value(version) {
                fields.extend(own.iter().cloned());
            }
            render_values(template, vec![Value::Struct(fields.into())], &[], true)
        }
        None => {
            let rows = [
                ("Client", "Pontoon Engine"),
                ("Version", version.version),
                ("API Version", version.api_version),
                ("Built", version.built_time.as_str()),
                ("OS/Arch", version.os_arch.as_str()),
            ];
            let told = rows.iter().filter(|(_, words)| !words.is_empty());
            Ok(told.map(|(name, words)| format!("{:<15}{words}\n", format!("{name}:"))).collect())
        }
    }
}
