//! Whose the files of an image are, seen with a container's ids.

use pontoon_rootless::idmap::{self, IdMaps, to_container, to_host};
use pontoon_storage::{IdRange, IdShift, Store};

use crate::host::Host;
use crate::id_maps::{self, IdMapsError};
use crate::record::ContainerRecord;

/// The container's id maps, and how its image's files must be re-owned for them.
#[derive(Debug)]
pub(super) struct Ids {
    /// Its own; `None` if it has those of the host.
    pub maps: Option<IdMaps>,
    /// The map in which layers are stored.
    pub stored: IdMaps,
}

impl Ids {
    /// Those of a container.
    pub fn read(host: &Host, store: &Store, record: &ContainerRecord) -> Result<Self, IdMapsError> {
        Ok(Self { maps: id_maps::of(host, store, record)?, stored: id_maps::stored(host)? })
    }

    /// Kept as id 0 the user's map is the default one, and files are as they should be.
    pub fn shift(&self) -> Option<IdShift> {
        let (stored, maps) = (&self.stored, self.maps.as_ref()?);
        let shift = || IdShift {
            uids: shift(&stored.uids, &maps.uids),
            gids: shift(&stored.gids, &maps.gids),
            other_user: unmapped(&stored.uids, &maps.uids),
            other_group: unmapped(&stored.gids, &maps.gids),
        };
        (maps != stored).then(shift)
    }
}

/// An id of the default map that the container does not have: files that belong to nobody there get it.
fn unmapped(stored: &[idmap::IdRange], maps: &[idmap::IdRange]) -> Option<u32> {
    // If there is one, there is one beside an end of some range.
    let ends = stored
        .iter()
        .map(|it| it.host)
        .chain(maps.iter().flat_map(|it| [it.host.checked_sub(1), it.host.checked_add(it.size)]).flatten());
    let mut unknown = ends.filter(|host| to_container(maps, *host).is_none());
    unknown.find_map(|host| to_container(stored, host))
}

/// An image's file with id `c` must belong to the host id that `c` stands for in the container; both are seen here through
/// the default map, in which layers are unpacked.
fn shift(stored: &[idmap::IdRange], wanted: &[idmap::IdRange]) -> Vec<IdRange> {
    // Cut where either map has an edge, so that every piece is one run on both sides.
    let mut edges: Vec<u32> = Vec::new();
    for it in wanted {
        edges.extend([it.container, it.container.saturating_add(it.size)]);
        for edge in stored {
            for host in [edge.host, edge.host.saturating_add(edge.size)] {
                edges.extend(to_container(wanted, host));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    let mut pieces = Vec::new();
    for pair in edges.windows(2) {
        if let [from, end] = *pair
            && let Some(to) = to_host(wanted, from).and_then(|host| to_container(stored, host))
        {
            pieces.push(IdRange { from, to, length: end - from });
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use pontoon_rootless::idmap::IdMaps;

    #[test]
    fn keep_id_gives_the_users_files_to_the_user() {
        let subordinate = [(100_000, 65_536)];
        let stored = IdMaps::rootless(1000, 1000, &subordinate, &subordinate);
        let wanted = IdMaps::keep_id((1000, 1000), (1000, 1000), None, &subordinate, &subordinate).unwrap();
        let pieces = shift(&stored.uids, &wanted.uids);
        let to = |from: u32| {
            pieces
                .iter()
                .find(|it| from >= it.from && from - it.from < it.length)
                .map(|it| it.to + (from - it.from))
        };
        assert_eq!(to(1000), Some(0));
        assert_eq!(to(0), Some(1));
        assert_eq!(to(999), Some(1000));
        assert_eq!(to(1001), Some(1001));
        assert_eq!(unmapped(&stored.uids, &wanted.uids), None);
        let few = IdMaps::keep_id((1000, 1000), (10, 10), Some(100), &subordinate, &subordinate).unwrap();
        assert_eq!(unmapped(&stored.uids, &few.uids), Some(100));
    }
}
