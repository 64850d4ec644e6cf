//! Standing by while a container runs in the foreground: its end, our signals, our terminal.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::start::{self, Started};
use pontoon_lifecycle::stop;
use pontoon_rootless::ready::is_ready;
use pontoon_storage::{ContainerHandle, Store};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::shown::{self, Ours, Unshown, copy};
use super::{Failure, message};
use pontoon_cli::detach_keys::{DetachKeys, Typed, Typing};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::terminal::RawMode;
use pontoon_runtime::plan::Window;

/// Signals that are ours alone: faults and ends of our own, children, broken pipes, and what a shell does with its jobs.
/// Everything else is handed on to the container.
const OWN: [Signal; 13] = [
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGCHLD,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGPIPE,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGURG,
];

/// Waits for the end of a container that we have just started and gives its exit code as ours.
pub fn attend(
    store: &Store,
    id: &str,
    mut started: Started,
    interactive: bool,
    proxies: bool,
    keys: DetachKeys,
) -> Result<ExitStatus, Failure> {
    let container = store.find_container(id).ok();
    let resize = || {
        if let (Some(container), Some(Window { rows, columns })) =
            (&container, Window::of(rustix::stdio::stdin()))
        {
            let _ = stop::resize(container, rows, columns);
        }
    };
    let on_signal = |signal: i32| match &container {
        _ if signal == Signal::SIGWINCH as i32 => resize(),
        Some(container) if proxies => drop(stop::kill(container, signal)),
        _ => {}
    };
    let terminal = started.terminal.take();
    if terminal.is_some() {
        resize();
    }
    let signals = signals(proxies)?;
    let input = started.input.take();
    // What ends us for good would leave it so: only where it is handed on.
    let _plain = terminal
        .as_ref()
        .filter(|_| !interactive && proxies)
        .and_then(|_| RawMode::of_output(rustix::stdio::stdout()).ok());
    let ours = match &terminal {
        Some(terminal) => {
            OurSide::Terminal { terminal, keys: Some(keys), typed: interactive, shown: Ours::Output }
        }
        None => OurSide::Input(input),
    };
    // What was said with that it runs is not seen again by looking for more.
    let outcome = if terminal.is_none() && started.is_told() {
        Outcome::Ended
    } else {
        stand_by(started.told_fd().as_fd(), ours, signals, &on_signal)?
    };
    match outcome {
        // As a program that writes itself would end.
        Outcome::ReaderGone => {
            if let Some(container) = &container {
                end_unread(container);
            }
            return Ok(ExitStatus::from_signal(Signal::SIGPIPE as i32));
        }
        Outcome::Unshown(unshown) => return Err(not_shown(unshown, container.as_ref())),
        Outcome::Detached => return Ok(ExitStatus::Success),
        Outcome::Ended => {}
    }
    match started.wait() {
        start::Outcome::Exited(code) => Ok(ExitStatus::Payload(u8::try_from(code).unwrap_or(255))),
        start::Outcome::Unshown { errors, errno } => {
            let on = if errors { Ours::Errors } else { Ours::Output };
            let unshown = Unshown { on, cause: Errno::from_raw_os_error(errno) };
            Err(not_shown(unshown, container.as_ref()))
        }
        start::Outcome::Gone => Err(Failure::new("the container's supervisor was killed", None)),
    }
}

/// What a container writes cannot be written: that is told, whatever becomes of the container. It is let go as one that nobody
/// reads.
fn not_shown(unshown: Unshown, container: Option<&ContainerHandle>) -> Failure {
    let record = container.and_then(|it| Some((it, it.read_record::<ContainerRecord>().ok()?)));
    let hint = record.and_then(|(container, record)| {
        if record.request.rm {
            let _ = stop::stop(container, None);
        }
        shown::hint(container, &record)
    });
    Failure::new(unshown, hint)
}

/// Nobody reads what a container writes. One that is to vanish when it ends is ended, as with Podman (`run --rm IMAGE COMMAND |
/// head`): nobody would find it again. Another one goes on.
fn end_unread(container: &ContainerHandle) {
    let Ok(record) = container.read_record::<ContainerRecord>() else { return };
    if record.request.rm {
        let _ = stop::stop(container, None);
    } else {
        let name = record.name;
        message::print_warning(&format!(
            "nobody reads what container `{name}` writes; it goes on, and ends with `pontoon stop {name}`"
        ));
    }
}

/// How standing by came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What was waited for has ended.
    Ended,
    /// Nobody reads our output any more.
    ReaderGone,
    /// It cannot be written.
    Unshown(Unshown),
    /// The keys for it were typed.
    Detached,
}

