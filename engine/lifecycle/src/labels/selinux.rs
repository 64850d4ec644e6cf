//! SELinux: the contexts of a container's processes and files.
//!
//! A context is USER:ROLE:TYPE:LEVEL. The policy says what containers get; each container has a level of its own, two
//! categories that no other has, so that they cannot touch each other's files. See container_selinux(8).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Contexts;

/// Where the kernel shows that SELinux is on.
pub const ENFORCE: &str = "/sys/fs/selinux/enforce";
const CONFIG: &str = "/etc/selinux/config";
/// How many categories levels are chosen from, as in Podman.
const CATEGORIES: u32 = 1024;
/// How often a level is drawn until one is free.
const DRAWS: usize = 10_000;

/// Why a container cannot be labelled.
#[derive(Debug, thiserror::Error)]
pub enum SelinuxError {
    /// A word that means nothing.
    #[error("invalid value `label={option}` for `--security-opt`")]
    Option {
        /// As written, without `label=`.
        option: String,
    },
    /// The host has no SELinux, without which it means nothing.
    #[error("`label=nested` needs SELinux, and `{ENFORCE}` is not there")]
    NoSelinux,
    /// The policy's words for containers.
    #[error("cannot read the contexts of containers in `{}`", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A context in it that is none.
    #[error("`{context}` of the policy is no context of SELinux")]
    Context {
        /// The context.
        context: String,
    },
    /// All levels are taken.
    #[error("there is no level left that no other container has")]
    NoLevel,
    /// No randomness.
    #[error("cannot draw a level")]
    Random(#[source] io::Error),
}

impl SelinuxError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Option { .. } => {
                Some("there are label=disable, nested, user:, role:, type:, level: and filetype:".to_owned())
            }
            Self::Policy { .. } => {
                Some("it belongs to the policy of the package container-selinux".to_owned())
            }
            _ => None,
        }
    }
}

/// What the policy says about containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Context of their processes.
    pub process: String,
    /// Context of their files.
    pub file: String,
}

impl Policy {
    /// Reads it; `None` where SELinux is off, or has no policy, or one that knows no containers: there they have no label, as
    /// in Podman.
    ///
    /// # Errors
    /// [`SelinuxError::Policy`].
    pub fn read() -> Result<Option<Self>, SelinuxError> {
        // Without a policy, everything has the kernel's own label.
        let has_policy = || {
            fs::read_to_string("/proc/self/attr/current")
                .is_ok_and(|it| it.trim_end_matches(['\0', '\n']) != "kernel")
        };
        if !Path::new(ENFORCE).exists() || !has_policy() {
            return Ok(None);
        }
        let config = fs::read_to_string(CONFIG).unwrap_or_default();
        let name = values(&config).remove("SELINUXTYPE").unwrap_or_else(|| "targeted".to_owned());
        let path = Path::new("/etc/selinux").join(name).join("contexts/lxc_contexts");
        let failed = |source| SelinuxError::Policy { path: path.clone(), source };
        let text = match fs::read_to_string(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        let policy = Self::parse(&text).ok_or_else(|| {
            failed(io::Error::new(io::ErrorKind::InvalidData, "`process` or `file` is missing"))
        })?;
        Ok(Some(policy))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut values = values(text);
        Some(Self { process: values.remove("process")?, file: values.remove("file")? })
    }
}

/// Lines `NAME = "VALUE"`, with or without quotes; `#` begins a comment.
fn values(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|it| !it.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
        .collect()
}

/// A context, in its parts. The level may have colons itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Context([String; 4]);

impl Context {
    fn parse(text: &str) -> Result<Self, SelinuxError> {
        let parts: Vec<String> = text.splitn(4, ':').map(str::to_owned).collect();
        let wrong = || SelinuxError::Context { context: text.to_owned() };
        <[String; 4]>::try_from(parts).map(Self).map_err(|_| wrong())
    }

