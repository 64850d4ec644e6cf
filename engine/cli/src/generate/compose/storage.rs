//! What a service mounts and publishes.

use pontoon_kube::tree::{Entry, Node, Value};

use super::report::Verdict as Outcome;
use super::service::Service;
use super::values::{entries, text, truth};
use super::{Held, Reader};

/// Docker makes the directory of a bind mount where it is missing.
const MUST_EXIST: &str = "the path must be there; Docker makes a missing one";

impl Reader<'_> {
    /// `volumes`
    pub(super) fn mounts(&mut self, service: &mut Service, entry: &Entry, field: &str) {
        let Value::List(list) = &entry.node.value else {
            self.report.refuse(entry.node.place, field, "it should be a list");
            return;
        };
        for one in list {
            let verdict = match &one.value {
                Value::Map(_) => self.long_mount(service, one),
                _ => self.short_mount(service, &text(one).unwrap_or_default()),
            };
            self.report.add(one.place, field, verdict);
        }
    }

    fn short_mount(&self, service: &mut Service, word: &str) -> Outcome {
        let Some((source, rest)) = word.split_once(':') else {
            service.add("volume", word);
            return Outcome::Exact;
        };
        match self.source(source) {
            Ok((source, is_path)) => {
                service.add("volume", &format!("{source}:{rest}"));
                if is_path { Outcome::Approximated(MUST_EXIST.to_owned()) } else { Outcome::Exact }
            }
            Err(why) => Outcome::Refused(why),
        }
    }

    /// What is mounted, and whether it is a path.
    fn source(&self, source: &str) -> Result<(String, bool), String> {
        if let Some(rest) = source.strip_prefix('~') {
            let home = self.surroundings.variables.get("HOME").ok_or("$HOME is not set")?;
            return Ok((format!("{home}{rest}"), true));
        }
        if source.starts_with(['.', '/']) {
            if source.contains(':') {
                return Err(format!("`{source}` has a colon"));
            }
            return Ok((source.to_owned(), true));
        }
        let name = self.names.volumes.get(source);
        name.map(|it| (it.clone(), false)).ok_or_else(|| format!("`{source}` is not among the volumes"))
    }

    fn long_mount(&self, service: &mut Service, node: &Node) -> Outcome {
        let said = |name: &str| node.get(name).and_then(text);
        let (kind, target) = (said("type").unwrap_or_default(), said("target").unwrap_or_default());
        let known = ["type", "source", "target", "read_only", "bind", "volume", "tmpfs", "consistency"];
        let unknown = entries(node).unwrap_or_default().iter().find(|it| !known.contains(&it.key.as_str()));
        if let Some(unknown) = unknown {
            return Outcome::Refused(format!("no unit file says `{}` of a mount", unknown.key));
        }
        let parts = |name: &str| node.get(name).and_then(entries).unwrap_or_default();
        let mut options = Vec::new();
        if node.get("read_only").and_then(truth) == Some(true) {
            options.push("ro".to_owned());
        }
        if kind == "tmpfs" {
            for part in parts("tmpfs") {
                match part.key.as_str() {
                    "size" => options.push(format!("size={}", text(&part.node).unwrap_or_default())),
                    // Octal or not is told by nothing here.
                    "mode" => {
                        return Outcome::Refused(format!(
                            "write `tmpfs: [\"{target}:mode=…\"]` of the service"
                        ));
                    }
                    other => return Outcome::Refused(format!("no unit file says `{other}` of a tmpfs")),
                }
            }
            service.add("tmpfs", &with_options(target, &options));
            return Outcome::Exact;
        }
        for part in parts("bind").iter().chain(parts("volume")) {
            let value = text(&part.node).unwrap_or_default();
            match part.key.as_str() {
                "propagation" | "selinux" => options.push(value),
                "nocopy" if truth(&part.node) == Some(true) => options.push("nocopy".to_owned()),
                "nocopy" | "create_host_path" => {}
                other => return Outcome::Refused(format!("no unit file says `{other}` of a mount")),
            }
        }
        let source = match (kind.as_str(), said("source")) {
            ("volume", None) => {
                service.add("volume", &target);
                return Outcome::Exact;
            }
            ("bind", Some(source)) if !source.starts_with(['.', '/', '~']) => {
                self.source(&format!("./{source}"))
            }
            ("volume", Some(source)) if source.starts_with(['.', '/', '~']) => {
                return Outcome::Refused(format!("`{source}` is no volume; a path is `type: bind`"));
            }
            ("bind" | "volume", Some(source)) => self.source(&source),
            _ => return Outcome::Refused(format!("`{kind}` is no type of mount that unit files know")),
        };
        match source {
            Ok((source, is_path)) => {
                service.add("volume", &with_options(format!("{source}:{target}"), &options));
                if is_path { Outcome::Approximated(MUST_EXIST.to_owned()) } else { Outcome::Exact }
            }
            Err(why) => Outcome::Refused(why),
        }
    }

    /// `secrets`, `configs`
    pub(super) fn uses(&mut self, service: &mut Service, entry: &Entry, field: &str, section: &str) {
        let Value::List(list) = &entry.node.value else {
            self.report.refuse(entry.node.place, field, "it should be a list");
            return;
        };
        for one in list {
            let (name, target) = match &one.value {
                Value::Map(_) => (one.get("source").and_then(text), one.get("target").and_then(text)),
                _ => (text(one), None),
            };
            let name = name.unwrap_or_default();
            let mut owner = Vec::new();
            let mut wrong = None;
            for part in entries(one).unwrap_or_default() {
                match (part.key.as_str(), &part.node.value) {
                    ("source" | "target", _) => {}
                    ("uid" | "gid", _) => {
                        owner.push(format!("{}={}", part.key, text(&part.node).unwrap_or_default()));
                    }
                    // A number may have been octal.
                    ("mode", Value::Text(mode)) => owner.push(format!("mode={mode}")),
                    ("mode", _) => wrong = Some("write the mode in quotes, `\"0440\"`".to_owned()),
                    (other, _) => wrong = Some(format!("no unit file says `{other}` of it")),
                }
            }
            if let Some(why) = wrong {
                self.report.refuse(one.place, field, why);
                continue;
            }
            let directory = if section == "secrets" { "/run/secrets/" } else { "/" };
            let place = match target {
                Some(target) if target.starts_with('/') => target,
                Some(target) => format!("{directory}{target}"),
                None => format!("{directory}{name}"),
            };
            let verdict = match self.names.files.get(&format!("{section}/{name}")) {
                Some(Held::File(path)) => {
                    let is_whole = path.starts_with(['.', '/', '~']);
                    let path = if is_whole { path.clone() } else { format!("./{path}") };
                    match self.source(&path) {
                        Ok((path, _)) => {
                            service.add("volume", &format!("{path}:{place}:ro"));
                            Outcome::Approximated("the file is mounted, with its owner and mode".to_owned())
                        }
                        Err(why) => Outcome::Refused(why),
                    }
                }
                Some(Held::Engine(secret)) if !secret.contains(',') && !place.contains(',') => {
                    let mut words = vec![secret.clone(), format!("target={place}")];
                    words.append(&mut owner);
                    service.add("secret", &words.join(","));
                    Outcome::Exact
                }
                Some(Held::Engine(_)) => {
                    Outcome::Refused("neither name nor target may have a comma".to_owned())
                }
                None => Outcome::Refused(format!("`{name}` is not among the {section}")),
            };
            self.report.add(one.place, field, verdict);
        }
    }

    /// `ports`
    pub(super) fn ports(&mut self, service: &mut Service, entry: &Entry, field: &str) {
        let Value::List(list) = &entry.node.value else {
            self.report.refuse(entry.node.place, field, "it should be a list");
            return;
        };
        let rootless = self.surroundings.rootless;
        for one in list {
            let verdict = match &one.value {
                Value::Map(parts) => port(service, parts, rootless),
                _ => match text(one)
                    .filter(|it| super::fields::accepted(&[format!("--publish={it}")], rootless).is_ok())
                {
                    Some(port) => {
                        service.add("publish", &port);
                        Outcome::Exact
                    }
                    None => Outcome::Refused(PORTS.to_owned()),
                },
            };
            self.report.add(one.place, field, verdict);
        }
    }
}

