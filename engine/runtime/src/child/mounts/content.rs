//! What is in a mount before it has a place: copies of what the image has there.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{Timespec, poll};
use rustix::fs::{
    CWD, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, Stat, Uid, flock, fstat, openat,
    renameat_with,
};
use rustix::io::Errno;

use crate::plan::{CommonVolume, FirstCopy};
use crate::{paths, tree};

/// Where a copy is made in what is to be filled.
const STAGING: &str = ".pontoon-filling";
/// A whole copy for a volume, beside it.
const WHOLE: &str = "copied";

pub(super) fn reopen_directory(handle: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(handle, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The content of the image's directory, with its owner and mode unless options say which they are.
pub(super) fn copy_into_tmpfs(
    from: &OwnedFd,
    to: &OwnedFd,
    options: &[(String, String)],
) -> Result<(), Errno> {
    let before = fstat(to)?;
    tree::copy_contents(from, to)?;
    keep_asked(to, &before, |name| options.iter().any(|(key, _)| key == name))
}

/// Gives a directory back what its owner and mode were, as far as options say so.
fn keep_asked(to: &OwnedFd, before: &Stat, has: impl Fn(&str) -> bool) -> Result<(), Errno> {
    let (uid, gid) = (
        has("uid").then_some(Uid::from_raw(before.st_uid)),
        has("gid").then_some(Gid::from_raw(before.st_gid)),
    );
    if uid.is_some() || gid.is_some() {
        rustix::fs::fchown(to, uid, gid)?;
    }
    if has("mode") {
        rustix::fs::fchmod(to, Mode::from_raw_mode(before.st_mode & 0o7777))?;
    }
    Ok(())
}

/// What the file system of a volume begins with, which `is_fresh` if nobody had it before: its mode and owner are those of the
/// image's directory, or it is the container's user's, unless options say so. What the image has there is copied by whoever
/// finds nothing in it, and may do so.
pub(super) fn begin_common(
    root: &OwnedFd,
    target: &str,
    volume: &CommonVolume,
    mounted: &OwnedFd,
    is_fresh: bool,
    user: (u32, u32),
) -> Result<(), Errno> {
    // What a disk keeps is as it was left.
    if !volume.is_in_memory() {
        return Ok(());
    }
    let place = reopen_directory(mounted)?;
    let before = fstat(&place)?;
    let has = |name: &str| volume.options.iter().any(|(key, _)| key == name);
    match paths::open(root, target, OFlags::DIRECTORY) {
        Ok(source) => {
            let mode = Mode::from_raw_mode(before.st_mode & 0o7777);
            if !is_fresh && rustix::fs::fchmod(&place, mode).is_err() {
                // It is somebody else's, whose ids are not ours.
                return Ok(());
            }
            if volume.copies {
                fill(root, target, mounted)?;
            }
            if is_fresh {
                tree::copy_owner(&source, &place)?;
            }
            keep_asked(&place, &before, |name| has(name) || !is_fresh)
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if is_fresh => {
            rustix::fs::fchown(&place, Some(Uid::from_raw(user.0)), Some(Gid::from_raw(user.1)))?;
            keep_asked(&place, &before, has)
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
        Err(err) => Err(err),
    }
}

/// Gives a directory the mode of another one.
pub(super) fn take_mode(from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(fstat(from)?.st_mode & 0o7777);
    rustix::fs::fchmod(reopen_directory(to)?, mode)
}

/// Fills a volume that is empty: with the image's directory where there is one, else it is given to the container's user.
/// `user` are that one's ids here.
///
/// Containers that start with the same volume at the same time take turns, by a lock on the directory that holds it. The
/// volume's own directory stays the same one: somebody may have it mounted, whose image has nothing for it. So a whole copy
/// is made beside it, in the staging directory, which is then called [`WHOLE`], and its entries are moved. Whoever is killed leaves the
/// volume empty, or a copy with that name, which the next one goes on to move.
pub(super) fn first_copy_into(
    root: &OwnedFd,
    target: &str,
    volume: &Path,
    first_copy: &FirstCopy,
    user: (u32, u32),
) -> Result<(), Errno> {
    let FirstCopy { staging, keeps_owner, only_owner } = first_copy;
    let directory = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = |path: &Path| openat(CWD, path, directory, Mode::empty());
    let around = open(staging.parent().ok_or(Errno::INVAL)?)?;
    lock(&around)?;
    let current = open(volume)?;
    let whole = staging.with_file_name(WHOLE);
    match open(&whole) {
        Ok(copy) => return move_all(&copy, &current, &whole),
        Err(Errno::NOENT) => {}
        Err(err) => return Err(err),
    }
    if !paths::is_empty(&current)? {
        return Ok(());
    }
    tree::remove_leftover(staging)?;
    let source = match paths::open(root, target, OFlags::DIRECTORY) {
        Ok(source) => source,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
            if *keeps_owner {
                return Ok(());
            }
            let (uid, gid) = (Uid::from_raw(user.0), Gid::from_raw(user.1));
            return rustix::fs::fchown(&current, Some(uid), Some(gid));
        }
        Err(err) => return Err(err),
    };
    if *only_owner || paths::is_empty(&source)? {
        return if *keeps_owner { Ok(()) } else { tree::copy_owner(&source, &current) };
    }
    let copy = tree::fresh_directory(staging)?;
    tree::copy_contents(&source, &copy)?;
    if *keeps_owner {
        tree::copy_owner(&current, &copy)?;
    }
    // From here on a power cut must find all of it.
    rustix::fs::syncfs(&copy)?;
    rustix::fs::rename(staging, &whole)?;
    rustix::fs::fsync(&around)?;
    move_all(&reopen_directory(&copy)?, &current, &whole)
}

/// Waits for its turn; whoever has it may be killed, which ends it.
fn lock(directory: &OwnedFd) -> Result<(), Errno> {
    loop {
        match flock(directory, FlockOperation::LockExclusive) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Moves what a directory holds into another one, which becomes like it, and removes it. What somebody has made there
/// meanwhile is kept.
fn move_all(from: &OwnedFd, to: &OwnedFd, path: &Path) -> Result<(), Errno> {
    for entry in tree::entries(from)? {
        let entry = entry?;
        let name = entry.file_name();
        match renameat_with(from, name, to, name, RenameFlags::NOREPLACE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(err) => return Err(err),
        }
    }
    tree::copy_own_attributes(from, to)?;
    rustix::fs::fsync(to)?;
    // With what was not moved.
    tree::remove_leftover(path)
}

/// Waits for its turn in a directory that payloads see as well, but not for ever: one of them may have locked it for
/// reasons of its own.
fn wait_for_turn(directory: &OwnedFd) -> Result<(), Errno> {
    for _ in 0..1000 {
        match flock(directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            other => return other,
        }
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 }));
    }
    Ok(())
}

/// Fills what is mounted with the image's directory, if there is nothing in it.
///
/// The copy is made in a directory of its own, whose entries are moved when it is whole. What a crash has left there is no
/// content.
pub(super) fn fill(root: &OwnedFd, target: &str, mounted: &OwnedFd) -> Result<(), Errno> {
    if paths::kind(mounted)? != FileType::Directory {
        return Ok(());
    }
    let source = match paths::open(root, target, OFlags::DIRECTORY) {
        Ok(source) => source,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(err) => return Err(err),
    };
    let place = reopen_directory(mounted)?;
    wait_for_turn(&place)?;
    tree::remove_entry(&place, STAGING)?;
    if !paths::is_empty(&reopen_directory(mounted)?)? || paths::is_empty(reopen_directory(&source)?)? {
        return Ok(());
    }
    rustix::fs::mkdirat(&place, STAGING, Mode::RWXU)?;
    // Others may have it mounted, and would have us follow a link to the host.
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let staging = openat(&place, STAGING, flags, Mode::empty())?;
    tree::copy_contents(&source, &staging)?;
    rustix::fs::syncfs(&staging)?;
    tree::copy_owner(&staging, &place)?;
    for entry in tree::entries(&staging)? {
        let entry = entry?;
        rustix::fs::renameat(&staging, entry.file_name(), &place, entry.file_name())?;
    }
    rustix::fs::unlinkat(&place, STAGING, rustix::fs::AtFlags::REMOVEDIR)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A directory of the test's own, with an image's root and an empty volume in it.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let place =
                Self(std::env::temp_dir().join(format!("pontoon-fill-{name}-{}", std::process::id())));
            let _ = fs::remove_dir_all(&place.0);
            fs::create_dir_all(place.0.join("image/data/inner")).unwrap();
            for number in 0..50 {
                fs::write(place.0.join(format!("image/data/inner/{number}")), b"x").unwrap();
            }
            fs::create_dir_all(place.0.join("volume/_data")).unwrap();
            fs::create_dir_all(place.0.join("nothing")).unwrap();
            place
        }

        /// As somebody who may give no file away.
        fn use_volume(&self, image: &str) -> Result<(), Errno> {
            self.begin(image, true, false)
        }

        fn begin(&self, image: &str, keeps_owner: bool, only_owner: bool) -> Result<(), Errno> {
            let root = openat(CWD, self.0.join(image), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            let volume = self.0.join("volume/_data");
            let staging = volume.with_file_name("copying");
            let user = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
            first_copy_into(&root, "/data", &volume, &FirstCopy { staging, keeps_owner, only_owner }, user)
        }

        fn count(&self) -> usize {
            fs::read_dir(self.0.join("volume/_data/inner")).map_or(0, Iterator::count)
        }

        /// Whether nothing but the volume itself is there.
        fn is_clean(&self) -> bool {
            fs::read_dir(self.0.join("volume")).unwrap().count() == 1
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn of_many_first_users_one_copies_and_all_have_it() {
        let place = Place::new("many");
        std::thread::scope(|scope| {
            let users: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        place.use_volume("image").unwrap();
                        place.count()
                    })
                })
                .collect();
            for user in users {
                assert_eq!(user.join().unwrap(), 50);
            }
        });
        assert!(place.is_clean());
    }

    #[test]
    fn who_has_an_empty_volume_mounted_sees_what_another_one_fills_it_with() {
        use std::os::unix::fs::MetadataExt;
        let place = Place::new("same");
        place.use_volume("nothing").unwrap();
        let before = fs::metadata(place.0.join("volume/_data")).unwrap().ino();
        place.use_volume("image").unwrap();
        assert_eq!(fs::metadata(place.0.join("volume/_data")).unwrap().ino(), before);
        assert_eq!(place.count(), 50);
    }

    #[test]
    fn a_copy_that_was_interrupted_begins_again_or_goes_on() {
        let place = Place::new("torn");
        fs::create_dir_all(place.0.join("volume/copying/inner")).unwrap();
        fs::write(place.0.join("volume/copying/torn"), b"").unwrap();
        place.use_volume("image").unwrap();
        assert!(place.count() == 50 && !place.0.join("volume/_data/torn").exists() && place.is_clean());
        // Whole, and moved by half: it is finished from the copy, and what is there already is kept.
        let place = Place::new("half");
        fs::create_dir_all(place.0.join("volume/copied")).unwrap();
        for (path, text) in [("copied/a", "copy"), ("copied/b", "copy"), ("_data/a", "mine")] {
            fs::write(place.0.join("volume").join(path), text).unwrap();
        }
        place.use_volume("image").unwrap();
        let text = |name: &str| fs::read_to_string(place.0.join("volume/_data").join(name)).unwrap();
        assert_eq!((text("a").as_str(), text("b").as_str()), ("mine", "copy"));
        assert!(place.count() == 0 && place.is_clean());
    }

    #[test]
    fn what_a_volume_has_is_kept() {
        let place = Place::new("kept");
        fs::write(place.0.join("volume/_data/mine"), b"").unwrap();
        place.use_volume("image").unwrap();
        assert_eq!(fs::read_dir(place.0.join("volume/_data")).unwrap().count(), 1);
    }

    #[test]
    fn where_nothing_is_to_be_copied_the_mode_is_taken_all_the_same() {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new("bare");
        fs::set_permissions(place.0.join("image/data"), fs::Permissions::from_mode(0o2751)).unwrap();
        let mode = || fs::metadata(place.0.join("volume/_data")).unwrap().permissions().mode() & 0o7777;
        let before = mode();
        place.begin("image", true, true).unwrap();
        assert_eq!(mode(), before);
        place.begin("image", false, true).unwrap();
        assert_eq!(mode(), 0o2751);
        assert!(place.count() == 0 && place.is_clean());
    }
}
