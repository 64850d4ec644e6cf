//! Limits that the kernel keeps, of users' and root's containers.

use pontoon_tests::{Uml, wait};

use super::{B, run, show};

const LIMITS: &str =
    "-m 64m --memory-swap 64m --memory-reservation 32m --pids-limit 20 --cpus 0.5 --cpu-shares 512";
const LIMIT_FILES: &str = "memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight";
const LIMIT_VALUES: &str = "memory.max 67108864\nmemory.swap.max 0\nmemory.low 33554432\npids.max 20\n\
                            cpu.max 50000 100000\ncpu.weight 20";

pub fn limits(uml: &Uml) {
    uml.alice(&run(LIMITS, &show(LIMIT_FILES))).ok().prints(LIMIT_VALUES);
    let odd = "--memory 64m --memory-swap -1 --cpu-period 50000 --cpu-quota 20000 --pids-limit -1 \
               --cgroup-conf memory.high=50331648";
    uml.alice(&run(odd, &show("memory.swap.max cpu.max pids.max memory.high")))
        .ok()
        .prints("memory.swap.max max\ncpu.max 20000 50000\npids.max max\nmemory.high 50331648");
}

pub fn limits_by_default(uml: &Uml) {
    uml.alice(&run("", &show("memory.max pids.max cpu.max")))
        .ok()
        .prints("memory.max max\npids.max 2048\ncpu.max max 100000");
    // As much swap again as there is memory.
    uml.alice(&run("-m 64m", &show("memory.swap.max"))).ok().prints("memory.swap.max 67108864");
    let info = uml.alice("pontoon info --format '{{.Host.CgroupControllers}} {{.Host.CgroupsVersion}}'").ok();
    assert_eq!(info.text(), "[cpu memory pids] v2", "{info:?}");
}

pub fn not_delegated(uml: &Uml) {
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

pub fn processor_time(uml: &Uml) {
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

pub fn memory(uml: &Uml) {
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

pub fn memory_of_one(uml: &Uml) {
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

/// What a pod may use is for all its containers together: the limits of its slice.
pub fn pods(uml: &Uml) {
    uml.alice("pontoon pod create --name limited --network none --memory 64m --cpus 0.5 --cpu-shares 512")
        .ok();
    uml.alice(&format!("pontoon run -d --pod limited --name held --stop-timeout 0 {B} sleep 10000")).ok();
    let group = uml.alice("pontoon pod inspect --format '{{.CgroupPath}}' limited").ok().text().to_owned();
    let files = "memory.max memory.swap.max cpu.max cpu.weight";
    uml.alice(&format!("cd /sys/fs/cgroup/{group}; for f in {files}; do echo $f $(cat $f); done"))
        .ok()
        .prints("memory.max 67108864\nmemory.swap.max 67108864\ncpu.max 50000 100000\ncpu.weight 20");
    // A container has no limit of its own, and meets the pod's all the same.
    uml.alice(&format!("pontoon run --rm --pod limited {B} cat /sys/fs/cgroup/memory.max"))
        .ok()
        .prints("max");
    uml.alice(&format!("pontoon run --rm --pod limited {B} tail /dev/zero")).fails(137);
    uml.alice("pontoon pod rm -f -t 0 limited").ok();
    uml.alice(&format!("test -e /sys/fs/cgroup/{group}")).fails(1);
    // Nobody gives io to users unasked.
    uml.alice("pontoon pod create --name refused --network none --blkio-weight 100").ok();
    uml.alice("pontoon pod start refused").fails(125).warns("the io controller").warns("--blkio-weight");
    uml.alice("pontoon pod rm refused").ok();
}

/// What Kubernetes says of a container's resources, and says again of what was played.
pub fn played(uml: &Uml) {
    let resources = "{limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: 100m, memory: 32Mi}}";
    let pod = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: asked}}, spec: {{terminationGracePeriodSeconds: 0, containers: [
         {{name: c, image: {B}, imagePullPolicy: Never, command: [sleep, '10000'], resources: {resources}}}]}}}}"
    );
    uml.alice(&format!("cat >asked.yaml <<'END'\n{pod}\nEND\npontoon kube play --network none asked.yaml"))
        .ok();
    let files = show("memory.max memory.low cpu.max cpu.weight");
    uml.alice(&format!("pontoon exec asked-c sh -c '{files}'"))
        .ok()
        .prints("memory.max 67108864\nmemory.low 33554432\ncpu.max 50000 100000\ncpu.weight 4");
    let again = uml.alice("pontoon kube generate asked").ok();
    assert!(!again.stderr.contains("cpu"), "{again:?}");
    for line in ["cpu: 500m", "memory: 64Mi", "cpu: 100m", "memory: 32Mi"] {
        assert!(again.stdout.contains(line), "{line}\n{again:?}");
    }
    uml.alice("pontoon kube down asked.yaml").ok();
}

pub fn processes(uml: &Uml) {
    let forks = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo all";
    let run = |limit: u32| uml.alice(&run(&format!("--pids-limit {limit}"), forks));
    let few = run(10);
    assert!(few.code != 0, "{few:?}");
    few.warns("can't fork").lacks("all");
    run(20).ok().prints("all");
}

pub fn update(uml: &Uml) {
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

pub fn service(uml: &Uml) {
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

pub fn limits_of_root(uml: &Uml) {
    let io = "--device-write-bps /dev/ubda:1mb --device-read-iops /dev/ubda:100";
    let number = uml.root("printf '%d:%d' $(stat -c '0x%t 0x%T' /dev/ubda)").ok();
    let all = uml.root(&run(&format!("{LIMITS} {io}"), &show(&format!("{LIMIT_FILES} io.max")))).ok();
    all.prints(&format!(
        "{LIMIT_VALUES}\nio.max {} rbps=max wbps=1048576 riops=100 wiops=max",
        number.text()
    ));
}

/// The kernel here has no cpuset, and of the io controller no weights.
pub fn not_offered(uml: &Uml) {
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

pub fn slow_writes(uml: &Uml) {
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
