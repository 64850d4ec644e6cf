//! The supervisor as a process: how it is run, and what it says.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use pontoon_monitor::plan::{self, MonitorPlan, StreamPlan};
use pontoon_monitor::state::Report;
use pontoon_rootless::sys::{SockFilter, close_on_exec_from, keep_across_exec, survive_exec};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{Attachment, StartError};
use crate::host::Host;
use crate::record::ContainerRecord;
use crate::request::LogDriver;

/// The command of a supervisor, with its plan and its lock; and the file that it finds its plan in, which must stay open until
/// it runs, and no longer: the next supervisor that we run would have it, too.
pub(super) fn command(
    host: &Host,
    plan: &MonitorPlan,
    filter: &[SockFilter],
    lock: &OwnedFd,
) -> Result<(Command, OwnedFd), StartError> {
    let failed = |source| failed(host, source);
    // Whatever else was left open for us is its owner's alone: who waits for the end of such a pipe would wait for the
    // container's. From here on everything is made for this one program, and says so.
    close_on_exec_from(3).map_err(failed)?;
    survive_exec(&passed_on(&plan.streams));
    let file = plan::send(plan, filter).map_err(failed)?;
    let mut command = Command::new(host.monitor_program());
    command.arg0("pontoon-monitor");
    pass(&mut command, "--plan", &file).map_err(failed)?;
    pass(&mut command, "--lock", lock).map_err(failed)?;
    Ok((command, file))
}

/// The numbers of the descriptors that were left open for us, and are meant for the container or for what leads to it.
fn passed_on(streams: &StreamPlan) -> Vec<u32> {
    let sockets = streams.activation.as_ref().map_or(0, |it| it.ports.len());
    let count = u32::try_from(sockets).unwrap_or(u32::MAX).max(streams.preserve_fds);
    (3..3u32.saturating_add(count)).chain(streams.preserved.iter().copied()).collect()
}

/// That its program could not be run.
pub(super) fn failed(host: &Host, source: io::Error) -> StartError {
    StartError::Supervisor { program: host.monitor_program(), source }
}

fn pass(command: &mut Command, option: &str, fd: impl AsFd) -> io::Result<()> {
    let number = keep_across_exec(fd)?;
    command.args([option, &number.to_string()]);
    Ok(())
}

/// A supervisor beside us, which has not been let go yet.
#[derive(Debug)]
pub(super) struct Spawned {
    /// Its pid.
    pub pid: u32,
    /// What it says.
    pub reports: BufReader<File>,
    /// Where it is told that it is where it belongs. Closing this without a word ends it.
    pub gate: OwnedFd,
    /// The byte stream of the container's terminal, if we are attached to one.
    pub terminal: Option<OwnedFd>,
    /// The way to its input, if that is ours to give and it has no terminal.
    pub input: Option<OwnedFd>,
}

/// Runs a supervisor beside us.
pub(super) fn spawn(
    host: &Host,
    record: &ContainerRecord,
    mut command: Command,
    attachment: Attachment,
) -> Result<Spawned, StartError> {
    let failed = |source| failed(host, source);
    let (report_read, report_write) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| failed(err.into()))?;
    let (gate_read, gate_write) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| failed(err.into()))?;
    pass(&mut command, "--report", &report_write).map_err(failed)?;
    pass(&mut command, "--gate", &gate_read).map_err(failed)?;
    let mut terminal = None;
    let mut theirs = None;
    if record.request.tty && matches!(attachment, Attachment::Foreground { .. }) {
        let (ours, other) = stream_pair().map_err(failed)?;
        pass(&mut command, "--terminal", &other).map_err(failed)?;
        (terminal, theirs) = (Some(ours), Some(other));
    }
    // Without anybody to see it, and where nothing is handed on.
    let passes =
        matches!(record.request.log_driver, Some(LogDriver::Passthrough | LogDriver::PassthroughTty));
    if (!matches!(attachment, Attachment::Foreground { .. }) && !passes) || record.request.tty {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    // What it is given of ours it could open anew, with rights that were not meant for it: by a name in /proc a file that we only
    // read can be written to, and out of a directory it comes to all others.
    let mut input = None;
    if matches!(attachment, Attachment::Foreground { interactive: true, .. })
        && !passes
        && !record.request.tty
    {
        let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| failed(err.into()))?;
        command.stdin(theirs);
        input = Some(ours);
    }
    // A session of its own: what the terminal sends us must not reach it.
    command.process_group(0);
    let child = command.spawn().map_err(failed)?;
    drop((report_write, gate_read, theirs));
    Ok(Spawned {
        pid: child.id(),
        reports: BufReader::new(File::from(report_read)),
        gate: gate_write,
        terminal,
        input,
    })
}

fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// What a supervisor says next; `None` if it says no more.
pub(super) fn next_report(reports: &mut BufReader<File>) -> Option<Report> {
    let mut line = String::new();
    match reports.read_line(&mut line) {
        Ok(count) if count > 0 => serde_json::from_str(&line).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pontoon_monitor::plan::ActivationPlan;

    use super::*;

    #[test]
    fn only_what_is_meant_for_the_container_is_passed_on() {
        let passed = |count, listed: &[u32], ports: &[u16]| {
            let activation = (!ports.is_empty()).then(|| ActivationPlan {
                ports: ports.to_vec(),
                idle: None,
                program: "/pontoon-network".into(),
            });
            passed_on(&StreamPlan {
                preserve_fds: count,
                preserved: listed.to_vec(),
                activation,
                ..StreamPlan::default()
            })
        };
        assert!(passed(0, &[], &[]).is_empty());
        assert_eq!(passed(2, &[], &[]), [3, 4]);
        assert_eq!(passed(0, &[9, 5], &[]), [9, 5]);
        assert_eq!(passed(0, &[], &[80, 443]), [3, 4]);
    }
}
