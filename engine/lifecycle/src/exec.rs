//! A process in a running container.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::state::{FailureReport, PROCESS_FILE};
use pontoon_rootless::sys::inherited_copies;
use pontoon_runtime::capabilities::{self, CapSet};
use pontoon_runtime::plan::{Process, Window};
use pontoon_storage::ContainerHandle;

use crate::facts::own_capabilities;
use crate::silent::{self, SOON};
use crate::stop::{self, AskError, Ending};

/// What to run, where it differs from the container's first process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Settings on top of the container's environment.
    pub env: Vec<(String, String)>,
    /// Another user.
    pub user: Option<String>,
    /// Another working directory.
    pub workdir: Option<String>,
    /// A terminal.
    pub tty: bool,
    /// How large that is.
    pub window: Option<Window>,
    /// Its nice value, if that is not to be the container's.
    pub nice: Option<i32>,
    /// All capabilities.
    pub privileged: bool,
    /// So many descriptors of ours from 3 on are its own, too.
    pub preserve_fds: u32,
    /// Descriptors of ours with these numbers are its own, too.
    pub preserved: Vec<u32>,
    /// Nobody holds its terminal.
    pub unattended: bool,
}

/// Why it did not run.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The supervisor.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// What the container's own process is.
    #[error("cannot read what the container runs")]
    Process(#[source] io::Error),
    /// Descriptors.
    #[error("at most {most} descriptors can be passed to a process that joins a container")]
    TooMany {
        /// How many can be.
        most: usize,
    },
    /// It said why.
    #[error("{}", .0.chain.first().map_or("cannot run the process", String::as_str))]
    Failed(FailureReport, #[source] Option<Causes>),
}

/// The causes that a supervisor told.
#[derive(Debug)]
pub struct Causes {
    text: String,
    next: Option<Box<Causes>>,
}

impl Causes {
    /// From the causes in order.
    #[must_use]
    pub fn of(chain: &[String]) -> Option<Self> {
        let (text, rest) = chain.split_first()?;
        Some(Self { text: text.clone(), next: Self::of(rest).map(Box::new) })
    }
}

impl std::fmt::Display for Causes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Causes {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|it| it as _)
    }
}

impl ExecError {
    /// What to do about it, where the container has this name.
    #[must_use]
    pub fn hint(&self, container: &str) -> Option<String> {
        match self {
            Self::Failed(report, _) => report.hint.clone(),
            Self::Ask(AskError::NotRunning) => Some(format!("start it first: pontoon start {container}")),
            Self::Ask(err) => err.hint(),
            _ => None,
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Failed(report, _) => report.code,
            _ => 125,
        }
    }
}

/// A process that was started.
#[derive(Debug)]
pub struct Executing {
    /// Its end.
    pub ending: Ending,
    /// Its pid, as the host sees it.
    pub pid: i32,
    /// The id of its session; empty where the supervisor is older than these.
    pub session: String,
    /// The master side of its terminal, if it has one.
    pub terminal: Option<OwnedFd>,
    /// Whether the supervisor reads on what it writes when we have gone.
    reads_on: bool,
}

impl Executing {
    /// Says that nobody reads its output, or its errors, any more, so that it sees that, too.
    pub fn leave_unread(&self, errors: bool) {
        if self.reads_on {
            // A supervisor that has gone reads nothing either.
            let _ = control::send(self.ending.fd(), &Request::Unread { errors }, &[]);
        }
    }
}

