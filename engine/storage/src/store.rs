//! The store itself: where it lies, and handles of its directories, opened when first needed.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::dir::Place;
use crate::error::{At, FileError};
use crate::lock::{self, PullLock};
use crate::record::{Durability, RecordError, read_bytes, write_record_atomically};

/// The number of the layout on disk that this code writes.
const FORMAT: u32 = 1;

/// Where a store lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePaths {
    /// What survives a reboot: `~/.local/share/pontoon`, as root `/var/lib/pontoon`.
    pub root: PathBuf,
    /// What a reboot clears: `$XDG_RUNTIME_DIR/pontoon`, as root `/run/pontoon`.
    pub run: PathBuf,
}

/// The store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of it could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file that says the layout could not be read.
    #[error("cannot tell the layout of the store")]
    Format {
        /// Why.
        #[source]
        source: RecordError,
    },
    /// The store was written by a newer program.
    #[error("the store at `{}` has layout `{found}`; this program knows layout {FORMAT}", path.display())]
    UnknownFormat {
        /// The store.
        path: PathBuf,
        /// What its format file says.
        found: String,
    },
    /// There is no store, or none with images, where one is looked at.
    #[error("there are no images of ours at `{}`", path.display())]
    NoImages {
        /// The directory.
        path: PathBuf,
        /// Whether a store of Podman's is there.
        is_podmans: bool,
    },
    /// The directory belongs to somebody else.
    #[error("`{}` belongs to uid {owner}, not to uid {caller}", path.display())]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who asks.
        caller: u32,
    },
    /// Others may write into the directory.
    #[error("others may write into `{}` (mode {mode:o})", path.display())]
    Writable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl OpenError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Format { source } => source.hint(),
            Self::UnknownFormat { .. } => Some("use the program that wrote it, or another store".to_owned()),
            Self::NoImages { is_podmans: true, .. } => Some(
                "a store of Podman's has another layout: pull the images into one of ours, `pontoon --root DIR pull IMAGE`"
                    .to_owned(),
            ),
            Self::NoImages { .. } => {
                Some("it is made by `pontoon --root DIR pull IMAGE`, as the user who looks at it".to_owned())
            }
            Self::ForeignOwner { path, .. } => Some(format!(
                "a store is used by its owner alone: check who made `{}`, and the environment",
                path.display()
            )),
            Self::Writable { path, .. } => Some(format!("chmod go-w {}", path.display())),
        }
    }
}

/// An open store. Several threads may share it; so may any number of processes.
#[derive(Debug)]
pub struct Store {
    root: Place,
    paths: StorePaths,
    run: OnceLock<Place>,
    run_containers: OnceLock<Place>,
    layers: OnceLock<Place>,
    images: OnceLock<Place>,
    image_names: OnceLock<Place>,
    containers: OnceLock<Place>,
    container_names: OnceLock<Place>,
    pods: OnceLock<Place>,
    pod_names: OnceLock<Place>,
    volumes: OnceLock<Place>,
    secrets: OnceLock<Place>,
    tmp: OnceLock<Place>,
    trash: OnceLock<Place>,
    /// Stores whose images are seen here as well, see [`Store::with_images_of`].
    pub(crate) others: Vec<Store>,
}

impl Store {
    /// Opens the store, and makes it when there is none.
    ///
    /// Costs a handful of system calls; everything else is opened when it is first needed.
    pub fn open(paths: StorePaths) -> Result<Self, OpenError> {
        let root = open_owned(&paths.root)?;
        check_format(&root)?;
        Ok(Self::at(root, paths))
    }

