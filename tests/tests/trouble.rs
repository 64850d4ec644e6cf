//! A machine that fails us: a disk that is full, read-only or broken, and helper processes that are killed. Commands say so in
//! clear words, nothing is half written, and the next command goes on where the last one could not.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use pontoon_tests::tree::{Traces, assert_nothing_left};
use pontoon_tests::{B, Output, TestHost, alone, host_with_busybox, wait};

const STORE: &str = "/home/dave/.local/share/pontoon";

/// dave's store on a small file system of its own, with a container of every kind in it.
struct Small {
    host: &'static TestHost,
    before: Traces,
}

impl Small {
    fn new(options: &str) -> Self {
        let host = host_with_busybox();
        host.root(&format!(
            "umount -l {STORE} 2>/dev/null; install -d -o dave -g dave -m 700 /home/dave/.local /home/dave/.local/share {STORE} && \
             mount -t tmpfs -o {options},mode=700,uid=$(id -u dave),gid=$(id -g dave) small {STORE}"
        ))
        .ok();
        let before = Traces::of(host, "dave");
        let small = Self { host, before };
        small
            .dave(
                "pontoon pull -q $B && pontoon create --name rests --network none $B true && pontoon volume create kept && \
                 echo secret | pontoon secret create known - && \
                 pontoon run -d --name runs --network none --stop-timeout 0 -v kept:/v $B sh -c 'echo said; exec sleep 10000'",
            )
            .ok();
        small
    }

    fn dave(&self, script: &str) -> Output {
        self.host.entry("dave").env("B", B).limit(Duration::from_secs(60)).sh(script).no_panic()
    }

    /// All that is in the store, by the commands that list it.
    fn listed(&self) -> String {
        let list = "pontoon ps -a --format '{{.Names}} {{.State}}' | sort; pontoon images --format '{{.Repository}}:{{.Tag}}' | sort; \
                    pontoon volume ls -q | sort; pontoon secret ls --format '{{.Name}}' | sort";
        self.dave(list).ok().stdout
    }

    /// What writes is refused with the kernel's word for it, and changes nothing.
    #[track_caller]
    fn refuses(&self, script: &str, word: &str) {
        let before = self.listed();
        let output = self.dave(script);
        assert!((125..=127).contains(&output.code), "{output:?}");
        assert!(output.stderr.contains(word) && output.stderr.contains("error: "), "{output:?}");
        assert_eq!(self.listed(), before, "after {output:?}");
    }

    /// Nothing half written lies about: no temporary file, nothing left to be swept, no directory that no list has.
    #[track_caller]
    fn is_clean(&self) {
        // Whatever a command has left is swept by the next that can.
        self.dave("pontoon run --rm --network none $B true").ok();
        let odd = format!(
            "cd {STORE} && find . -path ./layers -prune -o \\( -name '*.new' -o -path './tmp/*' -o -path './trash/*' \\) -print; \
             [ $(ls containers | grep -xc '[0-9a-f]*') = $(pontoon ps -aq | wc -l) ] || ls -R containers; \
             [ $(ls layers | wc -l) = $(pontoon inspect --format '{{{{len .RootFS.Layers}}}}' $B) ] || ls layers; ls volumes"
        );
        self.dave(&odd).ok().prints("kept");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.dave("pontoon rm -f -t 0 -a");
        let _ = self.host.root(&format!("umount -l {STORE}"));
    }
}

