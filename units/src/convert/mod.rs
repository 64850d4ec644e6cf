//! Many unit files together to services: references tied, faults told, one service for each file.
//!
//! Knows no disk: texts come in, texts and links go out. A file with a fault becomes a service of the same
//! name that fails at once and says why; no file's fault changes what another file becomes, unless that
//! other file cannot work without it.

mod activation;
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
pub(crate) mod run_as;
mod secret;
mod service;
pub(crate) mod stop_time;
mod stub;
mod userns;
mod volume;
mod work;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::accounts::Accounts;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::kind::UnitKind;
use crate::parallel;
use claims::Claims;
use loaded::Loaded;
use neighbours::Neighbours;
use work::{Work, Written};

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
    /// The users that the system's units may run as.
    pub accounts: Accounts,
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
    let services = Mutex::new(Vec::new());
    let stray = Files::load(sources, parallel::processors(), Source::clone).convert(
        settings,
        &|_, position, service| {
            // A worker that panicked takes the whole conversion with it anyhow.
            services.lock().unwrap_or_else(PoisonError::into_inner).push((position, service));
        },
    );
    let mut services = services.into_inner().unwrap_or_else(PoisonError::into_inner);
    services.sort_by_key(|(position, _)| *position);
    Conversion { services: services.into_iter().map(|(_, service)| service).collect(), stray }
}

/// Where a service stands among all: those that others refer to come first.
pub type Position = (u8, usize);

/// Somebody who takes services as they are made, with the number of the worker that made them.
pub type Taker<'t> = dyn Fn(usize, Position, Service) + Sync + 't;

/// Unit files that were read, with what each of them claims.
#[derive(Debug)]
pub struct Files {
    #[expect(
        clippy::vec_box,
        reason = "they are large, and handed from list to list while they are gathered"
    )]
    files: Vec<Box<Loaded>>,
    claims: Vec<Claims>,
    processors: usize,
}

impl Files {
    /// Reads unit files side by side, on no more processors than are said.
    pub fn load<I: Sync>(items: &[I], processors: usize, read: impl Fn(&I) -> Source + Sync) -> Self {
        let files = parallel::map(items, processors, |_, item| Loaded::read(read(item)).map(Box::new));
        let files: Vec<_> = files.into_iter().flatten().collect();
        let claims = claims::settle(&files);
        Self { files, claims, processors }
    }

    /// Converts them and gives away each service as soon as it is made, in no order; gives back what is wrong with
    /// files that no service stands for.
    pub fn convert(&self, settings: &Settings, take: &Taker<'_>) -> Diagnostics {
        let mut neighbours = Neighbours::new(&self.files);
        let mut pods = Vec::new();
        let mut stray = Diagnostics::new();
        let mut told = HashSet::new();
        for fault in self.files.iter().flat_map(|file| &file.left_out) {
            // A drop-in may be one of many files.
            if told.insert(fault) {
                stray.push(fault.clone());
            }
        }
        // Files of one wave know nothing of each other's fate, so they can be converted side by side.
        for wave in order::waves(&self.files) {
            let made = parallel::map(&wave, self.processors, |worker, index| {
                let (Some(file), Some(claims)) = (self.files.get(*index), self.claims.get(*index)) else {
                    return Made::Masked;
                };
                if file.masked {
                    return Made::Masked;
                }
                let outcome = one(file, claims, &neighbours, settings);
                let fault = outcome.faults.errors().next().map(ToString::to_string);
                match (&fault, file.name.kind) {
                    // Which containers start with it is not known yet.
                    (None, UnitKind::Pod) => Made::Pod(outcome),
                    _ => Made::Service(fault, self.give(worker, *index, outcome, take)),
                }
            });
            for (index, made) in wave.into_iter().zip(made) {
                match made {
                    Made::Masked => {}
                    Made::Pod(outcome) => {
                        neighbours.settle(index, None);
                        pods.push((index, outcome));
                    }
                    Made::Service(fault, faults) => {
                        neighbours.settle(index, fault);
                        stray.append(faults);
                    }
                }
            }
        }
        for (index, outcome) in self.tie_pods(&neighbours, settings, pods) {
            stray.append(self.give(0, index, outcome, take));
        }
        stray
    }

