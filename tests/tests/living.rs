//! Services that live with systemd: a machine of its own boots unattended, again and again, also after its power was cut, and each
//! time all services are back, healthy, in their order, with their data.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::time::Instant;

use pontoon_tests::{Uml, wait};

/// The image that all of them are made of.
const PULL: &str = "PONTOON tag \"$(PONTOON pull -q oci:/srv/busybox:work)\" localhost/busybox";

/// What runs in the containers; each finds its data in `/data`.
const SCRIPTS: &[(&str, &str)] = &[
    // How often it was started, in a way that a power cut does not take back.
    (
        "count",
        "n=$(cat /data/count 2>/dev/null || echo 0)
         echo $((n + 1)) >/data/new && sync && mv /data/new /data/count && sync",
    ),
    ("once", "sh /s/count"),
    ("stay", "sh /s/count; exec sleep 100000"),
    ("web", "sh /s/count; exec httpd -f -p 80 -h /data"),
    // Ready a while after it was started, which is what its check tells; one that is started before that fails.
    (
        "db",
        "sh /s/count; sleep 1; cat /proc/sys/kernel/random/boot_id >/data/ready; touch /tmp/up; exec sleep 100000",
    ),
    (
        "app",
        "cmp /db/ready /proc/sys/kernel/random/boot_id || exit 1; touch /data/seen; sh /s/count; exec sleep 100000",
    ),
    (
        "gate",
        "sh /s/count; sleep 1; cat /proc/sys/kernel/random/boot_id >/data/ready; touch /tmp/up; exec sleep 100000",
    ),
    ("after", "cmp /gate/ready /proc/sys/kernel/random/boot_id || exit 1; sh /s/count; exec sleep 100000"),
    // Its socket is the first descriptor after the three usual ones.
    ("sock", "[ $LISTEN_FDS = 1 ] && [ -S /proc/self/fd/3 ] || exit 1; sh /s/count; exec sleep 100000"),
];

/// A service: its name, what its file says besides, and whether it starts by itself.
type Service = (&'static str, &'static str, bool);

/// alice's; with the pod they are ten.
const USERS: &[Service] = &[
    ("db", "Pod=shop.pod\nHealthCmd=test -e /tmp/up\nHealthInterval=1s\nNotify=healthy", true),
    (
        "app",
        "Pod=shop.pod\nVolume=db:/db:ro\nHealthCmd=test -e /data/seen\nHealthInterval=1s\nNotify=healthy\n[Unit]\nRequires=db.service\n\
         After=db.service",
        true,
    ),
    ("gate", "HealthCmd=test -e /tmp/up\nHealthInterval=1s\nNotify=healthy\nNetwork=none", true),
    ("after", "Volume=gate:/gate:ro\nNetwork=none\n[Unit]\nRequires=gate.service\nAfter=gate.service", true),
    ("web", "PublishPort=8080:80", true),
    ("keep", "Network=none\nPodmanArgs=--memory 64m\n[Service]\nRestart=always", true),
    ("sock", "Network=none", false),
    ("tick", "Network=none\n[Service]\nType=oneshot", false),
    ("late", "Network=none\n[Service]\nType=oneshot", false),
];

/// The system's.
const SYSTEMS: &[Service] = &[
    ("plain", "Network=none", true),
    ("first", "Network=none\nHealthCmd=test -e /data/count\nHealthInterval=1s\nNotify=healthy", true),
    ("second", "Network=none\n[Unit]\nRequires=first.service\nAfter=first.service", true),
];

/// The system's as well, but of a user who never logs in.
const CAROLS: &[Service] = &[
    ("own", "PublishPort=8090:80\n[Service]\nUser=carol", true),
    (
        "hers",
        "Network=none\nHealthCmd=test -e /data/count\nHealthInterval=1s\nNotify=healthy\n[Service]\nUser=carol\nRestart=always",
        true,
    ),
];

fn script_of(name: &str) -> &str {
    match name {
        "db" | "app" | "gate" | "after" | "web" | "sock" => name,
        "own" => "web",
        "tick" | "late" => "once",
        _ => "stay",
    }
}

/// The program as that user calls it, or root for her.
fn program_of(user: &str) -> &str {
    if user == "carol" { "pontoon --user carol" } else { "pontoon" }
}

/// A shell script that writes files.
fn writing(files: &[(String, String)]) -> String {
    let mut script = "set -e\n".to_owned();
    for (path, text) in files {
        let _ = writeln!(script, "mkdir -p $(dirname {path})\ncat >{path} <<'END'\n{text}\nEND");
    }
    script
}

fn units(services: &[Service], dir: &str, scripts: &str, wanted_by: &str) -> Vec<(String, String)> {
    let file = |(name, more, starts): &Service| {
        let install = if *starts { format!("[Install]\nWantedBy={wanted_by}\n") } else { String::new() };
        let text = format!(
            "[Container]\nImage=localhost/busybox\nVolume={scripts}:/s:ro\nVolume={name}:/data\nExec=sh /s/{}\n\
             StopSignal=SIGKILL\n{more}\n{install}",
            script_of(name)
        );
        (format!("{dir}/{name}.container"), text)
    };
    services.iter().map(file).collect()
}

