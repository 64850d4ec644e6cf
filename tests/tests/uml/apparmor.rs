//! AppArmor's profiles, which this machine's kernel keeps.

use pontoon_tests::Uml;

use super::{B, run};

/// What a process is under.
const CURRENT: &str = "cat /proc/self/attr/current";

/// A profile somebody made, under which nothing is written into one directory.
const MINE: &str = "apparmor_parser -Kr <<'END'
profile mine flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  signal,
  deny /closed/** w,
}
END
";

pub fn profiles(uml: &Uml) {
    uml.root("for file in /etc/subuid /etc/subgid; do echo containers:1000000:1048576 >>$file; done").ok();
    // The default profile is loaded when it is first wanted, and is the same in all namespaces.
    for options in ["", "--network host", "--pid host", "--ipc host", "--userns auto", "--cgroupns host"] {
        uml.root(&format!("pontoon run --rm {options} {B} {CURRENT}"))
            .ok()
            .prints("pontoon-default (enforce)");
    }
    for options in ["--privileged", "--security-opt apparmor=unconfined"] {
        uml.root(&run(options, CURRENT)).ok().prints("unconfined");
    }
    // Whatever the container's root may do otherwise, it mounts nothing and does not write the kernel's files.
    let mount = run("--cap-add sys_admin", "mkdir /m; mount -t tmpfs none /m");
    uml.root(&mount).fails(255).warns("denied");
    uml.root(&mount.replace("--cap-add", "--security-opt apparmor=unconfined --cap-add")).ok();

    uml.root(MINE).ok();
    let closed = "mkdir -p /closed; touch /open; touch /closed/file; echo $?";
    let mine = "--security-opt apparmor=mine";
    uml.root(&run(mine, &format!("{CURRENT}; {closed}"))).ok().prints("mine (enforce)\n1");
    uml.root(&run("", closed)).ok().prints("0");
    uml.root(&format!(
        "pontoon run -d --name armored --network none --stop-timeout 0 {mine} --health-cmd '{CURRENT}' {B} sleep 10000"
    ))
    .ok();
    uml.root(&format!("pontoon exec armored {CURRENT}; pontoon exec --privileged armored {CURRENT}"))
        .ok()
        .prints("mine (enforce)\nmine (enforce)");
    uml.root("pontoon healthcheck run armored; pontoon inspect --format '{{(index .State.Health.Log 0).Output}}' armored")
        .ok()
        .says("mine (enforce)");
    uml.root("pontoon inspect --format '{{.AppArmorProfile}} {{.HostConfig.SecurityOpt}}' armored; pontoon rm -f -t 0 armored")
        .ok()
        .says("mine [apparmor=mine]");
    uml.root(&run("--security-opt apparmor=nobodys", "true")).fails(125).warns("`nobodys` is not loaded");
}

pub fn ordinary_user(uml: &Uml) {
    uml.alice(&run("", CURRENT)).ok().prints("unconfined");
    uml.alice(&run("--security-opt apparmor=mine", "true")).fails(125).warns("only root's containers");
}
