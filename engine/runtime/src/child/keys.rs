//! The session key ring (session-keyring(7)).

use pontoon_rootless::sys;
use rustix::io::Errno;
use rustix::process::Uid;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::thread::set_thread_res_uid;

use super::confine::errno;
use crate::message::{Failure, Step};

/// How many other users are asked for room. One container may have used up those of some.
const OTHERS: usize = 16;

/// Ids that every map of a whole range has.
const RANGE: u32 = 65_000;

/// Gives the payload an empty key ring: whoever keeps that of our caller can read all keys in it.
///
/// The kernel counts rings by user, 200 for each, and the container's root is the host's user; so the two hundred and
/// first container, or one beside a container that has made keys until there was no more room, gets a ring that belongs to
/// another of its ids. With a single id there is none, and the container does not start.
pub(super) fn join_empty_ring() -> Result<(), Failure> {
    match sys::join_new_session_keyring().map_err(|err| errno(&err)) {
        Err(Errno::DQUOT) => {}
        // A kernel without keys, or a filter around us that leaves none.
        _ => return Ok(()),
    }
    for _ in 0..OTHERS {
        let mut random = [0_u8; 4];
        if getrandom(&mut random, GetRandomFlags::empty()).is_err() {
            break;
        }
        let other = Uid::from_raw(1 + u32::from_ne_bytes(random) % RANGE);
        // Only the real id, which owns the ring: with the others go the capabilities.
        if set_thread_res_uid(other, Uid::ROOT, Uid::ROOT).is_err() {
            continue;
        }
        let joined = sys::join_new_session_keyring().is_ok();
        set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
            .map_err(|err| Failure::new(Step::KeyRing, "", err))?;
        if joined {
            return Ok(());
        }
    }
    Err(Failure::new(Step::KeyRing, "", Errno::DQUOT))
}
