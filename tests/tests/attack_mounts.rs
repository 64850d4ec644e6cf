//! Attacks by way of mounts: volumes, parts of them, links in what is mounted or given away.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Output, TestHost, host_with_busybox as host};

/// What an attack would like to reach: alice's own, open to all, so that who gets there can write.
struct Canary {
    host: &'static TestHost,
    dir: String,
    before: String,
}

impl Canary {
    fn new(name: &str) -> Self {
        let (host, dir) = (host(), format!("/srv/prey/{name}"));
        host.root(&format!(
            "mkdir -p {dir}/sub && echo untouched >{dir}/file && echo deep >{dir}/sub/file && chown -R alice {dir} && chmod -R a+rwX {dir}"
        ))
        .ok();
        let before = Self::look(host, &dir);
        Self { host, dir, before }
    }

    fn look(host: &TestHost, dir: &str) -> String {
        host.root(&format!("find {dir} -printf '%p %m %u %g %s %T@\\n' | sort; cat {dir}/file")).ok().stdout
    }

    fn alice(&self, script: &str) -> Output {
        let limit = std::time::Duration::from_secs(60);
        self.host.entry("alice").env("B", B).env("PREY", &self.dir).limit(limit).sh(script).no_panic()
    }

    #[track_caller]
    fn unharmed(&self) {
        let now = Self::look(self.host, &self.dir);
        assert!(now == self.before, "the canary is no more what it was:\n{}\nnow:\n{now}", self.before);
    }
}

/// 20: places where nothing may be mounted, and mounts in each other.
#[test]
fn mounts_have_their_places_inside() {
    let canary = Canary::new("places");
    for target in ["/..", "/", "/a/../..", "/proc", "/proc/sys", "/x/../proc"] {
        for option in ["-v $PREY:", "--tmpfs ", "--mount type=ramfs,dst=", "--mount type=image,src=$B,dst="] {
            canary.alice(&format!("pontoon run --rm --network none {option}{target} $B true")).fails(125);
        }
    }
    // The outer one is mounted first, however they are ordered (podman#26161).
    for order in ["-v $PREY:/m/in:ro --tmpfs /m", "--tmpfs /m -v $PREY:/m/in:ro"] {
        canary
            .alice(&format!("pontoon run --rm --network none {order} $B cat /m/in/file"))
            .ok()
            .prints("untouched");
    }
    // Neither what is shared nor what arrives lets a container mount on the host.
    for propagation in ["shared", "rshared", "slave", "rslave", "private"] {
        canary
            .alice(&format!(
                "pontoon run --rm --network none --privileged -v $PREY:/m:{propagation} $B sh -c 'mount -t tmpfs none /m/sub && touch /m/sub/x'
                 grep -c {} /proc/self/mountinfo; ls $PREY/sub",
                canary.dir
            ))
            .ok()
            .prints("0\nfile");
    }
    canary.unharmed();
}

/// 20: a link in a volume or an image that a part of it leads through.
#[test]
fn no_part_lies_outside_of_what_it_is_part_of() {
    let canary = Canary::new("parts");
    canary
        .alice(
            "pontoon run --rm --network none -v parts:/v $B sh -c 'ln -s /srv/prey/parts abs; ln -s /srv/prey/parts /v/abs
             ln -s ../../../../../../../../srv/prey/parts /v/climb; mkdir -p /v/srv/prey; ln -s /proc/self/root /v/proc'",
        )
        .ok();
    for part in ["abs", "climb", "abs/sub", "proc/srv", "../parts", "climb/../../prey/parts"] {
        let seen = canary.alice(&format!(
            "pontoon run --rm --network none --mount type=volume,src=parts,dst=/m,subpath={part} $B sh -c 'cat /m/file; echo x >/m/file'"
        ));
        assert!(!seen.stdout.contains("untouched") && !seen.stdout.contains("deep"), "{part}: {seen:?}");
        // And of a directory of the host's that others may write to.
        let seen = canary.alice(&format!(
            "data=$(pontoon volume inspect --format '{{{{.Mountpoint}}}}' parts)
             pontoon run --rm --network none --mount type=bind,src=$data,dst=/m,subpath={part} $B sh -c 'cat /m/file; echo x >/m/file'"
        ));
        assert!(!seen.stdout.contains("untouched") && !seen.stdout.contains("deep"), "{part}: {seen:?}");
    }
    // The same in an image, which is mounted whole before its part is looked for.
    canary
        .alice(
            "pontoon run --name parts --network none $B ln -s /srv/prey/parts /abs && pontoon commit -q parts parts && pontoon rm parts
             pontoon run --rm --network none --mount type=image,src=parts,dst=/m,rw=true,subpath=/abs $B sh -c 'cat /m/file; echo x >/m/file'",
        )
        .refused();
    canary.alice("pontoon rmi parts; pontoon volume rm parts").ok();
    canary.unharmed();
}

