//! Every option of `run` and `create`: what comes of it, and what `inspect` tells of it beside Podman's.
//!
//! The table is in `rows/`; how it is read is here.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod compare;
mod differences;
mod effects;
mod inspections;
mod row;
mod rows;

use std::collections::BTreeSet;

use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Output, TestHost};

/// Options that only say what is done anyway: the help does not show them.
const HIDDEN: [&str; 5] =
    ["--cgroupns", "--disable-content-trust", "--image-volume", "--seccomp-policy", "--systemd"];

/// A place with all that the rows speak of, the same for both engines.
struct Place {
    host: &'static TestHost,
    directory: String,
}

impl Place {
    /// A directory of that name in alice's home, and what must be there before rows are tried.
    fn new(name: &str) -> Self {
        let host = host_with_podman();
        let directory = format!("/home/alice/{name}");
        let place = Self { host, directory };
        let write = |name: &str, content: &str| {
            host.write("alice", &format!("{}/{name}", place.directory), content);
        };
        write("env", "A=1\nB=2\nHOSTVAR\n");
        write("labels", "from=file\n");
        write("hosts", "10.9.8.7\tfromfile\n");
        write("auth.json", "{\"auths\":{}}\n");
        write("shared/file", "shared\n");
        write("seccomp.json", SECCOMP);
        place
    }

    /// Runs a script in the directory, which is `@D` to it, next to an empty directory `out`.
    fn sh(&self, script: &str) -> Output {
        let script = script.replace("@D", &self.directory).replace("@B", B);
        self.host
            .entry("alice")
            .env("HOSTVAR", "x")
            .env("ftp_proxy", "ftp://proxy")
            .dir(&self.directory)
            .sh(&format!("rm -rf out; mkdir out; {script}"))
    }
}

/// All calls, but for making directories.
const SECCOMP: &str = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#;

/// Containers, volumes and secrets that rows name, with each of these engines.
fn furnish(place: &Place, engines: &[&str]) {
    for engine in engines {
        place
            .sh(&format!(
                "{engine} container exists front && exit; printf hidden | {engine} secret create table-secret -
                 mkdir -p ~/given; echo shared >~/given/file
                 {engine} create --name giver -v ~/given:/given -v table-kept:/kept @B
                 {engine} create --name front --stop-timeout 0 @B sleep 10000"
            ))
            .ok();
    }
}

#[test]
fn every_option_has_a_row() {
    let host = host_with_podman();
    let mut known: BTreeSet<String> = HIDDEN.iter().map(|it| (*it).to_owned()).collect();
    for command in ["run", "create"] {
        let help = host.alice(&format!("pontoon {command} --help")).ok();
        for line in help.stdout.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
            let option = line.split([' ', ',', '=', '[']).find(|word| word.starts_with("--"));
            known.extend(option.map(str::to_owned));
        }
    }
    known.remove("--help");
    let rows: BTreeSet<String> = rows::all().iter().map(|row| row.option.to_owned()).collect();
    assert_eq!(known, rows, "options on the left, rows on the right");
    assert_eq!(rows.len(), rows::all().len(), "an option has two rows");
    for row in rows::all() {
        let stands = |line: &row::Line| line.words.contains(row.option);
        assert!(row.lines.iter().any(stands), "{} stands in none of its lines", row.option);
    }
}

#[test]
fn every_option_does_what_its_row_says() {
    let place = Place::new("effects");
    furnish(&place, &["pontoon"]);
    place.sh("pontoon start front").ok();
    effects::check(&place);
}

#[test]
fn inspections_are_podman_s_but_for_known_differences() {
    let place = Place::new("inspections");
    furnish(&place, &["pontoon", "podman"]);
    inspections::check(&place);
}

#[test]
fn values_that_podman_refuses_are_refused_by_name() {
    let place = Place::new("refusals");
    furnish(&place, &["pontoon", "podman"]);
    let mut faults = Vec::new();
    for row in rows::all() {
        // What `create` does not know at all it refuses whatever the value.
        let command = if row.lines.iter().all(|line| line.unlike.is_some()) { "run --rm" } else { "create" };
        for value in row.wrong {
            let words = format!("{command} {}='{value}' @B true", row.option);
            let ours = place.sh(&format!("pontoon {words}")).no_panic();
            let theirs = place.sh(&format!("podman {words}"));
            let told = value.replace("@D", &place.directory);
            if ours.code == 0 || theirs.code == 0 {
                faults.push(format!("{words}: ours gives {}, Podman's {}", ours.code, theirs.code));
            } else if !ours.stderr.contains(&told) {
                faults.push(format!("{words}: ours does not name the value: {}", ours.stderr.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
