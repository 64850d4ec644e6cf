//! Limits that the kernel keeps, and boots: on a machine with a kernel of its own, where all controllers of cgroup v2 are.
//!
//! A boot takes long, so there are two for all checks. Each check has a name, and a failure of one does not hide the others.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use pontoon_tests::{Output, Uml, wait};

/// The busybox image, as it is called here.
const B: &str = "localhost/busybox";

/// Pulls the image from the directory where the machine has it.
const PULL: &str = "pontoon tag \"$(pontoon pull -q oci:/srv/busybox:work)\" localhost/busybox";

/// What the checks found.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn check(&mut self, name: &str, check: impl FnOnce()) {
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(check));
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        eprintln!("check: {name} ... {verdict} ({:.1} s)", started.elapsed().as_secs_f64());
        if let Err(panic) = result {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
            self.0.push(format!("{name}:\n{}", message.unwrap_or("a panic without a message")));
        }
    }

    fn report(self) {
        assert!(self.0.is_empty(), "{} checks failed\n\n{}", self.0.len(), self.0.join("\n\n"));
    }
}

#[test]
fn limits_hold_and_reboots_are_survived() {
    let mut found = Findings::default();
    let mut uml = Uml::boot();
    uml.alice(PULL).ok();
    uml.root(PULL).ok();
    found.check("limits are in the container's group", || limits(&uml));
    found.check("limits that nobody asked for", || limits_by_default(&uml));
    found.check("what is not delegated is refused", || not_delegated(&uml));
    found.check("processor time is short", || processor_time(&uml));
    found.check("memory is short", || memory(&uml));
    found.check("memory is short for one of several processes", || memory_of_one(&uml));
    found.check("processes are few", || processes(&uml));
    found.check("limits change while it runs", || update(&uml));
    found.check("a service has limits", || service(&uml));
    found.check("root's containers have limits", || limits_of_root(&uml));
    found.check("what the kernel does not have is refused", || not_offered(&uml));
    found.check("root's writes are slow", || slow_writes(&uml));
    found.check("before the reboot", || before_the_reboot(&uml));
    uml.reboot();
    found.check("what was to start has started", || after_the_reboot(&uml));
    found.check("what was delegated is not refused", || delegated(&uml));
    found.check("the clock jumps", || clock(&uml));
    for cut in 0..cuts() {
        found.check("before the power cut", || before_the_cut(&uml));
        // A little later each time.
        wait::rest(Duration::from_millis(2500 + 337 * cut));
        uml.cut_power();
        uml.start();
        found.check("after the power cut", || after_the_cut(&uml));
    }
    found.report();
}

