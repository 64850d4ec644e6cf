//! Each line of the table makes a container with both engines, and what they tell of it is compared.

use std::collections::BTreeSet;

use pontoon_tests::Output;
use serde_json::Value;

use crate::compare::{Difference, compare};
use crate::differences::{GLOBAL, UNORDERED};
use crate::row::Line;
use crate::{Place, rows};

/// Creates, inspects and removes; fails with all differences that nobody gave a reason for, and with reasons for none.
pub fn check(place: &Place) {
    let mut faults = Vec::new();
    let lines: Vec<&Line> =
        rows::all().iter().flat_map(|row| row.lines).filter(|line| line.unlike.is_none()).collect();
    let mut pairs: Vec<(&Line, [String; 2])> = Vec::new();
    for (number, line) in lines.into_iter().enumerate() {
        match [create(place, "pontoon", number, line), create(place, "podman", number, line)] {
            [Ok(ours), Ok(theirs)] => pairs.push((line, [ours, theirs])),
            [ours, theirs] => {
                faults.push(format!("`{}`\n ours: {ours:?}\n Podman's: {theirs:?}", line.words))
            }
        }
    }
    let all = |side: usize| pairs.iter().map(|(_, ids)| ids[side].as_str()).collect::<Vec<_>>().join(" ");
    let (ours, theirs) = (told(place, "pontoon", &all(0)), told(place, "podman", &all(1)));

    let mut known = BTreeSet::new();
    for (index, (line, _)) in pairs.iter().enumerate() {
        let mut of_line = vec![false; line.differences.len()];
        for found in compare(&ours[index], &theirs[index], UNORDERED) {
            let place = |list: &[Difference]| list.iter().position(|it| it.covers(&found.path));
            match (place(line.differences), place(GLOBAL)) {
                (Some(index), _) => of_line[index] = true,
                (None, Some(index)) => drop(known.insert(index)),
                (None, None) => faults.push(format!("`{}`: {found}", line.words)),
            }
        }
        let gone = line.differences.iter().zip(of_line).filter(|(_, occurs)| !occurs);
        faults.extend(gone.map(|(gone, _)| format!("`{}` has no difference any more: {gone}", line.words)));
    }
    let gone = GLOBAL.iter().enumerate().filter(|(index, _)| !known.contains(index));
    faults.extend(gone.map(|(_, gone)| format!("this difference is nowhere any more: {gone}")));
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// The id of a new container.
fn create(place: &Place, engine: &str, number: usize, line: &Line) -> Result<String, Output> {
    let name = if line.words.starts_with("--name") { String::new() } else { format!("--name line-{number}") };
    let created = place.sh(&format!("{engine} create {name} {} @B sleep 10000", line.words));
    if created.code == 0 { Ok(created.text().to_owned()) } else { Err(created) }
}

/// What an engine tells of these containers, which are removed.
fn told(place: &Place, engine: &str, ids: &str) -> Vec<Value> {
    let told = place.sh(&format!("{engine} inspect {ids}")).ok().json();
    place.sh(&format!("{engine} rm -f -t 0 {ids}")).ok();
    told.as_array().expect("a list").clone()
}
