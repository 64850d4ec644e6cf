//! Namespaces of the host's or of another container's, limits that change, and the options that say what a payload finds.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, alone, host_with_busybox, in_busybox as run};

#[test]
fn the_host_s_namespaces_can_be_had() {
    let host = host_with_busybox();
    let link = |name: &str| host.alice(&format!("readlink /proc/self/ns/{name}")).ok().text().to_owned();
    for (option, name) in [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts")] {
        let seen = run(&format!("{option} host"), &format!("readlink /proc/self/ns/{name}")).ok();
        assert_eq!(seen.text(), link(name), "{option}");
        let own = run(&format!("{option} private"), &format!("readlink /proc/self/ns/{name}")).ok();
        assert_ne!(own.text(), link(name), "{option}");
    }
    assert_eq!(run("--uts host", "hostname").ok().text(), host.alice("hostname").ok().text());
    // The host's processes are seen; its settings stay closed.
    run("--pid host", "cat /proc/1/comm; echo x >/proc/sysrq-trigger || echo closed").ok().says("systemd");
    let refused = run("--uts host --hostname x", "true").fails(125);
    assert!(refused.stderr.contains("cannot be used together"), "{}", refused.stderr);
    for (option, value) in
        [("--pid", "ns:/x"), ("--ipc", "container:x"), ("--ipc", "bogus"), ("--uts", "bogus")]
    {
        run(&format!("{option} {value}"), "true").fails(125);
    }
}

#[test]
fn a_container_s_namespaces_are_shared() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "front");
    host.alice(&format!("pontoon run -d --name front --stop-timeout 0 -p 8088:80 --add-host db:10.1.2.3 {B} sh -c 'while :; do echo front | nc -l -p 80; done'")).ok();
    let namespace = |name: &str, kind: &str| {
        host.alice(&format!("pontoon exec {name} readlink /proc/self/ns/{kind}")).ok().text().to_owned()
    };
    host.alice(&format!("pontoon run -d --name side --stop-timeout 0 --network container:front --pid container:front --uts container:front {B} sleep 10000")).ok();
    for kind in ["net", "pid", "uts", "user"] {
        assert_eq!(namespace("side", kind), namespace("front", kind), "{kind}");
    }
    for kind in ["mnt", "ipc", "cgroup"] {
        assert_ne!(namespace("side", kind), namespace("front", kind), "{kind}");
    }
    host.alice(
        "pontoon exec side sh -c 'nc 127.0.0.1 80 </dev/null; grep db /etc/hosts; ps | grep -c \"nc -l\"'",
    )
    .ok()
    .says("10.1.2.3");
    let front = host.alice("pontoon inspect --format '{{.Id}}' front").ok().text().to_owned();
    assert_eq!(
        host.alice("pontoon inspect --format '{{.HostConfig.NetworkMode}} {{.HostConfig.PidMode}}' side")
            .ok()
            .text(),
        format!("container:{front} container:{front}")
    );
    // One that is needed stays, and comes with those that need it.
    let needed = host.alice("pontoon rm -f front").fails(125);
    assert!(
        needed.stderr.contains("needed by side") && needed.stderr.contains("--depend"),
        "{}",
        needed.stderr
    );
    host.alice("pontoon stop -t 0 side front && pontoon start side").ok();
    assert_eq!(namespace("side", "net"), namespace("front", "net"));
    for (options, reason) in [
        ("--network container:nobody", "nobody"),
        ("--network container:front --dns 1.1.1.1", "cannot be used together"),
        ("--network container:front --userns keep-id", "--userns container:front"),
        ("--network host --sysctl net.ipv4.ip_forward=1", "belongs to the host's network"),
        ("--ipc host --sysctl kernel.shmmax=70000", "belongs to the host's ipc namespace"),
        ("--ipc host --sysctl fs.mqueue.msg_max=9", "use --ipc private"),
        ("--uts host --sysctl kernel.domainname=x", "belongs to the host's uts namespace"),
        ("--network container:", "container:NAME"),
    ] {
        let refused = host.alice(&format!("pontoon run --rm {options} {B} true")).fails(125);
        assert!(refused.stderr.contains(reason), "{options}: {}", refused.stderr);
    }
    // Ports are those of whose the network is.
    host.alice(&format!("pontoon run --rm --network container:front -p 1:1 -P {B} true"))
        .ok()
        .warns("`--publish` has no effect with `--network=container:front`");
    // Settings of what is shared are made there.
    host.alice(&format!(
        "pontoon run --rm --network container:front --sysctl net.core.somaxconn=77 {B} true; pontoon exec front cat /proc/sys/net/core/somaxconn"
    ))
    .ok()
    .prints("77");
    host.alice("pontoon rm -f -t 0 --depend front").ok();
    host.alice("pontoon container exists side").fails(1);
    // All of them, in whatever order they are named.
    let pair = format!(
        "pontoon create --name front {B} && pontoon create --name side --network container:front {B}"
    );
    host.alice(&format!("{pair} && pontoon rm front side && {pair} && pontoon rm -f -t 0 -a")).ok();
    host.alice("pontoon ps -aq").ok().prints("");
}

