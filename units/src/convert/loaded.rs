//! One file read: its tree with the drop-ins, its names, its faults so far.
//!
//! Knows nothing of other files.

use std::sync::Arc;

use super::{Content, Link, Source, install};
use crate::csv;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::kind::UnitKind;
use crate::names::{self, FileName};
use crate::parse;
use crate::tree::{Entry, Unit};
use crate::values::{since_reset, split_entry, unquoted_line, unquoted_scalar};
use crate::words::Splitting;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) name: FileName,
    pub(crate) path: Arc<str>,
    pub(crate) unit: Unit,
    pub(crate) faults: Diagnostics,
    /// What is wrong with drop-ins that do not count.
    pub(crate) left_out: Vec<Diagnostic>,
    /// The service it becomes; nothing if no service can have the name its own name gives.
    pub(crate) service: Option<String>,
    /// Whether that is the name it asks for.
    pub(crate) gets_its_name: bool,
    /// Where that name is decided.
    pub(crate) service_place: Place,
    pub(crate) masked: bool,
    /// The links that make the service wanted.
    pub(crate) wanted: Vec<Link>,
    /// The names of other files that it mentions.
    pub(crate) mentions: Vec<String>,
}

impl Loaded {
    /// Parses a source; nothing if its name is not that of a unit file.
    pub(crate) fn read(source: Source) -> Option<Self> {
        let name = FileName::new(source.name)?;
        let (mut unit, mut faults) = read_content(&source.path, &source.content);
        let mut left_out = Vec::new();
        for drop_in in &source.drop_ins {
            let (added, more) = read_content(&drop_in.path, &drop_in.content);
            // As the original has it: what cannot be understood does not count, and the unit does without.
            if let Some(fault) = more.errors().next() {
                let text = format!("this file is left out: {}", fault.text);
                faults.push(Diagnostic { severity: Severity::Warning, text: text.clone(), ..fault.clone() });
                left_out.push(Diagnostic { text, ..fault.clone() });
                continue;
            }
            unit.merge(added);
            for fault in more {
                faults.push(fault);
            }
        }
        let masked = source.content == Content::Masked;
        let mut loaded = Self {
            name,
            service_place: Place::start_of(&source.path),
            path: source.path,
            unit,
            faults,
            left_out,
            service: None,
            gets_its_name: true,
            masked,
            wanted: Vec::new(),
            mentions: Vec::new(),
        };
        loaded.name_service();
        if let Some(service) = loaded.service.as_ref().filter(|_| !masked) {
            loaded.wanted = install::wanted(&loaded.unit, service, &mut loaded.faults);
        }
        loaded.mentions = mentions(&loaded.unit, loaded.name.kind);
        Some(loaded)
    }

