//! The last steps, the same for a container's first process and for one that joins: identity, limits, capabilities, filter,
//! exec.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use pontoon_rootless::sys::{self, CStringArray, CloneFlags, Cloned};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, fchown, fstat, openat2};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Signal};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::Never;
use crate::databases::Databases;
use crate::hooks::{Hooks, Stage};
use crate::identity::{self, Identity};
use crate::message::{Failure, Step};
use crate::paths::{self, Make};
use crate::plan::{Capabilities, Plan, Process, Rlimit};
use crate::start::{Extras, StandardStreams};

/// Where a program is looked for if the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Highest capability number that the kernel may know.
const LAST_CAPABILITY: u32 = 63;

/// Gives a user that the image does not know an entry in `/etc/passwd`, and its group one in `/etc/group`: many programs
/// want a name and a home directory. A file that is missing is made, as it is where the root is read-only in the end; what is
/// no regular file is left alone.
///
/// A file that somebody mounts there is left alone, too.
pub(super) fn add_entries(databases: Databases<'_>, process: &Process, identity: &mut Identity) {
    let Some(entry) = &process.entry else { return };
    let root = databases.root;
    let (has_own_users, has_own_groups) = (databases.is_mounted("passwd"), databases.is_mounted("group"));
    let name = &entry.name;
    let (uid, gid) = (identity.uid, identity.gid);
    // Programs do without an entry, if need be.
    let append = |path: &str, line: String| {
        let _ = append(root, path, &line);
    };
    if !identity.known && uid != 0 && !has_own_users {
        let form = entry.passwd.as_deref().unwrap_or("$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh");
        let (uid, gid) = (uid.to_string(), gid.to_string());
        let comment = entry.comment.as_deref().unwrap_or("container user");
        let home = entry.home.as_ref().unwrap_or(&process.cwd);
        let values = [
            ("$USERNAME", name.as_str()),
            ("$UID", &uid),
            ("$GID", &gid),
            ("$NAME", comment),
            ("$HOME", home),
        ];
        let line = filled(form, &values);
        // A form of somebody's own may have another home.
        identity.home = line.split(':').nth(5).unwrap_or(home).to_owned();
        append("/etc/passwd", line);
    }
    for host in entry.hosts.iter().filter(|_| !has_own_users) {
        let is_known = |user: &str| identity::look_up_in(root, user, &[]).is_ok_and(|it| it.known);
        if !is_known(&host.name) && !is_known(&host.uid.to_string()) {
            append("/etc/passwd", format!("{}\n", host.line));
        }
    }
    if !identity.known_group && gid != 0 && !has_own_groups {
        let (group, member) = match &entry.group_name {
            Some(group) => (group.clone(), name.clone()),
            // A group alone (`--user :5`).
            None if name.is_empty() => (gid.to_string(), String::new()),
            None => (gid.to_string(), uid.to_string()),
        };
        let form = entry.group.as_deref().unwrap_or("$GROUPNAME:x:$GID:$USERLIST");
        let gid = gid.to_string();
        append("/etc/group", filled(form, &[("$GROUPNAME", &group), ("$GID", &gid), ("$USERLIST", &member)]));
    }
    for host in entry.hosts.iter().filter(|_| !has_own_groups) {
        if let Some(line) = &host.group
            && !identity::has_group(root, &host.name)
        {
            append("/etc/group", format!("{line}\n"));
        }
    }
}

/// Makes a working directory that is missing, as Podman does: one that the image asks for, for the user who runs it, and one in
/// something that is mounted there, whoever asks for it.
///
/// It is made from a handle of the root, passing through no magic link, and while the root can still be written to. Where it
/// cannot be made, entering it says so.
pub(super) fn make_working_directory(root: &OwnedFd, plan: &Plan, identity: &Identity) {
    let cwd = &plan.process.cwd;
    let is_mounted = plan.mounts.iter().any(|it| it.target != "/" && Path::new(cwd).starts_with(&it.target));
    if !is_mounted && !plan.process.create_cwd {
        return;
    }
    if let Err(Errno::NOENT) = paths::open(root, cwd, OFlags::PATH)
        && let Ok(made) = paths::open_or_make(root, cwd, Make::Directory)
        && !is_mounted
    {
        let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
        let _ = chownat(made, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH);
    }
}

