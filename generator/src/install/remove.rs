//! What is taken away with a name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use pontoon_units::UnitKind;

use super::InstallError;
use super::application::{Application, EXTENSION, applications};

/// Files to be removed together: decided, not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The files, the note of an application last.
    pub files: Vec<PathBuf>,
}

/// Decides what goes with a name: a unit file, with all that was installed with it, or an application `.NAME.app`.
///
/// Nothing if there is no such name in the directories.
pub fn removal(directories: &[PathBuf], name: &str) -> Option<Removal> {
    directories.iter().find_map(|directory| {
        let found = applications(directory).into_iter().find(|application| {
            application.file_name() == name || application.files().iter().any(|file| file == name)
        });
        match found {
            Some(application) => Some(whole(directory, &application)),
            None if name.ends_with(EXTENSION) || name.contains('/') => None,
            None => {
                let path = directory.join(name);
                (UnitKind::of_file_name(name).is_some() && path.symlink_metadata().is_ok())
                    .then(|| Removal { files: vec![path] })
            }
        }
    })
}

fn whole(directory: &Path, application: &Application) -> Removal {
    let files = application.files().iter().map(|name| directory.join(name));
    let present = files.filter(|path| path.symlink_metadata().is_ok());
    Removal { files: present.chain([directory.join(application.file_name())]).collect() }
}

impl Removal {
    /// The unit files among the files, by name.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        let names = self.files.iter().filter_map(|path| path.file_name()?.to_str());
        names.filter(|name| UnitKind::of_file_name(name).is_some())
    }

    /// Removes the files; those already gone are no error.
    ///
    /// # Errors
    /// [`InstallError::Remove`]
    pub fn carry_out(&self) -> Result<(), InstallError> {
        for path in &self.files {
            match fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(InstallError::Remove { path: path.clone(), source });
                }
                _ => {}
            }
        }
        if let Some(directory) = self.files.first().and_then(|path| path.parent()) {
            let synced = File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|source| InstallError::Remove { path: directory.to_owned(), source })?;
        }
        Ok(())
    }
}
