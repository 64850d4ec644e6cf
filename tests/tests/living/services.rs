//! The services of the machine: their files, what runs in their containers, and how all of it comes there.

use std::fmt::Write as _;

use pontoon_tests::Uml;

/// The image that most of them are made of.
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
    ("db", "sh /s/count; exec mariadbd --user=mysql"),
    // By default it maps 8 GiB to have room for more memory, which is more than a process of this kernel has.
    ("small.cnf", "[mariadbd]\ninnodb_buffer_pool_size = 16M\ninnodb_buffer_pool_size_max = 16M"),
    // It fails unless the database, which is on the pod's loopback, answers already: that is what the database's check tells.
    (
        "app",
        "nc 127.0.0.1 3306 </dev/null | grep -q MariaDB || exit 1; touch /data/seen; sh /s/count; exec sleep 100000",
    ),
    // Ready a while after it was started, which is what its check tells; one that is started before that fails.
    (
        "gate",
        "sh /s/count; sleep 1; cat /proc/sys/kernel/random/boot_id >/data/ready; touch /tmp/up; exec sleep 100000",
    ),
    ("after", "cmp /gate/ready /proc/sys/kernel/random/boot_id || exit 1; sh /s/count; exec sleep 100000"),
    // A machine that goes down has to wait for it.
    (
        "slow",
        "end() {
             sleep 5
             until [ $1 != 1 ] || [ $(wc -l </ends/ended) = $2 ]; do sleep 1; done
             echo $1 >>/ends/ended
             exit 0
         }
         trap 'end $1 $2' TERM
         sleep 100000 & wait",
    ),
    // Its socket is the first descriptor after the three usual ones.
    ("sock", "[ $LISTEN_FDS = 1 ] && [ -S /proc/self/fd/3 ] || exit 1; sh /s/count; exec sleep 100000"),
];

/// A service: its name, what its file says besides, and whether it starts by itself.
pub type Service = (&'static str, &'static str, bool);

