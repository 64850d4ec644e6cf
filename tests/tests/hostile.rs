//! Payloads that do their worst to whoever looks after them: they stop who comes in, flood, leave processes behind, use up
//! what is shared. Their supervisor stays small and answers, and the user's session stays usable.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::tar::Tar;
use pontoon_tests::{B, Gone, Output, TestHost, alone, forge, host_with_busybox, wait};

/// A command of alice's that must not take long.
fn quick(host: &TestHost, script: &str) -> Output {
    host.entry("alice").env("B", B).limit(std::time::Duration::from_secs(60)).sh(script).no_panic()
}

/// Private memory of a container's supervisor, in KiB.
fn memory_of_monitor(host: &TestHost, name: &str) -> u64 {
    let script = format!(
        "pid=$(cat ~/{name}.monitor); awk '/^(Private_Clean|Private_Dirty):/ {{ sum += $2 }} END {{ print sum }}' /proc/$pid/smaps_rollup"
    );
    // It is a sealed copy of itself, which counts as its own.
    host.root(&script.replace('~', "/home/alice")).ok().text().parse().expect("a number")
}

/// What a container has open it can open anew by its name in /proc, with rights that nobody gave it.
#[test]
fn what_its_user_has_open_is_out_of_a_container_s_reach() {
    let host = host_with_busybox();
    let _gone = ["reacher", "reader"].map(|name| Gone(host, name));
    quick(host, "pontoon run -d --name reacher --network none --stop-timeout 0 $B sleep 10000").ok();
    quick(host, "pontoon create -i --name reader --network none $B sh -c 'echo no >/proc/self/fd/0; cat'")
        .ok();
    let no = "sh -c 'echo no >/proc/self/fd/0; cat'";
    for command in [
        format!("pontoon exec -i reacher {no}"),
        format!("pontoon run --rm -i --network none $B {no}"),
        "pontoon start -ai reader".to_owned(),
    ] {
        let read = quick(host, &format!("echo mine >~/input; {command} <~/input; cat ~/input")).ok();
        assert!(read.stdout.ends_with("mine\n"), "{command}: {}", read.stdout);
        assert_eq!(read.stdout.matches("mine").count(), 2, "{command}: {}", read.stdout);
        // Out of a directory one would come to all others.
        let input = quick(host, &format!("mkdir -p ~/place; {command} <~/place; ls ~/place")).ok();
        assert!(!input.stdout.contains("mine"), "{command}: {}", input.stdout);
    }
    let spoil = "for fd in 1 2; do chmod 4755 /proc/self/fd/$fd; echo yes >/proc/self/fd/$fd; done";
    let output = format!(
        "echo mine >~/output; pontoon exec reacher sh -c '{spoil}' >>~/output 2>>~/output; stat -c %a ~/output; cat ~/output"
    );
    assert_eq!(quick(host, &output).ok().text(), "644\nmine\nyes\nyes");
    // Nor does what stays behind hold its caller, or end with it.
    let stays = "while sleep 0.1; do echo on; date +%s%N >/tmp/on; done & echo begun";
    let begun = quick(host, &format!("timeout 20 pontoon exec reacher sh -c '{stays}' | cat")).ok();
    assert!(begun.stdout.starts_with("begun"), "{}", begun.stdout);
    let later = "a=$(pontoon exec reacher cat /tmp/on); sleep 1; [ \"$a\" != \"$(pontoon exec reacher cat /tmp/on)\" ]";
    quick(host, later).ok();
}