/// 58: no room for data, and none for another file.
#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let _alone = alone();
    for (options, fill) in [
        ("size=24m", "dd if=/dev/zero of=STORE/fill bs=64k; dd if=/dev/zero of=STORE/fill2 bs=4k"),
        (
            "size=64m,nr_inodes=700",
            "mkdir STORE/fill; for i in $(seq 700); do : >STORE/fill/$i || break; done",
        ),
    ] {
        let small = Small::new(options);
        let full = || drop(small.dave(&format!("({}) 2>/dev/null", fill.replace("STORE", STORE))));
        let word = "No space left on device";
        full();
        let listed = small.listed();
        for script in [
            "pontoon pull -q localhost:5000/nginx",
            "pontoon create --name new --network none $B true",
            "pontoon run --rm --name new --network none -v fresh:/v $B true",
            "pontoon volume create more",
            "echo x | pontoon secret create more -",
            "pontoon rename rests other",
            "pontoon commit -q rests localhost/other",
            "tar c /etc/passwd | pontoon import -q - localhost/other",
            "pontoon cp /etc/services runs:/v/",
        ] {
            small.refuses(script, word);
        }
        // What only reads, or makes room, works.
        for script in [
            "pontoon inspect rests runs $B >/dev/null && pontoon info >/dev/null",
            "pontoon logs runs && pontoon top runs && pontoon port runs && pontoon stats --no-stream runs",
            "pontoon exec runs true && pontoon exec runs sh -c '! head -c 9000000 /dev/zero >/v/x; rm -f /v/x'",
            "pontoon export runs | tar t >/dev/null && pontoon diff runs >/dev/null && pontoon volume export kept >/dev/null",
            "pontoon kill -s USR1 runs",
        ] {
            small.dave(script).ok();
        }
        assert_eq!(small.listed(), listed);
        // How a container ended is known even if the disk had no room for it.
        full();
        small.dave("timeout 20 pontoon stop -t 0 runs").ok();
        small
            .dave("pontoon inspect --format '{{.State.Status}} {{.State.ExitCode}}' runs")
            .ok()
            .prints("exited 137");
        // Removing makes room by itself.
        small.dave("pontoon rm rests && pontoon secret rm known").ok();
        small.dave(&format!("rm -rf {STORE}/fill*")).ok();
        small.dave("pontoon start runs && pontoon exec runs true && pontoon rm -f -t 0 runs").ok();
        small.is_clean();
        small.dave("pontoon volume rm kept && pontoon rmi $B && pontoon pull -q $B && pontoon run --rm --network none $B true").ok();
        assert_nothing_left(small.host, "dave", &small.before);
    }
}

#[test]
fn a_log_on_a_full_disk_loses_lines_and_no_halves() {
    let _alone = alone();
    let small = Small::new("size=24m");
    let script = "i=0; while :; do i=$((i+1)); echo \"line $i of the log\"; usleep 1000; done";
    small
        .dave(&format!("pontoon run -d --name lines --network none --stop-timeout 0 --log-driver k8s-file $B sh -c '{script}'"))
        .ok();
    small.dave(&format!("(dd if=/dev/zero of={STORE}/fill bs=64k; dd if=/dev/zero of={STORE}/fill2 bs=4k) 2>/dev/null; sleep 2; rm {STORE}/fill*; sleep 1"))
        .ok();
    small.dave("pontoon stop -t 0 lines").ok();
    let logs = small.dave("pontoon logs lines").ok();
    let number = |line: &str| line.strip_prefix("line ")?.strip_suffix(" of the log")?.parse::<u32>().ok();
    let numbers: Vec<_> = logs.stdout.lines().map(number).collect();
    assert!(numbers.iter().all(Option::is_some), "{logs:?}");
    assert!(
        numbers.windows(2).any(|it| matches!(it, [Some(one), Some(next)] if *next > one + 1)),
        "the disk was not full: {logs:?}"
    );
    small.dave("pontoon rm -f -t 0 lines runs rests && pontoon secret rm known").ok();
    small.is_clean();
}

