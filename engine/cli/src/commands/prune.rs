//! `container prune`, `image prune`, `volume prune`: what nothing uses is removed.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::time::SystemTime;

use pontoon_lifecycle::disk::{self, ImageRoom};
use pontoon_lifecycle::list;
use pontoon_lifecycle::remove::{self, RemoveOptions};
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::volume::{self, VolumeDeedError};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{FindVolumeError, ImageRecord, Store, VolumeError};

use super::image::rows as image_rows;
use super::volume::rows as volume_rows;
use super::{Context, Failure, list as rows};
use pontoon_cli::args::{ImagePruneArgs, PruneArgs, VolumePruneArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::volume as view;

/// What was removed, by ids or names.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    pub(super) names: Vec<String>,
    /// Bytes that are free now.
    pub(super) freed: u64,
}

/// The filters of a command that prunes.
pub(super) fn filters(words: &[String]) -> Result<Vec<Filter>, Failure> {
    let filters = Filter::parse_all(words)?;
    filter::check_prune(&filters)?;
    Ok(filters)
}

fn tell(pruned: &Pruned) -> Result<ExitStatus, Failure> {
    for name in &pruned.names {
        output::line(name)?;
    }
    Ok(ExitStatus::Success)
}

/// `pontoon container prune`
pub fn containers(context: &Context, args: &PruneArgs) -> Result<ExitStatus, Failure> {
    let filters = filters(&args.filter)?;
    if !is_meant(args.force, "This will remove all containers that do not run.")? {
        return Ok(ExitStatus::Success);
    }
    tell(&idle_containers(context, &context.store()?, &filters)?)
}

/// Removes the containers that do not run and pass.
pub(super) fn idle_containers(
    context: &Context,
    store: &Store,
    filters: &[Filter],
) -> Result<Pruned, Failure> {
    let mut facts = rows::ImageFacts::new(store);
    let (mut ids, mut directories) = (Vec::new(), Vec::new());
    for summary in list::list(store)?.containers {
        let row = rows::row(&summary, &mut facts);
        // One that is only set up has nothing to lose, as in Podman.
        let is_idle = !summary.status.is_alive() || matches!(summary.status, Status::Initialized(_));
        // An infra container goes with its pod.
        let is_idle = is_idle && !row.is_infra;
        if is_idle && filter::may_be_pruned(filters, &row.labels, row.created, SystemTime::now())? {
            directories
                .push(store.find_container(&row.id).map_or_else(|_| PathBuf::new(), |it| it.upper_path()));
            ids.push(row.id);
        }
    }
    let sizes = disk::sizes(&context.host, &directories);
    let mut pruned = Pruned::default();
    for (id, size) in ids.iter().zip(sizes) {
        let options = RemoveOptions { ignore: true, ..RemoveOptions::default() };
        match remove::remove(&context.host, store, id, options) {
            Ok(Some(id)) => {
                pruned.names.push(id);
                pruned.freed += size;
            }
            Ok(None) => {}
            Err(err) => Failure::from(err).print(),
        }
    }
    Ok(pruned)
}

/// `pontoon image prune`
pub fn images(context: &Context, args: &ImagePruneArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    let store = context.store()?;
    // Wrong ones are told before anybody is asked.
    unused_images(&store, args.all, &filters)?;
    let what = match args.all {
        true => "This will remove all images that no container uses.",
        false => "This will remove all images that have no name and that no container uses.",
    };
    if !is_meant(args.force, what)? {
        return Ok(ExitStatus::Success);
    }
    tell(&idle_images(context, &store, args.all, &filters)?)
}

/// The images that no container uses and that pass: those without a name, or all of them, or what the filter `dangling` says. Those
/// of other stores stay.
fn unused_images(store: &Store, all: bool, filters: &[Filter]) -> Result<BTreeSet<String>, Failure> {
    let mut rows = filter::images(image_rows(store)?, filters)?;
    let any_name = all || filters.iter().any(Filter::asks_for_names);
    rows.retain(|it| it.containers == 0 && !it.read_only && (any_name || it.names.is_empty()));
    Ok(rows.into_iter().map(|it| it.id).collect())
}

