//! `quadlet wait-network`: until the system's network is there, on events alone and never for ever.

use std::error::Error;
use std::process;
use std::thread;

use pontoon_cli::args::QuadletWaitNetworkArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_rootless::dbus::{self, Bus, ManagerError, Target};
use pontoon_rootless::route;
use rustix::event::{Timespec, poll};

use crate::commands::Failure;

/// What the system's manager calls a network that is there, man systemd.special.
const ONLINE: &str = "network-online.target";

/// `pontoon quadlet wait-network`
pub fn wait_network(args: &QuadletWaitNetworkArgs) -> Result<ExitStatus, Failure> {
    if args.timeout == 0 {
        return Ok(ExitStatus::Success);
    }
    give_up_after(args.timeout);
    match manager_says_online() {
        Ok(true) => return Ok(ExitStatus::Success),
        Ok(false) => {}
        // Without a manager to ask, the routes tell.
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            pontoon_cli::message::print_warning(&format!("{error}{cause}"));
        }
    }
    route::wait_for_default(|| output::err("waiting for a default route\n"))?;
    Ok(ExitStatus::Success)
}

/// Whether the system's manager reached the target, now or by the boot that goes on.
fn manager_says_online() -> Result<bool, ManagerError> {
    let deed = format!("wait for `{ONLINE}`");
    let bus = Bus::system().map_err(|source| ManagerError::Bus { deed, source })?;
    let begin = || output::err(&format!("waiting for {ONLINE} of the system\n"));
    Ok(dbus::settled(&bus, ONLINE, begin)? == Target::Active)
}

/// Ends the program after some seconds, as if the network were there: who waits for it is to start in any case.
fn give_up_after(seconds: u32) {
    thread::spawn(move || {
        let span = Timespec { tv_sec: seconds.into(), tv_nsec: 0 };
        // No descriptor, so only the time ends it.
        let _ = rustix::io::retry_on_intr(|| poll(&mut [], Some(&span)));
        output::err(&format!(
            "the network is not online after {seconds} seconds; services start without it\n\
             hint: set PONTOON_NETWORK_WAIT in pontoon-user-wait-network-online.service to wait longer, or 0 not to wait\n"
        ));
        process::exit(ExitStatus::Success.code().into());
    });
}
