//! In which order files are converted: each after those it refers to.
//!
//! Knows only which names a file mentions.

use std::collections::{HashMap, HashSet};

use super::loaded::Loaded;

/// The indices of the files, wave by wave: the files of one wave need nothing of each other.
///
/// Where files wait for each other in a circle, one of them comes before what it needs.
pub(super) fn waves(files: &[Box<Loaded>]) -> Vec<Vec<usize>> {
    let mut by_name = HashMap::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        by_name.entry(file.name.full.as_str()).or_insert(index);
    }
    let needs: Vec<Vec<usize>> = files.iter().map(|file| mentions(file, &by_name)).collect();
    let mut graph = Graph {
        missing: needs.iter().map(Vec::len).collect(),
        followers: vec![Vec::new(); files.len()],
        placed: vec![false; files.len()],
        needs: &needs,
    };
    for (index, needs) in needs.iter().enumerate() {
        for need in needs {
            if let Some(followers) = graph.followers.get_mut(*need) {
                followers.push(index);
            }
        }
    }
    let mut waves = Vec::new();
    let mut wave: Vec<usize> = (0..files.len()).filter(|index| graph.is_free(*index)).collect();
    loop {
        while !wave.is_empty() {
            let next = graph.place(&wave);
            waves.push(std::mem::replace(&mut wave, next));
        }
        match graph.in_a_circle() {
            Some(index) => wave.push(index),
            None => return waves,
        }
    }
}

/// Who waits for whom.
struct Graph<'n> {
    /// For each file, those it needs.
    needs: &'n [Vec<usize>],
    /// For each file, those that need it.
    followers: Vec<Vec<usize>>,
    /// For each file, how many it still waits for.
    missing: Vec<usize>,
    placed: Vec<bool>,
}

impl Graph<'_> {
    fn is_free(&self, index: usize) -> bool {
        self.missing.get(index) == Some(&0)
    }

    fn is_placed(&self, index: usize) -> bool {
        self.placed.get(index) == Some(&true)
    }

    /// Places files; gives those that thereby wait for nobody any more.
    fn place(&mut self, wave: &[usize]) -> Vec<usize> {
        for index in wave {
            if let Some(placed) = self.placed.get_mut(*index) {
                *placed = true;
            }
        }
        let mut next = Vec::new();
        for follower in wave.iter().filter_map(|index| self.followers.get(*index)).flatten() {
            let Some(missing) = self.missing.get_mut(*follower) else { continue };
            *missing = missing.saturating_sub(1);
            if *missing == 0 && self.placed.get(*follower) == Some(&false) {
                next.push(*follower);
            }
        }
        next.sort_unstable();
        next
    }

    /// A file that, by way of others, waits for itself.
    fn in_a_circle(&self) -> Option<usize> {
        let mut index = (0..self.needs.len()).find(|index| !self.is_placed(*index))?;
        let mut met = HashSet::new();
        // Each file left waits for another one left, so the way must come back to where it was.
        while met.insert(index) {
            index = self.needs.get(index)?.iter().copied().find(|need| !self.is_placed(*need))?;
        }
        Some(index)
    }
}

/// The files that a file mentions.
fn mentions(file: &Loaded, by_name: &HashMap<&str, usize>) -> Vec<usize> {
    file.mentions.iter().filter_map(|name| by_name.get(name.as_str()).copied()).collect()
}
