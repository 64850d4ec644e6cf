//! `attach`, and `start --attach` of a container that runs.

use std::io::Error;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::Signal;
use pontoon_lifecycle::attach::{self, Attached, Outcome};
use pontoon_lifecycle::list::{self, Found};
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::stop::{self, AskError};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::foreground;
use super::shown::{self, Ours, Unshown, copy};
use super::{Context, Failure, control};
use pontoon_cli::args::AttachArgs;
use pontoon_cli::detach_keys::{DetachKeys, Typed, Typing};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::terminal::RawMode;
use pontoon_runtime::plan::Window;

/// `pontoon attach`
pub fn attach(context: &Context, args: &AttachArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let name = control::one("attach", args.container.as_ref(), args.latest, &store)?;
    let found = list::find(&store, &name)?;
    let keys = context.detach_keys(args.detach_keys.as_deref())?;
    running(&found, !args.no_stdin, args.sig_proxy != Some(false), keys)
}

/// Attaches to a container that runs, and gives its exit code as ours.
pub fn running(
    found: &Found,
    with_input: bool,
    proxies: bool,
    keys: DetachKeys,
) -> Result<ExitStatus, Failure> {
    let name = &found.record.name;
    if !matches!(found.status, Status::Running(_)) {
        let text =
            format!("container `{name}` is {}: only one that runs can be attached to", found.status.word());
        return Err(Failure::new(text, Some(format!("start it first: pontoon start --attach {name}"))));
    }
    let attached = attach::attach(&found.container).map_err(|err| cannot_attach(found, err))?;
    follow(found, attached, with_input, proxies, keys, || Ok(()))
}

/// The same; `None` if it ends just now.
pub fn not_ending(
    found: &Found,
    with_input: bool,
    proxies: bool,
    keys: DetachKeys,
) -> Result<Option<ExitStatus>, Failure> {
    match attach::attach(&found.container) {
        Ok(attached) => follow(found, attached, with_input, proxies, keys, || Ok(())).map(Some),
        Err(err) if err.is_over() => Ok(None),
        Err(err) => Err(cannot_attach(found, err)),
    }
}

fn cannot_attach(found: &Found, err: AskError) -> Failure {
    Failure::from(err).while_doing(format!("cannot attach to container `{}`", found.record.name))
}

/// Attaches to a container that is set up, lets it run, and gives its exit code as ours.
pub fn held(found: &Found, with_input: bool, proxies: bool, keys: DetachKeys) -> Result<ExitStatus, Failure> {
    let name = &found.record.name;
    let cannot = |err| Failure::from(err).while_doing(format!("cannot start container `{name}`"));
    let attached = attach::attach(&found.container).map_err(|err| cannot_attach(found, err))?;
    follow(found, attached, with_input, proxies, keys, || {
        stop::let_it_run(&found.container).map(drop).map_err(cannot)
    })
}

/// Shows what is written from now on, and does `then` before there is anything to see.
fn follow(
    found: &Found,
    mut attached: Attached,
    with_input: bool,
    proxies: bool,
    keys: DetachKeys,
    then: impl FnOnce() -> Result<(), Failure>,
) -> Result<ExitStatus, Failure> {
    match relay(found, &mut attached, with_input, proxies, keys, then)? {
        Over::Detached => Ok(ExitStatus::Success),
        // As a program that writes itself would end. The container goes on.
        Over::Unshown(unshown) => Err(Failure::new(unshown, shown::hint(&found.container, &found.record))),
        Over::ReaderGone => Ok(ExitStatus::from_signal(Signal::SIGPIPE as i32)),
        Over::Ended => match attached.wait() {
            Outcome::Exited(code) => Ok(ExitStatus::Payload(u8::try_from(code).unwrap_or(255))),
            Outcome::LetGo(report) => Err(Failure::new(report.chain.join(": "), report.hint)),
            Outcome::Gone => Err(Failure::new("the container's supervisor was killed", None)),
        },
    }
}

/// How it came to its end.
enum Over {
    Ended,
    Detached,
    ReaderGone,
    Unshown(Unshown),
}

