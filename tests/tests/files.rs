//! Files into containers, out of them, and what containers have changed: cp, export, diff, commit.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, Output, TestHost, alone, host_with_busybox};

/// A container called `box`, run by user 1000:33, and a directory of alice's with a file, a tree and links.
struct Fixture {
    host: &'static TestHost,
}

impl Fixture {
    fn new(options: &str) -> Self {
        let host = host_with_busybox();
        let new = Self { host };
        new.sh("rm -rf ~/w; mkdir -p ~/w/d/sub; cd ~/w; echo f >f; chmod 640 f; echo g >d/sub/g; ln -s f link; ln -s d dlink").ok();
        let script =
            "cd /tmp; mkdir dir; echo old >file; ln -s file flink; ln -s dir dlink; exec sleep 10000";
        host.entry("alice")
            .env("SCRIPT", script)
            .sh(&format!(
                "pontoon run -d --name box --stop-timeout 0 -u 1000:33 {options} {B} sh -c \"$SCRIPT\""
            ))
            .ok();
        pontoon_tests::wait::until_true("the container's files", || {
            host.alice("pontoon exec box test -L /tmp/dlink").code == 0
        });
        new
    }

    fn sh(&self, script: &str) -> Output {
        self.host.alice(&format!("cd ~/w 2>/dev/null; {script}"))
    }

    fn inside(&self, script: &str) -> String {
        self.host
            .entry("alice")
            .env("SCRIPT", script)
            .sh("pontoon exec -u 0 box sh -c \"$SCRIPT\"")
            .ok()
            .text()
            .to_owned()
    }

    #[track_caller]
    fn refuses(&self, command: &str, reason: &str) {
        let refused = self.sh(command).fails(125);
        assert!(refused.stderr.contains(reason), "{command}: {}", refused.stderr);
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = self.host.alice("pontoon rm -f -i -t 0 box other; rm -rf ~/w");
    }
}

#[test]
fn files_come_in_as_the_rules_of_podman_have_it() {
    let _alone = alone();
    let it = Fixture::new("");
    it.sh("pontoon cp f box:/tmp/new").ok().prints("");
    assert_eq!(it.inside("stat -c '%u:%g %a' /tmp/new; cat /tmp/new"), "1000:33 640\nf");
    it.sh("pontoon cp f box:/tmp/flink && pontoon cp f box:/tmp/dir && pontoon cp f box:/tmp/dlink").ok();
    assert_eq!(it.inside("cat /tmp/file; ls /tmp/dir; readlink /tmp/flink"), "f\nf\nfile");
    it.inside("cd /tmp; ln -s later dangling; ln -s nodir/later deep; ln -s around around");
    it.sh("pontoon cp f box:/tmp/dangling").ok();
    assert_eq!(it.inside("cd /tmp; readlink dangling; cat later; rm later dangling"), "later\nf");
    it.refuses("pontoon cp f box:/tmp/deep", "cannot open `/tmp/nodir`");
    it.refuses("pontoon cp f box:/tmp/around", "symbolic links");
    it.inside("rm /tmp/deep /tmp/around");
    it.sh("ln -s far near; pontoon cp box:/tmp/file near; test ! -e far; cat near; rm near").ok().prints("f");
    it.sh("pontoon cp d box:/tmp/tree && pontoon cp d box:/tmp/dir && pontoon cp d/. box:/tmp/dir").ok();
    assert_eq!(
        it.inside("cd /tmp; find tree dir | sort"),
        "dir\ndir/d\ndir/d/sub\ndir/d/sub/g\ndir/f\ndir/sub\ndir/sub/g\ntree\ntree/sub\ntree/sub/g"
    );
    it.sh("pontoon cp link box:/tmp/l && pontoon cp dlink box:/tmp/dl").ok();
    assert_eq!(it.inside("cd /tmp; stat -c %F l dl; ls dl"), "regular file\ndirectory\nsub");
    it.sh("pontoon cp -a=false f box:/tmp/raw && pontoon cp f box:/etc/hosts").ok();
    assert_eq!(it.inside("stat -c %u:%g /tmp/raw; cat /etc/hosts"), "0:0\nf");
    it.refuses("pontoon cp d box:/tmp/file", "a directory cannot be copied over it");
    it.refuses("pontoon cp f box:/tmp/none/", "does not exist");
    it.refuses("pontoon cp f box:/tmp/no/such", "cannot open `/tmp/no`");
    it.refuses("pontoon cp missing box:/tmp/x", "missing");
    it.refuses("pontoon cp f nobody:/tmp/x", "nobody");
    it.refuses("pontoon cp f g", "neither of the two is in a container");
    it.refuses("pontoon cp f box:", "has no path");
    it.sh("mkfifo p; pontoon cp p box:/tmp/p").ok();
    assert_eq!(it.inside("stat -c '%F %u' /tmp/p"), "fifo 1000");
    it.refuses("echo x | pontoon cp /dev/stdin box:/tmp/x", "neither a regular file nor a directory");
    it.sh("mkdir -p t/file; pontoon cp t/. box:/tmp").fails(125);
    it.sh("pontoon cp --overwrite t/. box:/tmp").ok();
    assert_eq!(it.inside("stat -c %F /tmp/file"), "directory");
}

