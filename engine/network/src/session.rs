//! A helper program from its start to its end.
//!
//! Starting is split in two, so that the container's mounts can be made while the helper works: [`Starting::begin`] runs
//! the program, [`Starting::finish`] waits until the namespace is connected. No threads, and no handler of signals.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::io::{FdFlags, retry_on_intr};
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::ending::{end, kill, open_process, pid_of_file};
use crate::slirp::{self, forward};
use crate::{HelperKind, HelperPlan, NetworkError, Word};

/// Where the pid of pasta is kept.
pub(crate) const PID_FILE: &str = "pasta.pid";
/// The pipe to which pasta writes its pid as soon as it serves the namespace.
const READY_PIPE: &str = "pasta.ready";
/// The file to which the network namespace is bound while pasta opens it.
pub(crate) const NAMESPACE_FILE: &str = "netns";

/// How much of a helper's words is kept for an error.
const MOST_WORDS: u64 = 4096;

/// A helper that was started and is not ready yet. Dropped, it ends the helper.
#[derive(Debug)]
pub struct Starting {
    plan: HelperPlan,
    directory: PathBuf,
    // Taken by `finish`, so that the rest is undone when this is dropped.
    child: Option<Child>,
    ready: OwnedFd,
    words: File,
    exit: Option<OwnedFd>,
    bound: bool,
}

impl Starting {
    /// Starts the helper for the namespaces of `pid`. `directory` is the container's runtime directory: the helper's
    /// pid file and socket are made there.
    ///
    /// # Errors
    /// [`NetworkError`] if the program cannot be run.
    pub fn begin(plan: &HelperPlan, pid: u32, directory: &Path) -> Result<Self, NetworkError> {
        let failed = |source: io::Error| NetworkError::Spawn { program: plan.program.clone(), source };
        remove_files(directory);
        let (words, helpers_words) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| failed(err.into()))?;
        // Nobody reads its words once it is ready; a full pipe must not stop it then.
        let flags = rustix::fs::fcntl_getfl(&helpers_words).map_err(|err| failed(err.into()))?;
        rustix::fs::fcntl_setfl(&helpers_words, flags | OFlags::NONBLOCK)
            .map_err(|err| failed(err.into()))?;
        // Root's is root until its socket stands.
        if plan.kind == HelperKind::Slirp4netns && plan.publishes && !plan.own_mounts {
            make_place_for_slirp(directory).map_err(failed)?;
        }
        let program = build_for_this_processor(&plan.program);
        let mut command = if plan.own_mounts {
            let unshare = pontoon_rootless::helper::find("unshare", "util-linux")
                .map_err(|source| NetworkError::Missing { source })?;
            let mut command = Command::new(unshare);
            command.args(["--mount", "--propagation", "private", "--"]).arg(&program);
            command
        } else {
            let mut command = Command::new(&program);
            // What it is depends on its name.
            command.arg0(&plan.program);
            command
        };
        // A group of its own: Ctrl-C is for the container, not for its network.
        command.env_clear().process_group(0);
        if plan.kind == HelperKind::Slirp4netns {
            // pasta shuts itself out of all directories. Without this word it is made without copying us first, which is what
            // the whole start waits for.
            command.current_dir(forward::place(directory));
        }
        command.stdout(Stdio::null()).stderr(helpers_words);
        if plan.files_in_tmp {
            make_place_in_tmp(directory).map_err(failed)?;
        }
        let bound = plan.bind_namespace;
        if bound {
            bind_namespace(pid, directory)?;
        }
        let spawned = match plan.kind {
            HelperKind::Pasta => spawn_pasta(command, plan, pid, directory),
            HelperKind::Slirp4netns => spawn_slirp(command, plan, pid, directory),
        };
        match spawned {
            Ok((child, ready, exit)) => Ok(Self {
                plan: plan.clone(),
                directory: directory.to_owned(),
                child: Some(child),
                ready,
                words: words.into(),
                exit,
                bound,
            }),
            Err(source) => {
                if bound {
                    release_namespace(directory);
                }
                remove_files(directory);
                Err(failed(source))
            }
        }
    }

    /// The pid of the helper, which it keeps.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Why the helper has ended, if it has: what else goes wrong with it then is a consequence.
    #[must_use]
    pub fn failure(&mut self) -> Option<NetworkError> {
        let has_ended = matches!(self.child.as_mut()?.try_wait(), Ok(Some(_)));
        has_ended.then(|| {
            self.child = None;
            self.refused()
        })
    }

    /// Waits until the network is connected, or says why it is not.
    ///
    /// # Errors
    /// [`NetworkError`] with the helper's own words.
    pub fn finish(mut self) -> Result<NetworkSession, NetworkError> {
        let helper = match self.plan.kind {
            HelperKind::Pasta => self.finish_pasta(),
            HelperKind::Slirp4netns => self.finish_slirp(),
        }?;
        if std::mem::take(&mut self.bound) {
            unbind_namespace(&self.directory);
        }
        let (helper_pid, process) = helper;
        let child = self.child.take();
        Ok(NetworkSession {
            helper_pid,
            process,
            publishes: self.plan.publishes,
            child,
            exit: self.exit.take(),
            words: self.words.try_clone().ok(),
            directory: std::mem::take(&mut self.directory),
        })
    }

    /// pasta writes its pid when it serves the namespace.
    fn finish_pasta(&mut self) -> Result<(u32, OwnedFd), NetworkError> {
        let wait = |source| NetworkError::Wait { program: self.plan.program.clone(), source };
        let Some(pid) = self.child.as_ref().map(Child::id) else { return Err(self.refused()) };
        let process = open_process(pid).map_err(wait)?;
        // As long as nobody has opened the pipe for writing nothing happens there, not even an end.
        let mut either = [
            PollFd::new(&self.ready, PollFlags::IN),
            PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN),
        ];
        retry_on_intr(|| poll(&mut either, None)).map_err(|err| wait(err.into()))?;
        let is_ready = matches!(rustix::io::read(&self.ready, &mut [0_u8; 16]), Ok(1..));
        if !is_ready {
            if let Some(mut child) = self.child.take() {
                let _ = child.kill();
                child.wait().map_err(wait)?;
            }
            return Err(self.refused());
        }
        Ok((pid, process))
    }

    /// slirp4netns stays our child and writes a letter when it serves the namespace.
    fn finish_slirp(&mut self) -> Result<(u32, OwnedFd), NetworkError> {
        let wait = |source: io::Error| NetworkError::Wait { program: self.plan.program.clone(), source };
        let mut letter = [0_u8; 1];
        let read = retry_on_intr(|| rustix::io::read(&self.ready, &mut letter));
        if read.map_err(|err| wait(err.into()))? == 0 {
            // It has ended, or is about to.
            if let Some(mut child) = self.child.take() {
                let _ = child.kill();
                child.wait().map_err(wait)?;
            }
            return Err(self.refused());
        }
        let Some(pid) = self.child.as_ref().map(Child::id) else { return Err(self.refused()) };
        let process = open_process(pid).map_err(wait)?;
        forward::add_all(&self.plan, &self.directory)?;
        Ok((pid, process))
    }

    /// The error of a helper that did not connect the namespace.
    fn refused(&self) -> NetworkError {
        NetworkError::Refused { program: self.plan.program.clone(), words: read_words(&self.words) }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !self.directory.as_os_str().is_empty() {
            if let Some(leftover) = leftover(&self.directory) {
                let _ = leftover.end();
            }
            if self.bound {
                release_namespace(&self.directory);
            }
            remove_files(&self.directory);
        }
    }
}

