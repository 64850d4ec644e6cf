//! Many unit files together to services: references tied, faults told, one service for each file.
//!
//! Knows no disk: texts come in, texts and links go out. A file with a fault becomes a service of the same
//! name that fails at once and says why; no file's fault changes what another file becomes, unless that
//! other file cannot work without it.

mod claims;
mod common;
mod container;
mod draft;
mod install;
mod loaded;
mod neighbours;
mod paths;
mod references;
mod stub;
mod volume;

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::UnitKind;
use crate::parallel;
use claims::Claims;
use loaded::Loaded;
use neighbours::Neighbours;

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
}

/// What came of a set of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conversion {
    /// The services, those that others refer to first.
    pub services: Vec<Service>,
    /// What was wrong, file by file.
    pub diagnostics: Diagnostics,
}

/// Converts unit files.
///
/// The order of the sources decides nothing but the order of the output.
pub fn convert(sources: &[Source], settings: &Settings) -> Conversion {
    let files: Vec<Loaded> =
        parallel::map(sources, |_, source| Loaded::read(source)).into_iter().flatten().collect();
    let claims = claims::settle(&files);
    let mut jobs: Vec<(usize, &Loaded, Claims)> =
        files.iter().zip(claims).enumerate().map(|(index, (file, claims))| (index, file, claims)).collect();
    jobs.retain(|(_, file, _)| !file.masked);
    jobs.sort_by_key(|(_, file, _)| file.name.kind.rank());
    let mut neighbours = Neighbours::new(&files);
    let mut conversion = Conversion::default();
    let mut made = HashSet::new();
    // Files of one rank know nothing of each other's fate, so they can be converted side by side.
    for rank in jobs.chunk_by(|(_, one, _), (_, other, _)| one.name.kind.rank() == other.name.kind.rank()) {
        let outcomes = parallel::map(rank, |_, (_, file, claims)| one(file, claims, &neighbours, settings));
        for ((index, file, claims), outcome) in rank.iter().zip(outcomes) {
            let failed = outcome.faults.errors().next();
            if let Some(fault) = failed {
                neighbours.fail(*index, fault);
            }
            let stub = failed.is_some();
            if let Some(name) = file.service.as_ref().filter(|name| made.insert(name.as_str())) {
                conversion.services.push(Service {
                    name: name.clone(),
                    source: Arc::clone(&file.path),
                    text: outcome.text,
                    links: claims.links.clone(),
                    stub,
                });
            }
            conversion.diagnostics.append(outcome.faults);
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
    let text = match file.name.kind {
        UnitKind::Container => container::convert(file, neighbours, settings, &mut faults),
        UnitKind::Volume => volume::convert(file, neighbours, settings, &mut faults),
        kind => {
            let text = format!(".{} files are not supported yet", kind.extension());
            faults.push(Diagnostic::error(file.section_place(kind.section()), text));
            String::new()
        }
    };
    faults.sort();
    let text = if faults.has_errors() { stub::text(file, &faults) } else { text };
    Outcome { text, faults }
}

/// Tells what is wrong with unit files, without keeping what they become.
pub fn check(sources: &[Source], settings: &Settings) -> Diagnostics {
    convert(sources, settings).diagnostics
}