/// What a process in a container writes and reads goes through us, whole and in its order.
#[test]
fn what_goes_into_a_process_and_out_of_it_is_carried_whole() {
    let host = host_with_busybox();
    let _gone = Gone(host, "carrier");
    quick(host, "pontoon run -d --name carrier --network none --stop-timeout 0 $B sleep 10000").ok();
    quick(host, "head -c 20000000 /dev/urandom >~/much; pontoon exec -i carrier cat <~/much | cmp - ~/much")
        .ok();
    quick(host, "pontoon run --rm -i --network none $B cat <~/much | cmp - ~/much").ok();
    let both =
        "pontoon exec carrier sh -c 'echo out; echo err >&2; exit 3' 2>~/errors; echo $?; cat ~/errors";
    quick(host, both).ok().prints("out\n3\nerr");
    // Who wants no more is not fed, and who is not read is told.
    quick(host, "yes | timeout 20 pontoon exec -i carrier head -n 1").ok().prints("y");
    quick(host, "timeout 20 pontoon exec carrier yes | head -n 1").ok().prints("y");
    wait::until("the process that nobody read to end", || {
        let left = quick(host, "pontoon exec carrier pidof yes; true").ok();
        if left.text().is_empty() { Ok(()) } else { Err(left.stdout) }
    });
    // One stream that is not read does not keep the other.
    let other = "mkfifo ~/slow; sleep 3 <>~/slow >/dev/null 2>&1 & pontoon exec carrier sh -c 'yes | head -c 200000 >&2 & sleep 1; echo through; kill $!' 2>~/slow";
    quick(host, &format!("timeout 20 sh -c \"{}\" | head -n 1", other.replace('$', "\\$")))
        .ok()
        .prints("through");
    let full = quick(host, "pontoon exec carrier echo much >/dev/full; echo $?").ok();
    assert!(full.text() == "255" && full.stderr.contains("No space left"), "{} {}", full.stdout, full.stderr);
}

/// A process of the container may stop any other that it sees, one on its way in as well. That must stop nobody outside.
#[test]
fn who_stops_those_that_come_in_does_not_stop_the_supervisor() {
    let host = host_with_busybox();
    let _gone = Gone(host, "stopper");
    let check = "--health-cmd true --health-interval 200ms --health-timeout 1s --health-retries 1";
    let script = "while :; do kill -STOP -1 2>/dev/null; done";
    quick(
        host,
        &format!("pontoon run -d --name stopper --network none --stop-timeout 0 {check} $B sh -c '{script}'"),
    )
    .ok();
    // Some of these stand still for good, and are given up with those who asked for them.
    for _ in 0..8 {
        let _ = quick(host, "timeout -s KILL 0.3 pontoon exec stopper true >/dev/null 2>&1");
    }
    wait::until("a check that was stopped to count as failed", || {
        let log = quick(
            host,
            "pontoon inspect --format '{{range .State.Health.Log}}{{.ExitCode}} {{end}}' stopper",
        )
        .ok();
        if log.stdout.contains("-1") { Ok(()) } else { Err(log.stdout) }
    });
    quick(host, "timeout 10 pontoon stop -t 0 stopper").ok();
    let left = "pontoon inspect --format '{{.State.Status}}' stopper; ps -u alice -o stat=,args= | grep '^T' || true";
    assert_eq!(quick(host, left).ok().text(), "exited");
}

#[test]
fn what_a_check_leaves_behind_ends_with_its_time() {
    let host = host_with_busybox();
    let _gone = Gone(host, "leaver");
    for (check, verdict) in [("setsid sleep 7777 & true", "0"), ("setsid sleep 7777 & sleep 7777", "-1")] {
        quick(
            host,
            &format!(
                "pontoon run -d --replace --name leaver --network none --stop-timeout 0 --health-cmd '{check}' \
                 --health-timeout 1s --health-interval disable $B sleep 10000 && pontoon healthcheck run leaver; true"
            ),
        )
        .ok();
        let log = "pontoon inspect --format '{{range .State.Health.Log}}{{.ExitCode}}{{end}}' leaver";
        assert_eq!(quick(host, log).ok().text(), verdict, "{check}");
        wait::until("what the check has left to end", || {
            let seen = quick(host, "pontoon top leaver args").ok().stdout;
            if seen.contains("7777") { Err(seen) } else { Ok(()) }
        });
        // One that runs later is not hit by what was done to those before it.
        quick(host, "pontoon healthcheck run leaver; pontoon exec leaver true").ok();
        assert_eq!(quick(host, log).ok().text(), verdict.repeat(2), "{check}");
    }
    // All the same to a check that ends in order and leaves nothing.
    quick(host, "pontoon run -d --replace --name leaver --network none --stop-timeout 0 --health-cmd true --health-interval disable $B sleep 10000").ok();
    quick(host, "for i in 1 2 3; do pontoon healthcheck run leaver || exit; done").ok();
    let group = "find $(pontoon inspect --format '/sys/fs/cgroup{{.State.CgroupPath}}' leaver) -mindepth 1 -type d | wc -l";
    assert_eq!(quick(host, group).ok().text(), "1");
}

