//! What containers mount, what volumes can be, and what is mounted for others to look at.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Output, TestHost, alone, host_with_busybox as host};

fn sh(script: &str) -> Output {
    host().entry("alice").env("B", B).sh(script)
}

/// As root, with the image in root's own store.
fn root(script: &str) -> Output {
    let host: &TestHost = host();
    host.root(&format!("pontoon image exists {B} || pontoon pull -q {B} >/dev/null")).ok();
    host.entry("root").env("B", B).sh(script)
}

#[test]
fn volumes_have_the_owner_they_were_given() {
    let _alone = alone();
    sh("pontoon volume create --uid 5 --gid 6 given && pontoon volume create -o o=uid=7 worded").ok();
    let one = sh("pontoon volume inspect given").ok().json();
    assert_eq!((&one[0]["UID"], &one[0]["GID"]), (&5.into(), &6.into()));
    assert!(one[0].get("NeedsChown").is_none() && one[0]["NeedsCopyUp"] == true, "{one}");
    let one = sh("pontoon volume inspect worded").ok().json();
    assert_eq!((&one[0]["Options"]["UID"], &one[0]["Options"]["o"]), (&"7".into(), &"uid=7".into()));
    // What the image has is copied, and the owner stays.
    sh("pontoon run --rm -u 0 -v given:/data $B sh -c 'stat -c %u:%g /data /data/sub; cat /data/file'")
        .ok()
        .prints("5:6\n33:33\nhello");
    sh("pontoon run --rm -v worded:/nothing -u 33 $B stat -c %u /nothing").ok().prints("7");
    sh("pontoon volume inspect --format '{{.NeedsCopyUp}} {{.NeedsChown}} {{.UID}} {{.GID}}' given worded")
        .ok()
        .prints("false false 5 6\ntrue false 7 0");
    sh("pontoon volume rm given worded").ok();
}

#[test]
fn a_volume_that_got_nothing_is_filled_when_there_is_something() {
    let _alone = alone();
    sh("pontoon run --rm -v later:/nothing $B true").ok();
    sh("pontoon volume inspect --format '{{.NeedsCopyUp}}' later").ok().prints("true");
    sh("pontoon run --rm -v later:/data $B cat /data/file").ok().prints("hello");
    sh("pontoon run --rm -v later:/data $B sh -c 'rm -r /data/*'; pontoon run --rm -v later:/data $B ls /data")
        .ok()
        .prints("");
    sh("pontoon volume rm later").ok();
}

/// Whoever starts containers inside (a kubelet, say) looks for it.
#[test]
fn the_root_is_shared_where_a_mount_is() {
    let _alone = alone();
    sh("mkdir -p ~/propagated").ok();
    for (options, shared) in
        [(":rshared", "1"), (":shared --read-only", "1"), (":rslave", "0"), (":private", "0"), ("", "0")]
    {
        let look = "grep ' / / ' /proc/self/mountinfo | grep -c shared: || true";
        sh(&format!("pontoon run --rm -v ~/propagated:/p{options} $B sh -c \"{look}\"")).ok().prints(shared);
    }
    sh("rmdir ~/propagated").ok();
}