#[test]
fn namespaces_of_two_containers_are_joined_where_one_is_root_of_both() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = [Gone(host, "b"), Gone(host, "c"), Gone(host, "d"), Gone(host, "a")];
    let begin = |name: &str, options: &str, seconds: u32| {
        host.alice(&format!(
            "pontoon run -d --name {name} --stop-timeout 0 {options} {B} sleep {seconds} >/dev/null"
        ))
        .ok();
    };
    begin("a", "--network none --hostname of-a", 3001);
    begin("b", "--userns container:a --hostname of-b --shm-size 3m", 3002);
    begin("c", "", 3003);
    let see = "readlink /proc/self/ns/net; ps | grep -c 'sleep 300[2]'; hostname; cat /etc/hostname; df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2";
    let network = || host.alice("pontoon exec a readlink /proc/self/ns/net").ok().text().to_owned();
    let shared = "--network container:a --pid container:b --uts container:b --ipc container:b";
    host.alice(&format!("pontoon run --rm {shared} {B} sh -c \"{see}\""))
        .ok()
        .prints(&format!("{}\n1\nof-b\nof-b\n3072", network()));
    // It finds both again when they were started anew.
    begin("d", shared, 3004);
    host.alice("pontoon stop -t 0 d b a >/dev/null; pontoon start a b d").ok();
    host.alice(&format!("pontoon exec d sh -c \"{see}\""))
        .ok()
        .prints(&format!("{}\n1\nof-b\nof-b\n3072", network()));
    // Two user namespaces beside each other: the kernel lets nobody join both.
    host.alice(&format!("pontoon run --rm --network container:a --pid container:c {B} true"))
        .fails(125)
        .warns("`a` and `c` have a user namespace each")
        .warns("--userns container:a");
    // A member of a pod, and the network of the pod.
    host.alice(&format!("pontoon pod create --name two >/dev/null && pontoon run -d --pod two --name inner {B} sleep 3005 && pontoon run --rm --pod two --pid container:inner {B} sh -c 'cat /proc/1/cmdline | tr \"\\0\" \" \"'"))
        .ok()
        .says("sleep 3005");
    host.alice("pontoon pod rm -f -t 0 two").ok();
}

#[test]
fn what_another_container_has_of_the_host_is_the_host_s() {
    let host = host_with_busybox();
    for (option, kind) in [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--network", "net")] {
        for user in ["alice", "root"] {
            if user == "root" {
                host.root(&format!("pontoon pull -q {B}")).ok();
            }
            let name = "has-of-host";
            let _gone = Gone(host, name);
            let own = host.sh_as(user, &format!("readlink /proc/self/ns/{kind}")).ok().text().to_owned();
            let seen = host.sh_as(
                user,
                &format!("pontoon run -d --name {name} --stop-timeout 0 {option} host {B} sleep 1000 >/dev/null; pontoon run --rm {option} container:{name} {B} readlink /proc/self/ns/{kind}; pontoon rm -f -t 0 {name} >/dev/null"),
            );
            assert_eq!(seen.ok().text(), own, "{user} {option}");
        }
    }
}

