//! `--change` of `import` and `commit`, and `--config` of the latter.

mod health;
mod words;

use pontoon_image::RunConfig;

use super::Failure;
use pontoon_cli::run_options::{exposed_ports, parse_signal};

/// How instructions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As in a Containerfile, by `commit`.
    Containerfile,
    /// As Podman's `import` does: one pair each, and quotes stay, but for those around a value.
    Plain,
}

/// `--change`: instructions of a Containerfile that say how the image runs.
pub(super) fn apply(
    config: &mut RunConfig,
    instructions: &[String],
    reading: Reading,
) -> Result<(), Failure> {
    let mut has_cmd = false;
    for text in instructions.iter().flat_map(|text| text.lines()).map(str::trim) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (word, rest) = match text.split_once([' ', '=']) {
            Some((word, rest)) => (word, rest.trim()),
            None => (text, ""),
        };
        let word = word.to_ascii_uppercase();
        // Arguments of the program before are none of a new one.
        if word == "ENTRYPOINT" && !has_cmd && reading == Reading::Containerfile {
            config.cmd = None;
        }
        has_cmd |= word == "CMD";
        one(config, &word, rest, reading)
            .map_err(|reason| Failure::new(format!("cannot understand `--change {text}`: {reason}"), None))?;
    }
    Ok(())
}

fn one(config: &mut RunConfig, word: &str, rest: &str, reading: Reading) -> Result<(), String> {
    // An instruction sees what was set before it.
    let env = config.env.clone();
    let variable = |name: &str| {
        let value =
            |it: &String| it.split_once('=').filter(|(known, _)| *known == name).map(|it| it.1.to_owned());
        env.iter().find_map(value)
    };
    let text = || match reading {
        Reading::Containerfile => words::unquoted(rest, &variable).map_err(|err| err.to_string()),
        Reading::Plain => Ok(rest.to_owned()),
    };
    let words = || match reading {
        Reading::Containerfile => words::split(rest, &variable).map_err(|err| err.to_string()),
        Reading::Plain => Ok(rest.split_whitespace().map(str::to_owned).collect()),
    };
    match word {
        "CMD" => config.cmd = Some(command(rest)),
        "ENTRYPOINT" => config.entrypoint = Some(command(rest)),
        "ENV" => {
            for (name, value) in pairs(rest, reading, &variable)? {
                set_env(config, &name, &value);
            }
        }
        "LABEL" => config.labels.extend(pairs(rest, reading, &variable)?),
        "EXPOSE" => {
            for port in words()? {
                add(&mut config.exposed_ports, exposed_ports(&port).map_err(|err| err.to_string())?);
            }
        }
        "HEALTHCHECK" if reading == Reading::Containerfile => {
            config.healthcheck = Some(health::read(rest)?);
        }
        "SHELL" if reading == Reading::Containerfile => {
            let words =
                serde_json::from_str(rest).map_err(|_| "a JSON list of words is wanted".to_owned())?;
            config.shell = Some(words);
        }
        "ONBUILD" if !rest.is_empty() => config.on_build.get_or_insert_default().push(rest.to_owned()),
        "USER" => config.user = text()?,
        "WORKDIR" if reading == Reading::Containerfile => {
            let before = std::path::Path::new("/").join(&config.working_dir);
            config.working_dir = before.join(text()?).to_string_lossy().into_owned();
        }
        "WORKDIR" => rest.clone_into(&mut config.working_dir),
        "VOLUME" => {
            let listed: Option<Vec<String>> = serde_json::from_str(rest).ok();
            let paths = listed.map_or_else(words, Ok)?;
            if paths.iter().any(String::is_empty) {
                return Err("a path is wanted".to_owned());
            }
            config.volumes.extend(paths);
        }
        "STOPSIGNAL" => {
            let signal = text()?;
            parse_signal("STOPSIGNAL", &signal).map_err(|err| err.to_string())?;
            config.stop_signal = Some(signal);
        }
        _ => {
            let more = if reading == Reading::Containerfile { ", HEALTHCHECK, SHELL" } else { "" };
            return Err(format!(
                "the instructions are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR{more}"
            ));
        }
    }
    Ok(())
}

