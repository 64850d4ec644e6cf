//! What is remembered of a container and of a volume, in the store's records.

use std::path::PathBuf;

use pontoon_rootless::idmap::IdMaps;
use serde::{Deserialize, Serialize};

use crate::request::{CreateRequest, RestartPolicy};
use crate::status::Status;

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made, nanoseconds since 1970.
    pub created: u64,
    /// Id of its image.
    pub image_id: String,
    /// Full name of its image, as it was found.
    pub image_name: String,
    /// What was asked for.
    pub request: CreateRequest,
    /// The volumes behind its mounts, named ones and anonymous ones.
    pub volumes: Vec<VolumeUse>,
    /// Volumes that nobody named; they go with it.
    pub anonymous_volumes: Vec<String>,
    /// The secrets it uses, in the order of the request: their copies lie in its directory under these numbers.
    #[serde(default)]
    pub secrets: Vec<SecretCopy>,
    /// Its id maps, where they were chosen for it (`--userns auto`).
    #[serde(default)]
    pub id_maps: Option<IdMaps>,
    /// Whether it was made by `run`, to be started at once.
    #[serde(default)]
    pub of_run: bool,
}

impl ContainerRecord {
    /// Whether the container is to be started when the machine is, having ended as it did.
    #[must_use]
    pub fn starts_on_boot(&self, status: &Status) -> bool {
        match self.request.restart {
            RestartPolicy::Always => true,
            // One that was never started, or ran when the machine went down, was not stopped by anybody.
            RestartPolicy::UnlessStopped => !matches!(status, Status::Exited(exit) if exit.stopped),
            RestartPolicy::No | RestartPolicy::OnFailure { .. } => false,
        }
    }
}

/// A secret that a container uses: as it was when the container was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretCopy {
    /// The secret's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// A credential of the service manager's that is read at every start, in place of a copy.
    #[serde(default)]
    pub credential: Option<String>,
}

/// A volume that a container uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeUse {
    /// Its name.
    pub name: String,
    /// Path in the container.
    pub target: String,
    /// Where its data lies.
    pub data: PathBuf,
    /// Mount options.
    pub options: Vec<String>,
    /// The volume is a tmpfs, with these options, and has no data on disk.
    #[serde(default)]
    pub tmpfs: Option<Vec<String>>,
}

/// A volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeRecord {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Driver options, as given.
    pub options: Vec<(String, String)>,
}

impl VolumeRecord {
    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `o=uid=N,gid=N`: who owns the volume, by ids of a container.
    #[must_use]
    pub fn owner(&self) -> Option<(Option<u32>, Option<u32>)> {
        let words = self.option("o")?.split(',');
        let number = |name: &str| words.clone().find_map(|it| it.strip_prefix(name)?.parse().ok());
        let (uid, gid) = (number("uid="), number("gid="));
        (uid.is_some() || gid.is_some()).then_some((uid, gid))
    }

    /// A path of the host that is mounted in the volume's place (`type=bind` or `o=bind`, with `device`).
    #[must_use]
    pub fn bound(&self) -> Option<PathBuf> {
        let is_bind = matches!(self.option("type"), Some("bind" | "none"))
            || self.option("o").is_some_and(|it| it.split(',').any(|word| matches!(word, "bind" | "rbind")));
        self.option("device").filter(|_| is_bind).map(PathBuf::from)
    }

    /// Options of the tmpfs that the volume is (`type=tmpfs`).
    #[must_use]
    pub fn tmpfs(&self) -> Option<Vec<String>> {
        (self.option("type") == Some("tmpfs")).then(|| {
            self.option("o")
                .unwrap_or_default()
                .split(',')
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect()
        })
    }
}