/// Power cuts. `CUTS=20` for a long run.
fn cuts() -> u64 {
    std::env::var("CUTS").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

/// `pontoon run --rm` of a shell script, without a network.
fn run(options: &str, script: &str) -> String {
    format!("pontoon run --rm --network none {options} {B} sh -c '{script}'")
}

/// Prints each of these files of the container's own group as `NAME VALUE`.
fn show(files: &str) -> String {
    format!("cd /sys/fs/cgroup; for f in {files}; do echo $f $(cat $f); done")
}

const LIMITS: &str =
    "-m 64m --memory-swap 64m --memory-reservation 32m --pids-limit 20 --cpus 0.5 --cpu-shares 512";
const LIMIT_FILES: &str = "memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight";
const LIMIT_VALUES: &str = "memory.max 67108864\nmemory.swap.max 0\nmemory.low 33554432\npids.max 20\n\
                            cpu.max 50000 100000\ncpu.weight 20";

fn limits(uml: &Uml) {
    uml.alice(&run(LIMITS, &show(LIMIT_FILES))).ok().prints(LIMIT_VALUES);
    let odd = "--memory 64m --memory-swap -1 --cpu-period 50000 --cpu-quota 20000 --pids-limit -1 \
               --cgroup-conf memory.high=50331648";
    uml.alice(&run(odd, &show("memory.swap.max cpu.max pids.max memory.high")))
        .ok()
        .prints("memory.swap.max max\ncpu.max 20000 50000\npids.max max\nmemory.high 50331648");
}

fn limits_by_default(uml: &Uml) {
    uml.alice(&run("", &show("memory.max pids.max cpu.max")))
        .ok()
        .prints("memory.max max\npids.max 2048\ncpu.max max 100000");
    // As much swap again as there is memory.
    uml.alice(&run("-m 64m", &show("memory.swap.max"))).ok().prints("memory.swap.max 67108864");
    let info = uml.alice("pontoon info --format '{{.Host.CgroupControllers}} {{.Host.CgroupsVersion}}'").ok();
    assert_eq!(info.text(), "[cpu memory pids] v2", "{info:?}");
}

fn not_delegated(uml: &Uml) {
    let refused = |option: &str, controller: &str| {
        let run = uml
            .alice(&run(option, "true"))
            .fails_before_the_command()
            .warns(&format!("the {controller} controller"));
        run.warns("Delegate=")
            .warns("/etc/systemd/system/user@.service.d/")
            .warns(option.split(' ').next().unwrap());
    };
    // The kernel here has no cpuset at all, and nobody gives io to users unasked.
    for option in ["--cpuset-cpus 0", "--cpuset-mems 0"] {
        uml.alice(&run(option, "true"))
            .fails(125)
            .warns("does not offer the cpuset controller")
            .warns(option.split(' ').next().unwrap());
    }
    refused("--blkio-weight 100", "io");
    refused("--device-write-bps /dev/ubda:1mb", "io");
    uml.alice("pontoon ps -aq").ok().prints("");
}

fn processor_time(uml: &Uml) {
    let script = "timeout 2 sh -c \"while :; do :; done\"; cat /sys/fs/cgroup/cpu.stat";
    let used = |options: &str| {
        let run = uml.alice(&run(options, script)).ok();
        let number = |key: &str| -> u64 {
            let line = run.stdout.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|it| it.trim().parse().ok()).unwrap_or_else(|| panic!("no {key}:\n{run:?}"))
        };
        (number("usage_usec"), number("nr_throttled"))
    };
    let (all, never) = used("");
    let (little, often) = used("--cpus 0.2");
    assert!(never == 0 && often > 3, "throttled {never} and {often} times");
    // Two fifths of a second, and what it takes to start.
    assert!(little < 1_000_000 && little < all, "{all} and {little} microseconds used");
}

fn memory(uml: &Uml) {
    uml.alice(&format!("pontoon run --name much --network none -m 32m --memory-swap 32m {B} tail /dev/zero"))
        .fails(137);
    uml.alice("pontoon inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' much")
        .ok()
        .prints("true 137");
    uml.alice("pontoon rm much").ok();
    // A kill that is none of memory's.
    uml.alice(&format!("pontoon run -d --name little --network none -m 32m {B} sleep 10000")).ok();
    uml.alice("pontoon kill little && pontoon wait little").ok().says("137");
    uml.alice("pontoon inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' little")
        .ok()
        .prints("false 137");
    uml.alice("pontoon rm little").ok();
}

fn memory_of_one(uml: &Uml) {
    uml.alice(&format!(
        "pontoon run -d --name shared --network none --stop-timeout 0 -m 32m --memory-swap 32m {B} \
         sh -c 'tail /dev/zero; echo tail gave $?; exec sleep 10000'"
    ))
    .ok();
    wait::until("the end of tail", || {
        let logs = uml.alice("pontoon logs shared 2>&1").ok();
        if logs.stdout.contains("tail gave 137") { Ok(()) } else { Err(logs.stdout) }
    });
    // What is executed in it counts as well, and the rest goes on.
    uml.alice("pontoon exec shared tail /dev/zero").fails(137);
    uml.alice("pontoon exec shared cat /proc/self/cgroup").ok().prints("0::/");
    uml.alice("pontoon inspect --format '{{.State.Status}} {{.State.OOMKilled}}' shared")
        .ok()
        .says("running");
    uml.alice("pontoon rm -f -t 0 shared").ok();
}

fn processes(uml: &Uml) {
    let forks = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo all";
    let run = |limit: u32| uml.alice(&run(&format!("--pids-limit {limit}"), forks));
    let few = run(10);
    assert!(few.code != 0, "{few:?}");
    few.warns("can't fork").lacks("all");
    run(20).ok().prints("all");
}

