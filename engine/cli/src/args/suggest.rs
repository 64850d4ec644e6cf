//! Which known word somebody may have meant.

/// The known word that is closest to what was written, if it is close enough to be a slip of the fingers.
pub fn similar<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = written.chars().count().div_ceil(3).min(3);
    known
        .into_iter()
        .filter(|word| *word != written)
        .map(|word| (distance(written, word), word))
        .filter(|(steps, _)| *steps <= allowed)
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, word)| word)
}

/// How many letters must be changed, added, removed or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous_letter = None;
    for (row, letter) in left.chars().enumerate() {
        let mut current = Vec::with_capacity(last.len());
        current.push(row + 1);
        for (column, other) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, column) + usize::from(letter != *other);
            let mut best = changed.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped = column > 0
                && previous_letter == Some(*other)
                && right.get(column - 1) == Some(&letter)
                && !before_last.is_empty();
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        previous_letter = Some(letter);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: Option<&str>) {
        assert_eq!(similar(written, ["run", "rm", "rmi", "ps", "images", "inspect"]), expected);
    }

    #[test]
    fn a_slip_of_the_fingers_is_recognised() {
        check("rnu", Some("run"));
        check("image", Some("images"));
        check("inpsect", Some("inspect"));
    }

    #[test]
    fn a_different_word_is_not() {
        check("build", None);
        check("", None);
        check("bogus", None);
    }
}
