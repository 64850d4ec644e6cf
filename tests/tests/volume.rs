//! Named volumes and bind mounts.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Output, alone, host_with_busybox as host, wait};

fn pontoon(words: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("pontoon {words}"))
}

#[test]
fn volumes_are_made_listed_inspected_and_removed() {
    pontoon("volume create plain").ok().prints("plain");
    pontoon("volume create plain").fails(125).warns("exists");
    pontoon("volume create --ignore plain").ok().prints("plain");
    pontoon("volume create --label a=b labelled").ok();
    pontoon("volume ls").ok().says("DRIVER").says("VOLUME NAME").says("local       plain");
    pontoon("volume ls -q").ok().says("plain").says("labelled");
    let list = pontoon("volume ls --format json").ok().json();
    assert!(
        list.as_array()
            .is_some_and(|all| all.iter().any(|one| one["Name"] == "plain" && one["Driver"] == "local"))
    );
    let one = pontoon("volume inspect labelled").ok().json();
    assert_eq!(one[0]["Labels"]["a"], "b");
    assert!(one[0]["Mountpoint"].as_str().is_some_and(|path| path.ends_with("/labelled/_data")), "{one}");
    pontoon("volume inspect nosuch").fails(125);
    pontoon("volume rm nosuch").fails(1);
    pontoon("volume rm plain labelled").ok().prints("plain\nlabelled");
    assert_eq!(pontoon("volume create").ok().text().len(), 64);
}

#[test]
fn volumes_are_found_by_the_beginning_of_their_names() {
    pontoon("volume create begin-alpha").ok();
    pontoon("volume create begin-beta").ok();
    pontoon("volume inspect --format '{{.Name}}' begin-a begin-beta").ok().prints("begin-alpha\nbegin-beta");
    pontoon("inspect --format '{{.Name}}' begin-a").ok().prints("begin-alpha");
    pontoon("volume export begin-a -o archive.tar").ok();
    pontoon("volume import begin-b archive.tar").ok();
    pontoon("volume unmount begin-a").ok().prints("begin-a");
    pontoon("unshare pontoon volume mount begin-a").ok().says("/begin-alpha/_data");
    pontoon("volume ls -q --filter since=begin-a").ok().says("begin-beta").lacks("begin-alpha");
    // What fits several is an error that lists them.
    for words in ["inspect", "rm", "rm -f", "export", "unmount"] {
        pontoon(&format!("volume {words} begin-"))
            .fails(125)
            .warns("`begin-` is the beginning of several volumes' names: begin-alpha, begin-beta");
    }
    pontoon("inspect begin-").fails(125).warns("begin-alpha, begin-beta");
    // Whether there is one, and which one a container uses, is a matter of the whole name.
    pontoon("volume exists begin-a").fails(1);
    pontoon("run --rm -v begin-a:/data $B true").ok();
    pontoon("volume exists begin-a").ok();
    pontoon("volume rm begin-a").ok().prints("begin-a");
    for words in ["rm", "rm -f", "exists", "inspect"] {
        pontoon(&format!("volume {words} ''")).fails(125).warns("cannot be empty");
    }
    pontoon("volume rm begin-al begin-b; rm archive.tar").ok().prints("begin-alpha\nbegin-beta");
}

#[test]
fn volumes_are_pruned_by_every_filter() {
    pontoon("volume create --label pruned=1 pruned-one").ok();
    pontoon("volume create --label pruned=2 --opt type=tmpfs pruned-two").ok();
    pontoon("volume create pruned-other").ok();
    pontoon("create --name pruned-user -v pruned-used:/data $B true").ok();
    for filter in [
        "--filter name=^pruned- --filter label=other",
        "--filter name=^pruned- --filter driver=other",
        "--filter name=^pruned- --filter scope=global",
        "--filter name=^pruned- --filter dangling=false",
        "--filter name=^pruned- --filter anonymous=true",
        "--filter name=^pruned- --filter all=false",
        "--filter name=^pruned- --filter opt=device",
        "--filter since=pruned-other --filter name=^pruned-",
        "--filter name=^pruned- --filter until=1h",
    ] {
        pontoon(&format!("volume prune -f {filter}")).ok().prints("");
    }
    pontoon("volume prune -f --filter name!=x").fails(125);
    pontoon("volume prune -f --filter until=1h --filter until=2h").fails(125).warns("takes one");
    pontoon("volume prune --filter name=^pruned- <<<n")
        .ok()
        .says("pruned-one\npruned-two\npruned-other\nAre you");
    pontoon("volume prune -f --filter opt=type=tmpfs --filter name=^pruned-").ok().prints("pruned-two");
    pontoon("volume prune -f --filter label=pruned=").ok().prints("pruned-one");
    pontoon("volume prune -af --filter name=^pruned-").ok().prints("pruned-other");
    pontoon("rm pruned-user; pontoon volume rm pruned-used").ok();
}

