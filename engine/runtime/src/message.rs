//! What the process that becomes the container and its supervisor say to each other.
//!
//! One sequenced-packet socket. The child sends [`Report`]s, the supervisor answers with single bytes. The child's end is
//! close-on-exec: its closing without a failure before it says that the payload runs.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use pontoon_rootless::sys;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// The supervisor wrote the id maps.
pub const MAPPED: u8 = b'U';
/// The process is in its cgroup.
pub const PLACED: u8 = b'C';
/// The supervisor's helper mounted the root file system.
pub const ROOTFS: u8 = b'F';
/// What is done outside before the root is changed is done.
pub const PIVOT: u8 = b'V';
/// Everything outside is ready: run the payload.
pub const GO: u8 = b'G';

/// What the child was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Waiting for the supervisor.
    Wait = 1,
    /// Becoming root of the user namespace.
    BecomeRoot,
    /// Joining or making namespaces.
    Namespaces,
    /// Mounting the root file system.
    Rootfs,
    /// Finding the source of a mount.
    MountSource,
    /// Making the target of a mount.
    MountTarget,
    /// Mounting.
    Mount,
    /// Mounting a volume that others may have as well.
    Volume,
    /// The image has a symbolic link where a directory must be.
    SymlinkTarget,
    /// A link has led into `/proc`.
    ProcTarget,
    /// A device node that is not the device it should be.
    Device,
    /// The first copy into a volume or tmpfs.
    Copy,
    /// Giving a mount to the container's user.
    Owner,
    /// Showing files with other owners.
    MountIds,
    /// Covering a path.
    Mask,
    /// Changing the root.
    Pivot,
    /// Setting the host name.
    Hostname,
    /// Writing a kernel setting.
    Sysctl,
    /// Making the terminal.
    Terminal,
    /// Reading the container's user database.
    UserDatabase,
    /// A user that the container does not have.
    UnknownUser,
    /// A group that the container does not have.
    UnknownGroup,
    /// A user or group id that is not mapped.
    UnmappedId,
    /// Changing user or groups.
    Identity,
    /// Setting capabilities.
    Capabilities,
    /// Loading the system call filter.
    Seccomp,
    /// Setting a resource limit.
    Rlimit,
    /// Entering the working directory.
    WorkingDirectory,
    /// Joining a namespace by path.
    JoinPath,
    /// Setting the label of a security module.
    Label,
    /// Joining a key ring of its own.
    KeyRing,
    /// A hook.
    Hook,
    /// The program is not there.
    CommandNotFound,
    /// The program cannot be executed.
    Exec,
    /// Telling the supervisor something.
    Tell,
}

impl Step {
    const ALL: [Self; 35] = [
        Self::Wait,
        Self::BecomeRoot,
        Self::Namespaces,
        Self::Rootfs,
        Self::MountSource,
        Self::MountTarget,
        Self::Mount,
        Self::Volume,
        Self::SymlinkTarget,
        Self::ProcTarget,
        Self::Device,
        Self::Copy,
        Self::Owner,
        Self::MountIds,
        Self::Mask,
        Self::Pivot,
        Self::Hostname,
        Self::Sysctl,
        Self::Terminal,
        Self::UserDatabase,
        Self::UnknownUser,
        Self::UnknownGroup,
        Self::UnmappedId,
        Self::Identity,
        Self::Capabilities,
        Self::Seccomp,
        Self::Rlimit,
        Self::WorkingDirectory,
        Self::JoinPath,
        Self::Label,
        Self::KeyRing,
        Self::Hook,
        Self::CommandNotFound,
        Self::Exec,
        Self::Tell,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| *it as u8 == byte)
    }
}

/// Which step failed, on what, and the kernel's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: Step,
    /// A path, a name or an option; empty where there is none.
    pub subject: String,
    /// The kernel's error; 0 where it was not the kernel that objected.
    pub errno: i32,
}

impl Failure {
    pub(crate) fn new(step: Step, subject: impl Into<String>, errno: Errno) -> Self {
        Self { step, subject: subject.into(), errno: errno.raw_os_error() }
    }