/// Starts a process in a running container, with the given standard streams unless it has a terminal. Where its output and its
/// errors go into pipes that we read, `reads` are our ends of them: when we have gone, the supervisor reads on.
///
/// # Errors
/// See [`ExecError`].
pub fn exec(
    container: &ContainerHandle,
    request: ExecRequest,
    streams: [BorrowedFd<'_>; 3],
    reads: Option<[BorrowedFd<'_>; 2]>,
) -> Result<Executing, ExecError> {
    let socket = stop::connect(container)?;
    let bytes = std::fs::read(container.run_path().join(PROCESS_FILE)).map_err(ExecError::Process)?;
    let base: Process = serde_json::from_slice(&bytes).map_err(|err| ExecError::Process(err.into()))?;
    let numbers: Vec<u32> =
        (3..3u32.saturating_add(request.preserve_fds)).chain(request.preserved.iter().copied()).collect();
    let passed = inherited_copies(&numbers).map_err(AskError::Talk)?;
    let mut fds: Vec<BorrowedFd<'_>> = if request.tty { Vec::new() } else { streams.to_vec() };
    fds.extend(passed.iter().map(AsFd::as_fd));
    if fds.len() > control::MAX_FDS {
        return Err(ExecError::TooMany { most: control::MAX_FDS - streams.len() });
    }
    let process = Request::Exec(Box::new(merge(base, request)));
    control::send(&socket, &process, &fds).map_err(AskError::Talk)?;
    silent::wait_for_answer(container, &socket, SOON)?;
    match control::receive::<Reply>(&socket).map_err(AskError::Talk)? {
        Some((Reply::Started { pid, session, reads_on }, fds)) => {
            let reads_on = reads_on && reads.is_some();
            if let Some(reads) = reads.filter(|_| reads_on) {
                control::send(&socket, &Request::ReadOn, &reads).map_err(AskError::Talk)?;
            }
            let terminal = fds.into_iter().next();
            Ok(Executing { ending: Ending::new(socket), pid, session, terminal, reads_on })
        }
        Some((Reply::Failed(report), _)) => {
            let causes = Causes::of(report.chain.get(1..).unwrap_or_default());
            Err(ExecError::Failed(report, causes))
        }
        _ => Err(AskError::NotRunning.into()),
    }
}

/// The container's own process, with what the request changes.
fn merge(base: Process, request: ExecRequest) -> Process {
    let mut env = base.env;
    // What somebody chose for the container holds for its further processes, too.
    let has_terminal_type = env.iter().any(|it| it.starts_with("TERM="));
    let mut set = |name: &str, value: &str| {
        env.retain(|it| it.split('=').next() != Some(name));
        env.push(format!("{name}={value}"));
    };
    if request.tty && !has_terminal_type {
        set("TERM", "xterm");
    }
    for (name, value) in &request.env {
        set(name, value);
    }
    if request.user.is_some() {
        // The other user has another home.
        env.retain(|it| !it.starts_with("HOME=") || request.env.iter().any(|(name, _)| name == "HOME"));
    }
    // Root's has what we have ourselves, as for `run`.
    let all = if rustix::process::geteuid().is_root() { own_capabilities() } else { CapSet::ALL };
    let (root_capabilities, user_capabilities) = if request.privileged {
        // Another user than root keeps what the container was given by name.
        let added = CapSet::from_bits(base.user_capabilities.permitted);
        let caps = |is_root| capabilities::for_process(all, added, is_root).into();
        (caps(true), caps(false))
    } else {
        (base.root_capabilities, base.user_capabilities)
    };
    Process {
        args: request.command,
        env,
        create_cwd: false,
        cwd: request.workdir.unwrap_or(base.cwd),
        // The container's further groups are those of its own user.
        groups: if request.user.is_some() { Vec::new() } else { base.groups },
        user: request.user.unwrap_or(base.user),
        nice: request.nice,
        root_capabilities,
        user_capabilities,
        terminal: request.tty,
        window: request.window,
        init: false,
        preserve_fds: request.preserve_fds,
        preserved: request.preserved,
        unattended: request.unattended,
        entry: None,
        ..base
    }
}

#[cfg(test)]
mod tests {
    use pontoon_runtime::plan::Capabilities;

    use super::*;

    #[test]
    fn another_user_has_neither_the_groups_nor_the_home_of_the_container_s() {
        let base = Process {
            user: "web".to_owned(),
            groups: vec!["1234".to_owned()],
            env: vec!["HOME=/web".to_owned(), "A=1".to_owned()],
            ..Process::default()
        };
        let same = merge(base.clone(), ExecRequest { nice: Some(5), ..ExecRequest::default() });
        assert_eq!((same.user.as_str(), same.groups.as_slice()), ("web", &["1234".to_owned()][..]));
        assert_eq!((same.env, same.nice), (base.env.clone(), Some(5)));
        let other = merge(base, ExecRequest { user: Some("www".to_owned()), ..ExecRequest::default() });
        assert_eq!((other.user.as_str(), other.groups.as_slice(), other.nice), ("www", &[][..], None));
        assert_eq!(other.env, ["A=1"]);
    }

    #[test]
    fn a_terminal_is_what_the_container_says() {
        let terminal = |own: &[&str], asked: &[(&str, &str)]| {
            let env = own.iter().map(|it| (*it).to_owned()).collect();
            let asked = asked.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
            merge(
                Process { env, ..Process::default() },
                ExecRequest { tty: true, env: asked, ..ExecRequest::default() },
            )
            .env
        };
        assert_eq!(terminal(&[], &[]), ["TERM=xterm"]);
        assert_eq!(terminal(&["TERM=screen"], &[]), ["TERM=screen"]);
        assert_eq!(terminal(&["TERM=screen"], &[("TERM", "vt100")]), ["TERM=vt100"]);
    }

    #[test]
    fn all_capabilities_are_not_fewer_for_another_user() {
        let own = Capabilities {
            bounding: 0xff,
            effective: 0x21,
            permitted: 0x21,
            inheritable: 0x21,
            ambient: 0x21,
        };
        let base = Process { user_capabilities: own, ..Process::default() };
        let same = merge(base.clone(), ExecRequest::default());
        assert_eq!(same.user_capabilities, own);
        let all = merge(base, ExecRequest { privileged: true, ..ExecRequest::default() });
        assert_eq!(all.user_capabilities, Capabilities { bounding: all.root_capabilities.bounding, ..own });
        assert_eq!(all.root_capabilities.effective, all.root_capabilities.bounding);
    }
}