/// 7, 57: however much is written, and whoever does not read it, the supervisor's memory is bounded.
#[test]
fn floods_do_not_fill_the_supervisor() {
    let host = host_with_busybox();
    let _gone = Gone(host, "flooder");
    // Half a gigabyte without an end of line, into a log of limited size; binary, and as fast as it goes.
    let run = "pontoon run -d --replace --name flooder --network none --stop-timeout 0 --conmon-pidfile ~/flooder.monitor";
    let log = "--log-driver k8s-file --log-opt max-size=1mb";
    let flood = "pontoon wait flooder; pontoon logs flooder | wc -c";
    quick(
        host,
        &format!(
            "{run} {log} $B sh -c 'cat /proc/uptime; sleep 1; head -c 500000000 /dev/zero; sleep 10000'"
        ),
    )
    .ok();
    wait::until_true("the flood to be under way", || {
        quick(host, "stat -c %s $(pontoon inspect --format '{{.HostConfig.LogConfig.Path}}' flooder)")
            .ok()
            .text()
            .parse()
            .unwrap_or(0)
            > 100_000
    });
    assert!(memory_of_monitor(host, "flooder") < 6000, "{} KiB", memory_of_monitor(host, "flooder"));
    quick(host, "pontoon exec flooder true && pontoon stop -t 0 flooder").ok();
    let kept = quick(host, flood).ok();
    let size = quick(host, "cd $(dirname $(pontoon inspect --format '{{.HostConfig.LogConfig.Path}}' flooder)) && du -sb . | cut -f1").ok();
    assert!(size.text().parse::<u64>().unwrap_or(u64::MAX) < 4_000_000, "{size:?} {kept:?}");
    // A check's output, and an attached terminal of an odd size with somebody who types without end and does not look.
    quick(host, &format!("{run} -t -i --log-driver none --health-cmd 'head -c 500000000 /dev/zero' --health-interval disable $B sh -c 'stty raw -echo; cat'")).ok();
    quick(host, "timeout 50 pontoon healthcheck run flooder").ok();
    let script = "stty rows 65535 cols 65535 2>/dev/null; pontoon attach --sig-proxy=false flooder </dev/urandom >/dev/full";
    quick(host, &format!("timeout -s KILL 3 script -qec '{script}' /dev/null >/dev/null 2>&1; true")).ok();
    quick(host, "pontoon attach --sig-proxy=false flooder </dev/zero | sleep 1; pontoon exec flooder true")
        .ok();
    assert!(memory_of_monitor(host, "flooder") < 6000, "{} KiB", memory_of_monitor(host, "flooder"));
    quick(host, "timeout 10 pontoon exec flooder true && timeout 10 pontoon rm -f -t 0 flooder").ok();
}

