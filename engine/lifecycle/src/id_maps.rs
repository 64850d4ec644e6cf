//! Which ids a container has: from what its request says, what its user is granted, and what other containers have.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use pontoon_image::ImageConfig;
use pontoon_rootless::idmap::{self, IdMaps, IdRange, MapError};
use pontoon_rootless::subid;
use pontoon_rootless::userns::{Grants, UserNamespaceError};
use pontoon_storage::{FileError, FindContainerError, RecordError, Store};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use crate::host::Host;
use crate::record::ContainerRecord;
use crate::request::{AutoUserNs, CreateRequest, MountSource, UserNsMode};

/// Fewest ids that a container of `--userns auto` gets, as in Podman.
const FEWEST: u32 = 1024;
/// The most that its image can ask for.
const MOST: u32 = 65_536;
/// Whose ids `--userns auto` takes for containers of root.
const ROOTS_GRANTEE: &str = "containers";
/// Names that stand for nobody, whose ids are no reason for a large map.
const NOBODY: [&str; 2] = ["nobody", "nogroup"];
/// Held while ids are chosen.
const LOCK: &str = "id-maps.lock";

/// Why a container's ids cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum IdMapsError {
    /// What the user may map.
    #[error(transparent)]
    Grants(#[from] UserNamespaceError),
    /// The maps asked for.
    #[error("{option} cannot be had")]
    Maps {
        /// What was asked for.
        option: String,
        /// The cause.
        #[source]
        source: MapError,
    },
    /// It needs ids that the user does not have.
    #[error("{option} needs subordinate ids, and none are granted to uid {uid}")]
    NoRange {
        /// What was asked for.
        option: String,
        /// The user.
        uid: u32,
    },
    /// Root has all ids, so there is nothing to keep or to leave out.
    #[error("{option} is for ordinary users")]
    OnlyRootless {
        /// What was asked for.
        option: String,
    },
    /// Somebody without ids.
    #[error("`{name}` has no ids in {file}")]
    NoGrant {
        /// Whose.
        name: String,
        /// The file.
        file: &'static str,
    },
    /// A file of grants.
    #[error("cannot read {file}")]
    File {
        /// The file.
        file: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The container whose ids are wanted.
    #[error("--userns container:{name} cannot be had")]
    Find {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The store.
    #[error(transparent)]
    Store(#[from] FileError),
    /// The lock around the choice.
    #[error("cannot lock the choice of ids")]
    Lock(#[source] io::Error),
}

impl IdMapsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Grants(err) => err.hint(),
            Self::Store(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Maps { source: MapError::NoRoot, .. } => {
                Some("map container id 0 as well, as in --uidmap 0:1:1".to_owned())
            }
            Self::Maps { source: MapError::Twice { .. } | MapError::Shared { .. }, .. } => None,
            Self::Maps { .. } | Self::NoRange { .. } => Some(
                "grant more (`pontoon doctor` shows those there are): usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER".to_owned(),
            ),
            Self::OnlyRootless { .. } => Some("use --userns auto, or --uidmap and --gidmap".to_owned()),
            Self::NoGrant { name, file } => {
                Some(format!("add a line to it: {name}:1000000:1048576 in {file}"))
            }
            Self::Find { .. } => Some("`pontoon ps --all` lists all containers".to_owned()),
            Self::File { .. } | Self::Lock(_) => None,
        }
    }
}

/// The default map of whoever asks: as root all ids.
fn granted(host: &Host, grants: Option<&Grants>) -> IdMaps {
    if host.is_rootless() { grants.map(Grants::maps).unwrap_or_default() } else { IdMaps::all() }
}

fn grants(host: &Host) -> Result<Option<Grants>, IdMapsError> {
    Ok(if host.is_rootless() { Some(host.grants()?) } else { None })
}

/// The map in which image layers are stored.
///
/// # Errors
/// See [`IdMapsError`].
pub fn stored(host: &Host) -> Result<IdMaps, IdMapsError> {
    Ok(granted(host, grants(host)?.as_ref()))
}

/// A container's maps; `None` if it has no user namespace (as root).
///
/// # Errors
/// See [`IdMapsError`].
pub fn of(host: &Host, store: &Store, record: &ContainerRecord) -> Result<Option<IdMaps>, IdMapsError> {
    let mode = &record.request.userns;
    let option = || format!("--userns {}", mode.word());
    let grants = grants(host)?;
    let all = granted(host, grants.as_ref());
    let with_range = || match &grants {
        Some(grants) if grants.subuids.is_empty() => {
            Err(IdMapsError::NoRange { option: option(), uid: grants.uid })
        }
        Some(grants) => Ok(grants),
        None => Err(IdMapsError::OnlyRootless { option: option() }),
    };
    let maps = match mode {
        UserNsMode::Host => return Ok(grants.map(|it| it.maps())),
        // Root has all ids and keeps them; it says at most who runs the payload.
        UserNsMode::KeepId { .. } if grants.is_none() => return Ok(None),
        UserNsMode::KeepId { uid, gid, size } => {
            let grants = with_range()?;
            let inside = (uid.unwrap_or(grants.uid), gid.unwrap_or(grants.gid));
            let own = (grants.uid, grants.gid);
            IdMaps::keep_id(own, inside, *size, &grants.subuids, &grants.subgids)
                .map_err(|source| IdMapsError::Maps { option: option(), source })?
        }
        UserNsMode::NoMap => {
            let grants = with_range()?;
            IdMaps::subordinate(&grants.subuids, &grants.subgids)
        }
        UserNsMode::Mapped { uids, gids } => {
            let side = |name: &str, wishes: &[idmap::Wish], granted: &[IdRange]| {
                if wishes.is_empty() {
                    return Ok(granted.to_vec());
                }
                let failed = |source| IdMapsError::Maps { option: name.to_owned(), source };
                idmap::wished(wishes, granted, grants.is_some()).map_err(failed)
            };
            IdMaps { uids: side("--uidmap", uids, &all.uids)?, gids: side("--gidmap", gids, &all.gids)? }
        }
        UserNsMode::Granted { user, group } => of_grantee(user, group, &all)?,
        // Known since the container was made.
        UserNsMode::Auto(_) | UserNsMode::Path(_) => record.id_maps.clone().unwrap_or_default(),
        UserNsMode::Container(name) => {
            let missing = |source| IdMapsError::Find { name: name.clone(), source };
            let other: ContainerRecord = store.find_container(name).map_err(missing)?.read_record()?;
            // A ring of containers cannot be made: each was there before the one that names it.
            return of(host, store, &other);
        }
    };
    if maps.host_uid(0).is_none() || maps.host_gid(0).is_none() {
        return Err(IdMapsError::Maps { option: option(), source: MapError::NoRoot });
    }
    Ok(Some(maps))
}

/// All that `/etc/subuid` and `/etc/subgid` grant to somebody, from container id 0 on.
fn of_grantee(user: &str, group: &str, all: &IdMaps) -> Result<IdMaps, IdMapsError> {
    let read = |file: &'static str, name: &str| {
        let ranges =
            subid::read(file, Some(name), u32::MAX).map_err(|source| IdMapsError::File { file, source })?;
        if ranges.is_empty() {
            return Err(IdMapsError::NoGrant { name: name.to_owned(), file });
        }
        Ok(ranges)
    };
    let maps = IdMaps::subordinate(&read(subid::SUBUID, user)?, &read(subid::SUBGID, group)?);
    let is_ours = |map: &[IdRange], all: &[IdRange]| {
        let inside = |it: &IdRange| {
            all.iter().any(|own| it.host >= own.host && it.host - own.host + it.size <= own.size)
        };
        map.iter().all(inside)
    };
    if is_ours(&maps.uids, &all.uids) && is_ours(&maps.gids, &all.gids) {
        return Ok(maps);
    }
    let id = maps.uids.first().map_or_else(String::new, |it| format!("@{}", it.host));
    Err(IdMapsError::Maps { option: format!("--subuidname {user}"), source: MapError::NotGranted { id } })
}

/// Chooses the ids of a container that is to have some that no other has; the lock is held until its record is written.
///
/// # Errors
/// See [`IdMapsError`].
pub fn choose(
    host: &Host,
    store: &Store,
    wanted: &AutoUserNs,
    request: &CreateRequest,
    layers: &[PathBuf],
    config: &ImageConfig,
) -> Result<(IdMaps, OwnedFd), IdMapsError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let path = store.paths().root.join(LOCK);
    let lock = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|err| IdMapsError::Lock(err.into()))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|err| IdMapsError::Lock(err.into()))?;
    let grants = grants(host)?;
    // What is wished for is told by the ids of whoever asks, which for root are the host's, as in Podman.
    let all = granted(host, grants.as_ref());
    let pool = match grants {
        Some(grants) if grants.subuids.is_empty() => {
            return Err(IdMapsError::NoRange { option: "--userns auto".to_owned(), uid: grants.uid });
        }
        Some(grants) => grants.maps(),
        // Root takes only what was put aside for containers; id 0 of the pool is nobody's.
        None => {
            let all = of_grantee(ROOTS_GRANTEE, ROOTS_GRANTEE, &IdMaps::all())?;
            let shifted = |map: Vec<IdRange>| {
                map.into_iter().map(|it| IdRange { container: it.container + 1, ..it }).collect()
            };
            IdMaps { uids: shifted(all.uids), gids: shifted(all.gids) }
        }
    };
    let taken: Vec<IdMaps> = store
        .list_containers()?
        .containers
        .iter()
        .filter_map(|it| it.record::<ContainerRecord>().ok()?.id_maps)
        .collect();
    let size = wanted.size.unwrap_or_else(|| size_for(request, layers, config));
    let side = |wishes: &[idmap::Wish], granted: &[IdRange], pool: &[IdRange], taken: Vec<IdRange>| {
        idmap::unused(size, wishes, granted, pool, &taken)
            .map_err(|source| IdMapsError::Maps { option: "--userns auto".to_owned(), source })
    };
    let uids =
        side(&wanted.uids, &all.uids, &pool.uids, taken.iter().flat_map(|it| it.uids.clone()).collect())?;
    let gids =
        side(&wanted.gids, &all.gids, &pool.gids, taken.iter().flat_map(|it| it.gids.clone()).collect())?;
    Ok((IdMaps { uids, gids }, lock))
}

