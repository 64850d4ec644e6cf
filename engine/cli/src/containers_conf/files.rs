//! Which files there are, and in which order they count.

use std::io;
use std::path::{Path, PathBuf};

use super::{ConfError, ContainersConf, parse};
use crate::run_options::Host;

/// One file in place of all others.
const INSTEAD: &str = "CONTAINERS_CONF";
/// One more, after all others.
const OVERRIDE: &str = "CONTAINERS_CONF_OVERRIDE";

impl ContainersConf {
    /// Reads all files, and then these modules.
    ///
    /// # Errors
    /// If a file is there and cannot be used, or a module is not there.
    pub fn read(host: &Host, modules: &[String]) -> Result<Self, ConfError> {
        let mut conf = Self::default();
        match host.variable(INSTEAD) {
            Some(path) => conf.add(Path::new(path))?,
            None => {
                for directory in directories(host) {
                    conf.add_if_there(&directory.join("containers.conf"))?;
                    for path in drop_ins(&directory.join("containers.conf.d"))? {
                        conf.add(&path)?;
                    }
                }
            }
        }
        for name in modules {
            conf.add(&module(host, name)?)?;
        }
        if let Some(path) = host.variable(OVERRIDE) {
            conf.add(Path::new(path))?;
        }
        Ok(conf)
    }

    fn add_if_there(&mut self, path: &Path) -> Result<(), ConfError> {
        match self.add(path) {
            Err(ConfError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), ConfError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfError::Read { path: path.to_owned(), source })?;
        self.take(parse::parse(path, &text)?);
        Ok(())
    }
}

/// The distribution's, the administrator's, the user's, who may be root.
fn directories(host: &Host) -> Vec<PathBuf> {
    let mut all = vec![PathBuf::from("/usr/share/containers"), PathBuf::from("/etc/containers")];
    let config = host.variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| host.variable("HOME").map(|it| Path::new(it).join(".config")));
    all.extend(config.map(|it| it.join("containers")));
    all
}

/// The files of a directory whose names end with `.conf`, in the order of their names.
fn drop_ins(directory: &Path) -> Result<Vec<PathBuf>, ConfError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(source) => return Err(ConfError::Read { path: directory.to_owned(), source }),
    };
    let paths = entries.flatten().map(|it| it.path());
    let mut paths: Vec<_> = paths.filter(|it| it.extension().is_some_and(|it| it == "conf")).collect();
    paths.sort();
    Ok(paths)
}

/// A module by its path, or by its name in the directories for modules, the user's first.
fn module(host: &Host, name: &str) -> Result<PathBuf, ConfError> {
    if Path::new(name).is_absolute() {
        return Ok(PathBuf::from(name));
    }
    let places: Vec<_> =
        directories(host).into_iter().rev().map(|it| it.join("containers.conf.modules").join(name)).collect();
    match places.iter().find(|it| it.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(ConfError::NoModule { name: name.to_owned(), places }),
    }
}