/// A terminal that stands still (Ctrl-S, a connection that hangs) holds the payload up, not who looks after it; and nothing of
/// what was written is missing afterwards.
#[test]
fn a_terminal_that_is_not_read_does_not_hold_the_supervisor() {
    let host = host_with_busybox();
    let _gone = Gone(host, "unseen");
    host.write(
        "alice",
        "/home/alice/unseen.py",
        r#"
import os, pty, subprocess, sys, time, tty
shown, screen = pty.openpty()
tty.setraw(screen)
def pontoon(*words):
    return subprocess.run(["pontoon", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, text=True)
def status():
    return pontoon("inspect", "--format", "{{.State.Status}}", "unseen").stdout.strip()
# More than a terminal takes; it ends when it is told to, and says so.
payload = "trap 'echo; echo over; exit 7' TERM; /bin/seq 100000; while :; do sleep 0.1; done"
check = ["--health-cmd", "true", "--health-interval", "200ms"]
run = subprocess.Popen(
    ["pontoon", "run", "--replace", "--name", "unseen", "--network", "none", "--log-driver", "k8s-file", *check,
     sys.argv[1], "sh", "-c", payload],
    stdin=subprocess.DEVNULL, stdout=screen, stderr=screen)
os.close(screen)
end = time.monotonic() + 60
while status() != "running":
    assert time.monotonic() < end, "it does not run"
    time.sleep(0.05)
# Until the payload itself stands still, for then the terminal has taken what it takes.
before = -1
while True:
    log = pontoon("logs", "unseen").stdout.count("\n")
    if log == before and log > 0:
        break
    assert time.monotonic() < end, "it does not stand still"
    before = log
    time.sleep(0.5)
for words in (["exec", "unseen", "true"], ["healthcheck", "run", "unseen"], ["kill", "--signal", "WINCH", "unseen"]):
    done = pontoon(*words)
    print(words[0], done.returncode, *done.stderr.splitlines())
if sys.argv[2] == "stop":
    print("stop", pontoon("stop", "-t", "1", "unseen").returncode)
    print("status", status())
    print("rm", pontoon("rm", "-f", "-t", "0", "unseen").returncode)
else:
    # Whoever reads again gets all of it.
    seen = b""
    while not seen.endswith(b"\n100000\n"):
        seen += os.read(shown, 65536)
    assert seen == b"".join(b"%d\n" % it for it in range(1, 100001)), seen[-200:]
    pontoon("kill", "--signal", "TERM", "unseen")
while True:
    try:
        piece = os.read(shown, 65536)
    except OSError:
        break
    if not piece:
        break
print("run", run.wait(timeout=30))
"#,
    );
    let says = |script: &str, text: &str| {
        let limit = std::time::Duration::from_secs(200);
        host.entry("alice").env("B", B).limit(limit).sh(script).no_panic().ok().prints(text);
    };
    let before = "exec 0\nhealthcheck 0\nkill 0\n";
    says("timeout 180 python3 ~/unseen.py $B stop", &format!("{before}stop 0\nstatus exited\nrm 0\nrun 137"));
    says("timeout 180 python3 ~/unseen.py $B read", &format!("{before}run 7"));
}

/// However few descriptors there are, what cannot be looked after does not run, and is not silent.
#[test]
fn with_few_descriptors_a_container_ends_as_it_should_or_says_why() {
    let host = host_with_busybox();
    let _gone = Gone(host, "few");
    let seen = host
        .entry("alice")
        .env("B", B)
        .limit(std::time::Duration::from_secs(300))
        .sh("for count in $(seq 8 48); do
                 (ulimit -n $count
                  exec timeout 30 pontoon run --rm --name few --network none --cgroups disabled $B sh -c 'sleep 0.0765; exit 3' >/tmp/few-said 2>&1 </dev/null)
                 code=$?
                 case $code in
                 3) ;;
                 125|126|127) [ -s /tmp/few-said ] || echo $count: silent ;;
                 *) echo $count: $code $(cat /tmp/few-said) ;;
                 esac
                 pontoon rm -f -i -t 0 few >/dev/null
             done
             echo last $code; pgrep -u alice -fx 'sleep 0.0765'")
        .no_panic();
    assert_eq!(seen.text(), "last 3", "{seen:?}");
}

