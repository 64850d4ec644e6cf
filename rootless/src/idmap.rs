//! Which host ids stand for which container ids.
//!
//! Reads nothing and enters nothing: it is given ranges and gives back a map that covers every id once.
//! Entering a namespace with that map is the business of [`crate::userns`].

use serde::{Deserialize, Serialize};

/// A run of ids: `size` ids of the container from `container` on are `size` ids of the host from `host` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// First id inside.
    pub container: u32,
    /// First id outside.
    pub host: u32,
    /// How many.
    pub size: u32,
}

/// Maps for users and groups, as written to `uid_map` and `gid_map`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMaps {
    /// User ids.
    pub uids: Vec<IdRange>,
    /// Group ids.
    pub gids: Vec<IdRange>,
}

/// Ids that a user owns besides its own: `(first, count)`, as in `/etc/subuid`.
pub type OwnedRange = (u32, u32);

/// Why a map cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MapError {
    /// `keep-id:uid=N` asks for more ids than there are.
    #[error(
        "container id {wanted} needs {wanted} subordinate ids below it, and only {available} are granted"
    )]
    NotEnough {
        /// The container id.
        wanted: u32,
        /// How many subordinate ids there are.
        available: u32,
    },
}

impl IdMaps {
    /// The default map of a rootless user: the user is root inside, its subordinate ids follow from 1 on.
    #[must_use]
    pub fn rootless(uid: u32, gid: u32, subuids: &[OwnedRange], subgids: &[OwnedRange]) -> Self {
        Self { uids: root_then(uid, subuids), gids: root_then(gid, subgids) }
    }

    /// The `keep-id` map: the user has the ids `inside` in the container, the subordinate ids fill what is below and above.
    ///
    /// # Errors
    /// [`MapError::NotEnough`] if there are fewer subordinate ids than ids below the kept one.
    pub fn keep_id(
        (uid, gid): (u32, u32),
        inside: (u32, u32),
        size: Option<u32>,
        subuids: &[OwnedRange],
        subgids: &[OwnedRange],
    ) -> Result<Self, MapError> {
        Ok(Self { uids: keep(uid, inside.0, size, subuids)?, gids: keep(gid, inside.1, size, subgids)? })
    }

    /// The host id behind a container id.
    #[must_use]
    pub fn host_uid(&self, container: u32) -> Option<u32> {
        to_host(&self.uids, container)
    }

    /// The host group id behind a container group id.
    #[must_use]
    pub fn host_gid(&self, container: u32) -> Option<u32> {
        to_host(&self.gids, container)
    }

    /// Whether only one id is mapped: there is no subordinate range.
    #[must_use]
    pub fn is_single(&self) -> bool {
        let total = |ranges: &[IdRange]| ranges.iter().map(|it| u64::from(it.size)).sum::<u64>();
        total(&self.uids) <= 1 || total(&self.gids) <= 1
    }
}

/// Looks a container id up in a map.
#[must_use]
pub fn to_host(ranges: &[IdRange], container: u32) -> Option<u32> {
    ranges
        .iter()
        .find(|it| container >= it.container && container - it.container < it.size)
        .map(|it| it.host + (container - it.container))
}

/// Looks a host id up in a map.
#[must_use]
pub fn to_container(ranges: &[IdRange], host: u32) -> Option<u32> {
    ranges
        .iter()
        .find(|it| host >= it.host && host - it.host < it.size)
        .map(|it| it.container + (host - it.host))
}

fn root_then(own: u32, subordinate: &[OwnedRange]) -> Vec<IdRange> {
    let mut map = vec![IdRange { container: 0, host: own, size: 1 }];
    fill(&mut map, 1, u32::MAX - 1, &mut Supply::new(subordinate));
    map
}

fn keep(
    own: u32,
    inside: u32,
    size: Option<u32>,
    subordinate: &[OwnedRange],
) -> Result<Vec<IdRange>, MapError> {
    let mut supply = Supply::new(subordinate);
    let available = supply.left();
    if inside > available {
        return Err(MapError::NotEnough { wanted: inside, available });
    }
    let mut map = Vec::new();
    fill(&mut map, 0, inside, &mut supply);
    map.push(IdRange { container: inside, host: own, size: 1 });
    let above = size.map_or(u32::MAX, |size| size.saturating_sub(inside.saturating_add(1)));
    if let Some(first) = inside.checked_add(1) {
        fill(&mut map, first, above, &mut supply);
    }
    Ok(map)
}

