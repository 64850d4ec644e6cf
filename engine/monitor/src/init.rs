//! `--init`: the first process of a container that reaps orphans and hands signals on to the payload. Without a payload it
//! is all that there is in a pod's infra container, and in a shared pid namespace the parent of orphans.

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Runs until the payload has ended, and gives its exit code; without one, until it is asked to end.
pub fn run(payload: Option<i32>) -> i32 {
    let Some(payload) = payload.map(Pid::from_raw) else { return pause() };
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

/// Only waits and reaps. SIGTERM and SIGINT end it, as they end Podman's.
fn pause() -> i32 {
    let all = SigSet::all();
    if all.thread_block().is_err() {
        return 125;
    }
    loop {
        match all.wait() {
            Ok(Signal::SIGTERM | Signal::SIGINT) => return 0,
            // No child has the pid 0, so none is the payload.
            Ok(Signal::SIGCHLD) => drop(reap(Pid::from_raw(0))),
            _ => {}
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