    /// Opens a store of which only the images are looked at: nothing is written there, made or locked.
    ///
    /// # Errors
    /// [`OpenError::NoImages`] if there are none.
    pub fn open_images(path: &Path) -> Result<Self, OpenError> {
        let none = || {
            let is_podmans = path.join("overlay-images").is_dir() || path.join("libpod").is_dir();
            OpenError::NoImages { path: path.to_owned(), is_podmans }
        };
        let found = rustix::fs::open(path, ROOT, Mode::empty());
        let fd = found.map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => none(),
            errno => FileError::new("open", path, errno).into(),
        })?;
        let root = checked_owner(fd, path)?;
        if !has_format(&root)? {
            return Err(none());
        }
        let store = Self::at(root, StorePaths { root: path.to_owned(), run: PathBuf::new() });
        let open = |parent: &Place, name: &str| match parent.open(name) {
            Err(error) if error.is_not_found() => Err(none()),
            opened => Ok(opened?),
        };
        // Opened now, so that nobody makes them later.
        let images = open(&store.root, "images")?;
        let (names, layers) = (open(&images, "names")?, open(&store.root, "layers")?);
        store.image_names.get_or_init(|| names);
        store.images.get_or_init(|| images);
        store.layers.get_or_init(|| layers);
        Ok(store)
    }

    /// Lets images of other stores be seen here, behind those that are here.
    #[must_use]
    pub fn with_images_of(self, others: Vec<Self>) -> Self {
        Self { others, ..self }
    }

    fn at(root: Place, paths: StorePaths) -> Self {
        Self {
            root,
            paths,
            run: OnceLock::new(),
            run_containers: OnceLock::new(),
            layers: OnceLock::new(),
            images: OnceLock::new(),
            image_names: OnceLock::new(),
            containers: OnceLock::new(),
            container_names: OnceLock::new(),
            pods: OnceLock::new(),
            pod_names: OnceLock::new(),
            volumes: OnceLock::new(),
            secrets: OnceLock::new(),
            tmp: OnceLock::new(),
            trash: OnceLock::new(),
            others: Vec::new(),
        }
    }

    /// Where the store lies.
    #[must_use]
    pub fn paths(&self) -> &StorePaths {
        &self.paths
    }

    /// Waits until no other process pulls what `key` names, and keeps others waiting until the value is dropped.
    ///
    /// Who gets it should look again whether the image is there by now.
    pub fn lock_pull(&self, key: &str) -> Result<PullLock, OpenError> {
        let locks = self.run()?.open_or_make("pulls")?;
        let name = crate::id::hex(&crate::layers::sha256(key.as_bytes()));
        let held = lock::file(locks.fd.as_fd(), &name).at("lock", locks.path.join(&name))?;
        Ok(PullLock::new(held))
    }

    /// The directory of what survives a reboot.
    pub(crate) fn root(&self) -> &Place {
        &self.root
    }

    /// The runtime directory.
    pub(crate) fn run(&self) -> Result<&Place, OpenError> {
        if let Some(place) = self.run.get() {
            return Ok(place);
        }
        let place = open_owned(&self.paths.run)?;
        Ok(self.run.get_or_init(|| place))
    }

    /// The runtime directories of containers.
    pub(crate) fn run_containers(&self) -> Result<&Place, OpenError> {
        if let Some(place) = self.run_containers.get() {
            return Ok(place);
        }
        let place = self.run()?.open_or_make("containers")?;
        Ok(self.run_containers.get_or_init(|| place))
    }

    pub(crate) fn layers(&self) -> Result<&Place, FileError> {
        below(&self.layers, &self.root, "layers")
    }

    pub(crate) fn images(&self) -> Result<&Place, FileError> {
        below(&self.images, &self.root, "images")
    }

    pub(crate) fn image_names(&self) -> Result<&Place, FileError> {
        below(&self.image_names, self.images()?, "names")
    }

    pub(crate) fn containers(&self) -> Result<&Place, FileError> {
        below(&self.containers, &self.root, "containers")
    }

    pub(crate) fn container_names(&self) -> Result<&Place, FileError> {
        below(&self.container_names, self.containers()?, "names")
    }

    pub(crate) fn pods(&self) -> Result<&Place, FileError> {
        below(&self.pods, &self.root, "pods")
    }

    pub(crate) fn pod_names(&self) -> Result<&Place, FileError> {
        below(&self.pod_names, self.pods()?, "names")
    }

    pub(crate) fn volumes(&self) -> Result<&Place, FileError> {
        below(&self.volumes, &self.root, "volumes")
    }

    pub(crate) fn secrets(&self) -> Result<&Place, FileError> {
        below(&self.secrets, &self.root, "secrets")
    }

    pub(crate) fn tmp(&self) -> Result<&Place, FileError> {
        below(&self.tmp, &self.root, "tmp")
    }

    pub(crate) fn trash(&self) -> Result<&Place, FileError> {
        below(&self.trash, &self.root, "trash")
    }

    /// Makes all that was written to the store's file system durable, in one call.
    pub(crate) fn sync_all(&self) -> Result<(), FileError> {
        rustix::fs::syncfs(&self.root.fd).at("sync the file system of", &self.root.path)
    }

    /// Makes a locked directory in `tmp/`: as long as the value lives, no sweep takes it for a leftover.
    pub(crate) fn make_temporary(&self, prefix: &str) -> Result<Temporary, FileError> {
        let tmp = self.tmp()?;
        // A sweep holds this lock alone, so it never sees the directory between mkdir and its lock.
        let _making = lock::index(tmp.fd.as_fd(), FlockOperation::LockShared).at("lock", &tmp.path)?;
        let name = format!("{prefix}-{}", crate::id::random_suffix().at("draw a name in", &tmp.path)?);
        rustix::fs::mkdirat(&tmp.fd, &name, Mode::RWXU).at("make", tmp.path.join(&name))?;
        let place = tmp.open(&name)?;
        lock::take(place.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &place.path)?;
        let tmp = lock::reopen(tmp.fd.as_fd()).at("open", &tmp.path)?;
        Ok(Temporary { tmp, name, place, placed: false })
    }
}

