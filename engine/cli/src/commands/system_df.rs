//! `system df`: how much room things take.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use pontoon_lifecycle::disk::{self, ImageRoom};
use pontoon_lifecycle::{list, volume};
use pontoon_storage::{ImageId, LayerError};

use super::list::{ImageFacts, row};
use super::{Context, Failure, image};
use pontoon_cli::args::SystemDfArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::df::{self, Room};

/// `pontoon system df`
pub fn df(context: &Context, args: &SystemDfArgs) -> Result<ExitStatus, Failure> {
    let room = measured(context)?;
    let text = match args.verbose {
        true => df::verbose(&room, SystemTime::now())?,
        false => df::text(&room, args.format.as_deref())?,
    };
    output::out(&text)?;
    Ok(ExitStatus::Success)
}

fn measured(context: &Context) -> Result<Room, Failure> {
    let store = context.store()?;
    let listing = list::list(&store)?;
    let images = store.list_images()?;
    let volumes = volume::list(&store)?.volumes;

    // All directories are gone through by one child.
    let written = listing.containers.iter().map(|it| {
        store
            .find_container(&it.record.id)
            .map_or_else(|_| PathBuf::new(), |container| container.upper_path())
    });
    let directories: Vec<PathBuf> = written.chain(volumes.iter().map(|it| it.data.clone())).collect();
    let mut sizes = disk::sizes(&context.host, &directories).into_iter();

    let mut facts = ImageFacts::new(&store);
    let containers: Vec<df::Container> = listing
        .containers
        .iter()
        .map(|summary| {
            let row = row(summary, &mut facts);
            df::Container {
                size: sizes.next().unwrap_or(0),
                image_id: row.image_id,
                command: row.command,
                volumes: summary.record.volumes.len(),
                created: row.created,
                state: row.state.word(),
                active: summary.status.is_alive(),
                name: summary.record.name.clone(),
                id: row.id,
            }
        })
        .collect();
    let volumes = volumes
        .iter()
        .map(|entry| {
            let uses = |it: &&list::Summary| it.record.volumes.iter().any(|used| used.name == entry.name);
            let links = listing.containers.iter().filter(uses).count();
            df::Volume { name: entry.name.clone(), links, size: sizes.next().unwrap_or(0) }
        })
        .collect();

    let room = ImageRoom::of(&store, &images)?;
    let users = |id: &ImageId| containers.iter().filter(|it| it.image_id == id.hex()).count();
    let unused: BTreeSet<ImageId> =
        images.iter().map(|it| &it.id).filter(|id| users(id) == 0).cloned().collect();
    Ok(Room {
        image_size: room.total(),
        image_reclaimable: room.given_back_by(&unused),
        images: images
            .iter()
            .map(|record| df::Image {
                id: record.id.to_string(),
                names: record.names.clone(),
                created: image::created(record),
                size: record.size,
                shared: room.shared(record),
                containers: users(&record.id),
            })
            .collect(),
        containers,
        volumes,
    })
}

impl From<LayerError> for Failure {
    fn from(error: LayerError) -> Self {
        let hint = "`pontoon system check` tells what is damaged".to_owned();
        Self::new(error, Some(hint))
    }
}
