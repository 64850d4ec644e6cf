//! What a file may say in `[Service]` about how its service runs.
//!
//! What can work is left as it is; what cannot is a fault that says why.

use super::SERVICE;
use super::work::Work;
use crate::tree::Entry;
use crate::values::{self, Value};

/// How a service is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It tells when it is ready, and stays.
    Notify,
    /// It runs to its end.
    Once,
}

impl<'a> Work<'a> {
    /// Which kind of service a container or Kubernetes file asks for.
    pub(super) fn start(&mut self) -> Start {
        let kill = self.setting("KillMode");
        if let Some(kill) = kill.filter(|kill| !matches!(&*kill.text, "mixed" | "control-group")) {
            let text = format!("`KillMode={}` leaves the container running", brief(&kill));
            self.error(&kill, text, "use `mixed` or `control-group`, or leave it out");
        }
        let start = match self.setting("Type") {
            Some(kind) if kind.text == "oneshot" => Start::Once,
            Some(kind) if kind.text != "notify" => {
                let text = format!("a container cannot be a service of `Type={}`", brief(&kind));
                self.error(&kind, text, "use `notify` or `oneshot`, or leave it out");
                Start::Notify
            }
            _ => Start::Notify,
        };
        self.refuse_own_command(start == Start::Once);
        start
    }

    /// The lines that make the service tell when it is ready; the file's own `NotifyAccess=` stays, since all of
    /// them let the main process tell, which the supervisor is.
    pub(super) fn notifies(&mut self) {
        self.draft.set(SERVICE, "Type", "notify");
        match self.setting("NotifyAccess") {
            // For a service of this type systemd takes `none` for `main`.
            Some(access) if matches!(&*access.text, "all" | "main" | "exec" | "none") => {}
            Some(access) => {
                let text = format!("`NotifyAccess={}` is nothing systemd knows", brief(&access));
                self.error(&access, text, "use `all`, or leave it out");
            }
            None => self.service("NotifyAccess", "all"),
        }
    }

    /// Lets the service have a tree of cgroups of its own; the file may name the controllers.
    pub(super) fn delegates(&mut self) {
        match self.setting("Delegate") {
            Some(value) if systemd_truth(&value.text) == Some(false) => {
                if self.scalar("CgroupsMode").is_none_or(|mode| mode.text == "split") {
                    self.error(
                        &value,
                        "without delegation the container cannot have a cgroup of its own",
                        "leave `Delegate=` out, or set `CgroupsMode=disabled` in [Container]",
                    );
                }
            }
            // The controllers by name.
            Some(value) if systemd_truth(&value.text).is_none() => {}
            _ => self.service("Delegate", "yes"),
        }
    }

    /// The lines of a service whose command does its work and ends.
    pub(super) fn runs_once(&mut self, stays_active: bool) {
        self.refuse_own_command(self.setting("Type").is_none_or(|kind| kind.text == "oneshot"));
        self.service_missing(&[("SyslogIdentifier", "%N"), ("Type", "oneshot")]);
        if stays_active {
            self.service_missing(&[("RemainAfterExit", "yes")]);
        }
    }

    /// Only a service that runs to its end may have commands beside ours, which then are run before.
    pub(super) fn refuse_own_command(&mut self, allowed: bool) {
        let commands: Vec<&Entry> =
            self.file.unit.entries(SERVICE).filter(|entry| entry.key == "ExecStart").collect();
        if allowed {
            return;
        }
        let Some(command) = values::since_reset(&commands).first() else { return };
        let hint = match self.file.name.kind {
            crate::UnitKind::Container => "use `Exec=` in [Container], or `ExecStartPre=`, or `Type=oneshot`",
            _ => "use `ExecStartPre=` or `ExecStartPost=`",
        };
        let fault = crate::Diagnostic::error(
            command.place.clone(),
            "a service that stays has one `ExecStart=`, which is made here",
        );
        self.faults.push(fault.with_hint(hint));
    }

    /// The file's own value of a key of `[Service]`, if it sets one.
    pub(super) fn setting(&self, key: &str) -> Option<Value<'a>> {
        let entry = self.file.unit.last(SERVICE, key)?;
        Some(values::unquoted_scalar(entry)).filter(|value| !value.text.is_empty())
    }
}

/// Whether a word means yes or no to systemd, which knows more of them than the original.
fn systemd_truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "t" => Some(true),
        "n" | "f" => Some(false),
        _ => values::truth(text),
    }
}

fn brief(value: &Value<'_>) -> String {
    crate::parse::brief(&value.text)
}
