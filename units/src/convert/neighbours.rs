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
    /// The first fault of each file that cannot be converted.
    failed: HashMap<usize, String>,
}

impl<'f> Neighbours<'f> {
    /// Nothing has failed so far.
    pub(super) fn new(files: &'f [Loaded]) -> Self {
        let mut all = HashMap::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            all.entry(file.name.full.as_str()).or_insert((index, file));
        }
        Self { files: all, failed: HashMap::new() }
    }

    /// Notes that a file cannot be converted.
    pub(super) fn fail(&mut self, index: usize, fault: &Diagnostic) {
        self.failed.insert(index, fault.to_string());
    }

    /// The service that stands for a file's name, or why there is none.
    pub(super) fn service(&self, name: &str, at: &Value<'_>) -> Result<&'f str, Box<Diagnostic>> {
        self.find(name, at).map(|(_, _, service)| service)
    }

    /// The service and the resource of a file that was converted, or why they cannot be used.
    pub(super) fn resource(&self, name: &str, at: &Value<'_>) -> Result<(&'f str, String), Box<Diagnostic>> {
        let (index, file, service) = self.find(name, at)?;
        if file.masked {
            let text = format!("`{name}` is masked by {}", file.path);
            return Err(Box::new(Diagnostic::error(at.place(), text)));
        }
        match self.failed.get(&index) {
            Some(fault) => {
                let text = format!("`{name}` cannot be used, it has a fault itself");
                Err(Box::new(Diagnostic::error(at.place(), text).with_hint(format!("first mend {fault}"))))
            }
            None => Ok((service, file.resource())),
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
        let kind = UnitKind::of_file_name(name);
        let others = self.files.keys().copied();
        let mut alike: Vec<&str> = others.filter(|other| UnitKind::of_file_name(other) == kind).collect();
        // The order of a hash map is no order; the smallest name decides between equals.
        alike.sort_unstable();
        Box::new(match suggest::nearest(name, alike) {
            Some(near) => fault.with_hint(format!("did you mean `{near}`?")),
            None => fault.with_hint("it must lie in one of the directories that are searched"),
        })
    }
}
