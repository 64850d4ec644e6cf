//! The keys that options become.

use std::collections::BTreeSet;

use pontoon_units::UnitKind;
use pontoon_units::vocabulary::{self, Emit, Form};

use super::file::File;
use super::{QuadletError, References, Subject, value};
use crate::generate::line::{Given, Line};

/// Options that a unit has no use for: the service says how its container is run, and starts it anew.
pub(super) const OF_THE_SERVICE: [&str; 11] = [
    "attach",
    "cidfile",
    "detach",
    "detach-keys",
    "dry-run",
    "ignore",
    "preserve-fd",
    "preserve-fds",
    "replace",
    "rm",
    "sig-proxy",
];

/// The file of a thing. Options in `as_words` become `PodmanArgs=`.
pub(super) fn file(
    name: &str,
    subject: &Subject,
    line: &Line,
    references: &References,
    as_words: &BTreeSet<String>,
) -> Result<File, QuadletError> {
    let mut writer =
        Writer { file: File::new(name), kind: subject.kind, references, as_words, words: Vec::new() };
    let section = subject.kind.section();
    writer.file.section(section);
    let is_rootfs = line.last("rootfs").is_some_and(Given::is_on);
    if subject.kind == UnitKind::Container {
        let Some(first) = line.rest.first() else {
            return Err(QuadletError::NoImage { name: subject.name.clone() });
        };
        writer.scalar(if is_rootfs { "Rootfs" } else { "Image" }, first, "the image")?;
    }
    let is_named = match subject.kind {
        UnitKind::Container => line.last("name").is_some(),
        _ => true,
    };
    if is_named {
        let key = match subject.kind {
            UnitKind::Pod => "PodName",
            UnitKind::Volume => "VolumeName",
            UnitKind::Network => "NetworkName",
            _ => "ContainerName",
        };
        writer.scalar(key, &subject.name, "--name")?;
    }
    for given in last_ones(line) {
        if !given.is_global {
            writer.option(given)?;
        }
    }
    if line.rest.len() > 1 && subject.kind == UnitKind::Container {
        let words: Vec<String> = line.rest.iter().skip(1).map(|it| value::word(it)).collect();
        writer.file.push(section, "Exec", words.join(" "));
    }
    let globals: Vec<String> = line.global_words().iter().map(|it| value::word(it)).collect();
    if !globals.is_empty() {
        writer.file.push(section, "GlobalArgs", globals.join(" "));
    }
    for word in std::mem::take(&mut writer.words) {
        writer.file.push(section, "PodmanArgs", value::word(&word));
    }
    let mut file = writer.file;
    for (section, key, value) in &subject.settings {
        file.push(section, key, value.clone());
    }
    restart(&mut file, line);
    let in_pod =
        line.last("pod").and_then(|it| it.value.as_ref()).is_some_and(|it| references.pods.contains_key(it));
    if matches!(subject.kind, UnitKind::Container | UnitKind::Pod) && !in_pod {
        file.push("Install", "WantedBy", "default.target".to_owned());
    }
    Ok(file)
}

/// The options, of each that cannot be repeated the last.
pub(super) fn last_ones(line: &Line) -> impl Iterator<Item = &Given> {
    line.given().enumerate().filter_map(|(index, given)| {
        let again = line.given().skip(index + 1).any(|later| later.name == given.name);
        (given.repeats || !again).then_some(given)
    })
}

/// The policy is the service's.
fn restart(file: &mut File, line: &Line) {
    let Some(word) = line.last("restart").and_then(|it| it.value.as_deref()) else { return };
    let (policy, burst) = match word.split_once(':') {
        Some((policy, burst)) => (policy, Some(burst)),
        None => (word, None),
    };
    let policy = match policy {
        "always" | "unless-stopped" => "always",
        "on-failure" => "on-failure",
        _ => "no",
    };
    file.push("Service", "Restart", policy.to_owned());
    if let Some(burst) = burst.filter(|it| it.parse::<u32>().is_ok()) {
        file.push("Unit", "StartLimitBurst", burst.to_owned());
    }
}