type Spawned = (Child, OwnedFd, Option<OwnedFd>);

fn spawn_pasta(mut command: Command, plan: &HelperPlan, pid: u32, directory: &Path) -> io::Result<Spawned> {
    let path = place(directory).join(READY_PIPE);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // Opening it for reading waits for nobody.
    let pipe = || open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    let ready = pipe()?;
    // pasta holds the other end, too, which it never reads: so opening its own does not make it wait for ever if we are gone.
    command.stdin(pipe()?);
    // Else its pid would change on the way: who moves it to its cgroup meanwhile would miss it.
    command.arg("--foreground").args(plan.argv(pid, directory, None));
    let mut child = hearing_of_children(|| command.spawn())?;
    if let Err(err) = fs::write(place(directory).join(PID_FILE), format!("{}\n", child.id())) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(err);
    }
    Ok((child, ready, None))
}

/// Does something without a block of the signal that tells of children: a program that is run has the signals blocked that we
/// have, and pasta takes in its children as it hears of them. Of what ends meanwhile we do not hear; what we started so far, we
/// wait for by itself.
fn hearing_of_children<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    let before = children.thread_swap_mask(SigmaskHow::SIG_UNBLOCK)?;
    let done = work();
    before.thread_set_mask()?;
    done
}

fn spawn_slirp(mut command: Command, plan: &HelperPlan, pid: u32, directory: &Path) -> io::Result<Spawned> {
    let (exit_theirs, exit_ours) = pipe_with(PipeFlags::CLOEXEC)?;
    let (ready_ours, ready_theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    command.args(plan.argv(pid, directory, Some(ready_theirs.as_fd()))).stdin(exit_theirs);
    // Inherited by this one child only: the process has one thread, and nothing else is started in between.
    rustix::io::fcntl_setfd(&ready_theirs, FdFlags::empty())?;
    // Its socket is for us, whose ids it may have left behind by then; so it is closed to nobody who comes that far.
    let before = rustix::process::umask(Mode::empty());
    let child = command.spawn();
    rustix::process::umask(before);
    drop(ready_theirs);
    Ok((child?, ready_ours, Some(exit_ours)))
}

impl HelperPlan {
    /// The words for the namespaces of that process and that runtime directory.
    #[must_use]
    pub fn argv(&self, pid: u32, directory: &Path, ready: Option<BorrowedFd<'_>>) -> Vec<std::ffi::OsString> {
        let word = |word: &Word| match word {
            Word::Text(text) => text.into(),
            Word::Pid => pid.to_string().into(),
            Word::NetworkNamespace if self.bind_namespace => place(directory).join(NAMESPACE_FILE).into(),
            Word::NetworkNamespace => format!("/proc/{pid}/ns/net").into(),
            Word::UserNamespace => format!("/proc/{pid}/ns/user").into(),
            Word::PidFile => place(directory).join(READY_PIPE).into(),
            Word::ReadyFd => ready.map_or(-1, |fd| fd.as_raw_fd()).to_string().into(),
        };
        self.words.iter().map(word).collect()
    }
}

/// A connected network.
#[derive(Debug)]
pub struct NetworkSession {
    helper_pid: u32,
    process: OwnedFd,
    publishes: bool,
    /// The helper, where it is our child.
    child: Option<Child>,
    /// slirp4netns ends when this is closed.
    exit: Option<OwnedFd>,
    /// Kept open, so that the helper's later words do not end it.
    words: Option<File>,
    directory: PathBuf,
}

impl NetworkSession {
    /// The pid of the helper that serves the namespace.
    #[must_use]
    pub fn helper_pid(&self) -> u32 {
        self.helper_pid
    }

    /// Readable (for poll or epoll) when the helper has ended.
    #[must_use]
    pub fn helper_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }

    /// Tells the helper to end, without waiting for it. May come before [`NetworkSession::stop`], so that it ends while
    /// other things are undone.
    ///
    /// # Errors
    /// [`NetworkError::End`] if it cannot be told.
    pub fn kill(&self) -> Result<(), NetworkError> {
        kill(self.helper_pid, &self.process)
    }

    /// Ends the helper and removes its files.
    ///
    /// Waits until the helper is gone only where it listens on ports of the host, so that whoever starts next finds them
    /// free. Else it takes its leave by itself: the kernel needs some hundredths of a second for its tap device.
    ///
    /// # Errors
    /// [`NetworkError::End`] if it does not end.
    pub fn stop(mut self) -> Result<(), NetworkError> {
        drop(self.exit.take());
        let ended = if self.publishes { end(self.helper_pid, &self.process) } else { self.kill() };
        if let Some(mut child) = self.child.take()
            && self.publishes
        {
            let _ = child.wait();
        }
        drop(self.words.take());
        remove_files(&self.directory);
        ended
    }
}

