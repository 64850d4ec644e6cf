//! The network's helper, while the container runs: when somebody kills it, another one takes its place.

use std::time::{Duration, Instant};

use pontoon_monitor::restart::Backoff;
use pontoon_network::{NetworkError, NetworkSession, Starting};
use rustix::event::epoll::EventFlags;

use super::Supervisor;
use super::sources::Source;
use crate::finish;
use crate::timers::Alarm;

/// What is known of the helpers that there were.
#[derive(Debug)]
pub(super) struct Helpers {
    /// When the last one was started.
    since: Instant,
    backoff: Backoff,
    /// Why there is none, as it was last told.
    told: String,
}

impl Helpers {
    /// There is the first one.
    pub(super) fn begin() -> Self {
        Self { since: Instant::now(), backoff: Backoff::default(), told: String::new() }
    }

    /// Time until the next one, now that this one has ended.
    fn pause(&mut self) -> Duration {
        self.backoff.after(self.since.elapsed())
    }
}

impl Supervisor<'_> {
    /// It has ended, which it does not do as long as there is a container. Not replaced at once: it may have ended because the
    /// payload has, of which we may not have heard yet.
    pub(super) fn helper_ended(&mut self) {
        let Some(session) = self.launched.network.take() else { return };
        self.sources.forget(session.helper_fd());
        let _ = session.stop();
        let pause = self.helpers.pause();
        self.timers.set(Alarm::Helper, pause);
    }

    /// Starts another one, for the same addresses and ports. What was connected by the last one is lost.
    pub(super) fn replace_helper(&mut self) {
        let Some(plan) = &self.plan.network.helper else { return };
        self.helpers.since = Instant::now();
        let pid = self.state.pid.cast_unsigned();
        let connected = Starting::begin(plan, pid, &self.plan.run_directory).and_then(Starting::finish);
        // Of children that have ended meanwhile we have not been told.
        self.reap();
        if let Err(err) = connected.map(|it| self.watch_helper(it)) {
            self.helper_is_missing(&err);
        }
    }

    fn watch_helper(&mut self, session: NetworkSession) {
        self.helpers.told.clear();
        let _ = self.sources.watch(session.helper_fd(), Source::Helper, EventFlags::IN);
        self.launched.network = Some(session);
    }

    /// Tries again later. The same reason is told once.
    fn helper_is_missing(&mut self, err: &NetworkError) {
        let text = err.to_string();
        if text != self.helpers.told {
            finish::warn(err);
            self.helpers.told = text;
        }
        let pause = self.helpers.pause();
        self.timers.set(Alarm::Helper, pause);
    }
}
