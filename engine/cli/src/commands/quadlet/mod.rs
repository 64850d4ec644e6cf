//! `quadlet …`: what concerns unit files, with the eyes of the generator.

mod adopt;
mod check;
mod convert;
mod explain;
mod given;
mod install;
mod list;
mod plan;
mod remove;
mod restart;
mod services;
mod wait_network;

use std::env;
use std::path::PathBuf;

use pontoon_cli::args::WhoseArgs;
use pontoon_cli::message;
use pontoon_generator::Listener;
use pontoon_rootless::dbus::{self, Bus, BusError};
use pontoon_units::search::{Manager, SearchDirectory};
use pontoon_units::{Settings, Source};

use super::Failure;

pub use adopt::{adopt, release};
pub use check::check;
pub use convert::convert;
pub use explain::explain;
pub use install::install;
pub use list::{list, made, print, unit_files};
pub use plan::{apply, plan};
pub use remove::remove;
pub use services::{Converted, converted};
pub use wait_network::wait_network;

/// Whose unit files a command is about.
#[derive(Debug, Clone, Copy)]
struct Ground {
    manager: Manager,
}

impl Ground {
    /// As the options say; root looks after the system, everybody else after themselves.
    fn of(whose: WhoseArgs) -> Self {
        let uid = rustix::process::getuid();
        let manager = match whose.user || (!whose.system && !uid.is_root()) {
            true => Manager::User { uid: uid.as_raw() },
            false => Manager::System,
        };
        Self { manager }
    }

    fn is_user(self) -> bool {
        self.manager != Manager::System
    }

    fn settings(self) -> Settings {
        Settings {
            user: self.is_user(),
            engine: pontoon_generator::program(),
            accounts: pontoon_generator::accounts(self.is_user()),
        }
    }

    fn directories(self) -> Vec<SearchDirectory> {
        pontoon_generator::directories(self.manager, &mut Warnings)
    }

    /// All unit files that the manager's generator reads.
    fn sources(self) -> Vec<Source> {
        pontoon_generator::sources(self.manager, &self.directories(), &mut Warnings)
    }

    /// The directories that belong to whoever asks, not to a distribution or an administrator.
    fn own_directories(self) -> Vec<PathBuf> {
        let whole = self.directories().into_iter().map(|directory| directory.path);
        let is_own = |path: &PathBuf| match self.manager {
            Manager::System => !path.starts_with("/usr"),
            Manager::User { .. } => !path.starts_with("/usr") && !path.starts_with("/etc"),
        };
        whole.filter(is_own).collect()
    }

    /// Where unit files are installed: what lasts, and where Podman's generator does not come first.
    fn install_directory(self) -> Result<PathBuf, Failure> {
        let lasting = self.own_directories().into_iter().filter(|path| !path.starts_with("/run"));
        let mut lasting: Vec<PathBuf> = lasting.collect();
        // The last of them is the one both generators know, where it is ours.
        lasting.pop().ok_or_else(|| {
            let hint = "set HOME or XDG_CONFIG_HOME";
            Failure::new("there is no directory for your unit files", Some(hint.to_owned()))
        })
    }

    /// Where the generator's services lie.
    fn generated(self) -> PathBuf {
        match self.manager {
            Manager::System => PathBuf::from("/run/systemd/generator"),
            Manager::User { .. } => runtime_directory().join("systemd/generator"),
        }
    }

    /// The way to the manager.
    fn bus(self) -> Result<Bus, BusError> {
        match self.manager {
            Manager::System => Bus::system(),
            Manager::User { .. } => Bus::user(&runtime_directory()),
        }
    }

    /// Has the manager read its unit files again.
    fn reload(self) -> Result<(), Failure> {
        Ok(dbus::daemon_reload(&self.bus()?)?)
    }
}

fn runtime_directory() -> PathBuf {
    let usual = || PathBuf::from(format!("/run/user/{}", rustix::process::getuid().as_raw()));
    env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()).map_or_else(usual, PathBuf::from)
}

/// What the search for unit files says is told as warnings.
struct Warnings;

impl Listener for Warnings {
    fn warning(&mut self, text: &str) {
        message::print_warning(text);
    }
}