/// Puts a line at the end of a file, which may be the first.
fn append(root: &OwnedFd, path: &str, line: &str) -> Result<(), Errno> {
    let found = paths::open(root, path, OFlags::PATH);
    let is_new = matches!(found, Err(Errno::NOENT));
    let found = if is_new { paths::open_or_make(root, path, Make::File)? } else { found? };
    if paths::kind(&found)? != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let file = paths::open(root, path, OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK)?;
    if is_new {
        // Everybody reads it, whatever the caller keeps from others.
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))?;
    }
    rustix::io::write(&file, line.as_bytes()).map(drop)
}

/// A line of a user database, with its placeholders filled in.
fn filled(form: &str, values: &[(&str, &str)]) -> String {
    let mut line = values.iter().fold(form.to_owned(), |line, (name, value)| line.replace(name, value));
    line.push('\n');
    line
}

/// Puts the standard streams in place: a terminal, or the given descriptors.
///
/// Pipes are given to the container's user, so that `/dev/stdout` and the like can be opened again by name.
pub(super) fn take_streams(
    streams: Option<StandardStreams>,
    terminal: Option<OwnedFd>,
    identity: &Identity,
) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::Terminal, "", err);
    let owner = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    if let Some(slave) = terminal {
        rustix::process::ioctl_tiocsctty(&slave).map_err(failed)?;
        let _ = fchown(&slave, Some(owner.0), None);
        rustix::stdio::dup2_stdin(&slave).map_err(failed)?;
        rustix::stdio::dup2_stdout(&slave).map_err(failed)?;
        rustix::stdio::dup2_stderr(&slave).map_err(failed)?;
    } else if let Some(streams) = streams {
        for stream in [&streams.stdin, &streams.stdout, &streams.stderr] {
            let is_pipe = fstat(stream).is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::Fifo);
            if is_pipe {
                // Fails where the pipe belongs to somebody who is not mapped; it then works by descriptor only.
                let _ = fchown(stream, Some(owner.0), Some(owner.1));
            }
        }
        rustix::stdio::dup2_stdin(&streams.stdin).map_err(failed)?;
        rustix::stdio::dup2_stdout(&streams.stdout).map_err(failed)?;
        rustix::stdio::dup2_stderr(&streams.stderr).map_err(failed)?;
    }
    Ok(())
}