/// A helper that outlived its monitor.
#[derive(Debug)]
pub struct Leftover {
    pid: u32,
    process: OwnedFd,
    directory: PathBuf,
}

impl Leftover {
    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends it and removes its files.
    ///
    /// # Errors
    /// [`NetworkError::End`] if it does not end.
    pub fn end(self) -> Result<(), NetworkError> {
        let ended = end(self.pid, &self.process);
        release_namespace(&self.directory);
        remove_files(&self.directory);
        ended
    }
}

/// Looks in a container's runtime directory for a helper that still runs although nobody supervises it.
///
/// slirp4netns ends with its supervisor; pasta does not always. It is known by the path of its pipe among its words (of its
/// pid file, if that is what it was given), so that a number that went to another process is never taken for it.
#[must_use]
pub fn leftover(directory: &Path) -> Option<Leftover> {
    let place = place(directory);
    let pid = pid_of_file(&place.join(PID_FILE))?;
    let process = open_process(pid).ok()?;
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let names = [place.join(READY_PIPE), place.join(PID_FILE)];
    let is_place = |word: &[u8]| names.iter().any(|it| it.as_os_str().as_encoded_bytes() == word);
    let is_it = words.split(|byte| *byte == 0).any(is_place) || words.is_empty() && is_pasta(pid);
    is_it.then(|| Leftover { pid, process, directory: directory.to_owned() })
}