#[test]
fn a_container_in_another_one_s_network_knows_its_own_name() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "front");
    host.alice(&format!("pontoon run -d --name front --stop-timeout 0 {B} sleep 10000")).ok();
    let in_it = "pontoon run --rm --name w2 --network container:front";
    host.alice(&format!(
        "{in_it} {B} sh -c 'grep -w $(hostname) /etc/hosts | cut -f1; grep -cw front /etc/hosts'"
    ))
    .ok()
    .prints("127.0.0.1\n1");
    host.alice(&format!("{in_it} --hostname own {B} tail -1 /etc/hosts")).ok().prints("127.0.0.1\town w2");
}

#[test]
fn a_host_name_that_is_shared_is_told_everywhere() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "front");
    let begin = format!("pontoon run -d --name front --stop-timeout 0 --hostname named {B} sleep 10000");
    host.alice(&begin).ok();
    let told = |options: &str| {
        let script = "hostname; echo $HOSTNAME; cat /etc/hostname; grep -w w3 /etc/hosts | cut -f2";
        let words = format!("pontoon run --rm --name w3 {options} {B} sh -c '{script}'");
        host.alice(&words).ok().text().to_owned()
    };
    assert_eq!(told("--uts container:front"), "named\nnamed\nnamed\nnamed w3");
    assert_eq!(told("--uts container:front --network container:front"), "named\nnamed\nnamed\nw3");
    assert_eq!(told("--uts container:front --network host"), "named\nnamed\nnamed");
    // The host's name has its own line.
    assert_eq!(told("--uts host"), "testhost\ntesthost\ntesthost\nw3");
    let made = format!(
        "pontoon create --name w3 --uts container:front {B} true && pontoon inspect --format '{{{{.Config.Hostname}}}}' w3"
    );
    host.alice(&made).ok().says("named");
    host.alice("pontoon rm w3").ok();
    // On networks it leads to whose it is, and to nobody else.
    host.alice("pontoon network create named-net && pontoon rm -f front").ok();
    host.alice(&begin.replace("--name", "--network named-net --name")).ok();
    let asked =
        format!("pontoon run --rm --name w3 --uts container:front --network named-net {B} nslookup named");
    let answer = host.alice(&asked).ok();
    assert_eq!(answer.stdout.matches("10.89.").count(), 3, "{}", answer.stdout);
    host.alice("pontoon rm -f -t 0 front; pontoon network rm named-net").ok();
}

