//! One file read: its tree with the drop-ins, its names, its faults so far.
//!
//! Knows nothing of other files.

use std::sync::Arc;

use super::{Content, Link, Source, install};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::kind::UnitKind;
use crate::names::{self, FileName};
use crate::parse;
use crate::tree::Unit;
use crate::values::{since_reset, unquoted_line, unquoted_scalar};

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) name: FileName,
    pub(crate) path: Arc<str>,
    pub(crate) unit: Unit,
    pub(crate) faults: Diagnostics,
    /// The service it becomes; nothing if no service can have the name it asks for.
    pub(crate) service: Option<String>,
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
    pub(crate) fn read(source: &Source) -> Option<Self> {
        let name = FileName::new(&source.name)?;
        let (mut unit, mut faults) = read_content(&source.path, &source.content);
        for drop_in in &source.drop_ins {
            let (added, more) = read_content(&drop_in.path, &drop_in.content);
            unit.merge(added);
            for fault in more {
                faults.push(fault);
            }
        }
        let masked = source.content == Content::Masked;
        let mut loaded = Self {
            name,
            path: Arc::clone(&source.path),
            unit,
            faults,
            service: None,
            service_place: Place::start_of(&source.path),
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
        }
        let service = format!("{}.service", self.name.service_base());
        if names::is_unit_name(&service) {
            self.service = Some(service);
        } else if asked.is_none() && !self.masked {
            let text = format!("`{}` cannot be the name of a service", parse::brief(&service));
            let fault = Diagnostic::error(Place::start_of(&self.path), text);
            self.faults.push(bad_name(fault, &service));
        }
    }
}

/// The keys that may name another file, in whatever section of ours.
const REFERRING: [&str; 5] = ["Image", "Mount", "Network", "Pod", "Volume"];

/// The names of files in a file's own section. What such a name means, and whether it is allowed, is found out when
/// the file is converted; one too many costs nothing.
fn mentions(unit: &Unit, kind: UnitKind) -> Vec<String> {
    let referring = unit.entries(kind.section()).filter(|entry| REFERRING.contains(&entry.key.as_str()));
    let parts = referring.flat_map(|entry| entry.value.split([':', ',', '=', '"', '\'', ' ', '\t']));
    let mut names: Vec<String> =
        parts.filter(|part| UnitKind::of_file_name(part).is_some()).map(str::to_owned).collect();
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