/// 20: `U` gives away what is mounted, and nothing that links in it lead to.
#[test]
fn what_is_given_away_are_links_and_not_their_targets() {
    let canary = Canary::new("given");
    canary
        .alice(
            "mkdir ~/give; ln -s $PREY ~/give/abs; ln -s $PREY/file ~/give/file; touch ~/give/own
             pontoon run --rm --network none -u 33 -v ~/give:/m:U $B stat -c %u /m /m/own
             pontoon run --rm --network none -u 33 -v give:/g $B true
             pontoon run --rm --network none -u 0 -v give:/g $B ln -s /srv/prey/given /g/link
             pontoon run --rm --network none -u 33 -v give:/g:U $B stat -c %u /g/link
             pontoon volume rm give; pontoon unshare rm -r ~/give",
        )
        .ok()
        .prints("33\n33\n33\ngive");
    canary.unharmed();
}

/// 21: CVE-2020-1726, and a first copy whose source is a link.
#[test]
fn a_first_copy_keeps_what_is_there_and_stays_inside() {
    let canary = Canary::new("copy");
    canary
        .alice(
            "pontoon run --name copy --network none $B sh -c 'ln -s /srv/prey/copy /abs; ln -s ../../../../srv/prey/copy /climb
             mkdir /real; ln -s /srv/prey/copy/file /real/link; ln -s /srv/prey/copy /real/dir'
             pontoon commit -q copy copy && pontoon rm copy",
        )
        .ok();
    // What was there before the first container stays, and nothing is put beside it.
    canary
        .alice(
            "pontoon volume create mine >/dev/null; echo mine | pontoon unshare tee $(pontoon volume inspect --format {{.Mountpoint}} mine)/file
             pontoon run --rm --network none -v mine:/data $B sh -c 'cat /data/file; ls /data'",
        )
        .ok()
        .prints("mine\nmine\nfile");
    for (number, place) in ["/abs", "/climb", "/abs/sub"].iter().enumerate() {
        for kind in ["", "-o type=bind -o device=$HOME/filled"] {
            let seen = canary.alice(&format!(
                "rm -rf ~/filled; mkdir ~/filled; pontoon volume create {kind} v{number} >/dev/null
                 pontoon run --rm --network none -v v{number}:{place} copy sh -c 'cat {place}/file {place}/sub/file'
                 pontoon run --rm --network none -v v{number}:/seen copy ls -A /seen; pontoon volume rm v{number} >/dev/null"
            ));
            assert!(!seen.stdout.contains("untouched") && !seen.stdout.contains("deep"), "{place}: {seen:?}");
        }
    }
    // Links are copied as links.
    canary
        .alice("pontoon run --rm --network none -v links:/real copy sh -c 'readlink /real/link; readlink /real/dir'; pontoon volume rm links")
        .ok()
        .prints("/srv/prey/copy/file\n/srv/prey/copy\nlinks");
    canary.alice("pontoon volume rm mine; pontoon rmi copy").ok();
    canary.unharmed();
}

/// 22: files that we put into a container, where the image has something else.
#[test]
fn what_we_mount_on_may_be_anything() {
    let canary = Canary::new("files");
    let places =
        ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/etc/localtime", "/run/secrets", "/etc/passwd"];
    let made = [
        "ln -s /srv/prey/files/file P",
        "ln -s ../../../../../srv/prey/files/file P",
        "mkfifo P",
        "mkdir P",
        "ln -s P P",
        "ln -s /proc/self/mem P",
    ];
    canary.alice("printf hidden | pontoon secret create prey - >/dev/null").ok();
    for (number, how) in made.iter().enumerate() {
        let script: String = places
            .iter()
            .map(|place| {
                format!(
                    "mkdir -p {}; rm -rf {place}; {};",
                    place.rsplit_once('/').unwrap().0,
                    how.replace('P', place)
                )
            })
            .collect();
        canary
            .alice(&format!(
                "pontoon run --name files --network none --no-hosts --no-hostname $B sh -c '{script} true'
                 pontoon commit -q files files{number} >/dev/null; pontoon rm files >/dev/null"
            ))
            .ok();
        let seen = canary.alice(&format!(
            "timeout 20 pontoon run --rm --network none --secret prey --tz local -u 1234 files{number} \
             sh -c 'for f in {}; do test -f $f && head -c 100 $f; done; echo x >/etc/hosts; echo over'; test $? != 124",
            places.join(" ")
        ));
        assert!(seen.code == 0 && !seen.stdout.contains("untouched"), "{how}: {seen:?}");
        canary.alice(&format!("pontoon rmi -f files{number}")).ok();
    }
    canary.alice("pontoon secret rm prey").ok();
    canary.unharmed();
}
