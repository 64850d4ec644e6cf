//! Containers that exchange their files while we work on them: a shared volume, a process in it that swaps names in a loop,
//! and a canary on the host that nobody may touch or read.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, TestHost, alone, host_with_busybox};

/// Rounds of each race. `ROUNDS=1000` for a long run.
fn rounds() -> u32 {
    std::env::var("ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(60)
}

/// What the canary's file says.
const SECRET: &str = "top secret of the host";

/// A volume `race` in which four directories change places with links that lead elsewhere, for as long as this lives, and
/// two files with links to the canary's file.
struct Race {
    host: &'static TestHost,
    canary: String,
    before: String,
}

impl Race {
    fn start(name: &str) -> Self {
        let host = host_with_busybox();
        // Where the links lead in the host, there is the canary; the same path exists in no container. It may be written by
        // anybody, and belongs to who would have to be asked.
        let canary = format!("/srv/race-{name}");
        host.root(&format!(
            "rm -rf {canary} && mkdir -p {canary}/sub && chmod 777 {canary} && echo '{SECRET}' >{canary}/file && \
             chmod 666 {canary}/file && chown -R alice {canary}"
        ))
        .ok();
        let up = format!("{}{}", "../".repeat(12), canary.trim_start_matches('/'));
        let fill = format!(
            "cd /race && mkdir d1 d2 d3 d4 && ln -s / l1 && ln -s {canary} l2 && ln -s {up} l3 && ln -s /proc l4 && \
             for d in d1 d2 d3 d4; do echo inside >$d/file; done; \
             echo inside >f1 && echo inside >f2 && ln -s {canary}/file g1 && ln -s {up}/file g2"
        );
        host.alice("pontoon rm -f -i -t 0 swapper && pontoon volume rm -f race").ok();
        host.entry("alice")
            .env("FILL", &fill)
            .sh(&format!("pontoon run --rm --network none -v race:/race {B} sh -c \"$FILL\""))
            .ok();
        let pairs = "d1 l1 d2 l2 d3 l3 d4 l4 f1 g1 f2 g2";
        host.alice(&format!(
            "pontoon run -d --name swapper --stop-timeout 0 --network none -w /race -v race:/race \
             -v /srv/payload:/payload:ro {B} /payload swap {pairs}"
        ))
        .ok();
        let before = Self::look(host, &canary);
        Self { host, canary, before }
    }

    fn look(host: &TestHost, canary: &str) -> String {
        host.root(&format!("find {canary} -printf '%p %m %u %g %s %T@\\n' | sort; cat {canary}/file"))
            .ok()
            .stdout
    }

    /// Runs a script of alice's once for every round, as `$i`. What it prints is a finding.
    #[track_caller]
    fn rounds(&self, script: &str) {
        let loops = format!("for i in $(seq {}); do\n{script}\ndone", rounds());
        let seen = self
            .host
            .entry("alice")
            .env("B", B)
            .env("CANARY", &self.canary)
            .env("SECRET", SECRET)
            .limit(std::time::Duration::from_secs(1200))
            .sh(&loops)
            .no_panic();
        assert!(seen.stdout.is_empty(), "{seen:?}");
        let now = Self::look(self.host, &self.canary);
        assert!(now == self.before, "the canary was touched; before:\n{}\nnow:\n{now}", self.before);
        // It was a race: the swapper has been at work all the time.
        self.host.alice("pontoon exec swapper true").ok();
    }
}

impl Drop for Race {
    fn drop(&mut self) {
        let _ = self.host.alice(
            "pontoon rm -f -i -t 0 swapper; pontoon volume rm -f race; pontoon rmi -fi localhost/raced",
        );
    }
}

/// 9-11, 16, 18, 19: CVE-2021-30465, CVE-2024-45310, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881.
#[test]
fn what_is_mounted_while_names_change_is_mounted_inside() {
    let _alone = alone();
    let race = Race::start("mounts");
    // An image whose working directory lies behind a name that changes: it is made where it is missing.
    race.host
        .alice(&format!(
            "pontoon create --name workdir --network none {B} true && \
             pontoon commit -q -c 'WORKDIR /race/d2/made/deep' workdir localhost/raced && pontoon rm workdir"
        ))
        .ok();
    // Directories and files are made for mounts at each of the four; a terminal, kernel settings and covers beside them. From
    // inside nothing of the host is in sight, nothing is mounted in /proc that is not always there, and everything that is to
    // cover something does.
    race.rounds(
        r#"
d=d$((i % 4 + 1))
case $((i % 7)) in
0) options="--tmpfs /race/$d/sub/deep/er" ;;
1) options="-v /srv/payload:/race/$d/sub/made/file:ro" ;;
2) options="-v race-other:/race/$d/volume" ;;
3) options="--tmpfs /race/$d/self/sub" ;;
4) options="-t --tmpfs /race/$d/x --sysctl net.ipv4.ip_forward=1" ;;
5) options="-v race:/race/$d/again --mount type=tmpfs,target=/race/$d/fd" ;;
6) options="--tmpfs /race/$d/sys/kernel --sysctl kernel.shm_rmid_forced=1" ;;
esac
image=$B; [ $((i % 3)) = 0 ] && image=localhost/raced
seen=$(pontoon run --rm --network none -v race:/race $options $image sh -c '
    [ ! -e /etc/subuid ] || echo HOST
    [ "$(stat -f -c %t /proc)" = 9fa0 ] || echo FALSE PROC
    [ "$(stat -c %t:%T /proc/keys)" = 1:3 ] || echo OPEN
    [ "$(stat -c %t:%T /dev/null)" = 1:3 ] || echo FALSE NULL
    [ "$(cat /proc/keys /proc/timer_list | wc -c)" = 0 ] || echo READ
    awk "{print \$5}" /proc/self/mountinfo | grep "^/proc/" | grep -vxE "/proc/(acpi|asound|bus|fs|interrupts|irq|kcore|keys|latency_stats|sched_debug|scsi|sys|sysrq-trigger|timer_list|timer_stats)"
    true' 2>&1 </dev/null)
code=$?
case "$code:$seen" in
0: | 125:*error:* | 126:*error:*) ;;
*) echo "round $i ($options): $code $seen" ;;
esac
"#,
    );
    race.host.alice("pontoon volume rm -f race-other").ok();
}

