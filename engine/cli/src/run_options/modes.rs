//! Options that choose one of a few ways: `--pull`, `--cgroups`, `--sdnotify`, `--restart`; and `--stop-timeout`.

use std::path::{Path, PathBuf};

use pontoon_lifecycle::request::{
    CgroupMode, ImageVolumeMode, NamespaceMode, PullPolicy, RestartPolicy, SdNotifyMode, SystemdMode,
};

use super::error::Fault;
use super::{Host, OptionError};

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

/// `--pid`, `--uts`, `--cgroupns`
pub(super) fn namespace(text: &str, host: &Host) -> Result<NamespaceMode, Fault> {
    let wrong = || Fault::invalid("it must be one of: private, host, container:NAME, ns:PATH");
    match text.split_once(':') {
        None => match text {
            "" | "private" => Ok(NamespaceMode::Private),
            "host" => Ok(NamespaceMode::Host),
            _ => Err(wrong()),
        },
        Some(("container", name)) if !name.is_empty() => Ok(NamespaceMode::Container(name.to_owned())),
        Some(("ns", path)) if !path.is_empty() => Ok(NamespaceMode::Path(namespace_path(path, host))),
        Some(_) => Err(wrong()),
    }
}

/// The path of a namespace.
pub(super) fn namespace_path(path: &str, host: &Host) -> PathBuf {
    host.directory.as_deref().unwrap_or(Path::new("/")).join(path)
}

/// `--ipc`
pub(super) fn ipc(text: &str, host: &Host) -> Result<NamespaceMode, Fault> {
    match text {
        // Without `/dev/shm`, which is said elsewhere.
        "none" | "shareable" => Ok(NamespaceMode::Private),
        other => namespace(other, host).map_err(|_| {
            Fault::invalid("it must be one of: private, shareable, none, host, container:NAME, ns:PATH")
        }),
    }
}

/// `--personality`: the number that the kernel knows it by, personality(2).
pub(super) fn personality(text: &str) -> Result<u32, Fault> {
    match text {
        "LINUX" => Ok(0),
        "LINUX32" => Ok(8),
        _ => Err(Fault::invalid("it must be one of: LINUX, LINUX32")),
    }
}

/// `--attach`: which streams are attached, by any mixture of letters.
///
/// # Errors
/// Names the stream that is none.
pub fn attached_streams(words: &[String]) -> Result<Option<[bool; 3]>, OptionError> {
    let is_given = !words.is_empty();
    let words = super::error::listed(words);
    if is_given && words.is_empty() {
        return Err(Fault::invalid("it must be one of: stdin, stdout, stderr").of("--attach", ""));
    }
    let mut attached = [false; 3];
    for word in &words {
        let place = ["stdin", "stdout", "stderr"].iter().position(|it| word.eq_ignore_ascii_case(it));
        let fault = || Fault::invalid("it must be one of: stdin, stdout, stderr").of("--attach", word);
        let slot = place.and_then(|it| attached.get_mut(it)).ok_or_else(fault)?;
        *slot = true;
    }
    Ok((!words.is_empty()).then_some(attached))
}

/// `--cgroup-parent`
pub(super) fn cgroup_parent(text: &str) -> Result<String, Fault> {
    let name = text.trim_start_matches('/');
    let is_name = name.len() > ".slice".len()
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || b":-_.\\@".contains(&it));
    match name.strip_suffix(".slice") {
        Some(_) if is_name => Ok(name.to_owned()),
        _ => Err(Fault::invalid("it must be the name of a slice").hint("as in --cgroup-parent apps.slice")),
    }
}

/// `--systemd`
pub(super) fn systemd(text: &str) -> Result<SystemdMode, Fault> {
    match text {
        "" | "true" => Ok(SystemdMode::True),
        "false" => Ok(SystemdMode::False),
        "always" => Ok(SystemdMode::Always),
        _ => Err(Fault::invalid("it must be one of: true, false, always")),
    }
}

/// `--image-volume`
pub(super) fn image_volume(text: &str) -> Result<ImageVolumeMode, Fault> {
    match text {
        "" | "anonymous" | "bind" => Ok(ImageVolumeMode::Anonymous),
        "tmpfs" => Ok(ImageVolumeMode::Tmpfs),
        "ignore" => Ok(ImageVolumeMode::Ignore),
        _ => Err(Fault::invalid("it must be one of: anonymous, bind, tmpfs, ignore")),
    }
}

/// `--sdnotify`
pub(super) fn sdnotify(text: &str) -> Result<SdNotifyMode, Fault> {
    match text {
        "container" => Ok(SdNotifyMode::Container),
        "conmon" => Ok(SdNotifyMode::Conmon),
        "ignore" => Ok(SdNotifyMode::Ignore),
        "healthy" => Ok(SdNotifyMode::Healthy),
        _ => Err(Fault::invalid("it must be one of: container, conmon, healthy, ignore")),
    }
}

/// `--restart`
pub(super) fn restart(text: &str) -> Result<RestartPolicy, Fault> {
    let (policy, most) = match text.split_once(':') {
        Some((policy, most)) => (policy, Some(most)),
        None => (text, None),
    };
    let retries = match most {
        None => None,
        Some(number) if policy == "on-failure" => Some(
            number.parse().map_err(|_| Fault::invalid("after `on-failure:` stands a number of restarts"))?,
        ),
        Some(_) => return Err(Fault::invalid("only `on-failure` takes a number of restarts")),
    };
    match policy {
        "" | "no" | "never" => Ok(RestartPolicy::No),
        "always" => Ok(RestartPolicy::Always),
        "on-failure" => Ok(RestartPolicy::OnFailure { retries }),
        "unless-stopped" => Ok(RestartPolicy::UnlessStopped),
        _ => Err(Fault::invalid("it must be one of: no, always, on-failure, on-failure:N, unless-stopped")),
    }
}

/// `--policy` of `pull`.
pub fn pull_policy(text: Option<&String>) -> Result<Option<PullPolicy>, OptionError> {
    super::error::optional("--policy", text, pull)
}

/// `--restart` of `update`.
pub fn restart_policy(text: Option<&String>) -> Result<Option<RestartPolicy>, OptionError> {
    super::error::optional("--restart", text, restart)
}

/// `--stop-timeout`, in seconds.
pub(super) fn stop_timeout(text: &str) -> Result<u32, Fault> {
    match text.parse() {
        Ok(seconds) if !text.starts_with('+') => Ok(seconds),
        _ => Err(Fault::invalid("it must be a number of seconds")),
    }
}