#[test]
fn relative_paths_begin_where_the_payload_does() {
    let _alone = alone();
    let it = Fixture::new("-w /tmp");
    it.sh("pontoon cp f box:rel && pontoon cp f box:./dir/rel && tar c f | pontoon cp - box:.").ok();
    assert_eq!(it.inside("cd /tmp; cat rel dir/rel f; ls -d /rel /f 2>/dev/null | wc -l"), "f\nf\nf\n0");
    it.sh("pontoon cp box:file got && cat got; pontoon cp box:dir - | tar t; pontoon cp box:dir/. out && ls out")
        .ok()
        .prints("old\ndir/\ndir/rel\nrel");
    it.sh("mkdir in; pontoon cp box:./ in && ls -d in/file in/tmp").says("in/file");
    it.sh("pontoon cp box:rel box:dir/second").ok();
    it.sh("pontoon stop -t 0 box >stopped; pontoon cp f box:late && pontoon cp box:/tmp/late - | tar t")
        .ok()
        .prints("late");
}

/// Home directories and trees of sources have sockets in them.
#[test]
fn sockets_are_left_out_with_a_warning() {
    let _alone = alone();
    for options in ["", "--userns keep-id"] {
        let it = Fixture::new(options);
        it.sh("mkdir s && cd s && touch a z && perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"m.sock\", Listen => 1) or die'").ok();
        it.sh("pontoon cp s box:/tmp").ok().warns("`m.sock` is a socket");
        assert_eq!(it.inside("ls /tmp/s"), "a\nz");
        it.sh("pontoon stop -t 0 box >stopped; pontoon cp s box:/tmp/again && pontoon cp box:/tmp/again back && ls back")
            .ok()
            .warns("`m.sock` is a socket")
            .prints("a\nz");
    }
}

/// With the mode that the container gave them, everybody on the host could use them.
#[test]
fn no_device_nodes_come_out_of_a_container() {
    let _alone = alone();
    let host = host_with_busybox();
    let make = "mkdir /tmp/d; mknod /tmp/d/disk b 7 200; mknod /tmp/d/null c 1 3; chmod 666 /tmp/d/*; touch /tmp/d/f; mkfifo /tmp/d/p";
    host.root(&format!(
        "pontoon run -d --name noded --network none --stop-timeout 0 --cap-add MKNOD {B} sleep 1000 && pontoon exec noded sh -c '{make}'"
    ))
    .ok();
    host.root("cd $(mktemp -d); pontoon cp noded:/tmp/d running && pontoon stop noded >stopped && pontoon cp noded:/tmp/d stopped2 && ls running stopped2")
        .ok()
        .prints("running:\nf\np\n\nstopped2:\nf\np");
    // Into another one they go.
    host.root(&format!(
        "pontoon create --name taking --network none {B} true >/dev/null && pontoon cp noded:/tmp/d taking:/d && pontoon cp taking:/d - | tar t | sort"
    ))
    .ok()
    .prints("d/\nd/disk\nd/f\nd/null\nd/p");
    host.root("pontoon rm -f noded taking").ok();
}