fn furnish(uml: &Uml) {
    for (caller, user) in [("alice", "alice"), ("root", "root"), ("root", "carol")] {
        uml.sh_as(caller, &PULL.replace("PONTOON", program_of(user))).ok();
    }
    let scripts: Vec<_> =
        SCRIPTS.iter().map(|(name, text)| (format!("/srv/s/{name}"), (*text).to_owned())).collect();
    uml.root(&writing(&scripts)).ok();

    let dir = "/home/alice/.config/containers/systemd";
    let mut files = units(USERS, dir, "/srv/s", "default.target");
    files.push((format!("{dir}/shop.pod"), "[Pod]\nPodName=shop\n[Install]\nWantedBy=default.target".into()));
    let own = "/home/alice/.config/systemd/user";
    let wanted = |by: &str| format!("[Install]\nWantedBy={by}");
    files.push((
        format!("{own}/sock.socket"),
        format!("[Socket]\nListenStream=127.0.0.1:7000\n{}", wanted("sockets.target")),
    ));
    files
        .push((format!("{own}/tick.timer"), format!("[Timer]\nOnActiveSec=1s\n{}", wanted("timers.target"))));
    files.push((
        format!("{own}/late.timer"),
        format!("[Timer]\nOnStartupSec=5s\n{}", wanted("timers.target")),
    ));
    uml.alice(&writing(&files)).ok();
    for services in [SYSTEMS, CAROLS] {
        uml.root(&writing(&units(services, "/etc/containers/systemd", "/srv/s", "multi-user.target"))).ok();
    }
    // What else may lie in such directories when a machine boots.
    let odd = "cd DIR; mkfifo fifo.container; mkdir dir.container; ln -s loop.container loop.container; ln -s .. up
               ln -s /nowhere dangling.container; ln -s /dev/zero zero.container; truncate -s 1G huge.container
               printf 'a\\0b' >nul.container; printf '\\377\\376' >utf.container
               printf '[Container]\\nImage=x\\\\' >dangle.container";
    uml.alice(&odd.replace("DIR", dir)).ok();
    uml.root(&odd.replace("DIR", "/etc/containers/systemd")).ok();
    // All that limits need is delegated when the user's manager starts next.
    uml.root("pontoon doctor --fix --user alice").ok().says("pontoon-delegate.conf");
    uml.alice(
        "systemctl --user daemon-reload && systemctl --user enable -q sock.socket tick.timer late.timer",
    )
    .ok();
    uml.root("systemctl daemon-reload && sync").ok();
}

/// All is back, for the `boot`th time.
fn all_is_well(uml: &Uml, boot: u32) {
    let names = |services: &[Service], starts: bool| -> String {
        let names = services.iter().filter(|it| it.2 || !starts).map(|it| it.0);
        names.collect::<Vec<_>>().join(" ")
    };
    uml.alice(&format!("systemctl --user is-active shop-pod {}", names(USERS, true))).ok();
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
    counts(uml, "alice", &names(USERS, false));
    counts(uml, "root", &names(SYSTEMS, true));
    counts(uml, "carol", &names(CAROLS, true));
    let healthy = uml.alice("pontoon ps --units --format '{{.Names}} {{.Status}} {{.UnitState}}'").ok();
    for name in ["db", "app", "gate"] {
        let line = healthy.stdout.lines().find(|it| it.starts_with(&format!("systemd-{name} ")));
        assert!(line.is_some_and(|it| it.ends_with("(healthy) active/running")), "{healthy:?}");
    }
    uml.alice("curl -sSf --retry 5 --retry-connrefused http://localhost:8080/count")
        .ok()
        .prints(&boot.to_string());
    uml.root("curl -sSf --retry 5 --retry-connrefused http://localhost:8090/count")
        .ok()
        .prints(&boot.to_string());
    uml.root("pontoon --user carol exec systemd-hers id -u").ok().prints("0");
    uml.alice("pontoon exec systemd-keep cat /sys/fs/cgroup/memory.max").ok().prints("67108864");
    uml.alice("pontoon doctor").ok().says("good     linger");
    uml.root("! command -v podman conmon crun runc && ! systemctl --failed --no-legend | grep .").ok();
}

#[test]
fn services_are_back_after_reboots_and_power_cuts() {
    let mut uml = Uml::boot();
    furnish(&uml);
    let ways = [Uml::reboot, cut, Uml::reboot, cut, Uml::reboot, cut];
    for (way, boot) in ways.into_iter().zip(1..) {
        let started = Instant::now();
        way(&mut uml);
        all_is_well(&uml, boot);
        eprintln!("boot {boot}: all is well after {:.1} s", started.elapsed().as_secs_f64());
    }
}

/// At any moment, whatever is being written.
fn cut(uml: &mut Uml) {
    uml.alice(
        "systemd-run --user --quiet --unit noise sh -c 'while :; do pontoon run --rm --network none localhost/busybox true; done'",
    )
    .ok();
    wait::rest(std::time::Duration::from_secs(1));
    uml.cut_power();
    uml.start();
}