#[test]
fn a_new_volume_takes_what_the_image_has_there_once() {
    pontoon("run --rm -v copied:/data $B sh -c 'cat /data/file /data/sub/file; stat -c %u:%g:%a /data/sub; rm /data/file; echo mine >/data/mine'")
        .ok()
        .prints("hello\ndeep\n33:33:750");
    pontoon("run --rm -v copied:/data $B sh -c 'test ! -e /data/file && cat /data/mine'").ok().prints("mine");
    pontoon("run --rm -v notcopied:/data:nocopy $B ls -A /data").ok().prints("");
    // The place's own owner and mode are taken, too.
    pontoon("run --rm -v home:/home/dave $B stat -c %u:%g:%a /home/dave").ok().prints("1500:1500:755");
    // Also where nothing is copied.
    pontoon("volume create -o nocopy bare").ok();
    for volume in ["bare", "bare2:nocopy"] {
        let (name, options) = volume.split_once(':').unwrap_or((volume, "rw"));
        pontoon(&format!("run --rm -v {name}:/home/dave:{options} $B stat -c %u:%g:%a /home/dave"))
            .ok()
            .prints("1500:1500:755");
    }
    pontoon("run --rm -v bare2:/data/sub:nocopy $B sh -c 'stat -c %u:%g:%a /data/sub; ls -A /data/sub'")
        .ok()
        .prints("33:33:750");
    pontoon("volume rm copied notcopied home bare bare2").ok();
}

/// Else the program would find its data directory empty.
#[test]
fn a_new_volume_takes_what_the_image_has_there_before_it_is_laid_under() {
    pontoon("run --rm -v under:/data:O $B sh -c 'cat /data/file; rm /data/file; echo mine >/data/mine'")
        .ok()
        .prints("hello");
    pontoon("run --rm -v under:/data $B sh -c 'cat /data/file; test ! -e /data/mine'").ok().prints("hello");
    pontoon("volume rm under").ok();
}

#[test]
fn a_file_of_the_image_with_two_names_is_one_in_a_new_volume_too() {
    pontoon(
        "run --name linker $B sh -c 'mkdir -p /linked/sub; echo x >/linked/a; ln /linked/a /linked/sub/b'",
    )
    .ok();
    pontoon("commit -q linker localhost/linked").ok();
    let look = "$B sh -c 'stat -c %h /linked/a /linked/sub/b; echo y >/linked/a; cat /linked/sub/b'";
    let look = look.replace("$B", "localhost/linked");
    pontoon(&format!("run --rm -v linked:/linked {look}")).ok().prints("2\n2\ny");
    pontoon(&format!("run --rm --tmpfs /linked {look}")).ok().prints("2\n2\ny");
    pontoon("rm linker").ok();
    pontoon("volume rm linked").ok();
    pontoon("rmi localhost/linked").ok();
}

/// Services that share a volume are started side by side: one of them fills it, none loses it, and nobody writes elsewhere.
/// However deep it is: no more descriptors are needed than for a flat one.
#[test]
fn a_deep_tree_of_the_image_comes_into_a_new_volume() {
    let deep = "d/".repeat(450);
    pontoon(&format!(
        "create --name deep-base $B true && mkdir -p deep/{deep} && echo down >deep/{deep}file && \
         pontoon cp deep deep-base:/deep && pontoon commit -q deep-base deep-image && \
         pontoon rm deep-base && rm -r deep"
    ))
    .ok();
    for mount in ["-v deep-volume:/deep", "-v deep-given:/deep:U", "--mount type=tmpfs,dst=/deep"] {
        let script = format!(
            "ulimit -Sn 256; pontoon run --rm -u 1000 {mount} localhost/deep-image cat /deep/{deep}file"
        );
        host().alice(&script).ok().prints("down");
    }
    pontoon("volume rm deep-volume deep-given; pontoon rmi localhost/deep-image").ok();
}

