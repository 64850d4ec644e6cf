//! The record of a container that is not made.

use pontoon_image::ImageConfig;
use pontoon_storage::{ImageRecord, Store};

use super::name_as_asked;
use crate::clean::clean;
use crate::record::{ContainerRecord, VolumeUse};
use crate::request::{CreateRequest, MountSource};

/// The record that [`create`] would write, for a plan that is only printed: nothing is made or claimed.
#[must_use]
pub fn preview(
    store: &Store,
    request: CreateRequest,
    image: Option<&ImageRecord>,
    config: &ImageConfig,
) -> ContainerRecord {
    let id = "0".repeat(64);
    let volume = |name: &str, target: &str, options: &[String]| VolumeUse {
        name: name.to_owned(),
        target: target.to_owned(),
        data: store.paths().root.join("volumes").join(name).join("_data"),
        options: options.to_vec(),
        ..VolumeUse::default()
    };
    let mut volumes = Vec::new();
    for mount in &request.mounts {
        match &mount.source {
            MountSource::Volume(name) => volumes.push(volume(name, &mount.target, &mount.options)),
            MountSource::Anonymous => volumes.push(volume("ANONYMOUS", &mount.target, &mount.options)),
            _ => {}
        }
    }
    for target in &config.config.volumes {
        let target = clean(target);
        if !request.mounts.iter().any(|it| clean(&it.target) == target) {
            volumes.push(volume("ANONYMOUS", &target, &[]));
        }
    }
    ContainerRecord {
        name: request.name.clone().unwrap_or_else(|| "NAME".to_owned()),
        id,
        created: 0,
        image_id: image.map(|it| it.id.to_string()).unwrap_or_default(),
        image_name: image.map(|it| name_as_asked(it, &request.image)).unwrap_or_default(),
        request,
        volumes,
        mounted_images: Vec::new(),
        anonymous_volumes: Vec::new(),
        secrets: Vec::new(),
        id_maps: None,
        contexts: None,
        of_run: true,
    }
}
