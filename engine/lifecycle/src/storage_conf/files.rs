//! Which files there are, and which of them count for whom.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::parse::{Parsed, parse};
use super::{OURS, Reader, Said, StorageConf, StorageConfError};

/// One file in place of all others.
const INSTEAD: &str = "CONTAINERS_STORAGE_CONF";
/// One more, after all others.
const OVERRIDE: &str = "CONTAINERS_STORAGE_CONF_OVERRIDE";
/// The distribution's, the administrator's.
const SYSTEMS: [&str; 2] = ["/usr/share/containers", "/etc/containers"];

/// Where images are seen that are in other stores.
const STORES: &str = "storage.options.additionalimagestores";

/// What of the system's files is for users as well: the rest of them is root's.
const FOR_ALL: [&str; 4] = [
    "storage.driver",
    "storage.rootless_storage_path",
    "storage.options.mount_program",
    "storage.options.overlay.mount_program",
];

/// Reads all files and variables.
///
/// # Errors
/// If a file is there and cannot be used.
pub fn read(reader: &Reader<'_>) -> Result<StorageConf, StorageConfError> {
    let systems = SYSTEMS.map(PathBuf::from);
    let mut found = Found::default();
    match reader.variable(INSTEAD) {
        Some(path) => found.add(Path::new(path), reader, true)?,
        None => found.read(reader, &systems)?,
    }
    if let Some(path) = reader.variable(OVERRIDE) {
        found.add(Path::new(path), reader, true)?;
    }
    found.finish(reader)
}

/// What was found so far; what is said later wins.
#[derive(Debug, Default)]
pub(super) struct Found {
    said: BTreeMap<&'static str, Said<String>>,
    lists: BTreeMap<&'static str, Vec<Said<String>>>,
    unhonoured: Vec<String>,
    file: Option<PathBuf>,
}