/// As many ids as the users and groups in the image, or in the directory that stands for one, need, and those that the
/// container is to run with.
fn size_for(request: &CreateRequest, layers: &[PathBuf], config: &ImageConfig) -> u32 {
    let mut highest = 0;
    for file in ["etc/passwd", "etc/group"] {
        // One that is mounted there, else the topmost layer's; what is no plain file says nothing.
        let in_layers = || layers.iter().map(|it| it.join(file)).find(|it| it.symlink_metadata().is_ok());
        let found = mounted(request, file).or_else(in_layers);
        let is_plain =
            |it: &PathBuf| it.symlink_metadata().is_ok_and(|it| it.is_file() && it.len() < 8 << 20);
        let text = found.filter(is_plain).and_then(|it| std::fs::read(it).ok()).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let mut fields = line.split(':');
            let name = fields.next().unwrap_or_default();
            let ids = fields.skip(1).take(if file == "etc/passwd" { 2 } else { 1 });
            if !NOBODY.contains(&name) {
                highest = ids.filter_map(|it| it.parse::<u32>().ok()).fold(highest, u32::max);
            }
        }
    }
    let user = request.user.as_ref().unwrap_or(&config.config.user);
    let asked = user.split(':').chain(request.group_add.iter().map(String::as_str));
    let asked = asked.filter_map(|it| it.parse::<u32>().ok());
    asked.fold(highest, u32::max).saturating_add(1).clamp(FEWEST, MOST)
}

