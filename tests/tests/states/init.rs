//! `init`: a container is set up to just before its program is executed, and waits.

use pontoon_tests::{B, Gone, alone, host_with_busybox, wait};

#[test]
fn what_is_set_up_runs_when_it_is_started() {
    let host = host_with_busybox();
    let _gone = ["i-one", "i-two", "i-in", "i-tty", "i-no"].map(|name| Gone(host, name));
    host.alice(&format!("pontoon create --name i-one -v i-data:/data {B} sh -c 'echo hi; exit 3'")).ok();
    host.alice(&format!("pontoon create --name i-two {B} sleep 1000")).ok();
    host.alice("pontoon init i-one i-two").ok().prints("i-one\ni-two");
    let inspect = |name: &str, field: &str| {
        host.alice(&format!("pontoon inspect --format '{{{{{field}}}}}' {name}")).ok().text().to_owned()
    };
    assert_eq!(inspect("i-one", ".State.Status"), "initialized");
    assert!(inspect("i-one", ".State.StartedAt").starts_with("0001-01-01"));
    // Everything is there but the program: its namespaces, its mounts, its files.
    let pid = inspect("i-one", ".State.Pid");
    assert!(
        host.root(&format!("ls /proc/{pid}/root/bin/sh /proc/{pid}/root/etc/hosts"))
            .ok()
            .stdout
            .contains("hosts")
    );
    host.alice("pontoon cp /etc/hostname i-one:/data/given && pontoon logs i-one").ok().prints("");
    let twice = host.alice("pontoon init i-one").fails(125);
    assert!(twice.stderr.contains("`i-one` is initialized"), "{}", twice.stderr);
    // Output from the first byte on, and the exit code.
    let ran = host.alice("pontoon start --attach i-one").fails(3);
    assert_eq!(ran.stdout, "hi\n");
    assert_eq!(inspect("i-one", ".State.Status"), "exited");
    // It can be set up again; a start without attaching lets it go as well.
    host.alice("pontoon container init i-one && pontoon start i-one && pontoon wait i-one")
        .ok()
        .prints("i-one\ni-one\n3");
    host.alice("pontoon start i-two").ok();
    assert_eq!(inspect("i-two", ".State.Status"), "running");
    host.alice(&format!("pontoon create -i --name i-in {B} cat && pontoon init i-in")).ok();
    assert_eq!(host.alice("echo typed | timeout 20 pontoon start -a -i i-in").ok().stdout, "typed\n");
    host.alice(&format!("pontoon create -t --name i-tty {B} tty && pontoon init i-tty")).ok();
    assert_eq!(host.alice("pontoon start -a i-tty").ok().text(), "/dev/pts/0");
    // What can be known to fail fails at once.
    host.alice(&format!("pontoon create --name i-no {B} nothing-of-that-name")).ok();
    let missing = host.alice("pontoon init i-no").fails(125);
    assert!(missing.stderr.contains("`nothing-of-that-name` is not in the container"), "{}", missing.stderr);
    let log = host
        .alice("pontoon events --stream=false --since 5m --filter container=i-one --format '{{.Status}}'");
    let log: Vec<&str> = log.stdout.lines().take(5).collect();
    assert_eq!(log, ["create", "init", "attach", "start", "died"]);
    host.alice("pontoon rm -f -t 0 i-one; pontoon volume rm i-data").ok();
}

#[test]
fn what_is_set_up_is_started_with_all_or_taken_down() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = ["i-all", "i-down"].map(|name| Gone(host, name));
    let state = |name: &str| {
        host.alice(&format!("pontoon inspect --format '{{{{.State.Status}}}}' {name}")).ok().text().to_owned()
    };
    for name in ["i-all", "i-down"] {
        host.alice(&format!(
            "pontoon create --name {name} --stop-timeout 0 {B} sleep 1000; pontoon init {name}"
        ))
        .ok();
    }
    host.alice("pontoon unshare sh -c 'test -x $(pontoon mount i-down)/bin/sh'").ok();
    host.alice("pontoon container cleanup i-down").ok().prints("i-down");
    assert_eq!(state("i-down"), "created");
    host.alice("pontoon init i-down && pontoon container cleanup --rm i-down").ok();
    host.alice("pontoon container exists i-down").fails(1);
    host.alice("pontoon start --all --filter name=i-all").ok();
    assert_eq!(state("i-all"), "running");
}

#[test]
fn a_process_that_waits_is_stopped_at_once_and_missed_when_it_is_killed() {
    let host = host_with_busybox();
    let _gone = ["w-stop", "w-pid", "w-mon"].map(|name| Gone(host, name));
    let state = |name: &str| {
        let form = "{{.State.Status}} {{.State.ExitCode}}";
        host.alice(&format!("pontoon inspect --format '{form}' {name}")).ok().text().to_owned()
    };
    for name in ["w-stop", "w-pid", "w-mon"] {
        host.alice(&format!(
            "pontoon create --name {name} --restart unless-stopped --stop-timeout 600 {B} sleep 1000"
        ))
        .ok();
        host.alice(&format!("pontoon init {name}")).ok();
    }
    host.alice("timeout 20 pontoon stop w-stop").ok();
    assert_eq!(state("w-stop"), "exited 137");
    // Stopped by a command, so it stays so; the others may be wanted at the next boot.
    let boot = "pontoon ps -aq --filter should-start-on-boot=true --filter name=w- --format '{{.Names}}'";
    assert_eq!(host.alice(boot).ok().stdout.lines().count(), 2);
    let kill = |name: &str, field: &str| {
        host.alice(&format!("kill -9 $(pontoon inspect --format '{{{{.State.{field}}}}}' {name})")).ok();
    };
    kill("w-pid", "Pid");
    wait::until_true("its supervisor to see it", || state("w-pid") == "exited 137");
    let pid = host.alice("pontoon inspect --format '{{.State.Pid}}' w-mon").ok().text().to_owned();
    kill("w-mon", "ConmonPid");
    wait::until_true("the waiting process to go", || host.root(&format!("test ! -e /proc/{pid}")).code == 0);
    assert_eq!(state("w-mon"), "exited 137");
    host.alice("pontoon start w-pid w-mon").ok();
    assert_eq!((state("w-pid").as_str(), state("w-mon").as_str()), ("running 0", "running 0"));
    host.alice("pontoon update --restart no w-pid && pontoon update --restart no w-mon").ok();
}

#[test]
fn what_is_needed_runs_before_who_needs_it() {
    let host = host_with_busybox();
    let _gone = ["n-front", "n-back"].map(|name| Gone(host, name));
    host.alice(&format!("pontoon create --name n-front {B} sleep 1000 && pontoon init n-front")).ok();
    host.alice(&format!("pontoon create --name n-back --network container:n-front {B} sleep 1000")).ok();
    let refused = host.alice("pontoon init n-back").fails(125);
    assert!(refused.stderr.contains("`n-front`, which does not run"), "{}", refused.stderr);
    host.alice("pontoon start n-back").ok();
    assert_eq!(
        host.alice("pontoon ps --filter name=n- --format '{{.Names}} {{.State}}' | sort").ok().stdout,
        "n-back running\nn-front running\n"
    );
    let net = |name: &str| {
        host.alice(&format!("readlink /proc/$(pontoon inspect --format '{{{{.State.Pid}}}}' {name})/ns/net"))
            .stdout
    };
    assert_eq!(net("n-front"), net("n-back"));
}
