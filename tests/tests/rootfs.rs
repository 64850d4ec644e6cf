//! Containers whose root file system is a directory of the host (`--rootfs`).
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, Output, host_with_busybox as host, wait};

fn sh(script: &str) -> Output {
    host().entry("alice").env("B", B).sh(script)
}

/// A directory with the image's files, which are alice's.
fn tree(name: &str) {
    sh(&format!(
        "pontoon create --name seed-{name} $B >/dev/null && mkdir ~/{name} && pontoon export seed-{name} | tar -xC ~/{name}
         pontoon rm seed-{name}"
    ))
    .ok();
}

#[test]
fn a_directory_is_a_root_file_system() {
    tree("own");
    sh("pontoon run --name own --network none --rootfs ~/own sh -c 'id -u; pwd; cat /data/file; echo hi >>/made; echo $HOME'
        cat ~/own/made; stat -c %U ~/own/made")
    .ok()
    .prints("0\n/\nhello\n/root\nhi\nalice");
    // No image is behind it, nor told of.
    sh("pontoon ps -a --filter name='^own$' --format '{{.Image}}|{{.ImageID}}|{{.Command}}' | cut -c1-6
        pontoon inspect --format '{{.Image}}|{{.ImageName}}|{{.ImageDigest}}|{{.Config.Image}}|{{.Config.User}}' own
        test $(pontoon inspect --format '{{.Rootfs}}' own) = ~/own && pontoon ps -a --filter ancestor=$B --filter name='^own$' -q
        pontoon ps -a --filter name='^own$' --format json | grep -c '\"Image\": \"\"'")
    .ok()
    .prints("||sh -\n||||\n1");
    // Again, and what works on files of a container at rest.
    sh("pontoon start -a own >/dev/null; cat ~/own/made
        pontoon cp own:/made - | tar -xO; echo put >~/put; pontoon cp ~/put own:/etc/put; cat ~/own/etc/put; rm ~/put
        pontoon export own | tar -tf - | grep -E '^(made|data/file|etc/put)$' | sort; pontoon diff own")
    .ok()
    .prints("hi\nhi\nhi\nhi\nput\ndata/file\netc/put\nmade");
    sh("pontoon commit own x").fails(125).warns("--rootfs").warns("pontoon import");
    // Users are looked up in it; a relative path is one of the working directory's.
    sh("echo carl:x:7:8::/:/bin/sh >~/own/etc/passwd
        pontoon run --rm --network none -u carl --rootfs own id -u
        pontoon create --rm --name relative --network none --rootfs ./own true >/dev/null && pontoon start -a relative
        pontoon run --rm --network none --read-only --rootfs own sh -c 'touch /x 2>/dev/null || echo closed'
        pontoon run --rm --network none --entrypoint id --rootfs own -g
        pontoon run --dry-run --rootfs own true | grep -c home/alice/own")
    .ok()
    .prints("7\nclosed\n0\n1");
    sh("pontoon run -d --name runs --stop-timeout 0 --network none --rootfs ~/own sleep 10000 >/dev/null
        pontoon exec runs cat /made; pontoon cp runs:/made - | tar -xO; pontoon rm -f runs")
    .ok()
    .prints("hi\nhi\nhi\nhi\nruns");
    // Mounted or not, the directory is never removed.
    sh("find ~/own | sort >~/before
        pontoon unshare sh -c 'cat $(pontoon mount own)/made | wc -l; pontoon rm own'
        find ~/own | sort | cmp - ~/before && pontoon ps -aq --filter name='^own$'; rm -r ~/own ~/before")
    .ok()
    .prints("2\nown");
}

/// Where there is no image nothing is said of checks but by whoever asks for one.
#[test]
fn health_checks_of_a_directory_are_changed() {
    tree("checked");
    sh("pontoon run -d --name checked --stop-timeout 0 --network none --rootfs ~/checked sleep 10000").ok();
    sh("pontoon update --health-interval 5s checked").fails(125).warns("--health-interval");
    sh("pontoon update --health-cmd 'test -e /well' --health-interval 50ms --health-retries 1 checked").ok();
    let health = || sh("pontoon inspect --format '{{.State.Health.Status}}' checked").text().to_owned();
    wait::until_true("a check that fails", || health() == "unhealthy");
    sh("touch ~/checked/well").ok();
    wait::until_true("a check that passes", || health() == "healthy");
    sh("pontoon update --no-healthcheck checked && pontoon rm -f checked && rm -r ~/checked").ok();
}

#[test]
fn changes_may_be_kept_apart_from_the_directory() {
    tree("lower");
    sh("find ~/lower -printf '%p %m %u %s %T@\n' | sort >~/lower.before
        pontoon run --name over --network none --rootfs ~/lower:O sh -c 'test -e /made && cat /made; echo hi >>/made; rm -f /data/file; ls /data'
        pontoon start -a over")
    .ok()
    .prints("second\nsub\nhi\nsecond\nsub");
    sh("pontoon cp over:/made - | tar -xO; pontoon diff over | grep -E 'made|data/' | sort
        pontoon export over | tar -tf - | grep -cE '^(made|data/second)$'
        test $(pontoon inspect --format '{{.Rootfs}}' over) = ~/lower && pontoon rm over
        find ~/lower -printf '%p %m %u %s %T@\n' | sort | cmp - ~/lower.before && echo untouched")
    .ok()
    .prints("hi\nhi\nA /made\nD /data/file\n2\nover\nuntouched");
    // Whatever ids the container has.
    sh("pontoon run --rm --network none --userns keep-id --rootfs ~/lower:O sh -c 'id -u; cat /data/file'
        pontoon run --rm --network none --rootfs ~/lower:idmap stat -c %u /data/file
        find ~/lower/data ~/lower/bin -newer ~/lower.before | wc -l; rm -r ~/lower ~/lower.before")
    .ok()
    .prints("1000\nhello\n0\n0");
}

#[test]
fn owners_are_shown_otherwise_where_the_kernel_lets_us() {
    let host = host();
    tree("shown");
    sh("pontoon run --rm --network none --userns keep-id:uid=5 --rootfs ~/shown:idmap true")
        .fails(125)
        .warns("idmap")
        .warns("root");
    // The test host's own files lie on an overlay, which cannot show others.
    host.root(
        "mkdir /srv/shown && mount -t tmpfs none /srv/shown && cp -r /home/alice/shown/. /srv/shown && chown -R 0:0 /srv/shown
         pontoon run --rm --network none --uidmap 0:100000:65536 --rootfs /srv/shown:idmap sh -c 'stat -c %u /data/file; echo >/made'
         stat -c %u /srv/shown/made; umount /srv/shown; rmdir /srv/shown",
    )
    .ok()
    .prints("0\n0");
    sh("rm -r ~/shown").ok();
}

#[test]
fn what_is_no_root_file_system_is_refused() {
    for (words, told) in [
        ("--rootfs /nosuch true", "/nosuch"),
        ("--rootfs /etc/passwd true", "/etc/passwd"),
        ("--rootfs /etc:O:idmap true", "--rootfs"),
        ("--rootfs /etc:idmap=uids=1 true", "idmap"),
        ("--rootfs :O true", "directory"),
        ("--rootfs=/etc true", "--rootfs"),
        ("--rootfs", "IMAGE"),
    ] {
        sh(&format!("pontoon run --rm --network none {words}")).fails(125).warns(told);
    }
    sh("mkdir ~/empty; pontoon run --rm --network none --rootfs ~/empty:O").fails(127).warns("command");
    sh("pontoon run --rm --network none --rootfs ~/empty:O true").fails(127);
    sh("ls -A ~/empty; rmdir ~/empty; pontoon ps -aq --filter name=nosuch").ok().prints("");
}

#[test]
fn units_run_what_lies_in_a_directory() {
    tree("unit-own");
    let alice = Manager::of(host(), "alice");
    let file = |rootfs: &str, name: &str| {
        format!(
            "[Container]\nContainerName={name}\nRootfs=%h/unit-own{rootfs}\nNetwork=none\nStopTimeout=0\n\
             Exec=sh -c \"echo up; touch /by-{name}; exec sleep 10000\"\n"
        )
    };
    alice.add("rooted.container", &file("", "rooted"));
    alice.add("rooted-over.container", &file(":O", "rooted-over"));
    // More than once: what the first run left behind is in nobody's way.
    for _ in 0..2 {
        for name in ["rooted", "rooted-over"] {
            alice.start(name);
            alice.until_logged(name, "up");
            assert_eq!(alice.property(name, "SubState"), "running");
            let made = format!("pontoon exec {name} ls /by-{name}");
            wait::until_true("the program to be at work", || sh(&made).code == 0);
            sh(&format!("pontoon exec {name} cat /data/file")).ok().prints("hello");
            alice.stop(name);
        }
        sh("cd ~/unit-own && ls by-*; pontoon ps -aq --filter name=rooted").ok().prints("by-rooted");
    }
    alice.remove("rooted.container");
    alice.remove("rooted-over.container");
    sh("rm -r ~/unit-own").ok();
}
