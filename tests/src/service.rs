//! Units of a test host's users and of its system, made from files and looked at through systemctl.

use crate::host::TestHost;
use crate::output::Output;
use crate::wait;

/// A manager of units: a user's, or the system's.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'h> {
    host: &'h TestHost,
    user: &'h str,
}

impl<'h> Manager<'h> {
    /// The manager of that user; `root` means the system's.
    pub fn of(host: &'h TestHost, user: &'h str) -> Self {
        Self { host, user }
    }

    /// Where files for it lie.
    pub fn dir(self) -> String {
        match self.user {
            "root" => "/etc/containers/systemd".to_owned(),
            user => format!("/home/{user}/.config/containers/systemd"),
        }
    }

    /// Writes a file and lets the manager read it.
    pub fn add(self, name: &str, text: &str) -> Self {
        self.host.write(self.user, &format!("{}/{name}", self.dir()), text);
        self.reload();
        self
    }

    /// Removes a file and lets the manager forget it.
    pub fn remove(self, name: &str) {
        let _ = self.host.sh_as(self.user, &format!("rm -f {}/{name}", self.dir()));
        self.reload();
    }

    /// `daemon-reload`.
    pub fn reload(self) {
        self.systemctl("daemon-reload").ok();
    }

    /// One systemctl command of this manager.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    pub fn systemctl(self, words: &str) -> Output {
        let user = if self.user == "root" { "" } else { "--user " };
        self.host.sh_as(self.user, &format!("systemctl {user}{words}"))
    }

    /// Starts a unit; where that fails, what it said is part of the failure.
    #[track_caller]
    pub fn start(self, unit: &str) {
        let output = self.systemctl(&format!("start {unit}"));
        assert!(
            output.code == 0,
            "{output:?}\n{:?}\n{}",
            self.systemctl(&format!("status {unit}")),
            self.journal(unit)
        );
    }

    /// Stops a unit.
    #[track_caller]
    pub fn stop(self, unit: &str) {
        self.systemctl(&format!("stop {unit}")).ok();
    }

    /// One property of a unit.
    pub fn property(self, unit: &str, name: &str) -> String {
        self.systemctl(&format!("show --property={name} --value {unit}")).ok().text().to_owned()
    }

    /// The text of a unit with its drop-ins.
    pub fn cat(self, unit: &str) -> String {
        self.systemctl(&format!("cat {unit}")).ok().stdout
    }

    /// What the journal has of a unit, as its owner sees it.
    pub fn journal(self, unit: &str) -> String {
        let whose = if self.user == "root" { "-u" } else { "--user -u" };
        self.host.sh_as(self.user, &format!("journalctl --no-pager -o cat {whose} {unit}")).stdout
    }

    /// Waits until the journal of a unit contains a text.
    #[track_caller]
    pub fn until_logged(self, unit: &str, text: &str) {
        wait::until(&format!("`{text}` in the journal of {unit}"), || {
            let journal = self.journal(unit);
            if journal.contains(text) { Ok(()) } else { Err(journal) }
        });
    }

    /// Waits until a property of a unit has a value.
    #[track_caller]
    pub fn until_property(self, unit: &str, name: &str, value: &str) {
        wait::until(&format!("{name}={value} of {unit}"), || {
            let now = self.property(unit, name);
            if now == value { Ok(()) } else { Err(format!("{now}\n{}", self.journal(unit))) }
        });
    }
}
