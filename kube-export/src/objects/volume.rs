//! What can be mounted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{FieldSelector, Metadata, ResourceSelector, Resources, Texts};

object! {
    /// A volume of a pod.
    Volume {
        /// Files of a ConfigMap.
        config_map: Option<ConfigMapSource>,
        /// What the pod is, as files.
        #[serde(rename = "downwardAPI")]
        downward_api: Option<DownwardSource>,
        /// An empty directory that goes with the pod.
        empty_dir: Option<EmptyDirSource>,
        /// A path of the host.
        host_path: Option<HostPathSource>,
        /// The files of an image.
        image: Option<ImageSource>,
        /// Its name.
        name: String,
        /// A volume that stays.
        persistent_volume_claim: Option<ClaimSource>,
        /// Files of several sources.
        projected: Option<ProjectedSource>,
        /// Files of a Secret.
        secret: Option<SecretSource>,
    }
}

object! {
    /// Files of a ConfigMap.
    ConfigMapSource {
        /// The mode of files.
        default_mode: Option<i32>,
        /// Which keys, and where; all if nothing is said.
        items: Vec<KeyToPath>,
        /// The ConfigMap.
        name: String,
        /// It need not be there.
        optional: Option<bool>,
    }
}

object! {
    /// Files of a Secret.
    SecretSource {
        /// The mode of files.
        default_mode: Option<i32>,
        /// Which keys, and where; all if nothing is said.
        items: Vec<KeyToPath>,
        /// It need not be there.
        optional: Option<bool>,
        /// The Secret.
        secret_name: String,
    }
}

object! {
    /// Files of several sources, side by side.
    ProjectedSource {
        /// The mode of files.
        default_mode: Option<i32>,
        /// The sources.
        sources: Vec<Projection>,
    }
}

object! {
    /// One source of files; one of its fields is there.
    Projection {
        /// Files of a ConfigMap.
        config_map: Option<DataProjection>,
        /// What the pod is.
        #[serde(rename = "downwardAPI")]
        downward_api: Option<DownwardProjection>,
        /// Files of a Secret.
        secret: Option<DataProjection>,
    }
}

object! {
    /// Files of a ConfigMap or a Secret, beside others.
    DataProjection {
        /// Which keys, and where; all if nothing is said.
        items: Vec<KeyToPath>,
        /// The ConfigMap or the Secret.
        name: String,
        /// It need not be there.
        optional: Option<bool>,
    }
}

object! {
    /// What the pod is, as files.
    DownwardSource {
        /// The mode of files.
        default_mode: Option<i32>,
        /// The files.
        items: Vec<DownwardFile>,
    }
}

object! {
    /// What the pod is, as files beside others.
    DownwardProjection {
        /// The files.
        items: Vec<DownwardFile>,
    }
}

object! {
    /// A file that tells something of the pod.
    DownwardFile {
        /// A field of the pod.
        field_ref: Option<FieldSelector>,
        /// The mode of the file.
        mode: Option<i32>,
        /// Where it is, below the mount.
        path: String,
        /// A limit of a container.
        resource_field_ref: Option<ResourceSelector>,
    }
}

object! {
    /// A key that is a file.
    KeyToPath {
        /// The key.
        key: String,
        /// The mode of the file.
        mode: Option<i32>,
        /// Where it is, below the mount.
        path: String,
    }
}

object! {
    /// An empty directory.
    EmptyDirSource {
        /// `Memory`.
        medium: String,
        /// How much fits in.
        size_limit: Option<String>,
    }
}

object! {
    /// A path of the host.
    HostPathSource {
        /// The path.
        path: String,
        /// What must be there: `Directory`, `DirectoryOrCreate`, `File`, `FileOrCreate`, `Socket`, `CharDevice`,
        /// `BlockDevice`, or anything.
        #[serde(rename = "type")]
        kind: String,
    }
}

object! {
    /// The files of an image.
    ImageSource {
        /// `Always`, `IfNotPresent` or `Never`.
        pull_policy: String,
        /// The image.
        reference: String,
    }
}

object! {
    /// A volume that stays.
    ClaimSource {
        /// Its claim.
        claim_name: String,
        /// It cannot be changed.
        read_only: bool,
    }
}

object! {
    /// `spec` of a PersistentVolumeClaim.
    ClaimSpec {
        /// `ReadWriteOnce`, …
        access_modes: Vec<String>,
        /// How much room it is to have.
        resources: Option<Resources>,
        /// What it is made of.
        storage_class_name: Option<String>,
    }
}

object! {
    /// A volume that stays.
    PersistentVolumeClaim {
        /// `v1`.
        api_version: String,
        /// `PersistentVolumeClaim`.
        kind: String,
        /// Its name; annotations tell Podman of the volume.
        metadata: Metadata,
        /// What it is.
        spec: ClaimSpec,
    }
}

object! {
    /// Settings.
    ConfigMap {
        /// `v1`.
        api_version: String,
        /// `ConfigMap`.
        kind: String,
        /// Its name.
        metadata: Metadata,
        /// In base64.
        binary_data: Texts,
        /// Text.
        data: Texts,
        /// They do not change.
        immutable: Option<bool>,
    }
}

object! {
    /// What is not for everybody.
    Secret {
        /// `v1`.
        api_version: String,
        /// `Secret`.
        kind: String,
        /// Its name.
        metadata: Metadata,
        /// In base64.
        data: Texts,
        /// They do not change.
        immutable: Option<bool>,
        /// Text.
        string_data: Texts,
        /// What it is for.
        #[serde(rename = "type")]
        purpose: String,
    }
}

impl Secret {
    /// A secret of one key.
    #[must_use]
    pub fn of(name: &str, key: &str, data: &[u8]) -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            metadata: Metadata { name: name.to_owned(), ..Metadata::default() },
            data: Texts::from([(key.to_owned(), STANDARD.encode(data))]),
            ..Self::default()
        }
    }
}
