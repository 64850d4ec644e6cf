//! What a container is doing, told from what lies on disk: a lock that dies with the supervisor, and two small files.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pontoon_monitor::event::{Deed, Event, EventLog};
use pontoon_monitor::health::HealthRecord;
use pontoon_monitor::id_file;
use pontoon_monitor::state::{
    ExitRecord, HEALTH_FILE, LOCK_FILE, PAYLOAD_CGROUP, RunState, STATE_FILE, SUPERVISOR_CGROUP,
};
use pontoon_rootless::cgroup::{Cgroup, MOUNT as CGROUPS};
use pontoon_storage::{ContainerHandle, Durability, Store};
use rustix::event::{Timespec, poll};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use crate::host::Host;
use crate::pod::slice;
use crate::record::ContainerRecord;
use crate::{event, pause, small, user_namespace};

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It was made and never started.
    Created,
    /// Its supervisor is at work, and nothing can be asked of it yet.
    Starting,
    /// It is set up to just before its program is executed, and waits to be started.
    Initialized(RunState),
    /// Its payload runs.
    Running(RunState),
    /// Its payload is frozen.
    Paused(RunState),
    /// Its payload runs, and was asked to end.
    Stopping(RunState),
    /// Its last run has ended, and its supervisor is about to start the next one.
    Restarting(ExitRecord),
    /// Its last run has ended.
    Exited(ExitRecord),
    /// Its supervisor was killed; [`tidy`] makes `Exited` of it, or removes it.
    Abandoned(RunState),
}

impl Status {
    /// Podman's word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            // A run that is being set up shows for a moment only.
            Self::Created | Self::Starting => "created",
            Self::Initialized(_) => "initialized",
            Self::Running(_) => "running",
            Self::Paused(_) => "paused",
            Self::Stopping(_) => "stopping",
            Self::Restarting(_) => "restarting",
            // One that could not be started keeps the state it had, as with Podman.
            Self::Exited(exit) if !exit.is_of_run() => "created",
            Self::Exited(_) | Self::Abandoned(_) => "exited",
        }
    }

    /// The run that goes on, frozen or not.
    #[must_use]
    pub fn run(&self) -> Option<&RunState> {
        match self {
            Self::Running(state) | Self::Paused(state) | Self::Stopping(state) => Some(state),
            _ => None,
        }
    }

    /// The run whose first process is there, whether it has become the payload or waits for that.
    #[must_use]
    pub fn process(&self) -> Option<&RunState> {
        match self {
            Self::Initialized(state) => Some(state),
            other => other.run(),
        }
    }

    /// Whether a supervisor is there that can be asked. As long as none is, who removes the container looks like one that is still to
    /// come, and waits for the container's lock: so nobody may wait for an answer who holds that.
    #[must_use]
    pub fn can_be_asked(&self) -> bool {
        self.is_alive() && *self != Self::Starting
    }

    /// Whether a supervisor is at work.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        match self {
            Self::Starting
            | Self::Initialized(_)
            | Self::Running(_)
            | Self::Paused(_)
            | Self::Stopping(_)
            | Self::Restarting(_) => true,
            Self::Created | Self::Exited(_) | Self::Abandoned(_) => false,
        }
    }
}

/// Takes the lock that says that a container has a supervisor; `None` if it has one. The descriptor is handed to the
/// supervisor.
///
/// # Errors
/// The kernel's error.
pub fn claim(run_directory: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let file = rustix::fs::open(run_directory.join(LOCK_FILE), flags, Mode::RUSR | Mode::WUSR)?;
    // Whoever only looks holds the lock for a moment, see `is_locked`; a supervisor holds it for good.
    for _ in 0..20 {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => {
                let moment = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
                poll(&mut [], Some(&moment))?;
            }
            Err(err) => return Err(err.into()),
        }
    }
    Ok(None)
}

fn is_locked(run_directory: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(run_directory.join(LOCK_FILE), flags, Mode::empty())
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}

fn state(run_directory: &Path) -> Option<RunState> {
    serde_json::from_str(&small::read(run_directory.join(STATE_FILE))?).ok()
}

/// The run that goes on, frozen or not, for whoever wants to know no more. Of `None` only [`of`] tells what it is instead.
pub(crate) fn run(run_directory: &Path) -> Option<RunState> {
    is_locked(run_directory).then(|| state(run_directory)).flatten().filter(|it| !it.initialized)
}

