//! Who gets which name: two files never make the same service, nor the same alias.
//!
//! Knows the names files ask for; both claimants of a name are told of each other and fail, since nobody can
//! say which of them was meant.

use std::collections::HashMap;

use super::loaded::Loaded;
use super::{INSTALL, Link, install};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// What became of a file's claims.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The links it gets.
    pub(super) links: Vec<Link>,
    /// What is wrong with what it asks for.
    pub(super) faults: Diagnostics,
    /// Whether the service of its name is made of it; of several that ask for one, the first tells of the others.
    pub(super) owns_service: bool,
}

/// An alias somebody asks for.
struct Wish {
    name: String,
    file: usize,
    place: Place,
}

/// Settles the claims of all files, in their order.
pub(super) fn settle(files: &[Loaded]) -> Vec<Claims> {
    let mut claims: Vec<Claims> = Vec::with_capacity(files.len());
    let mut owners: HashMap<&str, usize> = HashMap::with_capacity(files.len());
    let mut wishes: Vec<Wish> = Vec::new();
    let mut told: Vec<(usize, Place, String)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let mut own = Claims::default();
        if let Some(service) = file.service.as_deref().filter(|_| !file.masked) {
            let first = *owners.entry(service).or_insert(index);
            own.owns_service = first == index;
            if let Some(earlier) = files.get(first).filter(|_| first != index) {
                for (index, one, other) in [(index, file, earlier), (first, earlier, file)] {
                    let text = format!("`{service}` is also what {} becomes", other.path);
                    told.push((index, one.service_place.clone(), text));
                }
            }
            own.links.clone_from(&file.wanted);
            if file.unit.last(INSTALL, "Alias").is_some() {
                for alias in install::aliases(&file.unit, service, &mut own.faults) {
                    let name = alias.link.name.clone();
                    wishes.push(Wish { name, file: index, place: alias.value.place() });
                    own.links.push(alias.link);
                }
                own.links.sort();
                own.links.dedup();
            }
        }
        claims.push(own);
    }
    let mut firsts: HashMap<&str, &Wish> = HashMap::with_capacity(wishes.len());
    for wish in &wishes {
        let name = &wish.name;
        if let Some(owner) = owners.get(name.as_str()).and_then(|owner| files.get(*owner)) {
            told.push((
                wish.file,
                wish.place.clone(),
                format!("the alias `{name}` is what {} becomes", owner.path),
            ));
            withdraw(&mut claims, wish);
            continue;
        }
        let first = *firsts.entry(name).or_insert(wish);
        if first.file == wish.file {
            continue;
        }
        for (one, other) in [(wish, first), (first, wish)] {
            let path = files.get(other.file).map_or("another file", |file| &*file.path);
            told.push((one.file, one.place.clone(), format!("the alias `{name}` is also one of {path}")));
            withdraw(&mut claims, one);
        }
    }
    for (index, place, text) in told {
        if let Some(own) = claims.get_mut(index) {
            own.faults.push(Diagnostic::error(place, text).with_hint("rename one of the two"));
        }
    }
    claims
}

/// Takes back the link of an alias that somebody else has a claim to.
fn withdraw(claims: &mut [Claims], wish: &Wish) {
    if let Some(own) = claims.get_mut(wish.file) {
        own.links.retain(|link| link.name != wish.name);
    }
}
