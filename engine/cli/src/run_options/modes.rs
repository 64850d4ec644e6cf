//! Options that choose one of a few ways: `--pull`, `--cgroups`, `--sdnotify`, `--restart`; and `--stop-timeout`.

use pontoon_lifecycle::request::{CgroupMode, PullPolicy, SdNotifyMode};

use super::error::Fault;

/// `--pull`; the words are read as Podman reads them.
pub(super) fn pull(text: &str) -> Result<PullPolicy, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "" | "missing" | "ifmissing" | "ifnotpresent" => Ok(PullPolicy::Missing),
        "always" => Ok(PullPolicy::Always),
        "never" => Ok(PullPolicy::Never),
        "newer" | "ifnewer" => Ok(PullPolicy::Newer),
        _ => Err(Fault::invalid("it must be one of: always, missing, never, newer")),
    }
}

/// `--cgroups`
pub(super) fn cgroups(text: &str) -> Result<CgroupMode, Fault> {
    match text {
        "enabled" => Ok(CgroupMode::Enabled),
        "split" => Ok(CgroupMode::Split),
        "no-conmon" => Ok(CgroupMode::NoConmon),
        "disabled" => Ok(CgroupMode::Disabled),
        _ => Err(Fault::invalid("it must be one of: enabled, disabled, no-conmon, split")),
    }
}

/// `--sdnotify`
pub(super) fn sdnotify(text: &str) -> Result<SdNotifyMode, Fault> {
    match text {
        "container" => Ok(SdNotifyMode::Container),
        "conmon" => Ok(SdNotifyMode::Conmon),
        "ignore" => Ok(SdNotifyMode::Ignore),
        "healthy" => {
            Err(Fault::not_supported().hint("there are no health checks yet; `conmon` is ready at once"))
        }
        _ => Err(Fault::invalid("it must be one of: container, conmon, ignore")),
    }
}

/// `--restart`: there is only one restarter, and it is systemd.
pub(super) fn restart(text: &str) -> Result<(), Fault> {
    let policy = text.split(':').next().unwrap_or(text);
    match policy {
        "" | "no" | "never" => Ok(()),
        "always" | "on-failure" | "unless-stopped" => {
            Err(Fault::not_supported().hint("write a .container file with Restart= in its [Service] section"))
        }
        _ => Err(Fault::invalid("it must be `no`")),
    }
}

/// `--stop-timeout`, in seconds.
pub(super) fn stop_timeout(text: &str) -> Result<u32, Fault> {
    match text.parse() {
        Ok(seconds) if !text.starts_with('+') => Ok(seconds),
        _ => Err(Fault::invalid("it must be a number of seconds")),
    }
}
