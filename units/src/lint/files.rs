//! Files and directories that a unit needs and that are not there.

use super::{Lint, is_expanded};
use crate::convert::paths;
use crate::kind::UnitKind;
use crate::values::Value;

/// The keys whose words are files, relative ones beside the unit file.
const FILES: [&str; 3] = ["EnvironmentFile", "ConfigMap", "Yaml"];

/// The keys whose value is one file, relative ones beside what the program runs in.
const ONE_FILE: [&str; 4] = ["AuthFile", "SeccompProfile", "Rootfs", "IgnoreFile"];

pub(super) fn look(lint: &mut Lint<'_>) {
    for key in FILES {
        for file in lint.words(key) {
            need(lint, &file, &file.text);
        }
    }
    for key in ONE_FILE {
        if let Some(file) = lint.values.scalar(key).filter(|file| file.text.starts_with('/')) {
            // A root may have options after a colon.
            let path = file.text.split(':').next().unwrap_or("").to_owned();
            need(lint, &file, &path);
        }
    }
    let file = lint.values.scalar("File").filter(|file| !file.text.contains("://"));
    if let Some(file) = file.filter(|_| lint.file.name.kind == UnitKind::Build) {
        need(lint, &file, &file.text);
    }
    for volume in lint.list("Volume") {
        if let Some((source, _)) = volume.text.split_once(':').filter(|(source, _)| is_path(source)) {
            let source = source.to_owned();
            need(lint, &volume, &source);
        }
    }
    for device in lint.words("AddDevice") {
        let path = device.text.split(':').next().unwrap_or("").to_owned();
        if path.starts_with('/') {
            need(lint, &device, &path);
        }
    }
}

fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.'])
}

fn need(lint: &mut Lint<'_>, value: &Value<'_>, path: &str) {
    if path.is_empty() || is_expanded(path) {
        return;
    }
    let path = paths::absolute(lint.file.directory(), path);
    if !lint.world.exists(&path) {
        let text = format!("`{}` does not exist", crate::parse::brief(&path));
        lint.warn(value, text, "make it before the service starts, or correct the path");
    }
}
