//! `storage.conf`: the little of it that we honour, read where Podman reads it.

use std::path::PathBuf;

use crate::host::Host;

/// What the file says about root file systems.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageConf {
    /// `[storage.options.overlay] mount_program`.
    pub mount_program: Option<PathBuf>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// Reads the user's file, else the administrator's, else the distribution's. One that cannot be understood is as good as
/// none: `pontoon info` names the file that counts.
#[must_use]
pub fn read(host: &Host) -> StorageConf {
    let mut files = Vec::new();
    if let Some(path) = host.variable("CONTAINERS_STORAGE_CONF") {
        files.push(PathBuf::from(path));
    }
    if host.is_rootless() {
        let config = host.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| host.variable("HOME").map(|it| PathBuf::from(it).join(".config")));
        files.extend(config.map(|it| it.join("containers/storage.conf")));
    }
    files.push(PathBuf::from("/etc/containers/storage.conf"));
    files.push(PathBuf::from("/usr/share/containers/storage.conf"));
    for file in files {
        if let Ok(text) = std::fs::read_to_string(&file) {
            return parse(&text, file);
        }
    }
    StorageConf::default()
}

fn parse(text: &str, file: PathBuf) -> StorageConf {
    let table: toml::Table = text.parse().unwrap_or_default();
    let options = table.get("storage").and_then(|it| it.get("options"));
    let program = options
        .and_then(|it| {
            it.get("overlay").and_then(|it| it.get("mount_program")).or_else(|| it.get("mount_program"))
        })
        .and_then(toml::Value::as_str)
        .filter(|it| !it.is_empty());
    StorageConf { mount_program: program.map(PathBuf::from), file: Some(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_program_is_found_in_both_places() {
        let parsed = |text: &str| parse(text, PathBuf::new()).mount_program;
        let program = Some(PathBuf::from("/usr/bin/fuse-overlayfs"));
        assert_eq!(
            parsed("[storage.options.overlay]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n"),
            program
        );
        assert_eq!(parsed("[storage.options]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n"), program);
        assert_eq!(parsed("[storage]\ndriver = \"overlay\"\n"), None);
        assert_eq!(parsed("not toml"), None);
    }
}