/// 58: a file system that has become read-only, as those do that have found a fault.
#[test]
fn a_read_only_disk_is_told_and_what_runs_goes_on() {
    let _alone = alone();
    let small = Small::new("size=64m");
    let listed = small.listed();
    small.host.root(&format!("mount -o remount,ro {STORE}")).ok();
    for script in [
        "pontoon pull -q localhost:5000/nginx",
        "pontoon create --name new --network none $B true",
        "pontoon run --rm --network none $B true",
        "pontoon volume create more",
        "pontoon volume rm kept",
        "echo x | pontoon secret create more -",
        "pontoon secret rm known",
        "pontoon rename rests other",
        "pontoon tag $B localhost/other",
        "pontoon rmi $B",
        "pontoon rm rests",
        "pontoon commit -q rests localhost/other",
    ] {
        let output = small.dave(script);
        assert!((1..=127).contains(&output.code) && output.stderr.starts_with("error: "), "{output:?}");
        assert!(
            ["Read-only file system", "being used", "in use"].iter().any(|it| output.stderr.contains(it)),
            "{output:?}"
        );
    }
    small.dave("pontoon inspect rests runs $B >/dev/null && pontoon logs runs && pontoon top runs && pontoon exec runs true && pontoon volume ls && pontoon secret ls").ok();
    assert_eq!(small.listed(), listed);
    small.dave("timeout 20 pontoon stop -t 0 runs").ok();
    small
        .dave("pontoon inspect --format '{{.State.Status}} {{.State.ExitCode}}' runs")
        .ok()
        .prints("exited 137");
    small.host.root(&format!("mount -o remount,rw {STORE}")).ok();
    small.dave("pontoon start runs && pontoon rm -f -t 0 runs && pontoon start rests && pontoon wait rests && pontoon rm rests && pontoon secret rm known").ok();
    small.is_clean();
    assert_nothing_left(small.host, "dave", &small.before);
}

/// 58: calls that fail as they do on a broken disk, one after the other, by a tracer that answers in the kernel's place.
#[test]
fn a_broken_disk_is_told_and_leaves_nothing_half_done() {
    let _alone = alone();
    let small = Small::new("size=64m");
    let fail = |script: &str, call: &str, when: u32| {
        let script = script.replace("$B", B);
        small.host.root(&format!(
            "echo $$ >/sys/fs/cgroup/user.slice/user-1003.slice/login-dave.scope/cgroup.procs; cd /home/dave; env -i HOME=/home/dave USER=dave PATH=/usr/bin:/bin XDG_RUNTIME_DIR=/run/user/1003 \
             DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1003/bus strace -u dave -qq -o /dev/null -e trace={call} \
             -e signal=none -e inject={call}:error=EIO:when={when} {script}"
        )).no_panic()
    };
    let mut failed = 0;
    for (script, undo) in [
        ("pontoon create --name new --network none $B true", "pontoon rm -i new"),
        ("pontoon volume create more", "pontoon volume rm -f more"),
        ("pontoon secret create more /etc/hostname", "pontoon secret rm more"),
        ("pontoon tag $B localhost/other", "pontoon untag $B localhost/other"),
        ("pontoon rename rests other", "pontoon rename other rests"),
        ("pontoon update --restart always rests", "pontoon update --restart no rests"),
    ] {
        for call in ["fsync", "renameat2,renameat", "openat", "write", "mkdirat", "flock"] {
            for when in [1, 2, 4, 7] {
                let before = small.listed();
                let output = fail(script, call, when);
                if output.code == 0 {
                    let _ = small.dave(undo);
                } else {
                    failed += 1;
                    assert!(
                        (125..=126).contains(&output.code) && output.stderr.contains("nput/output error"),
                        "{call} {when}: {output:?}"
                    );
                    // Done or not done, and if not known, then at least not half.
                    let after = small.listed();
                    if after != before {
                        small.dave(undo).ok();
                    }
                }
                assert_eq!(small.listed(), before, "{call} {when}: {output:?}");
            }
        }
    }
    assert!(failed > 30, "only {failed} calls were made to fail");
    small.dave("pontoon rm -f -t 0 runs && pontoon rm rests").ok();
    small.is_clean();
    assert_nothing_left(small.host, "dave", &small.before);
}