/// Set back and forth by a year while containers run: what waits goes on waiting as long as it was to, and what looks at
/// times finds what was asked for.
fn clock(uml: &Uml) {
    let run = |name: &str, options: &str, script: &str| {
        uml.alice(&format!(
            "pontoon run -d --name {name} --network none --stop-timeout 0 --log-driver k8s-file {options} {B} sh -c '{script}'"
        ))
        .ok();
    };
    let checks = |count: usize| {
        wait::until(&format!("{count} checks"), || {
            let log =
                uml.alice("pontoon inspect --format '{{range .State.Health.Log}}x{{end}}' c-health").ok();
            if log.text().len() >= count { Ok(()) } else { Err(log.stdout) }
        });
    };
    run(
        "c-health",
        "--health-cmd true --health-interval 500ms --health-max-log-count 0",
        "echo before; sleep 10000",
    );
    run("c-again", "--restart always", "sleep 0.2");
    checks(1);
    uml.root("date -s '+1 year' >/dev/null").ok();
    let count = |name: &str| -> u32 {
        let count = uml.alice(&format!("pontoon inspect --format '{{{{.RestartCount}}}}' {name}")).ok();
        count.text().parse().expect("a number")
    };
    checks(4);
    let restarts = count("c-again");
    run("c-future", "", "echo later");
    uml.alice("pontoon wait c-future && pontoon logs --since 10m c-future").ok().says("later");
    uml.alice("pontoon logs --since 10m c-health; pontoon events --stream=false --since 10m --filter container=c-future --format '{{.Status}}'")
        .ok()
        .lacks("before")
        .says("died");
    uml.root("date -s '-1 year' >/dev/null").ok();
    checks(8);
    wait::until_true("a restart after the clock was set back", || count("c-again") > restarts);
    // Made in what is the future now.
    uml.alice("pontoon ps -a && pontoon ps -a --filter until=10m >/dev/null && pontoon inspect c-future >/dev/null && pontoon stats --no-stream c-health").ok();
    uml.alice("pontoon logs --until 1m c-future").ok().prints("");
    uml.alice("timeout 60 pontoon stop c-health && pontoon start c-health c-future && timeout 60 pontoon rm -f -t 0 c-health c-again c-future").ok();
    uml.alice("pontoon ps -aq").ok();
}

/// Everything that writes, all the time.
fn before_the_cut(uml: &Uml) {
    uml.alice(&format!(
        "pontoon rm -f -t 0 -a >/dev/null; pontoon volume prune -f >/dev/null; pontoon volume create kept; echo x | pontoon secret create kept -; \
         pontoon create --name kept --network none -v kept:/v {B} cat /v/file && pontoon run --rm --network none -v kept:/v {B} sh -c 'echo written >/v/file; sync' && \
         pontoon tag {B} localhost/kept"
    ))
    .ok();
    uml.alice(&format!(
        "cat >~/work.sh <<'END'
i=0
while :; do
    i=$((i + 1))
    pontoon run -d --name cut$i --network none --stop-timeout 0 -v cut$i:/v -v /anonymous {B} sh -c 'echo x >/file; sleep 0.1'
    pontoon commit -q cut$i localhost/cut$i
    pontoon rename cut$i other$i; pontoon update --restart always other$i
    echo y | pontoon secret create cut$i -
    pontoon rm -f -t 0 other$i; pontoon volume rm cut$i; pontoon secret rm cut$i
    [ $((i % 3)) = 0 ] && pontoon rmi localhost/cut$i
    pontoon create --name rest$i --network none {B} true
done
END
systemd-run --user --quiet --unit work bash $HOME/work.sh"
    ))
    .ok();
}

/// The next commands find a store that they understand, with everything in it that was done before.
fn after_the_cut(uml: &Uml) {
    let list = uml.alice("pontoon ps -a && pontoon images && pontoon volume ls && pontoon secret ls").ok();
    assert_eq!(list.stderr, "");
    uml.alice("pontoon start -a kept").ok().prints("written");
    uml.alice(
        "pontoon image exists localhost/kept && pontoon volume exists kept && pontoon secret exists kept",
    )
    .ok();
    uml.alice(&format!(
        "pontoon ps -a --format '{{{{.Names}}}}' | while read name; do pontoon inspect $name >/dev/null || echo $name; done; \
         pontoon images --format '{{{{.Repository}}}}' | while read name; do pontoon run --rm --network none $name true || echo $name; done; \
         pontoon run --rm --network none {B} true"
    ))
    .ok()
    .prints("");
    uml.alice("timeout 100 pontoon rm -f -t 0 -a >/dev/null && pontoon volume rm -f -a >/dev/null; pontoon secret rm -a >/dev/null; pontoon rmi $(pontoon images --format '{{.Repository}}' | grep cut) >/dev/null 2>&1; true").ok();
    uml.alice(&format!("pontoon run --rm --network none {B} true && pontoon ps -aq; pontoon volume ls -q; cd ~/.local/share/pontoon && ls tmp trash | grep -v ':$'; find containers volumes images -name '*.new'; ls containers | grep -x '[0-9a-f]*'; true"))
        .ok()
        .prints("");
}