/// What is wrong with a port that is none.
const PORTS: &str = "it is no port: write `PORT`, `HOSTPORT:PORT` or `ADDRESS:HOSTPORT:PORT`, numbers from 1 to 65535 or ranges such \
                     as `8000-8010` of equal length, with `/tcp`, `/udp` or `/sctp` if need be";

fn port(service: &mut Service, parts: &[Entry], rootless: bool) -> Outcome {
    let (mut address, mut host, mut target, mut protocol) = (None, None, None, None);
    let mut verdict = Outcome::Exact;
    for part in parts {
        let value = text(&part.node);
        match part.key.as_str() {
            "target" => target = value,
            "published" => host = value,
            "host_ip" => address = value,
            "protocol" => protocol = value,
            "mode" if value.as_deref() == Some("host") => {}
            "mode" | "name" | "app_protocol" => {
                verdict = Outcome::Approximated(format!("`{}` of a port is left out", part.key));
            }
            other => return Outcome::Refused(format!("no unit file says `{other}` of a port")),
        }
    }
    let Some(target) = target else { return Outcome::Refused("a port needs a `target`".to_owned()) };
    let address = address.map(|it| if it.contains(':') { format!("[{it}]:") } else { format!("{it}:") });
    let host = match (&address, host) {
        (None, None) => String::new(),
        (_, host) => format!("{}:", host.unwrap_or_default()),
    };
    let protocol = protocol.map(|it| format!("/{it}")).unwrap_or_default();
    let publish = format!("{}{host}{target}{protocol}", address.unwrap_or_default());
    if super::fields::accepted(&[format!("--publish={publish}")], rootless).is_err() {
        return Outcome::Refused(format!("`{publish}`: {PORTS}"));
    }
    service.add("publish", &publish);
    verdict
}

fn with_options(word: String, options: &[String]) -> String {
    if options.is_empty() { word } else { format!("{word}:{}", options.join(",")) }
}
