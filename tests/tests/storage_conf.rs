//! `storage.conf`: where the store lies, what is refused, and what is told.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::with_configuration;
use pontoon_tests::{Output, alone, host_with_busybox};

/// Runs a script of the host as alice with a file of hers, which goes again.
fn with(conf: &str, script: &str) -> Output {
    with_configuration("storage.conf", conf, script)
}

const PLACES: &str = "pontoon info --format '{{.Store.GraphRoot}} {{.Store.RunRoot}}'";

#[test]
fn the_store_lies_below_what_the_file_says_beside_podmans() {
    let _alone = alone();
    let conf = "[storage]\ndriver='overlay'\ngraphroot='$HOME/graph'\nrunroot='$XDG_RUNTIME_DIR/graph-run'\n";
    let script = format!(
        "{PLACES}; pontoon pull -q $B >/dev/null && pontoon run -d --name graph-a --stop-timeout 0 $B sleep 10000 >/dev/null
         pontoon exec graph-a echo inside; pontoon network create graph-net >/dev/null
         pontoon run --rm --network graph-net $B echo connected; ls graph; pontoon --root ~/.local/share/pontoon ps -aq --filter name=graph-a
         pontoon rm -f graph-a; pontoon network rm graph-net; pontoon system reset -f >/dev/null 2>&1
         pontoon unshare rm -rf graph $XDG_RUNTIME_DIR/graph-run"
    );
    with(conf, &script).ok().prints(
        "/home/alice/graph/pontoon /run/user/1000/graph-run/pontoon\ninside\nconnected\npontoon\ngraph-a\ngraph-net",
    );
    // What Podman does anyway leaves the store where it is.
    for root in ["/var/lib/containers/storage", "$HOME/.local/share/containers/storage"] {
        let conf =
            format!("[storage]\ndriver='overlay'\nrunroot='/run/containers/storage'\ngraphroot='{root}'\n");
        with(&conf, PLACES).ok().prints("/home/alice/.local/share/pontoon /run/user/1000/pontoon");
    }
    with("[storage]\ngraphroot='/elsewhere'\n", &format!("{PLACES} --root $PWD/x; rm -r x"))
        .ok()
        .prints("/home/alice/x /run/user/1000/pontoon");
}

#[test]
fn the_administrator_says_where_users_have_their_stores() {
    let _alone = alone();
    let host = host_with_busybox();
    host.root(
        "mkdir -p /var/big && install -d -o alice /var/big/1000 && \
         printf '[storage]\\ngraphroot=\"/var/big/root\"\\nrootless_storage_path=\"/var/big/$UID\"\\n' >/etc/containers/storage.conf",
    )
    .ok();
    let alices = host.alice(&format!("{PLACES}; CONTAINERS_STORAGE_CONF=/dev/null {PLACES}"));
    let roots = host.root(&format!("{PLACES}; rm /etc/containers/storage.conf; rm -r /var/big"));
    alices.ok().prints(
        "/var/big/1000/pontoon /run/user/1000/pontoon\n/home/alice/.local/share/pontoon /run/user/1000/pontoon",
    );
    roots.ok().prints("/var/big/root/pontoon /run/pontoon");
}

#[test]
fn other_drivers_are_refused_where_files_are_mounted_and_what_has_no_effect_is_told() {
    let _alone = alone();
    let script = "pontoon ps -q --filter name=no-such; $RUN $B echo vfs 2>&1
        STORAGE_DRIVER=overlay $RUN $B echo variable; pontoon --storage-driver overlay run --rm --network none $B echo option";
    with("[storage]\ndriver = 'vfs'\n", script)
        .ok()
        .says("/home/alice/.config/containers/storage.conf:2:10: there is no driver `vfs`, only `overlay`")
        .says("hint: write driver = \"overlay\"")
        .says("variable\noption");
    let conf =
        "[storage]\ndriver = 'overlay'\ntransient_store = true\n[storage.options.overlay]\nsize = '1G'\n";
    let file = "warning: /home/alice/.config/containers/storage.conf";
    with(conf, "$RUN $B echo ran 2>&1; $RUN $B echo again 2>&1; rm $XDG_RUNTIME_DIR/pontoon/containers.conf.told")
        .ok()
        .prints(&format!(
            "{file}:3: `storage.transient_store` is not honoured\n{file}:5: `storage.options.overlay.size` is not honoured\nran\nagain"
        ));
    let broken = with("[storage]\ngraphroot = '/x\n", "pontoon ps");
    assert_eq!(broken.code, 125, "{broken:?}");
    assert!(broken.stderr.contains("/home/alice/.config/containers/storage.conf:2:"), "{}", broken.stderr);
    let missing = with("", "CONTAINERS_STORAGE_CONF=/no/such pontoon ps");
    assert_eq!(missing.code, 125, "{missing:?}");
    assert!(missing.stderr.contains("cannot read `/no/such`"), "{}", missing.stderr);
}

