//! Single fields of a service.

use std::ffi::OsString;

use pontoon_kube::tree::{Node, Value};

use super::report::Verdict as Outcome;
use super::service::Service;
use super::values::{command, entries, pairs, text, texts, truth};
use crate::args::{self, Command};
use crate::run_options::Host;

/// Why the engine would not take some options.
pub(super) fn accepted(options: &[String], rootless: bool) -> Result<(), String> {
    // Files are read when the container is made.
    let own = options.iter().filter(|it| !it.starts_with("--env-file=") && !it.starts_with("--label-file="));
    let mut line: Vec<OsString> = vec!["create".into()];
    line.extend(own.map(OsString::from));
    line.push("image".into());
    let invocation = args::parse(line).map_err(|err| err.to_string())?;
    // Paths are made whole later, from the file's own directory; no file is looked at here.
    let host = Host { env: Vec::new(), directory: Some("/".into()), rootless };
    match invocation.command {
        Command::Create(args) => args.lower(Vec::new(), &host).map(drop).map_err(|err| err.to_string()),
        _ => Err("it is no option of a container".to_owned()),
    }
}

pub(super) fn commands(service: &mut Service, key: &str, node: &Node) -> Outcome {
    let words = match command(node) {
        Some(Ok(words)) => words,
        Some(Err(why)) => return Outcome::Refused(why),
        None => return Outcome::Refused("it should be a line or a list of words".to_owned()),
    };
    match (key, words.as_slice()) {
        // The image's own.
        _ if matches!(node.value, Value::Null) => {}
        ("command", []) => {
            return Outcome::Refused(
                "no unit file says that there is no command: the image's own would run".to_owned(),
            );
        }
        ("command", _) => service.command = words,
        // One that could be taken for a list is written as one.
        (_, [one]) if !one.starts_with('[') => service.add("entrypoint", one),
        (_, []) => service.add("entrypoint", ""),
        _ => service.add("entrypoint", &crate::format::json::compact(&words)),
    }
    Outcome::Exact
}

pub(super) fn env_files(service: &mut Service, node: &Node) -> Outcome {
    let paths: Option<Vec<String>> = match &node.value {
        Value::List(list) => list
            .iter()
            .map(|it| match &it.value {
                // One that may be missing is no file that systemd could be told to do without.
                Value::Map(_) if it.get("required").and_then(truth) == Some(false) => None,
                Value::Map(_) => it.get("path").and_then(text),
                _ => text(it),
            })
            .collect(),
        _ => texts(node),
    };
    let Some(paths) = paths else {
        let why =
            "it should be paths of files; one with `required: false` is written without that, or left out";
        return Outcome::Refused(why.to_owned());
    };
    paths.iter().for_each(|it| service.add("env-file", it));
    Outcome::Approximated(
        "quotes in the file are part of the values, and nothing is put in for variables".to_owned(),
    )
}

pub(super) fn restart(service: &mut Service, word: &str) -> Outcome {
    service.add("restart", word);
    match word.split(':').next().unwrap_or_default() {
        "on-failure" if word.contains(':') => Outcome::Approximated(
            "systemd counts the failures of ten seconds (StartLimitIntervalSec=)".to_owned(),
        ),
        "no" | "always" | "on-failure" => Outcome::Exact,
        "unless-stopped" => Outcome::Approximated(
            "a service that was stopped starts again at boot, unless [Install] is taken out of its file"
                .to_owned(),
        ),
        other => Outcome::Refused(format!("`{other}` is no policy")),
    }
}

/// `name:address`, `name=address`, or a map of them.
pub(super) fn extra_hosts(service: &mut Service, node: &Node) -> Outcome {
    let Some(hosts) = pairs(node) else {
        return Outcome::Refused("it should be names and addresses".to_owned());
    };
    for host in hosts {
        service.add("add-host", &host.replacen('=', ":", 1));
    }
    Outcome::Exact
}

pub(super) fn ulimits(service: &mut Service, node: &Node) -> Outcome {
    let Some(limits) = entries(node) else {
        return Outcome::Refused(format!("it is {}, and should be a map", node.kind()));
    };
    for limit in limits {
        let said = |name: &str| limit.node.get(name).and_then(text);
        let value = match (text(&limit.node), said("soft"), said("hard")) {
            (Some(both), ..) => both,
            (None, Some(soft), Some(hard)) => format!("{soft}:{hard}"),
            _ => {
                return Outcome::Refused(format!("`{}` should be a number, or `soft` and `hard`", limit.key));
            }
        };
        service.add("ulimit", &format!("{}={value}", limit.key));
    }
    Outcome::Exact
}

pub(super) fn logging(service: &mut Service, node: &Node) -> Outcome {
    let Some(parts) = entries(node) else {
        return Outcome::Refused(format!("it is {}, and should be a map", node.kind()));
    };
    if let Some(other) = parts.iter().find(|it| !matches!(it.key.as_str(), "driver" | "options")) {
        return Outcome::Refused(format!("no unit file says `{}` of a log", other.key));
    }
    match node.get("driver").and_then(text).as_deref() {
        None => {}
        Some(driver @ ("journald" | "json-file" | "k8s-file" | "none")) => service.add("log-driver", driver),
        Some(other) => {
            return Outcome::Refused(format!("`{other}` is no log driver here; journald and json-file are"));
        }
    }
    let options = node.get("options").and_then(pairs).unwrap_or_default();
    let mut verdict = Outcome::Exact;
    for option in options {
        match option.split('=').next() {
            Some("max-size" | "tag") => service.add("log-opt", &option),
            other => verdict = Outcome::Approximated(format!("`{}` is left out", other.unwrap_or_default())),
        }
    }
    verdict
}

pub(super) fn health_test(service: &mut Service, node: &Node) -> Outcome {
    let words = match &node.value {
        Value::List(_) => texts(node).unwrap_or_default(),
        _ => vec!["CMD-SHELL".to_owned(), text(node).unwrap_or_default()],
    };
    match words.split_first() {
        Some((first, [line])) if first == "CMD-SHELL" => service.add("health-cmd", line),
        Some((first, words)) if first == "CMD" && !words.is_empty() => {
            service.add("health-cmd", &crate::format::json::compact(words));
        }
        Some((first, [])) if first == "NONE" => service.options.push("--no-healthcheck".to_owned()),
        _ => return Outcome::Refused("it begins with CMD, CMD-SHELL or NONE".to_owned()),
    }
    Outcome::Exact
}
