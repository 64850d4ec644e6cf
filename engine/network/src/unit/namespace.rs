//! Into the network namespace of a container.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use pontoon_rootless::sys::owner_namespace;
use rustix::fs::{Mode, OFlags, fstat};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Goes into a network namespace, by way of the user namespace that it belongs to. False if it is where we are already: the
/// host's.
pub fn enter(network: &OwnedFd) -> io::Result<bool> {
    let own = |kind: &str| {
        rustix::fs::open(format!("/proc/self/ns/{kind}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    };
    let is_same = |one: &OwnedFd, other: &OwnedFd| -> io::Result<bool> {
        let (one, other) = (fstat(one)?, fstat(other)?);
        Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
    };
    if is_same(network, &own("net")?)? {
        return Ok(false);
    }
    let user = owner_namespace(network)?;
    if !is_same(&user, &own("user")?)? {
        move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
    }
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(true)
}