#[test]
fn those_who_begin_together_with_a_new_volume_share_it() {
    for round in 0..4 {
        // The first one's image has nothing at that place, so that it has the volume mounted while it is still empty.
        let script = format!(
            "pids=
            for i in 1 2 3 4 5 6; do
                place=/data; test $i = 1 && place=/nothing-here
                pontoon run -d --replace --name together$i --network none --stop-timeout 0 -v together:$place $B \
                    sh -c \"echo >$place/from$i; sleep 10000\" >/dev/null & pids=\"$pids $!\"
                test $i$(({round} % 2)) = 10 && wait $!
            done
            for pid in $pids; do wait $pid || exit 1; done
            for i in 1 2 3 4 5 6; do
                place=/data; test $i = 1 && place=/nothing-here
                for try in $(seq 300); do
                    test $(pontoon exec together$i ls $place | grep -c from) = 6 && break; sleep 0.1
                done
                pontoon exec together$i sh -c \"cd $place; echo from*; cat file sub/file 2>&1\"
            done
            ls -A $(dirname $(pontoon volume inspect --format '{{{{.Mountpoint}}}}' together)) | grep -c cop
            pontoon rm -f -t 0 together1 together2 together3 together4 together5 together6 >/dev/null; pontoon volume rm together"
        );
        let seen = host().entry("alice").env("B", B).sh(&script).ok();
        let all = "from1 from2 from3 from4 from5 from6\nhello\ndeep\n".repeat(6);
        // Where somebody has written into it before another one came to fill it, it is no new volume any more.
        let used = "from1 from2 from3 from4 from5 from6\ncat: can't open 'file': No such file or directory\ncat: can't open 'sub/file': No such file or directory\n".repeat(6);
        let end = "0\ntogether\n";
        assert!(seen.stdout == all.clone() + end || seen.stdout == used.clone() + end, "{round}: {seen:?}");
    }
}

#[test]
fn volumes_in_use_are_not_removed() {
    pontoon("run -d --replace --name user --stop-timeout 0 -v used:/x $B sleep 1000").ok();
    pontoon("volume rm used").fails(2).warns("used");
    pontoon("rm -f -t 0 user").ok();
    pontoon("volume ls -q").ok().says("used");
    pontoon("volume rm used").ok();
}

#[test]
fn whoever_removes_a_volume_by_force_says_how_long_its_users_may_take() {
    let keeps = "sh -c 'trap : TERM; while :; do sleep 1; done'";
    for time in ["-t 0", "--time=1", "--timeout 0 -a"] {
        pontoon("volume create forced").ok();
        pontoon(&format!("run -d --name forced --network none --stop-timeout 900 -v forced:/x $B {keeps}"))
            .ok();
        let name = if time.ends_with("-a") { "" } else { "forced" };
        host().alice(&format!("timeout 60 pontoon volume rm -f {time} {name}")).ok().says("forced");
        pontoon("container exists forced").fails(1);
    }
    pontoon("volume rm -t 0 forced").fails(125).warns("--force");
    // What is there and stays says more than what is missing.
    pontoon("create --name kept -v kept:/x $B true").ok();
    pontoon("volume rm kept nosuch").fails(2);
    pontoon("volume rm nosuch kept").fails(2);
    pontoon("rm -v kept").ok();
    pontoon("volume rm kept").ok();
}

#[test]
fn a_volume_without_a_name_goes_with_its_container() {
    for (rm, words) in [("--rm", "start -a holder"), ("", "rm -v holder")] {
        pontoon(&format!("create {rm} --name holder -v /anonymous $B touch /anonymous/x")).ok();
        let name = pontoon("inspect --format '{{(index .Mounts 0).Name}}' holder").ok();
        pontoon(&format!("volume exists {}", name.text())).ok();
        pontoon(words).ok();
        wait::until_true("the volume to go", || pontoon(&format!("volume exists {}", name.text())).code == 1);
    }
}

#[test]
fn an_image_s_volume_is_below_the_root_whatever_its_path() {
    pontoon("run --name bare $B true").ok();
    let changes = "--change 'VOLUME relative/data' --change 'VOLUME /a/../../up'";
    pontoon(&format!("commit -q {changes} bare localhost/paths && pontoon rm bare")).ok();
    let mounted = "run --rm localhost/paths grep -o -e ' /relative/data ' -e ' /up ' /proc/self/mountinfo";
    pontoon(mounted).ok().says("/relative/data").says("/up");
    pontoon("rmi localhost/paths").ok();
}