/// A kernel that has no memory for a message between the processes of a start: it fails, and hangs nobody.
#[test]
fn a_start_that_cannot_speak_to_its_supervisor_ends() {
    let _alone = alone();
    let host = host_with_busybox();
    host.entry("dave").env("B", B).sh("pontoon pull -q $B && pontoon run --rm $B true").ok();
    let before = Traces::of(host, "dave");
    for start in ["run --name spoken --network none", "run -t --name spoken --network none"] {
        for when in 1..=3 {
            let script = format!(
                "echo $$ >/sys/fs/cgroup/user.slice/user-1003.slice/login-dave.scope/cgroup.procs; cd /home/dave; env -i HOME=/home/dave USER=dave PATH=/usr/bin:/bin XDG_RUNTIME_DIR=/run/user/1003 \
                 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1003/bus timeout -s KILL 30 strace -f -u dave -qq -o /dev/null -e trace=sendmsg \
                 -e signal=none -e inject=sendmsg:error=ENOMEM:when={when} pontoon {start} {B} true </dev/null"
            );
            let output = host.root(&script).no_panic();
            assert!(matches!(output.code, 0 | 125..=127), "{start}, call {when}: {output:?}");
            let removed = host.entry("dave").sh("timeout 30 pontoon rm -f -i -t 0 spoken");
            assert_eq!(removed.code, 0, "{start}, call {when}: {removed:?}");
        }
    }
    assert_nothing_left(host, "dave", &before);
}

/// Whoever runs out of what a limit gives is told of the limit, whichever step of a start it is that fails.
#[test]
fn what_has_run_short_is_named() {
    let _alone = alone();
    let host = host_with_busybox();
    let script = "pontoon pull -q $B >/dev/null
         for n in $(seq 6 2 30); do
             (ulimit -n $n; timeout 30 pontoon run --rm --name short --network none $B true) 2>&1; pontoon rm -f -i -t 0 short >/dev/null
         done";
    let said = host.entry("dave").env("B", B).sh(script).no_panic().stdout;
    assert!(
        said.contains("Too many open files") && said.contains("hint: ") && said.contains("`ulimit -n`"),
        "{said}"
    );
    assert!(!said.contains("hostile") && !said.contains("make install"), "{said}");
}

/// A file that may not become large enough is an error in words, and the payload has the signal's usual effect.
#[test]
fn a_limit_of_file_sizes_is_told_and_kills_nobody_of_ours() {
    let _alone = alone();
    let host = host_with_busybox();
    let dave = |script: &str| host.entry("dave").env("B", B).sh(script).no_panic();
    dave("pontoon pull -q $B").ok();
    let said = dave("(ulimit -f 0; pontoon create --name small --network none $B true)").fails(125).stderr;
    assert!(said.contains("File too large") && said.contains("`ulimit -f`"), "{said}");
    dave("pontoon container exists small").fails(1);
    dave("(ulimit -f 0; pontoon run --name small --network none $B true); [ $? = 125 ]").ok();
    dave("pontoon rm -f -i small").ok();
    let ignored = "grep SigIgn /proc/self/status";
    let seen = dave(&format!("pontoon run --rm --network none $B {ignored}; pontoon unshare {ignored}")).ok();
    let mask = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    let masks: Vec<u64> = seen.stdout.lines().filter_map(mask).collect();
    // SIGXFSZ is 25.
    assert!(masks.len() == 2 && masks.iter().all(|it| it & (1 << 24) == 0), "{seen:?}");
}

