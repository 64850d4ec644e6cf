//! `volume create`, `ls`, `inspect`, `rm`, `exists`.

use pontoon_lifecycle::record::{ContainerRecord, VolumeRecord};
use pontoon_lifecycle::remove::RemoveOptions;
use pontoon_lifecycle::volume::{self, VolumeDeedError};
use pontoon_lifecycle::{mounted, status, volume_options};
use pontoon_storage::{FindVolumeError, Store, VolumeEntry, VolumeError};

use super::control::seconds;
use super::{Context, Failure, found};
use pontoon_cli::args::refused::{VOLUME_DRIVER, VOLUME_PATH, instead_of};
use pontoon_cli::args::{LsArgs, VolumeCreateArgs, VolumeInspectArgs, VolumeRmArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::run_options::parse_label;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::{ListOptions, volume as view};
use pontoon_cli::{message, output};

/// `pontoon volume create`
pub fn create(context: &Context, args: &VolumeCreateArgs) -> Result<ExitStatus, Failure> {
    if let Some(driver) = args.driver.as_ref().filter(|it| *it != "local") {
        let text = format!("`--driver {driver}` is not supported");
        return Err(Failure::new(text, Some(instead_of(VOLUME_DRIVER))));
    }
    let mut record = volume_options::read(&args.opt, context.host.is_rootless())?;
    (record.uid, record.gid) = (args.uid, args.gid);
    for label in &args.label {
        record.labels.push(parse_label(label)?);
    }
    // Data would come to lie where it is not wanted.
    if record.is_plain()
        && let Some(it) = context.containers_conf()?.volume_path()
    {
        let text = format!("{}:{}: `{}` is not supported", it.path.display(), it.line, it.key);
        return Err(Failure::new(text, Some(instead_of(VOLUME_PATH))));
    }
    let store = context.store()?;
    // An empty name is as good as none.
    let name = args.name.as_deref().filter(|it| !it.is_empty());
    let name = volume::create(&context.host, &store, name, &record, args.ignore)?;
    output::line(&name)?;
    Ok(ExitStatus::Success)
}

/// All volumes, as they are shown.
pub(super) fn rows(store: &Store) -> Result<Vec<view::Row>, Failure> {
    let records: Vec<ContainerRecord> =
        store.list_containers()?.containers.into_iter().filter_map(|it| it.record().ok()).collect();
    let listing = volume::list(store)?;
    for (name, err) in &listing.broken {
        message::print_warning(&format!("volume {name} cannot be shown: {err}"));
    }
    listing.volumes.iter().map(|entry| row(store, entry, &records)).collect()
}

fn row(store: &Store, entry: &VolumeEntry, containers: &[ContainerRecord]) -> Result<view::Row, Failure> {
    let record: VolumeRecord = entry.record()?;
    let needs_copy_up = store.find_volume(&entry.name).is_ok_and(|it| it.needs_copy_up().unwrap_or(false));
    let (uid, gid) = record.owner().unwrap_or_default();
    let options = volume_options::told(&record).into_iter().collect();
    let (is_own, has_owner) = (record.is_plain(), record.owner().is_some());
    let mounted = if is_own { 0 } else { mount_count(store, entry, containers) };
    Ok(view::Row {
        name: entry.name.clone(),
        mountpoint: entry.data.display().to_string(),
        created: from_nanos(entry.created),
        labels: record.labels.into_iter().collect(),
        options,
        uid: uid.unwrap_or(0),
        gid: gid.unwrap_or(0),
        anonymous: entry.anonymous,
        containers: containers
            .iter()
            .filter(|it| it.volumes.iter().any(|used| used.name == entry.name))
            .count(),
        mounted,
        needs_copy_up,
        needs_chown: needs_copy_up && is_own && !has_owner,
    })
}

/// How often a volume is mounted that is more than a directory: by containers that run, and by `volume mount`.
fn mount_count(store: &Store, entry: &VolumeEntry, containers: &[ContainerRecord]) -> usize {
    let users = containers.iter().filter(|it| it.volumes.iter().any(|used| used.name == entry.name));
    let running = users.filter(|it| {
        store.find_container(&it.id).is_ok_and(|container| status::of(&container).run().is_some())
    });
    running.count() + mounted::count(&entry.data)
}

/// `pontoon volume reload`
pub fn reload(context: &Context) -> Result<ExitStatus, Failure> {
    // There is one driver, and what it has is in the store.
    context.store()?;
    Ok(ExitStatus::Success)
}

/// `pontoon volume ls`
pub fn list(context: &Context, args: &LsArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let filters = Filter::parse_all(&args.filter)?;
    let rows = filter::volumes(rows(&store)?, &filters)?;
    let options = ListOptions::of(args);
    output::out(&view::list_text(&rows, &options)?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon volume inspect`
pub fn inspect(context: &Context, args: &VolumeInspectArgs) -> Result<ExitStatus, Failure> {
    if args.volumes.is_empty() && !args.all {
        return Err(Failure::new("`volume inspect` needs the name of a volume, or --all", None));
    }
    let store = context.store()?;
    let every = rows(&store)?;
    if args.all {
        output::out(&view::inspect_text(&every, args.format.as_deref())?)?;
        return Ok(ExitStatus::Success);
    }
    let (rows, missing) = found::each(&args.volumes, |name| of_name(&store, &every, name))?;
    output::out(&view::inspect_text(&rows, args.format.as_deref())?)?;
    missing.told()
}

/// The row of a volume, by its name or the beginning of it.
pub fn named(store: &Store, name: &str) -> Result<view::Row, Failure> {
    of_name(store, &rows(store)?, name)
}

fn of_name(store: &Store, rows: &[view::Row], name: &str) -> Result<view::Row, Failure> {
    let volume = store.look_up_volume(name)?;
    let found = rows.iter().find(|it| it.name == volume.name()).cloned();
    found.ok_or_else(|| FindVolumeError::NotFound { name: name.to_owned() }.into())
}

/// `pontoon volume rm`
pub fn remove(context: &Context, args: &VolumeRmArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut names = args.volumes.clone();
    if args.all {
        names.extend(volume::list(&store)?.volumes.into_iter().map(|it| it.name));
    } else if names.is_empty() {
        return Err(Failure::new("`volume rm` needs the name of a volume, or --all", None));
    }
    let force =
        RemoveOptions { force: true, ignore: true, timeout: seconds(args.time), ..RemoveOptions::default() };
    let force = args.force.then_some(force);
    let mut last: Option<Failure> = None;
    for name in &names {
        // What was listed is meant by its whole name, whatever has gone meanwhile.
        let full = match args.all {
            true => Ok(name.clone()),
            false => store.look_up_volume(name).map(|it| it.name().to_owned()),
        };
        let removed = full.map_err(VolumeDeedError::from).and_then(|full| {
            volume::remove(&context.host, &store, &full, force)?;
            Ok(full)
        });
        match removed {
            Ok(full) => output::line(&full)?,
            Err(VolumeDeedError::Find(FindVolumeError::NotFound { .. })) if args.force => {}
            Err(err) => {
                let status = match &err {
                    VolumeDeedError::Find(FindVolumeError::NotFound { .. }) => ExitStatus::No,
                    VolumeDeedError::Volume(VolumeError::InUse { .. }) => ExitStatus::Busy,
                    _ => ExitStatus::OurFault,
                };
                let failure = Failure { status, ..Failure::from(err) };
                // Of several the one that is there and stays says how it ended.
                let is_less = matches!(failure.status, ExitStatus::No);
                let told = match last.take() {
                    Some(earlier) if is_less => (Some(failure), earlier),
                    earlier => (earlier, failure),
                };
                if let Some(other) = told.0 {
                    other.print();
                }
                last = Some(told.1);
            }
        }
    }
    last.map_or(Ok(ExitStatus::Success), Err)
}

/// `pontoon volume exists`
pub fn exists(context: &Context, name: &str) -> Result<ExitStatus, Failure> {
    match context.store()?.find_volume(name) {
        Ok(_) => Ok(ExitStatus::Success),
        Err(FindVolumeError::NotFound { .. }) => Ok(ExitStatus::No),
        Err(err) => Err(err.into()),
    }
}
