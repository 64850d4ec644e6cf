//! Networks with names, while the container runs.

use std::os::fd::AsFd;

use pontoon_monitor::control::Reply;
use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::state::{self, FailureReport};
use pontoon_network::lease::LeaseError;
use rustix::event::epoll::EventFlags;

use super::Supervisor;
use super::sources::Source;
use crate::connect::Connected;
use crate::finish;
use crate::launch::LaunchError;

impl Supervisor<'_> {
    /// The network unit speaks, or has ended; the connection may be another one afterwards.
    pub(super) fn attend_networks(&mut self) {
        let Some(networks) = &mut self.launched.networks else { return };
        self.sources.forget(networks.as_fd());
        if networks.attend() {
            let _ = self.sources.watch(networks.as_fd(), Source::Networks, EventFlags::IN);
        }
    }

    /// Somebody wants other networks for the container: notes what it has then, for this run and for the ones that follow.
    pub(super) fn change_networks(
        &mut self,
        change: impl FnOnce(&mut Connected, &MonitorPlan) -> Result<(), LeaseError>,
    ) -> Reply {
        let Some(networks) = &mut self.launched.networks else {
            let chain = vec!["the container is not on networks with names".to_owned()];
            return Reply::Failed(FailureReport { chain, hint: None, code: 125 });
        };
        if let Err(err) = change(networks, self.plan) {
            return Reply::Failed(FailureReport::new(&err, err.hint(), 125));
        }
        if let Some(resolvers) = &mut self.resolvers {
            if let Some(fd) = resolvers.fd() {
                self.sources.forget(fd);
            }
            if let Err(source) = resolvers.networks_are(&networks.join().attachments) {
                finish::warn(&LaunchError::Io {
                    deed: "write the container's resolv.conf".to_owned(),
                    source,
                });
            }
            if let Some(fd) = resolvers.fd() {
                let _ = self.sources.watch(fd, Source::Resolvers, EventFlags::IN);
            }
        }
        self.course.join = Some(networks.join().clone());
        self.state.networks = Some(networks.joined().clone());
        let _ = finish::note(self.plan, state::STATE_FILE, &self.state);
        Reply::Done
    }
}