/// The file of the host that is mounted in place of one of `/etc`, by itself or with the whole directory.
fn mounted(request: &CreateRequest, file: &str) -> Option<PathBuf> {
    let at = |target: &str| {
        request.mounts.iter().rev().find_map(|it| match &it.source {
            MountSource::Bind(source) if it.target.trim_matches('/') == target => Some(source.clone()),
            _ => None,
        })
    };
    let name = file.trim_start_matches("etc/");
    at(file).or_else(|| at("etc").map(|it| it.join(name)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::request::MountRequest;

    #[test]
    fn room_is_made_for_those_who_are_asked_for() {
        let base = std::env::temp_dir().join(format!("pontoon-id-maps-{}", std::process::id()));
        let (image, host) = (base.join("image"), base.join("host"));
        std::fs::create_dir_all(image.join("etc")).unwrap();
        std::fs::create_dir_all(&host).unwrap();
        let users = "root:x:0:0::/:/bin/sh\ndave:x:1500:1501::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
        std::fs::write(image.join("etc/passwd"), users).unwrap();
        std::fs::write(host.join("passwd"), "app:x:4000:4000::/:/bin/sh\n").unwrap();
        let bind = |source: PathBuf, target: &str| MountRequest {
            source: MountSource::Bind(source),
            target: target.to_owned(),
            options: Vec::new(),
        };
        let size = |user: Option<&str>, groups: &[&str], mounts: Vec<MountRequest>| {
            let request = CreateRequest {
                user: user.map(str::to_owned),
                group_add: groups.iter().map(|it| (*it).to_owned()).collect(),
                mounts,
                ..CreateRequest::default()
            };
            size_for(&request, std::slice::from_ref(&image), &ImageConfig::default())
        };
        assert_eq!(size(None, &[], vec![]), 1502);
        assert_eq!(size(Some("3000"), &[], vec![]), 3001);
        assert_eq!(size(Some("2000:3000"), &[], vec![]), 3001);
        assert_eq!(size(Some("dave"), &["audio", "5000"], vec![]), 5001);
        assert_eq!(size(None, &[], vec![bind(host.join("passwd"), "/etc/passwd")]), 4001);
        assert_eq!(size(None, &[], vec![bind(host.clone(), "/etc")]), 4001);
        assert_eq!(size(Some("4000000000"), &[], vec![]), MOST);
        std::fs::remove_dir_all(base).unwrap();
    }
}