    /// The exit code that a shell would give, where the payload itself is at fault.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self.step {
            Step::CommandNotFound => 127,
            Step::Exec | Step::WorkingDirectory | Step::Hook | Step::UnknownUser | Step::UnknownGroup => 126,
            _ => 125,
        }
    }

    /// The same of a process that was to join: there, a directory that is missing is as a command that is, as in Podman.
    #[must_use]
    pub fn exit_code_of_joining(&self) -> i32 {
        match self.step {
            Step::WorkingDirectory if self.errno == Errno::NOENT.raw_os_error() => 127,
            _ => self.exit_code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self.step {
            Step::CommandNotFound => {
                "the name is looked up in the container's $PATH; check the image and the command (Exec= in a unit)".to_owned()
            }
            Step::Exec if self.errno == Errno::NOEXEC.raw_os_error() => {
                "the file is not a program of this machine's architecture, or a script without a `#!` line".to_owned()
            }
            Step::Exec if self.errno == Errno::ACCESS.raw_os_error() => {
                "the file, or a directory above it, lacks the execute permission for the container's user".to_owned()
            }
            Step::WorkingDirectory => {
                "give a directory that exists in the container (--workdir, WorkingDir= in a unit)".to_owned()
            }
            Step::Rlimit if self.errno == Errno::PERM.raw_os_error() => {
                "nobody but root can have more than the limits of her own session (`ulimit -aH`); -1 takes as much as there is".to_owned()
            }
            Step::UnknownUser => "give a number, or add the user to the image's /etc/passwd".to_owned(),
            Step::UnknownGroup => "give a number, or add the group to the image's /etc/group".to_owned(),
            Step::UnmappedId => {
                "grant more subordinate ids: usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER".to_owned()
            }
            Step::JoinPath if self.errno == Errno::PERM.raw_os_error() => {
                "only whoever owns the namespace's user namespace may join it: root, for one of the host's".to_owned()
            }
            Step::SymlinkTarget => "the image is broken or hostile: this path must be a directory in it".to_owned(),
            Step::KeyRing => {
                "the user's keys are used up, see /proc/key-users; `sysctl kernel.keys.maxkeys=2000` as root allows more".to_owned()
            }
            Step::MountIds => {
                "idmap needs a file system that can do it (ext4, xfs, btrfs, tmpfs and others, but no overlay), and root over it; the \
                 option U changes the owners instead"
                    .to_owned()
            }
            Step::MountTarget
                if [Errno::ACCESS, Errno::PERM, Errno::ROFS].iter().any(|it| it.raw_os_error() == self.errno) =>
            {
                let without = match self.subject.as_str() {
                    "/etc/hosts" => ", or do without it (--no-hosts)",
                    "/etc/hostname" => ", or do without it (--no-hostname)",
                    "/etc/resolv.conf" => ", or do without it (--dns none)",
                    _ => "",
                };
                format!("make it there first: what is mounted above it cannot be written to{without}")
            }
            // A pid or its namespaces are gone only with the process.
            Step::Namespaces if self.errno == Errno::SRCH.raw_os_error() => {
                "the container has ended meanwhile; start it first".to_owned()
            }
            Step::MountSource if self.errno == Errno::NOENT.raw_os_error() => {
                "make the file or directory first; it is not created for you".to_owned()
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match self.step {
            Step::Wait => write!(f, "the supervisor went away"),
            Step::BecomeRoot => write!(f, "cannot become root of the user namespace"),
            Step::Namespaces => write!(f, "cannot enter the namespaces of the container"),
            Step::Rootfs if subject.is_empty() => write!(f, "cannot mount the root file system"),
            Step::Rootfs => write!(f, "cannot mount the root file system at `{subject}`"),
            Step::MountSource if self.errno == Errno::XDEV.raw_os_error() => {
                write!(f, "cannot mount `{subject}`: a link leads out of what it is to be a part of")
            }
            Step::MountSource => write!(f, "cannot open `{subject}` to mount it"),
            Step::MountTarget => write!(f, "cannot make the mount point `{subject}` in the container"),
            Step::Mount => write!(f, "cannot mount `{subject}` in the container"),
            Step::Volume => write!(f, "cannot mount the volume `{subject}`"),
            Step::SymlinkTarget => write!(f, "the image has something other than a directory at `{subject}`"),
            Step::ProcTarget => {
                write!(f, "nothing can be mounted at `{subject}`: a link of the image leads into /proc there")
            }
            Step::Device => write!(f, "`{subject}` is not the device that it should be"),
            Step::Copy => write!(f, "cannot copy the image's content at `{subject}` into the volume"),
            Step::Owner => write!(f, "cannot give what is mounted at `{subject}` to the container's user"),
            Step::MountIds => write!(f, "cannot show the files of `{subject}` with other owners (idmap)"),
            Step::Mask => write!(f, "cannot cover `{subject}` in the container"),
            Step::Pivot => write!(f, "cannot change to the container's root"),
            Step::Hostname => write!(f, "cannot set the host name `{subject}`"),
            Step::Sysctl => write!(f, "cannot set the kernel setting `{subject}`"),
            Step::Terminal => write!(f, "cannot make the container's terminal"),
            Step::UserDatabase => write!(f, "cannot read `{subject}` of the container"),
            Step::UnknownUser => write!(f, "the container has no user `{subject}`"),
            Step::UnknownGroup => write!(f, "the container has no group `{subject}`"),
            Step::UnmappedId => write!(f, "the id {subject} is not mapped in the container's user namespace"),
            Step::Identity => write!(f, "cannot become the user `{subject}`"),
            Step::Capabilities => write!(f, "cannot set the capabilities"),
            Step::Seccomp => write!(f, "cannot load the system call filter"),
            Step::Rlimit => write!(f, "cannot set the resource limit {subject}"),
            Step::WorkingDirectory => write!(f, "cannot enter the working directory `{subject}`"),
            Step::JoinPath => write!(f, "cannot join the namespace `{subject}`"),
            Step::Label => write!(f, "cannot put the program under `{subject}` of the security module"),
            Step::KeyRing => write!(f, "cannot give the container a key ring of its own"),
            Step::Hook => write!(f, "{subject}"),
            Step::CommandNotFound => write!(f, "the command `{subject}` is not in the container"),
            Step::Exec => write!(f, "cannot execute `{subject}`"),
            Step::Tell => write!(f, "cannot tell the supervisor what comes next"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

/// A message of the child.
#[derive(Debug)]
pub(crate) enum Report {
    /// In the new namespaces, everything private: a helper may mount the root file system now.
    ReadyForRootfs,
    /// The terminal's master side.
    Terminal(OwnedFd),
    /// All mounts are made, and the root is still the host's; waiting for [`PIVOT`].
    BeforePivot,
    /// All mounts are made; waiting for [`GO`].
    Prepared {
        /// The home of the user who is to run the payload.
        home: String,
    },
    /// A joined process, by pidfd.
    Joined(OwnedFd),
    /// The root of a container's files.
    Root(OwnedFd),
    /// It cannot go on.
    Failed(Failure),
}

/// Longest home that is told; a report has to fit into what is read at once.
const MAX_HOME: usize = 4096;

/// The child's end. One that cannot say what it has to say ends: its supervisor would wait for that, and it for an answer.
pub(crate) fn send(socket: impl AsFd, report: &Report) {
    if let Err(errno) = try_send(&socket, report) {
        let failure = Failure::new(Step::Tell, "", errno);
        // This takes less: no descriptor. If it cannot be said either, our end says that we have failed.
        let _ = try_send(&socket, &Report::Failed(failure.clone()));
        sys::exit_now(failure.exit_code());
    }
}

/// Hands a child over to the supervisor. One that cannot be handed over is killed, for nobody else would ever end it.
pub(crate) fn hand_over(socket: impl AsFd, child: OwnedFd) -> Result<(), Failure> {
    let report = Report::Joined(child);
    try_send(socket, &report).map_err(|errno| {
        if let Report::Joined(child) = &report {
            let _ = rustix::process::pidfd_send_signal(child, rustix::process::Signal::KILL);
        }
        Failure::new(Step::Tell, "", errno)
    })
}

/// Says something. If the supervisor is gone there is nobody to tell, which is no error: whoever waits for it hears of that.
fn try_send(socket: impl AsFd, report: &Report) -> Result<(), Errno> {
    let mut bytes = Vec::new();
    let mut fd = None;
    match report {
        Report::ReadyForRootfs => bytes.push(b'R'),
        Report::BeforePivot => bytes.push(b'V'),
        Report::Prepared { home } => {
            bytes.push(b'P');
            bytes.extend(home.bytes().take(MAX_HOME));
        }
        Report::Terminal(master) => {
            bytes.push(b'T');
            fd = Some(master.as_fd());
        }
        Report::Joined(pidfd) => {
            bytes.push(b'J');
            fd = Some(pidfd.as_fd());
        }
        Report::Root(root) => {
            bytes.push(b'M');
            fd = Some(root.as_fd());
        }
        Report::Failed(failure) => {
            bytes.push(b'E');
            bytes.push(failure.step as u8);
            bytes.extend(failure.errno.to_ne_bytes());
            // A path can be long; a packet has room for it.
            bytes.extend(failure.subject.bytes().take(4096));
        }
    }
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|it| [it]);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    loop {
        let bytes = [io::IoSlice::new(&bytes)];
        match rustix::net::sendmsg(&socket, &bytes, &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

/// The supervisor's word to the child.
pub(crate) fn tell(socket: impl AsFd, byte: u8) -> io::Result<()> {
    match rustix::net::send(socket, &[byte], SendFlags::NOSIGNAL) {
        // If the process has ended, what it said last is told by whoever reads next.
        Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

/// The supervisor's end; `None` when the child's end is closed.
pub(crate) fn receive(socket: impl AsFd) -> io::Result<Option<Report>> {
    receive_with(socket, RecvFlags::CMSG_CLOEXEC)
}

/// What has been said already; an error (`WouldBlock`) if that is nothing.
pub(crate) fn receive_now(socket: impl AsFd) -> io::Result<Option<Report>> {
    receive_with(socket, RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT)
}

fn receive_with(socket: impl AsFd, flags: RecvFlags) -> io::Result<Option<Report>> {
    let mut bytes = [0u8; 8192];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let buffers = &mut [io::IoSliceMut::new(&mut bytes)];
        match rustix::net::recvmsg(&socket, buffers, &mut control, flags) {
            // A process that ends without having read all we told it resets the connection; the kernel says so once, before
            // it gives what the process said last.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            other => break other?,
        }
    };
    let mut fd = control.drain().find_map(|it| match it {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let malformed =
        || io::Error::new(io::ErrorKind::InvalidData, "malformed report of the container's first process");
    let mut fd = || fd.take().ok_or_else(malformed);
    Ok(Some(match bytes.get(..received.bytes).unwrap_or_default() {
        [] => return Ok(None),
        [b'R'] => Report::ReadyForRootfs,
        [b'V'] => Report::BeforePivot,
        [b'P', home @ ..] => Report::Prepared { home: String::from_utf8_lossy(home).into_owned() },
        [b'T'] => Report::Terminal(fd()?),
        [b'J'] => Report::Joined(fd()?),
        [b'M'] => Report::Root(fd()?),
        [b'E', step, a, b, c, d, subject @ ..] => Report::Failed(Failure {
            step: Step::from_byte(*step).ok_or_else(malformed)?,
            errno: i32::from_ne_bytes([*a, *b, *c, *d]),
            subject: String::from_utf8_lossy(subject).into_owned(),
        }),
        _ => return Err(malformed()),
    }))
}

/// Waits for one byte of the supervisor.
pub(crate) fn expect(socket: impl AsFd, wanted: u8) -> Result<(), Failure> {
    let mut byte = [0u8; 1];
    loop {
        match rustix::io::read(&socket, &mut byte) {
            Err(Errno::INTR) => {}
            Ok(1) if byte == [wanted] => return Ok(()),
            Ok(_) => return Err(Failure::new(Step::Wait, "", Errno::PIPE)),
            Err(err) => return Err(Failure::new(Step::Wait, "", err)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn what_a_process_said_last_is_heard_even_if_it_did_not_listen() {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        rustix::io::write(&ours, &[MAPPED]).unwrap();
        send(&theirs, &Report::Failed(Failure::new(Step::Wait, "why", Errno::NOENT)));
        drop(theirs);
        let Some(Report::Failed(failure)) = receive(&ours).unwrap() else { panic!("no failure") };
        assert_eq!((failure.subject.as_str(), failure.errno), ("why", Errno::NOENT.raw_os_error()));
        assert!(receive(&ours).unwrap().is_none());
    }

    #[test]
    fn a_child_that_cannot_be_handed_over_is_killed() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        // What is no socket takes no message.
        let failure = hand_over(std::fs::File::open("/dev/null").unwrap(), pidfd).unwrap_err();
        assert_eq!((failure.step, failure.errno), (Step::Tell, Errno::NOTSOCK.raw_os_error()));
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn what_could_not_be_said_is_told_apart_from_what_nobody_hears() {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        assert_eq!(try_send(&theirs, &Report::ReadyForRootfs), Ok(()));
        drop(ours);
        assert_eq!(try_send(&theirs, &Report::ReadyForRootfs), Ok(()));
        let no_socket = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(try_send(&no_socket, &Report::ReadyForRootfs), Err(Errno::NOTSOCK));
    }

    #[test]
    fn a_directory_that_is_missing_is_told_by_podmans_codes() {
        let missing = Failure::new(Step::WorkingDirectory, "/nope", Errno::NOENT);
        assert_eq!((missing.exit_code(), missing.exit_code_of_joining()), (126, 127));
        let file = Failure::new(Step::WorkingDirectory, "/etc/passwd", Errno::NOTDIR);
        assert_eq!((file.exit_code(), file.exit_code_of_joining()), (126, 126));
    }

    #[test]
    fn who_joins_what_has_ended_is_told_so() {
        let ended = Failure::new(Step::Namespaces, "", Errno::SRCH);
        assert!(ended.hint().is_some_and(|it| it.contains("has ended")));
        assert_eq!(Failure::new(Step::Namespaces, "", Errno::PERM).hint(), None);
    }
}