/// alice's; with the pod they are ten.
pub const USERS: &[Service] = &[
    (
        "db",
        "Pod=shop.pod\nImage=localhost/mariadb\nVolume=shop:/var/lib/mysql\n\
         Volume=/srv/s/small.cnf:/etc/mysql/conf.d/small.cnf:ro\nStopSignal=SIGTERM\nStopTimeout=60\n\
         HealthCmd=mariadb -uroot -e 'select 1'\nHealthInterval=2s\nHealthTimeout=60s\nHealthStartPeriod=5m\nNotify=healthy\n\
         [Service]\nTimeoutStopSec=75",
        true,
    ),
    (
        "app",
        "Pod=shop.pod\nHealthCmd=test -e /data/seen\nHealthInterval=1s\nNotify=healthy\n[Unit]\nRequires=db.service\n\
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
pub const SYSTEMS: &[Service] = &[
    ("plain", "Network=none", true),
    ("first", "Network=none\nHealthCmd=test -e /data/count\nHealthInterval=1s\nNotify=healthy", true),
    ("second", "Network=none\n[Unit]\nRequires=first.service\nAfter=first.service", true),
];

/// The system's as well, but of a user who never logs in.
pub const CAROLS: &[Service] = &[
    ("own", "PublishPort=8090:80\n[Service]\nUser=carol", true),
    (
        "hers",
        "Network=none\nHealthCmd=test -e /data/count\nHealthInterval=1s\nNotify=healthy\n[Service]\nUser=carol\nRestart=always",
        true,
    ),
];

/// Containers that somebody tried by hand and then had written to unit files.
pub const GENERATED: &[&str] = &["gnew", "gold", "gmember", "gfile"];

/// The services that these files make.
pub const GENERATED_UNITS: &str =
    "container-gnew.service container-gold.service pod-gpod.service container-gmember.service gfile.service";

fn script_of(name: &str) -> &str {
    match name {
        "db" | "app" | "gate" | "after" | "web" | "sock" => name,
        "own" => "web",
        "tick" | "late" => "once",
        _ => "stay",
    }
}

/// The program as that user calls it, or root for her.
pub fn program_of(user: &str) -> &str {
    if user == "carol" { "pontoon --user carol" } else { "pontoon" }
}

/// Writes files, by several requests: the line to the machine takes no long ones.
fn write(uml: &Uml, user: &str, files: &[(String, String)]) {
    let mut script = String::new();
    for (path, text) in files {
        if script.len() + text.len() > 3000 {
            uml.sh_as(user, &format!("set -e\n{script}")).ok();
            script.clear();
        }
        let _ = writeln!(script, "mkdir -p $(dirname {path})\ncat >{path} <<'END'\n{text}\nEND");
    }
    uml.sh_as(user, &format!("set -e\n{script}")).ok();
}

fn units(services: &[Service], dir: &str, wanted_by: &str) -> Vec<(String, String)> {
    let file = |(name, more, starts): &Service| {
        let install = if *starts { format!("[Install]\nWantedBy={wanted_by}\n") } else { String::new() };
        let text = format!(
            "[Container]\nImage=localhost/busybox\nVolume=/srv/s:/s:ro\nVolume={name}:/data\nExec=sh /s/{}\n\
             StopSignal=SIGKILL\n{more}\n{install}",
            script_of(name)
        );
        (format!("{dir}/{name}.container"), text)
    };
    services.iter().map(file).collect()
}

/// Everything that is to be there at the first boot that counts.
pub fn furnish(uml: &Uml) {
    for (caller, user) in [("alice", "alice"), ("root", "root"), ("root", "carol")] {
        uml.sh_as(caller, &PULL.replace("PONTOON", program_of(user))).ok();
    }
    let scripts: Vec<_> =
        SCRIPTS.iter().map(|(name, text)| (format!("/srv/s/{name}"), (*text).to_owned())).collect();
    write(uml, "root", &scripts);
    // With any other command than the server's, the image's entry point fills the volume and ends.
    uml.alice("pontoon tag $(pontoon pull -q oci:/srv/mariadb:work) localhost/mariadb").ok();
    uml.alice(
        "pontoon run --rm --network none -e MARIADB_ROOT_PASSWORD=secret -v shop:/var/lib/mysql \
             -v /srv/s/small.cnf:/etc/mysql/conf.d/small.cnf:ro localhost/mariadb true",
    )
    .ok();

    let dir = "/home/alice/.config/containers/systemd";
    let mut files = units(USERS, dir, "default.target");
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
    write(uml, "alice", &files);
    for services in [SYSTEMS, CAROLS] {
        write(uml, "root", &units(services, "/etc/containers/systemd", "multi-user.target"));
    }
    generate(uml, dir, own);
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

/// Makes containers by hand and unit files of them: services that make them anew, one that starts what is there, a pod's, and a
/// `.container` file.
fn generate(uml: &Uml, files: &str, units: &str) {
    let create = |name: &str, more: &str| {
        format!(
            "pontoon create --name {name} --stop-signal KILL {more} -v /srv/s:/s:ro -v {name}:/data localhost/busybox sh /s/stay"
        )
    };
    let script = format!(
        "set -e
         {}; {}; pontoon pod create --name gpod; {}; {}
         cd {units}
         pontoon generate systemd --new --files --name gnew
         pontoon generate systemd --files --name gold
         pontoon generate systemd --new --files --name gpod
         pontoon generate quadlet -o {files} gfile
         echo '[Install]\nWantedBy=default.target' >>{files}/gfile.container
         pontoon rm gnew gfile; pontoon pod rm -f -t 0 gpod
         systemctl --user enable -q {}",
        create("gnew", "--network none"),
        create("gold", "--network none"),
        create("gmember", "--pod gpod"),
        create("gfile", "--network none"),
        "container-gnew container-gold pod-gpod container-gmember"
    );
    uml.alice(&script).ok();
}
