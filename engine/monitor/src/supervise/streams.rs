//! What the payload writes, and what is typed for it.

use std::os::fd::{AsFd, BorrowedFd};

use pontoon_monitor::control::Reply;
use pontoon_monitor::state::{FailureReport, Report};
use rustix::event::epoll::EventFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Supervisor;
use super::sources::Source;
use crate::output::Stream;
use crate::relay::{OutputPipe, Relayed};

/// Whoever waits for us is told if what is read there can no longer be shown: the disk is full, say. Without anybody who
/// waits the log has to do.
pub(super) fn tell_unshown(waiting: Option<BorrowedFd<'_>>, output: &mut OutputPipe) {
    if let Some(err) = output.take_failure()
        && let Some(waiting) = waiting
    {
        let errors = output.stream == Stream::Error;
        Report::Unshown { errors, errno: err.raw_os_error() }.send(waiting);
    }
}

impl Supervisor<'_> {
    pub(super) fn output(&mut self, index: usize) {
        let Some(slot) = self.outputs.get_mut(index) else { return };
        let Some(output) = slot else { return };
        let relayed = output.relay(&mut self.launched.log, &mut self.taps);
        tell_unshown(self.report, output);
        match relayed {
            Relayed::Some => {}
            Relayed::End => {
                if let Some(output) = slot.take() {
                    self.sources.forget(output.pipe.as_fd());
                }
            }
            Relayed::Blocked => {
                self.sources.forget(output.pipe.as_fd());
                let flags = EventFlags::OUT | EventFlags::ONESHOT;
                if let Some(target) = output.copy_target() {
                    let _ = self.sources.watch(target, Source::Copy(index), flags);
                }
            }
            Relayed::Behind => self.sources.forget(output.pipe.as_fd()),
        }
        self.tell_let_go();
        self.await_log();
    }

    /// Has us told when a log that is behind takes something again.
    fn await_log(&self) {
        let Some(socket) = self.launched.log.socket().filter(|_| self.launched.log.is_behind()) else {
            return;
        };
        // It may be another socket than the last time, or one that is waited for already.
        let flags = EventFlags::OUT | EventFlags::ONESHOT;
        if self.sources.watch(socket, Source::Log, flags) == Err(Errno::EXIST) {
            let _ = self.sources.change(socket, Source::Log, flags);
        }
    }

    /// The log takes something again: when it has all, the payload is read again.
    pub(super) fn log_is_ready(&mut self) {
        self.launched.log.catch_up();
        if self.launched.log.is_behind() {
            self.await_log();
            return;
        }
        for (index, output) in self.outputs.iter().enumerate() {
            // Where its copy's reader is not ready either, it will say so again.
            if let Some(output) = output {
                let _ = self.sources.watch(output.pipe.as_fd(), Source::Output(index), EventFlags::IN);
            }
        }
        self.watch_terminal();
    }

    /// Whoever read too slowly is told so: it has not seen all, even if the payload ends meanwhile.
    pub(super) fn tell_let_go(&mut self) {
        for token in self.taps.take_let_go() {
            if let Some(client) = self.clients.get_mut(&token) {
                client.waits = false;
            }
            let chain = vec!["the container writes faster than it is read here".to_owned()];
            let hint = Some(format!("see all of it with `pontoon logs -f {}`", self.plan.name));
            self.reply(token, &Reply::Failed(FailureReport { chain, hint, code: 125 }), &[]);
        }
    }

    pub(super) fn copy_is_ready(&mut self, index: usize) {
        if let Some(Some(output)) = self.outputs.get(index) {
            if let Some(target) = output.copy_target() {
                self.sources.forget(target);
            }
            let _ = self.sources.watch(output.pipe.as_fd(), Source::Output(index), EventFlags::IN);
        }
        // It gets what it has not taken yet, whether or not the payload ever writes more.
        self.output(index);
    }

    /// Nobody looks on any more: what was open for them must not be held, or whoever reads it waits for us.
    pub(super) fn let_go(&mut self) {
        for index in 0..self.outputs.len() {
            let Some(Some(output)) = self.outputs.get_mut(index) else { continue };
            if let Some(target) = output.copy_target() {
                self.sources.forget(target);
            }
            if output.end_copy() {
                // It is watched already unless the copy was blocked.
                let _ = self.sources.watch(output.pipe.as_fd(), Source::Output(index), EventFlags::IN);
            }
        }
        if let Some(report) = self.report {
            self.sources.forget(report);
        }
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        if let Ok(null) = null {
            let _ = rustix::stdio::dup2_stdin(&null);
            let _ = rustix::stdio::dup2_stdout(&null);
            let _ = rustix::stdio::dup2_stderr(&null);
        }
    }

    pub(super) fn terminal_is_ready(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.relay(&mut self.launched.log, &mut self.taps);
        }
        self.tell_let_go();
        self.await_log();
        self.watch_terminal();
    }

    pub(super) fn terminal_client_is_ready(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.attend_client();
        }
        self.watch_terminal();
    }

    /// Watches both sides of the terminal for what is wanted of them now.
    pub(super) fn watch_terminal(&mut self) {
        let Some(terminal) = &self.terminal else { return };
        let master = (terminal.master.as_fd(), Source::Terminal, terminal.master_events(&self.launched.log));
        let client =
            terminal.client.as_ref().map(|it| (it.as_fd(), Source::TerminalClient, terminal.client_events()));
        for (known, (fd, source, wanted)) in
            self.terminal_watch.iter_mut().zip([Some(master), client].into_iter().flatten())
        {
            // A hang-up is told whether asked for or not, so a side of which nothing is wanted is not watched at all.
            let _ = match (known.is_empty(), wanted.is_empty()) {
                (true, true) => Ok(()),
                (true, false) => self.sources.watch(fd, source, wanted),
                (false, true) => {
                    self.sources.forget(fd);
                    Ok(())
                }
                (false, false) if *known == wanted => Ok(()),
                (false, false) => self.sources.change(fd, source, wanted),
            };
            *known = wanted;
        }
    }
}
