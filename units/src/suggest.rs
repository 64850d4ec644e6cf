//! "Did you mean": the known word nearest to an unknown one.
//!
//! Knows no vocabulary of its own.

/// The candidate that a slip of the finger may have turned into `word`.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    // A third of the letters wrong is still a slip; more is another word.
    let limit = (length / 3).clamp(1, 3);
    let bytes = word.len();
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(bytes) <= limit)
        .filter_map(|candidate| Some((distance(&word, &candidate.to_lowercase(), limit)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed, replaced or swapped with their neighbour; nothing if more than `limit`.
fn distance(one: &str, other: &str, limit: usize) -> Option<usize> {
    let other: Vec<char> = other.chars().collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for letter in one.chars() {
        let mut current = vec![at(&last, 0) + 1];
        for (column, against) in other.iter().enumerate() {
            let replaced = at(&last, column) + usize::from(letter != *against);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let behind = column.checked_sub(1).and_then(|behind| Some((behind, *other.get(behind)?)));
            let swapped = behind.filter(|(_, neighbour)| previous == Some(*against) && *neighbour == letter);
            if let Some((behind, _)) = swapped {
                best = best.min(at(&before_last, behind) + 1);
            }
            current.push(best);
        }
        // It can only grow, but for a swap, which looks two rows back.
        if current.iter().chain(&last).all(|distance| *distance > limit) {
            return None;
        }
        previous = Some(letter);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}