impl Found {
    /// Reads the files of a user, or of root, where those of the system are in these directories.
    pub(super) fn read(&mut self, reader: &Reader<'_>, systems: &[PathBuf]) -> Result<(), StorageConfError> {
        let config = reader.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| reader.home.map(|it| it.join(".config")));
        let own = config.filter(|_| reader.is_rootless()).map(|it| it.join("containers"));
        // The administrator's file stands in place of the distribution's, the user's in place of both: but where the
        // administrator has users' stores lie, they lie.
        for directory in systems.iter().rev() {
            if self.add_if_there(&directory.join("storage.conf"), reader, !reader.is_rootless())? {
                break;
            }
        }
        if let Some(own) = &own {
            let systems = std::mem::take(self);
            if self.add_if_there(&own.join("storage.conf"), reader, true)? {
                let path = systems.said.into_iter().find(|it| it.0 == "storage.rootless_storage_path");
                if let Some((key, said)) = path {
                    self.said.entry(key).or_insert(said);
                }
            } else {
                *self = systems;
            }
        }
        // Files of one name replace each other; those that are left are read by their names.
        let mut drop_ins = BTreeMap::new();
        for directory in systems {
            let kind = if reader.is_rootless() { "rootless" } else { "rootful" };
            let of_kind = directory.join(format!("storage.{kind}.conf.d"));
            list(&directory.join("storage.conf.d"), !reader.is_rootless(), &mut drop_ins)?;
            list(&of_kind, true, &mut drop_ins)?;
            if reader.is_rootless() {
                list(&of_kind.join(reader.uid.to_string()), true, &mut drop_ins)?;
            }
        }
        if let Some(own) = own {
            list(&own.join("storage.conf.d"), true, &mut drop_ins)?;
        }
        for (path, is_own) in drop_ins.into_values() {
            self.add(&path, reader, is_own)?;
        }
        Ok(())
    }

    fn add_if_there(
        &mut self,
        path: &Path,
        reader: &Reader<'_>,
        is_own: bool,
    ) -> Result<bool, StorageConfError> {
        match self.add(path, reader, is_own) {
            Ok(()) => Ok(true),
            Err(StorageConfError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(false)
            }
            Err(err) => Err(err),
        }
    }

    /// Takes in one more file. One that is not the reader's own says little to users.
    fn add(&mut self, path: &Path, reader: &Reader<'_>, is_own: bool) -> Result<(), StorageConfError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| StorageConfError::Read { path: path.to_owned(), source })?;
        let Parsed { said, lists, unhonoured } = parse(path, &text, reader.is_rootless())?;
        self.said.extend(said.into_iter().filter(|it| is_own || FOR_ALL.contains(&it.0)));
        if is_own {
            self.lists.extend(lists);
            self.unhonoured.extend(unhonoured.into_iter().map(|it| it.1));
        }
        self.file = Some(path.to_owned());
        Ok(())
    }

    /// What all of it comes to.
    pub(super) fn finish(mut self, reader: &Reader<'_>) -> Result<StorageConf, StorageConfError> {
        let mut take = |key| self.said.remove_entry(key);
        let (graph_root, of_users) = (take("storage.graphroot"), take("storage.rootless_storage_path"));
        let root = graph_root.or(of_users.filter(|_| reader.is_rootless()));
        let run = take("storage.runroot");
        let mut driver = take("storage.driver").map(|it| it.1);
        let mut program = take("storage.options.overlay.mount_program")
            .or_else(|| take("storage.options.mount_program"))
            .map(|(_, it)| Said { value: PathBuf::from(it.value), place: it.place });
        let durable = take("storage.options.disable-volatile").is_some_and(|(_, it)| it.value == "true");
        let mut stores: Vec<_> = std::mem::take(&mut self.lists).into_iter().collect();
        if let Some(name) = reader.variable("STORAGE_DRIVER") {
            driver = Some(Said { value: name.to_owned(), place: "$STORAGE_DRIVER".to_owned() });
        }
        for option in reader.variable("STORAGE_OPTS").unwrap_or_default().split(',').map(str::trim) {
            match option.split_once('=') {
                Some(("mount_program" | "overlay.mount_program", path)) => {
                    let place = "$STORAGE_OPTS".to_owned();
                    program = Some(Said { value: PathBuf::from(path), place }).filter(|_| !path.is_empty());
                }
                Some(("imagestore" | "overlay.imagestore", path)) => {
                    let said = Said { value: path.to_owned(), place: "$STORAGE_OPTS".to_owned() };
                    stores.push((STORES, vec![said]));
                }
                _ if option.is_empty() => {}
                _ => self.unhonoured.push(format!("$STORAGE_OPTS: `{option}` is not honoured")),
            }
        }
        let mut image_stores = Vec::new();
        for (key, Said { value, place }) in
            stores.into_iter().flat_map(|(key, items)| items.into_iter().map(move |it| (key, it)))
        {
            match reader.expand(&value) {
                Ok(path) => image_stores.push(Said { value: path, place }),
                Err(reason) => return Err(StorageConfError::Value { place, key, reason }),
            }
        }
        Ok(StorageConf {
            root: place_of_ours(root, reader, &reader.usual_roots())?,
            run: place_of_ours(run, reader, &reader.usual_runs())?,
            foreign_driver: driver.filter(|it| !matches!(it.value.as_str(), "overlay" | "overlay2")),
            mount_program: program,
            image_stores,
            durable,
            unhonoured: self.unhonoured,
            file: self.file,
        })
    }
}

/// Our directory below one that may be Podman's; none where that one is what Podman uses anyway.
fn place_of_ours(
    said: Option<(&'static str, Said<String>)>,
    reader: &Reader<'_>,
    usual: &[PathBuf],
) -> Result<Option<PathBuf>, StorageConfError> {
    let Some((key, said)) = said else { return Ok(None) };
    let path = reader.expand(&said.value).map_err(|reason| StorageConfError::Value {
        place: said.place,
        key,
        reason,
    })?;
    Ok((!usual.contains(&path)).then(|| path.join(OURS)))
}

/// The files of a directory whose names end with `.conf`, by their names.
fn list(
    directory: &Path,
    is_own: bool,
    found: &mut BTreeMap<std::ffi::OsString, (PathBuf, bool)>,
) -> Result<(), StorageConfError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(source) => return Err(StorageConfError::Read { path: directory.to_owned(), source }),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|it| it == "conf") {
            found.insert(entry.file_name(), (path, is_own));
        }
    }
    Ok(())
}
