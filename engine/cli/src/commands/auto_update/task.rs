//! Which containers are to be updated, and how.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use pontoon_image::is_short_name;
use pontoon_lifecycle::create::image_config;
use pontoon_lifecycle::event;
use pontoon_lifecycle::list::{self, Summary};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::unit::{self, Member, Version};
use pontoon_storage::{ImageRecord, Store};

use super::super::Failure;
use pontoon_cli::view::auto_update::Row;

/// The label that asks for updates, see podman-auto-update(1).
const LABEL: &str = "io.containers.autoupdate";
/// The label that names a file with credentials.
const AUTHFILE: &str = "io.containers.autoupdate.authfile";

/// Where newer images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Policy {
    /// From the registry that the image's name names.
    Registry,
    /// From this machine: whatever the name leads to here.
    Local,
}

impl Policy {
    fn word(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Local => "local",
        }
    }
}

/// What became of a container; Podman's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    Updated,
    NotUpdated,
    Pending,
    Failed,
    RolledBack,
}

/// A container to be updated.
#[derive(Debug)]
pub(in super::super) struct Task {
    pub member: Member,
    pub policy: Policy,
    pub authfile: Option<PathBuf>,
    pub outcome: Outcome,
}

impl Task {
    /// The name of its image, as the unit has it: this is what it is updated by.
    pub fn image(&self) -> &str {
        &self.member.container.record.request.image
    }

    pub fn row(&self) -> Row {
        let record = &self.member.container.record;
        Row {
            unit: self.member.unit.clone(),
            container: format!("{} ({})", record.id.get(..12).unwrap_or(&record.id), record.name),
            container_name: record.name.clone(),
            container_id: record.id.clone(),
            image: self.image().to_owned(),
            policy: self.policy.word().into(),
            updated: Cow::Borrowed(match self.outcome {
                Outcome::Updated => "true",
                Outcome::NotUpdated => "false",
                Outcome::Pending => "pending",
                Outcome::Failed => "failed",
                Outcome::RolledBack => "rolled back",
            }),
        }
    }

    /// What it runs.
    pub fn running(&self, store: &Store) -> Version {
        running(store, &self.member)
    }
}

/// What a container runs: the digest is that by which it was pulled.
pub(in super::super) fn running(store: &Store, member: &Member) -> Version {
    let record = &member.container.record;
    let image = store.find_image(&record.image_id).ok();
    Version {
        digest: image.map(|it| digest(&it, &record.request.image)).unwrap_or_default(),
        image: record.image_id.clone(),
        since: i64::try_from(record.created / 1_000_000_000).unwrap_or(0),
        why: String::new(),
    }
}

/// The digest that an image has in the repository of a name; of an index rather than the manifest in it, since that is what
/// the name leads to there.
pub(in super::super) fn digest(image: &ImageRecord, name: &str) -> String {
    let repository = pontoon_image::Reference::parse(name).map(|it| it.name()).unwrap_or_default();
    let digests: Vec<&str> = image
        .repo_digests
        .iter()
        .filter_map(|it| it.split_once('@'))
        .filter(|(front, _)| *front == repository)
        .map(|(_, digest)| digest)
        .collect();
    let of_index = digests.iter().find(|it| **it != image.digest);
    of_index.map_or_else(|| image.digest.clone(), |it| (*it).to_owned())
}

/// Containers to be updated, by the unit that is restarted for them.
type Units = BTreeMap<String, Vec<Task>>;

/// The running containers that ask for updates, by the unit that is restarted for them; and what is wrong with others.
pub(super) fn gather(store: &Store) -> Result<(Units, Vec<Failure>), Failure> {
    let mut tasks = Units::new();
    let mut faults = Vec::new();
    let members = unit::members(store)?;
    let of_units: HashSet<String> = members.iter().map(|it| it.container.record.id.clone()).collect();
    for Summary { record, status, .. } in list::list(store)?.containers {
        let is_meant = || status.run().is_some() && labels(store, &record).contains_key(LABEL);
        if !of_units.contains(&record.id) && is_meant() {
            let text = format!("cannot update container `{}`: no unit has made it", record.name);
            let hint = "containers are updated by restarting their units: write a .container file for it";
            faults.push(Failure::new(text, Some(hint.to_owned())));
        }
    }
    for member in members {
        if member.container.status.run().is_none() {
            continue;
        }
        let labels = labels(store, &member.container.record);
        let policy = match labels.get(LABEL).map(String::as_str) {
            None | Some("" | "disabled") => continue,
            Some("registry" | "image") => Policy::Registry,
            Some("local") => Policy::Local,
            Some(other) => {
                let name = &member.container.record.name;
                let text = format!("cannot update container `{name}`: invalid policy `{other}`");
                let hint = format!("`{LABEL}` (AutoUpdate=) is `registry` or `local`");
                faults.push(Failure::new(text, Some(hint)));
                continue;
            }
        };
        let image = &member.container.record.request.image;
        if policy == Policy::Registry && is_short_name(image) {
            let name = &member.container.record.name;
            let text = format!("cannot update container `{name}`: `{image}` does not name a registry");
            let hint = "give the image's full name, with its registry".to_owned();
            faults.push(Failure::new(text, Some(hint)));
            continue;
        }
        // Of the container's own labels alone: which of our files are read is no business of an image's.
        let own = &member.container.record.request.labels;
        let authfile = own.iter().find(|(name, _)| name == AUTHFILE).map(|(_, path)| PathBuf::from(path));
        let unit = member.unit.clone();
        let task = Task { member, policy, authfile, outcome: Outcome::NotUpdated };
        tasks.entry(unit).or_default().push(task);
    }
    Ok((tasks, faults))
}

fn labels(store: &Store, record: &ContainerRecord) -> BTreeMap<String, String> {
    let image = store.find_image(&record.image_id).ok();
    event::labels(record, image.and_then(|it| image_config(store, &it).ok()).as_ref())
}
