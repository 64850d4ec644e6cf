//! What is told of deeds: to whoever keeps events, as [`Host::events`] says.
//!
//! A supervisor tells of its container's life itself; here is what commands do.

use std::collections::BTreeMap;

use pontoon_image::ImageConfig;
use pontoon_monitor::event::{Deed, Event, EventLog, Kind};
use pontoon_storage::{ImageRecord, Store};

use crate::create::image_config;
use crate::host::Host;
use crate::record::ContainerRecord;

/// Labels that a container's events carry: its image's and its own.
#[must_use]
pub fn labels(record: &ContainerRecord, image: Option<&ImageConfig>) -> BTreeMap<String, String> {
    let mut labels = image.map(|it| it.config.labels.clone()).unwrap_or_default();
    labels.extend(record.request.labels.iter().cloned());
    labels
}

/// Something that was done to a container just now.
#[must_use]
pub fn of_container(store: &Store, record: &ContainerRecord, deed: Deed) -> Event {
    let image = store.find_image(&record.image_id).ok();
    let config = image.and_then(|it| image_config(store, &it).ok());
    Event {
        id: record.id.clone(),
        name: record.name.clone(),
        image: record.image_name.clone(),
        pod: record.request.pod.as_ref().map(|it| it.id.clone()).unwrap_or_default(),
        attributes: labels(record, config.as_ref()),
        ..Event::now(Kind::Container, deed)
    }
}

impl Host {
    /// Tells of something that was done to a container.
    pub fn tell_of(&self, store: &Store, record: &ContainerRecord, deed: Deed) {
        // Where nobody listens, the labels need not be read.
        if self.events != EventLog::None {
            self.events.tell(&of_container(store, record, deed));
        }
    }

    /// Tells of something that was done to another object.
    pub fn tell_of_other(&self, kind: Kind, deed: Deed, id: &str, name: &str) {
        self.events.tell(&Event { id: id.to_owned(), name: name.to_owned(), ..Event::now(kind, deed) });
    }

    /// Tells that an image is gone, and its names.
    pub fn tell_of_removed(&self, image: &ImageRecord) {
        let id = image.id.hex();
        for name in &image.names {
            self.tell_of_other(Kind::Image, Deed::Untag, id, name);
        }
        let name = image.names.first().map_or("", String::as_str);
        self.tell_of_other(Kind::Image, Deed::Remove, id, name);
    }
}