/// Appends up to `wanted` ids from `first` on, taken from the supply in order.
fn fill(map: &mut Vec<IdRange>, first: u32, wanted: u32, supply: &mut Supply<'_>) {
    let (mut container, mut wanted) = (first, wanted.min(u32::MAX - first));
    while wanted > 0 {
        let Some((host, size)) = supply.take(wanted) else { return };
        map.push(IdRange { container, host, size });
        container += size;
        wanted -= size;
    }
}

/// Subordinate ranges, handed out in order.
struct Supply<'a> {
    ranges: &'a [OwnedRange],
    used: u32,
}

impl<'a> Supply<'a> {
    fn new(ranges: &'a [OwnedRange]) -> Self {
        Self { ranges, used: 0 }
    }

    fn left(&self) -> u32 {
        self.ranges.iter().fold(0, |sum: u32, it| sum.saturating_add(it.1)) - self.used
    }

    fn take(&mut self, at_most: u32) -> Option<(u32, u32)> {
        while let [(first, count), rest @ ..] = self.ranges {
            if self.used < *count {
                let size = (*count - self.used).min(at_most);
                let host = *first + self.used;
                self.used += size;
                return Some((host, size));
            }
            self.ranges = rest;
            self.used = 0;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(container: u32, host: u32, size: u32) -> IdRange {
        IdRange { container, host, size }
    }

    #[test]
    fn the_user_is_root_inside_and_its_ranges_follow() {
        let maps = IdMaps::rootless(1000, 1000, &[(100_000, 65_536), (500_000, 10)], &[(100_000, 65_536)]);
        assert_eq!(maps.uids, [range(0, 1000, 1), range(1, 100_000, 65_536), range(65_537, 500_000, 10)]);
        assert_eq!(maps.host_uid(0), Some(1000));
        assert_eq!(maps.host_uid(33), Some(100_032));
        assert_eq!(maps.host_uid(65_547), None);
    }

    #[test]
    fn without_a_range_one_id_is_mapped() {
        let maps = IdMaps::rootless(1001, 1001, &[], &[]);
        assert_eq!(maps.uids, [range(0, 1001, 1)]);
        assert!(maps.is_single());
    }

    #[test]
    fn keep_id_maps_the_caller_to_itself() -> Result<(), MapError> {
        let subordinate = [(100_000, 65_536)];
        let maps = IdMaps::keep_id((1000, 1000), (1000, 1000), None, &subordinate, &subordinate)?;
        assert_eq!(maps.uids, [range(0, 100_000, 1000), range(1000, 1000, 1), range(1001, 101_000, 64_536)]);
        assert_eq!(maps.host_uid(1000), Some(1000));
        Ok(())
    }

    #[test]
    fn keep_id_can_give_the_caller_another_id_and_a_size() -> Result<(), MapError> {
        let subordinate = [(100_000, 65_536)];
        let maps = IdMaps::keep_id((1000, 1000), (0, 33), Some(100), &subordinate, &subordinate)?;
        assert_eq!(maps.uids, [range(0, 1000, 1), range(1, 100_000, 99)]);
        assert_eq!(maps.gids, [range(0, 100_000, 33), range(33, 1000, 1), range(34, 100_033, 66)]);
        Ok(())
    }

    #[test]
    fn keep_id_says_when_there_are_too_few_ids() {
        let result = IdMaps::keep_id((1000, 1000), (1000, 1000), None, &[(100_000, 10)], &[(100_000, 10)]);
        assert_eq!(result, Err(MapError::NotEnough { wanted: 1000, available: 10 }));
    }

    #[test]
    fn ranges_at_the_end_of_the_id_space_do_not_overflow() {
        let maps = IdMaps::rootless(1000, 1000, &[(u32::MAX - 5, 5), (1, u32::MAX)], &[]);
        assert_eq!(to_host(&maps.uids, 6), Some(1));
        assert_eq!(to_container(&maps.uids, u32::MAX - 5), Some(1));
    }
}
