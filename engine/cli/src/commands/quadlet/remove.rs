//! `quadlet rm`: unit files taken away, with all that was installed with them.

use std::path::PathBuf;

use pontoon_cli::args::QuadletRmArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_generator::install::{self, Removal};
use pontoon_rootless::dbus::{self, UnitDeed};
use pontoon_units::{Service, Source, convert};

use super::Ground;
use crate::commands::Failure;

/// `pontoon quadlet rm`
pub fn remove(args: &QuadletRmArgs) -> Result<ExitStatus, Failure> {
    let ground = Ground::of(args.whose);
    let sources = ground.sources();
    let names = if args.all { all(ground, &sources) } else { args.names.clone() };
    if names.is_empty() && !args.all {
        return Err(Failure::new("`quadlet rm` needs the name of a unit file, or --all", None));
    }
    let services = convert(&sources, &ground.settings()).services;
    let everywhere = directories(ground, &sources);
    let mut gone: Vec<PathBuf> = Vec::new();
    let mut last: Option<Failure> = None;
    for name in &names {
        let failed = match install::removal(&places(&sources, &everywhere, name), name) {
            // A name that went with an application named before is done.
            None if gone.iter().any(|path| path.ends_with(name)) => None,
            None if args.ignore => {
                output::line(name)?;
                None
            }
            None => Some(missing(name)),
            Some(removal) => match take_away(ground, &services, &removal, args.force) {
                Ok(()) => {
                    for unit in removal.units() {
                        output::line(unit)?;
                    }
                    gone.extend(removal.files);
                    None
                }
                Err(failure) => Some(failure),
            },
        };
        if let Some(earlier) = failed.and_then(|failure| last.replace(failure)) {
            earlier.print();
        }
    }
    if args.reload_systemd && !gone.is_empty() {
        ground.reload()?;
    }
    last.map_or(Ok(ExitStatus::Success), Err)
}

/// The names of all files that belong to whoever asks.
fn all(ground: Ground, sources: &[Source]) -> Vec<String> {
    let own: Vec<PathBuf> =
        ground.own_directories().into_iter().map(|path| path.canonicalize().unwrap_or(path)).collect();
    let is_own =
        |source: &&Source| own.iter().any(|directory| PathBuf::from(&*source.path).starts_with(directory));
    sources.iter().filter(is_own).map(|source| source.name.clone()).collect()
}

/// Where to look for a name: a unit file where the manager finds it, anything else wherever unit files lie.
fn places(sources: &[Source], everywhere: &[PathBuf], name: &str) -> Vec<PathBuf> {
    let found = sources.iter().find(|source| source.name == name);
    let place = found.and_then(|source| PathBuf::from(&*source.path).parent().map(PathBuf::from));
    place.map_or_else(|| everywhere.to_vec(), |place| vec![place])
}

/// The directories that unit files lie in, links resolved, as the paths of unit files are.
fn directories(ground: Ground, sources: &[Source]) -> Vec<PathBuf> {
    let searched = ground.directories().into_iter().map(|directory| directory.path);
    let searched = searched.map(|path| path.canonicalize().unwrap_or(path));
    let below = sources.iter().filter_map(|source| PathBuf::from(&*source.path).parent().map(PathBuf::from));
    let mut all: Vec<PathBuf> = Vec::new();
    for path in searched.chain(below) {
        if !all.contains(&path) {
            all.push(path);
        }
    }
    all
}

fn missing(name: &str) -> Failure {
    let hint = "`pontoon quadlet list` shows those there are; -i passes over what is not there";
    Failure::new(format!("there is no unit file or application `{name}`"), Some(hint.to_owned()))
}

/// Removes files, once no service of theirs runs.
fn take_away(ground: Ground, services: &[Service], removal: &Removal, force: bool) -> Result<(), Failure> {
    let mine: Vec<&str> = services
        .iter()
        .filter(|service| removal.files.iter().any(|path| path.as_os_str() == &*service.source))
        .map(|service| service.name.as_str())
        .filter(|name| !name.contains("@."))
        .collect();
    // Without a manager nothing runs.
    if let Ok(bus) = ground.bus() {
        let states = dbus::units_named(&bus, &mine)?;
        let running: Vec<&str> =
            states.iter().filter(|unit| unit.active == "active").map(|unit| unit.name.as_str()).collect();
        match running.first() {
            Some(unit) if !force => {
                let hint = "stop it first, or have it stopped with -f";
                return Err(Failure::new(format!("`{unit}` is running"), Some(hint.to_owned())));
            }
            Some(_) => {
                if let Some(error) = dbus::change_units(&bus, &running, UnitDeed::Stop)?.into_iter().next() {
                    return Err(error.into());
                }
            }
            None => {}
        }
    }
    Ok(removal.carry_out()?)
}
