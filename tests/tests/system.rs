//! The commands of the group `system`, beside Podman's where both say something.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Output};
use serde_json::Value;

/// Runs a script as alice, in which `pontoon` has a store of its own and `B` is the image.
fn with_store(name: &str, script: &str) -> Output {
    let own = format!(
        "pontoon() {{ command pontoon --root ~/stores/{name} --runroot $XDG_RUNTIME_DIR/stores/{name} \"$@\"; }}
         S=~/stores/{name}; B={B}; mkdir -p ~/stores $XDG_RUNTIME_DIR/stores; set -e -o pipefail\n"
    );
    host_with_podman().alice(&format!("{own}{script}"))
}

/// An image, a running container with a volume, one that ended having written, and a volume of no container.
const FURNISH: &str = "E pull -q $B
    E run -d --name web --stop-timeout 0 -v data:/data $B sleep 10000
    E run --name done $B sh -c 'mkdir -m 700 /d; chown 33 /d; head -c 50000 /dev/zero >/d/f'
    E volume create empty\n";

fn kinds(output: &Output) -> Value {
    let mut rows = output.json();
    for row in rows.as_array_mut().unwrap() {
        // Podman counts the archives of layers, and files of its own that it puts into containers.
        for key in ["RawSize", "Size", "RawReclaimable", "Reclaimable"] {
            assert!(row.as_object_mut().unwrap().remove(key).is_some(), "{key}: {row}");
        }
    }
    rows
}

#[test]
fn df_counts_what_podman_counts() {
    let host = host_with_podman();
    with_store("df", &FURNISH.replace("E ", "pontoon ")).ok();
    host.alice(&format!(
        "B={B}; {}",
        FURNISH.replace("E ", "podman --root ~/dfpodman --runroot /run/user/1000/dfpodman ")
    ))
    .ok();
    let theirs =
        host.alice("podman --root ~/dfpodman --runroot /run/user/1000/dfpodman system df --format json").ok();
    let ours = with_store("df", "pontoon system df --format json").ok();
    assert_eq!(kinds(&ours), kinds(&theirs));
    // What is written in a directory that only another id may enter counts, and in each container the link to what is mounted.
    let containers = &ours.json()[1];
    assert_eq!((&containers["RawSize"], &containers["RawReclaimable"]), (&50024.into(), &50012.into()));
    let table = with_store(
        "df",
        "pontoon system df; pontoon system df --format '{{.Type}}={{.Total}}'; pontoon system df -v",
    )
    .ok();
    for line in [
        "TYPE           TOTAL       ACTIVE      SIZE        RECLAIMABLE",
        "Images         1           1           ",
        "Containers     2           1           50.02kB     50.01kB (100%)",
        "Local Volumes=2",
        "VOLUME NAME  LINKS       SIZE",
        "empty        0           0B",
    ] {
        assert!(table.stdout.contains(line), "{line}: {table:?}");
    }
    with_store("df", "pontoon system df -v --format json").fails(125);
    with_store("df", "pontoon system reset -f").ok();
    host.alice("podman --root ~/dfpodman --runroot /run/user/1000/dfpodman system reset -f").ok();
}

#[test]
fn prune_removes_what_nothing_uses() {
    with_store("prune", &FURNISH.replace("E ", "pontoon ")).ok();
    let asked = with_store("prune", "echo n | pontoon system prune").ok();
    assert!(
        asked.stdout.contains("WARNING! This command removes:") && asked.stdout.ends_with("[y/N] "),
        "{asked:?}"
    );
    with_store("prune", "pontoon container exists done").ok();
    let kept = with_store("prune", "pontoon system prune -f --filter label=none").ok();
    assert_eq!(kept.stdout, "Total reclaimed space: 0B\n");
    let pruned = with_store("prune", "pontoon system prune -f").ok();
    assert!(pruned.stdout.starts_with("Deleted Containers\n"), "{pruned:?}");
    assert!(pruned.stdout.ends_with("Total reclaimed space: 50kB\n"), "{pruned:?}");
    with_store(
        "prune",
        "pontoon volume exists empty && pontoon container exists web && ! pontoon container exists done",
    )
    .ok();
    let pruned = with_store(
        "prune",
        "pontoon tag $B localhost/other; pontoon rm -f -t 0 web; pontoon system prune -f -a --volumes",
    )
    .ok();
    assert!(pruned.stdout.contains("Deleted Volumes\ndata\nempty\nDeleted Images\n"), "{pruned:?}");
    assert_eq!(with_store("prune", "pontoon images -q; pontoon volume ls -q; ls $S/layers").ok().stdout, "");
    // What a killed command left.
    with_store(
        "prune",
        "mkdir -p $S/tmp/image-left; pontoon system prune --external </dev/null; test ! -e $S/tmp/image-left",
    )
    .ok();
    // A layer of a commit that failed.
    for prune in ["image prune -f", "system prune -f"] {
        let script = format!("mkdir $S/layers/sha256-{:064}; pontoon {prune} >/dev/null; ls $S/layers", 1);
        with_store("prune", &script).ok().prints("");
    }
    let refused = with_store("prune", "pontoon system prune --build").fails(125);
    assert!(refused.stderr.contains("`--build` is not supported"), "{refused:?}");
    with_store("prune", "pontoon system prune --external --all").fails(125);
    let wrong = with_store("prune", "pontoon system prune -f --filter bogus=1").fails(125);
    assert!(wrong.stderr.contains("`bogus`"), "{wrong:?}");
}

