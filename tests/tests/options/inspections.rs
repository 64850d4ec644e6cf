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
    let lines: Vec<(String, &Line)> = rows::all()
        .into_iter()
        .flat_map(|row| row.lines)
        .filter(|line| line.unlike.is_none())
        .enumerate()
        .map(|(number, line)| match line.words.strip_prefix("--name ") {
            Some(name) => (name.replace("@T", &place.name), line),
            None => (format!("line-{number}"), line),
        })
        .collect();
    let [ours, theirs] = ["pontoon", "podman"].map(|engine| create(place, engine, &lines));
    let mut made: Vec<(String, &Line)> = Vec::new();
    for ((name, line), (ours, theirs)) in lines.into_iter().zip(ours.into_iter().zip(theirs)) {
        if [&ours, &theirs].iter().all(|said| said.split(' ').next() == Some("0")) {
            made.push((name, line));
        } else {
            faults.push(format!("`{}`: ours gives {ours}, Podman's {theirs}", line.words));
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

/// Makes all containers with an engine, in one script, since there are so many; returns the exit code and all output of each.
fn create(place: &Place, engine: &str, lines: &[(String, &Line)]) -> Vec<String> {
    let one = |(name, line): &(String, &Line)| {
        let option = if line.words.starts_with("--name ") { String::new() } else { format!("--name {name}") };
        let export =
            if line.variable.is_empty() { String::new() } else { format!("export {};", line.variable) };
        let create = format!("{engine} create {option} {} @B sleep 10000", line.words);
        format!("said=$({export} rm -rf out; mkdir out; {create} 2>&1); echo $? $said\n")
    };
    let script: String = lines.iter().map(one).collect();
    let answers: Vec<String> = place.sh(&script).ok().stdout.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "{answers:?}");
    answers
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
        // Each engine has drawn ids of its own for those that are needed, too.
        let needed = one["Dependencies"].as_array().into_iter().flatten().filter_map(|it| it.as_str());
        let text =
            needed.fold(text, |text, id| text.replace(id, "NEEDED").replace(&id[..12], "NEEDED-SHORT"));
        let text = STORES.iter().fold(text, |text, store| text.replace(store, "STORE"));
        told.insert(name.to_owned(), serde_json::from_str(&text).expect("JSON still"));
    }
    told
}
