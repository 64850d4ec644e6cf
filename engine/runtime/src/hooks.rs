//! Hooks: programs that run at certain moments of a container's life, with its state on their standard input.
//!
//! Moments, state and failures are those of the OCI runtime specification 1.2, "Lifecycle" and "POSIX-platform Hooks".
//! Which hooks there are was decided before; here is how one is run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use serde::{Deserialize, Serialize};

/// The version of the runtime specification that the state is of.
const OCI_VERSION: &str = "1.2.0";

/// When a hook runs, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// On the host, before anything is made: the hook reads the configuration and writes it anew. Podman's own, and none of
    /// the specification's.
    Precreate,
    /// On the host, before the container's root is changed; the old name for `createRuntime`, which follows it.
    Prestart,
    /// On the host, before the container's root is changed.
    CreateRuntime,
    /// In the container's namespaces, before its root is changed; the program is the host's.
    CreateContainer,
    /// In the container, before its program; so is the hook's program.
    StartContainer,
    /// On the host, when the container's program runs.
    Poststart,
    /// On the host, when the container is gone.
    Poststop,
}

impl Stage {
    /// Those of the specification, in order.
    pub const ALL: [Self; 6] = [
        Self::Prestart,
        Self::CreateRuntime,
        Self::CreateContainer,
        Self::StartContainer,
        Self::Poststart,
        Self::Poststop,
    ];

    /// Its name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Precreate => "precreate",
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }

    /// Reads a name of the specification's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// One hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// When it runs.
    pub stage: Stage,
    /// The program.
    pub path: PathBuf,
    /// Its arguments, with its name; none means its name alone.
    pub args: Vec<String>,
    /// Its environment, `NAME=VALUE`; `None` is ours.
    pub env: Option<Vec<String>>,
    /// Seconds after which it is killed.
    pub timeout: Option<u32>,
    /// The file that asks for it.
    pub origin: PathBuf,
}

/// All hooks of a container, and what they are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooks {
    /// The hooks, in order.
    pub all: Vec<Hook>,
    /// Id of the container.
    pub id: String,
    /// Its runtime directory: what the specification calls the bundle.
    pub bundle: PathBuf,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its namespaces are there, its program does not run yet.
    Created,
    /// Its program runs.
    Running,
    /// It has ended.
    Stopped,
}

/// The state, as hooks read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct State<'a> {
    oci_version: &'static str,
    id: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    bundle: &'a Path,
    annotations: &'a BTreeMap<String, String>,
}

impl Hooks {
    /// Whether somebody must be waited for before the root is changed.
    #[must_use]
    pub fn hold_root(&self) -> bool {
        self.all.iter().any(|it| matches!(it.stage, Stage::Prestart | Stage::CreateRuntime))
    }

    /// Runs the hooks of a stage, in order; the first that fails ends it.
    ///
    /// # Errors
    /// See [`HookFailure`].
    pub fn run(&self, stage: Stage, status: Status, pid: Option<i32>) -> Result<(), HookFailure> {
        for hook in self.of(stage) {
            self.run_one(hook, status, pid)?;
        }
        Ok(())
    }

    /// Runs the hooks of a stage, in order, whatever becomes of them, and gives what went wrong.
    #[must_use]
    pub fn run_all(&self, stage: Stage, status: Status, pid: Option<i32>) -> Vec<HookFailure> {
        self.of(stage).filter_map(|hook| self.run_one(hook, status, pid).err()).collect()
    }

    fn of(&self, stage: Stage) -> impl Iterator<Item = &Hook> {
        self.all.iter().filter(move |it| it.stage == stage)
    }

    fn run_one(&self, hook: &Hook, status: Status, pid: Option<i32>) -> Result<(), HookFailure> {
        let state = self.state(status, pid);
        // In the container there is no such directory.
        let directory = (hook.stage != Stage::StartContainer).then_some(self.bundle.as_path());
        run(hook, &state, directory, Stdio::null()).map_err(|why| HookFailure::of(hook, why))
    }

    fn state(&self, status: Status, pid: Option<i32>) -> Vec<u8> {
        let state = State {
            oci_version: OCI_VERSION,
            id: &self.id,
            status,
            pid,
            bundle: &self.bundle,
            annotations: &self.annotations,
        };
        serde_json::to_vec(&state).unwrap_or_default()
    }
}

/// A hook that failed.
#[derive(Debug)]
pub struct HookFailure {
    /// When it ran.
    pub stage: Stage,
    /// Its program.
    pub path: PathBuf,
    /// The file that asks for it.
    pub origin: PathBuf,
    /// What happened.
    pub why: Why,
}

/// What happened to a hook.
#[derive(Debug)]
pub enum Why {
    /// It could not be run.
    Run(io::Error),
    /// It ended with this exit code.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
    /// It was killed after so many seconds.
    Timeout(u32),
}

impl HookFailure {
    fn of(hook: &Hook, why: Why) -> Self {
        Self { stage: hook.stage, path: hook.path.clone(), origin: hook.origin.clone(), why }
    }
}

/// Runs a hook that reads some text and writes it anew, and gives what it has written.
///
/// # Errors
/// See [`HookFailure`].
pub fn rewrite(hook: &Hook, text: &[u8], directory: &Path) -> Result<Vec<u8>, HookFailure> {
    // A file here, too: nobody need read while it writes.
    let written = || -> Result<Vec<u8>, Why> {
        let mut output = memory("rewritten").map_err(Why::Run)?;
        run(hook, text, Some(directory), output.try_clone().map_err(Why::Run)?.into())?;
        let mut written = Vec::new();
        output.seek(SeekFrom::Start(0)).and_then(|_| output.read_to_end(&mut written)).map_err(Why::Run)?;
        Ok(written)
    };
    written().map_err(|why| HookFailure::of(hook, why))
}