/// A directory being made. Its lock says that somebody is at it; dropped before it has its place, it is deleted.
#[derive(Debug)]
pub(crate) struct Temporary {
    tmp: OwnedFd,
    name: String,
    pub place: Place,
    placed: bool,
}

impl Temporary {
    /// Gives the directory its place; false when something has that place already.
    pub fn place_at(&mut self, parent: &Place, name: &str) -> Result<bool, FileError> {
        match rustix::fs::renameat_with(&self.tmp, &self.name, &parent.fd, name, RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.placed = true;
                Ok(true)
            }
            Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(false),
            Err(errno) => Err(FileError::new("move into place", parent.path.join(name), errno)),
        }
    }

    /// Changes places with a directory that is there, which is then deleted in the temporary one's stead.
    pub fn exchange_with(&self, parent: &Place, name: &str) -> Result<(), FileError> {
        rustix::fs::renameat_with(&self.tmp, &self.name, &parent.fd, name, RenameFlags::EXCHANGE)
            .at("replace", parent.path.join(name))
    }

    /// Leaves the directory in `tmp/` for the next sweep to find.
    pub fn leave(mut self) {
        self.placed = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be deleted here, the next sweep finds.
            let _ = crate::remove::remove_tree(self.tmp.as_fd(), &self.name);
        }
    }
}

/// Opens a directory of the store once.
fn below<'a>(cell: &'a OnceLock<Place>, parent: &Place, name: &str) -> Result<&'a Place, FileError> {
    if let Some(place) = cell.get() {
        return Ok(place);
    }
    let place = parent.open_or_make(name)?;
    Ok(cell.get_or_init(|| place))
}

/// What the kernel shows for an owner who is not mapped.
const OVERFLOW_ID: u32 = 65534;

/// Whether the process sits in a user namespace of its own. Its root owns all who are mapped in it, and so also the user
/// who made the namespace, whatever id that user has inside.
fn in_user_namespace() -> bool {
    // Only the first namespace maps all ids to themselves.
    std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let words: Vec<&str> = map.split_whitespace().collect();
        words != ["0", "0", "4294967295"]
    })
}

/// Whoever set the path chose it, so links in it are followed; below it none ever is.
const ROOT: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a directory that must belong to the caller alone; makes it, and what leads to it, when it is missing.
fn open_owned(path: &Path) -> Result<Place, OpenError> {
    let fd = match rustix::fs::open(path, ROOT, Mode::empty()) {
        Err(Errno::NOENT) => {
            make_all(path)?;
            rustix::fs::open(path, ROOT, Mode::empty()).at("open", path)?
        }
        other => other.at("open", path)?,
    };
    checked_owner(fd, path)
}

/// Refuses a directory that does not belong to the caller alone.
fn checked_owner(fd: OwnedFd, path: &Path) -> Result<Place, OpenError> {
    let stat = rustix::fs::fstat(&fd).at("look at", path)?;
    let caller = rustix::process::geteuid().as_raw();
    if stat.st_uid != caller && !(caller == 0 && stat.st_uid != OVERFLOW_ID && in_user_namespace()) {
        return Err(OpenError::ForeignOwner { path: path.to_owned(), owner: stat.st_uid, caller });
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(OpenError::Writable { path: path.to_owned(), mode: stat.st_mode & 0o7777 });
    }
    Ok(Place { fd, path: path.to_owned() })
}

/// Makes a directory and what leads to it, for the owner alone.
pub(crate) fn make_all(path: &Path) -> Result<(), FileError> {
    let mut missing: Vec<&Path> = Vec::new();
    for ancestor in path.ancestors() {
        if ancestor.as_os_str().is_empty() || rustix::fs::stat(ancestor).is_ok() {
            break;
        }
        missing.push(ancestor);
    }
    for ancestor in missing.iter().rev() {
        match rustix::fs::mkdir(*ancestor, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(FileError::new("make", ancestor, errno)),
        }
    }
    Ok(())
}

/// Reads the number of the layout; writes it into a store that has none.
fn check_format(root: &Place) -> Result<(), OpenError> {
    if has_format(root)? {
        return Ok(());
    }
    let text = format!("{FORMAT}\n");
    Ok(write_record_atomically(root.fd.as_fd(), "format", text.as_bytes(), Durability::Durable)?)
}

/// Whether a store says that it has our layout; false if it says nothing.
fn has_format(root: &Place) -> Result<bool, OpenError> {
    let path = root.path.join("format");
    match read_bytes(root.fd.as_fd(), "format", &path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let found = text.trim();
            if found == FORMAT.to_string() {
                return Ok(true);
            }
            // A power cut can leave the file without its text when the store was made just before it.
            if !found.trim_matches('\0').is_empty() {
                let found = found.chars().take(40).collect();
                return Err(OpenError::UnknownFormat { path: root.path.clone(), found });
            }
        }
        Err(error) if error.is_not_found() => {}
        Err(source) => return Err(OpenError::Format { source }),
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