#[test]
fn volumes_are_file_systems_and_paths_of_the_host() {
    let _alone = alone();
    sh("mkdir -p ~/vol/{bound,l,u,w,empty}; echo low >~/vol/l/low").ok();
    sh("pontoon volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,uid=9,mode=750 tm >/dev/null
        pontoon run --rm -v tm:/m $B sh -c 'stat -c %u:%a /m; df -k /m | tail -1 | tr -s \" \" | cut -d\" \" -f2'")
        .ok()
        .prints("9:750\n1024");
    sh("pontoon volume create -o type=none -o o=bind,ro -o device=$HOME/vol/bound bo >/dev/null
        pontoon run --rm -v bo:/m $B touch /m/x")
    .refused();
    // A path of the host is filled as well, if there is nothing in it.
    sh("pontoon volume create -o type=bind -o device=$HOME/vol/empty em >/dev/null
        pontoon run --rm -v em:/data $B cat /data/file; ls -A ~/vol/empty")
    .ok()
    .prints("hello\nfile\nsecond\nsub");
    sh("cd ~/vol; pontoon volume create -o type=overlay -o device=overlay -o o=lowerdir=$PWD/l,upperdir=$PWD/u,workdir=$PWD/w ov >/dev/null
        pontoon run --rm -v ov:/m $B sh -c 'cat /m/low; echo up >/m/up'; cat u/up")
        .ok()
        .prints("low\nup");
    for (words, why) in [
        ("-o type=ext4 -o device=/dev/loop0", "by root only"),
        ("-o o=size=1m", "limits"),
        ("-o size=1m", "limits"),
        ("-o bogus=1", "bogus"),
        ("-o o=noatime", "noatime"),
        ("-o type=bind -o device=/nosuch", "/nosuch"),
        ("-o device=/tmp", "type="),
        ("-o o=uid=nobody-here", "nobody-here"),
        ("--uid x", "x"),
        ("-d bogus", "bogus"),
    ] {
        sh(&format!("pontoon volume create {words}")).fails(125).warns(why);
    }
    sh("pontoon volume rm tm bo em ov; pontoon unshare rm -rf ~/vol").ok();
}

/// Makes a volume that is a tmpfs.
const MEMORY: &str = "pontoon volume create -o type=tmpfs -o device=tmpfs";
/// Runs a container that stays.
const STAYS: &str = "pontoon run -d --stop-timeout 0 --network none";
/// Where those are known that have a volume's file system.
const KNOWN: &str = "ls $XDG_RUNTIME_DIR/pontoon/volumes";

#[test]
fn a_file_system_in_memory_is_one_for_all_who_use_the_volume() {
    let _alone = alone();
    sh(&format!(
        "{MEMORY} -o o=size=1m,mode=1777 one >/dev/null
         {STAYS} --name first -v one:/data $B sh -c 'echo mine >/data/new; exec sleep 10000' >/dev/null
         {STAYS} --name second -v one:/data:ro $B sleep 10000 >/dev/null
         until pontoon exec second cat /data/new; do sleep 0.1; done 2>/dev/null"
    ))
    .ok()
    .prints("mine");
    sh("pontoon exec second sh -c 'cat /data/file; stat -c %a /data; touch /data/x 2>/dev/null || echo closed
         df -k /data | tail -1 | tr -s \" \" | cut -d\" \" -f2'")
    .ok()
    .prints("hello\n1777\nclosed\n1024");
    sh("pontoon volume inspect --format '{{.MountCount}}' one").ok().prints("2");
    sh("pontoon volume rm one").fails(2).warns("volume is being used: `one` by first, second");
    // Whoever looks from outside sees the same.
    sh("pontoon volume export one | tar t | sort; pontoon volume export one >~/one.tar").ok().says("new");
    sh("pontoon unshare sh -c 'place=$(pontoon volume mount one); cat $place/new; touch $place/outside
         pontoon volume unmount one >/dev/null; ls -A $place'; pontoon exec second ls /data/outside")
    .ok()
    .prints("mine\n/data/outside");
    // One that does not run has what the others have, as long as they do.
    sh("echo copied >~/copied; pontoon create --name rests -v one:/data $B true >/dev/null
        pontoon cp ~/copied rests:/data/copied; pontoon exec second cat /data/copied; pontoon rm rests >/dev/null")
    .ok()
    .prints("copied");
    // It lasts until the last one has ended.
    sh("pontoon stop -t 0 first >/dev/null; pontoon start first >/dev/null; pontoon stop -t 0 second >/dev/null
        pontoon exec first ls /data")
    .ok()
    .prints("copied\nfile\nnew\noutside\nsecond\nsub");
    sh(&format!(
        "pontoon stop -t 0 first >/dev/null; {KNOWN}; pontoon volume inspect --format '{{{{.MountCount}}}}' one
         pontoon start second >/dev/null; pontoon exec second ls /data"
    ))
    .ok()
    .prints("0\nfile\nsecond\nsub");
    sh("pontoon volume import one ~/one.tar; pontoon exec second ls /data")
        .ok()
        .prints("file\nnew\nsecond\nsub");
    sh(&format!("pontoon rm -ft 0 first second >/dev/null; {KNOWN}")).ok().prints("");
    sh("pontoon volume export one >/dev/null").fails(125).warns("empty whenever no container uses it");
    sh("pontoon volume rm one; rm ~/one.tar ~/copied").ok();
}

#[test]
fn who_starts_at_once_has_the_same_and_who_is_killed_takes_nothing_away() {
    let _alone = alone();
    sh(&format!(
        "{MEMORY} many >/dev/null
         for n in 1 2 3 4 5 6; do
             {STAYS} --name many-$n -v many:/data $B sh -c \"touch /data/$n; exec sleep 10000\" >/dev/null &
         done; wait
         for n in 1 2 3 4 5 6; do
             until pontoon exec many-1 test -e /data/$n; do sleep 0.1; done
         done
         pontoon exec many-6 ls /data"
    ))
    .ok()
    .prints("1\n2\n3\n4\n5\n6\nfile\nsecond\nsub");
    let killed = |which: &str| {
        format!(
            "for n in {which}; do
                 kill -9 $(pontoon inspect --format '{{{{.State.ConmonPid}}}}' many-$n)
             done
             pontoon wait $(for n in {which}; do echo many-$n; done) >/dev/null 2>&1"
        )
    };
    sh(&format!("{}; pontoon run --rm -v many:/data $B sh -c 'ls /data | wc -l'", killed("1 2 3 4 5")))
        .ok()
        .prints("9");
    // Nobody has it: it begins anew, and nothing is left of those who had it.
    sh(&format!("{}; pontoon run --rm -v many:/data $B ls /data; {KNOWN}", killed("6")))
        .ok()
        .prints("file\nsecond\nsub");
    sh("pontoon rm -ft 0 many-1 many-2 many-3 many-4 many-5 many-6 >/dev/null").ok();
    // Those who are started anew and anew wait for nobody.
    sh(&format!(
        "for n in 1 2 3; do
             pontoon run -d --network none --restart always --name many-$n -v many:/data $B true >/dev/null
         done
         sleep 1; timeout 20 pontoon rm -ft 0 many-1 many-2 many-3 | wc -l; {KNOWN}; pontoon volume rm many"
    ))
    .ok()
    .prints("3\nmany");
}

#[test]
fn who_has_other_ids_or_is_in_a_pod_has_the_same_file_system() {
    let _alone = alone();
    sh(&format!(
        "{MEMORY} ids >/dev/null
         {STAYS} --name ids-keep --userns keep-id -v ids:/d $B sleep 10000 >/dev/null
         {STAYS} --name ids-auto --userns auto -v ids:/d $B sleep 10000 >/dev/null
         {STAYS} --name ids-root -v ids:/d $B sleep 10000 >/dev/null
         for name in keep auto root; do pontoon exec ids-$name touch /d/$name; done
         pontoon exec ids-keep stat -c %u /d /d/keep /d/root; pontoon exec ids-root stat -c %u /d/keep /d/root
         pontoon exec ids-auto ls /d; pontoon rm -ft 0 ids-keep ids-auto ids-root >/dev/null"
    ))
    .ok()
    .prints("1000\n1000\n1000\n0\n0\nauto\nkeep\nroot");
    // What is new is the container's user's, whatever ids those are, unless it is what covers a directory.
    sh("pontoon run --rm -u 5:6 -v ids:/nothing $B stat -c %u:%g /nothing
        pontoon run --rm --userns auto -u 5:6 -v ids:/nothing $B stat -c %u:%g /nothing
        pontoon run --rm --userns auto -v ids:/data $B sh -c 'stat -c %u /data/sub; cat /data/file'")
    .ok()
    .prints("5:6\n5:6\n33\nhello");
    // A pod has it as long as it is there.
    sh("pontoon pod create --name ids-pod --network none -v ids:/shared >/dev/null
        pontoon run --rm --pod ids-pod -u 33 $B touch /shared/new; pontoon run --rm --pod ids-pod $B stat -c '%n %u' /shared/new
        pontoon pod rm -ft 0 ids-pod >/dev/null")
    .ok()
    .prints("/shared/new 33");
    // Parts, and twice in one container.
    sh("pontoon run --rm -v ids:/a -v ids:/b $B sh -c 'mkdir /a/part; touch /a/part/x; ls /b/part'")
        .ok()
        .prints("x");
    sh(&format!(
        "{STAYS} --name ids-part -v ids:/a $B sh -c 'mkdir /a/part; touch /a/part/y; exec sleep 10000' >/dev/null
         until pontoon exec ids-part test -e /a/part/y; do sleep 0.1; done
         pontoon run --rm --mount type=volume,src=ids,dst=/m,subpath=part $B ls /m
         pontoon rm -ft 0 ids-part >/dev/null; pontoon volume rm ids"
    ))
    .ok()
    .prints("y\nids");
}

#[test]
fn what_root_has_mounted_is_what_containers_have() {
    let _alone = alone();
    root(&format!(
        "{MEMORY} -o o=size=1m seen >/dev/null; place=$(pontoon volume mount seen); echo before >$place/file
         {STAYS} --name seen-one -v seen:/d $B sleep 10000 >/dev/null
         {STAYS} --name seen-two --privileged -v seen:/d $B sleep 10000 >/dev/null
         pontoon exec seen-one cat /d/file; pontoon volume unmount seen >/dev/null; ls $place
         pontoon exec seen-two umount /d; pontoon exec seen-one cat /d/file
         pontoon volume mount seen >/dev/null; cat $place/file; pontoon volume unmount seen >/dev/null
         pontoon rm -ft 0 seen-one seen-two >/dev/null
         grep -c volumes/seen /proc/self/mountinfo; ls /run/pontoon/volumes; pontoon volume rm seen"
    ))
    .prints("before\nbefore\nbefore\n0\nseen");
}

#[test]
fn volumes_are_mounted_inside_unshare() {
    let _alone = alone();
    sh("mkdir -p ~/shown && echo here >~/shown/file; pontoon volume create plain-one >/dev/null
        pontoon volume create -o type=tmpfs tmp-one >/dev/null
        pontoon volume create -o type=bind -o device=$HOME/shown bind-one >/dev/null")
    .ok();
    sh("pontoon volume mount plain-one").fails(125).warns("inside `pontoon unshare`");
    sh("pontoon volume umount plain-one && pontoon volume reload").ok().prints("plain-one");
    let count = "pontoon volume inspect --format {{.MountCount}}";
    sh(&format!(
        "pontoon unshare sh -c 'set -e
         test $(pontoon volume mount plain-one) = $HOME/.local/share/pontoon/volumes/plain-one/_data
         {count} plain-one
         touch $(pontoon volume mount tmp-one)/new; ls $(pontoon volume mount tmp-one); {count} tmp-one
         pontoon volume unmount tmp-one; {count} tmp-one
         cat $(pontoon volume mount bind-one)/file
         pontoon volume rm bind-one tmp-one'; cat ~/shown/file"
    ))
    .ok()
    .prints("0\nnew\n2\ntmp-one\n1\nhere\nbind-one\ntmp-one\nhere");
    sh("pontoon volume rm plain-one; rm -r ~/shown").ok();
}

#[test]
fn containers_are_mounted_inside_unshare() {
    let _alone = alone();
    sh("pontoon run -d --name runs --stop-timeout 0 -v kept-in:/data $B sleep 10000 >/dev/null
        pontoon create --name rests $B cat /new >/dev/null")
    .ok();
    for command in ["mount", "mount rests", "container mount", "mount -a", "image mount"] {
        sh(&format!("pontoon {command}")).fails(125).warns("inside `pontoon unshare`");
    }
    sh("pontoon unmount rests && pontoon umount runs && pontoon container unmount -a")
        .ok()
        .prints("rests\nruns");
    sh("pontoon unmount nosuch").fails(125).warns("nosuch");
    sh("pontoon unshare sh -c 'set -e
        test -z \"$(pontoon mount)\"
        echo new >$(pontoon mount rests)/new
        pontoon mount | sed \"s,^[0-9a-f]\\{12\\}  /.*/rootfs$,one,\"
        pontoon mount --format json | grep -c rests
        test $(pontoon mount --notruncate | cut -d\" \" -f1 | wc -c) = 65
        pontoon mount rests >/dev/null; pontoon unmount rests; pontoon mount | wc -l
        pontoon umount -f rests; pontoon mount | wc -l'")
    .ok()
    .prints("one\n1\nrests\n1\nrests\n0");
    // Of one that runs: its root, without what is mounted in it; what is changed there is changed for it.
    sh("pontoon unshare sh -c 'set -e
        ls $(pontoon mount runs)/data; touch $(pontoon mount runs)/seen; pontoon mount -a >/dev/null; pontoon mount | wc -l
        pontoon unmount --all | wc -l; pontoon mount | wc -l; pontoon mount --format bogus 2>&1 | grep -o bogus'
        pontoon exec runs ls /seen")
    .ok()
    .prints("file\nsecond\nsub\n2\n2\n0\nbogus\n/seen");
    // What was mounted is gone with the namespace, and what was written is there.
    sh("pontoon start -a rests").ok().prints("new");
    // Removing unmounts, and nothing is left.
    sh("pontoon unshare sh -c 'pontoon mount rests >/dev/null; pontoon mount -l >/dev/null; pontoon rm rests; pontoon mount | wc -l
        pontoon run --rm $B true'")
    .fails(125)
    .warns("inside `unshare`");
    sh("pontoon container exists rests").fails(1);
    sh("pontoon rm -f -t 0 runs >/dev/null; pontoon volume rm kept-in; ls ~/.local/share/pontoon/trash")
        .ok()
        .prints("kept-in");
}

#[test]
fn images_are_mounted_inside_unshare() {
    let _alone = alone();
    sh("pontoon unshare sh -c 'set -e
        cat $(pontoon image mount $B)/data/file; touch $(pontoon image mount $B)/x 2>/dev/null || echo closed
        pontoon image mount | sed \"s,  /.*/merged$,,\"; pontoon image mount --format json | grep -c mountpoint
        pontoon image unmount $B >/dev/null; pontoon image umount $B | wc -c; pontoon image umount $B; pontoon image mount -a >/dev/null
        pontoon image umount -a | wc -l; pontoon image mount'")
    .ok()
    .prints("hello\nclosed\nlocalhost:5000/busybox:latest\n1\n65\n1");
}

#[test]
fn root_mounts_in_the_host_s_namespace() {
    let _alone = alone();
    root("pontoon create --name rests $B sleep 10000 >/dev/null; echo new >$(pontoon mount rests)/new; pontoon start rests
          pontoon exec rests cat /new; pontoon rm -f -t 0 rests; pontoon mount | wc -l; ls /var/lib/pontoon/trash
          grep -c /var/lib/pontoon /proc/self/mountinfo")
    .fails(1)
    .prints("rests\nnew\nrests\n0\n0");
    // With --rm its supervisor removes it, whether it is mounted or not.
    root("pontoon run -d --rm --name gone $B sleep 10000 >/dev/null; ls $(pontoon mount gone)/data | wc -l
          pontoon stop -t 0 gone; pontoon wait --ignore gone >/dev/null; until [ -z \"$(ls /var/lib/pontoon/trash)\" ]; do :; done
          grep -c /var/lib/pontoon /proc/self/mountinfo")
    .fails(1)
    .prints("3\ngone\n0");
    root("pontoon volume create -o type=ramfs ram >/dev/null; touch $(pontoon volume mount ram)/x; pontoon volume rm ram; grep -c ram/_data /proc/self/mountinfo")
        .fails(1)
        .prints("ram\n0");
}

#[test]
fn what_the_host_s_mount_forbids_root_can_allow() {
    root("mkdir -p /mnt/closed && mount -t tmpfs -o noexec,nosuid,nodev closed /mnt/closed && cp /bin/true /mnt/closed/t").ok();
    for (options, shown) in [
        ("rw", "rw,nosuid,nodev,noexec"),
        ("exec", "rw,nosuid,nodev"),
        ("suid", "rw,nodev,noexec"),
        ("exec,suid,dev", "rw"),
        ("exec,ro", "ro,nosuid,nodev"),
    ] {
        let see = "grep ' /x ' /proc/self/mounts | cut -d' ' -f4 | sed 's/,relatime.*//'";
        root(&format!("pontoon run --rm --network none -v /mnt/closed:/x:{options} {B} sh -c \"{see}\""))
            .ok()
            .prints(shown);
    }
    root("umount /mnt/closed").ok();
}

#[test]
fn files_are_shown_with_other_owners() {
    let _alone = alone();
    let maps = "--uidmap 0:100000:1000 --gidmap 0:200000:1000";
    root("mkdir -p /root/owned && touch /root/owned/file && chown 5:6 /root/owned/file").ok();
    let seen = |options: &str| root(&format!("pontoon run --rm {options} $B stat -c %u:%g /m/file"));
    seen(&format!("{maps} -v /root/owned:/m")).ok().prints("65534:65534");
    seen(&format!("{maps} -v /root/owned:/m:idmap")).ok().prints("5:6");
    seen(&format!("{maps} -v /root/owned:/m:idmap,O")).ok().prints("5:6");
    seen(&format!(
        "{maps} --mount 'type=bind,src=/root/owned,dst=/m,idmap=uids=0-100005-1#5-100007-1;gids=@6-9-1'"
    ))
    .ok()
    .prints("7:9");
    seen("-v '/root/owned:/m:idmap=uids=5-77-1;gids=6-78-1'").ok().prints("77:78");
    seen("-v /root/owned:/m:idmap").ok().prints("5:6");
    seen(&format!("{maps} -v '/root/owned:/m:idmap=uids=@0-999-10'")).fails(125).warns("no ids 999 to 1008");
    // The kernel lets nobody else.
    sh("mkdir -p ~/owned; touch ~/owned/file; pontoon run --rm --userns keep-id -v ~/owned:/m:idmap $B true")
        .fails(125)
        .warns("only root");
    sh("pontoon run --rm -v ~/owned:/m:idmap $B stat -c %u /m/file; rm -r ~/owned").ok().prints("0");
}

#[test]
fn what_is_mounted_can_be_many_things() {
    let _alone = alone();
    sh("mkdir -p ~/many/d; echo 1 >~/many/f1; echo 2 >~/many/f2; ln -s f1 ~/many/link").ok();
    let run = |options: &str, script: &str| {
        sh(&format!("cd ~/many; pontoon run --rm {options} $B sh -c '{script}'"))
    };
    // An image; what is written to it is gone with the container.
    run(
        "--mount type=image,src=$B,dst=/i,rw=true",
        "cat /i/data/file; echo x >/i/data/file; cat /i/data/file",
    )
    .ok()
    .prints("hello\nx");
    run("--mount type=image,src=$B,dst=/i --userns keep-id", "stat -c %u /i/data; touch /i/x || echo closed")
        .ok()
        .prints("0\nclosed");
    run("--mount type=image,src=$B,dst=/i,subpath=/nosuch", "true").fails(125).warns("No such file");
    // Of a directory of the host as well, which Podman has only in Kubernetes' words.
    sh("mkdir -p ~/whole/part; echo a part >~/whole/part/file").ok();
    for part in ["part", "/part", "part/file"] {
        let path = if part == "part/file" { "/i" } else { "/i/file" };
        run(&format!("--mount type=bind,src=$HOME/whole,dst=/i,ro,subpath={part}"), &format!("cat {path}"))
            .ok()
            .prints("a part");
    }
    run("--mount type=bind,src=$HOME/whole,dst=/i,subpath=nosuch", "true").fails(125).warns("No such file");
    run("--mount type=image,src=nosuch,dst=/i", "true").fails(125).warns("image not known: `nosuch`");
    sh("pontoon create --name needs --mount type=image,src=$B,dst=/i  $B true >/dev/null; pontoon rm needs")
        .ok()
        .prints("needs");
    // A pattern, below a directory or where the files are.
    run(
        "--mount type=glob,src=$HOME/many/f*,dst=/g,ro",
        "cat /g/f1 /g/f2; touch /g/f1 2>/dev/null || echo closed",
    )
    .ok()
    .prints("1\n2\nclosed");
    run("--mount type=glob,src=$HOME/many/[f]2", "cat /home/alice/many/f2").ok().prints("2");
    run("--mount type=glob,src=$HOME/many/x*,dst=/g", "true").fails(125).warns("x*");
    // A link, as it is.
    run("-v ./link:/l:no-dereference -v ./f1:/f1", "readlink /l; cat /l").ok().prints("f1\n1");
    // The image's own files are not replaced by it.
    run("-v ./link:/etc/passwd:no-dereference", "true").fails(125).warns("/etc/passwd");
    run("-v ./d:/m:unbindable", "grep \" /m \" /proc/self/mountinfo | grep -o unbindable")
        .ok()
        .prints("unbindable");
    run("--mount type=artifact,src=x,dst=/m", "true").fails(125).warns("no artifact `x`");
    sh("rm -r ~/many").ok();
}

#[test]
fn a_container_has_its_own_files_in_what_is_shown_as_etc_or_run() {
    let _alone = alone();
    let look = "cd /etc; ls; cat hostname; grep -qw h hosts && grep -q nameserver resolv.conf && echo both; touch new || echo closed";
    let own = "h\nboth";
    let kept = "group hostname hosts mtab passwd resolv.conf".replace(' ', "\n");
    let shown = "hostname hosts resolv.conf x".replace(' ', "\n");
    let fresh = "rm -rf ~/conf; mkdir ~/conf; touch ~/conf/x; cd ~";
    for (options, listed, closed) in [
        ("-v /etc", &kept, ""),
        ("--tmpfs /etc", &kept, ""),
        ("--tmpfs /etc:ro", &kept, "\nclosed"),
        ("-v ~/conf:/etc", &shown, ""),
        ("-v ~/conf:/etc:O", &shown, ""),
        ("-v ~/conf:/etc:ro", &shown, "\nclosed"),
        ("--read-only -v ~/conf:/etc:ro", &shown, "\nclosed"),
        ("--userns keep-id -v ~/conf:/etc:ro", &shown, "\nclosed"),
    ] {
        let words =
            format!("--rm --hostname h {options} $B sh -c '{look}' 2>&1 | sed 's/.*Read-only.*//; /^$/d'");
        sh(&format!("{fresh}; pontoon run {words}")).ok().prints(&format!("{listed}\n{own}{closed}"));
        if !options.contains("keep-id") {
            root(&format!("{fresh}; pontoon run --network private {words}"))
                .ok()
                .prints(&format!("{listed}\n{own}{closed}"));
        }
    }
    // Places are all that is made in it.
    sh("wc -c <~/conf/hosts; rm -rf ~/conf").ok().prints("0");
    // Where there can be none, the error says how to do without.
    sh("pontoon run --rm -v /usr/share/doc:/etc $B true").fails(125).warns("/etc/hosts").warns("--no-hosts");
    let without = "--no-hosts --no-hostname --dns none";
    sh(&format!("pontoon run --rm {without} -v /usr/share/doc:/etc -u 0 $B ls -d /etc")).ok().prints("/etc");
    // What is mounted for reading only stays so where others are mounted in it.
    sh("mkdir -p ~/outer ~/inner; touch ~/inner/x
        pontoon run --rm -v ~/inner:/m/a/b -v ~/outer:/m:ro $B sh -c 'ls /m/a/b; touch /m/y 2>/dev/null || echo closed'
        rm -r ~/outer ~/inner")
    .ok()
    .prints("x\nclosed");
    // The host's own /run is not marked as a container's.
    sh("mkdir -p ~/r; pontoon run --rm -v ~/r:/run $B true; ls -A ~/r; rm -r ~/r").ok().prints("");
    sh("pontoon run --rm -v /run $B ls -A /run; pontoon run --rm --tmpfs /run $B ls -A /run")
        .ok()
        .prints(".containerenv\n.containerenv");
    // The program that becomes its first, and who is told that it is ready, lie in /run as well.
    sh("pontoon run --rm --init -v /run $B sh -c 'exit 3'").fails(3);
}

#[test]
fn somebody_s_own_dev_is_left_as_it_is() {
    let _alone = alone();
    sh("pontoon run --rm -v /dev:/dev $B sh -c 'echo >/dev/null; grep -c \" /dev/shm \" /proc/self/mounts; ls -d /dev/fuse'")
        .ok()
        .prints("2\n/dev/fuse");
    sh("mkdir -p ~/d; pontoon run --rm -v ~/d:/dev $B ls /dev; ls -A ~/d; rm -r ~/d").ok().prints("shm\nshm");
    sh("mkdir -p ~/d; pontoon run --rm -v ~/d:/dev --device /dev/fuse $B ls /dev; rm -r ~/d")
        .ok()
        .prints("fuse\nshm");
    sh("pontoon run --rm --tmpfs /dev $B sh -c 'ls /dev | tr \"\\n\" \" \"'")
        .ok()
        .prints("core fd full null ptmx random shm stderr stdin stdout tty urandom zero");
}

#[test]
fn older_programs_find_what_is_mounted() {
    for options in ["--rm", "--rm --read-only", "--name stays", "--rm --userns keep-id"] {
        sh(&format!("pontoon run {options} $B readlink /etc/mtab")).ok().prints("/proc/mounts");
    }
    // It is as little of the user's doing as the other places are.
    sh("pontoon diff stays; pontoon rm stays >/dev/null").ok().prints("C /etc");
    // An image's own stays.
    sh("mkdir -p ~/root/etc ~/root/bin; cp $(which busybox) ~/root/bin/; echo mine >~/root/etc/mtab
        pontoon run --rm --rootfs ~/root /bin/busybox cat /etc/mtab; rm -r ~/root")
    .ok()
    .prints("mine");
}

/// Files that every container has a copy of, as mounts.conf says it.
#[test]
fn containers_have_copies_of_what_mounts_conf_names() {
    let _alone = alone();
    let host: &TestHost = host();
    let alice = |script: &str| {
        host.entry("alice").env("B", B).env("RUN", "pontoon run --rm --network none").sh(script)
    };
    host.write(
        "alice",
        "/home/alice/.config/containers/mounts.conf",
        "# copies\n/home/alice/given:/run/secrets/given\n/home/alice/given/deep/file:/opt/file\n/home/alice/no-such:/x\n",
    );
    alice(
        "mkdir -p given/deep; echo one >given/deep/file; chmod 750 given/deep; chmod 604 given/deep/file
         ln -s deep/file given/link; ln -s nowhere given/dangling; printf secret | pontoon secret create given-secret - >/dev/null",
    )
    .ok();
    let seen = alice(
        "$RUN --secret given-secret $B sh -c 'cd /run/secrets; stat -c \"%a %u %n\" given/deep given/deep/file given/link /opt/file
             cat /opt/file given-secret; echo; ls given; ls /x' 2>&1
         $RUN --read-only $B sh -c 'echo x >/opt/file' 2>&1 | tail -1
         $RUN -v ~/given/deep:/run/secrets/given $B ls /run/secrets/given
         $RUN --userns keep-id --user 0 $B sh -c 'stat -c %u /opt/file && echo new >/opt/file && cat /opt/file'
         pontoon --default-mounts-file /dev/null run --rm --network none $B ls /opt/file 2>&1",
    );
    let kept = alice(
        "pontoon create --name given-kept --network none $B sh -c 'cat /opt/file; echo own >>/opt/file' >/dev/null
         pontoon start -a given-kept; echo two >given/deep/file; pontoon start -a given-kept; pontoon rm given-kept
         $RUN $B cat /opt/file",
    );
    alice("rm -r given .config/containers/mounts.conf; pontoon secret rm given-secret").ok();
    let told = "warning: /home/alice/.config/containers/mounts.conf:4: `/home/alice/no-such` is not there: containers have no copy of it";
    assert_eq!(
        seen.stdout.lines().collect::<Vec<_>>(),
        [
            told,
            "750 0 given/deep",
            "604 0 given/deep/file",
            "604 0 given/link",
            "604 0 /opt/file",
            "one",
            "secret",
            "deep",
            "link",
            "ls: /x: No such file or directory",
            "sh: can't create /opt/file: Read-only file system",
            "file",
            "0",
            "new",
            "ls: /opt/file: No such file or directory",
        ],
        "{seen:?}"
    );
    kept.ok().prints("one\none\nown\ngiven-kept\ntwo");
}
