//! `--user NAME` in a terminal: what goes on as NAME has a terminal of its own, and root stays behind and carries between the two.
//!
//! With root's own terminal a program of NAME's (a hook, a command of `containers.conf`) could type into it what root's shell
//! then reads (TIOCSTI in ioctl_tty(2)), and read what is typed long after the command has ended. It is what `su --pty` does.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::terminal::is_terminal;
use pontoon_runtime::plan::Window;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, ioctl_tiocsctty, pidfd_open, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::commands::Failure;
use crate::commands::foreground::{self, OurSide, Outcome};
use crate::commands::shown::Ours;

/// Says that the terminal is one of our own already.
const VARIABLE: &str = "PONTOON_OWN_TERMINAL";

/// Our three streams.
fn streams() -> [BorrowedFd<'static>; 3] {
    [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()]
}

/// Runs this command anew with a terminal of its own, if it has one of somebody else's; `None` if there is nothing to do. In the
/// new one it takes the terminal for its own. The process must have a single thread.
pub fn give(program: &str, words: &[OsString]) -> Option<Result<ExitStatus, Failure>> {
    let terminal = streams().into_iter().find(|it| is_terminal(*it))?;
    if std::env::var_os(VARIABLE).is_some() {
        // Where either fails, it has no terminal to be harmed by.
        let _ = setsid();
        let _ = ioctl_tiocsctty(terminal);
        return None;
    }
    Some(
        run(program, words, terminal)
            .map_err(|failure| failure.while_doing("cannot give it a terminal of its own".to_owned())),
    )
}

fn run(program: &str, words: &[OsString], terminal: BorrowedFd<'_>) -> Result<ExitStatus, Failure> {
    let failed = |err: rustix::io::Errno| Failure::from(std::io::Error::from(err));
    let (master, slave) = pair().map_err(failed)?;
    if let Ok(settings) = tcgetattr(terminal) {
        let _ = tcsetattr(&slave, OptionalActions::Now, &settings);
    }
    let resize = || {
        if let Some(window) = Window::of(terminal) {
            let _ = window.set(master.as_fd());
        }
    };
    resize();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(program).args(words).env(VARIABLE, "1");
    let [stdin, stdout, stderr] = streams().map(is_terminal);
    let theirs = || slave.try_clone().map(Stdio::from);
    if stdin {
        command.stdin(theirs()?);
    }
    if stdout {
        command.stdout(theirs()?);
    }
    if stderr {
        command.stderr(theirs()?);
    }
    let mut child = command.spawn()?;
    drop((command, slave));
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else { return Err(failed(rustix::io::Errno::SRCH)) };
    let ended = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
    let on_signal = |signal: i32| {
        if signal == Signal::SIGWINCH as i32 {
            resize();
        } else if let Ok(signal) = Signal::try_from(signal) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.as_raw_nonzero().get()), signal);
        }
    };
    let shown = if stdout { Ours::Output } else { Ours::Errors };
    let ours = OurSide::Terminal { terminal: &master, keys: None, typed: stdin, shown };
    let signals = foreground::signals(true)?;
    let outcome = foreground::stand_by(ended.as_fd(), ours, signals, &on_signal)?;
    if outcome != Outcome::Ended {
        // As for a terminal that was closed.
        drop(master);
    }
    let status = child.wait()?;
    let code = status.code().map(|code| ExitStatus::Payload(u8::try_from(code).unwrap_or(255)));
    Ok(code.unwrap_or_else(|| ExitStatus::from_signal(status.signal().unwrap_or_default())))
}

fn pair() -> Result<(OwnedFd, OwnedFd), rustix::io::Errno> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((master, slave))
}
