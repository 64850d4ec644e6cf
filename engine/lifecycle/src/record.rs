//! What is remembered of a container and of a volume, in the store's records.

use std::path::PathBuf;

use pontoon_rootless::idmap::IdMaps;
use serde::{Deserialize, Serialize};

use crate::labels::Contexts;
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
    /// Ids of the images that it mounts, in the order of the mounts that ask for them.
    #[serde(default)]
    pub mounted_images: Vec<String>,
    /// Volumes that nobody named and that were made with it.
    pub anonymous_volumes: Vec<String>,
    /// The secrets it uses, in the order of the request: their copies lie in its directory under these numbers.
    #[serde(default)]
    pub secrets: Vec<SecretCopy>,
    /// Its id maps, where they were chosen for it (`--userns auto`).
    #[serde(default)]
    pub id_maps: Option<IdMaps>,
    /// Its SELinux contexts, where the host has SELinux.
    #[serde(default)]
    pub contexts: Option<Contexts>,
    /// Whether it was made by `run`, to be started at once.
    #[serde(default)]
    pub of_run: bool,
}

impl ContainerRecord {
    /// The volumes that go with it unless somebody else uses them: all that nobody named, whichever container they were made
    /// with.
    #[must_use]
    pub fn volumes_to_go(&self) -> Vec<String> {
        let mut names = self.anonymous_volumes.clone();
        for used in self.volumes.iter().filter(|it| it.is_anonymous) {
            if !names.contains(&used.name) {
                names.push(used.name.clone());
            }
        }
        names
    }

    /// The name of its image that goes with it under `--rmi`. Who asked for the image by its id means none of several.
    #[must_use]
    pub fn image_name_to_go(&self) -> &str {
        let asked = self.request.image.trim_start_matches("sha256:");
        let is_id = !asked.is_empty() && self.image_id.trim_start_matches("sha256:").starts_with(asked);
        if is_id { "" } else { &self.image_name }
    }

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
    /// The volume is a file system of another type.
    #[serde(default)]
    pub filesystem: Option<VolumeFilesystem>,
    /// The volume is a path of the host.
    #[serde(default)]
    pub is_bound: bool,
    /// Somebody said who owns the volume, which stays so.
    #[serde(default)]
    pub has_owner: bool,
    /// Its first use copies nothing.
    #[serde(default)]
    pub no_copy: bool,
    /// Nobody has named it.
    #[serde(default)]
    pub is_anonymous: bool,
}

/// A file system that a volume is, in place of a directory of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFilesystem {
    /// Its type, as the kernel calls it.
    pub kind: String,
    /// What it is on.
    pub device: Option<String>,
    /// Its options, as for mount(8).
    pub options: Vec<String>,
}

impl VolumeFilesystem {
    /// Whether an ordinary user may mount it, in a user namespace (the kernel's `FS_USERNS_MOUNT`).
    #[must_use]
    pub fn is_for_everybody(&self) -> bool {
        matches!(self.kind.as_str(), "tmpfs" | "ramfs" | "overlay")
    }
}

/// A volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeRecord {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Driver options, as given.
    pub options: Vec<(String, String)>,
    /// `--uid`: who owns the volume, by ids of a container.
    pub uid: Option<u32>,
    /// `--gid`.
    pub gid: Option<u32>,
}

