//! Who gets which name: two files never make the same service, nor the same alias.
//!
//! Knows the names files ask for; both claimants of a name are told of each other and fail, since nobody can
//! say which of them was meant.

use std::collections::{HashMap, HashSet};

use super::loaded::Loaded;
use super::{INSTALL, Link, install};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::values::Value;

/// So many clashes of one file are told.
const TOLD: usize = 20;

/// What became of a file's claims.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The links it gets, where they are not just those that make it wanted.
    links: Option<Vec<Link>>,
    /// What is wrong with what it asks for.
    pub(super) faults: Diagnostics,
    /// Whether the service of its name is made of it; of several that ask for one, the first tells of the others.
    pub(super) owns_service: bool,
}

impl Claims {
    /// The links that the file of these claims gets.
    pub(super) fn links<'f>(&'f self, file: &'f Loaded) -> &'f [Link] {
        self.links.as_ref().unwrap_or(&file.wanted)
    }
}

/// An alias somebody asks for.
struct Wish<'f> {
    name: String,
    file: usize,
    value: Value<'f>,
}

/// Settles the claims of all files, in their order.
pub(super) fn settle(files: &[Box<Loaded>]) -> Vec<Claims> {
    let mut claims: Vec<Claims> = files.iter().map(|_| Claims::default()).collect();
    let mut told: Vec<(usize, Place, String)> = Vec::new();
    let owners = settle_services(files, &mut claims, &mut told);
    let mut wishes: Vec<Wish<'_>> = Vec::new();
    for (index, (file, own)) in files.iter().zip(&mut claims).enumerate() {
        let Some(service) = file.service.as_deref().filter(|_| !file.masked) else { continue };
        if file.unit.last(INSTALL, "Alias").is_some() {
            let links = own.links.insert(file.wanted.clone());
            for alias in install::aliases(&file.unit, service, &mut own.faults) {
                wishes.push(Wish { name: alias.link.name.clone(), file: index, value: alias.value });
                links.push(alias.link);
            }
            links.sort();
            links.dedup();
        }
    }
    settle_aliases(files, &owners, &wishes, &mut claims, &mut told);
    for (index, place, text) in told {
        if let Some(own) = claims.get_mut(index) {
            own.faults.push(Diagnostic::error(place, text).with_hint("rename one of the two"));
        }
    }
    claims
}

/// Finds the owner of each service. A file that asks for a name nobody can have takes the one its own name gives only
/// if nobody else does.
fn settle_services<'f>(
    files: &'f [Box<Loaded>],
    claims: &mut [Claims],
    told: &mut Vec<(usize, Place, String)>,
) -> HashMap<&'f str, usize> {
    let mut owners: HashMap<&str, usize> = HashMap::with_capacity(files.len());
    for asked in [true, false] {
        let claimants =
            files.iter().enumerate().filter(|(_, file)| !file.masked && file.gets_its_name == asked);
        for (index, file) in claimants {
            let Some(service) = file.service.as_deref() else { continue };
            let first = *owners.entry(service).or_insert(index);
            if let Some(own) = claims.get_mut(index) {
                own.owns_service = first == index;
            }
            if let Some(earlier) = files.get(first).filter(|_| asked && first != index) {
                for (index, one, other) in [(index, file, earlier), (first, earlier, file)] {
                    let text = format!("`{service}` is also what {} becomes", other.path);
                    told.push((index, one.service_place.clone(), text));
                }
            }
        }
    }
    owners
}

/// Takes back the aliases that are services, or that several files ask for.
fn settle_aliases(
    files: &[Box<Loaded>],
    owners: &HashMap<&str, usize>,
    wishes: &[Wish<'_>],
    claims: &mut [Claims],
    told: &mut Vec<(usize, Place, String)>,
) {
    let mut withdrawn: HashMap<usize, HashSet<&str>> = HashMap::new();
    let mut tell = |wish: &Wish<'_>, text: String| {
        // A place is found by counting, which is not worth it for faults that are not told.
        if told.iter().filter(|(index, ..)| *index == wish.file).take(TOLD + 1).count() <= TOLD {
            told.push((wish.file, wish.value.place(), text));
        }
    };
    let mut firsts: HashMap<&str, &Wish<'_>> = HashMap::with_capacity(wishes.len());
    for wish in wishes {
        let name = &wish.name;
        if let Some(owner) = owners.get(name.as_str()).and_then(|owner| files.get(*owner)) {
            tell(wish, format!("the alias `{name}` is what {} becomes", owner.path));
            withdrawn.entry(wish.file).or_default().insert(name);
            continue;
        }
        let first = *firsts.entry(name).or_insert(wish);
        if first.file == wish.file {
            continue;
        }
        for (one, other) in [(wish, first), (first, wish)] {
            let path = files.get(other.file).map_or("another file", |file| &*file.path);
            tell(one, format!("the alias `{name}` is also one of {path}"));
            withdrawn.entry(one.file).or_default().insert(name);
        }
    }
    for (file, names) in withdrawn {
        if let Some(links) = claims.get_mut(file).and_then(|own| own.links.as_mut()) {
            links.retain(|link| !names.contains(link.name.as_str()));
        }
    }
}
