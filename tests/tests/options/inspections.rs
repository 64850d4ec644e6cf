//! Each line of the table makes a container with both engines, and what they tell of it is compared.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_tests::Output;
use serde_json::Value;

use crate::compare::{Difference, compare};
use crate::differences::{GLOBAL, UNORDERED};
use crate::row::Line;
use crate::{Place, rows};

/// Creates and inspects; fails with all differences that nobody gave a reason for, and with reasons for none. The containers
/// are left to the end of the host.
pub fn check(place: &Place) {
    let mut faults = Vec::new();
    let lines = rows::all().into_iter().flat_map(|row| row.lines).filter(|line| line.unlike.is_none());
    let mut made: Vec<(String, &Line)> = Vec::new();
    for (number, line) in lines.enumerate() {
        let (name, option) = match line.words.strip_prefix("--name ") {
            Some(name) => (name.replace("@T", &place.name), String::new()),
            None => (format!("line-{number}"), format!("--name line-{number}")),
        };
        let create = |engine: &str| {
            let words = format!("{engine} create {option} {} @B sleep 10000", line.words);
            place.sh_with(&words, line.variable)
        };
        match [create("pontoon"), create("podman")] {
            [ours, theirs] if ours.code == 0 && theirs.code == 0 => made.push((name, line)),
            [ours, theirs] => faults.push(format!("only one can:\n{ours:?}{theirs:?}")),
        }
    }
    let names: Vec<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    let [ours, theirs] = ["pontoon", "podman"]
        .map(|engine| told(&place.sh(&format!("{engine} inspect --type container {}", names.join(" ")))));

    let mut known = BTreeSet::new();
    for (name, line) in &made {
        let mut of_line = vec![false; line.differences.len()];
        for found in compare(&ours[name], &theirs[name], UNORDERED) {
            let place = |list: &[Difference]| list.iter().position(|it| it.covers(&found));
            match (place(line.differences), place(GLOBAL)) {
                (Some(index), _) => of_line[index] = true,
                (None, Some(index)) => drop(known.insert(index)),
                (None, None) => faults.push(format!("`{}`: {found}", line.words)),
            }
        }
        let gone = line.differences.iter().zip(of_line).filter(|(_, occurs)| !occurs);
        faults.extend(gone.map(|(gone, _)| format!("`{}`: no difference any more in {gone}", line.words)));
    }
    let gone = GLOBAL.iter().enumerate().filter(|(index, _)| !known.contains(index));
    faults.extend(gone.map(|(_, gone)| format!("nowhere any difference any more in {gone}")));
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Where the engines keep volumes.
const STORES: [&str; 2] =
    ["/home/alice/.local/share/pontoon/volumes", "/home/alice/.local/share/containers/storage/volumes"];

/// What an engine has told of its containers, by name. Ids of their own, whole and short, and places of
/// volumes are the same for all.
fn told(inspection: &Output) -> BTreeMap<String, Value> {
    let list = inspection.json();
    let mut told = BTreeMap::new();
    for one in list.as_array().expect("a list") {
        let (id, name) = (one["Id"].as_str().expect("an id"), one["Name"].as_str().expect("a name"));
        let text = one.to_string().replace(id, "ID").replace(&id[..12], "SHORT");
        let text = STORES.iter().fold(text, |text, store| text.replace(store, "STORE"));
        told.insert(name.to_owned(), serde_json::from_str(&text).expect("JSON still"));
    }
    told
}
