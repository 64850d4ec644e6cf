//! Many unit files together to services: references tied, faults told, one service for each file.
//!
//! Knows no disk: texts come in, texts and links go out. A file with a fault becomes a service of the same
//! name that fails at once and says why; no file's fault changes what another file becomes, unless that
//! other file cannot work without it.

mod build;
mod claims;
mod command;
mod container;
mod dependencies;
mod draft;
mod image;
mod install;
mod kube;
pub(crate) mod loaded;
mod mount;
mod neighbours;
mod network;
mod order;
pub(crate) mod paths;
mod pod;
mod references;
mod service;
mod stub;
mod userns;
mod volume;
mod work;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::kind::UnitKind;
use crate::parallel;
use claims::Claims;
use loaded::Loaded;
use neighbours::Neighbours;
use work::Work;

/// systemd's sections.
const UNIT: &str = "Unit";
const SERVICE: &str = "Service";
const INSTALL: &str = "Install";

/// What could be had of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its bytes.
    Text(Vec<u8>),
    /// Why it could not be read.
    Unreadable(String),
    /// It is a link to `/dev/null`: the administrator wants no such unit.
    Masked,
}

/// One unit file with its drop-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's own name, `web.container`.
    pub name: String,
    /// The file as it was found, with its directory; diagnostics and relative paths go by it.
    pub path: Arc<str>,
    /// What it holds.
    pub content: Content,
    /// The files added to it, in the order they are added.
    pub drop_ins: Vec<DropIn>,
}

/// A file added to a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIn {
    /// The file as it was found, with its directory.
    pub path: Arc<str>,
    /// What it holds.
    pub content: Content,
}

/// What a conversion needs to know besides the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether the services are a user's and not the system's.
    pub user: bool,
    /// The program that runs containers, first word of every command.
    pub engine: String,
}

/// A link that enables or renames a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Where the link lies, relative to the output directory.
    pub name: String,
    /// What it holds.
    pub target: String,
}

/// One service, whole or failing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The unit's name, `web.service`.
    pub name: String,
    /// The file it comes from.
    pub source: Arc<str>,
    /// The unit's text.
    pub text: String,
    /// The links to make beside it.
    pub links: Vec<Link>,
    /// Whether it is a stand-in that fails and says why.
    pub stub: bool,
    /// What is wrong with the file.
    pub faults: Diagnostics,
}

/// What came of a set of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversion {
    /// The services, those that others refer to first.
    pub services: Vec<Service>,
    /// What is wrong with files that no service stands for.
    pub stray: Diagnostics,
}

impl Conversion {
    /// What is wrong, file by file.
    pub fn faults(&self) -> impl Iterator<Item = &Diagnostic> {
        self.services.iter().flat_map(|service| &service.faults).chain(&self.stray)
    }

    /// Whether a file could not be converted.
    pub fn has_errors(&self) -> bool {
        self.faults().any(|fault| fault.severity == Severity::Error)
    }
}

/// Converts unit files.
///
/// The order of the sources decides nothing but the order of the output.
pub fn convert(sources: &[Source], settings: &Settings) -> Conversion {
    let files: Vec<Loaded> =
        parallel::map(sources, |_, source| Loaded::read(source)).into_iter().flatten().collect();
    let claims = claims::settle(&files);
    let mut neighbours = Neighbours::new(&files);
    let mut outcomes: Vec<Option<Outcome>> = files.iter().map(|_| None).collect();
    // Files of one wave know nothing of each other's fate, so they can be converted side by side.
    for wave in order::waves(&files) {
        let jobs: Vec<(usize, &Loaded, &Claims)> = wave
            .into_iter()
            .filter_map(|index| Some((index, files.get(index)?, claims.get(index)?)))
            .filter(|(_, file, _)| !file.masked)
            .collect();
        let made = parallel::map(&jobs, |_, (_, file, claims)| one(file, claims, &neighbours, settings));
        for ((index, _, _), outcome) in jobs.into_iter().zip(made) {
            neighbours.settle(index, outcome.faults.errors().next());
            if let Some(place) = outcomes.get_mut(index) {
                *place = Some(outcome);
            }
        }
    }
    tie_pods(&files, &neighbours, settings, &mut outcomes);
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|index| files.get(*index).map(|file| file.name.kind.rank()));
    let mut conversion = Conversion::default();
    let mut made = HashSet::new();
    let mut claims: Vec<Option<Claims>> = claims.into_iter().map(Some).collect();
    for index in order {
        let Some(file) = files.get(index) else { continue };
        let Some(outcome) = outcomes.get_mut(index).and_then(Option::take) else { continue };
        let links = claims.get_mut(index).and_then(Option::take).unwrap_or_default().links;
        if let Some(name) = file.service.as_ref().filter(|name| made.insert(name.as_str())) {
            conversion.services.push(Service {
                name: name.clone(),
                source: Arc::clone(&file.path),
                text: outcome.text,
                links,
                stub: outcome.faults.has_errors(),
                faults: outcome.faults,
            });
        } else {
            conversion.stray.append(outcome.faults);
        }
    }
    conversion
}

/// What became of one file.
struct Outcome {
    /// The service, or one that fails and says why.
    text: String,
    faults: Diagnostics,
}

/// Converts one file.
fn one(file: &Loaded, claims: &Claims, neighbours: &Neighbours<'_>, settings: &Settings) -> Outcome {
    let mut faults = file.faults.clone();
    for fault in &claims.faults {
        faults.push(fault.clone());
    }
    let (text, mut faults) = service(file, neighbours, settings, faults, &[]);
    faults.sort();
    let text = if faults.has_errors() { stub::text(file, &faults) } else { text };
    Outcome { text, faults }
}

/// The text of one file's service, whatever is wrong with it.
fn service(
    file: &Loaded,
    neighbours: &Neighbours<'_>,
    settings: &Settings,
    faults: Diagnostics,
    members: &[&str],
) -> (String, Diagnostics) {
    let mut work = Work::begin(file, neighbours, settings, faults);
    match file.name.kind {
        UnitKind::Container => container::convert(&mut work),
        UnitKind::Pod => pod::convert(&mut work, members),
        UnitKind::Kube => kube::convert(&mut work),
        UnitKind::Volume => volume::convert(&mut work),
        UnitKind::Network => network::convert(&mut work),
        UnitKind::Image => image::convert(&mut work),
        UnitKind::Artifact => image::convert_artifact(&mut work),
        UnitKind::Build => build::convert(&mut work),
    }
    work.finish()
}

/// Has each pod start its containers, now that it is known which of them can be started.
///
/// A pod must be converted before its containers, which fail with it, so its text is written once more.
fn tie_pods(
    files: &[Loaded],
    neighbours: &Neighbours<'_>,
    settings: &Settings,
    outcomes: &mut [Option<Outcome>],
) {
    let mut members: HashMap<String, Vec<&str>> = HashMap::new();
    let converted = files.iter().enumerate().filter(|(index, _)| neighbours.is_converted(*index));
    for (_, file) in converted {
        if let (Some(pod), Some(service)) = (pod::started_by(file), file.service.as_deref()) {
            members.entry(pod).or_default().push(service);
        }
    }
    for (file, outcome) in files.iter().zip(outcomes).filter(|(file, _)| file.name.kind == UnitKind::Pod) {
        let outcome = outcome.as_mut().filter(|outcome| !outcome.faults.has_errors());
        if let (Some(outcome), Some(members)) = (outcome, members.get(&file.name.full)) {
            (outcome.text, _) = service(file, neighbours, settings, Diagnostics::new(), members);
        }
    }
}