#[test]
fn environments_and_files_are_as_asked() {
    run("--unsetenv-all -e A=b", "env | sort | cut -d= -f1 | tr '\\n' ' '").ok().says("A HOME HOSTNAME");
    run("--env-merge 'Q=${IMAGE}z' --env-merge 'N=${NO}y'", "echo $Q $N").ok().prints("busyboxz y");
    run("--env-merge 'PATH=${PATH}:/more' --env-merge NEW=x", "echo $PATH $NEW").ok().prints("/bin:/more x");
    run("--no-hostname --no-hosts", "grep -c -e hosts -e hostname /proc/self/mountinfo || true")
        .ok()
        .prints("0");
    run("--hosts-file none --add-host a:1.2.3.4", "cat /etc/hosts").ok().says("1.2.3.4");
    run("--passwd=false -u 4321", "grep -c 4321 /etc/passwd || true").ok().prints("0");
    run("--passwd-entry '$USERNAME:x:$UID:$GID:me:/home:/bin/no' --group-entry '$GROUPNAME:y:$GID:$USERLIST' -u 4321:4322", "grep 432 /etc/passwd /etc/group")
        .ok()
        .prints("/etc/passwd:4321:x:4321:4322:me:/home:/bin/no\n/etc/group:4322:y:4322:4321");
    let host = host_with_busybox();
    let groups = host.alice("id -G").ok().text().split(' ').count();
    run("--group-add keep-groups", "grep ^Groups: /proc/self/status | wc -w")
        .ok()
        .prints(&(groups + 1).to_string());
    let kept = "setpriv --reuid alice --regid alice --groups 29,44 env -i HOME=/home/alice PATH=$PATH XDG_RUNTIME_DIR=/run/user/1000 \
        DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus \
        sh -c 'pontoon run -d --name kept --stop-timeout 0 OPTIONS BUSYBOX sleep 60 >/dev/null; pontoon exec -u 33 kept grep ^Groups: /proc/self/status; pontoon rm -f kept >/dev/null'";
    for (options, groups) in [
        ("--group-add keep-groups", "65534 65534"),
        ("--annotation run.oci.keep_original_groups=1", "65534 65534"),
        ("--annotation run.oci.keep_original_groups=0", "10"),
    ] {
        let said = host.root(&kept.replace("OPTIONS", options).replace("BUSYBOX", B)).ok();
        let said: Vec<&str> = said.stdout.split_whitespace().collect();
        assert_eq!(said.join(" "), format!("Groups: {groups}"), "{options}");
    }
    // Limits without their controllers are refused by their names.
    for (option, name) in [
        ("--cpus 1", "--cpus"),
        ("--cpuset-cpus 0", "--cpuset-cpus"),
        ("--memory 1g", "--memory"),
        ("--cgroup-conf x.y=1", "--cgroup-conf"),
    ] {
        let refused = run(option, "true").fails(125);
        assert!(refused.stderr.contains(name), "{option}: {}", refused.stderr);
    }
}

#[test]
fn volumes_ports_and_images_follow_their_options() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "giver");
    host.alice("mkdir -p ~/given && echo bound >~/given/f").ok();
    host.alice(&format!("pontoon create --name giver -v given-vol:/v -v ~/given:/b --expose 7000 -P {B}"))
        .ok();
    run("--volumes-from giver:ro", "cat /b/f; touch /v/x || echo closed").ok().prints("bound\nclosed");
    let port = host.alice("pontoon port giver").ok();
    assert!(port.stdout.starts_with("7000/tcp -> 0.0.0.0:"), "{}", port.stdout);
    // An image goes with its last container only.
    host.alice("pontoon commit -q giver spare").ok();
    host.alice("pontoon create --name keeps spare; pontoon run --rmi spare true; pontoon image exists spare")
        .ok();
    host.alice("pontoon rm keeps; pontoon run --rmi spare true").ok();
    host.alice("pontoon image exists spare").fails(1);
    // A volume's content, out and back.
    host.alice(&format!(
        "pontoon run --rm -v given-vol:/v {B} sh -c 'rm -rf /v/*; echo kept >/v/file; chown 5:6 /v/file'"
    ))
    .ok();
    host.alice("pontoon volume export given-vol -o ~/vol.tar && pontoon volume create back && gzip -kf ~/vol.tar && pontoon volume import back ~/vol.tar.gz").ok();
    run("-v back:/v", "cat /v/file; stat -c %u:%g /v/file").ok().prints("kept\n5:6");
    host.alice("pontoon volume export given-vol | pontoon volume import back -").ok();
    // Names are plain, and the place where it is unpacked stays as it is.
    host.alice("tar tf ~/vol.tar; mkdir -m 711 ~/vol-here && tar xf ~/vol.tar -C ~/vol-here --no-same-owner; stat -c %a ~/vol-here; rm -rf ~/vol-here")
        .ok()
        .prints("file\n711");
    // Whose the volume itself is goes with it, where that is not as in a new one.
    run("-v given-vol:/v", "chown 7:8 /v").ok();
    host.alice("pontoon volume export given-vol | tar t").ok().prints("./\nfile");
    host.alice("pontoon volume export given-vol | pontoon volume import back -").ok();
    run("-v back:/v", "stat -c %u:%g /v").ok().prints("7:8");
    host.alice("pontoon volume import nothing ~/vol.tar").fails(125);
    host.alice("pontoon volume import back ~/given/f").fails(125);
    host.alice("pontoon rm giver; pontoon volume rm given-vol back; rm -rf ~/given ~/vol.tar*").ok();
}

