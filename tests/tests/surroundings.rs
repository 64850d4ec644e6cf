//! What a container finds around it besides its image: overlays over volumes, parts of them, terminals, what systemd needs,
//! control groups and limits of others.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, Output, alone, host_with_busybox, in_busybox};

fn run(options: &str, script: &str) -> Output {
    in_busybox(&format!("--network none {options}"), script)
}

#[test]
fn changes_can_go_elsewhere() {
    let host = host_with_busybox();
    let _gone = Gone(host, "over");
    host.alice("rm -rf over && mkdir -p over/low/sub over/up over/work && echo low >over/low/file && chmod 700 over/low").ok();
    for mapped in ["", "--userns keep-id -u 0"] {
        let seen = run(
            &format!("{mapped} -v $HOME/over/low:/data:O"),
            "cat /data/file; echo new >/data/file; rmdir /data/sub; touch /data/more; ls /data; stat -c %a /data",
        );
        assert_eq!(
            seen.ok().text().split_whitespace().collect::<Vec<_>>(),
            ["low", "file", "more", "700"],
            "{mapped}"
        );
        assert_eq!(host.alice("cat over/low/file; ls over/low").ok().text(), "low\nfile\nsub", "{mapped}");
    }
    // Every run begins anew, unless the directories for changes are named.
    host.alice(&format!("pontoon create --name over --network none -v over-volume:/data:O -v $HOME/over/low:/kept:O,upperdir=$HOME/over/up,workdir=$HOME/over/work {B} sh -c 'ls /kept /data; touch /kept/mine /data/mine'")).ok();
    let start = || host.alice("pontoon start -a over").ok().text().to_owned();
    assert!(!start().contains("mine"));
    let again = start();
    assert_eq!(again.matches("mine").count(), 1, "{again}");
    assert_eq!(host.alice("ls over/up").ok().text(), "mine");
    assert_eq!(
        host.alice("ls $(pontoon volume inspect --format '{{.Mountpoint}}' over-volume)").ok().text(),
        "file\nsecond\nsub"
    );
    host.alice("pontoon rm over; pontoon volume rm over-volume; pontoon unshare rm -rf over").ok();
}

#[test]
fn a_part_of_a_volume_is_mounted_and_no_link_leads_out_of_it() {
    let host = host_with_busybox();
    let fill = "mkdir -p /v/a/b && echo deep >/v/a/b/file && ln -s /etc /v/out && ln -s ../../../../etc /v/up && ln -s a/b /v/in && ln -s / /v/whole && ln -s ../../.. /v/a/above";
    run("-v parts:/v", fill).ok();
    let mount = |path: &str| format!("--mount type=volume,source=parts,target=/m,subpath={path}");
    assert_eq!(run(&mount("a/b"), "ls /m").ok().text(), "file");
    assert_eq!(run(&mount("in"), "ls /m").ok().text(), "file");
    assert_eq!(run(&mount("a/b/file"), "cat /m").ok().text(), "deep");
    for (path, why) in [
        ("out", "a link leads out"),
        ("up", "a link leads out"),
        ("out/passwd", "a link leads out"),
        ("whole", "a link leads out"),
        ("a/above", "a link leads out"),
        ("nowhere", "No such file"),
    ] {
        let refused = run(&mount(path), "ls /m").fails(125);
        assert!(refused.stderr.contains(path) && refused.stderr.contains(why), "{}", refused.stderr);
    }
    assert_eq!(run(&mount("/a/b"), "ls /m").ok().text(), "file");
    // What belongs to the container's ids alone leads on to them: in volumes, and on the host.
    run("-v parts:/v", "chown -R 33:33 /v/a && chmod 700 /v/a").ok();
    assert_eq!(run(&mount("a/b"), "ls /m").ok().text(), "file");
    host.alice("mkdir -p ~/closed/in && echo seen >~/closed/in/file").ok();
    run("-v /home/alice/closed:/c", "chown -R 33:33 /c && chmod 700 /c").ok();
    host.alice("ls ~/closed").fails(2);
    assert_eq!(run("-v /home/alice/closed/in:/c:ro", "cat /c/file").ok().text(), "seen");
    run("-v /home/alice/closed/none:/c", "true").fails(125).warns("/home/alice/closed/none");
    run("-v /home/alice/closed:/c", "chown -R 0:0 /c").ok();
    host.alice("rm -r ~/closed; pontoon volume rm parts").ok();
}

#[test]
fn terminals_shared_memory_and_limits_are_as_asked() {
    let _alone = alone();
    let seen =
        run("--mount type=devpts,target=/mypts,mode=0600,max=10", "stat -f -c %T /mypts; ls /mypts").ok();
    assert!(seen.text().contains("devpts") && seen.text().contains("ptmx"), "{}", seen.stdout);
    run("--mount type=devpts,target=/mypts,max=x", "true").fails(125);
    assert_eq!(run("--ipc none", "grep -c ' /dev/shm ' /proc/mounts").fails(1).text(), "0");
    let host = host_with_busybox();
    let limits = "grep -E 'Max (open|processes|core|stack|locked)' /proc/self/limits";
    let theirs = host.alice(limits).ok().text().to_owned();
    assert_eq!(run("--ulimit host", limits).ok().text(), theirs);
    // The places that an image calls volumes.
    let build = "mkdir -p iv/bin iv/place && cp /usr/bin/busybox iv/bin/ && ln -sf busybox iv/bin/sh && echo image >iv/place/file && \
                 tar c -C iv . | pontoon import -q -c 'VOLUME [\"/place\"]' - localhost/iv >/dev/null; rm -r iv";
    host.alice(build).ok();
    for (mode, kind) in [("anonymous", "/place "), ("tmpfs", "tmpfs /place "), ("ignore", "")] {
        let words = format!(
            "pontoon run --rm --network none --image-volume {mode} localhost/iv busybox sh -c 'busybox cat /place/file; busybox grep \" /place \" /proc/mounts'"
        );
        let seen = host.alice(&words);
        let text = seen.stdout.trim();
        let fits = if kind.is_empty() {
            text == "image"
        } else {
            text.starts_with(
                "image
",
            ) && text.contains(kind)
        };
        assert!(fits, "{mode}: {}", seen.stdout);
    }
    assert_eq!(host.alice("pontoon volume ls -q -f anonymous=true").ok().text(), "");
    host.alice("pontoon rmi localhost/iv").ok();
}

