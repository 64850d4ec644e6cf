//! The option `idmap` of mounts: which owners files are shown with (podman-run(1), "idmap").
//!
//! `idmap` alone shows them with the container's ids: what belongs to id 0 of the file system belongs to the container's
//! root. `idmap=uids=FROM-TO-SIZE#…;gids=…` says which ids of the file system are which of the host's; with `@` before a
//! triplet, which of the container's.

use pontoon_rootless::idmap::{IdMaps, IdRange};
use serde::{Deserialize, Serialize};

/// Ids of a file system, and what they become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triplet {
    /// First id in the file system.
    pub from: u32,
    /// First id that it becomes: of the host's, or of the container's.
    pub to: u32,
    /// How many.
    pub size: u32,
    /// Whether it becomes an id of the container's.
    pub inside: bool,
}

/// What was asked for; a side that nothing is said about is the container's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdWish {
    /// User ids.
    pub uids: Vec<Triplet>,
    /// Group ids.
    pub gids: Vec<Triplet>,
}

/// Why files cannot be shown with other owners.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountIdsError {
    /// The words.
    #[error("`{part}` is no part of an idmap: it is uids= or gids=, and FROM-TO-SIZE#FROM-TO-SIZE…")]
    Word {
        /// The part.
        part: String,
    },
    /// Only root may.
    #[error(
        "idmap: the kernel lets only root show the host's files with other owners, and the container's ids are not those \
         that you have anyhow"
    )]
    OnlyRoot,
    /// A triplet speaks of ids that the container does not have.
    #[error("idmap: the container has no ids {to} to {}", u64::from(*to) + u64::from(*size) - 1)]
    NotInside {
        /// The first.
        to: u32,
        /// How many.
        size: u32,
    },
}

impl MountIdsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OnlyRoot => {
                Some("the option U gives the files to the container's user; or leave --userns out".to_owned())
            }
            Self::Word { .. } | Self::NotInside { .. } => None,
        }
    }
}

/// Reads what follows `idmap=`.
///
/// # Errors
/// [`MountIdsError::Word`].
pub fn parse(text: &str) -> Result<IdWish, MountIdsError> {
    let mut wish = IdWish::default();
    for side in text.split(';') {
        let wrong = |part: &str| MountIdsError::Word { part: part.to_owned() };
        let (name, list) = side.split_once('=').ok_or_else(|| wrong(side))?;
        let target = match name {
            "uids" => &mut wish.uids,
            "gids" => &mut wish.gids,
            _ => return Err(wrong(side)),
        };
        for part in list.split('#') {
            target.push(triplet(part).ok_or_else(|| wrong(part))?);
        }
    }
    Ok(wish)
}

fn triplet(text: &str) -> Option<Triplet> {
    let (inside, numbers) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
    let mut numbers = numbers.split('-').map(|it| it.parse::<u32>().ok());
    let (from, to, size) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let fits = |first: u32| first.checked_add(size).is_some();
    (numbers.next().is_none() && size > 0 && fits(from) && fits(to)).then_some(Triplet {
        from,
        to,
        size,
        inside,
    })
}

/// The map of a mount with these options; `None` shows files as they are. `maps` are the container's, `None` if it has no
/// user namespace of its own, and `stored` those of whoever asks.
///
/// # Errors
/// See [`MountIdsError`].
pub(crate) fn decide(
    options: &[String],
    maps: Option<&IdMaps>,
    stored: &IdMaps,
    is_rootless: bool,
) -> Result<Option<IdMaps>, MountIdsError> {
    let own = IdMaps::all();
    let container = maps.unwrap_or(&own);
    let Some(word) = options.iter().find(|it| *it == "idmap" || it.starts_with("idmap=")) else {
        return Ok(None);
    };
    let wish = match word.strip_prefix("idmap=") {
        None if container == stored => return Ok(None),
        None => IdWish::default(),
        Some(text) => parse(text)?,
    };
    if is_rootless {
        return Err(MountIdsError::OnlyRoot);
    }
    let side = |wish: &[Triplet], all: &[IdRange], inside: &dyn Fn(u32) -> Option<u32>| {
        if wish.is_empty() {
            return Ok(all.to_vec());
        }
        let range = |it: &Triplet| {
            let missing = || MountIdsError::NotInside { to: it.to, size: it.size };
            let host = if it.inside {
                let first = inside(it.to).ok_or_else(missing)?;
                // In one piece: a mount's map has as many lines as triplets.
                let last = inside(it.to + it.size - 1).ok_or_else(missing)?;
                if last.checked_sub(first) != Some(it.size - 1) {
                    return Err(missing());
                }
                first
            } else {
                it.to
            };
            Ok(IdRange { container: it.from, host, size: it.size })
        };
        wish.iter().map(range).collect::<Result<Vec<_>, _>>()
    };
    Ok(Some(IdMaps {
        uids: side(&wish.uids, &container.uids, &|id| container.host_uid(id))?,
        gids: side(&wish.gids, &container.gids, &|id| container.host_gid(id))?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps() -> IdMaps {
        let ids = vec![IdRange { container: 0, host: 100_000, size: 1000 }];
        IdMaps { uids: ids.clone(), gids: ids }
    }

    fn decided(
        word: &str,
        maps: Option<&IdMaps>,
        is_rootless: bool,
    ) -> Result<Option<IdMaps>, MountIdsError> {
        decide(&[word.to_owned()], maps, &IdMaps::all(), is_rootless)
    }

    #[test]
    fn words_are_triplets() {
        let wish = parse("uids=0-1-10#10-11-10;gids=@0-100-10").unwrap();
        assert_eq!(wish.uids[1], Triplet { from: 10, to: 11, size: 10, inside: false });
        assert_eq!(wish.gids, [Triplet { from: 0, to: 100, size: 10, inside: true }]);
        for wrong in ["", "bogus", "uids", "uids=", "uids=1-2", "uids=1-2-3-4", "uids=0-0-0", "uids=1-2-x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_other_ids_files_are_shown_as_they_are() {
        assert_eq!(decided("idmap", None, false), Ok(None));
        assert_eq!(decided("ro", Some(&maps()), false), Ok(None));
        assert_eq!(decide(&["idmap".to_owned()], Some(&maps()), &maps(), true), Ok(None));
    }

    #[test]
    fn the_container_s_ids_or_others() {
        assert_eq!(decided("idmap", Some(&maps()), false), Ok(Some(maps())));
        let some = decided("idmap=uids=@5-10-2;gids=7-20-1", Some(&maps()), false).unwrap().unwrap();
        assert_eq!(some.uids, [IdRange { container: 5, host: 100_010, size: 2 }]);
        assert_eq!(some.gids, [IdRange { container: 7, host: 20, size: 1 }]);
        assert!(matches!(
            decided("idmap=uids=@0-990-20", Some(&maps()), false),
            Err(MountIdsError::NotInside { .. })
        ));
        assert_eq!(decided("idmap", Some(&maps()), true), Err(MountIdsError::OnlyRoot));
    }
}
