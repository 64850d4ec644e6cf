//! Commands run inside a test host, as root or as a user in a login scope of that user's slice, bounded in time.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

use crate::host::TestHost;
use crate::output::Output;

/// How long a command may take unless the test says otherwise; generous, for a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(120);

/// A command in the making.
#[derive(Debug)]
pub struct Entry<'h> {
    host: &'h TestHost,
    user: String,
    env: Vec<String>,
    dir: Option<String>,
    stdin: Vec<u8>,
    limit: Duration,
    foreground: bool,
}

/// A command that was started and not waited for.
#[derive(Debug)]
pub struct Running {
    child: Child,
    command: String,
}

impl<'h> Entry<'h> {
    pub(crate) fn new(host: &'h TestHost, user: &str) -> Self {
        Self {
            host,
            user: user.into(),
            env: Vec::new(),
            dir: None,
            stdin: Vec::new(),
            limit: LIMIT,
            foreground: false,
        }
    }

    /// Adds to the environment, which is otherwise a login's.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}"));
        self
    }

    /// Working directory; the user's home otherwise.
    pub fn dir(mut self, dir: &str) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// What the command reads; nothing otherwise.
    pub fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = bytes.to_vec();
        self
    }

    /// How long it may take.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Leaves the command in the foreground of the terminal, and all the time it wants.
    pub(crate) fn interactive(mut self) -> Self {
        self.foreground = true;
        self.limit(Duration::from_secs(86_400))
    }

    /// Runs a bash script.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    pub fn sh(self, script: &str) -> Output {
        self.run(&["bash", "-c", script])
    }

    /// Runs these words and waits for the end; a command that takes too long fails the test with what it said so far.
    #[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
    #[track_caller]
    pub fn run(self, words: &[&str]) -> Output {
        let limit = self.limit;
        let input = self.stdin.clone();
        let mut child = self.command(words).spawn().expect("nsenter runs");
        let command = shown(words);
        let mut pipe = child.stdin.take().expect("piped");
        let feeder = thread::spawn(move || {
            // A command need not read what it is offered.
            let _ = pipe.write_all(&input);
        });
        let stdout = drain(child.stdout.take().expect("piped"));
        let stderr = drain(child.stderr.take().expect("piped"));
        let in_time = ended_within(&child, limit);
        if !in_time {
            // `timeout` inside should have ended it; if even that hangs, so be it.
            child.kill().expect("our own child");
        }
        let status = child.wait().expect("our own child");
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        // What a command leaves in the background must not hold on to its output: `$(…)` would wait for ever.
        let end = Instant::now() + Duration::from_secs(10);
        let (stdout, stdout_ended) = stdout.until(end);
        let (stderr, stderr_ended) = stderr.until(end);
        let output = Output { command, code, stdout, stderr };
        assert!(in_time && code != 124, "took longer than {limit:?}:\n{output:?}");
        assert!(
            stdout_ended && stderr_ended,
            "ended, but something of it keeps its output open:\n{output:?}"
        );
        drop(feeder);
        output
    }

    /// Starts these words, with pipes for standard input and output; the caller decides when it has seen enough.
    pub fn start(self, words: &[&str]) -> Running {
        let child = self.command(words).stderr(Stdio::inherit()).spawn().expect("nsenter runs");
        Running { child, command: shown(words) }
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let pid = self.host.pid();
        let passwd = std::fs::read_to_string(self.host.path("/etc/passwd")).expect("the host has users");
        let account: Vec<&str> = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields[0] == self.user)
            .unwrap_or_else(|| panic!("the test host has no user {}", self.user));
        let (uid, gid, home) = (account[2], account[3], account[5]);

        // The process goes to where a login would have put it before it loses the right to.
        let mut group =
            self.host.cgroup().join(format!("user.slice/user-{uid}.slice/login-{}.scope", self.user));
        if !group.is_dir() {
            group = self.host.cgroup().join("init.scope");
        }
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\""]).arg(group);
        command.args(["nsenter", "-t", &pid.to_string(), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "--"]);
        if self.user != "root" {
            command.args(["setpriv", "--reuid", uid, "--regid", gid, "--init-groups", "--"]);
        }
        command.args(["env", "-i", "-C", self.dir.as_deref().unwrap_or(home)]);
        let path = if self.user == "root" {
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        } else {
            "/usr/local/bin:/usr/bin:/bin"
        };
        command
            .arg(format!("HOME={home}"))
            .arg(format!("USER={0}", self.user))
            .arg(format!("LOGNAME={}", self.user));
        command.arg(format!("PATH={path}")).args(["LANG=C.UTF-8", "SHELL=/bin/bash"]);
        if self.user != "root" {
            command.arg(format!("XDG_RUNTIME_DIR=/run/user/{uid}"));
            command.arg(format!("DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus"));
        }
        command.args(&self.env);
        // Killing nsenter would leave the command itself; a guard inside ends it.
        // With all that it started; only a session at a terminal has to stay in the terminal's foreground.
        command.args(["timeout", "--kill-after=5"]).args(self.foreground.then_some("--foreground"));
        command.arg(self.limit.as_secs().to_string());
        command.args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Running {
    /// The pipe to its standard input.
    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().expect("piped")
    }

    /// The pipe of its standard output.
    pub fn stdout(&mut self) -> &mut ChildStdout {
        self.child.stdout.as_mut().expect("piped")
    }

    /// Reads standard output until it contains `text`; fails when it ends first or one minute passes.
    #[track_caller]
    pub fn until_says(&mut self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        let mut seen = String::new();
        while !seen.contains(text) {
            let stdout = self.child.stdout.as_mut().expect("piped");
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).expect("a short time");
            let mut fds = [PollFd::new(stdout, PollFlags::IN)];
            let ready = rustix::event::poll(&mut fds, Some(&timeout)).unwrap_or(0);
            assert!(ready > 0, "`{}` has not said `{text}` within a minute, only:\n{seen}", self.command);
            let mut buffer = [0; 4096];
            let count = stdout.read(&mut buffer).expect("a pipe is readable");
            assert!(count > 0, "`{}` ended without saying `{text}`, only:\n{seen}", self.command);
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        seen
    }

    /// Closes its standard input and waits for the end.
    pub fn wait(mut self) -> i32 {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("our own child");
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }
}

fn shown(words: &[&str]) -> String {
    words.join(" ")
}

/// What a pipe has given so far, and whether it has ended.
struct Drain {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Drain {
    fn until(self, end: Instant) -> (String, bool) {
        let left = end.saturating_duration_since(Instant::now());
        let ended = self.ended.recv_timeout(left).is_ok();
        let bytes = self.bytes.lock().expect("a reader does not panic");
        (String::from_utf8_lossy(&bytes).into_owned(), ended)
    }
}

fn drain(mut pipe: impl std::io::Read + Send + 'static) -> Drain {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (sender, ended) = channel();
    let shared = Arc::clone(&bytes);
    thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            shared.lock().expect("a reader does not panic").extend_from_slice(&buffer[..count]);
        }
        let _ = sender.send(());
    });
    Drain { bytes, ended }
}

fn ended_within(child: &Child, limit: Duration) -> bool {
    // Some slack for the guard inside, whose word is better than ours.
    let timeout = Timespec::try_from(limit + Duration::from_secs(10)).expect("a short time");
    let pid = Pid::from_child(child);
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).expect("our own child");
    let end = Instant::now() + limit + Duration::from_secs(10);
    loop {
        let mut fds = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(count) => return count > 0,
            Err(_) if Instant::now() < end => {}
            Err(_) => return false,
        }
    }
}
