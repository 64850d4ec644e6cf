//! The supervisor: what is flooded, exchanged or stopped under its hands.

use pontoon_tests::{B, Manager};

use crate::canary::Canary;

/// 7: what is not read must not stop the supervisor.
#[test]
fn who_floods_and_does_not_read_stops_nobody_but_himself() {
    let canary = Canary::new("flood");
    let host = canary.host;
    let flood =
        "pontoon run -it --rm --name flood --log-driver none --network none $B sh -c \"stty raw -echo; yes\"";
    let script = format!(
        "script -qec '{flood}' /dev/null </dev/zero >/dev/null & \
         until pontoon exec flood true 2>/dev/null; do sleep 0.1; done; sleep 2; \
         timeout 10 pontoon exec flood true && timeout 10 pontoon stop -t 0 flood; code=$?; wait; exit $code"
    );
    host.entry("alice").env("B", B).sh(&script).ok();
    // One who looks on, and has been stopped.
    let script = "mkfifo flood.fifo; sleep 60 <flood.fifo & reader=$!; \
         pontoon run --rm --name flood --log-driver none --network none $B yes >flood.fifo & \
         until pontoon exec flood true 2>/dev/null; do sleep 0.1; done; sleep 1; \
         timeout 10 pontoon stop -t 0 flood; code=$?; kill $reader; rm flood.fifo; wait; exit $code";
    host.entry("alice").env("B", B).sh(script).ok();
    // What a slow reader has not read when the container ends he gets all the same.
    let script = "pontoon run --rm --log-driver none --network none $B sh -c 'yes | head -c 300000' | (sleep 1; wc -c)";
    assert_eq!(host.entry("alice").env("B", B).sh(script).ok().text(), "300000");
    canary.unharmed();
}

/// 39: a log that is a pipe without a reader, or no file at all.
#[test]
fn a_log_is_a_file_or_nothing() {
    let canary = Canary::new("log");
    for place in ["mkfifo {}/log", "ln -s {}/file {}/log", "mkdir {}/log"] {
        canary.host.alice(&place.replace("{}", &canary.dir)).ok();
        let refused = canary
            .pontoon(&format!("run --rm --log-driver k8s-file --log-opt path={}/log $B true", canary.dir));
        refused.fails(125);
        canary.host.alice(&format!("rm -r {}/log", canary.dir)).ok();
    }
    // CVE-2026-53489: one that is exchanged when the container has ended.
    let log = format!("{}/log", canary.dir);
    canary.pontoon(&format!("run --replace --name logged --network none --log-driver k8s-file --log-opt path={log} $B echo said")).ok();
    canary.pontoon("logs logged").ok().prints("said");
    for place in ["ln -sf {}/file {}/log", "mkfifo {}/log", "mkdir {}/log"] {
        canary.host.alice(&format!("rm -rf {log}; {}", place.replace("{}", &canary.dir))).ok();
        let seen = canary.pontoon("logs logged");
        assert!(!seen.stdout.contains("untouched"), "{place}: {seen:?}");
        canary.pontoon("start logged").fails(125);
    }
    canary.pontoon("rm logged").ok();
    canary.host.alice(&format!("rm -rf {log}; grep -qx untouched {}/file", canary.dir)).ok();
}

/// 59: a container that stands still does not make its supervisor stand still.
#[test]
fn a_paused_container_s_supervisor_goes_on() {
    let canary = Canary::new("paused");
    canary.pontoon("run -d --replace --name still --stop-timeout 0 --network none --health-cmd true --health-interval 300ms $B sleep 10000").ok();
    canary.pontoon("pause still").ok();
    canary.host.alice("sleep 1.5").ok();
    let refused = canary.pontoon("exec still true").fails(125);
    assert!(refused.stderr.contains("paused"), "{}", refused.stderr);
    canary.pontoon("unpause still").ok();
    canary.pontoon("exec still true").ok();
    canary.pontoon("pause still").ok();
    canary.host.alice("sleep 1.5; timeout 20 pontoon rm -f -t 0 still").ok();
    canary.unharmed();
}

