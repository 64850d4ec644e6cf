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
    /// An id of the host, or of the user's own default map, that is not granted.
    #[error("id {id} is not granted to the user")]
    NotGranted {
        /// As it was asked for.
        id: String,
    },
    /// One id twice.
    #[error("container id {container} is mapped twice")]
    Twice {
        /// The container id.
        container: u32,
    },
    /// The same id of the host for two of the container.
    #[error("container id {container} is given an id that another one has")]
    Shared {
        /// The container id.
        container: u32,
    },
    /// Nobody could do what must be done before the payload runs.
    #[error("container id 0 is not mapped")]
    NoRoot,
    /// All ids are in use.
    #[error("{wanted} ids in a row that no other container has are not to be had")]
    NoneFree {
        /// How many.
        wanted: u32,
    },
}

/// Which ids are asked for by `--uidmap` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// First id inside.
    pub container: u32,
    /// First id outside.
    pub outside: Outside,
    /// How many.
    pub size: u32,
    /// It takes the place of what earlier ones say of the same ids; and a user's others are mapped as well, to what is left.
    pub extends: bool,
}

/// An id outside of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// An id of the user's default map: 0 is the user, the subordinate ids follow from 1 on. As root, an id of the host.
    Granted(u32),
    /// An id of the host.
    Host(u32),
}

/// The map that wishes make, where `granted` is the default map. `has_default` says whether a container has that of itself, as a
/// user's does: then it is what is extended. Root's has none.
///
/// # Errors
/// See [`MapError`].
pub fn wished(wishes: &[Wish], granted: &[IdRange], has_default: bool) -> Result<Vec<IdRange>, MapError> {
    let mut map: Vec<IdRange> = Vec::new();
    for wish in wishes {
        let pieces = resolve(wish, granted)?;
        if wish.extends {
            map = map.iter().flat_map(|it| cut(it, wish.container, wish.size)).collect();
        }
        map.extend(pieces);
    }
    let taken = disjoint(&map, |it| it.host).map_err(|container| MapError::Shared { container })?;
    if has_default && wishes.iter().any(|it| it.extends) {
        let free: Vec<OwnedRange> = granted.iter().flat_map(|it| without(it.host, it.size, &taken)).collect();
        let inside = disjoint(&map, |it| it.container).map_err(|container| MapError::Twice { container })?;
        let mut supply = Supply::new(&free);
        for (first, count) in without(0, u32::MAX, &inside) {
            fill(&mut map, first, count, &mut supply);
        }
    }
    disjoint(&map, |it| it.container).map_err(|container| MapError::Twice { container })?;
    map.sort_by_key(|it| it.container);
    Ok(joined(map))
}

/// The lowest `size` ids in a row of `pool`, from its id 1 on, that nobody has, as a map from container id 0 on; `wishes` have
/// ids of their own, of those that are granted.
///
/// # Errors
/// See [`MapError`].
pub fn unused(
    size: u32,
    wishes: &[Wish],
    granted: &[IdRange],
    pool: &[IdRange],
    used: &[IdRange],
) -> Result<Vec<IdRange>, MapError> {
    let mut map = Vec::new();
    for wish in wishes {
        map.extend(resolve(wish, granted)?);
    }
    let wished = disjoint(&map, |it| it.host).map_err(|container| MapError::Shared { container })?;
    let inside = disjoint(&map, |it| it.container).map_err(|container| MapError::Twice { container })?;
    let mut taken: Vec<OwnedRange> = used.iter().map(|it| (it.host, it.size)).collect();
    taken.extend(to_host(pool, 0).map(|own| (own, 1)));
    taken.extend(&wished);
    let free = pool.iter().flat_map(|it| without(it.host, it.size, &taken));
    let needed = without(0, size, &inside).iter().map(|it| it.1).sum::<u32>();
    let (first, _) =
        free.into_iter().find(|it| it.1 >= needed).ok_or(MapError::NoneFree { wanted: needed })?;
    let range = [(first, needed)];
    let mut supply = Supply::new(&range);
    for (first, count) in without(0, size, &inside) {
        fill(&mut map, first, count, &mut supply);
    }
    map.sort_by_key(|it| it.container);
    Ok(joined(map))
}

/// One wish, cut where the default map has edges.
fn resolve(wish: &Wish, granted: &[IdRange]) -> Result<Vec<IdRange>, MapError> {
    let mut pieces = Vec::new();
    let mut done = 0;
    while done < wish.size {
        let refused = |id: u32, at: &str| MapError::NotGranted {
            id: format!("{at}{}", u64::from(id) + u64::from(done)),
        };
        let (range, host) = match wish.outside {
            Outside::Granted(id) => {
                let at = id.checked_add(done).ok_or_else(|| refused(id, ""))?;
                let range = granted.iter().find(|it| at >= it.container && at - it.container < it.size);
                let range = range.ok_or_else(|| refused(id, ""))?;
                (range, range.host + (at - range.container))
            }
            Outside::Host(id) => {
                let at = id.checked_add(done).ok_or_else(|| refused(id, "@"))?;
                let range = granted.iter().find(|it| at >= it.host && at - it.host < it.size);
                (range.ok_or_else(|| refused(id, "@"))?, at)
            }
        };
        let size = (wish.size - done).min(range.size - (host - range.host));
        let container =
            wish.container.checked_add(done).ok_or(MapError::Twice { container: wish.container })?;
        pieces.push(IdRange { container, host, size });
        done += size;
    }
    Ok(pieces)
}

