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
use std::sync::OnceLock;

use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Output, TestHost, image, stage};

/// Options that only say what is done anyway: the help does not show them.
const HIDDEN: [&str; 5] =
    ["--cgroupns", "--disable-content-trust", "--image-volume", "--seccomp-policy", "--systemd"];

/// A place with all that the rows speak of, the same for both engines.
struct Place {
    host: &'static TestHost,
    name: String,
    directory: String,
}

impl Place {
    /// A directory of that name in alice's home, and what must be there before rows are tried.
    fn new(name: &str) -> Self {
        let host = furnished();
        let directory = format!("/home/alice/{name}");
        let place = Self { host, name: name.to_owned(), directory };
        let write = |name: &str, content: &str| {
            host.write("alice", &format!("{}/{name}", place.directory), content);
        };
        write("env", "A=1\nB=2\nHOSTVAR\n");
        write("labels", "from=file\n");
        write("hosts", "10.9.8.7\tfromfile\n");
        write("auth.json", "{\"auths\":{}}\n");
        write("shared/file", "shared\n");
        write("seccomp.json", SECCOMP);
        host.alice(&format!("ln -sfn shared {}/link", place.directory)).ok();
        place
    }

    /// Runs a script in the directory, which is `@D` to it, next to an empty directory `out`.
    fn sh(&self, script: &str) -> Output {
        self.sh_with(script, "")
    }

    /// The same, with a variable of the host's, `NAME=VALUE`.
    fn sh_with(&self, script: &str, variable: &str) -> Output {
        let script = script.replace("@D", &self.directory).replace("@T", &self.name).replace("@B", B);
        let (name, value) = variable.split_once('=').unwrap_or(("HOSTVAR", "x"));
        self.host
            .entry("alice")
            .env("HOSTVAR", "x")
            .env(name, value)
            .dir(&self.directory)
            .sh(&format!("rm -rf out; mkdir out; {script}"))
    }
}

/// All calls, but for making directories.
const SECCOMP: &str = r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#;

/// The host with the containers, volumes and secrets that rows name, for both engines.
fn furnished() -> &'static TestHost {
    static FURNISHED: OnceLock<()> = OnceLock::new();
    let host = host_with_podman();
    FURNISHED.get_or_init(|| {
        // An image that was never pulled, a block device that is never opened, and an init that is never run.
        image::push_as(host, image::BUSYBOX, "localhost:5000/second:latest", "").ok();
        host.root("mknod /dev/testdisk b 7 0; ln -s /bin/true /usr/local/bin/catatonit").ok();
        // The original stands in for ours, so one of them is enough.
        for engine in if stage::is_original() { &["podman"][..] } else { &["pontoon", "podman"] } {
            let script = "set -e; printf hidden | ENGINE secret create table-secret -
                 mkdir -p ~/given; echo shared >~/given/file
                 ENGINE network create --subnet 10.144.0.0/24 --subnet fd44::/64 table-net
                 ENGINE run -d --name giver --stop-timeout 0 -v ~/given:/given -v table-kept:/kept IMAGE sleep 10000
                 ENGINE pod create --infra=false --name table-pod --pod-id-file ~/given/ENGINE.id
                 cp -n ~/given/ENGINE.id ~/given/pod.id
                 ENGINE pod create --infra=false --name table-init
                 ENGINE run -d --name front --stop-timeout 0 IMAGE sleep 10000";
            host.alice(&script.replace("ENGINE", engine).replace("IMAGE", B)).ok();
        }
    });
    host
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
    effects::check(&place);
}

#[test]
fn inspections_are_podman_s_but_for_known_differences() {
    let place = Place::new("inspections");
    inspections::check(&place);
}

/// Whether a message names a value, or the part of it that is wrong.
fn is_named(value: &str, message: &str) -> bool {
    let parts = value.split([',', ':', '=']).filter(|part| !part.is_empty());
    let forms = |part: &str| [format!("`{part}`"), format!("'{part}'"), format!("={part}`")];
    parts.chain([value]).flat_map(forms).any(|form| message.contains(&form))
}

#[test]
fn values_that_podman_refuses_are_refused_by_name() {
    let place = Place::new("refusals");
    let mut faults = Vec::new();
    for row in rows::all() {
        // What `create` does not know at all it refuses whatever the value.
        let command = if row.lines.iter().all(|line| line.unlike.is_some()) { "run --rm" } else { "create" };
        let both = |value: &str| {
            let words = format!("{command} {}='{value}' @B true", row.option);
            let ours = place.sh(&format!("pontoon {words}")).no_panic();
            (ours, place.sh(&format!("podman {words}")))
        };
        for value in row.wrong {
            let (ours, theirs) = both(value);
            if ours.code != 125 || theirs.code == 0 {
                faults.push(format!("{ours:?}: Podman's gives {}", theirs.code));
            } else if !is_named(&value.replace("@D", &place.directory), &ours.stderr) {
                faults.push(format!("the value is not named: {ours:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
