//! `quadlet check`: all that is wrong with unit files, at once.

use std::fs;

use pontoon_cli::args::{FaultFormat, QuadletCheckArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::faults::{self, Texts};
use pontoon_units::{Diagnostic, Severity, World, convert, lint};

use super::Ground;
use super::given::{self, Group};
use crate::commands::Failure;

/// `pontoon quadlet check`
pub fn check(args: &QuadletCheckArgs) -> Result<ExitStatus, Failure> {
    let ground = Ground::of(args.whose);
    let groups = match args.paths.is_empty() {
        true => vec![Group::of_manager(ground)],
        false => given::read(ground, &args.paths)?,
    };
    let settings = ground.settings();
    let machine = Machine::of(ground);
    let mut found: Vec<Diagnostic> = Vec::new();
    for group in &groups {
        let conversion = convert(&group.sources, &settings);
        let lints = lint(&group.sources, &settings, &machine);
        let faults = conversion.faults().chain(&lints).chain(&group.shadowed);
        let asked = |fault: &&Diagnostic| group.is_asked(&fault.place.file) || group.shadowed.contains(fault);
        found.extend(faults.filter(asked).cloned());
    }
    found.sort_by(|one, other| (&one.place, &one.text).cmp(&(&other.place, &other.text)));
    found.dedup();
    match args.format {
        FaultFormat::Json => output::out(&faults::json(&found))?,
        FaultFormat::Text => {
            output::out(&faults::text(&found, &Texts::of(groups.iter().flat_map(|group| &group.sources))))?;
            output::err(&faults::summary(&found, groups.iter().map(Group::count).sum()));
        }
    }
    let is_bad = |fault: &Diagnostic| args.strict || fault.severity == Severity::Error;
    Ok(if found.iter().any(is_bad) { ExitStatus::No } else { ExitStatus::Success })
}

/// This machine, as far as unit files depend on it.
struct Machine {
    lowest_port: u16,
}

impl Machine {
    fn of(ground: Ground) -> Self {
        let setting = || fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").ok();
        // Where the kernel does not say, it is its default.
        let lowest = || setting().and_then(|text| text.trim().parse().ok()).unwrap_or(1024);
        Self { lowest_port: if ground.is_user() { lowest() } else { 0 } }
    }
}

impl World for Machine {
    fn exists(&self, path: &str) -> bool {
        match fs::symlink_metadata(path) {
            Ok(_) => true,
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }

    fn lowest_port(&self) -> u16 {
        self.lowest_port
    }
}