/// Whether a helper has, or had, its files in a container's runtime directory. Whoever supervises the container takes them away at
/// the end; where nobody does, they are left.
#[must_use]
pub fn is_left(directory: &Path) -> bool {
    place(directory).join(READY_PIPE).exists()
}

/// Ends the helper that a supervisor has left, if it still runs, and removes its files.
///
/// # Errors
/// [`NetworkError::End`] if it does not end.
pub fn end_left(directory: &Path) -> Result<(), NetworkError> {
    let ended = leftover(directory).map_or(Ok(()), Leftover::end);
    release_namespace(directory);
    remove_files(directory);
    ended
}

/// Whether a process has the name of pasta, or of its program, passt. One that was killed a moment ago has no words any more,
/// but its ports still.
fn is_pasta(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| name.starts_with(b"pasta") || name.starts_with(b"passt"))
}

/// Binds the network namespace of `pid` to a file.
fn bind_namespace(pid: u32, directory: &Path) -> Result<(), NetworkError> {
    let path = place(directory).join(NAMESPACE_FILE);
    let failed = |source: io::Error| NetworkError::Bind { path: path.clone(), source };
    File::create(&path).map_err(failed)?;
    mount_bind(format!("/proc/{pid}/ns/net"), &path).map_err(|err| failed(err.into()))
}

/// Takes the mount away again. The file stays as long as pasta runs: it ends when the file does.
fn unbind_namespace(directory: &Path) {
    // Detached: pasta still has it open.
    let _ = unmount(place(directory).join(NAMESPACE_FILE), UnmountFlags::DETACH);
}

fn release_namespace(directory: &Path) {
    unbind_namespace(directory);
    let _ = fs::remove_file(place(directory).join(NAMESPACE_FILE));
}

/// The link, in the container's runtime directory, to where pasta's files are where they are not in that directory.
const PLACE: &str = "pasta";

/// Makes a directory below `/tmp` for pasta's files, which nobody else may enter, and the link to it.
fn make_place_in_tmp(directory: &Path) -> io::Result<()> {
    let id = directory.file_name().unwrap_or_default().to_string_lossy();
    for attempt in 0_u32..1000 {
        let place = Path::new("/tmp").join(format!("pontoon-{id}-{}-{attempt}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&place) {
            Ok(()) => return symlink(place, directory.join(PLACE)),
            // Somebody guessed the name; they cannot have guessed all.
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
            Err(err) => return Err(err),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Makes the place for slirp4netns' socket. As the root of a container with ids of its own it would not be let into the runtime
/// directory, which, and all above, is closed to everybody else.
fn make_place_for_slirp(directory: &Path) -> io::Result<()> {
    let place = directory.join(slirp::PLACE);
    DirBuilder::new().recursive(true).create(&place)?;
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777))
}

/// Where pasta's files are: in the container's runtime directory, or where the link there says.
fn place(directory: &Path) -> PathBuf {
    fs::read_link(directory.join(PLACE)).unwrap_or_else(|_| directory.to_owned())
}

/// pasta's package brings a second build beside the plain one, which, where the processor has AVX2, does nothing but become
/// that: a millisecond saved.
fn build_for_this_processor(program: &Path) -> PathBuf {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && let Ok(mut other) = fs::canonicalize(program).map(PathBuf::into_os_string)
    {
        other.push(".avx2");
        let other = PathBuf::from(other);
        if other.exists() {
            return other;
        }
    }
    program.to_owned()
}

/// Removes what helpers leave in the directory; what is not there needs no removing.
fn remove_files(directory: &Path) {
    let place = place(directory);
    for name in [READY_PIPE, PID_FILE, NAMESPACE_FILE] {
        let _ = fs::remove_file(place.join(name));
    }
    let _ = fs::remove_file(forward::place(directory).join(slirp::SOCKET));
    let _ = fs::remove_dir(directory.join(slirp::PLACE));
    if place != directory {
        let _ = fs::remove_dir(place);
        let _ = fs::remove_file(directory.join(PLACE));
    }
}

/// What the helper has said, without its complaints about a missing syslog.
fn read_words(words: &File) -> String {
    let nonblocking = rustix::fs::fcntl_getfl(words)
        .and_then(|flags| rustix::fs::fcntl_setfl(words, flags | OFlags::NONBLOCK));
    let mut bytes = Vec::new();
    if nonblocking.is_ok() {
        match words.take(MOST_WORDS).read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(err) if err.kind() == ErrorKind::WouldBlock => {}
            Err(_) => bytes.clear(),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let noise = |line: &&str| !(line.starts_with("Failed to send ") && line.ends_with(" to syslog"));
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(noise).filter(|line| !line.is_empty()).collect();
    let text = lines.join("; ");
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