fn update(uml: &Uml) {
    uml.alice(&format!(
        "pontoon run -d --name live --network none --stop-timeout 0 -m 64m --pids-limit 20 {B} sleep 10000"
    ))
    .ok();
    let shown = |expected: &str| {
        let files = show("memory.max pids.max cpu.max");
        uml.alice(&format!("pontoon exec live sh -c '{files}'")).ok().prints(expected);
    };
    shown("memory.max 67108864\npids.max 20\ncpu.max max 100000");
    uml.alice("pontoon update -m 96m --pids-limit 30 --cpus 0.25 live").ok();
    let changed = "memory.max 100663296\npids.max 30\ncpu.max 25000 100000";
    shown(changed);
    let template = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}";
    uml.alice(&format!("pontoon inspect --format '{template}' live")).ok().prints("100663296 30 250000000");
    uml.alice("pontoon stats --no-stream --format '{{.MemUsage}}, {{.PIDS}}' live").ok().says("/ 100.7MB, 1");
    // It stays so in the next run.
    uml.alice("pontoon restart -t 0 live").ok();
    shown(changed);
    // As long as the new limit is not delegated, the old ones hold.
    uml.alice("pontoon update --device-write-bps /dev/ubda:1mb live").refused().warns("io controller");
    shown(changed);
    uml.alice("pontoon rm -f -t 0 live").ok();
}

fn service(uml: &Uml) {
    uml.alice(&format!(
        "mkdir -p ~/.config/containers/systemd && cat >~/.config/containers/systemd/limited.container <<'END'
[Container]
Image={B}
ContainerName=limited
Network=none
Exec=sleep 10000
PidsLimit=15
PodmanArgs=--memory 32m --memory-swap 32m
StopTimeout=0
[Service]
CPUQuota=50%
[Install]
WantedBy=default.target
END
systemctl --user daemon-reload && systemctl --user start limited"
    ))
    .ok();
    let files = show("memory.max pids.max");
    uml.alice(&format!("pontoon exec limited sh -c '{files}'"))
        .ok()
        .prints("memory.max 33554432\npids.max 15");
    // systemd stops a service one of whose processes was killed for want of memory, unless that one's group is not its own.
    uml.alice("pontoon exec limited tail /dev/zero").fails(137);
    uml.alice("systemctl --user is-active limited").ok().prints("active");
    let group = uml.alice("systemctl --user show -P ControlGroup limited").ok();
    uml.alice(&format!("cat /sys/fs/cgroup{}/cpu.max", group.text())).ok().prints("50000 100000");
}

fn limits_of_root(uml: &Uml) {
    let io = "--device-write-bps /dev/ubda:1mb --device-read-iops /dev/ubda:100";
    let number = uml.root("printf '%d:%d' $(stat -c '0x%t 0x%T' /dev/ubda)").ok();
    let all = uml.root(&run(&format!("{LIMITS} {io}"), &show(&format!("{LIMIT_FILES} io.max")))).ok();
    all.prints(&format!(
        "{LIMIT_VALUES}\nio.max {} rbps=max wbps=1048576 riops=100 wiops=max",
        number.text()
    ));
}

/// The kernel here has no cpuset, and of the io controller no weights.
fn not_offered(uml: &Uml) {
    let run = |option: &str| uml.root(&run(option, "true")).fails(125);
    let weight =
        run("--blkio-weight 100").warns("--blkio-weight").warns("this kernel's io controller has no");
    let cpuset = run("--cpuset-cpus 0").warns("cpuset").warns("--cpuset-cpus");
    uml.root("pontoon ps -aq").ok().prints("");
    assert!(!weight.stderr.contains("not delegated"), "root has the io controller:\n{weight:?}");
    assert!(
        !cpuset.stderr.contains("user@.service"),
        "root's containers are not below user@.service:\n{cpuset:?}"
    );
}

