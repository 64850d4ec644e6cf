//! Volumes and secrets.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!(
        "volume prune",
        "Remove volumes that no container uses",
        "[options]",
        VolumePruneArgs,
        Command::VolumePrune
    ),
    row!("secret create", "Keep a secret", "[options] NAME FILE|-", SecretCreateArgs, Command::SecretCreate),
    row!(
        "secret exists",
        "Tell by the exit code whether a secret exists",
        "SECRET",
        ExistsArgs,
        Command::SecretExists
    ),
    row!(
        "secret inspect",
        "Show what is known of secrets",
        "[options] SECRET...",
        SecretInspectArgs,
        Command::SecretInspect
    ),
    row!("secret ls", "List secrets", "[options]", LsArgs, Command::SecretLs),
    row!(
        "secret renew",
        "Make a secret, or bring it up to date and restart the services that use it",
        "[options] NAME [-- COMMAND [ARG...]]",
        SecretRenewArgs,
        Command::SecretRenew
    ),
    row!("secret rm", "Remove secrets", "[options] SECRET...", SecretRmArgs, Command::SecretRm),
    row!(
        "volume export",
        "Write a volume's content as an archive",
        "[options] VOLUME",
        VolumeExportArgs,
        Command::VolumeExport
    ),
    row!(
        "volume import",
        "Unpack an archive in a volume",
        "VOLUME [FILE]",
        VolumeImportArgs,
        Command::VolumeImport
    ),
    row!("volume mount", "Mount volumes, and tell where", "VOLUME...", VolumeMountArgs, Command::VolumeMount),
    row!("volume unmount", "Unmount volumes", "VOLUME...", VolumeMountArgs, Command::VolumeUnmount),
    row!(
        "volume reload",
        "Ask the drivers of volumes what they have",
        "",
        VolumeReloadArgs,
        Command::VolumeReload
    ),
    row!("volume create", "Create a volume", "[options] [NAME]", VolumeCreateArgs, Command::VolumeCreate),
    row!(
        "volume exists",
        "Tell by the exit code whether a volume exists",
        "VOLUME",
        ExistsArgs,
        Command::VolumeExists
    ),
    row!(
        "volume inspect",
        "Show all there is to know about volumes",
        "[options] VOLUME...",
        VolumeInspectArgs,
        Command::VolumeInspect
    ),
    row!("volume ls", "List volumes", "[options]", LsArgs, Command::VolumeLs),
    row!("volume rm", "Remove volumes", "[options] VOLUME...", VolumeRmArgs, Command::VolumeRm),
];
