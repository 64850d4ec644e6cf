//! `HEALTHCHECK` of a Containerfile.

use pontoon_image::HealthConfig;

use pontoon_cli::time::parse_duration;

/// `NONE`, or options and behind them `CMD` with a JSON list of words or a line for a shell.
pub(super) fn read(text: &str) -> Result<HealthConfig, String> {
    let mut check = HealthConfig::default();
    let mut rest = text.trim();
    while let Some(option) = rest.strip_prefix("--") {
        let (setting, behind) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        set(&mut check, setting)?;
        rest = behind.trim_start();
    }
    let (word, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let command = command.trim();
    check.test = match word.to_ascii_uppercase().as_str() {
        "NONE" if command.is_empty() && check == HealthConfig::default() => vec!["NONE".to_owned()],
        "CMD" if !command.is_empty() => match serde_json::from_str::<Vec<String>>(command) {
            Ok(words) => std::iter::once("CMD".to_owned()).chain(words).collect(),
            Err(_) => vec!["CMD-SHELL".to_owned(), command.to_owned()],
        },
        _ => return Err("NONE, or [OPTIONS] CMD and a command is wanted".to_owned()),
    };
    Ok(check)
}

fn set(check: &mut HealthConfig, setting: &str) -> Result<(), String> {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    let time = || {
        let time = parse_duration(value).ok().and_then(|it| i64::try_from(it.as_nanos()).ok());
        time.ok_or_else(|| format!("`--{setting}` is no duration, as --{name}=30s"))
    };
    match name {
        "interval" => check.interval = time()?,
        "timeout" => check.timeout = time()?,
        "start-period" => check.start_period = time()?,
        "start-interval" => check.start_interval = time()?,
        "retries" => {
            let number = value.parse().ok().filter(|it| *it > 0);
            check.retries = number.ok_or_else(|| format!("`--{setting}` is no number of failures"))?;
        }
        _ => {
            return Err(format!(
                "`--{name}` is none of --interval, --timeout, --start-period, --start-interval, --retries"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_has_options_and_a_command() {
        let check = read("--interval=5s --timeout=1m --retries=2 CMD [\"true\", \"x\"]").unwrap();
        assert_eq!((check.interval, check.timeout, check.retries), (5_000_000_000, 60_000_000_000, 2));
        assert_eq!(check.test, ["CMD", "true", "x"]);
        assert_eq!(read("cmd test -e /up || exit 1").unwrap().test, ["CMD-SHELL", "test -e /up || exit 1"]);
        assert_eq!(read("none").unwrap().test, ["NONE"]);
        for wrong in [
            "",
            "true",
            "CMD",
            "NONE x",
            "--retries=2 NONE",
            "--interval=x CMD a",
            "--retries=0 CMD a",
            "--bogus=1 CMD a",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