#[test]
fn a_container_is_updated() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "changed");
    host.alice(&format!("pontoon run -d --name changed --stop-timeout 0 {B} sleep 10000")).ok();
    host.alice("pontoon update --restart always changed").ok();
    let pid = || host.alice("pontoon inspect --format '{{.State.Pid}}' changed").ok().text().to_owned();
    let first = pid();
    host.root(&format!("kill -9 {first}")).ok();
    pontoon_tests::wait::until_true("another run", || !["0".to_owned(), first.clone()].contains(&pid()));
    assert_eq!(
        host.alice("pontoon inspect --format '{{.HostConfig.RestartPolicy.Name}}' changed").ok().text(),
        "always"
    );
    let refused = host.alice("pontoon update --cpus 1 changed").fails(125);
    assert!(refused.stderr.contains("--cpus"), "{}", refused.stderr);
    host.alice("pontoon stop changed && pontoon update --cpus 1 changed").ok();
    assert_eq!(
        host.alice("pontoon inspect --format '{{.HostConfig.NanoCpus}}' changed").ok().text(),
        "1000000000"
    );
    host.alice("pontoon update changed").ok();
    host.alice("pontoon update --restart sometimes changed").fails(125);
}

#[test]
fn the_program_answers_to_podman_s_name() {
    let host = host_with_busybox();
    host.alice("mkdir -p ~/alias && ln -sf $(command -v pontoon) ~/alias/podman").ok();
    // As programs read it that drive Podman: the last of three words, and also with something behind it.
    for words in ["--version", "--version ''", "--log-level debug -v"] {
        host.alice(&format!("~/alias/podman {words}")).ok().prints("podman version 5.4.2");
    }
    host.alice(&format!("~/alias/podman create --name aliased {B}")).ok();
    let _gone = Gone(host, "aliased");
    assert_eq!(
        host.alice("pontoon inspect --format '{{index .Config.CreateCommand 0}}' aliased").ok().text(),
        "podman"
    );
    host.alice("rm -r ~/alias").ok();
}

/// What Ansible's collection and others look for in the words of an error.
#[test]
fn causes_have_podman_s_names() {
    let host = host_with_busybox();
    let _gone = Gone(host, "cause");
    let made = format!(
        "pontoon volume create cause && pontoon network create cause && pontoon pod create --name cause-pod && \
         echo x | pontoon secret create cause - && pontoon create --name cause --network cause -v cause:/v {B}"
    );
    host.alice(&made).ok();
    for (words, cause) in [
        ("rm nope", "no such container"),
        ("container inspect nope", "no such container"),
        ("inspect nope", "no such object"),
        ("image inspect nope", "image not known"),
        ("run --pull never --rm nope", "image not known"),
        ("volume inspect nope", "no such volume"),
        ("network inspect nope", "network not found"),
        ("pod inspect nope", "no such pod"),
        ("secret rm nope", "no such secret"),
        ("volume create cause", "volume already exists"),
        ("network create cause", "network already exists"),
        ("pod create --name cause-pod", "pod already exists"),
        ("secret create cause /etc/hostname", "secret name in use"),
        (&format!("create --name cause {B}"), "is already in use"),
        ("volume rm cause", "volume is being used"),
        ("network rm cause", "network is being used"),
        (&format!("rmi {B}"), "image is in use by a container"),
    ] {
        let told = host.alice(&format!("pontoon {words}"));
        assert!(told.code != 0 && told.stderr.contains(cause), "{words}: {told:?}");
    }
    host.alice("pontoon rm cause && pontoon pod rm cause-pod && pontoon volume rm cause && pontoon network rm cause && pontoon secret rm cause").ok();
}
