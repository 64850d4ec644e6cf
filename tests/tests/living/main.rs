//! Services that live with systemd: a machine of its own boots unattended, again and again, also after its power was cut, and each
//! time all services are back, healthy, in their order, with their data.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod database;
mod services;
mod shutdown;
mod update;

use std::time::{Duration, Instant};

use pontoon_tests::{Uml, image, wait};

use services::{CAROLS, GENERATED, GENERATED_UNITS, SYSTEMS, Service, USERS, program_of};

/// Which boot comes after the last shutdown in order.
const LAST_REBOOT: u32 = 5;

/// All is back, for the `boot`th time.
fn all_is_well(uml: &Uml, boot: u32) {
    let names = |services: &[Service], starts: bool| -> String {
        let names = services.iter().filter(|it| it.2 || !starts).map(|it| it.0);
        names.collect::<Vec<_>>().join(" ")
    };
    uml.alice(&format!("systemctl --user is-active shop-pod {} {GENERATED_UNITS}", names(USERS, true))).ok();
    uml.root(&format!("systemctl is-active {} {}", names(SYSTEMS, true), names(CAROLS, true))).ok();
    // Started by whoever comes first, and by the clock.
    uml.root("exec 9<>/dev/tcp/127.0.0.1/7000").ok();
    let counts = |uml: &Uml, user: &str, services: &str| {
        let script = format!(
            "for v in {services}; do echo $v $(cat $({} volume inspect --format '{{{{.Mountpoint}}}}' $v)/count); done",
            program_of(user)
        );
        let caller = if user == "carol" { "root" } else { user };
        let all: String = services.split(' ').map(|name| format!("{name} {boot}\n")).collect();
        wait::until(&format!("all of {user}'s to have started {boot} times"), || {
            let now = uml.sh_as(caller, &script);
            if now.stdout == all { Ok(()) } else { Err(format!("{now:?}")) }
        });
    };
    counts(uml, "alice", &format!("{} {}", names(USERS, false), GENERATED.join(" ")));
    counts(uml, "root", &names(SYSTEMS, true));
    counts(uml, "carol", &names(CAROLS, true));
    let list = "ps --units --format '{{.Names}} {{.Status}} {{.UnitState}}'";
    let theirs = uml.root(&format!("pontoon {list}; pontoon --user carol {list}")).ok();
    let healthy = uml.alice(&format!("pontoon {list}")).ok();
    for name in ["db", "app", "gate", "first", "hers"] {
        let mut lines = healthy.stdout.lines().chain(theirs.stdout.lines());
        let line = lines.find(|it| it.starts_with(&format!("systemd-{name} ")));
        assert!(
            line.is_some_and(|it| it.ends_with("(healthy) active/running")),
            "{name}: {healthy:?}\n{theirs:?}"
        );
    }
    none_has_waited_for_the_slowest(uml);
    // What is published takes connections a moment before the program behind it does, and closes them.
    uml.alice("curl -sSf --retry 9 --retry-all-errors http://localhost:8080/count")
        .ok()
        .prints(&boot.to_string());
    uml.root("curl -sSf --retry 9 --retry-all-errors http://localhost:8090/count")
        .ok()
        .prints(&boot.to_string());
    uml.root("pontoon --user carol exec systemd-hers id -u").ok().prints("0");
    uml.alice("pontoon exec systemd-keep cat /sys/fs/cgroup/memory.max").ok().prints("67108864");
    uml.alice("pontoon doctor").ok().says("good     linger");
    uml.root("! command -v podman conmon crun runc && ! systemctl --failed --no-legend | grep .").ok();
}

/// All that need nobody else were started before the slowest of all, the database, was ready.
fn none_has_waited_for_the_slowest(uml: &Uml) {
    let moments = uml
        .alice(
            "systemctl --user show -P ActiveEnterTimestampMonotonic db
             systemctl --user show -P InactiveExitTimestampMonotonic \
                 gate web keep shop-pod container-gnew container-gold pod-gpod gfile",
        )
        .ok();
    let lines = moments.stdout.lines().filter(|it| !it.is_empty());
    let moments: Vec<u64> = lines.map(|it| it.parse().expect("microseconds")).collect();
    assert!(moments.len() == 9 && moments[1..].iter().all(|it| *it < moments[0]), "{moments:?}");
}

#[test]
fn services_are_back_after_reboots_and_power_cuts() {
    if !Uml::is_possible() {
        return;
    }
    let mut uml = Uml::boot_with(&[image::MARIADB]);
    let started = Instant::now();
    services::furnish(&uml);
    eprintln!("furnished after {:.1} s", started.elapsed().as_secs_f64());
    let ways = [Uml::reboot, cut, Uml::reboot, cut, Uml::reboot, cut];
    for (way, boot) in ways.into_iter().zip(1..) {
        let started = Instant::now();
        if boot == LAST_REBOOT {
            update::that_fails(&uml);
            shutdown::start_many(&uml);
            eprintln!("boot {boot}: prepared after {:.1} s", started.elapsed().as_secs_f64());
        }
        let started = Instant::now();
        let has_ended = way(&mut uml);
        eprintln!("boot {boot}: up after {:.1} s", started.elapsed().as_secs_f64());
        if boot == LAST_REBOOT {
            if has_ended {
                shutdown::all_have_ended(&uml);
            }
            update::is_remembered(&uml);
        }
        all_is_well(&uml, boot);
        database::has_what_it_acknowledged(&uml, boot);
        eprintln!("boot {boot}: all is well after {:.1} s", started.elapsed().as_secs_f64());
    }
}

/// At any moment, whatever is being written.
fn cut(uml: &mut Uml) -> bool {
    uml.alice(
        "systemd-run --user --quiet --unit noise sh -c 'while :; do pontoon run --rm --network none localhost/busybox true; done'",
    )
    .ok();
    database::keep_inserting(uml);
    wait::rest(Duration::from_millis(300));
    uml.cut_power();
    uml.start();
    false
}
