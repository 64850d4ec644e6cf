//! What a container needs before its first process is made, and that is ours to make: files, sockets, streams.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use pontoon_monitor::notify::{self, Notifier};
use pontoon_monitor::plan::{LogPlan, MonitorPlan, NotifyPlan};
use pontoon_monitor::state;
use pontoon_rootless::sys::SockFilter;
use pontoon_runtime::start::Extras;
use rustix::fs::XattrFlags;

use super::streams::{self, Streams};
use super::{LaunchError, shared};
use crate::output::Log;
use crate::{pod, seal};

/// That.
#[derive(Debug)]
pub struct Parts {
    /// Where its output is kept.
    pub log: Log,
    /// The payload's notify socket, if it has one.
    pub notify: Option<OwnedFd>,
    /// Its standard streams.
    pub streams: Streams,
    /// What its first process gets.
    pub extras: Extras,
    /// What of its files changes while it runs.
    pub files: Changing,
}

/// Files of a container that are written again while it runs. They are opened while they are ours; its root may get them.
#[derive(Debug, Default)]
pub struct Changing {
    /// `/etc/hosts`, if that says no more than what its networks are known to be.
    pub hosts: Option<File>,
    /// `/etc/resolv.conf`.
    pub resolv_conf: Option<File>,
}

/// Makes the parts. `holds` if the container is only to be set up; `filter` is for all that runs in it.
pub fn make(
    plan: &MonitorPlan,
    holds: bool,
    filter: Vec<SockFilter>,
    manager: Option<&Notifier>,
) -> Result<Parts, LaunchError> {
    let deed = match &plan.log {
        LogPlan::File { path, .. } => format!("open the log `{}`", path.display()),
        _ => "open the log".to_owned(),
    };
    let log = Log::open(plan).map_err(LaunchError::io(deed))?;
    let files = write_files(plan)?;
    pod::be_known(plan)?;
    let notify = match plan.notify {
        NotifyPlan::Container if manager.is_some() => Some(listen_for_payload(&plan.run_directory)?),
        _ => None,
    };
    let streams = streams::make(plan)?;
    let init = (plan.container.process.init || plan.container.process.pauses).then(seal::own_program);
    let init = init.transpose().map_err(LaunchError::io("open our own program"))?;
    let shared_memory = shared::shared_memory(plan)?;
    let extras = Extras {
        filter,
        init,
        shared_memory,
        dies_with_parent: true,
        looks_first: holds,
        ..Extras::default()
    };
    Ok(Parts { log, notify, streams, extras, files })
}

/// Writes the files that the container finds in place of the image's. Gives those that change while it runs.
fn write_files(plan: &MonitorPlan) -> Result<Changing, LaunchError> {
    let mut files = Changing::default();
    for (place, file) in plan.files.iter().enumerate() {
        let path = plan.run_directory.join(&file.name);
        let read = |original: &PathBuf| {
            fs::read(original).map_err(LaunchError::io(format!("read {}", original.display())))
        };
        let copied = file.copied.as_ref().map(read).transpose()?;
        let written = write_file(&path, copied.as_deref().unwrap_or(file.text.as_bytes()));
        let written = written.map_err(LaunchError::io(format!("write {}", path.display())))?;
        if plan.resolv_conf() == Some(place) {
            files.resolv_conf = Some(written);
        } else if file.name == pod::HOSTS && file.text == plan.network.hosts {
            files.hosts = Some(written);
        }
        if let Some(label) = &plan.container.rootfs.label {
            // Without it the container could not read what is mounted for it (SELinux).
            rustix::fs::setxattr(&path, "security.selinux", label.as_bytes(), XattrFlags::empty())
                .map_err(|err| LaunchError::io(format!("label {}", path.display()))(err.into()))?;
        }
    }
    Ok(files)
}

/// Writes a file, in place if that can be: others may have it mounted. The one of the run before may have been given to the
/// container's root, who is nobody here; then it is another file.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    let mut file = match open() {
        Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {
            fs::remove_file(path)?;
            open()?
        }
        other => other?,
    };
    file.write_all(bytes)?;
    Ok(file)
}

fn listen_for_payload(run_directory: &Path) -> Result<OwnedFd, LaunchError> {
    let directory = run_directory.join(state::NOTIFY_SUBDIRECTORY);
    let made = fs::create_dir(&directory).or_else(|err| match err.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(err),
    });
    made.and_then(|()| notify::listen_at(&directory.join(state::NOTIFY_NAME)))
        .map_err(LaunchError::io("make the container's notify socket"))
}