#[test]
fn files_go_out_and_belong_to_the_caller() {
    let _alone = alone();
    let it = Fixture::new("--userns keep-id");
    it.inside("echo x >/tmp/dir/x; chown -R 5:5 /tmp/dir; chmod 600 /tmp/dir/x");
    it.sh("pontoon cp box:/etc/passwd . && pontoon cp box:/tmp/dir out && pontoon cp box:/tmp/dir out").ok();
    it.sh("pontoon cp box:/tmp/dir/. flat && pontoon cp box:/tmp/flink l").ok();
    it.sh("find out flat passwd l | sort; stat -c '%U %a' out/x passwd")
        .ok()
        .prints("flat\nflat/x\nl\nout\nout/dir\nout/dir/x\nout/x\npasswd\nalice 600\nalice 644");
    // Where we are, there is no /proc of ours, or that of others.
    it.inside("mkdir /tmp/pipes; mkfifo -m 666 /tmp/pipes/p");
    it.sh("pontoon cp box:/tmp/pipes pipes && stat -c '%F %a' pipes/p").ok().prints("fifo 666");
    it.sh("pontoon cp box:/tmp/pipes/p . && stat -c '%F %a' p").ok().prints("fifo 666");
    // A link of the container's brings the name of what it leads to.
    it.inside("ln -s pipes/p /tmp/plink");
    it.sh("mkdir names; for it in flink dlink plink; do pontoon cp box:/tmp/$it names; done; ls names")
        .ok()
        .prints("dir\nfile\np");
    it.refuses("pontoon cp box:/etc/passwd nd/", "does not exist");
    it.refuses("pontoon cp box:/tmp/dir passwd", "a directory cannot be copied over it");
    it.refuses("pontoon cp box:/nothing .", "cannot open `/nothing`");
    it.refuses("pontoon cp box:/dev/zero .", "neither a regular file nor a directory");
    // A link of the container's leads to the container's own files.
    it.inside("ln -s /etc/hostname /tmp/trap; ln -s ../../../../../../etc/hostname /tmp/climb");
    it.sh("pontoon cp box:/tmp/trap t1 && pontoon cp box:/tmp/climb t2 && cat t1 t2").ok();
    let id = it.inside("hostname");
    it.sh("cat t1 t2").ok().prints(&format!("{id}\n{id}"));
}

#[test]
fn files_belong_to_the_caller_who_keeps_her_id() {
    let _alone = alone();
    let it = Fixture::new("");
    for (options, expected) in [("keep-id", "$(stat -c %u:%g f)"), ("keep-id:uid=50,gid=60", "50:60")] {
        it.sh(&format!("pontoon run -d --name other --userns {options} {B} sleep 1000 >other-id")).ok();
        it.sh("pontoon cp f other:/tmp/f && tar c d | pontoon cp - other:/tmp").ok();
        for path in ["/tmp/f", "/tmp/d/sub/g"] {
            it.sh(&format!("test \"$(pontoon exec other stat -c %u:%g {path})\" = \"{expected}\"")).ok();
        }
        it.sh("pontoon exec other rm /tmp/f && pontoon rm -f -t 0 other >gone").ok();
    }
}

#[test]
fn archives_go_through_pipes() {
    let _alone = alone();
    let it = Fixture::new("");
    it.sh("tar c d f | pontoon cp - box:/tmp/dir").ok();
    assert_eq!(
        it.inside("cd /tmp/dir; find . | sort; stat -c %u f"),
        ".\n./d\n./d/sub\n./d/sub/g\n./f\n1000"
    );
    it.sh("tar cz -C d/sub g | pontoon cp - box:/tmp").ok();
    assert_eq!(it.inside("cat /tmp/g"), "g");
    for nothing in ["</dev/null pontoon", "head -c 1024 /dev/zero | pontoon"] {
        it.refuses(&format!("{nothing} cp - box:/tmp"), "is no archive, or one of nothing");
    }
    it.inside("mkfifo /tmp/pipe");
    it.sh("for it in flink dlink/. pipe; do pontoon cp box:/tmp/$it - | tar t; done")
        .ok()
        .says("file\n")
        .says("pipe");
    it.sh("pontoon cp box:/tmp/dir - | tar t | sort")
        .ok()
        .prints("dir/\ndir/d/\ndir/d/sub/\ndir/d/sub/g\ndir/f");
    it.sh("pontoon cp box:/etc/passwd - | tar xO").ok().says("root:");
    it.refuses("tar c d | pontoon cp - box:/tmp/file", "is not a directory");
    it.refuses("echo no archive | pontoon cp - box:/tmp", "cannot copy `-`");
    // Out of the archive's directory leads nothing.
    it.refuses("tar cP --transform 's,f,../up,' f | pontoon cp - box:/tmp/dir", "climbs");
}

