//! Entries of the journal, by `journalctl`: begun by ourselves, or by root who has begun us as a user.
//!
//! Entries of the system's units are not for everybody. Who may read the journal may read all of it, so nothing of what
//! allows that is lent to a process of the user's: root runs `journalctl`, which finds nothing but what processes of that
//! user wrote, and the user's process gets the end of a pipe.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::SystemTime;

use pontoon_monitor::event::IDENTIFIER;
use serde::{Deserialize, Serialize};

use crate::behalf::Behalf;

/// The fields that events are made of.
const EVENT_FIELDS: &str = "PODMAN_EVENT,PODMAN_TYPE,PODMAN_TIME,PODMAN_NAME,PODMAN_NETWORK_NAME,PODMAN_ID,PODMAN_IMAGE,PODMAN_POD_ID,\
                            PODMAN_EXIT_CODE,PODMAN_LABELS,PODMAN_HEALTH_STATUS,PODMAN_HEALTH_FAILING_STREAK,\
                            PODMAN_HEALTH_LOG,ERROR";
/// The fields that a container's log is made of.
const LOG_FIELDS: &str = "MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE";

/// Whose entries are looked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Of {
    /// Those of the container with this id.
    Container(String),
    /// Events, with those values of fields of theirs.
    Events(Vec<String>),
}

/// Which entries are looked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Search {
    /// Whose they are.
    pub of: Of,
    /// Those to come as well.
    pub follow: bool,
    /// The last ones only.
    pub lines: Option<usize>,
    /// Those after the entry with this cursor.
    pub after: Option<String>,
    /// Those that came then or later.
    pub since: Option<SystemTime>,
    /// Those that came then or earlier.
    pub until: Option<SystemTime>,
}

impl Search {
    /// The command that finds them, of those that processes of this user wrote; `None` for what nobody of ours looks for.
    fn command(&self, uid: Option<u32>) -> Option<Command> {
        let (fields, matches) = match &self.of {
            Of::Container(id) => {
                let is_id = id.len() == 64 && id.bytes().all(|it| it.is_ascii_hexdigit());
                (LOG_FIELDS, vec![is_id.then(|| format!("CONTAINER_ID_FULL={id}"))?])
            }
            Of::Events(values) => {
                // Anything else could be an alternative to what is to hold.
                if !values.iter().all(|it| it.starts_with("PODMAN_") && it.contains('=')) {
                    return None;
                }
                let identifier = format!("SYSLOG_IDENTIFIER={IDENTIFIER}");
                (EVENT_FIELDS, values.iter().cloned().chain([identifier]).collect())
            }
        };
        let mut command = Command::new("journalctl");
        command.args(["--quiet", "--no-pager", "--output=json", "--all"]);
        command.arg(format!("--output-fields={fields}"));
        if self.follow {
            command.arg("--follow");
        }
        match (&self.after, self.lines) {
            (Some(cursor), _) => command.arg(format!("--after-cursor={cursor}")),
            (None, Some(lines)) => command.arg(format!("--lines={lines}")),
            (None, None) => command.arg("--lines=all"),
        };
        // journalctl takes a cursor or a moment; the cursor is the later one.
        let since = self.since.filter(|_| self.after.is_none());
        for (option, moment) in [("--since", since), ("--until", self.until)] {
            if let Some(moment) = moment {
                let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                command.arg(format!("{option}=@{}.{:06}", seconds.as_secs(), seconds.subsec_micros()));
            }
        }
        command.args(uid.map(|it| format!("_UID={it}"))).args(matches);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Some(command)
    }

    /// Begins to look for them; gives what they are read from.
    pub fn begin(&self, uid: Option<u32>) -> io::Result<(Child, OwnedFd)> {
        let mut child = self.command(uid).ok_or(io::ErrorKind::InvalidInput)?.spawn()?;
        let text = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((child, text.into()))
    }
}

/// Who looks for them.
#[derive(Debug)]
enum Finder<'a> {
    Ours(Child),
    Roots(&'a Behalf, u32),
}

/// Entries as they come, each a line of JSON.
#[derive(Debug)]
pub struct Entries<'a> {
    /// What they are read from.
    pub text: File,
    finder: Finder<'a>,
}

impl<'a> Entries<'a> {
    /// Begins to look for entries, by root's hand if there is one. `uid` is whose processes wrote them, where that is asked.
    pub fn find(search: &Search, uid: Option<u32>, root: Option<&'a Behalf>) -> io::Result<Self> {
        let (text, finder) = match root {
            Some(root) => {
                let (text, number) = root.find(search)?;
                (text, Finder::Roots(root, number))
            }
            None => {
                let (child, text) = search.begin(uid)?;
                (text, Finder::Ours(child))
            }
        };
        Ok(Self { text: text.into(), finder })
    }

    /// Has no more looked for. What was found before can still be read.
    pub fn stop(&mut self) -> io::Result<()> {
        match &mut self.finder {
            Finder::Ours(child) => end(child, false).map(drop),
            Finder::Roots(root, number) => root.finish(*number, false).map(drop),
        }
    }

    /// Waits until whoever looks for them has ended, and tells whether all went well.
    pub fn finish(self) -> io::Result<bool> {
        let Self { text, finder } = self;
        // It must not wait for us while we wait for it.
        drop(text);
        match finder {
            Finder::Ours(mut child) => end(&mut child, true).map(|it| it.success()),
            Finder::Roots(root, number) => root.finish(number, true),
        }
    }
}

/// Waits for the end of a search, or makes it.
pub fn end(child: &mut Child, wants_more: bool) -> io::Result<ExitStatus> {
    if !wants_more {
        // It may have ended.
        let _ = child.kill();
    }
    child.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(of: Of, after: Option<&str>) -> Option<Vec<String>> {
        let after = after.map(str::to_owned);
        let search = Search { of, follow: false, lines: Some(3), after, since: None, until: None };
        let command = search.command(Some(1000))?;
        Some(command.get_args().map(|it| it.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn nothing_widens_what_is_looked_for_on_a_user_s_behalf() {
        let id = "0123456789abcdef".repeat(4);
        let found = words(Of::Container(id.clone()), Some("s=1;i=2")).unwrap();
        assert!(found.ends_with(&["_UID=1000".to_owned(), format!("CONTAINER_ID_FULL={id}")]), "{found:?}");
        assert!(found.contains(&"--after-cursor=s=1;i=2".to_owned()), "{found:?}");
        let found = words(Of::Events(vec!["PODMAN_EVENT=start".to_owned()]), None).unwrap();
        assert!(found.contains(&"_UID=1000".to_owned()) && found.contains(&"--lines=3".to_owned()));
        for bad in ["", "+", "x", &id[1..], &format!("{id}0"), &format!("{}+", &id[1..])] {
            assert!(words(Of::Container(bad.to_owned()), None).is_none(), "{bad}");
        }
        for bad in ["+", "_UID=0", "--directory=/", "/bin/sh", "PODMAN_EVENT", "MESSAGE=x"] {
            assert!(words(Of::Events(vec![bad.to_owned()]), None).is_none(), "{bad}");
        }
    }
}