fn relay(
    found: &Found,
    attached: &mut Attached,
    with_input: bool,
    proxies: bool,
    keys: DetachKeys,
    then: impl FnOnce() -> Result<(), Failure>,
) -> Result<Over, Failure> {
    let signals = foreground::signals(proxies)?;
    let is_terminal = found.record.request.tty;
    let way_in = attached.input.take();
    // Of a terminal the same descriptor serves for its size.
    let terminal = way_in.as_ref().filter(|_| is_terminal).map(OwnedFd::try_clone).transpose()?;
    let mut input = way_in.filter(|_| with_input);
    let resize = || {
        if let (Some(terminal), Some(window)) = (&terminal, Window::of(rustix::stdio::stdin())) {
            let _ = window.set(terminal.as_fd());
        }
    };
    resize();
    then()?;
    let _raw =
        input.as_ref().filter(|_| is_terminal).and_then(|_| RawMode::enter(rustix::stdio::stdin()).ok());
    let is_shown_only = is_terminal && input.is_none() && proxies;
    let _plain = is_shown_only.then(|| RawMode::of_output(rustix::stdio::stdout()).ok());
    let typing = input.as_ref().map(|to| Typing::new(keys, to.as_fd())).transpose();
    let mut typing = typing.map_err(Error::from)?;
    let (mut out_open, mut err_open) = (true, true);
    loop {
        let ended = attached.fd();
        // A hang-up is told whether asked for or not, so what is over is not looked at again.
        let mut fds = vec![
            PollFd::from_borrowed_fd(ended, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
            // Asks for nothing, and is told when the reading end of a pipe is closed.
            PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty()),
        ];
        let mut places = [None; 3];
        let towards = match (&typing, &input) {
            (Some(typing), Some(to)) if typing.is_pending() => (true, to.as_fd(), PollFlags::OUT),
            _ => (typing.is_some(), rustix::stdio::stdin(), PollFlags::IN),
        };
        for (place, (open, fd, wanted)) in places.iter_mut().zip([
            (out_open, attached.stdout.as_fd(), PollFlags::IN),
            (err_open, attached.stderr.as_fd(), PollFlags::IN),
            towards,
        ]) {
            if open {
                *place = Some(fds.len());
                fds.push(PollFd::from_borrowed_fd(fd, wanted));
            }
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(err) => return Err(Error::from(err).into()),
        }
        let is_ready = |place: Option<usize>| {
            place.and_then(|it| fds.get(it)).is_some_and(|it| !it.revents().is_empty())
        };
        let [out_ready, err_ready, in_ready] = places.map(is_ready);
        let over = fds.first().is_some_and(|it| !it.revents().is_empty());
        let reader_gone =
            fds.get(2).is_some_and(|it| it.revents().intersects(PollFlags::ERR | PollFlags::HUP));
        while let Ok(Some(info)) = signals.read_signal() {
            match info.ssi_signo.cast_signed() {
                signal if signal == Signal::SIGWINCH as i32 => resize(),
                signal if proxies => drop(stop::hand_on(&found.container, signal)),
                _ => {}
            }
        }
        for (is_ready, is_open, from, to) in [
            (out_ready, &mut out_open, &attached.stdout, Ours::Output),
            (err_ready, &mut err_open, &attached.stderr, Ours::Errors),
        ] {
            match is_ready.then(|| copy(from.as_fd(), to)).transpose() {
                Ok(copied) => *is_open = copied.unwrap_or(*is_open),
                Err(err) if !err.is_reader_gone() => return Ok(Over::Unshown(err)),
                // Not to read on would be taken for being slow.
                Err(_) if !over => return Ok(Over::ReaderGone),
                Err(_) => *is_open = false,
            }
        }
        let typed = match (&mut typing, &input) {
            (Some(typing), Some(to)) if in_ready && typing.is_pending() => typing.hand_on(to.as_fd()),
            (Some(typing), Some(to)) if in_ready => typing.read(rustix::stdio::stdin(), to.as_fd()),
            _ => Typed::More,
        };
        match typed {
            Typed::More => {}
            Typed::End => {
                (typing, input) = (None, None);
                // A pipe has an end, which the payload is to see; a terminal goes on.
                if !is_terminal {
                    let _ = stop::end_input(&found.container);
                }
            }
            Typed::Detach => return Ok(Over::Detached),
        }
        if !out_open && !err_open {
            return Ok(Over::Ended);
        }
        if reader_gone && !over {
            return Ok(Over::ReaderGone);
        }
    }
}
