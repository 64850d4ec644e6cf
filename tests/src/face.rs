//! The words of the `testhost` program.

use std::process::{Command, Stdio};

use crate::host::{BootOptions, TestHost};
use crate::root::{self, Kind};
use crate::uml::Uml;
use crate::{bench, image, machine, registry, stage};

const USAGE: &str = "usage: testhost COMMAND

  prepare [podman] [big]   make the cached roots and images that the tests need
  peers                    install the programs that the rooms' own tests need
  shell [USER] [podman]    boot a fresh host with the product installed and open a shell in it
  demo                     show the main job: a file becomes a running service
  bench [quick] [PART...]  our times beside Podman's, as ratios
  run SCRIPT [USER]        boot a fresh host, run a bash script in it, and leave with its exit status
";

/// Runs one command of `testhost`; returns the exit code.
pub fn run(words: &[&str]) -> i32 {
    match words {
        ["prepare", rest @ ..] => {
            root::provide(Kind::Product);
            image::provide(&[
                image::BUSYBOX,
                image::NGINX,
                image::MARIADB,
                image::WORDPRESS,
                image::HTTPD,
                image::VSFTPD,
            ]);
            Uml::prepare();
            if rest.contains(&"podman") {
                root::provide(Kind::WithPodman);
            }
            if rest.contains(&"big") {
                image::provide(&[image::BIG]);
            }
            0
        }
        ["peers"] => {
            machine::require_peers();
            0
        }
        ["shell", rest @ ..] => {
            let user = rest.iter().find(|word| **word != "podman").unwrap_or(&"alice");
            let host = furnished(kind(rest));
            interactive(&host, user, &["bash", "-l"])
        }
        ["demo"] => demo(),
        ["bench", rest @ ..] => bench::run(rest),
        ["run", script, rest @ ..] => {
            let host = furnished(Kind::Product);
            let script = std::fs::read_to_string(script).expect("a readable script");
            interactive(&host, rest.first().unwrap_or(&"alice"), &["bash", "-c", &script])
        }
        _ => {
            eprint!("{USAGE}");
            2
        }
    }
}

/// The demonstration, in a host without any image or registry.
fn demo() -> i32 {
    eprintln!("demo: pid 1 of this machine is no systemd for you; booting a Debian that has one");
    let host = TestHost::boot(BootOptions::default());
    stage::install(&host);
    host.copy_in(&machine::workspace().join("packaging/demo.sh"), "/srv/demo/demo.sh");
    host.copy_in(&stage::payload(), "/srv/demo/landing");
    interactive(&host, "alice", &["bash", "/srv/demo/demo.sh", "/srv/demo/landing"])
}

fn kind(words: &[&str]) -> Kind {
    if words.contains(&"podman") { Kind::WithPodman } else { Kind::Product }
}

/// A host with the product (where it builds) and the registry.
pub fn furnished(kind: Kind) -> TestHost {
    let images = image::provide(&[image::BUSYBOX, image::NGINX, image::MARIADB]);
    let host = TestHost::boot(BootOptions { kind, binds: vec![(images, image::INSIDE.into())] });
    if machine::workspace().join("Makefile").exists() {
        stage::install(&host);
    }
    registry::serve(&host);
    for one in [image::BUSYBOX, image::NGINX, image::MARIADB] {
        image::push(&host, one);
    }
    host
}

fn interactive(host: &TestHost, user: &str, words: &[&str]) -> i32 {
    let mut command: Command = host.entry(user).interactive().command(words);
    let status = command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit()).status();
    status.expect("nsenter runs").code().unwrap_or(1)
}