#[test]
fn options_of_old_are_taken_without_effect() {
    let _alone = alone();
    let it = Fixture::new("");
    it.sh("echo here >f; for o in --pause=false --pause --extract; do pontoon cp $o f box:/tmp/f; done").ok();
    assert_eq!(it.inside("cat /tmp/f"), "here");
    it.sh("pontoon logs --details box").ok();
    it.sh(&format!("pontoon run --signature-policy /x {B} true"))
        .fails(125)
        .warns("`--signature-policy` is not supported");
}

#[test]
fn containers_exchange_files() {
    let _alone = alone();
    let it = Fixture::new("");
    it.sh(&format!("pontoon create --name other -u 33 -v files-vol:/data {B} true")).ok();
    it.sh("pontoon cp box:/tmp/file box:/tmp/copy").ok();
    assert_eq!(it.inside("cat /tmp/copy"), "old");
    it.sh("pontoon cp box:/tmp/file other:/etc && pontoon cp box:/tmp/file other:/data/f && pontoon cp box:/tmp other:/t").ok();
    it.sh("pontoon cp other:/etc/file - | tar xO; pontoon cp other:/t/flink got; cat got")
        .ok()
        .prints("old\nold");
    it.refuses("pontoon cp box:/none other:/x", "cannot open `/none`");
    // The one who stops reading says why, however much is still to come.
    it.inside("mkdir /tmp/large; head -c 9000000 /dev/zero >/tmp/large/file");
    it.refuses("pontoon cp box:/tmp/large other:/etc/passwd", "a directory cannot be copied over it");
    it.refuses("pontoon cp box:/tmp other:/etc/passwd", "a directory cannot be copied over it");
    // What came into a volume is in the volume, beside what the image has there.
    let seen =
        it.sh(&format!("pontoon run --rm -v files-vol:/data {B} sh -c 'cat /data/f; ls /data | wc -l'")).ok();
    assert!(seen.stdout.starts_with("old\n") && !seen.stdout.ends_with("\n1\n"), "{}", seen.stdout);
    it.sh("pontoon rm other && pontoon volume rm files-vol").ok();
}

#[test]
fn a_container_at_rest_has_its_files_too() {
    let _alone = alone();
    let it = Fixture::new("");
    it.sh("pontoon stop -t 0 box >stopped && pontoon cp f box:/tmp/late && pontoon cp box:/tmp/file back && cat back")
        .ok()
        .prints("old");
    it.sh("pontoon export box | tar t | grep -c '^tmp/late$'").ok().prints("1");
    it.sh("set -o pipefail; pontoon export box | head -c 1 >one").fails(141);
    it.sh("pontoon start box").ok();
    assert_eq!(it.inside("cat /tmp/late"), "f");
    it.sh("pontoon pause box >p && pontoon cp box:/tmp/late paused && pontoon unpause box >p && cat paused")
        .ok()
        .prints("f");
}

