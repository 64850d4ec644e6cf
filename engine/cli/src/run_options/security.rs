//! `--cap-add`, `--cap-drop`, `--security-opt`.

use std::path::PathBuf;

use pontoon_lifecycle::request::{CreateRequest, ProcOptions, SeccompRequest};
use pontoon_runtime::capabilities::Capability;

use super::OptionError;
use super::error::{Fault, listed};
use crate::args::refused::{UNMASKED, instead_of};

/// Reads names of capabilities into the kernel's names, or `ALL`.
pub(super) fn capabilities(option: &'static str, values: &[String]) -> Result<Vec<String>, OptionError> {
    listed(values)
        .into_iter()
        .map(|value| {
            if value.eq_ignore_ascii_case("all") {
                return Ok("ALL".to_owned());
            }
            match Capability::parse(&value) {
                Ok(capability) => Ok(capability.name().to_owned()),
                Err(source) => Err(OptionError::Capability { option, value, source }),
            }
        })
        .collect()
}

/// Applies one `--security-opt`.
pub(super) fn apply(request: &mut CreateRequest, text: &str) -> Result<(), Fault> {
    let (key, value) = match text.split_once('=').or_else(|| text.split_once(':')) {
        Some((key, value)) => (key, Some(value)),
        None => (text, None),
    };
    match (key, value) {
        ("no-new-privileges", None | Some("true")) => request.no_new_privileges = true,
        ("no-new-privileges", Some("false")) => request.no_new_privileges = false,
        ("no-new-privileges", Some(_)) => return Err(Fault::invalid("it takes `true` or `false`")),
        ("seccomp", Some("unconfined")) => request.seccomp = SeccompRequest::Unconfined,
        ("seccomp", Some(path)) if !path.is_empty() => {
            request.seccomp = SeccompRequest::Profile(PathBuf::from(path))
        }
        ("mask", Some(paths)) => request.mask.extend(path_list(paths)?),
        ("unmask", Some(paths)) if paths.eq_ignore_ascii_case("all") => request.unmask.push("ALL".to_owned()),
        ("unmask", Some(paths)) => request.unmask.extend(path_list(paths)?),
        // What they mean is seen where there is SELinux; elsewhere, as in Podman, they mean nothing.
        ("label", Some(option)) if !option.is_empty() => request.label_options.push(option.to_owned()),
        ("apparmor", Some(profile)) if !profile.is_empty() => request.apparmor = Some(profile.to_owned()),
        // Docker's word for it.
        ("systempaths", Some("unconfined")) => request.unmask.push("ALL".to_owned()),
        ("proc-opts", Some(words)) => request.proc_options = proc_options(words)?,
        ("nested" | "systempaths", _) => {
            return Err(Fault::not_supported().hint(instead_of(UNMASKED)));
        }
        _ => {
            return Err(Fault::invalid("there is no such option").hint(
                "there are no-new-privileges, seccomp=FILE, seccomp=unconfined, mask=PATH:…, unmask=PATH:…, unmask=ALL, \
                 label=…, apparmor=PROFILE, apparmor=unconfined and proc-opts=…",
            ));
        }
    }
    Ok(())
}

/// `proc-opts`: options of `/proc`, of the file system (proc(5)) and of the mount, with commas between.
fn proc_options(words: &str) -> Result<ProcOptions, Fault> {
    let mut options = ProcOptions::default();
    for word in words.split(',').filter(|it| !it.is_empty()) {
        let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match (name, value) {
            ("ro", "") => options.read_only = true,
            ("rw", "") => options.read_only = false,
            // As it is anyhow.
            ("nosuid" | "nodev" | "noexec" | "relatime", "") => {}
            ("hidepid", "0" | "1" | "2" | "4" | "off" | "noaccess" | "invisible" | "ptraceable")
            | ("subset", "pid") => {
                options.of_filesystem.push((name.to_owned(), value.to_owned()));
            }
            ("gid", gid) if is_number(gid) => {
                options.of_filesystem.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                return Err(Fault::invalid(format!("`/proc` has no option `{word}`")).hint(
                    "there are hidepid=off|noaccess|invisible|ptraceable, gid=GID, subset=pid, ro and rw",
                ));
            }
        }
    }
    Ok(options)
}

fn path_list(text: &str) -> Result<Vec<String>, Fault> {
    text.split(':')
        .map(|path| match path {
            path if path.starts_with('/') => Ok(path.to_owned()),
            path => Err(Fault::invalid(format!("`{path}` is no absolute path"))),
        })
        .collect()
}
