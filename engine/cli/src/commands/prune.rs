//! `container prune`, `image prune`, `volume prune`: what nothing uses is removed.

use std::io::{self, BufRead};
use std::time::SystemTime;

use pontoon_lifecycle::list;
use pontoon_lifecycle::record::VolumeRecord;
use pontoon_lifecycle::remove::{self, RemoveOptions};
use pontoon_lifecycle::volume;
use pontoon_monitor::event::{Deed, Kind};

use super::image::{self as images, Leftover};
use super::{Context, Failure, list as rows};
use pontoon_cli::args::{ImagePruneArgs, PruneArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::filter::{self, Filter};

/// `pontoon container prune`
pub fn containers(context: &Context, args: &PruneArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    filter::check_prune(&filters)?;
    if !is_meant(args.force, "This will remove all containers that do not run.")? {
        return Ok(ExitStatus::Success);
    }
    let store = context.store()?;
    let listing = list::list(&store)?;
    let mut facts = rows::ImageFacts::new(&store);
    for summary in listing.containers {
        let row = rows::row(&summary, &mut facts);
        if summary.status.is_alive()
            || !filter::may_be_pruned(&filters, &row.labels, row.created, SystemTime::now())?
        {
            continue;
        }
        let options =
            RemoveOptions { force: false, ignore: true, volumes: false, timeout: None, depend: false };
        match remove::remove(&context.host, &store, &summary.record.id, options) {
            Ok(Some(id)) => output::line(&id)?,
            Ok(None) => {}
            Err(err) => Failure::from(err).print(),
        }
    }
    Ok(ExitStatus::Success)
}

/// `pontoon image prune`
pub fn images(context: &Context, args: &ImagePruneArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    filter::check_prune(&filters)?;
    let what = match args.all {
        true => "This will remove all images that no container uses.",
        false => "This will remove all images that have no name and that no container uses.",
    };
    if !is_meant(args.force, what)? {
        return Ok(ExitStatus::Success);
    }
    let store = context.store()?;
    for leftover in images::leftovers(&store, args.all)? {
        let Leftover { image, labels, created } = leftover;
        let created = created.unwrap_or(SystemTime::UNIX_EPOCH);
        if !filter::may_be_pruned(&filters, &labels, created, SystemTime::now())? {
            continue;
        }
        match store.remove_image(&image.id, true) {
            Ok(_) => {
                context.host.tell_of_removed(&image);
                output::line(image.id.hex())?;
            }
            Err(err) => Failure::new(err, None).print(),
        }
    }
    remove::delete_files(&context.host, &store);
    Ok(ExitStatus::Success)
}

/// `pontoon volume prune`
pub fn volumes(context: &Context, args: &PruneArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    filter::check_prune(&filters)?;
    if !is_meant(args.force, "This will remove all volumes that no container uses, with what is in them.")? {
        return Ok(ExitStatus::Success);
    }
    let store = context.store()?;
    for entry in volume::list(&store)?.volumes {
        let labels = entry.record::<VolumeRecord>()?.labels.into_iter().collect();
        let created = from_nanos(entry.created);
        if !volume::users(&store, &entry.name)?.is_empty()
            || !filter::may_be_pruned(&filters, &labels, created, SystemTime::now())?
        {
            continue;
        }
        match volume::remove(&context.host, &store, &entry.name, false) {
            Ok(()) => {
                context.host.tell_of_other(Kind::Volume, Deed::Prune, "", &entry.name);
                output::line(&entry.name)?;
            }
            Err(err) => Failure::from(err).print(),
        }
    }
    Ok(ExitStatus::Success)
}

/// Asks, unless that was answered on the command line.
fn is_meant(force: bool, what: &str) -> Result<bool, Failure> {
    if force {
        return Ok(true);
    }
    output::out(&format!("WARNING! {what}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