/// A file in memory.
fn memory(name: &str) -> io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?))
}

impl fmt::Display for HookFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, path, origin) = (self.stage.name(), self.path.display(), self.origin.display());
        write!(f, "the {stage} hook `{path}` of {origin} ")?;
        match &self.why {
            Why::Run(_) => write!(f, "could not be run"),
            Why::Exit(code) => write!(f, "ended with exit code {code}"),
            Why::Signal(number) => write!(f, "was ended by signal {number}"),
            Why::Timeout(seconds) => write!(f, "was killed after {seconds} seconds"),
        }
    }
}

impl std::error::Error for HookFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Run(err) => Some(err),
            Why::Exit(_) | Why::Signal(_) | Why::Timeout(_) => None,
        }
    }
}

/// Runs a hook to its end.
fn run(hook: &Hook, input_text: &[u8], directory: Option<&Path>, output: Stdio) -> Result<(), Why> {
    // A file and no pipe: whoever does not read it keeps nobody waiting.
    let mut input = memory("state").map_err(Why::Run)?;
    input.write_all(input_text).and_then(|()| input.seek(SeekFrom::Start(0))).map_err(Why::Run)?;
    let mut command = Command::new(&hook.path);
    if let Some((name, rest)) = hook.args.split_first() {
        command.arg0(name).args(rest);
    }
    // What is said to the service manager is ours to say.
    for name in ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC"] {
        command.env_remove(name);
    }
    if let Some(env) = &hook.env {
        command.env_clear().envs(env.iter().filter_map(|it| it.split_once('=')));
    }
    if let Some(directory) = directory {
        command.current_dir(directory);
    }
    command.stdin(input).stdout(output).process_group(0);
    let mut child = command.spawn().map_err(Why::Run)?;
    let pid = Pid::from_child(&child);
    if let Some(seconds) = hook.timeout.filter(|it| *it > 0)
        && !has_ended(pid, seconds).map_err(Why::Run)?
    {
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = child.wait();
        return Err(Why::Timeout(seconds));
    }
    let status = child.wait().map_err(Why::Run)?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Why::Exit(code)),
        (None, signal) => Err(Why::Signal(signal.unwrap_or_default())),
    }
}

/// Waits until a child ends, for so many seconds at most.
fn has_ended(pid: Pid, seconds: u32) -> io::Result<bool> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let limit = Timespec { tv_sec: seconds.into(), tv_nsec: 0 };
    let mut ended = [PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN)];
    loop {
        match poll(&mut ended, Some(&limit)) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(script: &str, timeout: Option<u32>, env: Option<&[&str]>) -> Hooks {
        let hook = Hook {
            stage: Stage::Prestart,
            path: "/bin/sh".into(),
            args: ["hook", "-c", script].map(str::to_owned).to_vec(),
            env: env.map(|it| it.iter().map(|it| (*it).to_owned()).collect()),
            timeout,
            origin: "/etc/x.json".into(),
        };
        Hooks {
            all: vec![hook],
            id: "abc".to_owned(),
            bundle: "/tmp".into(),
            annotations: [("a".to_owned(), "b".to_owned())].into(),
        }
    }

    fn failure(script: &str, timeout: Option<u32>) -> String {
        hooks(script, timeout, None).run(Stage::Prestart, Status::Created, Some(7)).unwrap_err().to_string()
    }

    #[test]
    fn a_hook_reads_the_state_and_has_its_own_environment() {
        let expected = r#"{"ociVersion":"1.2.0","id":"abc","status":"created","pid":7,"bundle":"/tmp","annotations":{"a":"b"}}"#;
        let script =
            format!("test \"$(cat)\" = '{expected}' && test \"$A.$HOME\" = 1. && test \"$(pwd)\" = /tmp");
        hooks(&script, None, Some(&["A=1"])).run(Stage::Prestart, Status::Created, Some(7)).unwrap();
        // Those of other stages are left alone.
        hooks("exit 1", None, None).run(Stage::Poststop, Status::Stopped, None).unwrap();
    }

    #[test]
    fn a_hook_can_write_anew_what_it_reads() {
        let of = |script: &str| hooks(script, Some(5), None).all.remove(0);
        let large = vec![b'x'; 300_000];
        assert_eq!(rewrite(&of("cat; echo y"), &large, Path::new("/tmp")).unwrap().len(), 300_002);
        assert!(rewrite(&of("cat; exit 2"), b"x", Path::new("/tmp")).is_err());
    }

    #[test]
    fn failures_say_which_hook_and_how() {
        assert_eq!(
            failure("exit 3", None),
            "the prestart hook `/bin/sh` of /etc/x.json ended with exit code 3"
        );
        assert!(failure("kill -9 $$", None).ends_with("was ended by signal 9"));
        assert!(failure("sleep 1000 & sleep 1000", Some(1)).ends_with("was killed after 1 seconds"));
        let mut missing = hooks("", None, None);
        missing.all[0].path = "/nowhere".into();
        assert_eq!(missing.run_all(Stage::Prestart, Status::Created, None).len(), 1);
    }
}
