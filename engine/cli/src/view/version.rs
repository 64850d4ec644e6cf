//! `version`.

use std::time::SystemTime;

use serde::Serialize;

use crate::format::{TemplateError, json, render_each};
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

/// The version of this program; `built` is when its file was made, where that is known.
pub fn ours(built: Option<SystemTime>) -> Version {
    Version {
        api_version: env!("CARGO_PKG_VERSION"),
        version: env!("CARGO_PKG_VERSION"),
        // Scripts look for the field; there is no Go in here.
        go_version: "",
        git_commit: "",
        built_time: built.map(crate::time::go_words).unwrap_or_default(),
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
        Some("json") => Ok(format!("{}\n", json::compact(&both))),
        Some(template) => render_each(template, &[both]),
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
