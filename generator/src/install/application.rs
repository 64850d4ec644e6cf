//! The note of files that were installed together.

use std::fs;
use std::io;
use std::path::Path;

use super::InstallError;

/// What the note's name ends in.
pub(super) const EXTENSION: &str = ".app";

/// Files that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    name: String,
    files: Vec<String>,
}

impl Application {
    /// The application of a name, which may have no files yet.
    pub(super) fn read(directory: &Path, name: &str) -> Result<Self, InstallError> {
        let mut application = Self { name: name.to_owned(), files: Vec::new() };
        let path = directory.join(application.file_name());
        match fs::read_to_string(&path) {
            // A name that leads elsewhere is nothing of ours.
            Ok(text) => {
                let names =
                    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('/'));
                application.add(names.map(str::to_owned));
                Ok(application)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(application),
            Err(source) => Err(InstallError::Read { path, source }),
        }
    }

    /// The name of the note.
    pub fn file_name(&self) -> String {
        format!(".{}{EXTENSION}", self.name)
    }

    /// The names of the files.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Adds files, each once.
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if !self.files.contains(&name) {
                self.files.push(name);
            }
        }
    }

    /// What the note holds.
    pub(super) fn text(&self) -> String {
        self.files.iter().map(|name| format!("{name}\n")).collect()
    }
}

/// The applications of a directory by name; a directory that cannot be read has none.
pub fn applications(directory: &Path) -> Vec<Application> {
    let names = fs::read_dir(directory).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_prefix('.')?.strip_suffix(EXTENSION)?.to_owned())
    });
    let mut names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    names.sort();
    names.iter().filter_map(|name| Application::read(directory, name).ok()).collect()
}