fn pairs(
    rest: &str,
    reading: Reading,
    variables: words::Variables<'_>,
) -> Result<Vec<(String, String)>, String> {
    let wanted = || "NAME=VALUE is wanted".to_owned();
    match reading {
        Reading::Containerfile if rest.is_empty() => Err(wanted()),
        Reading::Containerfile => words::pairs(rest, variables).map_err(|err| err.to_string()),
        Reading::Plain => {
            let (name, value) = rest.split_once('=').or_else(|| rest.split_once(' ')).ok_or_else(wanted)?;
            let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            Ok(vec![(name.to_owned(), bare.to_owned())])
        }
    }
}

/// `--config`: what a file says takes the place of what the container has, and lists are joined. An entry point comes with its
/// own arguments, or none.
pub(super) fn merge(config: &mut RunConfig, file: RunConfig) {
    for (name, value) in file.env.iter().filter_map(|it| it.split_once('=')) {
        set_env(config, name, value);
    }
    config.labels.extend(file.labels);
    add(&mut config.exposed_ports, file.exposed_ports);
    add(&mut config.volumes, file.volumes);
    if file.entrypoint.is_some() {
        config.entrypoint = file.entrypoint;
        config.cmd = None;
    }
    for (ours, told) in
        [(&mut config.cmd, file.cmd), (&mut config.on_build, file.on_build), (&mut config.shell, file.shell)]
    {
        *ours = told.or(ours.take());
    }
    for (ours, told) in [(&mut config.user, file.user), (&mut config.working_dir, file.working_dir)] {
        if !told.is_empty() {
            *ours = told;
        }
    }
    config.stop_signal = file.stop_signal.or(config.stop_signal.take());
    config.healthcheck = file.healthcheck.or(config.healthcheck.take());
}

fn add(list: &mut Vec<String>, more: Vec<String>) {
    for it in more {
        if !list.contains(&it) {
            list.push(it);
        }
    }
}

/// Sets a variable, in place of an earlier setting.
pub(super) fn set_env(config: &mut RunConfig, name: &str, value: &str) {
    let setting = format!("{name}={value}");
    match config.env.iter_mut().find(|it| it.split('=').next() == Some(name)) {
        Some(earlier) => *earlier = setting,
        None => config.env.push(setting),
    }
}