    /// Gives away a service; gives back the faults of a file that none stands for.
    fn give(&self, worker: usize, index: usize, outcome: Outcome, take: &Taker<'_>) -> Diagnostics {
        let (Some(file), Some(claims)) = (self.files.get(index), self.claims.get(index)) else {
            return outcome.faults;
        };
        let Some(name) = file.service.as_ref().filter(|_| claims.owns_service) else { return outcome.faults };
        let position = (file.name.kind.rank(), index);
        let mut links = claims.links(file).to_vec();
        let kind = file.name.kind;
        if let Some(text) = outcome.beside.clone().filter(|_| kind == UnitKind::Secret) {
            let name = secret::timer_name(name);
            let source = Arc::clone(&file.path);
            let (links, faults) = (Vec::new(), Diagnostics::new());
            take(worker, position, Service { name, source, text, links, stub: false, faults });
        } else if let Some(text) = outcome.beside {
            // The pair is enabled by its socket, which starts the service.
            let aliases = links.extract_if(.., |link| !install::is_wanted(link)).collect();
            let wanted = std::mem::replace(&mut links, aliases);
            let links = wanted.into_iter().map(|link| Link {
                name: activation::socket_name(&link.name),
                target: activation::socket_name(&link.target),
            });
            let socket = Service {
                name: activation::socket_name(name),
                source: Arc::clone(&file.path),
                text,
                links: links.collect(),
                stub: false,
                faults: Diagnostics::new(),
            };
            take(worker, position, socket);
        }
        let service = Service {
            name: name.clone(),
            source: Arc::clone(&file.path),
            text: outcome.text,
            links,
            stub: outcome.faults.has_errors(),
            faults: outcome.faults,
        };
        take(worker, position, service);
        Diagnostics::new()
    }

    /// Has each pod start its containers, now that it is known which of them can be started.
    ///
    /// A pod must be converted before its containers, which fail with it, so its text is written once more.
    fn tie_pods(
        &self,
        neighbours: &Neighbours<'_>,
        settings: &Settings,
        mut pods: Vec<(usize, Outcome)>,
    ) -> Vec<(usize, Outcome)> {
        if pods.is_empty() {
            return pods;
        }
        let mut members: HashMap<String, Vec<&str>> = HashMap::new();
        let converted = self.files.iter().enumerate().filter(|(index, _)| neighbours.is_converted(*index));
        for (_, file) in converted {
            if let (Some(pod), Some(service)) = (pod::started_by(file), file.service.as_deref()) {
                members.entry(pod).or_default().push(service);
            }
        }
        for (index, outcome) in &mut pods {
            let Some(file) = self.files.get(*index) else { continue };
            if let Some(members) = members.get(&file.name.full) {
                outcome.text = service(file, neighbours, settings, Diagnostics::new(), members).text;
            }
        }
        pods
    }
}

/// What came of one file of a wave.
enum Made {
    /// Nothing is to come of it.
    Masked,
    /// A pod without its containers.
    Pod(Outcome),
    /// A service, given away: its first error if it has one, and the faults of a file that none stands for.
    Service(Option<String>, Diagnostics),
}

/// What became of one file.
struct Outcome {
    /// The service, or one that fails and says why.
    text: String,
    /// The socket or timer beside the service.
    beside: Option<String>,
    faults: Diagnostics,
}

/// Converts one file.
fn one(file: &Loaded, claims: &Claims, neighbours: &Neighbours<'_>, settings: &Settings) -> Outcome {
    let mut faults = file.faults.clone();
    for fault in &claims.faults {
        faults.push(fault.clone());
    }
    let Written { mut text, mut beside, mut faults } = service(file, neighbours, settings, faults, &[]);
    faults.sort();
    if faults.has_errors() {
        (text, beside) = (stub::text(file, &faults), None);
    }
    Outcome { text, beside, faults }
}

/// The text of one file's service, whatever is wrong with it.
fn service(
    file: &Loaded,
    neighbours: &Neighbours<'_>,
    settings: &Settings,
    faults: Diagnostics,
    members: &[&str],
) -> Written {
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
        UnitKind::Secret => secret::convert(&mut work),
    }
    work.finish()
}