#[test]
fn images_of_other_stores_are_seen_and_left_as_they_are() {
    let _alone = alone();
    let conf = "[storage]\ndriver='overlay'\n[storage.options]\nadditionalimagestores=['/home/alice/shared-images']\n";
    // One of her own, so that nothing of hers is in the way.
    let script = "pontoon() { command pontoon --root ~/sees --runroot $XDG_RUNTIME_DIR/sees \"$@\"; }
        command pontoon --root ~/shared-images pull -q $B >/dev/null
        pontoon unshare find ~/shared-images -printf '%p %T@ %m\\n' | sort >before
        pontoon images --format '{{.Repository}} {{.ReadOnly}}'; pontoon images | head -1 | grep -o R/O
        pontoon run --rm --network none $B echo ran; pontoon run -d --name seen --network none --stop-timeout 0 $B sleep 10000 >/dev/null
        pontoon exec seen sh -c 'echo x >/x'; pontoon diff seen | grep -x 'A /x'; pontoon commit -q seen made >/dev/null; pontoon rm -f seen
        pontoon run --rm --network none made cat /x; ls sees/layers | wc -l
        pontoon rmi $B 2>&1; echo $?; pontoon rmi -a >/dev/null; pontoon image prune -af; pontoon untag $B 2>&1
        pontoon run --rm --network none --userns keep-id $B true 2>&1 | grep -o 'hint.*'
        pontoon tag $B mine; pontoon run --rm --network none mine echo tagged; pontoon system check; pontoon rmi mine localhost/mine >/dev/null 2>&1
        pontoon pull -q $B >/dev/null; pontoon images --format '{{.ReadOnly}}'; pontoon run --rm --network none --userns keep-id $B echo pulled
        pontoon rmi -a >/dev/null; pontoon images --format '{{.ReadOnly}}'
        pontoon unshare find ~/shared-images -printf '%p %T@ %m\\n' | sort | diff before - && echo unchanged
        pontoon system reset -f >/dev/null 2>&1; pontoon unshare rm -rf ~/sees ~/shared-images before $XDG_RUNTIME_DIR/sees";
    let seen = with(conf, script);
    let lines: Vec<&str> = seen.stdout.lines().collect();
    let refused = lines.get(7).is_some_and(|it| it.starts_with("error: cannot remove read-only image "));
    let kept =
        lines.get(10).is_some_and(|it| it.starts_with("error: cannot take a name from read-only image "));
    assert!(refused && kept, "{seen:?}");
    assert_eq!(
        [&lines[..7], &lines[8..10], &lines[11..]].concat(),
        [
            "localhost:5000/busybox true",
            "R/O",
            "ran",
            "A /x",
            "seen",
            "x",
            "1",
            "hint: it lies in a store that storage.conf adds (additionalimagestores)",
            "125",
            "hint: bring the image into the store itself: pontoon pull IMAGE",
            "tagged",
            "false",
            "pulled",
            "true",
            "unchanged",
        ],
        "{seen:?}"
    );
    let missing = "pontoon ps -q --filter name=no-such; $RUN $B true; $RUN $B true; rm $XDG_RUNTIME_DIR/pontoon/containers.conf.told; rm -r podmans";
    let conf = "[storage.options]\nadditionalimagestores = ['/no/such',\n '/home/alice/podmans']\n";
    let told = with(conf, &format!("mkdir -p podmans/overlay-images; {missing}")).ok();
    let file = "warning: /home/alice/.config/containers/storage.conf";
    let count = |text: String| told.stderr.matches(&text).count();
    assert_eq!(
        count(format!("{file}:2:26: there are no images of ours at `/no/such`")),
        3,
        "{}",
        told.stderr
    );
    assert_eq!(
        count(format!("{file}:3:2: there are no images of ours at `/home/alice/podmans`")),
        1,
        "{}",
        told.stderr
    );
}
