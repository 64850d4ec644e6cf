//! The standard streams of a payload.

use std::os::fd::OwnedFd;

use pontoon_monitor::plan::{LogPlan, MonitorPlan};
use pontoon_runtime::start::StandardStreams;
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};

use super::LaunchError;

/// The payload's streams, and our ends of them.
#[derive(Debug, Default)]
pub struct Streams {
    /// Its own ends; `None` if it has a terminal.
    pub payload: Option<StandardStreams>,
    /// Its output and its errors, if they go through us.
    pub output: Option<(OwnedFd, OwnedFd)>,
    /// The way to its input, if that is kept open for whoever attaches.
    pub input: Option<OwnedFd>,
}

/// Makes them, as the plan wants them.
pub fn make(plan: &MonitorPlan) -> Result<Streams, LaunchError> {
    let failed =
        |err: rustix::io::Errno| LaunchError::io("make the container's standard streams")(err.into());
    if plan.container.process.terminal {
        return Ok(Streams::default());
    }
    let own = |fd: rustix::fd::BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 3).map_err(failed);
    let mut input = None;
    let stdin = if plan.streams.interactive {
        own(rustix::stdio::stdin())?
    } else if plan.streams.keeps_input {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
        input = Some(write);
        read
    } else {
        rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?
    };
    if plan.log == LogPlan::Passthrough {
        let (stdout, stderr) = (own(rustix::stdio::stdout())?, own(rustix::stdio::stderr())?);
        return Ok(Streams { payload: Some(StandardStreams { stdin, stdout, stderr }), output: None, input });
    }
    let (out_read, stdout) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let (err_read, stderr) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let payload = Some(StandardStreams { stdin, stdout, stderr });
    Ok(Streams { payload, output: Some((out_read, err_read)), input })
}