/// Whatever ends a commit, the container that it has brought to a halt goes on.
#[test]
fn a_commit_that_is_cut_off_leaves_no_container_paused() {
    let _alone = alone();
    let it = Fixture::new("");
    it.inside("head -c 300000000 /dev/zero >/big");
    let status = "pontoon inspect --format '{{.State.Status}}' box";
    for signal in ["INT", "TERM", "HUP", "KILL"] {
        it.sh(&format!(
            "env --default-signal pontoon commit -q --pause box localhost/cut >said 2>&1 & commit=$!
             until [ \"$({status})\" = paused ]; do kill -0 $commit || break; sleep 0.02; done
             kill -{signal} $commit; wait $commit 2>wait; echo $?
             for i in $(seq 200); do [ \"$({status})\" = running ] && break; sleep 0.05; done; {status}"
        ))
        .ok()
        .prints(match signal {
            "INT" => "130\nrunning",
            "TERM" => "143\nrunning",
            "HUP" => "129\nrunning",
            _ => "137\nrunning",
        });
    }
    it.sh("pontoon image exists localhost/cut").fails(1);
    it.sh(&format!(
        "pontoon commit -q --pause box localhost/cut >said && {status} && pontoon rmi localhost/cut >said"
    ))
    .ok()
    .prints("running");
}

#[test]
fn changes_are_listed() {
    let _alone = alone();
    let it = Fixture::new("");
    it.inside("rm /etc/group; echo x >>/etc/passwd; mkdir /new; rm -r /var; mkdir /var");
    let list = it.sh("pontoon diff box").ok().stdout;
    for line in ["C /etc", "C /etc/passwd", "D /etc/group", "A /new", "A /tmp/file", "C /tmp"] {
        assert!(list.lines().any(|it| it == line), "{line} in {list}");
    }
    assert!(
        !list.contains("/etc/hosts") && !list.contains("/proc") && !list.contains("containerenv"),
        "{list}"
    );
    let json = it.sh("pontoon container diff --format json box").ok().stdout;
    assert!(json.contains("\"deleted\": [") && json.contains("\"/etc/group\""), "{json}");
    it.sh(&format!("pontoon image diff {B}")).ok().says("A /");
    it.refuses("pontoon diff nothing", "nothing");
    it.refuses("pontoon diff", "needs the name or id");
}

#[test]
fn an_image_is_made_of_a_container() {
    let _alone = alone();
    let it = Fixture::new("-e FROM=options -l colour=blue");
    it.inside("rm /etc/group; echo kept >/kept; chown 5:6 /kept; rm -r /var; mkdir /var; echo v >/var/v");
    let id = it
        .sh("pontoon commit -c 'ENV A=b' -c 'CMD [\"cat\", \"/kept\"]' -a Alice -m words --pause box made")
        .ok();
    assert_eq!(id.text().len(), 64);
    it.sh("pontoon run --rm made").ok().prints("kept");
    it.sh("pontoon run --rm made sh -c 'stat -c %u:%g /kept; test ! -e /etc/group; ls /var; echo $A $FROM'")
        .ok()
        .prints("5:6\nv\nb options");
    let shown = it.sh(
        "pontoon image inspect --format '{{.Author}} {{.Config.User}} {{index .Labels \"colour\"}} {{.Comment}}' made",
    );
    shown.ok().prints("Alice 1000:33 blue words");
    // The layers below are shared, not copied.
    let layers = |image: &str| {
        it.sh(&format!("pontoon image inspect --format '{{{{len .RootFS.Layers}}}}' {image}"))
            .ok()
            .text()
            .parse::<u32>()
            .unwrap()
    };
    assert_eq!(layers("made"), layers(B) + 1);
    it.sh("pontoon commit -q --squash box flat").ok();
    assert_eq!(layers("flat"), 1);
    it.sh("pontoon run --rm flat cat /kept /var/v").ok().prints("kept\nv");
    // Others read it.
    // The id and nothing else is in the file, as with Podman.
    it.sh(
        "pontoon stop box && pontoon commit -q --iidfile id box made >said && test $(cat id) = $(cat said)",
    )
    .ok();
    it.refuses("pontoon commit box 'Not A Name'", "Not A Name");
    it.refuses("pontoon commit --change 'RUN x' box", "the instructions are");
    it.sh("pontoon rm box && pontoon rmi -f made flat").ok();
}

#[test]
fn changes_are_read_as_in_a_containerfile_and_a_file_is_merged() {
    let _alone = alone();
    let it = Fixture::new("-e FROM=options");
    let shown = |format: &str| it.sh(&format!("pontoon image inspect --format '{format}' made")).ok();
    it.sh("pontoon commit -q -c 'ENV A=1 B=\"x y\"' -c 'ENV C=a\\ b' -c 'LABEL l=1 m=\"2 3\"' -c 'USER \"daemon\"' -c 'ONBUILD RUN x' box made")
        .ok();
    it.sh("pontoon run --rm --user 0 made sh -c 'echo \"$A/$B/$C/$FROM\"'").ok().prints("1/x y/a b/options");
    shown("{{.Config.User}} {{index .Labels \"l\"}} {{index .Labels \"m\"}}").prints("daemon 1 2 3");
    it.refuses("pontoon commit -c 'ENV A=1 B' box made", "NAME=VALUE");
    it.sh("pontoon commit -q -c 'ENV A=$FROM:1 B=${NO:-2}' -c 'HEALTHCHECK --retries=2 CMD [\"true\"]' -c 'SHELL [\"/bin/ash\"]' box made")
        .ok();
    it.sh("pontoon run --rm made sh -c 'echo \"$A/$B\"'").ok().prints("options:1/2");
    shown("{{.HealthCheck.Test}} {{.HealthCheck.Retries}}").prints("[CMD true] 2");
    it.refuses("pontoon commit -c 'EXPOSE $NO' box made", "EXPOSE");
    it.refuses("pontoon commit -c 'STOPSIGNAL BOGUS' box made", "STOPSIGNAL");
    // The global option of that name is another, and stands before the command.
    let file = "{\"Env\":[\"FROM=file\"],\"Cmd\":[\"env\"],\"WorkingDir\":\"/tmp\"}";
    it.sh(&format!("printf %s '{file}' >config.json; pontoon --config /nowhere commit -q --config config.json -c 'ENV D=4' box made"))
        .ok();
    it.sh("pontoon run --rm made").ok().says("FROM=file").says("D=4");
    shown("{{.Config.WorkingDir}}").prints("/tmp");
    it.refuses("pontoon commit --config nofile box made", "nofile");
    it.refuses("echo x >config.json; pontoon commit --config config.json box made", "config.json");
    it.sh("pontoon rmi -f made").ok();
}

#[test]
fn what_cannot_be_read_outside_is_not_read_for_others() {
    let _alone = alone();
    let it = Fixture::new("");
    // A file of the host's root stays unreadable to alice's container tools.
    it.host.root("install -m 600 /dev/null /srv/secret && echo s >/srv/secret").ok();
    it.refuses("pontoon cp /srv/secret box:/tmp/x", "cannot open `/srv/secret`");
    it.refuses("pontoon cp box:/etc/passwd /srv/x", "cannot make the copy");
}

/// Files that cannot be opened tell nothing of the container, and nobody waits for them.
#[test]
fn who_may_open_few_files_is_told_so_at_once() {
    let fixture = Fixture::new("--network none");
    for command in ["cp box:/etc/passwd -", "export box"] {
        let script = format!(
            "for n in $(seq 8 24); do (ulimit -n $n; timeout 10 pontoon {command} >/dev/null 2>~/w/said); \
             [ $? = 124 ] && echo hangs with $n; done; true"
        );
        fixture.sh(&script).ok().prints("");
    }
}

#[test]
fn who_starts_a_container_waits_for_who_works_on_its_files() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = (Gone(host, "rests"), Gone(host, "rests2"));
    let sh = |script: &str| host.entry("alice").env("B", B).sh(script);
    sh("pontoon create --name rests --stop-timeout 0 $B sleep 10000; pontoon create --name rests2 $B true")
        .ok();
    // Longer than what a pipe holds, and read slowly: at work until it is read to its end.
    let slowly = "(pontoon export rests | (sleep 3; cat >/dev/null)) & sleep 1";
    let seen =
        sh(&format!("{slowly}; pontoon ps -a --filter name=rests$ --format '{{{{.State}}}}'; wait")).ok();
    assert_eq!(seen.text(), "created");
    let seen = sh(&format!(
        "{slowly}; pontoon start rests; pontoon inspect --format '{{{{.State.Status}}}}' rests; wait"
    ))
    .ok();
    assert_eq!(seen.text(), "rests\nrunning");
    sh("pontoon stop rests").ok();
    // Who looks on is told.
    let told = sh(&format!(
        "{slowly}; timeout -s KILL 5 pontoon start -a rests; wait; pontoon stop rests >/dev/null"
    ));
    assert!(told.stderr.contains("`rests` waits for a command that is at work on its files"), "{told:?}");
    // Another one waits, too, and so does whoever removes it.
    sh(&format!(
        "{slowly}; echo x >~/rests-file; pontoon cp ~/rests-file rests:/there && pontoon commit -q rests localhost/rests; wait"
    ))
    .ok();
    // Of two containers nobody waits for who waits for him.
    sh("for i in 1 2 3 4 5 6; do timeout 60 pontoon cp rests:/bin/busybox rests2:/tmp/a$i & timeout 60 pontoon cp rests2:/etc/passwd rests:/tmp/b$i & done; wait").ok();
    sh("pontoon start rests >/dev/null && pontoon exec rests sh -c 'cat /there; ls /tmp'")
        .ok()
        .prints("x\nb1\nb2\nb3\nb4\nb5\nb6");
    let removed = sh("pontoon stop rests; (pontoon export rests >~/rests.tar; echo $? >~/rests-code) & sleep 0.1; pontoon rm rests; wait; cat ~/rests-code; tar -tf ~/rests.tar | grep -c there").ok();
    assert!(removed.text().ends_with("0\n1"), "{removed:?}");
    sh("pontoon rmi localhost/rests; rm -f ~/rests*").ok();
}

/// Who waits for the lock on the files is not deaf meanwhile, and does not run when he has it after all.
#[test]
fn what_waits_for_its_files_can_be_stopped() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "held");
    let sh = |script: &str| host.entry("alice").env("B", B).sh(script);
    let state = "pontoon inspect --format '{{.State.Status}}' held";
    // One that never ran, and one that is started anew.
    for (make, before) in [
        ("pontoon create --replace --name held --stop-timeout 0 $B sleep 10000", "created"),
        (
            "pontoon run -d --replace --name held --stop-timeout 0 $B sleep 10000 && pontoon stop held",
            "exited",
        ),
    ] {
        sh(make).ok();
        let stops = [
            "timeout 10 pontoon stop -t 1 held >/dev/null || echo stop: $?",
            // It does not run, so nothing is to be killed; but that is said.
            "timeout 10 pontoon kill held >/dev/null 2>&1; [ $? = 124 ] && echo kill; timeout 10 pontoon stop held >/dev/null",
            "kill -TERM $(ps -o ppid= -p $(pgrep -u alice -nfx pontoon-lock))",
            "kill -INT $(ps -o ppid= -p $(pgrep -u alice -nfx pontoon-lock))",
        ];
        for stop in stops {
            // The export is at work from its first byte on, and until all is read.
            let seen = sh(&format!(
                "rm -f ~/held-*; mkfifo ~/held-export
                 pontoon export held >~/held-export & export=$!
                 exec 9<~/held-export; head -c 1 <&9 >/dev/null
                 timeout 60 pontoon start -a held >/dev/null 2>~/held-told & start=$!
                 until grep -q 'waits for a command' ~/held-told && pgrep -u alice -fx pontoon-lock >/dev/null; do sleep 0.05; done
                 {stop}
                 wait $start; echo start $?
                 grep -o 'was stopped before it was started' ~/held-told
                 {state}
                 while pgrep -u alice -fx pontoon-lock >/dev/null; do sleep 0.05; done
                 cat <&9 >/dev/null; wait $export; echo export $?; exec 9<&-; rm -f ~/held-*"
            ));
            seen.ok().prints(&format!("start 125\nwas stopped before it was started\n{before}\nexport 0"));
        }
    }
    // What holds them is left to its end, and then it is as any other.
    sh("pontoon start held >/dev/null && pontoon exec held true && pontoon stop held").ok();
}

