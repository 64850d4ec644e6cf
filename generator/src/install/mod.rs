//! Unit files put into a manager's directory and taken out again, with a note of what came together.
//!
//! What was installed in one go is an application: a hidden file `.NAME.app` beside the units lists its files, one
//! per line, as Podman keeps it. Everything is looked at before anything is written; then each file appears under
//! its name at once and whole.

mod application;
mod bundle;
mod remove;

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pontoon_units::UnitKind;

pub use application::{Application, applications};
pub use remove::{Removal, removal};

/// The extension of files that hold several units.
const BUNDLE: &str = "quadlets";

/// A file to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its own name, without a directory.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What is to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The files.
    pub files: Vec<Given>,
    /// The directory they come from, if a whole one is installed; it names the application.
    pub directory: Option<String>,
}

/// What will be written: decided, not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    directory: PathBuf,
    files: Vec<Given>,
    application: Application,
}

/// Why nothing is installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is nothing to install.
    #[error("there is no file to install")]
    Nothing,
    /// The first file is no unit.
    #[error("`{name}` is not a unit file")]
    NoUnit {
        /// Its name.
        name: String,
    },
    /// A name that cannot be one.
    #[error("`{name}` cannot be the name of a file here")]
    Name {
        /// The name.
        name: String,
    },
    /// Two files of one name.
    #[error("`{name}` is given twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A file of that name is there already.
    #[error("`{}` is there already", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A file with several units cannot be taken apart.
    #[error("{name}:{line}: {reason}")]
    Bundle {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// Why.
        reason: &'static str,
    },
    /// Something cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something cannot be removed.
    #[error("cannot remove `{}`", path.display())]
    Remove {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl InstallError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nothing | Self::NoUnit { .. } => format!("unit files end in {}, .{BUNDLE}", extensions()),
            Self::Exists { .. } => "--replace takes its place".to_owned(),
            Self::Bundle { .. } => {
                "each part begins with a comment `# FileName=NAME` and holds a section such as [Container]; \
                 a line `---` stands between parts"
                    .to_owned()
            }
            _ => return None,
        })
    }
}

fn extensions() -> String {
    UnitKind::ALL.map(|kind| format!(".{}", kind.extension())).join(", ")
}

/// Decides what is written into a directory.
///
/// # Errors
/// [`InstallError`]; nothing has been written then.
pub fn prepare(directory: &Path, request: Request, replace: bool) -> Result<Installation, InstallError> {
    let first = request.files.first().ok_or(InstallError::Nothing)?.name.clone();
    let is_bundle = |name: &str| name.ends_with(&format!(".{BUNDLE}"));
    let application = match &request.directory {
        Some(name) => name.clone(),
        None => match first.strip_suffix(&format!(".{BUNDLE}")) {
            Some(stem) => stem.to_owned(),
            None if UnitKind::of_file_name(&first).is_some() => first.clone(),
            None => return Err(InstallError::NoUnit { name: first }),
        },
    };
    let mut files: Vec<Given> = Vec::new();
    // A note that comes with the files is of where they were before.
    let is_note = |name: &str| name.starts_with('.') && name.ends_with(application::EXTENSION);
    for given in request.files.into_iter().filter(|given| !is_note(&given.name)) {
        let parts = if is_bundle(&given.name) { bundle::split(&given)? } else { vec![given] };
        for part in parts {
            if part.name.contains(['/', '\0', '\n']) || matches!(part.name.as_str(), "" | "." | "..") {
                return Err(InstallError::Name { name: part.name });
            }
            if files.iter().any(|other| other.name == part.name) {
                return Err(InstallError::Twice { name: part.name });
            }
            let path = directory.join(&part.name);
            if !replace && path.symlink_metadata().is_ok() {
                return Err(InstallError::Exists { path });
            }
            files.push(part);
        }
    }
    let mut application = Application::read(directory, &application)?;
    application.add(files.iter().map(|file| file.name.clone()));
    Ok(Installation { directory: directory.to_owned(), files, application })
}

impl Installation {
    /// The files, by their own names.
    pub fn files(&self) -> &[Given] {
        &self.files
    }

    /// Writes the files and gives their paths.
    ///
    /// # Errors
    /// [`InstallError`]; what could not be renamed yet is left out, what was stays whole.
    pub fn write(&self) -> Result<Vec<PathBuf>, InstallError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| InstallError::Write { path, source }
        };
        fs::create_dir_all(&self.directory).map_err(failed(&self.directory))?;
        let mut texts: Vec<(String, &[u8])> =
            self.files.iter().map(|file| (file.name.clone(), file.bytes.as_slice())).collect();
        let list = self.application.text();
        texts.push((self.application.file_name(), list.as_bytes()));
        // All of them lie on the disk before the first takes its name, so a full disk changes nothing.
        let mut written: Vec<(PathBuf, PathBuf)> = Vec::new();
        let outcome = texts.iter().try_for_each(|(name, bytes)| {
            let path = self.directory.join(name);
            let temporary = self.directory.join(format!(".{name}.{}.tmp", std::process::id()));
            written.push((temporary.clone(), path.clone()));
            write_synced(&temporary, bytes).map_err(failed(&path))
        });
        let outcome = outcome.and_then(|()| {
            written.iter().try_for_each(|(from, to)| fs::rename(from, to).map_err(failed(to)))
        });
        if let Err(error) = outcome {
            for (temporary, _) in &written {
                // Those renamed are gone already.
                let _ = fs::remove_file(temporary);
            }
            return Err(error);
        }
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(failed(&self.directory))?;
        Ok(self.files.iter().map(|file| self.directory.join(&file.name)).collect())
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    // Whatever the caller's umask is, others may read and nobody else may write.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