/// 59: each helper of a running container is killed; the next command makes it whole again.
#[test]
fn whatever_helper_is_killed_the_next_command_recovers() {
    let _alone = alone();
    let host = host_with_busybox();
    let dave =
        |script: &str| host.entry("dave").env("B", B).limit(Duration::from_secs(60)).sh(script).no_panic();
    // His root file systems come from a helper as well.
    host.write(
        "dave",
        "/home/dave/.config/containers/storage.conf",
        "[storage.options.overlay]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n",
    );
    dave("pontoon pull -q $B; pontoon run --rm $B true").ok();
    let before = Traces::of(host, "dave");
    let run = "pontoon run -d --replace --name helped --init --stop-timeout 1 -p 8478:80 --health-cmd true --health-interval 100ms $B sleep 10000";
    let own =
        "pontoon exec helped true && [ $(pontoon inspect --format '{{.State.Status}}' helped) = running ]";
    for (what, kill) in [
        ("the supervisor", "kill -9 $(pontoon inspect --format '{{.State.ConmonPid}}' helped)"),
        ("the network's helper", "pkill -9 -u dave pasta"),
        ("the root file system's helper", "pkill -9 -u dave fuse-overlayfs"),
        ("the init", "kill -9 $(pontoon inspect --format '{{.State.Pid}}' helped)"),
        ("the payload", "pontoon exec helped sh -c 'kill -9 $(pidof sleep)'"),
        ("the user's bus", "systemctl --user kill -s KILL dbus.service"),
        ("the scope", "systemctl --user kill -s KILL \"pontoon-*.scope\""),
    ] {
        for next in [
            "timeout 30 pontoon restart -t 0 helped",
            "timeout 30 pontoon stop -t 0 helped && timeout 30 pontoon start helped",
            "timeout 30 pontoon rm -f -t 0 helped && RUN",
            "RUN",
        ] {
            dave(run).ok();
            dave(own).ok();
            // The payload's end is that of who ends it, too.
            let _ = dave(kill);
            if what == "the user's bus" {
                wait::until_true("the bus to be back", || {
                    dave("systemctl --user is-active dbus.service; busctl --user list >/dev/null").code == 0
                });
            }
            dave("pontoon ps -a >/dev/null && pontoon inspect helped >/dev/null").ok();
            let output = dave(&next.replace("RUN", run));
            assert!(output.code == 0, "{what} was killed: {output:?}");
            let seen = dave(own);
            assert!(seen.code == 0, "{what} was killed, then {next}: {seen:?}");
            if what == "the user's bus" || what == "the scope" {
                break;
            }
        }
    }
    dave("pontoon rm -f -t 0 -a").ok();
    host.root("rm /home/dave/.config/containers/storage.conf").ok();
    assert_nothing_left(host, "dave", &before);
}

/// One that runs and cannot be noted would be taken for one that does not run, and nobody could end it.
#[test]
fn a_run_that_cannot_be_noted_is_no_run() {
    let _alone = alone();
    let host = host_with_busybox();
    let run = "/home/dave/run";
    host.root(&format!(
        "install -d -o dave -g dave -m 700 {run} && mount -t tmpfs -o size=2m,mode=700,uid=$(id -u dave),gid=$(id -g dave) small {run}"
    ))
    .ok();
    let script = format!(
        "P='timeout 30 pontoon --runroot {run}'; $P pull -q $B >/dev/null
         for left in 0 4 8 12 16 20 24 32 40; do
             $P create --name noted --network none --stop-timeout 0 $B sleep 10000 >/dev/null
             dd if=/dev/zero of={run}/fill bs=4k 2>/dev/null; truncate -s -${{left}}k {run}/fill
             $P start noted >/dev/null 2>{run}/../said; code=$?
             rm {run}/fill
             echo $code $($P inspect --format '{{{{.State.Status}}}}' noted)
             [ $code = 0 ] || grep -q 'No space left' {run}/../said || cat {run}/../said
             $P rm -f noted >/dev/null
         done; $P rmi $B >/dev/null"
    );
    let seen = host.entry("dave").env("B", B).limit(Duration::from_secs(300)).sh(&script).no_panic();
    host.root(&format!("umount -l {run}; rm -rf {run}")).ok();
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert_eq!(lines.len(), 9, "{seen:?}");
    assert!(lines.iter().all(|it| matches!(*it, "0 running" | "125 exited" | "125 created")), "{seen:?}");
    assert!(lines.contains(&"0 running") && !lines.iter().all(|it| *it == "0 running"), "{seen:?}");
}