    fn text(&self) -> String {
        self.0.join(":")
    }
}

/// Decides a container's contexts; `None` leaves it without. `taken` are contexts of other containers, `draw` gives a random
/// number below its argument.
///
/// # Errors
/// See [`SelinuxError`].
pub fn decide(
    options: &[String],
    shares_host: bool,
    policy: Option<&Policy>,
    taken: &[String],
    draw: impl FnMut(u32) -> io::Result<u32>,
) -> Result<Option<Contexts>, SelinuxError> {
    let Some(policy) = policy else {
        // As in Podman, whatever else is said means nothing.
        return if options.iter().any(|it| it == "nested") { Err(SelinuxError::NoSelinux) } else { Ok(None) };
    };
    let mut process = Context::parse(&policy.process)?;
    let mut file = Context::parse(&policy.file)?;
    let mut level = None;
    for option in options {
        let wrong = || SelinuxError::Option { option: option.clone() };
        match option.split_once(':') {
            None if option == "disable" => return Ok(None),
            None if option == "nested" => {}
            Some((_, "")) => return Err(wrong()),
            Some(("user", value)) => value.clone_into(&mut process.0[0]),
            Some(("role", value)) => value.clone_into(&mut process.0[1]),
            Some(("type", value)) => value.clone_into(&mut process.0[2]),
            Some(("level", value)) => level = Some(value.to_owned()),
            Some(("filetype", value)) => value.clone_into(&mut file.0[2]),
            _ => return Err(wrong()),
        }
    }
    if shares_host {
        return Ok(None);
    }
    let level = match level {
        Some(level) => level,
        None => free_level(taken, draw)?,
    };
    level.clone_into(&mut process.0[3]);
    file.0[3] = level;
    Ok(Some(Contexts { process: process.text(), mount: file.text() }))
}

/// Two categories, the lower first, that nobody has.
fn free_level(
    taken: &[String],
    mut draw: impl FnMut(u32) -> io::Result<u32>,
) -> Result<String, SelinuxError> {
    for _ in 0..DRAWS {
        let (one, other) = (
            draw(CATEGORIES).map_err(SelinuxError::Random)?,
            draw(CATEGORIES).map_err(SelinuxError::Random)?,
        );
        if one == other {
            continue;
        }
        let level = format!("s0:c{},c{}", one.min(other), one.max(other));
        if !taken.iter().any(|it| it.ends_with(&format!(":{level}"))) {
            return Ok(level);
        }
    }
    Err(SelinuxError::NoLevel)
}

/// A random number below a limit.
///
/// # Errors
/// The kernel's error.
pub fn draw(below: u32) -> io::Result<u32> {
    let mut bytes = [0u8; 4];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())?;
    Ok(u32::from_ne_bytes(bytes) % below.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LXC: &str = "process = \"system_u:system_r:container_t:s0\"\ncontent = \"x\"\n# c\nfile = \"system_u:object_r:container_file_t:s0\"\n";

    fn decided(options: &[&str], shares_host: bool, taken: &[&str]) -> Result<Option<Contexts>, String> {
        let options: Vec<_> = options.iter().map(|it| (*it).to_owned()).collect();
        let taken: Vec<_> = taken.iter().map(|it| (*it).to_owned()).collect();
        let policy = Policy::parse(LXC).unwrap();
        let mut next = 0;
        let draw = |below: u32| {
            next += 1;
            Ok([7, 7, 9, 3, 5, 8][(next - 1) % 6] % below)
        };
        decide(&options, shares_host, Some(&policy), &taken, draw).map_err(|err| err.to_string())
    }

    fn contexts(process: &str, mount: &str) -> Contexts {
        Contexts { process: process.to_owned(), mount: mount.to_owned() }
    }

    #[test]
    fn every_container_has_a_level_of_its_own() {
        let own = decided(&[], false, &[]).unwrap().unwrap();
        assert_eq!(
            own,
            contexts("system_u:system_r:container_t:s0:c3,c9", "system_u:object_r:container_file_t:s0:c3,c9")
        );
        let other = decided(&[], false, &["system_u:system_r:container_t:s0:c3,c9"]).unwrap().unwrap();
        assert_eq!(other.process, "system_u:system_r:container_t:s0:c5,c8");
    }

    #[test]
    fn options_change_the_parts() {
        let options = ["user:u", "role:r", "type:t_t", "level:s0:c1,c2", "filetype:f_t"];
        let seen = decided(&options, false, &[]).unwrap().unwrap();
        assert_eq!(seen, contexts("u:r:t_t:s0:c1,c2", "system_u:object_r:f_t:s0:c1,c2"));
        assert_eq!(decided(&["type:t", "disable"], false, &[]).unwrap(), None);
        // What the host's processes may touch a label would keep from them.
        assert_eq!(decided(&[], true, &[]).unwrap(), None);
        for wrong in ["bogus:x", "type:", "bogus", "level"] {
            assert!(decided(&[wrong], false, &[]).unwrap_err().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn without_selinux_words_mean_nothing() {
        let decide = |option: &str| decide(&[option.to_owned()], false, None, &[], |_| Ok(0));
        for option in ["disable", "type:t", "bogus:x"] {
            assert_eq!(decide(option).unwrap(), None);
        }
        assert!(matches!(decide("nested"), Err(SelinuxError::NoSelinux)));
    }

    #[test]
    fn levels_run_out() {
        let policy = Policy::parse(LXC).unwrap();
        let decided = decide(&[], false, Some(&policy), &[], |_| Ok(1));
        assert!(matches!(decided, Err(SelinuxError::NoLevel)));
        let broken = Policy { process: "nothing".to_owned(), ..policy };
        assert!(matches!(
            decide(&[], false, Some(&broken), &[], |_| Ok(1)),
            Err(SelinuxError::Context { .. })
        ));
    }
}