/// Becomes the payload.
pub(super) fn confine_and_exec(
    process: &Process,
    identity: Identity,
    extras: &Extras,
    socket: BorrowedFd<'_>,
    hooks: Option<&Hooks>,
) -> Result<Never, Failure> {
    hide(process, extras, socket)?;
    // While we may still make the file system that it is written in.
    super::label::prepare(&process.labels)?;
    // Out of the way of what is put into its place in the end.
    let raised = match extras.passed.is_empty() {
        true => None,
        false => {
            let above = sys::above(&passed_numbers(process));
            let copy = rustix::io::fcntl_dupfd_cloexec(socket, above);
            Some(copy.map_err(|err| Failure::new(Step::Exec, "", err))?)
        }
    };
    let socket = raised.as_ref().map_or(socket, AsFd::as_fd);
    rustix::process::umask(Mode::from_raw_mode(process.umask & 0o777));
    for limit in &process.rlimits {
        set_limit(*limit)?;
    }
    if let Some(nice) = process.nice {
        // Who may not have more of the processors has what the container has.
        let _ = rustix::process::setpriority_process(None, nice);
    }
    super::keys::join_empty_ring()?;
    let is_root = identity.uid == 0;
    let capabilities = if is_root { process.root_capabilities } else { process.user_capabilities };
    drop_bounding(capabilities)?;
    // As root, who may: an image's directory may be closed to the user who is to run it. Of file systems that do not know
    // root (NFS) the user may be the only one who can. Before the filter, which is the payload's and may forbid it what we do.
    let entered = enter_working_directory(&process.cwd);
    let filter = extras.filter.as_slice();
    if !process.no_new_privileges && !filter.is_empty() {
        // Loading a filter needs CAP_SYS_ADMIN here, so it comes before the capabilities go.
        load_filter(filter)?;
    }
    become_user(&identity, process)?;
    set_capability_sets(capabilities)?;
    if entered.is_err() {
        enter_working_directory(&process.cwd)?;
    }
    let _ = rustix::process::set_parent_process_death_signal(extras.dies_with_parent.then_some(Signal::KILL));
    // The supervisor blocks signals to read them from a descriptor, and Rust ignores SIGPIPE; the payload starts with neither.
    sys::reset_signals();
    let failed = |err: std::io::Error| Failure::new(Step::Exec, "", errno(&err));
    if extras.passed.is_empty() {
        sys::close_on_exec_from(3).map_err(failed)?;
        // The supervisor keeps them from everything else that it runs.
        sys::survive_exec(&passed_numbers(process));
    } else {
        sys::close_on_exec_from(3).map_err(failed)?;
        sys::place(&extras.passed, &passed_numbers(process)).map_err(failed)?;
    }
    if let Some(persona) = process.personality {
        sys::set_personality(persona).map_err(failed)?;
    }
    if process.no_new_privileges {
        set_no_new_privs(true).map_err(|err| Failure::new(Step::Seccomp, "", err))?;
        if !filter.is_empty() {
            load_filter(filter)?;
        }
    }
    if let Some(hooks) = hooks {
        // Their programs are the image's: they are confined like everything else of it.
        super::run_here(hooks, Stage::StartContainer)?;
    }
    match &extras.init {
        Some(init) if process.pauses => Err(exec_init(init, None)),
        Some(init) if process.init => exec_behind_init(process, &identity, init, socket),
        _ => Err(exec(process, &identity)),
    }
}

/// Leaves nothing of the host in our hands, and hides us from the container's processes before we give up what they do not
/// have: nobody may look into us, or open our program through /proc (CVE-2016-9962, CVE-2019-5736, CVE-2024-21626).
fn hide(process: &Process, extras: &Extras, socket: BorrowedFd<'_>) -> Result<(), Failure> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|err| Failure::new(Step::Exec, "", err))?;
    close_host_files(process, extras, socket)
}

/// Closes whatever the supervisor had open, but what the payload or its init is started with.
fn close_host_files(process: &Process, extras: &Extras, socket: BorrowedFd<'_>) -> Result<(), Failure> {
    let mut kept = vec![socket];
    kept.extend(extras.init.as_ref().map(AsFd::as_fd));
    kept.extend(extras.passed.iter().map(AsFd::as_fd));
    // What is passed has other numbers so far, and those that it will have are our own's.
    let (preserved, listed) = match extras.passed.is_empty() {
        true => (process.preserve_fds, process.preserved.as_slice()),
        false => (0, &[][..]),
    };
    sys::close_all_but(&kept, preserved, listed).map_err(|err| Failure::new(Step::Exec, "", errno(&err)))
}

/// The numbers under which a process finds what is passed to it, in order.
fn passed_numbers(process: &Process) -> Vec<u32> {
    (3..3u32.saturating_add(process.preserve_fds)).chain(process.preserved.iter().copied()).collect()
}

/// Starts the payload as a child and becomes the small init program.
fn exec_behind_init(
    process: &Process,
    identity: &Identity,
    init: &OwnedFd,
    socket: BorrowedFd<'_>,
) -> Result<Never, Failure> {
    let failed = |err: std::io::Error| Failure::new(Step::Exec, "init", errno(&err));
    match sys::clone(CloneFlags::default(), None).map_err(failed)? {
        Cloned::Child => {
            let failure = exec(process, identity);
            crate::message::send(socket, &crate::message::Report::Failed(failure.clone()));
            sys::exit_now(failure.exit_code())
        }
        Cloned::Parent { pid, .. } => {
            let pid = CString::new(pid.as_raw_nonzero().to_string()).unwrap_or_default();
            Err(exec_init(init, Some(pid)))
        }
    }
}