/// A range without the container ids of another one.
fn cut(range: &IdRange, container: u32, size: u32) -> Vec<IdRange> {
    let left = without(range.container, range.size, &[(container, size)]);
    let moved = |(first, size): (u32, u32)| IdRange {
        container: first,
        host: range.host + (first - range.container),
        size,
    };
    left.into_iter().map(moved).collect()
}

/// One side of a map, sorted; else the container id of a range that overlaps another.
fn disjoint(map: &[IdRange], side: fn(&IdRange) -> u32) -> Result<Vec<OwnedRange>, u32> {
    let mut sorted: Vec<_> = map.iter().collect();
    sorted.sort_by_key(|it| side(it));
    for pair in sorted.windows(2) {
        if let [one, other] = pair
            && u64::from(side(one)) + u64::from(one.size) > u64::from(side(other))
        {
            return Err(other.container);
        }
    }
    Ok(sorted.into_iter().map(|it| (side(it), it.size)).collect())
}

/// A run of ids without those that are taken.
fn without(first: u32, size: u32, taken: &[OwnedRange]) -> Vec<OwnedRange> {
    let mut taken: Vec<OwnedRange> = taken.to_vec();
    taken.sort_unstable();
    let (mut at, end) = (u64::from(first), u64::from(first) + u64::from(size));
    let mut free = Vec::new();
    let mut add = |from: u64, to: u64| {
        if let (Ok(from), Ok(size)) = (u32::try_from(from), u32::try_from(to.saturating_sub(from)))
            && size > 0
        {
            free.push((from, size));
        }
    };
    for (start, count) in taken {
        let (start, stop) = (u64::from(start), u64::from(start) + u64::from(count));
        add(at, start.min(end));
        at = at.max(stop).min(end.max(at));
    }
    add(at, end);
    free
}

/// Ranges that follow each other on both sides, as one.
fn joined(map: Vec<IdRange>) -> Vec<IdRange> {
    let mut whole: Vec<IdRange> = Vec::new();
    for range in map {
        match whole.last_mut() {
            Some(last)
                if last.container.checked_add(last.size) == Some(range.container)
                    && last.host.checked_add(last.size) == Some(range.host) =>
            {
                last.size += range.size;
            }
            _ => whole.push(range),
        }
    }
    whole
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

    /// The `nomap` map: the subordinate ids alone.
    #[must_use]
    pub fn subordinate(subuids: &[OwnedRange], subgids: &[OwnedRange]) -> Self {
        let all = |ranges: &[OwnedRange]| {
            let mut map = Vec::new();
            fill(&mut map, 0, u32::MAX - 1, &mut Supply::new(ranges));
            map
        };
        Self { uids: all(subuids), gids: all(subgids) }
    }

    /// The map of root, who has all ids.
    #[must_use]
    pub fn all() -> Self {
        let all = || vec![IdRange { container: 0, host: 0, size: u32::MAX }];
        Self { uids: all(), gids: all() }
    }

    /// The same map, told by ids of `outer` in place of the host's; ids that it does not have are left out.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Self {
        Self { uids: within(&self.uids, &outer.uids), gids: within(&self.gids, &outer.gids) }
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

    /// Whether a user and group of the host have ids in the container.
    #[must_use]
    pub fn knows(&self, uid: u32, gid: u32) -> bool {
        to_container(&self.uids, uid).is_some() && to_container(&self.gids, gid).is_some()
    }

    /// Whether only one id is mapped: there is no subordinate range.
    #[must_use]
    pub fn is_single(&self) -> bool {
        let total = |ranges: &[IdRange]| ranges.iter().map(|it| u64::from(it.size)).sum::<u64>();
        total(&self.uids) <= 1 || total(&self.gids) <= 1
    }
}