struct Writer<'a> {
    file: File,
    kind: UnitKind,
    references: &'a References,
    as_words: &'a BTreeSet<String>,
    /// For `PodmanArgs=`.
    words: Vec<String>,
}

impl Writer<'_> {
    /// One text that must be said.
    fn scalar(&mut self, key: &str, text: &str, option: &str) -> Result<(), QuadletError> {
        let written = value::of(Form::Scalar, text).ok_or_else(|| QuadletError::Refused {
            file: self.file.name.clone(),
            option: option.to_owned(),
            reason: "it has control characters",
        })?;
        self.file.push(self.kind.section(), key, written);
        Ok(())
    }

    /// A key of a form, if the form can say it.
    fn key(&mut self, key: &str, form: Form, text: &str) -> bool {
        let written = value::of(form, text);
        if let Some(written) = &written {
            self.file.push(self.kind.section(), key, written.clone());
        }
        written.is_some()
    }

    fn option(&mut self, given: &Given) -> Result<(), QuadletError> {
        let name = given.name.as_str();
        if OF_THE_SERVICE.contains(&name) {
            return Ok(());
        }
        let said = !self.as_words.contains(name)
            && match self.kind {
                UnitKind::Container => self.of_container(given),
                UnitKind::Pod => self.of_pod(given)?,
                UnitKind::Volume => self.of_volume(given),
                UnitKind::Network => self.of_network(given),
                _ => false,
            };
        if said || is_elsewhere(self.kind, name) || self.by_table(given) {
            return Ok(());
        }
        self.words.push(match &given.value {
            Some(value) => format!("--{name}={value}"),
            None => format!("--{name}"),
        });
        Ok(())
    }

    /// Options that are more than a key.
    fn of_container(&mut self, given: &Given) -> bool {
        let text = given.value.as_deref().unwrap_or_default();
        match given.name.as_str() {
            "cgroups" => text != "disabled" || self.key("CgroupsMode", Form::Scalar, text),
            "sdnotify" => match text {
                "container" => self.key("Notify", Form::Scalar, "true"),
                "healthy" => self.key("Notify", Form::Scalar, "healthy"),
                _ => true,
            },
            "rootfs" => true,
            "user" => match text.split_once(':') {
                Some((user, group)) if !user.is_empty() && !group.is_empty() && !group.contains(':') => {
                    value::of(Form::Scalar, group).is_some()
                        && self.key("User", Form::Scalar, user)
                        && self.key("Group", Form::Scalar, group)
                }
                Some(_) => false,
                None => self.key("User", Form::Scalar, text),
            },
            "network" => self.network(text),
            "volume" => self.volume(text),
            "mount" => self.key("Mount", Form::Command, text),
            "device" => self.key("AddDevice", Form::Words, text),
            "env-file" => self.key("EnvironmentFile", Form::Command, text),
            "expose" => {
                text.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '/'))
                    && self.key("ExposeHostPort", Form::List, text)
            }
            "secret" => {
                let name = text.split(',').next().unwrap_or_default();
                !names_a_file(name) && self.key("Secret", Form::Command, text)
            }
            "pod" => match self.references.pods.get(text) {
                Some(file) => self.key("Pod", Form::Scalar, &file.clone()),
                None => false,
            },
            _ => false,
        }
    }

    fn of_pod(&mut self, given: &Given) -> Result<bool, QuadletError> {
        let text = given.value.as_deref().unwrap_or_default();
        Ok(match given.name.as_str() {
            "infra" if !given.is_on() => {
                return Err(QuadletError::Refused {
                    file: self.file.name.clone(),
                    option: "--infra=false".to_owned(),
                    reason: "systemd watches the infra container",
                });
            }
            "exit-policy" => self.key("ExitPolicy", Form::ScalarOrEmpty, text),
            "network" => self.network(text),
            "volume" => self.volume(text),
            _ => false,
        })
    }

    fn of_volume(&mut self, given: &Given) -> bool {
        let text = given.value.as_deref().unwrap_or_default();
        match (given.name.as_str(), text.split_once('=')) {
            ("opt", None) => match text {
                "copy" => self.key("Copy", Form::Scalar, "true"),
                "nocopy" => self.key("Copy", Form::Scalar, "false"),
                _ => false,
            },
            ("opt", Some(("device", device))) => self.key("Device", Form::Scalar, device),
            ("opt", Some(("type", kind))) => self.key("Type", Form::Scalar, kind),
            ("opt", Some(("o", options))) => self.key("Options", Form::Scalar, options),
            _ => false,
        }
    }

    fn of_network(&mut self, given: &Given) -> bool {
        let text = given.value.as_deref().unwrap_or_default();
        match given.name.as_str() {
            "subnet" => self.key("Subnet", Form::List, text),
            "gateway" => self.key("Gateway", Form::List, text),
            "ip-range" => self.key("IPRange", Form::List, text),
            _ => false,
        }
    }

    fn network(&mut self, text: &str) -> bool {
        let (name, options) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        if let Some(file) = self.references.networks.get(name) {
            let whole = options.map_or_else(|| file.clone(), |options| format!("{file}:{options}"));
            return self.key("Network", Form::List, &whole);
        }
        !names_a_file(name) && self.key("Network", Form::List, text)
    }

    fn volume(&mut self, text: &str) -> bool {
        let (source, rest) = text.split_once(':').map_or((text, None), |(source, rest)| (source, Some(rest)));
        if let (Some(file), Some(rest)) = (self.references.volumes.get(source), rest) {
            return self.key("Volume", Form::List, &format!("{file}:{rest}"));
        }
        !source.is_empty() && !names_a_file(source) && self.key("Volume", Form::List, text)
    }

    /// The first row of the table that stands for an option.
    fn by_table(&mut self, given: &Given) -> bool {
        if self.as_words.contains(&given.name) {
            return false;
        }
        let option = format!("--{}", given.name);
        for row in vocabulary::keys(self.kind) {
            let text = given.value.as_deref();
            let said = match row.emit {
                Emit::Separate(word) | Emit::Joined(word) | Emit::Lowered(word) if word == option => {
                    text.is_some_and(|text| self.key(row.name, row.form, text))
                }
                Emit::Prefixed(word, prefix) if word == option => {
                    let rest = text.and_then(|text| text.strip_prefix(prefix));
                    rest.is_some_and(|rest| self.key(row.name, row.form, rest))
                }
                Emit::Switch(word) if word == option => {
                    let word = if given.is_on() { "true" } else { "false" };
                    self.file.push(self.kind.section(), row.name, word.to_owned());
                    true
                }
                Emit::IfTrue(words) if is_said(words, &option, text) => {
                    self.file.push(self.kind.section(), row.name, "true".to_owned());
                    true
                }
                _ => false,
            };
            if said {
                return true;
            }
        }
        false
    }
}

/// Whether some words are an option with its value.
fn is_said(words: &[&str], option: &str, text: Option<&str>) -> bool {
    let Some(text) = text else { return false };
    match words {
        [one] => one.strip_prefix(option).and_then(|rest| rest.strip_prefix('=')) == Some(text),
        [first, second] => *first == option && *second == text,
        _ => false,
    }
}

/// Options that other lines of the file say.
fn is_elsewhere(kind: UnitKind, name: &str) -> bool {
    match kind {
        UnitKind::Container => matches!(name, "name" | "restart"),
        UnitKind::Pod => matches!(name, "name" | "infra-conmon-pidfile" | "pod-id-file"),
        _ => false,
    }
}

/// Whether a word would be taken for the name of a unit file.
fn names_a_file(word: &str) -> bool {
    UnitKind::of_file_name(word).is_some()
}