#[test]
fn check_finds_damage_and_mends_it() {
    with_store("check", &FURNISH.replace("E ", "pontoon ")).ok();
    assert_eq!(with_store("check", "pontoon system check; pontoon system check --quick").ok().stdout, "");
    // A file of a layer becomes longer: only a thorough look tells.
    with_store(
        "check",
        "command pontoon unshare sh -c 'echo x >>$(ls -d ~/stores/check/layers/*/diff/bin/busybox)'",
    )
    .ok();
    with_store("check", "pontoon system check --quick").ok();
    let found = with_store("check", "pontoon system check").fails(125);
    assert!(found.stdout.contains("Damaged image") && found.stdout.contains("bytes instead of"), "{found:?}");
    assert!(found.stderr.contains("--repair"), "{found:?}");
    // A container needs it, so it stays.
    let left = with_store("check", "pontoon system check --repair").fails(125);
    assert!(left.stdout.contains("left as it is") && left.stdout.contains("web"), "{left:?}");
    with_store(
        "check",
        "echo '{' >$S/volumes/data/record.json; ln -s nowhere $S/containers/names/gone; mkdir $S/tmp/left",
    )
    .ok();
    let mended = with_store("check", "pontoon system check --force").ok();
    assert!(mended.stdout.contains("removed") && mended.stdout.contains("its data is kept"), "{mended:?}");
    with_store("check", "pontoon system check; pontoon volume exists data; ! pontoon container exists web; pontoon pull -q $B").ok();
    with_store("check", "pontoon system check").ok();
    let wrong = with_store("check", "pontoon system check --max soon").fails(125);
    assert!(wrong.stderr.contains("`soon`"), "{wrong:?}");
}

#[test]
fn a_name_that_a_killed_rename_left_is_nobodys() {
    // As it is between the new name and the record.
    let half = "ln -s $(pontoon inspect --format '{{.Id}}' web) $S/containers/names/second";
    with_store("names", &format!("pontoon pull -q $B; pontoon create --name web $B true; {half}")).ok();
    with_store("names", "pontoon container exists second && exit 1; pontoon container exists web").ok();
    let found = with_store("names", "pontoon system check").ok();
    assert_eq!(found.stdout, "No container has the name second\n");
    with_store("names", "pontoon system check --repair; test ! -L $S/containers/names/second").ok();
    // What a killed `tag` and a killed `pod create` leave.
    let left =
        "mkdir -p $S/pods/names; ln -s $(printf %064d 1) $S/pods/names/gone; ln -s x $S/images/names/.y.new";
    let found = with_store("names", &format!("{left}; pontoon system check")).ok();
    assert_eq!(found.stdout, "No pod has the name gone\nLeftovers of commands that were killed: 1\n");
    let mended = with_store(
        "names",
        "pontoon system check --repair >/dev/null; pontoon system check; ls -A $S/pods/names",
    );
    assert_eq!(mended.ok().stdout, "");
    // Whoever wants the name replaces nothing.
    let replaced = with_store(
        "names",
        &format!("{half}; pontoon run --rm --replace --network none --name second $B true"),
    );
    replaced.ok();
    with_store("names", "pontoon container exists web").ok();
    with_store("names", &format!("{half}; pontoon rm -i none; test ! -L $S/containers/names/second")).ok();
    with_store("names", "pontoon rm web; pontoon rmi $B").ok();
}

#[test]
fn migrate_stops_and_reset_removes_everything() {
    let first = with_store("reset", &FURNISH.replace("E ", "pontoon ")).ok();
    let id = first.stdout.lines().nth(1).unwrap().to_owned();
    let migrated = with_store("reset", "pontoon system migrate; pontoon ps -q; pontoon system renumber").ok();
    assert_eq!(migrated.stdout, format!("stopped {id}\n"));
    with_store("reset", "pontoon start web; echo n | pontoon system reset; pontoon container exists web")
        .ok();
    with_store(
        "reset",
        "touch $S/photograph; printf x | pontoon secret create key -
         pid=$(pontoon inspect -f '{{.State.Pid}}' web); kill -0 $pid; pontoon system reset --force; ! kill -0 $pid",
    )
    .ok();
    let left = with_store("reset", "ls $S; ls -d $XDG_RUNTIME_DIR/stores/reset 2>&1 || true").ok();
    assert!(left.stdout.starts_with("photograph\n") && left.stdout.contains("No such file"), "{left:?}");
    assert_eq!(
        with_store("reset", "pontoon ps -aq; pontoon images -q; pontoon secret ls -q").ok().stdout,
        ""
    );
}

#[test]
fn what_has_no_sense_without_a_daemon_is_refused_with_the_reason() {
    let refused = with_store("refused", "pontoon system service").fails(125);
    assert!(refused.stderr.contains("no daemon"), "{refused:?}");
    let refused = with_store("refused", "pontoon system connection list").fails(125);
    assert!(refused.stderr.contains("no service to connect to"), "{refused:?}");
    let refused = with_store("refused", "pontoon system migrate --new-runtime crun").fails(125);
    assert!(refused.stderr.contains("its own runtime"), "{refused:?}");
}
