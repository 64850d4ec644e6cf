//! Reboots, power cuts, and a clock that jumps.

use pontoon_tests::{Output, Uml, wait};

use super::{B, run};

/// Set back and forth by a year while containers run: what waits goes on waiting as long as it was to, and what looks at
/// times finds what was asked for.
pub fn clock(uml: &Uml) {
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
pub fn before_the_cut(uml: &Uml) {
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
pub fn after_the_cut(uml: &Uml) {
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

fn names(output: Output) -> String {
    let output = output.ok();
    let mut names: Vec<&str> = output.stdout.lines().collect();
    names.sort_unstable();
    names.join(" ")
}

/// Containers as a user leaves them, and what the error says about delegation.
pub fn before_the_reboot(uml: &Uml) {
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

pub fn after_the_reboot(uml: &Uml) {
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
pub fn delegated(uml: &Uml) {
    let limited = run("--device-write-bps /dev/ubda:1mb", "cat /sys/fs/cgroup/io.max");
    uml.alice(&limited).ok().says("wbps=1048576");
    uml.alice("pontoon info --format '{{.Host.CgroupControllers}}'").ok().prints("[cpu io memory pids]");
}
