//! What a container's root file system, and what it mounts of images, is made of.

use std::io;
use std::path::PathBuf;

use pontoon_runtime::plan::RootfsSource;
use pontoon_storage::{FileError, IdShift, ImageRecord, ShiftError, Store};

use super::ids::Ids;
use super::{Known, PlanError};
use crate::host::Host;
use crate::mount_ids;
use crate::overlay;
use crate::record::ContainerRecord;
use crate::request::{MountSource, RootfsRequest};
use crate::user_namespace::{self, EnterError};

/// The root file system, and the ids that it is seen with.
pub(super) fn root(host: &Host, store: &Store, known: &Known<'_>) -> Result<(RootfsSource, Ids), PlanError> {
    let ids = Ids::read(host, store, known.record)?;
    let (userxattr, volatile) = (host.is_rootless(), known.record.request.rm && !host.storage.durable);
    let lower = match &known.record.request.rootfs {
        Some(rootfs) if rootfs.overlay => vec![rootfs.path.clone()],
        Some(RootfsRequest { path, idmap, .. }) => {
            let maps = ids.maps.as_ref();
            let shown = mount_ids::decide(idmap.as_slice(), maps, &ids.stored, host.is_rootless())
                .map_err(PlanError::RootfsIds)?;
            let source = RootfsSource::Directory { path: path.clone(), ids: shown, userxattr };
            return Ok((source, ids));
        }
        None => match known.image {
            Some(image) => layers(host, store, image, ids.shift().as_ref())?,
            None => Vec::new(),
        },
    };
    let (upper, work) = (known.directory.join("upper"), known.directory.join("work"));
    let source = match overlay::choose(host, store)? {
        overlay::Choice::Native => RootfsSource::Overlay { lower, upper, work, userxattr, volatile },
        overlay::Choice::Fuse(program) => RootfsSource::Fuse { program, lower, upper, work },
    };
    Ok((source, ids))
}

/// The layers of the images that the container mounts.
pub(super) fn image_layers(
    host: &Host,
    store: &Store,
    record: &ContainerRecord,
    shift: Option<&IdShift>,
) -> Result<Vec<(usize, Vec<PathBuf>)>, PlanError> {
    let asked = record.request.mounts.iter().enumerate();
    let asked = asked.filter(|(_, it)| matches!(it.source, MountSource::Image(_)));
    // Which images those are was looked up when the container was made.
    let layers = |((number, _), id): ((usize, _), &String)| {
        let image = store.find_image(id)?;
        Ok((number, layers(host, store, &image, shift)?))
    };
    asked.zip(&record.mounted_images).map(layers).collect()
}

/// The directories to mount, the topmost first.
fn layers(
    host: &Host,
    store: &Store,
    image: &ImageRecord,
    shift: Option<&IdShift>,
) -> Result<Vec<PathBuf>, PlanError> {
    let visible = image.visible_layers();
    let Some(shift) = shift else {
        return Ok(visible.iter().rev().map(|it| store.layer_path(it)).collect());
    };
    let all = || -> Result<Option<Vec<PathBuf>>, FileError> {
        visible.iter().rev().map(|it| store.shifted_layer_path(it, shift)).collect()
    };
    if let Some(paths) = all()? {
        return Ok(paths);
    }
    visible.iter().try_for_each(|it| store.may_be_shifted(it))?;
    // Made once for every layer and map; needs an id for each of both sides, which the default map has.
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|err| PlanError::Shift(EnterError::Child(err.into())))?;
    let worker = user_namespace::spawn(
        host,
        |_| 1,
        |_| {
            let made: Result<Vec<_>, ShiftError> =
                visible.iter().map(|it| store.shifted_layer(it, shift)).collect();
            let Err(err) = made else { return 0 };
            let mut text = err.to_string();
            let mut cause = std::error::Error::source(&err);
            while let Some(err) = cause {
                text.push_str(&format!(": {err}"));
                cause = err.source();
            }
            let _ = rustix::io::write(&write, text.as_bytes());
            1
        },
    )?;
    drop(write);
    let mut said = String::new();
    let _ = io::Read::read_to_string(&mut std::fs::File::from(read), &mut said);
    match (worker.wait(), all()?) {
        (Some(0), Some(paths)) => Ok(paths),
        _ => Err(PlanError::ShiftFailed(said)),
    }
}
