//! Hooks: programs that run at certain moments of a container's life, with its state on their standard input.
//!
//! Moments, state and failures are those of the OCI runtime specification 1.2, "Lifecycle" and "POSIX-platform Hooks".
//! Which hooks there are was decided before; here is how one is run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::iter;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pontoon_rootless::sys::begin_with_signals;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use serde::{Deserialize, Serialize};

/// How much a hook may write: a configuration is mostly arguments and environment, of which the kernel takes 6 MiB at most
/// (execve(2)). More is a mistake, and would fill our memory.
const MOST_WRITTEN: u64 = 16 << 20;
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
        run(hook, &state, directory, None).map_err(|why| HookFailure::of(hook, why))
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
    /// It was killed because it wrote more than a configuration can be.
    TooMuch,
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
    let mut written = Vec::new();
    match run(hook, text, Some(directory), Some(&mut written)) {
        Ok(()) => Ok(written),
        Err(why) => Err(HookFailure::of(hook, why)),
    }
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
            Why::TooMuch => write!(f, "was killed because it wrote more than {} MiB", MOST_WRITTEN >> 20),
        }
    }
}

impl std::error::Error for HookFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Run(err) => Some(err),
            Why::Exit(_) | Why::Signal(_) | Why::Timeout(_) | Why::TooMuch => None,
        }
    }
}

/// Runs a hook to its end, and takes what it writes to its standard output, if somebody wants that.
fn run(
    hook: &Hook,
    input_text: &[u8],
    directory: Option<&Path>,
    written: Option<&mut Vec<u8>>,
) -> Result<(), Why> {
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
    let (pipe, output) = match &written {
        Some(_) => {
            let (pipe, output) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| Why::Run(err.into()))?;
            rustix::io::ioctl_fionbio(&pipe, true).map_err(|err| Why::Run(err.into()))?;
            (Some(File::from(pipe)), Stdio::from(output))
        }
        None => (None, Stdio::null()),
    };
    command.stdin(input).stdout(output).process_group(0);
    begin_with_signals(&mut command);
    let spawned = command.spawn();
    // With it goes our copy of the end that the hook writes to.
    drop(command);
    let mut child = spawned.map_err(Why::Run)?;
    let pid = Pid::from_child(&child);
    if let Err(why) = attend(pid, hook.timeout.filter(|it| *it > 0), pipe.zip(written)) {
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = child.wait();
        return Err(why);
    }
    let status = child.wait().map_err(Why::Run)?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Why::Exit(code)),
        (None, signal) => Err(Why::Signal(signal.unwrap_or_default())),
    }
}

/// Waits until a child ends, for so many seconds at most, and reads what it writes meanwhile. What others write who outlive it is
/// not waited for.
fn attend(pid: Pid, seconds: Option<u32>, mut output: Option<(File, &mut Vec<u8>)>) -> Result<(), Why> {
    if seconds.is_none() && output.is_none() {
        return Ok(());
    }
    let failed = |err: Errno| Why::Run(err.into());
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
    let end = seconds.map(|it| (it, Instant::now() + Duration::from_secs(it.into())));
    loop {
        let left = end.map(|(seconds, end)| (seconds, end.saturating_duration_since(Instant::now())));
        if let Some((seconds, Duration::ZERO)) = left {
            return Err(Why::Timeout(seconds));
        }
        let limit = left.and_then(|(_, left)| Timespec::try_from(left).ok());
        let pipe = output.as_ref().map(|it| PollFd::new(&it.0, PollFlags::IN));
        let mut waited: Vec<_> = iter::once(PollFd::new(&process, PollFlags::IN)).chain(pipe).collect();
        match poll(&mut waited, limit.as_ref()) {
            Err(Errno::INTR) => continue,
            other => other.map(drop).map_err(failed)?,
        }
        // Looked at before the last of it is read.
        let has_ended = waited.first().is_some_and(|it| !it.revents().is_empty());
        if let Some((pipe, written)) = &mut output
            && read_some(pipe, written)?
        {
            output = None;
        }
        if has_ended {
            return Ok(());
        }
    }
}

/// Reads what there is. Gives whether nobody writes any more.
fn read_some(pipe: &mut File, written: &mut Vec<u8>) -> Result<bool, Why> {
    let room = MOST_WRITTEN + 1 - written.len() as u64;
    match pipe.take(room).read_to_end(written) {
        _ if written.len() as u64 > MOST_WRITTEN => Err(Why::TooMuch),
        Ok(_) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(err) => Err(Why::Run(err)),
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
        // Whoever outlives the hook is not waited for, and what comes in pieces is put together.
        let slow = of("sleep 20 2>/dev/null & echo a; echo b >/dev/stdout");
        assert_eq!(rewrite(&slow, b"", Path::new("/tmp")).unwrap(), b"a\nb\n");
    }

    #[test]
    fn a_hook_cannot_fill_our_memory() {
        for timeout in [None, Some(60)] {
            let hook = hooks("exec cat /dev/zero", timeout, None).all.remove(0);
            let err = rewrite(&hook, b"", Path::new("/tmp")).unwrap_err();
            assert!(err.to_string().ends_with("was killed because it wrote more than 16 MiB"), "{err}");
        }
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