/// A JSON list of words, or a line for the shell.
fn command(text: &str) -> Vec<String> {
    serde_json::from_str(text)
        .unwrap_or_else(|_| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str], reading: Reading) -> RunConfig {
        let mut config = RunConfig::default();
        let changes: Vec<String> = changes.iter().map(|&it| it.to_owned()).collect();
        assert!(apply(&mut config, &changes, reading).is_ok(), "{changes:?}");
        config
    }

    #[test]
    fn volumes_are_words_or_a_list() {
        for text in ["VOLUME /a /b", "VOLUME [\"/a\", \"/b\"]", "VOLUME=/a /b"] {
            let config = changed(&[text], Reading::Containerfile);
            assert_eq!(config.volumes.iter().map(String::as_str).collect::<Vec<_>>(), ["/a", "/b"], "{text}");
        }
    }

    #[test]
    fn commit_reads_a_containerfile() {
        let config = changed(
            &[
                "ENV A=1 B=\"x y\"\nENV C d",
                "USER \"me\"",
                "WORKDIR '/a b'",
                "WORKDIR c",
                "ONBUILD RUN x",
                "# no",
                "LABEL=l=m",
            ],
            Reading::Containerfile,
        );
        assert_eq!(config.env, ["A=1", "B=x y", "C=d"]);
        assert_eq!((config.user.as_str(), config.working_dir.as_str()), ("me", "/a b/c"));
        assert_eq!(config.on_build.as_deref(), Some(&["RUN x".to_owned()][..]));
        assert_eq!(config.labels.get("l").map(String::as_str), Some("m"));
    }

    #[test]
    fn an_entry_point_has_its_own_arguments() {
        let cmd = |changes: &[&str]| {
            let mut config = RunConfig { cmd: Some(vec!["old".to_owned()]), ..RunConfig::default() };
            let changes: Vec<String> = changes.iter().map(|&it| it.to_owned()).collect();
            assert!(apply(&mut config, &changes, Reading::Containerfile).is_ok(), "{changes:?}");
            config.cmd
        };
        assert_eq!(cmd(&["ENTRYPOINT [\"a\"]"]), None);
        assert_eq!(cmd(&["CMD [\"b\"]", "ENTRYPOINT [\"a\"]"]), Some(vec!["b".to_owned()]));
        assert_eq!(cmd(&["ENV A=1"]), Some(vec!["old".to_owned()]));
    }

    #[test]
    fn import_reads_one_pair() {
        let config = changed(&["ENV A=1 B=\"x y\"", "ENV C=\"x y\"", "USER \"me\""], Reading::Plain);
        assert_eq!(config.env, ["A=1 B=\"x y\"", "C=x y"]);
        assert_eq!(config.user, "\"me\"");
    }

    #[test]
    fn variables_are_the_container_s_and_those_set_before() {
        let config = changed(
            &[
                "ENV A=/a",
                "ENV A=/b B=$A",
                "WORKDIR $A/c",
                "EXPOSE ${PORT:-80} 90/udp 80",
                "LABEL l=\"$B\"",
                "CMD echo $A",
            ],
            Reading::Containerfile,
        );
        assert_eq!(
            (config.env, config.working_dir.as_str()),
            (vec!["A=/b".to_owned(), "B=/a".to_owned()], "/b/c")
        );
        assert_eq!(
            (config.exposed_ports, config.labels["l"].as_str()),
            (vec!["80/tcp".to_owned(), "90/udp".to_owned()], "/a")
        );
        assert_eq!(config.cmd.unwrap().last().unwrap(), "echo $A");
        assert_eq!(changed(&["ENV A=$PATH"], Reading::Plain).env, ["A=$PATH"]);
    }

    #[test]
    fn checks_and_shells_are_for_commit() {
        let changes = ["HEALTHCHECK --retries=2 CMD true", "SHELL [\"/bin/ash\",\"-c\"]"];
        let config = changed(&changes, Reading::Containerfile);
        assert_eq!(config.healthcheck.unwrap().test, ["CMD-SHELL", "true"]);
        assert_eq!(config.shell.unwrap(), ["/bin/ash", "-c"]);
        for (change, reading) in [
            (changes[0], Reading::Plain),
            (changes[1], Reading::Plain),
            ("SHELL /bin/ash", Reading::Containerfile),
            ("EXPOSE $PORT", Reading::Plain),
            ("EXPOSE x", Reading::Containerfile),
            ("STOPSIGNAL BOGUS", Reading::Containerfile),
        ] {
            assert!(apply(&mut RunConfig::default(), &[change.to_owned()], reading).is_err(), "{change}");
        }
    }

    #[test]
    fn a_file_is_merged() {
        let mut config = changed(&["ENV A=1 B=2", "CMD [\"x\"]", "USER me"], Reading::Containerfile);
        let file = changed(&["ENV A=3", "ENTRYPOINT [\"e\"]"], Reading::Containerfile);
        merge(&mut config, file);
        assert_eq!(config.env, ["A=3", "B=2"]);
        assert_eq!((config.cmd, config.entrypoint), (None, Some(vec!["e".to_owned()])));
        assert_eq!(config.user, "me");
    }
}