impl VolumeRecord {
    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The words of `o=`.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.option("o").unwrap_or_default().split(',').filter(|it| !it.is_empty())
    }

    /// `--uid`, `--gid` or `o=uid=N,gid=N`: who owns the volume, by ids of a container.
    #[must_use]
    pub fn owner(&self) -> Option<(Option<u32>, Option<u32>)> {
        let number = |name: &str| self.words().find_map(|it| it.strip_prefix(name)?.parse().ok());
        let (uid, gid) = (self.uid.or(number("uid=")), self.gid.or(number("gid=")));
        (uid.is_some() || gid.is_some()).then_some((uid, gid))
    }

    /// Whether its first use copies what the image has: unless `nocopy` is said, as an option or in `o=`.
    #[must_use]
    pub fn copies(&self) -> bool {
        !self.options.iter().any(|(key, _)| key == "nocopy") && !self.words().any(|it| it == "nocopy")
    }

    /// Whether there is something to do when it is first used: a directory of the store is given the owner and mode of what is
    /// at its place in the image, also where nothing is copied.
    #[must_use]
    pub fn has_first_use(&self) -> bool {
        self.copies() || self.is_plain()
    }

    /// Whether it is a directory of the store, and not something that is mounted there.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.bound().is_none() && self.filesystem().is_none()
    }

    /// The file system that it is (`type=`, but for `bind` and `none`).
    #[must_use]
    pub fn filesystem(&self) -> Option<VolumeFilesystem> {
        if self.bound().is_some() {
            return None;
        }
        let kind = self.option("type").filter(|it| !it.is_empty() && !matches!(*it, "bind" | "none"))?;
        let own = |it: &&str| !matches!(*it, "nocopy" | "copy");
        let mut options: Vec<String> = self.words().filter(own).map(str::to_owned).collect();
        if matches!(kind, "tmpfs") {
            options.extend(self.uid.map(|it| format!("uid={it}")));
            options.extend(self.gid.map(|it| format!("gid={it}")));
        }
        Some(VolumeFilesystem {
            kind: kind.to_owned(),
            device: self.option("device").map(str::to_owned),
            options,
        })
    }

    /// Whether it is a file system that would be another one for each mount, and that all containers which use it at the same
    /// time have together.
    #[must_use]
    pub fn is_common(&self) -> bool {
        self.filesystem().is_some_and(|it| it.is_for_everybody())
    }

    /// With which options it is mounted, if it is a path of the host.
    #[must_use]
    pub fn bound_filesystem(&self) -> Option<VolumeFilesystem> {
        let device = self.bound()?.to_string_lossy().into_owned();
        let own = |it: &&str| !it.starts_with("uid=") && !it.starts_with("gid=");
        let options = self.words().filter(own).map(str::to_owned).collect();
        Some(VolumeFilesystem { kind: "bind".to_owned(), device: Some(device), options })
    }

    /// A path of the host that is mounted in the volume's place (`type=bind` or `o=bind`, with `device`).
    #[must_use]
    pub fn bound(&self) -> Option<PathBuf> {
        let is_bind = matches!(self.option("type"), Some("bind" | "none"))
            || self.words().any(|word| matches!(word, "bind" | "rbind"));
        self.option("device").filter(|_| is_bind).map(PathBuf::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{CgroupMode, LogDriver, MountSource, NetworkMode, UserNsMode};
    use pontoon_monitor::state::{ExitRecord, RunState};

    /// Records as the first version wrote them, with every field that it knew.
    #[test]
    fn records_of_the_first_version_are_read() {
        let text = r#"{"id":"aa","name":"web","created":1,"image_id":"bb","image_name":"localhost/b:latest",
            "request":{"image":"b","command":["sleep","1"],"entrypoint":null,"name":"web","replace":false,"rm":true,
                "pull":"missing","env":[["A","1"]],"default_env":[],"unset_env":[],"user":"1:2","group_add":["3"],
                "workdir":"/w","hostname":"h","labels":[["l","v"]],"annotations":[],"interactive":false,"tty":true,
                "init":true,"publish":[],"expose":["80"],"network":{"pasta":["-T"]},"add_host":[],"dns":[],
                "dns_search":[],"dns_option":[],"mounts":[
                    {"source":{"bind":"/srv"},"target":"/srv","options":["ro"]},
                    {"source":{"volume":"data"},"target":"/data","options":[]},
                    {"source":"anonymous","target":"/a","options":[]},{"source":"tmpfs","target":"/t","options":[]}],
                "devices":[{"host":"/dev/fuse","container":"/dev/fuse","permissions":"rwm"}],"cap_add":["CHOWN"],
                "cap_drop":[],"privileged":false,"no_new_privileges":true,"seccomp":{"profile":"/p.json"},"mask":[],
                "unmask":[],"read_only":true,"read_only_tmpfs":null,"sysctls":[],"ulimits":[["nofile",1,2]],
                "shm_size":1,"memory":null,"pids_limit":null,"cgroups":"split",
                "userns":{"keep-id":{"uid":5,"gid":null,"size":null}},"sdnotify":"conmon","log_driver":"k8s-file",
                "log_opts":[],"stop_signal":15,"stop_timeout":3,"timezone":null,"umask":18,"oom_score_adj":null,
                "cidfile":null,"pidfile":"/run/p","conmon_pidfile":null,"systemd_unit":"web.service",
                "create_command":["podman","run"]},
            "volumes":[{"name":"data","target":"/data","data":"/v/data/_data","options":[]}],"anonymous_volumes":["cc"]}"#;
        let record: ContainerRecord = serde_json::from_str(text).unwrap();
        assert_eq!((record.name.as_str(), record.of_run, record.secrets.len()), ("web", false, 0));
        let request = &record.request;
        assert_eq!(request.network, Some(NetworkMode::Pasta(vec!["-T".to_owned()])));
        assert_eq!(request.mounts.first().map(|it| &it.source), Some(&MountSource::Bind("/srv".into())));
        assert_eq!(request.userns, UserNsMode::KeepId { uid: Some(5), gid: None, size: None });
        assert_eq!((request.cgroups, request.log_driver), (CgroupMode::Split, Some(LogDriver::K8sFile)));
        assert_eq!((request.devices.len(), request.restart), (1, RestartPolicy::No));
        assert_eq!(record.volumes.first().map(|it| it.tmpfs.clone()), Some(None));

        let state = r#"{"pid":1,"monitor_pid":2,"started_at":3,"cgroup":null}"#;
        assert_eq!(serde_json::from_str::<RunState>(state).unwrap().restarts, 0);
        let exit = r#"{"code":1,"started_at":2,"finished_at":3,"oom_killed":false,"error":null}"#;
        assert!(!serde_json::from_str::<ExitRecord>(exit).unwrap().another_follows);
    }

    /// What a newer version adds is no reason not to read the rest.
    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let mut value = serde_json::to_value(ContainerRecord::default()).unwrap();
        value["later"] = 1.into();
        value["request"]["later"] = serde_json::json!({"x": []});
        assert_eq!(serde_json::from_value::<ContainerRecord>(value).unwrap(), ContainerRecord::default());
    }

    #[test]
    fn volumes_that_nobody_named_go_whoever_they_were_made_with() {
        let used = |name: &str, is_anonymous| VolumeUse {
            name: name.to_owned(),
            is_anonymous,
            ..VolumeUse::default()
        };
        let record = ContainerRecord {
            volumes: vec![used("own", true), used("theirs", true), used("data", false)],
            anonymous_volumes: vec!["own".to_owned(), "old".to_owned()],
            ..ContainerRecord::default()
        };
        assert_eq!(record.volumes_to_go(), ["own", "old", "theirs"]);
    }
    #[test]
    fn who_asks_for_an_image_by_its_id_means_none_of_its_names() {
        let named = |image: &str| {
            let request = CreateRequest { image: image.to_owned(), ..CreateRequest::default() };
            let (image_id, image_name) = ("sha256:abcd12".to_owned(), "localhost/b:1".to_owned());
            ContainerRecord { image_id, image_name, request, ..ContainerRecord::default() }
        };
        for (image, expected) in
            [("b:1", "localhost/b:1"), ("abcd", ""), ("sha256:abcd12", ""), ("", "localhost/b:1")]
        {
            assert_eq!(named(image).image_name_to_go(), expected, "{image}");
        }
    }
}