/// Paths that a command line names for files of ours: what stands there already is not followed, not waited for, and, if it
/// is no file, not replaced.
#[test]
fn files_that_we_write_for_others_follow_nothing() {
    let canary = Canary::new("outfiles");
    let host = canary.host;
    let alice = |script: &str| {
        host.entry("alice")
            .env("B", B)
            .env("CANARY", &canary.dir)
            .limit(std::time::Duration::from_secs(60))
            .sh(script)
            .no_panic()
    };
    alice("rm -rf outfiles && mkdir outfiles && cd outfiles && ln -s $CANARY/file link && ln -s $CANARY/new dangling && mkfifo fifo").ok();
    for option in ["--pidfile", "--conmon-pidfile"] {
        for place in ["fifo", ".", "/dev/null", "/dev/full", "nosuch/x"] {
            let refused = alice(&format!(
                "cd outfiles; timeout 20 pontoon run --rm --network none {option} {place} $B true"
            ));
            assert!(refused.fails(125).stderr.contains(place));
        }
        alice(&format!(
            "cd outfiles; pontoon run --rm --network none {option} link $B true && ln -sf $CANARY/file link"
        ))
        .ok();
        host.root(&format!(
            "timeout 20 pontoon run --rm --network none {option} /dev/null localhost/nosuch true"
        ))
        .fails(125);
    }
    for place in ["fifo", ".", "/dev/null", "nosuch/x"] {
        alice(&format!("cd outfiles; timeout 20 pontoon run --rm --network none --cidfile {place} $B true"))
            .fails(125);
    }
    for place in ["link", "dangling"] {
        alice(&format!(
            "cd outfiles; pontoon run --rm --network none --cidfile {place} $B true && ln -sf $CANARY/file link"
        ))
        .ok();
    }
    host.root("test -c /dev/null").ok();
    // A directory for health logs that the container has as well, and has filled with traps.
    let traps = "cd outfiles && mkdir -p h && id=$(pontoon create --replace --name traps --network none --stop-timeout 0 --health-cmd true \
         --health-interval 200ms --health-log-destination $PWD/h -v $PWD/h:/h $B sleep 10000) && \
         mkfifo h/.$id-healthcheck.log.new && ln -s $CANARY/file h/$id-healthcheck.log && pontoon start traps && \
         until grep -q healthy h/$id-healthcheck.log; do sleep 0.1; done; timeout 20 pontoon stop -t 0 traps && pontoon rm traps";
    alice(traps).ok();
    alice("rm -rf outfiles").ok();
    canary.unharmed();
}

/// 64: what a payload says to the service manager is about itself alone.
#[test]
fn a_payload_cannot_speak_for_its_supervisor() {
    let canary = Canary::new("speak");
    let alice = Manager::of(canary.host, "alice");
    let lies = "MAINPID=1;FDSTORE=1;FDNAME=x;BARRIER=1;NOTIFYACCESS=none;WATCHDOG_USEC=1;X=1;STATUS=from inside;READY=1";
    let unit = format!(
        "[Container]\nImage={B}\nContainerName=speaks\nNotify=yes\nVolume=/srv/payload:/payload:ro\nStopTimeout=0\n\
         Exec=sh -c '/payload notify \"{lies}\"; exec sleep 10000'\n\n[Service]\nFileDescriptorStoreMax=4\n"
    );
    alice.add("speaks.container", &unit);
    alice.start("speaks");
    alice.until_property("speaks", "StatusText", "from inside");
    let main = alice.property("speaks", "MainPID");
    // Or `memfd:pontoon-m`, as long as another test lets alice own the program.
    canary.host.root(&format!("cat /proc/{main}/comm")).ok().says("pontoon-m");
    for (property, value) in [("NFileDescriptorStore", "0"), ("WatchdogUSec", "0"), ("NotifyAccess", "all")] {
        assert_eq!(alice.property("speaks", property), value, "{property}");
    }
    alice.stop("speaks");
    alice.remove("speaks.container");
    canary.unharmed();
}
