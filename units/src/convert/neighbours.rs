//! What a file may know of the others: which service and which resource stand for a file's name.
//!
//! Knows names and whether a file failed, not what is in it.

use std::collections::HashMap;

use super::loaded::Loaded;
use crate::diagnostic::Diagnostic;
use crate::kind::UnitKind;
use crate::suggest;
use crate::values::Value;

/// All files by name.
#[derive(Debug)]
pub(super) struct Neighbours<'f> {
    files: HashMap<&'f str, (usize, &'f Loaded)>,
    /// The names by type, in order, to look for what a missing one may have been.
    names: HashMap<UnitKind, Vec<&'f str>>,
    /// What became of each file so far.
    fates: Vec<Fate>,
}

/// Among more files nobody looks for a name alike: it would take longer than anybody waits.
const SURVEYED: usize = 300;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// Its turn has not come.
    Waiting,
    /// It was converted.
    Converted,
    /// It cannot be converted; its first fault.
    Failed(String),
}

impl<'f> Neighbours<'f> {
    /// Nothing has been converted so far.
    pub(super) fn new(files: &'f [Box<Loaded>]) -> Self {
        let mut all = HashMap::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            all.entry(file.name.full.as_str()).or_insert((index, &**file));
        }
        let mut names: HashMap<UnitKind, Vec<&str>> = HashMap::new();
        for file in files {
            names.entry(file.name.kind).or_default().push(&file.name.full);
        }
        // The order of a directory is no order; the smallest name decides between equals.
        names.values_mut().for_each(|names| names.sort_unstable());
        Self { files: all, names, fates: vec![Fate::Waiting; files.len()] }
    }

    /// Notes what became of a file: its first error, if it has one.
    pub(super) fn settle(&mut self, index: usize, fault: Option<String>) {
        if let Some(fate) = self.fates.get_mut(index) {
            *fate = fault.map_or(Fate::Converted, Fate::Failed);
        }
    }

    /// Whether a file was converted.
    pub(super) fn is_converted(&self, index: usize) -> bool {
        self.fates.get(index) == Some(&Fate::Converted)
    }

    /// The service that stands for a file's name, or why there is none.
    pub(super) fn service(&self, name: &str, at: &Value<'_>) -> Result<&'f str, Box<Diagnostic>> {
        self.find(name, at).map(|(_, _, service)| service)
    }

    /// The file of a name.
    pub(super) fn file(&self, name: &str) -> Option<&'f Loaded> {
        self.files.get(name).map(|(_, file)| *file)
    }

    /// The service and the resource of a file that was converted, or why they cannot be used.
    pub(super) fn resource(&self, name: &str, at: &Value<'_>) -> Result<(&'f str, String), Box<Diagnostic>> {
        let (index, file, service) = self.find(name, at)?;
        if file.masked {
            let text = format!("`{name}` is masked by {}", file.path);
            return Err(Box::new(Diagnostic::error(at.place(), text)));
        }
        match self.fates.get(index) {
            Some(Fate::Failed(fault)) => {
                let text = format!("`{name}` cannot be used, it has a fault itself");
                Err(Box::new(Diagnostic::error(at.place(), text).with_hint(format!("first mend {fault}"))))
            }
            Some(Fate::Waiting) | None => {
                let text = format!("`{name}` waits for this file in turn");
                let hint = "one of the files must do without the other";
                Err(Box::new(Diagnostic::error(at.place(), text).with_hint(hint)))
            }
            Some(Fate::Converted) => match file.resource_for_others(service) {
                Some(resource) => Ok((service, resource)),
                None => {
                    let text = format!("only systemd knows the name of the container in `{name}`");
                    let hint = format!("give it a `ContainerName=` without `%` in {}", file.path);
                    Err(Box::new(Diagnostic::error(at.place(), text).with_hint(hint)))
                }
            },
        }
    }

    fn find(&self, name: &str, at: &Value<'_>) -> Result<(usize, &'f Loaded, &'f str), Box<Diagnostic>> {
        let (index, file) = *self.files.get(name).ok_or_else(|| self.missing(name, at))?;
        match &file.service {
            Some(service) => Ok((index, file, service)),
            None => {
                let text = format!("no service can stand for {}", file.path);
                Err(Box::new(Diagnostic::error(at.place(), text)))
            }
        }
    }

    fn missing(&self, name: &str, at: &Value<'_>) -> Box<Diagnostic> {
        let fault =
            Diagnostic::error(at.place(), format!("there is no file `{}`", crate::parse::brief(name)));
        let alike = UnitKind::of_file_name(name).and_then(|kind| self.names.get(&kind));
        let alike = alike.filter(|names| names.len() <= SURVEYED).map_or(&[][..], Vec::as_slice);
        Box::new(match suggest::nearest(name, alike.iter().copied()) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint("it must lie in one of the directories that are searched"),
        })
    }
}