/// 37, 38: CVE-2018-15664, CVE-2019-10152, CVE-2023-0778.
#[test]
fn what_is_copied_while_names_change_stays_where_it_belongs() {
    let _alone = alone();
    let race = Race::start("copies");
    race.host.alice("mkdir -p copies && echo mine >copies/file").ok();
    race.rounds(
        r#"
cd ~/copies
look() { # what came out holds nothing of the host
    grep -rlF "$SECRET" . 2>/dev/null | sed "s|^|round $i, $1: |"
    [ ! -e etc/subuid ] && [ ! -e l1/etc/subuid ] || echo "round $i, $1: the host's files"
    chmod -f u+w ./out*; rm -rf ./out*
}
d=d$((i % 4 + 1)) f=f$((i % 2 + 1))
case $((i % 8)) in
0) pontoon cp swapper:/race/$d out 2>/dev/null ;;
1) pontoon cp swapper:/race/$f out 2>/dev/null; pontoon cp swapper:/race/$d/file out2 2>/dev/null ;;
2) pontoon cp file swapper:/race/$d/file 2>/dev/null; pontoon cp file swapper:/race/$f 2>/dev/null ;;
3) pontoon cp . swapper:/race/$d/tree 2>/dev/null; tar c file | pontoon cp - swapper:/race/$d 2>/dev/null ;;
4) pontoon volume export race >out.tar 2>/dev/null; mkdir outside && tar x -C outside -f out.tar 2>/dev/null ;;
5) tar c file | pontoon volume import race - 2>/dev/null ;;
6) pontoon cp swapper:/race - >out.tar 2>/dev/null; mkdir outside && tar x -C outside -f out.tar 2>/dev/null ;;
7) pontoon run --rm --network none -u 33 -v race:/race:U $B true 2>/dev/null ;;
esac
look $((i % 8))
"#,
    );
    // The same in the container's own files: those are exported, committed and compared while they change.
    race.host
        .alice(&format!(
            "pontoon run -d --name inner --stop-timeout 0 --network none -v /srv/payload:/payload:ro {B} sh -c \
             'mkdir /w && cd /w && mkdir d && echo x >d/file && ln -s {0} l && echo x >f && ln -s {0}/file g && exec /payload swap d l f g'",
            race.canary
        ))
        .ok();
    race.rounds(
        r#"
cd ~/copies
case $((i % 4)) in
0) pontoon export inner >out.tar 2>/dev/null && mkdir outside && tar x -C outside -f out.tar w 2>/dev/null ;;
1) pontoon commit -q inner localhost/raced >/dev/null 2>&1 ;;
2) pontoon diff inner >/dev/null 2>&1 ;;
3) pontoon cp inner:/w out 2>/dev/null; pontoon cp file inner:/w/d/file 2>/dev/null ;;
esac
grep -rlF "$SECRET" . 2>/dev/null
chmod -f u+w ./out*; rm -rf ./out*
"#,
    );
    race.host.root("! grep -rlF 'top secret' /home/alice/.local/share/pontoon/layers").ok();
    race.host.alice("pontoon rm -f -t 0 inner; chmod -f u+w copies/out*; rm -rf copies").ok();
}