/// Becomes the small init program, for a payload or alone.
fn exec_init(init: &OwnedFd, payload: Option<CString>) -> Failure {
    let arguments = [c"pontoon-init".to_owned()].into_iter().chain(payload).collect();
    let err = sys::exec_fd(init.as_fd(), &CStringArray::new(arguments), &CStringArray::new(Vec::new()));
    Failure::new(Step::Exec, "init", errno(&err))
}

pub(super) fn errno(err: &std::io::Error) -> Errno {
    Errno::from_io_error(err).unwrap_or(Errno::IO)
}

fn load_filter(filter: &[sys::SockFilter]) -> Result<(), Failure> {
    sys::load_filter(filter).map_err(|err| Failure::new(Step::Seccomp, "", errno(&err)))
}

fn set_limit(limit: Rlimit) -> Result<(), Failure> {
    sys::set_resource_limit(limit.resource, limit.soft, limit.hard)
        .map_err(|err| Failure::new(Step::Rlimit, limit.name(), errno(&err)))
}

fn drop_bounding(capabilities: Capabilities) -> Result<(), Failure> {
    for number in 0..=LAST_CAPABILITY {
        let bit = 1u64 << number;
        if capabilities.bounding & bit == 0 {
            match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(bit)) {
                Ok(()) => {}
                // Beyond the last one that this kernel knows.
                Err(Errno::INVAL) => break,
                Err(err) => return Err(Failure::new(Step::Capabilities, "", err)),
            }
        }
    }
    Ok(())
}

fn become_user(identity: &Identity, process: &Process) -> Result<(), Failure> {
    let unmapped = |id: u32| {
        move |err| match err {
            Errno::INVAL => Failure { step: Step::UnmappedId, subject: id.to_string(), errno: 0 },
            err => Failure::new(Step::Identity, process.user.as_str(), err),
        }
    };
    set_keep_capabilities(true).map_err(|err| Failure::new(Step::Capabilities, "", err))?;
    let groups: Vec<Gid> = identity.groups.iter().map(|it| Gid::from_raw(*it)).collect();
    let set = if process.keep_groups { Ok(()) } else { set_thread_groups(&groups) };
    match set {
        Ok(()) => {}
        // A namespace with one id has setgroups denied; the group itself is all there can be.
        Err(Errno::PERM) if identity.groups.iter().all(|it| *it == identity.gid) => {}
        Err(err) => return Err(unmapped(identity.groups.last().copied().unwrap_or(identity.gid))(err)),
    }
    let gid = Gid::from_raw(identity.gid);
    set_thread_res_gid(gid, gid, gid).map_err(unmapped(identity.gid))?;
    let uid = Uid::from_raw(identity.uid);
    set_thread_res_uid(uid, uid, uid).map_err(unmapped(identity.uid))
}

fn set_capability_sets(capabilities: Capabilities) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::Capabilities, "", err);
    let sets = CapabilitySets {
        effective: CapabilitySet::from_bits_retain(capabilities.effective),
        permitted: CapabilitySet::from_bits_retain(capabilities.permitted),
        inheritable: CapabilitySet::from_bits_retain(capabilities.inheritable),
    };
    set_capabilities(None, sets).map_err(failed)?;
    set_keep_capabilities(false).map_err(failed)?;
    clear_ambient_capability_set().map_err(failed)?;
    for number in 0..=LAST_CAPABILITY {
        let bit = 1u64 << number;
        if capabilities.ambient & bit != 0 {
            configure_capability_in_ambient_set(CapabilitySet::from_bits_retain(bit), true)
                .map_err(failed)?;
        }
    }
    Ok(())
}