fn within(map: &[IdRange], outer: &[IdRange]) -> Vec<IdRange> {
    let mut pieces = Vec::new();
    for range in map {
        for other in outer {
            let first = range.host.max(other.host);
            let end = |it: &IdRange| u64::from(it.host) + u64::from(it.size);
            let size = end(range).min(end(other)).saturating_sub(u64::from(first));
            if let Ok(size @ 1..) = u32::try_from(size) {
                let container = range.container + (first - range.host);
                pieces.push(IdRange { container, host: other.container + (first - other.host), size });
            }
        }
    }
    // Not joined: the kernel takes no range that reaches over an edge of the map above.
    pieces.sort_by_key(|it| it.container);
    pieces
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

    fn wish(container: u32, outside: Outside, size: u32, extends: bool) -> Wish {
        Wish { container, outside, size, extends }
    }

    /// Maps that Podman 5.4 makes of the same words for the same user, told by ids of the host.
    #[test]
    fn wishes_are_filled_up_as_podman_does() -> Result<(), MapError> {
        use Outside::{Granted, Host};
        let granted = IdMaps::rootless(1000, 1000, &[(100_000, 65_536)], &[]).uids;
        // `+1234:@1000`
        assert_eq!(
            wished(&[wish(1234, Host(1000), 1, true)], &granted, true)?,
            [range(0, 100_000, 1234), range(1234, 1000, 1), range(1235, 101_234, 64_302)]
        );
        // `+82:10008:1`
        assert_eq!(
            wished(&[wish(82, Granted(10_008), 1, true)], &granted, true)?,
            [
                range(0, 1000, 1),
                range(1, 100_000, 81),
                range(82, 110_007, 1),
                range(83, 100_081, 9926),
                range(10_009, 110_008, 55_528)
            ]
        );
        // `0:1:1000`, and one that begins with the user
        assert_eq!(wished(&[wish(0, Granted(1), 1000, false)], &granted, true)?, [range(0, 100_000, 1000)]);
        assert_eq!(
            wished(&[wish(0, Granted(0), 10, false)], &granted, true)?,
            [range(0, 1000, 1), range(1, 100_000, 9)]
        );
        // Root has no default map; a later one takes the place of what an earlier one says.
        let all = IdMaps::all().uids;
        assert_eq!(wished(&[wish(0, Granted(100_000), 10, true)], &all, false)?, [range(0, 100_000, 10)]);
        assert_eq!(
            wished(
                &[wish(0, Granted(100_000), 1000, false), wish(5, Granted(300_000), 2, true)],
                &all,
                false
            )?,
            [range(0, 100_000, 5), range(5, 300_000, 2), range(7, 100_007, 993)]
        );
        Ok(())
    }

    #[test]
    fn wishes_that_cannot_be_fulfilled_are_refused() {
        use Outside::{Granted, Host};
        let granted = IdMaps::rootless(1000, 1000, &[(100_000, 65_536)], &[]).uids;
        let refused = |wishes: &[Wish]| wished(wishes, &granted, true).unwrap_err().to_string();
        assert_eq!(
            refused(&[wish(0, Granted(1_000_000), 65_535, false)]),
            "id 1000000 is not granted to the user"
        );
        assert_eq!(refused(&[wish(0, Host(0), 1, false)]), "id @0 is not granted to the user");
        assert_eq!(
            refused(&[wish(0, Granted(u32::MAX), 2, false)]),
            "id 4294967295 is not granted to the user"
        );
        let twice = [wish(0, Granted(1), 10, false), wish(5, Granted(20), 10, false)];
        assert_eq!(refused(&twice), "container id 5 is mapped twice");
        let shared = [wish(0, Granted(1), 10, false), wish(50, Granted(5), 10, false)];
        assert_eq!(refused(&shared), "container id 50 is given an id that another one has");
    }

    #[test]
    fn unused_ids_are_the_lowest_that_nobody_has() -> Result<(), MapError> {
        let granted = IdMaps::rootless(1000, 1000, &[(100_000, 65_536)], &[]).uids;
        let first = unused(2001, &[], &granted, &granted, &[])?;
        assert_eq!(first, [range(0, 100_000, 2001)]);
        assert_eq!(unused(1024, &[], &granted, &granted, &first)?, [range(0, 102_001, 1024)]);
        // `auto:uidmapping=0:5:1`
        let wishes = [wish(0, Outside::Granted(5), 1, false)];
        assert_eq!(unused(2001, &wishes, &granted, &granted, &[])?, [range(0, 100_004, 2001)]);
        // For root that is an id of the host, wherever the others are taken from.
        let wishes = [wish(0, Outside::Granted(500_000), 10, false)];
        assert_eq!(
            unused(1024, &wishes, &IdMaps::all().uids, &[range(1, 2_000_000, 65_536)], &[])?,
            [range(0, 500_000, 10), range(10, 2_000_000, 1014)]
        );
        assert_eq!(unused(65_537, &[], &granted, &granted, &[]), Err(MapError::NoneFree { wanted: 65_537 }));
        Ok(())
    }

    #[test]
    fn a_map_can_be_told_from_within_another() {
        let outer = IdMaps::rootless(1000, 1000, &[(100_000, 65_536)], &[(100_000, 65_536)]);
        let inner = IdMaps::subordinate(&[(100_000, 65_536)], &[(100_000, 65_536)]);
        assert_eq!(inner.uids, [range(0, 100_000, 65_536)]);
        assert_eq!(inner.within(&outer).uids, [range(0, 1, 65_536)]);
        let kept = IdMaps { uids: vec![range(0, 1000, 1), range(1, 100_005, 2)], gids: Vec::new() };
        assert_eq!(kept.within(&outer).uids, [range(0, 0, 1), range(1, 6, 2)]);
    }
}
