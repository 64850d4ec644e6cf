//! Volumes that are file systems of their own, of which all containers that use one at the same time have the same.
//!
//! Who has one is known by a file in its place, a directory of the runtime directory: it says where, among the supervisor's
//! descriptors, the file system's namespaces are, and is locked as long as the supervisor has them. So nobody has to be asked,
//! who might just be waiting for us; and what a supervisor leaves behind that was killed counts for nothing. Who starts takes
//! the lock of the place, and holds it until what the file system begins with is in it.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use pontoon_monitor::plan::MonitorPlan;
use pontoon_runtime::common::{Common, Given};
use pontoon_runtime::plan::{CommonVolume, MountSource};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, open, stat};
use rustix::io::Errno;

use super::LaunchError;

/// Says of a place that what its file system begins with is in it; no container has such an id.
const BEGUN: &str = "begun";

/// A volume's file system that this container has, as long as this is there.
#[derive(Debug)]
pub struct Held {
    /// The volume's name.
    pub volume: String,
    /// The file system.
    pub common: Common,
    place: PathBuf,
    /// The file by which others know.
    path: PathBuf,
    _locked: fs::File,
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        // Whoever has a turn just now puts it in order.
        if let Ok(Some(_turn)) = Turn::take(&self.place, FlockOperation::NonBlockingLockExclusive) {
            let is_left = fs::read_dir(&self.place)
                .is_ok_and(|mut all| all.all(|it| it.is_ok_and(|it| it.file_name() == BEGUN)));
            if is_left {
                let _ = fs::remove_file(self.place.join(BEGUN));
                let _ = fs::remove_dir(&self.place);
            }
        }
    }
}

/// A turn in a place, which others wait for.
#[derive(Debug)]
struct Turn {
    lock: OwnedFd,
    place: PathBuf,
}

