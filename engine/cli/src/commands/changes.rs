//! `--change` of `import` and `commit`.

use pontoon_image::RunConfig;

use super::Failure;

/// `--change`: instructions of a Containerfile that say how the image runs.
pub(super) fn apply(config: &mut RunConfig, instructions: &[String]) -> Result<(), Failure> {
    for text in instructions {
        let (word, rest) = match text.split_once([' ', '=']) {
            Some((word, rest)) => (word.to_ascii_uppercase(), rest.trim()),
            None => (text.to_ascii_uppercase(), ""),
        };
        let invalid =
            |reason: &str| Failure::new(format!("cannot understand `--change {text}`: {reason}"), None);
        let pair = || {
            let (name, value) = rest.split_once(['=', ' ']).ok_or_else(|| invalid("NAME=VALUE is wanted"))?;
            Ok::<_, Failure>((name.to_owned(), value.trim_matches('"').to_owned()))
        };
        match word.as_str() {
            "CMD" => config.cmd = Some(command(rest)),
            "ENTRYPOINT" => config.entrypoint = Some(command(rest)),
            "ENV" => {
                let (name, value) = pair()?;
                set_env(config, &name, &value);
            }
            "LABEL" => {
                let (name, value) = pair()?;
                config.labels.insert(name, value);
            }
            "EXPOSE" => config.exposed_ports.extend(
                rest.split_whitespace()
                    .map(|port| if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") }),
            ),
            "USER" => rest.clone_into(&mut config.user),
            "WORKDIR" => rest.clone_into(&mut config.working_dir),
            "VOLUME" => {
                let listed: Option<Vec<String>> = serde_json::from_str(rest).ok();
                let words = || rest.split_whitespace().map(str::to_owned).collect();
                config.volumes.extend(listed.unwrap_or_else(words));
            }
            "STOPSIGNAL" => config.stop_signal = Some(rest.to_owned()),
            _ => {
                return Err(invalid(
                    "the instructions are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR",
                ));
            }
        }
    }
    Ok(())
}

/// Sets a variable, in place of an earlier setting.
pub(super) fn set_env(config: &mut RunConfig, name: &str, value: &str) {
    config.env.retain(|it| it.split('=').next() != Some(name));
    config.env.push(format!("{name}={value}"));
}

/// A JSON list of words, or a line for the shell.
fn command(text: &str) -> Vec<String> {
    serde_json::from_str(text)
        .unwrap_or_else(|_| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_words_or_a_list() {
        for text in ["VOLUME /a /b", "VOLUME [\"/a\", \"/b\"]", "VOLUME=/a /b"] {
            let mut config = RunConfig::default();
            assert!(apply(&mut config, &[text.to_owned()]).is_ok());
            assert_eq!(config.volumes.iter().map(String::as_str).collect::<Vec<_>>(), ["/a", "/b"], "{text}");
        }
    }
}