fn slow_writes(uml: &Uml) {
    let write = "dd if=/dev/zero of=/v/file bs=256k count=12 oflag=direct 2>/dev/null; cat /proc/uptime";
    let seconds = |options: &str| -> f64 {
        let run =
            uml.root(&run(&format!("-v writes:/v {options}"), &format!("cat /proc/uptime; {write}"))).ok();
        let times: Vec<f64> =
            run.stdout.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
        assert_eq!(times.len(), 2, "{run:?}");
        times[1] - times[0]
    };
    let fast = seconds("");
    let slow = seconds("--device-write-bps /dev/ubda:1mb");
    uml.root("pontoon volume rm writes").ok();
    assert!(
        slow > 2.0 && slow > 2.0 * fast,
        "three megabytes took {fast} s, and with one in a second {slow} s"
    );
}

fn names(output: Output) -> String {
    let output = output.ok();
    let mut names: Vec<&str> = output.stdout.lines().collect();
    names.sort_unstable();
    names.join(" ")
}

/// Containers as a user leaves them, and what the error says about delegation.
fn before_the_reboot(uml: &Uml) {
    // What a check that failed has left.
    uml.alice("pontoon rm -f -i -t 0 much little shared live").ok();
    let run = |name: &str, options: &str| {
        uml.alice(&format!("pontoon run -d --name {name} {options} {B} sleep 10000")).ok();
    };
    run("r-always", "--restart always");
    run("r-unless", "--restart unless-stopped -m 64m -v kept:/v --stop-timeout 0");
    run("r-stopped", "--restart unless-stopped --stop-timeout 0");
    run("r-always-stopped", "--restart always --network none --stop-timeout 0");
    run("r-no", "--restart no --network none");
    run("r-none", "--network none");
    run("r-gone", "--rm --network none");
    uml.alice("pontoon stop r-stopped r-always-stopped").ok();
    uml.alice("pontoon exec r-unless sh -c 'echo written >/v/file; echo written >/file'").ok();
    uml.root(&format!(
        "pontoon run -d --name r-root --restart always --network none --stop-timeout 0 {B} sleep 10000"
    ))
    .ok();
    uml.root(
        "mkdir -p /etc/systemd/system/user@.service.d
         printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' >/etc/systemd/system/user@.service.d/delegate.conf
         cat /proc/sys/kernel/random/boot_id >/root/boot-id",
    )
    .ok();
    assert_eq!(
        names(uml.alice("pontoon ps --format '{{.Names}}'")),
        "limited r-always r-gone r-no r-none r-unless"
    );
}

fn after_the_reboot(uml: &Uml) {
    uml.root("! cmp /root/boot-id /proc/sys/kernel/random/boot_id").ok();
    uml.alice("systemctl --user is-active pontoon-restart limited").ok();
    let states = "pontoon ps -a --format '{{.Names}} {{.State}}'";
    let expected = "limited running|r-always running|r-always-stopped running|r-no exited|r-none exited|\
                    r-stopped exited|r-unless running";
    assert_eq!(
        names(uml.alice(&format!("{states} | paste -s -d'|' | tr '|' '\\n'"))).replace(" r-", "|r-"),
        expected
    );
    uml.alice("pontoon exec r-unless cat /v/file /file /sys/fs/cgroup/memory.max")
        .ok()
        .prints("written\nwritten\n67108864");
    uml.root(states).ok().prints("r-root running");
    // They run as before: logs, stops, and starts by hand.
    uml.alice("pontoon start r-stopped r-no && pontoon stop -t 0 -a").ok();
    assert_eq!(names(uml.alice("pontoon ps --format '{{.Names}}'")), "");
}

/// What the refusal said helps.
fn delegated(uml: &Uml) {
    let limited = run("--device-write-bps /dev/ubda:1mb", "cat /sys/fs/cgroup/io.max");
    uml.alice(&limited).ok().says("wbps=1048576");
    uml.alice("pontoon info --format '{{.Host.CgroupControllers}}'").ok().prints("[cpu io memory pids]");
}