impl Turn {
    /// Takes it; `None` if somebody else has it, and `how` is not to wait.
    fn take(place: &Path, how: FlockOperation) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = open(place, flags, Mode::empty())?;
        loop {
            match flock(&lock, how) {
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                other => return other.map(|()| Some(Self { lock, place: place.into() })).map_err(Into::into),
            }
        }
    }

    /// Waits for it, in a place that is made if it is missing.
    fn wait(place: &Path) -> io::Result<Self> {
        loop {
            fs::create_dir_all(place)?;
            match Self::take(place, FlockOperation::LockExclusive) {
                Ok(Some(turn)) if turn.is_there()? => return Ok(turn),
                // The last one that had it has removed it.
                Ok(_) => {}
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                Err(err) => return Err(err),
            }
        }
    }

    fn is_there(&self) -> io::Result<bool> {
        let own = fstat(&self.lock)?;
        match stat(&self.place) {
            Ok(there) => Ok((there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(err) => Err(err.into()),
        }
    }

    /// What its file system begins with is in it.
    fn begun(&self) -> io::Result<()> {
        fs::File::create(self.place.join(BEGUN)).map(drop)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Our children may have the descriptor for a while.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

/// What a container that starts has of such volumes.
#[derive(Debug, Default)]
pub struct Volumes {
    /// For its mounts.
    pub given: Vec<Given>,
    held: Vec<Held>,
    turns: Vec<Turn>,
}

impl Volumes {
    /// Finds them, or makes those that nobody has. Others wait until [`Volumes::begun`].
    pub fn take(plan: &MonitorPlan) -> Result<Self, LaunchError> {
        let mut volumes = Self::default();
        let mut wanted: Vec<(&CommonVolume, Option<usize>)> =
            plan.kept_volumes.iter().map(|it| (it, None)).collect();
        for (number, mount) in plan.container.mounts.iter().enumerate() {
            if let MountSource::Common { volume, .. } = &mount.source {
                wanted.push((volume, Some(number)));
            }
        }
        // In one order for all, who would else wait for one another.
        wanted.sort_by_key(|(volume, _)| volume.place.as_path());
        for (volume, number) in wanted {
            let mut is_fresh = false;
            if volumes.held.last().is_none_or(|it| it.volume != volume.name) {
                is_fresh = volumes.have(plan, volume)?;
            }
            if let (Some(number), Some(held)) = (number, volumes.held.last()) {
                let failed =
                    |err| LaunchError::Volume { name: volume.name.clone(), source: io::Error::other(err) };
                volumes.given.push(Given { number, mount: held.common.copy().map_err(failed)?, is_fresh });
            }
        }
        Ok(volumes)
    }

    /// Has one more; says whether there is nothing in it yet.
    fn have(&mut self, plan: &MonitorPlan, volume: &CommonVolume) -> Result<bool, LaunchError> {
        let failed = |source| LaunchError::Volume { name: volume.name.clone(), source };
        let place = &volume.place;
        let turn = Turn::wait(place).map_err(failed)?;
        let common = match found(place).map_err(failed)? {
            Some(common) => common,
            None => {
                let _ = fs::remove_file(place.join(BEGUN));
                let (common, is_fresh) = Common::make(volume, owner(plan, volume))?;
                if !is_fresh {
                    turn.begun().map_err(failed)?;
                }
                common
            }
        };
        let path = place.join(&plan.id);
        let locked = note(&path, &common).map_err(failed)?;
        let is_fresh = !place.join(BEGUN).exists();
        let (volume, place) = (volume.name.clone(), place.clone());
        self.held.push(Held { volume, common, place, path, _locked: locked });
        self.turns.push(turn);
        Ok(is_fresh)
    }

    /// What they begin with is in them. Gives what the container has as long as it runs.
    pub fn begun(self, plan: &MonitorPlan) -> Vec<Held> {
        let is_kept = |it: &Turn| plan.kept_volumes.iter().any(|kept| kept.place == it.place);
        for turn in self.turns.iter().filter(|it| !is_kept(it)) {
            // Else the next one is fresh as well, and finds that there is something in it.
            let _ = turn.begun();
        }
        self.held
    }
}

/// Who is to fill a new one, by ids of the host, if that is somebody else than who makes it.
fn owner(plan: &MonitorPlan, volume: &CommonVolume) -> Option<(u32, u32)> {
    let maps = plan.container.namespaces.user.as_ref().filter(|it| Some(*it) != volume.user.as_ref())?;
    maps.host_uid(0).zip(maps.host_gid(0))
}

/// The file system, if somebody has it.
fn found(place: &Path) -> io::Result<Option<Common>> {
    let mut common = None;
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        if entry.file_name() == BEGUN {
            continue;
        }
        let mut file = match fs::File::open(entry.path()) {
            // Somebody ends just now.
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if is_left(&file)? {
            let _ = fs::remove_file(entry.path());
            continue;
        }
        if common.is_some() {
            continue;
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        match theirs(&text) {
            // As long as the lock is held the number is that supervisor's.
            Ok(theirs) if !is_left(&file)? => common = Some(theirs),
            Err(err) if !is_left(&file)? && err.kind() != io::ErrorKind::NotFound => return Err(err),
            _ => {}
        }
    }
    Ok(common)
}

/// Whether nobody holds a file any more.
fn is_left(file: &fs::File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            flock(file, FlockOperation::Unlock)?;
            Ok(true)
        }
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(err) => Err(err.into()),
    }
}

/// Descriptors of another supervisor: its pid, and the numbers of the mount namespace and the user namespace.
fn theirs(text: &str) -> io::Result<Common> {
    let mut words = text.split_whitespace();
    let (Some(pid), Some(mounts)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let open = |number: &str| -> io::Result<OwnedFd> {
        let path = format!("/proc/{pid}/fd/{number}");
        Ok(open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
    };
    Ok(Common::of(open(mounts)?, words.next().map(open).transpose()?))
}

/// Says that we have it.
fn note(path: &Path, common: &Common) -> io::Result<fs::File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = fs::File::from(open(path, flags, Mode::RUSR | Mode::WUSR)?);
    flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive)?;
    let (mounts, user) = common.numbers();
    let user = user.map_or_else(String::new, |it| it.to_string());
    file.write_all(format!("{} {mounts} {user}\n", std::process::id()).as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("pontoon-common-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        place
    }

    /// Something that is held, which is no file system.
    fn held(place: &Path, id: &str) -> Held {
        let common = Common::of(fs::File::open("/proc/self/ns/mnt").unwrap().into(), None);
        let path = place.join(id);
        let _locked = note(&path, &common).unwrap();
        Held { volume: "v".to_owned(), common, place: place.to_owned(), path, _locked }
    }

    fn names(place: &Path) -> Vec<String> {
        let name = |it: io::Result<fs::DirEntry>| it.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(place).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn who_has_one_is_found_and_who_was_killed_is_not() {
        let place = place("found");
        let turn = Turn::wait(&place).unwrap();
        assert!(found(&place).unwrap().is_none());
        // Of a process that is gone, as its lock is.
        fs::write(place.join("a"), "1 3 4\n").unwrap();
        assert!(found(&place).unwrap().is_none() && names(&place).is_empty());
        let one = held(&place, "b");
        assert!(found(&place).unwrap().is_some());
        turn.begun().unwrap();
        drop(turn);
        let other = held(&place, "c");
        drop(one);
        assert!(names(&place) == ["begun", "c"] && found(&place).unwrap().is_some());
        // The last one leaves nothing.
        drop(other);
        assert!(!place.exists());
    }

    #[test]
    fn a_place_that_is_removed_while_somebody_waits_is_made_anew() {
        let place = place("turn");
        for _ in 0..50 {
            let turn = Turn::wait(&place).unwrap();
            assert!(Turn::take(&place, FlockOperation::NonBlockingLockExclusive).unwrap().is_none());
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| Turn::wait(&place).unwrap().is_there().unwrap());
                fs::remove_dir(&place).unwrap();
                drop(turn);
                assert!(waits.join().unwrap());
            });
            fs::remove_dir(&place).unwrap();
        }
    }

    #[test]
    fn a_line_that_is_none_is_an_error() {
        for text in ["", "1", "x y"] {
            assert!(theirs(text).is_err(), "{text}");
        }
        let own = fs::File::open("/proc/self/ns/mnt").unwrap();
        use std::os::fd::AsRawFd;
        assert!(theirs(&format!("{} {} \n", std::process::id(), own.as_raw_fd())).is_ok());
    }
}
