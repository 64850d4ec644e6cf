//! AppArmor: which profile a container is under.
//!
//! As in Podman only root's containers have one: loading a profile is root's business, and an ordinary user who names one is
//! told that there is none.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The profile of containers for which nobody names one.
pub const DEFAULT: &str = "pontoon-default";

/// The word for no profile.
pub const UNCONFINED: &str = "unconfined";

const ENABLED: &str = "/sys/module/apparmor/parameters/enabled";
const PROFILES: &str = "/sys/kernel/security/apparmor/profiles";
const PARSERS: [&str; 2] = ["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"];

/// What no program of a container may do to the host, whatever its capabilities: the rules that container engines share.
const DEFAULT_TEXT: &str = "
#include <tunables/global>

profile pontoon-default flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  network,
  capability,
  file,
  umount,
  signal (receive) peer=unconfined,
  signal (send,receive) peer=pontoon-default,
  ptrace (trace,read,tracedby,readby) peer=pontoon-default,

  deny mount,
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9]*}/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
";

/// Why a container cannot be under a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppArmorError {
    /// The host, or a user's containers, have none.
    #[error(
        "the AppArmor profile `{profile}` was asked for, and AppArmor is not enabled for containers of this user"
    )]
    NotEnabled {
        /// The profile.
        profile: String,
    },
    /// There is no such profile.
    #[error("the AppArmor profile `{profile}` is not loaded")]
    NotLoaded {
        /// The profile.
        profile: String,
    },
}

impl AppArmorError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotEnabled { .. } => {
                "only root's containers have profiles, where the kernel runs AppArmor; leave the option out, or say \
                 apparmor=unconfined"
                    .to_owned()
            }
            Self::NotLoaded { .. } => format!("load it with apparmor_parser; {PROFILES} lists those that are loaded"),
        })
    }
}

/// What the host has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppArmorHost {
    /// Whether profiles can be given to containers.
    pub enabled: bool,
    /// Names of those that are loaded.
    pub loaded: Vec<String>,
}

impl AppArmorHost {
    /// Looks.
    #[must_use]
    pub fn read(rootless: bool) -> Self {
        if rootless || !fs::read_to_string(ENABLED).is_ok_and(|it| it.starts_with('Y')) {
            return Self::default();
        }
        let text = fs::read_to_string(PROFILES).unwrap_or_default();
        Self { enabled: true, loaded: names(&text).map(str::to_owned).collect() }
    }
}

/// The names in the kernel's list, whose lines are `NAME (MODE)`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.rsplit_once(" (").map(|it| it.0))
}

/// Decides under which profile a container is; `None` is none.
///
/// # Errors
/// See [`AppArmorError`].
pub fn decide(
    asked: Option<&str>,
    privileged: bool,
    host: &AppArmorHost,
) -> Result<Option<String>, AppArmorError> {
    let is_loaded = |profile: &str| host.loaded.iter().any(|it| it == profile);
    match asked.filter(|it| !it.is_empty()) {
        Some(UNCONFINED) => Ok(None),
        Some(profile) if !host.enabled => Err(AppArmorError::NotEnabled { profile: profile.to_owned() }),
        Some(profile) if !is_loaded(profile) => Err(AppArmorError::NotLoaded { profile: profile.to_owned() }),
        Some(profile) => Ok(Some(profile.to_owned())),
        // A default, which is left out where it cannot be had.
        None => Ok(Some(DEFAULT.to_owned()).filter(|it| !privileged && host.enabled && is_loaded(it))),
    }
}

/// Loads the default profile, if there is a program for it and nobody has yet.
pub fn provide_default(host: &mut AppArmorHost) {
    if !host.enabled || host.loaded.iter().any(|it| it == DEFAULT) {
        return;
    }
    let Some(parser) = PARSERS.iter().find(|it| Path::new(it).exists()) else { return };
    if load(parser, DEFAULT_TEXT).is_ok() {
        host.loaded.push(DEFAULT.to_owned());
    }
}

fn load(parser: &str, text: &str) -> io::Result<()> {
    let mut command = Command::new(parser);
    command.args(["-Kr"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let written = child.stdin.take().map_or(Ok(()), |mut it| it.write_all(text.as_bytes()));
    let status = child.wait()?;
    written?;
    if status.success() { Ok(()) } else { Err(io::Error::other("apparmor_parser failed")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(loaded: &[&str]) -> AppArmorHost {
        AppArmorHost { enabled: true, loaded: loaded.iter().map(|it| (*it).to_owned()).collect() }
    }

    #[test]
    fn without_the_module_only_a_profile_by_name_is_an_error() {
        let none = AppArmorHost::default();
        assert_eq!(decide(None, false, &none), Ok(None));
        assert_eq!(decide(Some("unconfined"), false, &none), Ok(None));
        let err = decide(Some("mine"), false, &none).unwrap_err();
        assert_eq!(err, AppArmorError::NotEnabled { profile: "mine".to_owned() });
    }

    #[test]
    fn with_it_the_default_is_applied_and_a_name_must_be_loaded() {
        let some = host(&[DEFAULT, "mine"]);
        assert_eq!(decide(None, false, &some), Ok(Some(DEFAULT.to_owned())));
        assert_eq!(decide(None, true, &some), Ok(None));
        assert_eq!(decide(Some("mine"), true, &some), Ok(Some("mine".to_owned())));
        assert_eq!(decide(Some("unconfined"), false, &some), Ok(None));
        assert!(matches!(decide(Some("other"), false, &some), Err(AppArmorError::NotLoaded { .. })));
        assert_eq!(decide(None, false, &host(&["mine"])), Ok(None));
    }

    #[test]
    fn the_kernels_list_is_read() {
        let text = "/usr/bin/man (enforce)\nwith a blank (complain)\ndocker-default (enforce)\n";
        assert_eq!(names(text).collect::<Vec<_>>(), ["/usr/bin/man", "with a blank", "docker-default"]);
    }

    #[test]
    fn the_default_text_is_of_the_default_profile() {
        assert_eq!(DEFAULT_TEXT.matches(DEFAULT).count(), 3);
    }
}