#[test]
fn files_of_a_container_between_two_runs_are_reached() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "crashes");
    let sh = |script: &str| host.entry("alice").env("B", B).sh(script);
    sh("pontoon run -d --name crashes --restart always $B sh -c 'echo boo >>/log; test -e /mended || exit 1; exec sleep 10000'").ok();
    pontoon_tests::wait::until_true("a pause that is long", || {
        let runs = sh("pontoon cp crashes:/log - | tar -xO | wc -l").ok();
        runs.text().parse().is_ok_and(|it: u32| it > 5)
    });
    sh("pontoon export crashes >/dev/null && pontoon commit -q crashes localhost/crashes && pontoon unshare sh -c 'grep -c boo $(pontoon mount crashes)/log && pontoon unmount crashes'").ok();
    sh("touch ~/mended && pontoon cp ~/mended crashes:/mended").ok();
    pontoon_tests::wait::until_true("the next run", || {
        sh("timeout 20 pontoon exec crashes test -e /mended").code == 0
    });
    sh("pontoon rmi localhost/crashes; rm ~/mended").ok();
}

#[test]
fn of_a_start_and_an_init_at_once_the_start_holds() {
    let host = host_with_busybox();
    let _alone = alone();
    let sh = |script: &str| host.entry("alice").env("B", B).sh(script);
    for _ in 0..10 {
        let _gone = Gone(host, "both");
        sh("pontoon create --name both --stop-timeout 0 $B sleep 10000").ok();
        let seen =
            sh("pontoon init both >/dev/null 2>&1 & pontoon start both; wait; pontoon inspect --format '{{.State.Status}}' both")
                .ok();
        assert_eq!(seen.text(), "both\nrunning");
    }
}
