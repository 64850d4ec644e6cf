//! `mount`, `unmount`, and the same for images and volumes.

use pontoon_lifecycle::list::{self, Found};
use pontoon_lifecycle::mounted::{self, Mounted};
use pontoon_lifecycle::record::VolumeRecord;
use pontoon_storage::{ImageRecord, Store};
use serde::Serialize;

use super::{Context, Failure, control};
use pontoon_cli::args::{ImageMountArgs, ImageUnmountArgs, MountArgs, UnmountArgs, VolumeMountArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::format::json;
use pontoon_cli::output;

/// Something that is mounted, as Podman tells it.
#[derive(Serialize)]
struct Shown {
    id: String,
    #[serde(rename = "Names")]
    names: Vec<String>,
    #[serde(rename = "Repositories", skip_serializing_if = "Vec::is_empty")]
    repositories: Vec<String>,
    mountpoint: String,
}

/// Lists what is mounted. `name` is how one is called in the list.
fn show(
    shown: &[Shown],
    format: Option<&str>,
    name: impl Fn(&Shown) -> String,
) -> Result<ExitStatus, Failure> {
    match format {
        Some("json") => output::line(&json::pretty(shown, 1))?,
        Some(other) => {
            return Err(Failure::new(format!("`mount --format` takes `json` only, not `{other}`"), None));
        }
        None => {
            for one in shown {
                output::line(&format!("{}  {}", name(one), one.mountpoint))?;
            }
        }
    }
    Ok(ExitStatus::Success)
}

/// All containers, or those that were named.
fn containers(store: &Store, names: &[String], all: bool, latest: bool) -> Result<Vec<Found>, Failure> {
    let ids = if all {
        list::list(store)?.containers.into_iter().map(|it| it.record.id).collect()
    } else if latest {
        vec![control::one("mount", None, true, store)?]
    } else {
        names.to_vec()
    };
    let found = ids.iter().map(|it| Ok(list::find(store, it)?));
    // Some may have been removed since all were listed.
    if all { Ok(found.filter_map(Result::<_, Failure>::ok).collect()) } else { found.collect() }
}

/// `pontoon mount`
pub fn mount(context: &Context, args: &MountArgs) -> Result<ExitStatus, Failure> {
    mounted::check(&context.host, "mount")?;
    let store = context.store()?;
    if args.containers.is_empty() && !args.all && !args.latest {
        let mounts = Mounted::read();
        let found = containers(&store, &[], true, false)?;
        let shown: Vec<Shown> = found
            .iter()
            .map(|it| (it, mounted::place_of_container(it)))
            .filter(|(_, place)| mounts.count(place) > 0)
            .map(|(it, place)| Shown {
                id: it.record.id.clone(),
                names: vec![it.record.name.clone()],
                repositories: Vec::new(),
                mountpoint: place.display().to_string(),
            })
            .collect();
        let length = if args.no_trunc { usize::MAX } else { 12 };
        return show(&shown, args.format.as_deref(), |it| it.id.chars().take(length).collect());
    }
    for found in containers(&store, &args.containers, args.all, args.latest)? {
        let name = &found.record.name;
        match mounted::mount_container(&context.host, &store, &found) {
            Ok(place) => output::line(&place.display().to_string())?,
            // Removed since all were listed.
            Err(_) if args.all && list::find(&store, &found.record.id).is_err() => {}
            Err(err) => {
                return Err(Failure::from(err).while_doing(format!("cannot mount container `{name}`")));
            }
        }
    }
    Ok(ExitStatus::Success)
}

/// `pontoon unmount`
pub fn unmount(context: &Context, args: &UnmountArgs) -> Result<ExitStatus, Failure> {
    if args.containers.is_empty() && !args.all && !args.latest {
        return Err(Failure::new("`unmount` needs the name of a container, --latest or --all", None));
    }
    let store = context.store()?;
    let found = containers(&store, &args.containers, args.all, args.latest)?;
    for (number, it) in found.iter().enumerate() {
        let there = mounted::unmount(&mounted::place_of_container(it), args.force || args.all)?;
        // What was named is told as it was named, and what was not if there was something to unmount.
        match args.containers.get(number) {
            Some(name) => output::line(name)?,
            None if there > 0 || args.latest => output::line(&it.record.id)?,
            None => {}
        }
    }
    Ok(ExitStatus::Success)
}

/// All images, or those that were named.
fn images(
    context: &Context,
    store: &Store,
    names: &[String],
    all: bool,
) -> Result<Vec<ImageRecord>, Failure> {
    if all {
        return Ok(store.list_images()?);
    }
    names.iter().map(|it| Ok(context.find_image(store, it)?)).collect()
}

/// `pontoon image mount`
pub fn mount_images(context: &Context, args: &ImageMountArgs) -> Result<ExitStatus, Failure> {
    mounted::check(&context.host, "image mount")?;
    let store = context.store()?;
    if args.images.is_empty() && !args.all {
        let mounts = Mounted::read();
        let shown: Vec<Shown> = images(context, &store, &[], true)?
            .into_iter()
            .map(|it| (mounted::place_of_image(&store, &it), it))
            .filter(|(place, _)| mounts.count(place) > 0)
            .map(|(place, it)| Shown {
                id: it.id.to_string(),
                names: vec![it.digest.clone()],
                repositories: it.names,
                mountpoint: place.display().to_string(),
            })
            .collect();
        return show(&shown, args.format.as_deref(), |it| it.repositories.first().unwrap_or(&it.id).clone());
    }
    for image in images(context, &store, &args.images, args.all)? {
        let place = mounted::mount_image(&context.host, &store, &image)?;
        output::line(&place.display().to_string())?;
    }
    Ok(ExitStatus::Success)
}

/// `pontoon image unmount`
pub fn unmount_images(context: &Context, args: &ImageUnmountArgs) -> Result<ExitStatus, Failure> {
    if args.images.is_empty() && !args.all {
        return Err(Failure::new("`image unmount` needs the name of an image, or --all", None));
    }
    let store = context.store()?;
    for image in images(context, &store, &args.images, args.all)? {
        if mounted::unmount(&mounted::place_of_image(&store, &image), args.force || args.all)? > 0 {
            output::line(image.id.hex())?;
        }
    }
    Ok(ExitStatus::Success)
}

/// `pontoon volume mount`
pub fn mount_volumes(context: &Context, args: &VolumeMountArgs) -> Result<ExitStatus, Failure> {
    mounted::check(&context.host, "volume mount")?;
    let store = context.store()?;
    for name in &args.volumes {
        let volume = store.look_up_volume(name)?;
        let record: VolumeRecord = volume.read_entry()?.record()?;
        let place = mounted::mount_volume(&context.host, &store, &volume, &record)
            .map_err(|err| Failure::from(err).while_doing(format!("cannot mount volume `{name}`")))?;
        output::line(&place.display().to_string())?;
    }
    Ok(ExitStatus::Success)
}

/// `pontoon volume unmount`
pub fn unmount_volumes(context: &Context, args: &VolumeMountArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    for name in &args.volumes {
        mounted::unmount(&store.look_up_volume(name)?.data_path(), false)?;
        output::line(name)?;
    }
    Ok(ExitStatus::Success)
}