/// 57: keys are counted by user, and root in her container is she. Nobody gets her own instead.
#[test]
fn when_keys_are_used_up_containers_get_none_of_the_user_s() {
    let host = host_with_busybox();
    // In a session of its own a key that nobody else is to see; then keys until there is no more room; then a container,
    // which has the host's Python to look.
    host.write(
        "alice",
        "/home/alice/keys.py",
        r#"
import ctypes, errno, platform, subprocess, sys, time
ADD, KEYCTL = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
call = ctypes.CDLL(None, use_errno=True).syscall
def find():
    return call(KEYCTL, 10, -3, b"user", b"marker", 0)
if sys.argv[1:] == ["look"]:
    sys.exit("the user's key is here") if find() >= 0 else print("no key of the user's")
    sys.exit()
# What those before us had is collected a little later.
while call(KEYCTL, 1, None) < 0 or call(ADD, b"user", b"marker", b"x", 1, -3) < 0:
    time.sleep(0.1)
assert find() >= 0
count, full = 0, 0
while full < 5:
    if call(ADD, b"user", b"filler%d" % count, b"x", 1, -2) >= 0:
        count, full = count + 1, 0
    else:
        full += 1
        time.sleep(0.2)
assert ctypes.get_errno() == errno.EDQUOT, ctypes.get_errno()
look = ["-v", "/usr:/usr:ro", "-v", "/home/alice/keys.py:/keys.py:ro"]
look += ["-v", "/usr/lib:/lib:ro", *(["-v", "/usr/lib64:/lib64:ro"] if platform.machine() == "x86_64" else [])]
run = ["pontoon", "run", "--rm", "--network", "none", *look]
sys.exit(subprocess.run([*run, *sys.argv[1:], "/usr/bin/python3", "/keys.py", "look"]).returncode)
"#,
    );
    quick(host, "python3 ~/keys.py $B").ok().prints("no key of the user's");
    // With a single id there is nobody else to ask for room.
    quick(host, "python3 ~/keys.py --userns nomap --user 5 $B").ok().prints("no key of the user's");
    // Keys of those before us that are collected in between make room; then it is tried again.
    let mut refused = quick(host, "python3 ~/keys.py --uidmap 0:0:1 --gidmap 0:0:1 $B");
    for _ in 0..5 {
        if refused.code != 0 {
            break;
        }
        refused = quick(host, "python3 ~/keys.py --uidmap 0:0:1 --gidmap 0:0:1 $B");
    }
    refused.fails(125).warns("/proc/key-users");
}

/// 57: instances of inotify are counted by user, and root in her container is she; shared memory has its size.
#[test]
fn what_is_used_up_inside_leaves_the_session_usable() {
    let host = host_with_busybox();
    let _gone = Gone(host, "glutton");
    quick(host, "pontoon run -d --name glutton --stop-timeout 0 --network none -v /srv/payload:/payload:ro $B sh -c 'head -c 200000000 /dev/zero >/dev/shm/x || echo no more; exec /payload use-up'").ok();
    wait::until("everything to be used up", || {
        let log = quick(host, "pontoon logs glutton 2>&1").ok().stdout;
        if log.contains("used up") { Ok(()) } else { Err(log) }
    });
    quick(host, "pontoon logs glutton 2>&1").ok().says("no more");
    // The log of another one is followed to its end, by whatever means are left.
    quick(host, "pontoon run -d --replace --name beside --network none --log-driver k8s-file $B sh -c 'echo one; sleep 1; echo two' && timeout 20 pontoon logs -f beside && pontoon rm -f -t 0 beside").ok().says("two");
    quick(host, "timeout 20 pontoon events --stream=false --since 1m && pontoon ps && pontoon exec glutton true && systemd-run --user --wait --quiet true").ok();
    quick(host, "timeout 10 pontoon rm -f -t 0 glutton").ok();
}

/// 57: processes without end. (The limit here is one of resources: this host has no pids controller, and the kernel of the UML
/// host does not survive a bomb.)
#[test]
fn processes_without_end_leave_the_rest_alone() {
    let host = host_with_busybox();
    let _gone = Gone(host, "bomb");
    // It has its limit's worth of processes all the time: a shell that cannot fork ends, and what it has made stays.
    let bomb = "while :; do (while :; do sleep 10000 & done); done 2>/dev/null & exec sleep 10000";
    let check = "--health-cmd true --health-interval 300ms --health-timeout 1s";
    quick(host, &format!("pontoon run -d --name bomb --network none --stop-timeout 0 -u 33 --ulimit nproc=80:80 {check} $B sh -c '{bomb}'")).ok();
    wait::until("the bomb to have used up its processes", || {
        let count = quick(host, "pontoon stats --no-stream --format '{{.PIDS}}' bomb").ok();
        if count.text().parse::<u32>().is_ok_and(|it| it > 60) { Ok(()) } else { Err(count.stdout) }
    });
    // What does not fit is refused; nothing waits.
    let exec = quick(host, "timeout 20 pontoon exec bomb true");
    assert!(matches!(exec.code, 0 | 125 | 126), "{exec:?}");
    quick(host, "timeout 20 pontoon ps && timeout 20 pontoon inspect bomb >/dev/null && pontoon run --rm --network none $B true && systemd-run --user --wait --quiet true").ok();
    quick(host, "timeout 20 pontoon rm -f -t 0 bomb").ok();
}