/// Whichever of them was made with it: the last one takes it along.
#[test]
fn a_volume_without_a_name_goes_with_the_last_of_its_containers() {
    pontoon("create --name first -v /anonymous $B true").ok();
    let name = pontoon("inspect --format '{{(index .Mounts 0).Name}}' first").ok();
    let name = name.text();
    pontoon("create --name second --volumes-from first $B true").ok();
    pontoon(&format!("create --rm --name third -v {name}:/other $B true")).ok();
    pontoon("rm -v first").ok();
    pontoon("rm -v second").ok();
    pontoon(&format!("volume exists {name}")).ok();
    pontoon("start -a third").ok();
    wait::until_true("the volume to go", || pontoon(&format!("volume exists {name}")).code == 1);
    // One that somebody has made has a name, though nobody has thought of it.
    let made = pontoon("volume create").ok();
    pontoon(&format!("run --rm -v {}:/x $B true", made.text())).ok();
    pontoon(&format!("volume inspect --format '{{{{.Anonymous}}}}' {}", made.text())).ok().prints("false");
    pontoon(&format!("volume rm {}", made.text())).ok();
}

#[test]
fn bind_mounts_obey_their_options() {
    let host = host();
    host.alice("mkdir -p ~/bound && echo here >~/bound/file").ok();
    pontoon("run --rm -v ~/bound:/m $B sh -c 'cat /m/file; echo more >>/m/file'").ok().prints("here");
    host.alice("cat ~/bound/file").ok().prints("here\nmore");
    pontoon("run --rm -v ~/bound:/m:ro $B touch /m/x").refused().warns("Read-only");
    pontoon("run --rm -v ~/bound:/m:Z,ro $B cat /m/file").ok();
    pontoon("run --rm -v ~/bound:/m:z $B cat /m/file").ok();
    pontoon("run --rm -v ~/bound/file:/etc/one:ro $B cat /etc/one").ok().says("here");
    pontoon("run --rm -v ~/bound:/m:noexec,nosuid,nodev $B grep ' /m ' /proc/self/mountinfo")
        .ok()
        .says("noexec");
    pontoon("run --rm --mount type=bind,src=$HOME/bound,dst=/m,ro $B touch /m/x").refused();
    pontoon("run --rm --mount type=volume,src=mounted,dst=/m $B touch /m/x").ok();
    pontoon("volume rm mounted").ok();
    // Nothing is made on the host for a source that is not there.
    pontoon("run --rm -v ~/nosuch:/m $B true").fails(125).warns("nosuch");
    host.alice("test ! -e ~/nosuch").ok();
}

#[test]
fn owners_are_changed_where_asked() {
    let host = host();
    host.alice("rm -rf ~/owned; mkdir ~/owned && touch ~/owned/file && ln -s /etc/passwd ~/owned/link").ok();
    pontoon("run --rm -u 1000 -v ~/owned:/m:U $B stat -c %u /m /m/file").ok().prints("1000\n1000");
    host.root("stat -c %U /etc/passwd").ok().prints("root");
    // What the container gave to others since is theirs, as long as the top is its user's.
    let look = "pontoon run --rm -u 1000 -v ~/owned:/m:U $B stat -c %u:%g /m/file";
    let sh = |script: &str| host.entry("alice").env("B", B).sh(script);
    sh(&format!("pontoon unshare chown 100:200 ~/owned/file; {look}")).ok().prints("100:200");
    sh(&format!("pontoon unshare chown 0:0 ~/owned; {look}")).ok().prints("1000:0");
    pontoon("unshare rm -rf ~/owned").ok();
}

#[test]
fn a_volume_survives_its_containers() {
    pontoon("run --rm -v kept:/k $B sh -c 'echo data >/k/file'").ok();
    pontoon("run --rm -v kept:/k:ro $B cat /k/file").ok().prints("data");
    pontoon("run --rm -v kept:/k:ro $B touch /k/x").refused();
    pontoon("volume rm kept").ok();
}

#[test]
fn a_container_that_cannot_be_made_leaves_no_volumes_behind() {
    let _alone = alone();
    pontoon("volume create late-there").ok();
    let before = pontoon("volume ls -q").ok().text().to_owned();
    host().alice("mkdir -p late-closed && chmod 555 late-closed").ok();
    for words in [
        // The id cannot be written down, when all else is there.
        "-v /a -v late-new:/n -v late-there:/t --cidfile late-closed/id",
        // The second one is not to be had.
        "-v /a -v late-new:/n -v late-there:/t --mount type=volume,dst=/b,volume-opt=bogus=1",
        // The name.
        "-v /a -v late-new:/n --name 'not a name'",
    ] {
        pontoon(&format!("create {words} $B true")).fails(125);
        pontoon("volume ls -q").ok().prints(&before);
        pontoon("ps -aq --filter volume=late-there").ok().prints("");
    }
    // What is made is kept.
    pontoon("create --name late -v late-new:/n $B true").ok();
    pontoon("volume exists late-new").ok();
    pontoon("rm late").ok();
    pontoon("volume exists late-new").ok();
    pontoon("volume rm late-new late-there; rmdir late-closed").ok();
}
