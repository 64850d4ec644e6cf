//! `exec`.

use std::os::fd::AsFd;

use nix::sys::signal::Signal;
use pontoon_lifecycle::exec::{self, ExecRequest, Executing};
use pontoon_lifecycle::list;
use pontoon_lifecycle::secret;
use pontoon_lifecycle::status::Status;
use rustix::fs::{Mode, OFlags};

use super::foreground::{self, OurSide, Outcome};
use super::pipes::Pipes;
use super::shown::Ours;
use super::{Context, Failure, run};
use pontoon_cli::args::ExecArgs;
use pontoon_cli::detach_keys::DetachKeys;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::exec_env;
use pontoon_runtime::plan::Window;

/// `pontoon exec`
pub fn exec(context: &Context, args: &ExecArgs) -> Result<ExitStatus, Failure> {
    let preserved = run::check_passed(args.preserve_fds, &args.preserve_fd)?;
    let store = context.store()?;
    let (name, command) = if args.latest {
        let newest = list::list(&store)?.containers.pop().map(|it| it.record.name);
        (newest.ok_or_else(|| Failure::new("there is no container", None))?, args.words.clone())
    } else {
        let (name, command) =
            args.words.split_first().ok_or_else(|| Failure::new("`exec` needs a container", None))?;
        (name.clone(), command.to_vec())
    };
    if command.is_empty() {
        return Err(Failure::new("`exec` needs a command", Some(format!("pontoon exec {name} COMMAND"))));
    }
    let found = list::find(&store, &name)?;
    check_running(&found.status, &name)?;
    let mut env = secret::current_variables(&store, &found.record);
    env.extend(exec_env(&args.env, &args.env_file, &context.option_host)?);
    let request = ExecRequest {
        command,
        env,
        user: args.user.clone(),
        workdir: args.workdir.clone(),
        tty: args.tty,
        nice: rustix::process::getpriority_process(None).ok(),
        window: Window::of(rustix::stdio::stdin()),
        privileged: args.privileged,
        preserve_fds: args.preserve_fds,
        preserved,
        unattended: args.detach && args.tty,
    };
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(std::io::Error::from)?;
    let pipes = (!args.tty && !args.detach).then(|| Pipes::make(args.interactive)).transpose()?;
    let streams = pipes.as_ref().map_or([null.as_fd(); 3], Pipes::theirs);
    // Said before anything runs, if they are wrong.
    let keys = match args.tty {
        true => context.detach_keys(args.detach_keys.as_deref())?,
        false => DetachKeys::read(args.detach_keys.as_deref())?,
    };
    let reads = pipes.as_ref().and_then(Pipes::reads);
    let executing = exec::exec(&found.container, request, streams, reads).map_err(|err| {
        let (hint, code) = (err.hint(&name), err.exit_code());
        Failure::new(err, hint).with_code(code)
    })?;
    if args.detach {
        // The supervisor keeps it. One that has run since before sessions had ids has nothing but the pid to know it by.
        let Executing { pid, session, .. } = executing;
        output::line(&if session.is_empty() { pid.to_string() } else { session })?;
        return Ok(ExitStatus::Success);
    }
    let goes_on = |unshown| {
        let hint = format!("the process goes on, unless it has ended: pontoon top {name}");
        Failure::new(unshown, Some(hint)).with_code(255)
    };
    if let Some(pipes) = pipes {
        pipes.into_ours().carry(&executing).map_err(goes_on)?;
    }
    if let Some(terminal) = &executing.terminal {
        let resize = || {
            if let Some(window) = Window::of(rustix::stdio::stdin()) {
                let _ = window.set(terminal.as_fd());
            }
        };
        resize();
        let on_signal = |signal: i32| {
            if signal == Signal::SIGWINCH as i32 {
                resize();
            }
        };
        let ended = executing.ending.fd();
        // What ends us ends us alone: the process goes on.
        let signals = foreground::signals(false)?;
        let ours =
            OurSide::Terminal { terminal, keys: Some(keys), typed: args.interactive, shown: Ours::Output };
        match foreground::stand_by(ended, ours, signals, &on_signal)? {
            Outcome::Ended => {}
            Outcome::Detached => return Ok(ExitStatus::Success),
            // The process goes on, and the supervisor reads its terminal when we have gone: we must not stay without reading.
            Outcome::ReaderGone => return Ok(output::reader_gone()),
            Outcome::Unshown(unshown) => return Err(goes_on(unshown.into())),
        }
    }
    match executing.ending.wait() {
        Some(code) => Ok(ExitStatus::Payload(u8::try_from(code).unwrap_or(255))),
        None => Err(Failure::new(format!("container `{name}` has ended"), None).with_code(137)),
    }
}

/// Only into a container that runs, and is not held, can a process come.
fn check_running(status: &Status, name: &str) -> Result<(), Failure> {
    let word = status.word();
    let hint = match status {
        Status::Running(_) => return Ok(()),
        Status::Starting => {
            let hint = format!("when it runs, this ends: pontoon wait --condition running {name}");
            return Err(Failure::new(format!("container `{name}` is still being made ready"), Some(hint)));
        }
        Status::Paused(_) => Some(format!("let it go on first: pontoon unpause {name}")),
        Status::Stopping(_) | Status::Restarting(_) => None,
        _ => Some(format!("start it first: pontoon start {name}")),
    };
    Err(Failure::new(format!("container `{name}` is {word}, not running"), hint))
}