/// Tells what a container is doing.
#[must_use]
pub fn of(container: &ContainerHandle) -> Status {
    let run_directory = container.run_path();
    if is_locked(run_directory) {
        return match state(run_directory) {
            None => match container.read_exit::<ExitRecord>() {
                Ok(Some(exit)) if exit.another_follows => Status::Restarting(exit),
                Ok(Some(exit)) if exit.start_follows => Status::Starting,
                // The supervisor's last deeds are done; it has only to go.
                Ok(Some(exit)) => Status::Exited(exit),
                _ => Status::Starting,
            },
            Some(state) if state.initialized => Status::Initialized(state),
            Some(state) if pause::is_frozen(&state) => Status::Paused(state),
            Some(state) if state.stopping => Status::Stopping(state),
            Some(state) => Status::Running(state),
        };
    }
    match state(run_directory) {
        // Between the two looks the supervisor may have ended in good order, which takes the file away.
        Some(state) if run_directory.join(STATE_FILE).exists() => match container.read_exit::<ExitRecord>() {
            // It was killed between its last two deeds: how the run ended is noted.
            Ok(Some(exit)) if !exit.another_follows && !exit.start_follows => Status::Exited(exit),
            _ => Status::Abandoned(state),
        },
        _ => match container.read_exit() {
            Ok(Some(exit)) => Status::Exited(exit),
            _ => Status::Created,
        },
    }
}

/// What health checks have said of a container in its last run; `None` if it has none.
#[must_use]
pub fn health(run_directory: &Path) -> Option<HealthRecord> {
    serde_json::from_str(&small::read(run_directory.join(HEALTH_FILE))?).ok()
}

/// Cleans up after a supervisor that was killed: ends what it left running, and notes the end, or removes the container if
/// it was not to stay. Gives what the container is doing now; `None` if it is gone.
pub fn tidy(
    store: &Store,
    container: ContainerHandle,
    record: &ContainerRecord,
) -> Option<(ContainerHandle, Status)> {
    let status = of(&container);
    let state = match status {
        Status::Abandoned(state) => state,
        // A `run --rm` that was killed before it got as far as the supervisor.
        Status::Created if record.of_run && record.request.rm => {
            RunState { events: EventLog::usual(&store.paths().run), ..RunState::default() }
        }
        Status::Created | Status::Exited(_) if pontoon_network::is_left(container.run_path()) => {
            end_unnoted(&container);
            return Some((container, status));
        }
        other => return Some((container, other)),
    };
    // Two commands may find it at once; the second waits and then finds it done.
    let Ok(_lock) = container.lock() else { return None };
    let claimed = claim(container.run_path());
    let is_done = state.pid != 0 && !container.run_path().join(STATE_FILE).exists();
    let Some(_claimed) = claimed.ok().flatten().filter(|_| !is_done) else {
        let status = of(&container);
        return Some((container, status));
    };
    end_leftovers(&state, container.run_path());
    stop_scopes(container.id().hex());
    let exit = ExitRecord {
        code: 137,
        started_at: state.started_at,
        finished_at: pontoon_monitor::time::now(),
        oom_killed: false,
        error: Some("the supervisor was killed".to_owned()),
        restarts: state.restarts,
        held: state.initialized,
        ..ExitRecord::default()
    };
    // What the supervisor would have told.
    let tell = |deed, code| {
        if state.events != EventLog::None {
            state.events.tell(&Event { exit_code: code, ..event::of_container(store, record, deed) });
        }
    };
    if state.pid != 0 {
        tell(Deed::Died, Some(exit.code));
    }
    let _ = container.write_exit(&exit, Durability::Durable);
    let _ = std::fs::remove_file(container.run_path().join(STATE_FILE));
    if record.request.rm {
        if store.remove_container(container).is_ok_and(|was_there| was_there) {
            if let Some(path) = &record.request.cidfile {
                id_file::forget(path, &record.id);
            }
            tell(Deed::Remove, Some(exit.code));
        }
        return None;
    }
    tell(Deed::Cleanup, None);
    Some((container, Status::Exited(exit)))
}

