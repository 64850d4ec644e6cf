//! The keys of `storage.conf` that we know.

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string that we heed.
    Text,
    /// A list of strings that we heed.
    Texts,
    /// A truth value that we heed, which Podman's files also write as a string.
    Truth,
    /// It speaks of another driver, or of ways to the same end.
    Nothing,
    /// It is told, unless it says what is so anyway.
    Unless(&'static [&'static str]),
}

use Kind::{Nothing, Text, Texts, Truth, Unless};

/// The keys below `storage`.
pub(super) const KEYS: [(&str, Kind); 42] = [
    ("storage.driver", Text),
    ("storage.driver_priority", Nothing),
    ("storage.graphroot", Text),
    ("storage.imagestore", Unless(&[""])),
    ("storage.rootless_storage_path", Text),
    ("storage.runroot", Text),
    ("storage.transient_store", Unless(&["", "false"])),
    ("storage.options.additionalimagestores", Texts),
    ("storage.options.additionallayerstores", Unless(&["[]"])),
    ("storage.options.auto-userns-max-size", Unless(&["65536"])),
    ("storage.options.auto-userns-min-size", Unless(&["1024"])),
    ("storage.options.disable-volatile", Truth),
    ("storage.options.force_mask", Unless(&["", "0"])),
    ("storage.options.ignore_chown_errors", Unless(&["", "false"])),
    ("storage.options.mount_program", Text),
    ("storage.options.mountopt", Unless(&[""])),
    ("storage.options.pull_options", Nothing),
    ("storage.options.remap-gids", Unless(&[""])),
    ("storage.options.remap-group", Unless(&[""])),
    ("storage.options.remap-uids", Unless(&[""])),
    ("storage.options.remap-user", Unless(&[""])),
    ("storage.options.root-auto-userns-user", Unless(&["", "containers"])),
    ("storage.options.size", Unless(&["", "0"])),
    ("storage.options.skip_mount_home", Nothing),
    ("storage.options.aufs", Nothing),
    ("storage.options.btrfs", Nothing),
    ("storage.options.devicemapper", Nothing),
    ("storage.options.thinpool", Nothing),
    ("storage.options.vfs", Nothing),
    ("storage.options.zfs", Nothing),
    ("storage.options.overlay.additionalimagestores", Texts),
    ("storage.options.overlay.force_mask", Unless(&["", "0"])),
    ("storage.options.overlay.ignore_chown_errors", Unless(&["", "false"])),
    ("storage.options.overlay.inodes", Unless(&["", "0"])),
    ("storage.options.overlay.mount_program", Text),
    ("storage.options.overlay.mountopt", Unless(&[""])),
    ("storage.options.overlay.size", Unless(&["", "0"])),
    ("storage.options.overlay.skip_mount_home", Nothing),
    ("storage.options.overlay.sync", Nothing),
    ("storage.options.overlay.use_composefs", Unless(&["", "false"])),
    ("storage.options.ostree_repo", Unless(&[""])),
    ("storage.options.ostree_repos", Unless(&[""])),
];

/// Whether all options of mounts in it only make overlay mounts faster, or hold for a user's mounts anyway.
pub(super) fn is_idle_mountopt(text: &str, is_rootless: bool) -> bool {
    text.split(',').all(|word| {
        let name = word.trim().split('=').next().unwrap_or_default();
        matches!(name, "" | "metacopy" | "redirect_dir" | "index" | "xino")
            || is_rootless && matches!(name, "nodev" | "userxattr")
    })
}