    /// The directory that relative paths in the file begin at.
    pub(crate) fn directory(&self) -> &str {
        match self.path.rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((directory, _)) => directory,
        }
    }

    /// Where to point when a section as a whole is at fault.
    pub(crate) fn section_place(&self, section: &str) -> Place {
        self.unit
            .section(section)
            .map_or_else(|| Place::start_of(&self.path), |section| section.place.clone())
    }

    /// What the container, pod, volume or network is called, or the image.
    pub(crate) fn resource(&self) -> String {
        let keys: &[&str] = match self.name.kind {
            UnitKind::Container => &["ContainerName"],
            UnitKind::Volume => &["VolumeName"],
            UnitKind::Network => &["NetworkName"],
            UnitKind::Pod => &["PodName"],
            UnitKind::Image => &["ImageTag", "Image"],
            UnitKind::Artifact => &["Artifact"],
            UnitKind::Secret => &["SecretName"],
            UnitKind::Build => return self.first_tag().unwrap_or_default(),
            UnitKind::Kube => &[],
        };
        let given = keys.iter().find_map(|key| {
            let value = unquoted_scalar(self.unit.last(self.name.kind.section(), key)?);
            (!value.text.is_empty()).then(|| value.text.into_owned())
        });
        given.unwrap_or_else(|| self.name.resource())
    }

    /// The same as other files must write it; nothing if only systemd knows.
    pub(crate) fn resource_for_others(&self, service: &str) -> Option<String> {
        let resource = self.resource();
        if self.name.kind != UnitKind::Container {
            return Some(resource);
        }
        // In another unit %N would be the name of that unit.
        let resource = resource.replace("%N", service.strip_suffix(".service").unwrap_or(service));
        (!resource.contains('%')).then_some(resource)
    }

    /// The first name a build gives its image.
    fn first_tag(&self) -> Option<String> {
        let section = self.name.kind.section();
        let tags: Vec<_> = self.unit.entries(section).filter(|entry| entry.key == "ImageTag").collect();
        let first = since_reset(&tags).first()?;
        Some(unquoted_line(first, &mut Diagnostics::new()).text.into_owned())
    }

    /// Decides the service's name; what the file asks for if a unit can have it, else what the file's own
    /// name gives.
    fn name_service(&mut self) {
        let asked = self.unit.last(self.name.kind.section(), "ServiceName");
        if let Some(entry) = asked {
            let value = unquoted_scalar(entry);
            let service = format!("{}.service", value.text);
            if names::is_unit_name(&service) {
                self.service_place = value.place();
                if value.text.ends_with(".service") {
                    let text = format!("the service will be called `{service}`");
                    let fault = Diagnostic::warning(value.place(), text);
                    self.faults.push(fault.with_hint("leave out `.service`, it is added"));
                }
                self.service = Some(service);
                return;
            }
            let text = format!("`{}` cannot be the name of a service", parse::brief(&service));
            self.faults.push(bad_name(Diagnostic::error(value.place(), text), &service));
            self.gets_its_name = false;
        }
        let service = self.name.service();
        if names::is_unit_name(&service) {
            self.service = Some(service);
        } else if asked.is_none() && !self.masked {
            let text = format!("`{}` cannot be the name of a service", parse::brief(&service));
            let fault = Diagnostic::error(Place::start_of(&self.path), text);
            self.faults.push(bad_name(fault, &service));
        }
    }
}

/// The names of files that a file refers to, as they will be found when it is converted.
fn mentions(unit: &Unit, kind: UnitKind) -> Vec<String> {
    let Some(section) = unit.section(kind.section()) else { return Vec::new() };
    let mut names = Vec::new();
    let mut add = |name: &str| {
        if UnitKind::of_file_name(name).is_some() {
            names.push(name.to_owned());
        }
    };
    for key in ["Image", "Pod"] {
        if let Some(entry) = section.last(key) {
            add(&unquoted_scalar(entry).text);
        }
    }
    for key in ["Network", "Volume", "Mount"] {
        let entries: Vec<&Entry> = section.entries().filter(|entry| entry.key == key).collect();
        for entry in since_reset(&entries) {
            if key != "Mount" {
                let value = unquoted_line(entry, &mut Diagnostics::new());
                add(value.text.split(':').next().unwrap_or(""));
                continue;
            }
            for word in split_entry(entry, Splitting::Command, &mut Diagnostics::new()) {
                for field in csv::read(&word.text).unwrap_or_default() {
                    add(field.split_once('=').map_or("", |(_, value)| value));
                }
            }
        }
    }
    let secrets: Vec<&Entry> = section.entries().filter(|entry| entry.key == "Secret").collect();
    for entry in since_reset(&secrets) {
        for word in split_entry(entry, Splitting::Command, &mut Diagnostics::new()) {
            add(word.text.split(',').next().unwrap_or(""));
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Says what it is in a name that systemd does not take.
fn bad_name(fault: Diagnostic, service: &str) -> Diagnostic {
    match names::forbidden_in_unit_name(service) {
        Some(' ') => fault.with_hint("systemd's names hold no blanks; rename the file or set `ServiceName=`"),
        Some(part) => {
            let part = part.escape_default();
            fault.with_hint(format!(
                "systemd's names do not hold `{part}`; rename the file or set `ServiceName=`"
            ))
        }
        None => fault.with_hint("rename the file or set `ServiceName=`"),
    }
}

/// Parses what could be had of a file.
fn read_content(path: &Arc<str>, content: &Content) -> (Unit, Diagnostics) {
    match content {
        Content::Text(bytes) => parse::parse(path, bytes),
        Content::Unreadable(reason) => {
            let mut faults = Diagnostics::new();
            faults.push(Diagnostic::error(Place::start_of(path), format!("cannot read the file: {reason}")));
            (Unit::empty(Arc::clone(path)), faults)
        }
        Content::Masked => (Unit::empty(Arc::clone(path)), Diagnostics::new()),
    }
}
