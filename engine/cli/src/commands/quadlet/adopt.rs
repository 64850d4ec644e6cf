//! `quadlet adopt`, `quadlet release`: who makes the services of the directories that Podman's generator knows as
//! well.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use pontoon_cli::args::QuadletAdoptArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_rootless::dbus::{self, Bus};
use pontoon_units::search::Manager;

use crate::commands::Failure;

/// Where a mask takes precedence over what a distribution installs, man systemd.generator.
const MASKS: [(&str, Manager); 2] = [
    ("/etc/systemd/system-generators/podman-system-generator", Manager::System),
    ("/etc/systemd/user-generators/podman-user-generator", Manager::User { uid: 0 }),
];

const NOTHING: &str = "/dev/null";

/// `pontoon quadlet adopt`
pub fn adopt(args: &QuadletAdoptArgs) -> Result<ExitStatus, Failure> {
    let mut changed = false;
    for (mask, manager) in MASKS {
        let mask = Path::new(mask);
        let Some(original) = pontoon_generator::find_original(manager) else { continue };
        if !original.at_work {
            output::line(&format!("{} is off already", original.path.display()))?;
            continue;
        }
        if original.path == mask {
            let text = format!("`{}` is a file of its own", mask.display());
            let hint = "somebody put it there instead of the distribution's; move it away first";
            return Err(Failure::new(text, Some(hint.to_owned())));
        }
        make_mask(mask).map_err(|error| cannot("mask", &original.path, error))?;
        output::line(&format!("{} is masked by {}", original.path.display(), mask.display()))?;
        changed = true;
    }
    if !changed {
        output::line("containers/systemd is ours already")?;
    }
    reload(args, changed)
}

/// `pontoon quadlet release`
pub fn release(args: &QuadletAdoptArgs) -> Result<ExitStatus, Failure> {
    let mut changed = false;
    for (mask, _) in MASKS {
        let mask = PathBuf::from(mask);
        if fs::read_link(&mask).is_ok_and(|target| target == Path::new(NOTHING)) {
            fs::remove_file(&mask).map_err(|error| cannot("unmask", &mask, error))?;
            output::line(&format!("{} is removed", mask.display()))?;
            changed = true;
        }
    }
    if !changed {
        output::line("nothing was masked")?;
    }
    reload(args, changed)
}

fn make_mask(mask: &Path) -> io::Result<()> {
    if let Some(directory) = mask.parent() {
        fs::create_dir_all(directory)?;
    }
    symlink(NOTHING, mask)
}

fn cannot(deed: &str, path: &Path, error: io::Error) -> Failure {
    let hint = "the generators of all users lie in the system's directories: run it as root";
    let hint = (error.kind() == io::ErrorKind::PermissionDenied).then(|| hint.to_owned());
    Failure::new(error, hint).while_doing(format!("cannot {deed} `{}`", path.display()))
}

/// Has the system's manager run its generators; users' managers do when they reload or start.
fn reload(args: &QuadletAdoptArgs, changed: bool) -> Result<ExitStatus, Failure> {
    if changed && !args.no_reload {
        dbus::daemon_reload(&Bus::system()?)?;
        output::line("each user's manager follows at its next `systemctl --user daemon-reload`")?;
    }
    Ok(ExitStatus::Success)
}
