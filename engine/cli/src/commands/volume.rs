//! `volume create`, `ls`, `inspect`, `rm`, `exists`.

use pontoon_lifecycle::record::{ContainerRecord, VolumeRecord};
use pontoon_lifecycle::volume::{self, VolumeDeedError};
use pontoon_rootless::names;
use pontoon_storage::{FindVolumeError, Store, VolumeEntry, VolumeError};

use super::{Context, Failure};
use pontoon_cli::args::{LsArgs, VolumeCreateArgs, VolumeInspectArgs, VolumeRmArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::run_options::parse_label;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::{ListOptions, volume as view};
use pontoon_cli::{message, output};

/// `pontoon volume create`
pub fn create(context: &Context, args: &VolumeCreateArgs) -> Result<ExitStatus, Failure> {
    if args.driver != "local" {
        let text = format!("`--driver {}` is not supported yet", args.driver);
        return Err(Failure::new(text, Some("`local` is".to_owned())));
    }
    let mut record = VolumeRecord::default();
    for label in &args.label {
        record.labels.push(parse_label(label)?);
    }
    for option in &args.opt {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let known = match name {
            "copy" | "nocopy" | "device" | "o" => true,
            "type" => matches!(value, "bind" | "none" | "tmpfs"),
            _ => false,
        };
        if !known {
            return Err(Failure::new(
                format!("`--opt {option}` is not supported yet"),
                Some(
                    "`copy`, `nocopy`, `device=PATH`, `type=bind`, `type=tmpfs` and `o=OPTIONS` are"
                        .to_owned(),
                ),
            ));
        }
        let value = if name == "o" { with_ids(value)? } else { value.to_owned() };
        record.options.push((name.to_owned(), value));
    }
    if record.bound().is_none()
        && record.tmpfs().is_none()
        && record.options.iter().any(|(name, _)| name == "device")
    {
        return Err(Failure::new(
            "`--opt device` needs `--opt type=bind`: other file systems are not supported yet",
            Some("mount it yourself, and bind the mount point".to_owned()),
        ));
    }
    let store = context.store()?;
    let name = volume::create(&context.host, &store, args.name.as_deref(), &record, args.ignore)?;
    output::line(&name)?;
    Ok(ExitStatus::Success)
}

/// Mount options with the names of owners replaced by their ids: unit files may name them.
fn with_ids(options: &str) -> Result<String, Failure> {
    let id = |option: &str| {
        let (kind, name) = option.split_once('=')?;
        let found = match kind {
            "uid" => names::by_name(name).map(|user| user.uid),
            "gid" => names::group_id(name),
            _ => return None,
        };
        if name.parse::<u32>().is_ok() {
            return None;
        }
        let what = if kind == "uid" { "user" } else { "group" };
        let missing = || Failure::new(format!("there is no {what} `{name}` on this host"), None);
        Some(found.map(|id| format!("{kind}={id}")).ok_or_else(missing))
    };
    let words: Result<Vec<String>, Failure> =
        options.split(',').map(|option| id(option).unwrap_or_else(|| Ok(option.to_owned()))).collect();
    Ok(words?.join(","))
}

fn rows(store: &Store) -> Result<Vec<view::Row>, Failure> {
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
    Ok(view::Row {
        name: entry.name.clone(),
        mountpoint: entry.data.display().to_string(),
        created: from_nanos(entry.created),
        labels: record.labels.into_iter().collect(),
        options: record.options.into_iter().collect(),
        anonymous: entry.anonymous,
        containers: containers
            .iter()
            .filter(|it| it.volumes.iter().any(|used| used.name == entry.name))
            .count(),
        needs_copy_up,
    })
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
    let rows = named(&context.store()?, &args.volumes, args.all)?;
    output::out(&view::inspect_text(&rows, args.format.as_deref())?)?;
    Ok(ExitStatus::Success)
}

/// Rows of volumes by name, or of all.
pub fn named(store: &Store, names: &[String], all: bool) -> Result<Vec<view::Row>, Failure> {
    let every = rows(store)?;
    if all {
        return Ok(every);
    }
    names
        .iter()
        .map(|name| {
            let found = every.iter().find(|it| it.name == *name).cloned();
            found.ok_or_else(|| FindVolumeError::NotFound { name: name.clone() }.into())
        })
        .collect()
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
    let mut last: Option<Failure> = None;
    for name in &names {
        match volume::remove(&context.host, &store, name, args.force) {
            Ok(()) => output::line(name)?,
            Err(VolumeDeedError::Find(FindVolumeError::NotFound { .. })) if args.force => {}
            Err(err) => {
                let status = match &err {
                    VolumeDeedError::Find(FindVolumeError::NotFound { .. }) => ExitStatus::No,
                    VolumeDeedError::Volume(VolumeError::InUse { .. }) => ExitStatus::Busy,
                    _ => ExitStatus::OurFault,
                };
                if let Some(earlier) = last.replace(Failure { status, ..Failure::from(err) }) {
                    earlier.print();
                }
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
