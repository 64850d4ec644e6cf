//! `--user NAME`: root looks after the containers of a user whom units of the system run as (`User=` in `[Service]`).
//!
//! Becomes that user with what a login would give, and is then this program anew. Nothing of root's goes along: no
//! variables but those of the terminal and the language, no groups. What needs root all the same, root does
//! ([`crate::behalf`]).

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pontoon_network::lease::USERS;
use pontoon_rootless::dbus::{Bus, ManagerError, UnitDeed, change_units};
use pontoon_rootless::names::{self, HostUser};
use rustix::process::{Gid, Signal, Uid, set_parent_process_death_signal};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use pontoon_cli::args;

use crate::commands::Failure;
use crate::user_scope;

/// The variables that go along.
const KEPT: [&str; 10] = [
    "PATH",
    "TERM",
    "COLUMNS",
    "LINES",
    "LANG",
    "LANGUAGE",
    "NO_COLOR",
    "TZ",
    "PONTOON_MONITOR",
    crate::behalf::VARIABLE,
];

/// Goes on as the user; comes back only with what went wrong. The process must have a single thread.
pub fn go_on(name: &str, words: &[OsString], program: &str) -> Failure {
    match become_user(name, words) {
        Ok((user, runtime)) => {
            let mut command = Command::new("/proc/self/exe");
            command.arg0(program).args(words).env_clear();
            let kept = std::env::vars_os().filter(|(name, _)| {
                name.to_str().is_some_and(|it| KEPT.contains(&it) || it.starts_with("LC_"))
            });
            command.envs(kept).env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name);
            command.env("XDG_RUNTIME_DIR", runtime);
            Failure::from(command.exec()).while_doing(format!("cannot go on as {name}"))
        }
        Err(failure) => failure,
    }
}

fn become_user(name: &str, words: &[OsString]) -> Result<(HostUser, PathBuf), Failure> {
    if !rustix::process::geteuid().is_root() {
        let hint = "leave it out: without it a command is the calling user's".to_owned();
        return Err(Failure::new("`--user` before the command is for root", Some(hint)));
    }
    let Some(user) = names::by_name(name) else {
        return Err(Failure::new(format!("there is no user `{name}`"), None));
    };
    let runtime = runtime_directory(&user)?;
    if args::needs_a_place(words) && !user_scope::has_manager(&user) {
        user_scope::enter(&user).map_err(|failure| {
            failure.while_doing(format!("cannot make a place for containers of {name}"))
        })?;
    }
    let mut groups = names::groups_of(name);
    groups.push(user.gid);
    let groups: Vec<Gid> = groups.into_iter().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let changed = set_thread_groups(&groups)
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid));
    changed.map_err(|err| {
        Failure::from(std::io::Error::from(err)).while_doing(format!("cannot become {name}"))
    })?;
    if args::reads_journal(words) {
        // Who follows a log goes with root's process, which is the one that is told to end. Becoming somebody else undoes
        // it, so it is done now; whoever was left meanwhile finds nobody to ask.
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
    }
    Ok((user, runtime))
}

/// The runtime directory that all of the user's containers have: that of units of the system, else a login's. Where nothing of
/// the user's has run since the boot, the former is made.
fn runtime_directory(user: &HostUser) -> Result<PathBuf, Failure> {
    let systems = Path::new(USERS).join(&user.name);
    let login = PathBuf::from(format!("/run/user/{}", user.uid));
    if systems.is_dir() {
        return Ok(systems);
    }
    if login.is_dir() {
        return Ok(login);
    }
    let unit = format!("pontoon-user@{}.service", user.name);
    let made = Bus::system()
        .map_err(|source| ManagerError::Bus { deed: format!("start `{unit}`"), source })
        .and_then(|bus| change_units(&bus, &[&unit], UnitDeed::Start))
        .and_then(|errors| errors.into_iter().next().map_or(Ok(()), Err));
    made.map(|()| systems).map_err(|err| {
        let hint = err.hint();
        Failure::new(err, hint).while_doing(format!("cannot make a runtime directory for {}", user.name))
    })
}
