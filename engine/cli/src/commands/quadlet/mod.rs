//! `quadlet …`: what concerns unit files, with the eyes of the generator.

mod adopt;
mod check;
mod convert;
mod explain;
mod install;
mod list;
mod plan;
mod remove;
mod restart;
mod wait_network;

use std::env;
use std::path::{Path, PathBuf};

use pontoon_cli::args::WhoseArgs;
use pontoon_cli::message;
use pontoon_generator::Listener;
use pontoon_rootless::dbus::{self, Bus, BusError};
use pontoon_units::search::{Leave, Manager, SearchDirectory};
use pontoon_units::{Settings, Source, UnitKind};

use super::Failure;

pub use adopt::{adopt, release};
pub use check::check;
pub use convert::convert;
pub use explain::explain;
pub use install::install;
pub use list::{list, print, unit_files};
pub use plan::{apply, plan};
pub use remove::remove;
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
        Settings { user: self.is_user(), engine: pontoon_generator::program() }
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

/// Unit files given as paths: those asked for, and their neighbours, to which they may refer.
struct GivenUnits {
    sources: Vec<Source>,
    /// The paths asked for; nothing if all are.
    asked: Option<Vec<PathBuf>>,
}

impl GivenUnits {
    /// Reads what paths lead to; a file's neighbours are those beside it.
    fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut given = Self { sources: Vec::new(), asked: Some(Vec::new()) };
        for path in paths {
            let whole = path.canonicalize().map_err(|source| {
                Failure::new(source, None).while_doing(format!("cannot read `{}`", path.display()))
            })?;
            if whole.is_dir() {
                given.add(pontoon_generator::sources_of(&whole, Leave::Nothing, &mut Warnings), |_| true);
                continue;
            }
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if UnitKind::of_file_name(name).is_none() {
                let known = UnitKind::ALL.map(|kind| format!(".{}", kind.extension())).join(", ");
                let text = format!("`{}` is no unit file", path.display());
                return Err(Failure::new(text, Some(format!("unit files end in {known}"))));
            }
            let directory = std::path::absolute(path)?.parent().unwrap_or(Path::new("/")).to_owned();
            let beside = pontoon_generator::sources_of(&directory, Leave::Below, &mut Warnings);
            given.add(beside, |source| source.name == name);
        }
        Ok(given)
    }

    fn add(&mut self, sources: Vec<Source>, is_asked: impl Fn(&Source) -> bool) {
        for source in sources {
            if let Some(asked) = self.asked.as_mut().filter(|_| is_asked(&source)) {
                asked.push(PathBuf::from(&*source.path));
                asked.extend(source.drop_ins.iter().map(|drop_in| PathBuf::from(&*drop_in.path)));
            }
            if !self.sources.iter().any(|known| known.path == source.path) {
                self.sources.push(source);
            }
        }
    }

    /// Whether a file was asked for.
    fn is_asked(&self, path: &str) -> bool {
        self.asked.as_ref().is_none_or(|asked| asked.iter().any(|known| known == Path::new(path)))
    }
}