#[test]
fn systemd_finds_what_it_needs() {
    let script = "grep -E ' /(run|run/lock|tmp|var/log/journal) ' /proc/mounts | cut -d' ' -f2,3; \
                  mkdir /sys/fs/cgroup/child && echo made; echo $container_uuid | wc -c";
    let seen = run("--systemd always", script).ok();
    let expected = "/run tmpfs\n/run/lock tmpfs\n/tmp tmpfs\n/var/log/journal tmpfs\nmade\n33";
    assert_eq!(seen.text().lines().collect::<std::collections::BTreeSet<_>>(), expected.lines().collect());
    run("--systemd always --shm-size-systemd 1m", "df -k /run | tail -1").ok().says("1024");
    // Only where the command is an init.
    run("", "mkdir /sys/fs/cgroup/child").fails(1);
    run("--systemd false", "mkdir /sys/fs/cgroup/child").fails(1);
    let host = host_with_busybox();
    let _gone = Gone(host, "init");
    let create = format!("pontoon create --name init --network none --entrypoint /sbin/init {B}");
    host.alice(&create).ok();
    assert_eq!(
        host.alice("pontoon inspect --format '{{.Config.StopSignal}}' init").ok().text(),
        "SIGRTMIN+3"
    );
}

#[test]
fn control_groups_are_where_they_are_asked_for() {
    let host = host_with_busybox();
    let _gone = Gone(host, "sliced");
    host.alice(&format!("pontoon run -d --name sliced --stop-timeout 0 --network none --cgroup-parent apps.slice {B} sleep 10000")).ok();
    let group = host.alice("cat /proc/$(pontoon inspect --format '{{.State.Pid}}' sliced)/cgroup").ok();
    assert!(group.text().contains("/apps.slice/pontoon-"), "{}", group.stdout);
    assert_eq!(
        host.alice("pontoon inspect --format '{{.HostConfig.CgroupParent}}' sliced").ok().text(),
        "apps.slice"
    );
    let seen = run(
        "--cgroupns host",
        "cat /proc/self/cgroup; ls -d /sys/fs/cgroup/system.slice; mkdir /sys/fs/cgroup/x",
    )
    .fails(1);
    assert!(seen.stdout.contains("/user.slice/") && seen.stdout.contains("system.slice"), "{}", seen.stdout);
    run("", "cat /proc/self/cgroup").ok().says("0::/\n");
}

#[test]
fn a_container_that_is_needed_is_started_first() {
    let host = host_with_busybox();
    let _alone = alone();
    let (_one, _two) = (Gone(host, "needed"), Gone(host, "needs"));
    for (name, options) in [("needed", ""), ("needs", "--requires needed")] {
        host.alice(&format!(
            "pontoon create --name {name} --stop-timeout 0 --network none {options} {B} sleep 10000"
        ))
        .ok();
    }
    host.alice("pontoon start needs").ok();
    assert_eq!(host.alice("pontoon inspect --format '{{.State.Status}}' needed").ok().text(), "running");
    let refused = host.alice("pontoon rm -f needed").fails(125);
    assert!(refused.stderr.contains("needed by needs"), "{}", refused.stderr);
    run("--requires nobody", "true").fails(125);
}

#[test]
fn the_manager_hears_of_a_container_that_is_in_a_scope_of_its_own() {
    let host = host_with_busybox();
    let _gone = Gone(host, "heard");
    host.alice(&format!("systemd-run --user --quiet --collect --unit heard -p Type=notify -p NotifyAccess=all pontoon run --rm --name heard --network none --stop-timeout 0 --sdnotify conmon {B} sleep 10000")).ok();
    host.alice("systemctl --user is-active heard && pontoon exec heard true && pontoon stop heard").ok();
}

#[test]
fn a_container_is_no_part_of_the_login_that_starts_it() {
    let host = host_with_busybox();
    let _alone = alone();
    let show = "for it in Pid ConmonPid; do grep -o '0::.*' /proc/$(pontoon inspect --format \"{{.State.$it}}\" logged)/cgroup; done
         pontoon rm -f -t 0 logged >/dev/null";
    for mode in ["enabled", "no-conmon"] {
        let start = format!(
            "pontoon run -q -d --name logged --network none --cgroups {mode} {B} sleep 10000 >/dev/null\n{show}"
        );
        host.write("root", "/root/logged", &start);
        // Root may write to the group of his login as well.
        let login = "systemd-run -q --scope --slice=user-0.slice --unit=session-logged bash /root/logged";
        for output in [host.alice(&start), host.root(login)] {
            let output = output.ok();
            let groups: Vec<&str> = output.stdout.lines().collect();
            let [payload, supervisor] = groups[..] else { panic!("{output:?}") };
            assert!(
                payload.contains("/pontoon-") && payload.contains(".scope/payload-"),
                "{mode} {output:?}"
            );
            assert!(supervisor.contains(".scope/supervisor-"), "{mode} {output:?}");
            assert!(!output.stdout.contains("session-"), "{mode} {output:?}");
        }
    }
    host.root("rm /root/logged").ok();
}