/// 5: CVE-2022-1227.
#[test]
fn nothing_of_the_image_is_run_but_what_is_asked_for() {
    let host = host_with_busybox();
    let _gone = Gone(host, "helpers");
    let script = b"#!/bin/sh\n/bin/busybox touch \"/ran-${0##*/}\"\nexec /bin/busybox sleep 1\n";
    let mut tar = Tar::new()
        .dir("bin", 0o755)
        .dir("usr", 0o755)
        .dir("usr/bin", 0o755)
        .dir("usr/sbin", 0o755)
        .dir("sbin", 0o755)
        .file("bin/busybox", 0o755, &std::fs::read(host.path("/usr/bin/busybox")).expect("it is installed"))
        .symlink("bin/sh", "busybox");
    let names = [
        "ps",
        "nsenter",
        "newuidmap",
        "newgidmap",
        "getent",
        "id",
        "tar",
        "cp",
        "mount",
        "pasta",
        "catatonit",
        "systemctl",
        "cat",
        "stat",
        "getcap",
        "ldconfig",
    ];
    for name in names {
        for dir in ["bin", "usr/bin", "usr/sbin", "sbin"] {
            if dir != "bin" || name != "sh" {
                tar = tar.file(&format!("{dir}/{name}"), 0o755, script);
            }
        }
    }
    let image = forge::image(
        host,
        "helpers",
        &[tar.done()],
        "--config.env PATH=/bin:/usr/bin --config.env LD_PRELOAD=/evil.so",
    );
    quick(host, &format!("pontoon run -d --name helpers --network pasta --stop-timeout 0 --health-cmd '/bin/busybox true' --health-interval disable {image} /bin/busybox sleep 10000")).ok();
    quick(
        host,
        "pontoon top helpers && pontoon top helpers pid user huser comm && pontoon stats --no-stream helpers && pontoon inspect --size helpers >/dev/null && \
         pontoon healthcheck run helpers && pontoon port helpers; pontoon diff helpers >/dev/null && pontoon export helpers >/dev/null && \
         pontoon cp helpers:/bin/ps /tmp/helpers-ps && pontoon commit -q helpers localhost/helpers && pontoon exec helpers /bin/busybox true && \
         pontoon pause helpers && pontoon unpause helpers && pontoon logs helpers && pontoon ps -s",
    )
    .ok();
    let changes = quick(host, "pontoon diff helpers").ok();
    assert!(!changes.stdout.contains("/ran-"), "{changes:?}");
    // And it is found by these means if it runs.
    quick(host, "pontoon exec helpers ps").ok();
    assert!(quick(host, "pontoon diff helpers").ok().stdout.contains("/ran-ps"));
    quick(host, "pontoon rm -f -t 0 helpers; pontoon rmi -f localhost/helpers; rm -f /tmp/helpers-ps").ok();
}