/// Ends what is left of a run that was never noted, since its supervisor was killed while it set it up: above all the network's
/// helper, which would keep the container's ports from everybody.
fn end_unnoted(container: &ContainerHandle) {
    let run_directory = container.run_path();
    // A supervisor that has only to go takes its files away by itself.
    if is_locked(run_directory) {
        return;
    }
    // Two commands may find it at once; the second waits and then finds it done.
    let Ok(_lock) = container.lock() else { return };
    let Ok(Some(_claimed)) = claim(run_directory) else { return };
    if pontoon_network::is_left(run_directory) {
        let _ = pontoon_network::end_left(run_directory);
        stop_scopes(container.id().hex());
    }
}

/// Stops the scopes of a container that has no supervisor: one whose only process died while systemd made it stays behind
/// empty, and in another there may be a helper that the supervisor had not come to note. Such a one takes no notice of a mere
/// wish to end, for which systemd would wait a minute and a half; so it is killed.
/// Nobody waits for this path to be fast, so the manager's own program asks.
pub(crate) fn stop_scopes(id: &str) {
    let uid = rustix::process::geteuid().as_raw();
    let (manager, directory) = match uid {
        0 => ("--system", format!("{CGROUPS}/system.slice")),
        _ => ("--user", format!("{CGROUPS}/user.slice/user-{uid}.slice/user@{uid}.service/app.slice")),
    };
    let prefix = format!("pontoon-{id}");
    let below = |directory: &Path| std::fs::read_dir(directory).into_iter().flatten().flatten();
    let named = |entry: &std::fs::DirEntry, part: &str| entry.file_name().to_string_lossy().contains(part);
    // Or in the slice of its pod.
    let slices = below(Path::new(&directory)).filter(|it| named(it, slice::MARK)).map(|it| it.path());
    let directories = std::iter::once(directory.clone().into()).chain(slices);
    let entries = directories.flat_map(|it| below(&it));
    let scopes: Vec<_> = entries
        .filter(|it| it.file_name().to_string_lossy().starts_with(&prefix))
        .map(|it| it.path())
        .collect();
    if scopes.is_empty() {
        return;
    }
    for scope in &scopes {
        let cgroup = Cgroup::at(scope.clone());
        if cgroup.is_populated() {
            let _ = cgroup.kill();
            wait_until_empty(&cgroup);
        }
    }
    let mut command = Command::new("systemctl");
    let names = scopes.iter().filter_map(|it| it.file_name());
    command.args([manager, "--quiet", "stop"]).args(names);
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    // Of one that it could not put all processes into, since one had ended, the manager forgets all but the directory.
    for scope in scopes {
        remove_group(&Cgroup::at(scope));
    }
}

fn end_leftovers(state: &RunState, run_directory: &Path) {
    // Known while it has its words: killed with its group it is hard to tell, and holds the ports until it is gone.
    let helper = pontoon_network::leftover(run_directory);
    if let Some(path) = &state.cgroup {
        let cgroup = Cgroup::at(path.into());
        // The helpers sat beside the supervisor.
        let name = cgroup.path().file_name().unwrap_or_default().to_string_lossy();
        if let (Some(base), Some(id)) = (cgroup.path().parent(), name.strip_prefix(PAYLOAD_CGROUP)) {
            let beside = Cgroup::at(base.join(format!("{SUPERVISOR_CGROUP}{id}")));
            let _ = beside.kill();
            let _ = cgroup.kill();
            wait_until_empty(&beside);
            let _ = beside.remove();
        }
        let _ = cgroup.kill();
        wait_until_empty(&cgroup);
        remove_group(&cgroup);
    }
    if let Some(helper) = helper {
        let _ = helper.end();
    }
}

/// Removes a group in which nobody is any more. The groups that its container has made there may be those of mapped ids.
fn remove_group(cgroup: &Cgroup) {
    if cgroup.remove().is_err()
        && let Ok(host) = Host::read(None, None)
    {
        let _ = user_namespace::run(&host, |_| i32::from(cgroup.remove().is_err()));
    }
}

/// Waits for the kernel to bury what was killed, which takes milliseconds. A group that is gone is empty.
fn wait_until_empty(cgroup: &Cgroup) {
    let _ = cgroup.wait_for("populated 0", Duration::from_secs(5));
}