/// Enters the working directory without passing through a magic link: `/proc/self/fd/N` would lead to a descriptor that is
/// still open on the host's side (CVE-2024-21626). A directory outside the root has no name, which is checked as well.
fn enter_working_directory(path: &str) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::WorkingDirectory, path, err);
    let root = paths::open_root().map_err(failed)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let directory = openat2(&root, path, flags, Mode::empty(), resolve).map_err(failed)?;
    rustix::process::fchdir(&directory).map_err(failed)?;
    let current = rustix::process::getcwd(Vec::new()).map_err(failed)?;
    if current.to_bytes().starts_with(b"/") { Ok(()) } else { Err(failed(Errno::NOENT)) }
}

/// Where a program may lie, in the order in which it is looked for.
fn candidates(name: &str, path: &str) -> Vec<String> {
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    path.split(':').map(|it| format!("{}/{name}", if it.is_empty() { "." } else { it })).collect()
}

/// Looks for the program, without executing it.
pub(super) fn find_program(process: &Process) -> Result<(), Failure> {
    let name = process.args.first().map_or("", String::as_str);
    let path = process.env.iter().find_map(|it| it.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    let is_there = |it: &String| {
        let place = std::path::Path::new(&process.cwd).join(it);
        std::fs::metadata(place).is_ok_and(|found| !found.is_dir())
    };
    match !name.is_empty() && candidates(name, path).iter().any(is_there) {
        true => Ok(()),
        false => Err(Failure::new(Step::CommandNotFound, name, Errno::NOENT)),
    }
}

/// Executes the payload; comes back only with what went wrong.
fn exec(process: &Process, identity: &Identity) -> Failure {
    let name = process.args.first().map_or("", String::as_str);
    let invalid = || Failure::new(Step::Exec, name, Errno::INVAL);
    let strings =
        |from: &[String]| from.iter().map(|it| CString::new(it.as_bytes())).collect::<Result<Vec<_>, _>>();
    let Ok(arguments) = strings(&process.args).map(CStringArray::new) else { return invalid() };
    let environment = process.environment(&identity.home);
    let path = environment.iter().find_map(|it| it.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH).to_owned();
    let Ok(environment) = strings(&environment).map(CStringArray::new) else { return invalid() };
    if name.is_empty() {
        return Failure::new(Step::CommandNotFound, name, Errno::NOENT);
    }
    // A file that is there but cannot be executed tells more than the directories in which there is none.
    let mut worst = Errno::NOENT;
    for candidate in candidates(name, &path) {
        let Ok(candidate) = CString::new(candidate) else { return invalid() };
        let err = errno(&sys::exec_path(&candidate, &arguments, &environment));
        match err {
            Errno::NOENT | Errno::NOTDIR => {
                // The file may be there, and its interpreter missing.
                let file = OsStr::from_bytes(candidate.to_bytes());
                if std::fs::symlink_metadata(file).is_ok_and(|it| it.is_file()) {
                    worst = Errno::NOEXEC;
                }
            }
            other => {
                if worst == Errno::NOENT || other != Errno::ACCESS {
                    worst = other;
                }
            }
        }
    }
    let step = if worst == Errno::NOENT { Step::CommandNotFound } else { Step::Exec };
    Failure::new(step, name, worst)
}

/// A handle of the root of the namespace that was joined.
pub(super) fn root_of_this_namespace() -> Result<OwnedFd, Failure> {
    paths::open_root().map_err(|err| Failure::new(Step::Namespaces, "", err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_to_the_end_of_a_file_that_may_be_missing() {
        let directory = std::env::temp_dir().join(format!("pontoon-append-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("var")).unwrap();
        let root = rustix::fs::open(&directory, OFlags::PATH, Mode::empty()).unwrap();
        append(&root, "/etc/passwd", "a\n").unwrap();
        append(&root, "/etc/passwd", "b\n").unwrap();
        assert_eq!(std::fs::read_to_string(directory.join("etc/passwd")).unwrap(), "a\nb\n");
        // A link leads nowhere else, and what is no file stays as it is.
        std::os::unix::fs::symlink("../../var/group", directory.join("etc/group")).unwrap();
        append(&root, "/etc/group", "c\n").unwrap();
        assert_eq!(std::fs::read_to_string(directory.join("var/group")).unwrap(), "c\n");
        assert_eq!(append(&root, "/var", "d\n"), Err(Errno::INVAL));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
