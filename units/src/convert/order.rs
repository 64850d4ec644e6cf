//! In which order files are converted: each after those it refers to.
//!
//! Knows only which names a file mentions. What a mention means, and whether it is allowed, is found out when
//! the file is converted; a mention too many costs nothing.

use std::collections::HashMap;

use super::loaded::Loaded;
use crate::kind::UnitKind;

/// The keys that may name another file, in whatever section of ours.
const REFERRING: [&str; 5] = ["Image", "Mount", "Network", "Pod", "Volume"];

/// The indices of the files, wave by wave: the files of one wave need nothing of each other.
///
/// Files that wait for each other in a circle come last, one by one.
pub(super) fn waves(files: &[Loaded]) -> Vec<Vec<usize>> {
    let mut by_name = HashMap::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        by_name.entry(file.name.full.as_str()).or_insert(index);
    }
    let mut waiting: Vec<usize> = vec![0; files.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); files.len()];
    for (index, file) in files.iter().enumerate() {
        for wanted in mentions(file, &by_name) {
            if let (Some(count), Some(followers)) = (waiting.get_mut(index), followers.get_mut(wanted)) {
                *count += 1;
                followers.push(index);
            }
        }
    }
    let mut waves = Vec::new();
    let mut placed = 0;
    let mut wave: Vec<usize> =
        waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(index, _)| index).collect();
    while !wave.is_empty() {
        let mut next = Vec::new();
        for follower in wave.iter().filter_map(|index| followers.get(*index)).flatten() {
            let Some(count) = waiting.get_mut(*follower) else { continue };
            *count -= 1;
            if *count == 0 {
                next.push(*follower);
            }
        }
        placed += wave.len();
        next.sort_unstable();
        waves.push(std::mem::replace(&mut wave, next));
    }
    if placed < files.len() {
        let circle = waiting.iter().enumerate().filter(|(_, count)| **count > 0);
        waves.extend(circle.map(|(index, _)| vec![index]));
    }
    waves
}

/// The files that a file mentions.
fn mentions(file: &Loaded, by_name: &HashMap<&str, usize>) -> Vec<usize> {
    let mut found: Vec<usize> = file
        .unit
        .entries(file.name.kind.section())
        .filter(|entry| REFERRING.contains(&entry.key.as_str()))
        .flat_map(|entry| entry.value.split([':', ',', '=', '"', '\'', ' ', '\t']))
        .filter(|part| UnitKind::of_file_name(part).is_some())
        .filter_map(|part| by_name.get(part).copied())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