/// 3: descriptors at exec, of every program that we start.
#[test]
fn programs_that_we_start_get_no_descriptors_of_ours() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "traced");
    host.write("root", "/srv/watch-exec.py", include_str!("../host/watch-exec.py"));
    let trace = |command: &str| {
        host.entry("root")
            .env("COMMAND", &format!("{command} </dev/null >/dev/null"))
            .env("B", B)
            .limit(std::time::Duration::from_secs(60))
            // Where she would be had she logged in: a manager of hers moves only what is hers.
            .sh("echo $$ >/sys/fs/cgroup/user.slice/user-1000.slice/login-alice.scope/cgroup.procs && exec python3 /srv/watch-exec.py")
            .ok()
            .stdout
    };
    let mut seen = String::new();
    for command in [
        "pontoon run -d --name traced --network none --health-cmd true --health-interval disable $B sleep 10000",
        "pontoon exec traced true",
        "pontoon healthcheck run traced",
        "pontoon cp traced:/etc/passwd /tmp/traced",
        "pontoon restart -t 0 traced",
        "pontoon run --rm --network none -t $B true",
        "pontoon unshare true",
        "pontoon rm -f -t 0 traced",
    ] {
        seen.push_str(&trace(command));
    }
    let strays: Vec<&str> = seen
        .lines()
        .filter(|line| {
            let mut words = line.split(' ');
            let program = words.next().unwrap_or_default();
            // Our own supervisor is handed its plan and its lock.
            words.next().is_some() && program != "pontoon-monitor"
        })
        .collect();
    assert!(strays.is_empty(), "{strays:#?}");
    for program in ["newuidmap", "newgidmap", "pontoon-monitor", "busybox"] {
        assert!(
            seen.lines().any(|line| line.split(' ').next() == Some(program)),
            "{program} was not seen in:\n{seen}"
        );
    }
    // The helpers of networks do not go on under a tracer; they stay, so what they have can be seen. Files of theirs they may
    // open: sockets, pipes, a tun device, the namespaces, the pipe for their pid; none of ours.
    for (network, helper) in [("pasta", "pasta"), ("slirp4netns", "slirp4netns")] {
        quick(host, &format!("pontoon run -d --replace --name traced --network {network} -p 8477:80 --stop-timeout 0 $B sleep 10000")).ok();
        let open = host
            .root(&format!("for pid in $(pgrep -u alice '^{helper}'); do readlink /proc/$pid/fd/*; done"))
            .ok();
        assert!(open.stdout.contains("tun"), "{open:?}");
        for ours in ["/containers/", "memfd:", "monitor.lock", ".local/share", "signalfd"] {
            let strays: Vec<&str> = open
                .stdout
                .lines()
                .filter(|line| line.contains(ours) && !line.ends_with("/pasta.ready"))
                .collect();
            assert!(strays.is_empty(), "{helper}: {strays:?}");
        }
    }
    quick(host, "pontoon rm -f -t 0 traced").ok();
}

/// Its files are its owner's, and so is a look inside.
#[test]
fn who_spoils_its_user_databases_keeps_nobody_out() {
    let host = host_with_busybox();
    for (name, spoil) in [
        ("spoilt-large", "rm /etc/passwd; dd if=/dev/zero of=/etc/passwd bs=1M count=9 2>/dev/null"),
        (
            "spoilt-closed",
            "rm /etc/passwd; ln -s /proc/kmsg /etc/passwd; rm /etc/group; ln -s /proc/kmsg /etc/group",
        ),
    ] {
        quick(
            host,
            &format!(
                "pontoon run -d --name {name} --stop-timeout 0 {B} sh -c '{spoil}; echo data >/kept; exec sleep 1000'
                 until pontoon exec -u 0:0 {name} test -s /kept; do sleep 0.1; done"
            ),
        )
        .ok();
        quick(host, &format!("pontoon exec {name} cat /kept")).ok().prints("data\n");
        quick(host, &format!("pontoon exec -u 1000 {name} id -u")).ok().prints("1000\n");
        // Who means a name hears why it is not there.
        quick(host, &format!("pontoon exec -u nobody {name} id -u"))
            .fails(125)
            .warns("cannot read `/etc/passwd` of the container");
        quick(host, &format!("pontoon cp {name}:/kept - | tar -xO")).ok().prints("data\n");
        quick(host, &format!("pontoon stop {name}")).ok();
        quick(host, &format!("pontoon cp {name}:/kept - | tar -xO")).ok().prints("data\n");
        quick(host, &format!("echo more >{name}-file; pontoon cp {name}-file {name}:/more; rm {name}-file"))
            .ok();
        quick(host, &format!("pontoon export {name} | tar -xO more")).ok().prints("more\n");
        quick(host, &format!("pontoon commit -q {name} {name}")).ok();
        quick(host, &format!("pontoon rm {name}; pontoon rmi {name}")).ok();
    }
    // Who starts as a name from one that cannot be read is told.
    quick(
        host,
        &format!(
            "pontoon create --name spoilt-start {B} true
             head -c 9437184 /dev/zero >spoilt; pontoon cp spoilt spoilt-start:/etc/passwd; rm spoilt
             pontoon commit -q spoilt-start spoilt-image; pontoon rm spoilt-start"
        ),
    )
    .ok();
    quick(host, "pontoon run --rm -u nobody localhost/spoilt-image true")
        .fails(125)
        .warns("cannot read `/etc/passwd` of the container");
    quick(host, "pontoon rmi localhost/spoilt-image").ok();
}