/// Where the signals that are handed on (`proxies`), and changes of the window's size, are read.
pub fn signals(proxies: bool) -> Result<SignalFd, Failure> {
    let mut wanted = if proxies { SigSet::all() } else { SigSet::empty() };
    for signal in OWN {
        wanted.remove(signal);
    }
    wanted.add(Signal::SIGWINCH);
    wanted.thread_block().map_err(std::io::Error::from)?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok(SignalFd::with_flags(&wanted, flags).map_err(std::io::Error::from)?)
}

/// What goes between us and a container, or a process in one.
#[derive(Debug)]
pub enum OurSide<'a> {
    /// What its terminal shows, and what is typed.
    Terminal {
        /// A byte stream to it, or its master side.
        terminal: &'a OwnedFd,
        /// What is typed to leave it, if anything.
        keys: Option<DetachKeys>,
        /// Whether our input is typed there.
        typed: bool,
        /// Where we show it.
        shown: Ours,
    },
    /// Our input, if anything: its output comes to us without our doing.
    Input(Option<OwnedFd>),
}

/// Relays what goes between us and the container until `ended` is readable.
pub fn stand_by(
    ended: BorrowedFd<'_>,
    ours: OurSide<'_>,
    signals: SignalFd,
    on_signal: &dyn Fn(i32),
) -> Result<Outcome, Failure> {
    let (terminal, mut input, typing, shown) = match ours {
        OurSide::Terminal { terminal, keys, typed, shown } => {
            let to = terminal.as_fd();
            let typing =
                typed.then(|| keys.map_or_else(|| Typing::of_bytes(to), |keys| Typing::new(keys, to)));
            (Some(terminal), None, typing, shown)
        }
        OurSide::Input(input) => {
            let typing = input.as_ref().map(|to| Typing::of_bytes(to.as_fd()));
            (None, input, typing, Ours::Output)
        }
    };
    let mut typing = typing.transpose().map_err(std::io::Error::from)?;
    let typed_at = terminal.filter(|_| typing.is_some());
    let _raw = typed_at.and_then(|_| RawMode::enter(rustix::stdio::stdin()).ok());
    let mut output_open = terminal.is_some();
    loop {
        if typing.is_none() {
            // A pipe has an end, which the container is to see.
            input = None;
        }
        let nothing = PollFlags::empty();
        let is_pending = typing.as_ref().is_some_and(Typing::is_pending);
        let input_open = typing.is_some() && !is_pending;
        let from_input = if input_open { PollFlags::IN } else { nothing };
        let mut output = if output_open { PollFlags::IN } else { nothing };
        output.set(PollFlags::OUT, is_pending);
        let far = terminal.or(input.as_ref()).map_or(ended, AsFd::as_fd);
        // A hang-up is told whether asked for or not, so what is over may not be looked at again: a place in the list that
        // is not wanted is filled with what ends it all.
        let mut fds = [
            PollFd::from_borrowed_fd(ended, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(if output_open || is_pending { far } else { ended }, output),
            PollFd::from_borrowed_fd(if input_open { rustix::stdio::stdin() } else { ended }, from_input),
            // Asks for nothing, and is told when the reading end of a pipe is closed.
            PollFd::from_borrowed_fd(shown.fd(), nothing),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(err) => return Err(std::io::Error::from(err).into()),
        }
        let [over, signal, from_far, from_us, reader] = fds.map(|it| it.revents());
        while let Ok(Some(info)) = signals.read_signal() {
            on_signal(info.ssi_signo.cast_signed());
        }
        let _ = signal;
        if output_open && from_far.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            match copy(far, shown) {
                Ok(is_open) => output_open = is_open,
                // Seen below, unless all is over.
                Err(err) if err.is_reader_gone() => output_open = false,
                Err(err) => return Ok(Outcome::Unshown(err)),
            }
        }
        let typed = match &mut typing {
            Some(typing) if is_pending && !from_far.is_empty() => typing.hand_on(far),
            Some(typing) if input_open && !from_us.is_empty() => typing.read(rustix::stdio::stdin(), far),
            _ => Typed::More,
        };
        match typed {
            Typed::More => {}
            Typed::End => typing = None,
            Typed::Detach => return Ok(Outcome::Detached),
        }
        if !over.is_empty() {
            // What it wrote last is still in the socket.
            while output_open && is_ready(far, PollFlags::IN, Duration::ZERO) {
                match copy(far, shown) {
                    Ok(is_open) => output_open = is_open,
                    Err(err) if err.is_reader_gone() => output_open = false,
                    Err(err) => return Ok(Outcome::Unshown(err)),
                }
            }
            return Ok(Outcome::Ended);
        }
        if reader.intersects(PollFlags::ERR | PollFlags::HUP) {
            return Ok(Outcome::ReaderGone);
        }
    }
}
