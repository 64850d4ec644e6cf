//! `--init`: the first process of a container that reaps orphans and hands signals on to the payload.

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Runs until the payload has ended; gives its exit code.
pub fn run(payload: Option<i32>) -> i32 {
    let Some(payload) = payload.map(Pid::from_raw) else { return 125 };
    let all = SigSet::all();
    if all.thread_block().is_err() {
        return 125;
    }
    // One that ended before the signals were blocked has sent a signal that nobody kept.
    if let Some(code) = reap(payload) {
        return code;
    }
    loop {
        match all.wait() {
            Ok(Signal::SIGCHLD) | Err(_) => {
                if let Some(code) = reap(payload) {
                    return code;
                }
            }
            // The terminal stops and continues the payload by itself.
            Ok(Signal::SIGTTIN | Signal::SIGTTOU | Signal::SIGTSTP) => {}
            Ok(signal) => {
                let _ = kill(payload, signal);
            }
        }
    }
}

/// Takes up every child that has ended; the payload's exit code once it is among them.
fn reap(payload: Pid) -> Option<i32> {
    let mut code = None;
    loop {
        match waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == payload => code = Some(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == payload => code = Some(128 + signal as i32),
            Ok(WaitStatus::StillAlive) | Err(_) => return code,
            Ok(_) => {}
        }
    }
}