/// Removes the images that no container uses and that pass: those without a name, or all of them.
pub(super) fn idle_images(
    context: &Context,
    store: &Store,
    all: bool,
    filters: &[Filter],
) -> Result<Pruned, Failure> {
    // What cannot be measured can be removed all the same.
    let images = store.list_images()?;
    let room = ImageRoom::of(store, &images).unwrap_or_default();
    let unused = unused_images(store, all, filters)?;
    let mut removed = BTreeSet::new();
    for image in images.into_iter().filter(|it| unused.contains(&it.id.to_string())) {
        if remove_image(context, store, &image) {
            removed.insert(image.id);
        }
    }
    // Those of commits and pulls that failed belong to no image. A disk that they have filled is freed by this command.
    store.delete_idle_layers()?;
    remove::delete_files(&context.host, store);
    let freed = room.given_back_by(&removed);
    Ok(Pruned { names: removed.iter().map(|it| it.hex().to_owned()).collect(), freed })
}

fn remove_image(context: &Context, store: &Store, image: &ImageRecord) -> bool {
    match store.remove_image(&image.id, true) {
        Ok(_) => {
            context.host.tell_of_removed(image);
            true
        }
        Err(err) => {
            Failure::new(err, None).print();
            false
        }
    }
}

/// `pontoon volume prune`
pub fn volumes(context: &Context, args: &VolumePruneArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    let store = context.store()?;
    if !args.force {
        let text = "This will remove all volumes not used by at least one container. \
                    The following volumes will be removed:";
        let idle = unused_volumes(&store, &filters)?;
        if idle.is_empty() {
            output::line(&format!("WARNING! {text}\nNo dangling volumes found"))?;
            return Ok(ExitStatus::Success);
        }
        let names: String = idle.iter().map(|it| format!("\n{}", it.name)).collect();
        if !is_meant(false, &format!("{text}{names}"))? {
            return Ok(ExitStatus::Success);
        }
    }
    tell(&idle_volumes(context, &store, &filters)?)
}

/// The volumes that no container uses and that pass.
fn unused_volumes(store: &Store, filters: &[Filter]) -> Result<Vec<view::Row>, Failure> {
    let mut rows = filter::volumes(volume_rows(store)?, filters)?;
    rows.retain(|it| it.containers == 0);
    Ok(rows)
}

/// Removes the volumes that no container uses and that pass.
pub(super) fn idle_volumes(context: &Context, store: &Store, filters: &[Filter]) -> Result<Pruned, Failure> {
    let unused = unused_volumes(store, filters)?;
    let directories: Vec<PathBuf> = unused.iter().map(|it| PathBuf::from(&it.mountpoint)).collect();
    let names = unused.into_iter().map(|it| it.name);
    let sizes = disk::sizes(&context.host, &directories);
    let mut pruned = Pruned::default();
    for (name, size) in names.zip(sizes) {
        match volume::remove(&context.host, store, &name, None) {
            Ok(()) => {
                context.host.tell_of_other(Kind::Volume, Deed::Prune, "", &name);
                pruned.names.push(name);
                pruned.freed += size;
            }
            // Somebody has come to use it, or was first to remove it.
            Err(
                VolumeDeedError::Volume(VolumeError::InUse { .. })
                | VolumeDeedError::Find(FindVolumeError::NotFound { .. }),
            ) => {}
            Err(err) => Failure::from(err).print(),
        }
    }
    Ok(pruned)
}

/// Asks, unless that was answered on the command line.
fn is_meant(force: bool, what: &str) -> Result<bool, Failure> {
    confirm(force, &format!("WARNING! {what}\n"))
}

/// Shows a warning and asks, unless that was answered on the command line.
pub(super) fn confirm(force: bool, warning: &str) -> Result<bool, Failure> {
    if force {
        return Ok(true);
    }
    output::out(&format!("{warning}Are you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        let hint = Some("--force does it without asking".to_owned());
        return Err(Failure::new("nobody answered, so nothing was removed", hint));
    }
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
