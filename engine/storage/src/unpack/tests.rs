//! Unpacking on a real file system: honest archives beside GNU tar and umoci, hostile ones against a canary.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::{Ownership, UnpackError, UnpackOptions, UnpackedLayer, XattrMode};
use crate::DiffId;
use crate::layers::sha256;
use crate::tar::build::Archive;
use crate::testing::{
    CAP_NET_RAW, TestDir, honest_tree, in_single_id_namespace, in_user_namespace, listing, run, xattr,
};

const KEEP: UnpackOptions = UnpackOptions { ownership: Ownership::Keep, xattr_mode: XattrMode::User };
const SQUASH: UnpackOptions =
    UnpackOptions { ownership: Ownership::SquashToCaller, xattr_mode: XattrMode::User };

fn unpack(test: &TestDir, archive: &[u8], options: UnpackOptions) -> Result<UnpackedLayer, UnpackError> {
    test.store().unpack_layer(None, archive, options)
}

/// The layer's tree, as long as the layer lives.
fn tree(layer: &UnpackedLayer) -> std::path::PathBuf {
    layer.temporary.place.path.join("diff")
}

#[track_caller]
fn refused(archive: &Archive, reason: &str) {
    let test = TestDir::new();
    test.write("canary/file", b"alive");
    let error = unpack(&test, &archive.clone().end(), SQUASH).expect_err("taken");
    assert!(error.to_string().contains(reason), "{error}");
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0, "something is left");
    assert_eq!(test.read("canary/file"), b"alive");
}

fn is_whiteout(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|it| it.file_type().is_char_device() && it.rdev() == 0)
}

#[test]
fn an_honest_archive_gives_what_gnu_tar_gives() {
    in_user_namespace("unpack::tests::an_honest_archive_gives_what_gnu_tar_gives", || {
        let test = TestDir::new();
        honest_tree(&test);
        let source = test.path("tree");
        let archive = run(
            "tar",
            &["-C", source.to_str().unwrap(), "--format=pax", "--xattrs", "--xattrs-include=*", "-c", "."],
        );
        let layer = unpack(&test, &archive, KEEP).unwrap();
        test.make("theirs");
        std::fs::write(test.path("archive"), &archive).unwrap();
        run(
            "tar",
            &[
                "-C",
                test.path("theirs").to_str().unwrap(),
                "--xattrs",
                "--xattrs-include=*",
                "--same-owner",
                "-xpf",
                test.path("archive").to_str().unwrap(),
            ],
        );
        assert_eq!(listing(&tree(&layer)), listing(&test.path("theirs")));
        assert_eq!(tree(&layer).metadata().unwrap().mode() & 0o7777, 0o751);
        assert_eq!(layer.report().archive_size, archive.len() as u64);
        assert_eq!(layer.report().size, 700_000 + 10 + 6 + 3);
    });
}

#[test]
fn without_a_range_everything_belongs_to_the_caller() {
    in_single_id_namespace("unpack::tests::without_a_range_everything_belongs_to_the_caller", || {
        let test = TestDir::new();
        let archive = Archive::new()
            .with("d", b'5', b"", |head| (head.uid, head.mode) = (33, 0o2750))
            .with("d/f", b'0', b"x", |head| (head.uid, head.gid, head.mode) = (1000, 1000, 0o4755))
            .symlink("s", "f")
            .with(".wh.gone", b'0', b"", |_| {})
            .end();
        let layer = unpack(&test, &archive, SQUASH).unwrap();
        let stat = tree(&layer).join("d/f").metadata().unwrap();
        assert_eq!((stat.uid(), stat.gid(), stat.mode() & 0o7777), (0, 0, 0o4755));
        assert!(is_whiteout(&tree(&layer).join("gone")));
        drop(layer);
        let error = unpack(&test, &archive, KEEP).unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry `d` of the layer belongs to 33:0, which is not among the ids mapped for you"
        );
        assert!(error.hint().unwrap().contains("/etc/subuid"));
    });
}

fn devices() -> Vec<u8> {
    Archive::new()
        .with("null", b'3', b"", |head| head.device = (1, 3))
        .with("disk", b'4', b"", |head| head.device = (8, 0))
        .with("whiteout", b'3', b"", |_| {})
        .with("pipe", b'6', b"", |head| head.mode = 0o622)
        .end()
}

#[test]
fn root_makes_devices_but_none_that_hides_files() {
    let test = TestDir::new();
    let layer = unpack(&test, &devices(), KEEP).unwrap();
    assert_eq!(tree(&layer).join("null").metadata().unwrap().rdev(), rustix::fs::makedev(1, 3));
    assert!(tree(&layer).join("disk").metadata().unwrap().file_type().is_block_device());
    // Device 0:0 is overlayfs's word for "deleted": an image may not say it.
    assert!(!tree(&layer).join("whiteout").exists());
    assert_eq!(layer.report().skipped_devices, 1);
}

#[test]
fn devices_are_left_out_in_a_namespace() {
    in_user_namespace("unpack::tests::devices_are_left_out_in_a_namespace", || {
        let test = TestDir::new();
        let layer = unpack(&test, &devices(), KEEP).unwrap();
        assert_eq!(layer.report().skipped_devices, 3);
        assert_eq!(tree(&layer).join("pipe").metadata().unwrap().mode() & 0o7777, 0o622);
        assert_eq!(std::fs::read_dir(tree(&layer)).unwrap().count(), 1);
    });
}

#[test]
fn the_digest_must_be_the_expected_one() {
    let test = TestDir::new();
    let archive = Archive::new().file("f", b"x").end();
    let right = DiffId::from_bytes(&sha256(&archive));
    let wrong = DiffId::from_bytes(&sha256(b""));
    let layer = test.store().unpack_layer(Some(&right), archive.as_slice(), SQUASH).unwrap();
    assert_eq!(layer.diff_id(), &right);
    let error = test.store().unpack_layer(Some(&wrong), archive.as_slice(), SQUASH).unwrap_err();
    assert_eq!(error.to_string(), format!("the layer's digest is {right}, not {wrong}"));
    // Bytes behind the end belong to the digest too.
    let longer = [archive, vec![0; 512]].concat();
    assert!(test.store().unpack_layer(Some(&right), longer.as_slice(), SQUASH).is_err());
}

#[test]
fn paths_that_climb_are_refused() {
    for name in ["../escape", "a/../../escape", "/../escape", "a/.."] {
        refused(&Archive::new().file(name, b"evil"), "climbs");
        refused(&Archive::new().dir(name), "climbs");
        refused(&Archive::new().symlink(name, "x"), "climbs");
        refused(&Archive::new().file("f", b"").hardlink("h", name), "climbs");
    }
}

/// What was written through a link stays in the layer, whatever the link says.
#[test]
fn links_lead_nowhere_but_into_the_layer() {
    let test = TestDir::new();
    test.write("canary/file", b"alive");
    rustix::fs::chmod(test.path("canary"), rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
    let canary = test.path("canary");
    let canary = canary.to_str().unwrap();
    let up = format!("{}{}", "../".repeat(12), &canary[1..]);
    for target in [canary, &up] {
        // Through a link into a directory, and over a link to a file.
        let mut archive = Archive::new();
        for directory in
            canary.split('/').filter(|part| !part.is_empty()).scan(String::new(), |path, part| {
                path.push_str(part);
                path.push('/');
                Some(path.clone())
            })
        {
            archive = archive.dir(&directory);
        }
        let archive = archive
            .symlink("link", target)
            .file("link/file", b"evil")
            .with("link/sub", b'5', b"", |head| head.mode = 0o777)
            .symlink("over", &format!("{target}/file"))
            .file("over", b"evil")
            .symlink("dir", target)
            .with("dir", b'5', b"", |head| head.mode = 0o777)
            .end();
        let layer = unpack(&test, &archive, SQUASH).unwrap();
        assert!(tree(&layer).join("over").symlink_metadata().unwrap().is_file());
        assert!(tree(&layer).join("dir").symlink_metadata().unwrap().is_dir());
        assert_eq!(test.read("canary/file"), b"alive");
        assert!(!test.exists("canary/sub"));
        assert_eq!(test.path("canary").metadata().unwrap().mode() & 0o777, 0o755);
        // It went where a container with this root would have found it.
        assert_eq!(std::fs::read(tree(&layer).join(&canary[1..]).join("file")).unwrap(), b"evil");
    }
    let dangling = Archive::new().symlink("link", canary).file("link/file", b"evil");
    let error = unpack(&test, &dangling.end(), SQUASH).unwrap_err();
    assert!(error.to_string().contains("cannot make the directory of entry `link/file`"), "{error}");
    assert_eq!(test.read("canary/file"), b"alive");
}

#[test]
fn hard_links_stay_inside_and_need_a_target() {
    let test = TestDir::new();
    test.write("canary", b"alive");
    let canary = test.path("canary").to_str().unwrap().to_owned();
    for target in [canary.as_str(), "/etc/passwd", "missing", "link/passwd", ".", "gone"] {
        let archive = Archive::new().symlink("link", "/etc").file(".wh.gone", b"").hardlink("hard", target);
        let error = unpack(&test, &archive.end(), SQUASH).unwrap_err();
        assert!(error.to_string().contains("which the layer does not hold"), "{target}: {error}");
    }
    // A link to a link is the link itself; writing over it must not touch the target.
    let archive = Archive::new().symlink("link", &canary).hardlink("hard", "link").file("hard", b"evil");
    let layer = unpack(&test, &archive.end(), SQUASH).unwrap();
    assert_eq!(test.read("canary"), b"alive");
    assert_eq!(std::fs::read(tree(&layer).join("hard")).unwrap(), b"evil");
    let directory = Archive::new().dir("d").hardlink("h", "d");
    assert!(unpack(&test, &directory.end(), SQUASH).is_err());
    let itself = Archive::new().file("f", b"kept").hardlink("f", "./f").hardlink("g", "f").file("f", b"new");
    let layer = unpack(&test, &itself.end(), SQUASH).unwrap();
    assert_eq!(std::fs::read(tree(&layer).join("g")).unwrap(), b"kept");
    assert_eq!(std::fs::read(tree(&layer).join("f")).unwrap(), b"new");
}

/// umoci GHSA-9m95-8hx6-7p9v
#[test]
fn the_root_of_a_layer_is_a_directory() {
    for name in [".", "/", "./", "//."] {
        refused(&Archive::new().symlink(name, "/etc"), "would replace the root");
        refused(
            &Archive::new().with(name.trim_end_matches('/'), 0, b"", |head| head.name = b".".to_vec()),
            "would replace the root",
        );
    }
    let test = TestDir::new();
    let archive = Archive::new().with("./", b'5', b"", |head| head.mode = 0o700).end();
    let layer = unpack(&test, &archive, SQUASH).unwrap();
    assert_eq!(tree(&layer).metadata().unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn the_later_entry_wins_whatever_kind_the_earlier_was() {
    let test = TestDir::new();
    let kinds = |archive: Archive, kind: usize| match kind {
        0 => archive.file("n", b"file"),
        1 => archive.dir("n").file("n/inside", b"x"),
        2 => archive.symlink("n", "/elsewhere"),
        3 => archive.hardlink("n", "target"),
        _ => archive.with("n", b'6', b"", |_| {}),
    };
    for first in 0..5 {
        for second in 0..5 {
            let archive = kinds(kinds(Archive::new().file("target", b"t"), first), second);
            let layer = unpack(&test, &archive.end(), SQUASH).unwrap();
            let kind = tree(&layer).join("n").symlink_metadata().unwrap().file_type();
            let expected = [kind.is_file(), kind.is_dir(), kind.is_symlink(), kind.is_file(), kind.is_fifo()];
            assert!(expected[second], "{first} {second}");
            assert_eq!(std::fs::read(tree(&layer).join("target")).unwrap(), b"t");
        }
    }
}

#[test]
fn missing_directories_are_made_and_keep_out_the_mask() {
    // The mask belongs to the whole process, so this runs in one of its own.
    in_user_namespace("unpack::tests::missing_directories_are_made_and_keep_out_the_mask", || {
        let test = TestDir::new();
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let layer =
            unpack(&test, &Archive::new().file("a/b/c/f", b"x").file("/abs/f", b"y").end(), SQUASH).unwrap();
        for path in ["a", "a/b", "a/b/c", "abs", ""] {
            assert_eq!(tree(&layer).join(path).metadata().unwrap().mode() & 0o7777, 0o755, "{path}");
        }
        assert_eq!(tree(&layer).join("a/b/c/f").metadata().unwrap().mode() & 0o7777, 0o644);
        assert_eq!(std::fs::read(tree(&layer).join("abs/f")).unwrap(), b"y");
        assert!(unpack(&test, &Archive::new().file("f", b"").file("f/below", b"").end(), SQUASH).is_err());
    });
}

#[test]
fn whiteouts_become_overlayfs_marks() {
    let test = TestDir::new();
    let archive = Archive::new()
        .dir("d")
        .file("d/.wh.gone", b"")
        .file("d/.wh..wh..opq", b"")
        .file("d/kept", b"x")
        .file("e/.wh.gone", b"data is ignored")
        .file("e/.wh.kept", b"")
        .file("e/kept", b"x")
        .dir("e/dir")
        .file("e/.wh.dir", b"")
        .file(".wh.top", b"")
        .file(".wh.later", b"")
        .dir("later")
        .file(".wh.implied", b"")
        .file("implied/f", b"")
        .dir(".wh..wh.plnk")
        .file(".wh..wh.plnk/1", b"")
        .end();
    for (mode, name) in
        [(XattrMode::User, "user.overlay.opaque"), (XattrMode::Trusted, "trusted.overlay.opaque")]
    {
        let layer = unpack(&test, &archive, UnpackOptions { xattr_mode: mode, ..SQUASH }).unwrap();
        let tree = tree(&layer);
        for opaque in ["d", "e/dir", "later", "implied"] {
            assert_eq!(xattr(&tree.join(opaque), name).as_deref(), Some(&b"y"[..]), "{opaque}");
        }
        assert!(!tree.join("d/gone").exists());
        for whiteout in ["e/gone", "top"] {
            assert!(is_whiteout(&tree.join(whiteout)), "{whiteout}");
        }
        assert!(tree.join("d/kept").is_file() && tree.join("e/kept").is_file());
        assert_eq!(xattr(&tree.join("e"), name), None);
        assert_eq!(std::fs::read_dir(&tree).unwrap().count(), 5);
        assert!(!layer.meta.opaque);
    }
    let root = unpack(&test, &Archive::new().file(".wh..wh..opq", b"").end(), SQUASH).unwrap();
    assert!(root.meta.opaque);
}

#[test]
fn a_whiteout_below_a_file_has_nothing_to_hide() {
    let test = TestDir::new();
    let layer =
        unpack(&test, &Archive::new().file("replaced", b"now").file("replaced/.wh.old", b"").end(), SQUASH)
            .unwrap();
    assert_eq!(std::fs::read(tree(&layer).join("replaced")).unwrap(), b"now");
}

#[test]
fn hostile_whiteouts_are_refused() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh.."] {
        refused(&Archive::new().file(name, b""), "whiteout of no name");
    }
    refused(&Archive::new().file(".wh.a/b", b""), "goes through a whiteout");
    let test = TestDir::new();
    test.write("canary/file", b"alive");
    // Opaque and whiteout through a link outside.
    let target = test.path("canary").to_str().unwrap().to_owned();
    for name in ["link/.wh.file", "link/.wh..wh..opq"] {
        let layer = unpack(&test, &Archive::new().symlink("link", &target).file(name, b"").end(), SQUASH);
        assert!(layer.is_err());
        assert_eq!(test.read("canary/file"), b"alive");
        assert_eq!(xattr(&test.path("canary"), "user.overlay.opaque"), None);
    }
}

/// Mounts the layers as a container would and compares with what umoci makes of the same archives.
#[test]
fn layers_with_whiteouts_merge_as_umoci_merges_them() {
    in_user_namespace("unpack::tests::layers_with_whiteouts_merge_as_umoci_merges_them", || {
        let test = TestDir::new();
        let lower = Archive::new()
            .dir("./")
            .dir("a/")
            .file("a/one", b"1")
            .file("a/two", b"2")
            .dir("a/sub/")
            .file("a/sub/deep", b"d")
            .dir("b/")
            .file("b/one", b"1")
            .dir("b/sub/")
            .file("b/sub/deep", b"d")
            .file("c", b"file")
            .dir("e/")
            .file("e/old", b"old")
            .symlink("l", "a")
            .end();
        let upper = Archive::new()
            .dir("./")
            .dir("a/")
            .file("a/.wh.one", b"")
            .file("a/.wh.sub", b"")
            .dir("b/")
            .file("b/.wh..wh..opq", b"")
            .file("b/new", b"n")
            .dir("c/")
            .file("c/in", b"i")
            .file(".wh.l", b"")
            .dir("e/")
            .file("e/.wh.old", b"")
            .file("e/.wh.never-was", b"")
            .end();
        let store = test.store();
        let lease = store.lease_layers().unwrap();
        let mut lowers = Vec::new();
        for archive in [&lower, &upper] {
            let layer = store.unpack_layer(None, archive.as_slice(), KEEP).unwrap();
            lowers.insert(0, store.layer_path(layer.diff_id()).display().to_string());
            store.commit_layers(&lease, vec![layer]).unwrap();
        }
        test.make("merged");
        test.make("seen");
        std::fs::write(test.path("lower.tar"), &lower).unwrap();
        std::fs::write(test.path("upper.tar"), &upper).unwrap();
        let script = format!(
            "mount -t overlay overlay -o userxattr,lowerdir={} {merged} && cp -a {merged}/. {seen}/",
            lowers.join(":"),
            merged = test.path("merged").display(),
            seen = test.path("seen").display()
        );
        run("unshare", &["--mount", "--", "sh", "-c", &script]);
        let script = "cd $0 && umoci init --layout oci && umoci new --image oci:i \
            && umoci raw add-layer --image oci:i lower.tar && umoci raw add-layer --image oci:i upper.tar \
            && umoci raw unpack --image oci:i theirs";
        run("sh", &["-c", script, test.path("").to_str().unwrap()]);
        let names = |root: &str| -> Vec<String> {
            listing(&test.path(root))
                .iter()
                .map(|line| {
                    // Names, modes and contents; umoci sets times of its own on directories.
                    line.split(' ')
                        .enumerate()
                        .filter(|(index, _)| *index != 3)
                        .map(|(_, word)| word.to_owned() + " ")
                        .collect()
                })
                .collect()
        };
        assert_eq!(names("seen"), names("theirs"));
        assert!(test.exists("seen/a/two") && !test.exists("seen/a/one") && !test.exists("seen/l"));
        assert!(!test.exists("seen/b/one") && test.exists("seen/c/in") && !test.exists("seen/e/old"));
    });
}

#[test]
fn attributes_that_steer_overlayfs_are_dropped() {
    let attributes: [(&str, &[u8]); 10] = [
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.user.overlay.metacopy", b""),
        ("SCHILY.xattr.user.overlay.whiteout", b"y"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.trusted.anything", b"y"),
        ("SCHILY.xattr.user.fuseoverlayfs.opaque", b"y"),
        ("SCHILY.xattr.user.containers.override_stat", b"0:0:4755"),
        ("SCHILY.xattr.security.selinux", b"label"),
        ("SCHILY.xattr.user.honest", b"kept"),
    ];
    let archive = Archive::new().pax(&attributes).dir("d").pax(&attributes).file("f", b"").end();
    for options in [KEEP, UnpackOptions { xattr_mode: XattrMode::Trusted, ..KEEP }] {
        let test = TestDir::new();
        let layer = unpack(&test, &archive, options).unwrap();
        for name in ["d", "f"] {
            for (attribute, _) in &attributes[..9] {
                let attribute = attribute.strip_prefix("SCHILY.xattr.").unwrap();
                assert_eq!(xattr(&tree(&layer).join(name), attribute), None, "{name} {attribute}");
            }
            assert_eq!(xattr(&tree(&layer).join(name), "user.honest").as_deref(), Some(&b"kept"[..]));
        }
        assert_eq!(layer.report().skipped_xattrs, 18);
    }
}

#[test]
fn file_capabilities_survive_and_belong_to_the_namespace() {
    let test = "unpack::tests::file_capabilities_survive_and_belong_to_the_namespace";
    in_user_namespace(test, || {
        let test = TestDir::new();
        let archive = Archive::new()
            .pax(&[("SCHILY.xattr.security.capability", &CAP_NET_RAW)])
            .with("ping", b'0', b"x", |head| (head.uid, head.mode) = (7, 0o755))
            .pax(&[("SCHILY.xattr.security.capability", &CAP_NET_RAW)])
            .dir("d")
            .pax(&[("SCHILY.xattr.security.capability", b"nonsense")])
            .file("bad", b"x")
            .end();
        let layer = unpack(&test, &archive, KEEP).unwrap();
        assert_eq!(
            xattr(&tree(&layer).join("ping"), "security.capability").as_deref(),
            Some(&CAP_NET_RAW[..])
        );
        assert_eq!(xattr(&tree(&layer).join("d"), "security.capability"), None);
        assert_eq!(layer.report().skipped_xattrs, 2);
    });
}

#[test]
fn holes_stay_holes() {
    let test = TestDir::new();
    let archive = Archive::new()
        .pax(&[("GNU.sparse.map", b"1000000000,5,9000000000,0"), ("GNU.sparse.size", b"9000000000")])
        .file("f", b"hello")
        .end();
    let layer = unpack(&test, &archive, SQUASH).unwrap();
    let stat = tree(&layer).join("f").metadata().unwrap();
    assert_eq!(stat.len(), 9_000_000_000);
    assert!(stat.blocks() < 100);
    let mut data = [0; 5];
    let file = std::fs::File::open(tree(&layer).join("f")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut data, 1_000_000_000).unwrap();
    assert_eq!(&data, b"hello");
}

#[test]
fn many_directories_get_their_times_without_being_kept_in_memory() {
    let test = TestDir::new();
    let mut archive = Archive::new();
    let name = "n".repeat(200);
    // Twice as much text as is kept in memory.
    for index in 0..12_000 {
        archive = archive.with("d", b'5', b"", |head| {
            head.name = format!("{}{index}", &name[..90]).into_bytes();
            head.mtime = 1_000_000_000 + index;
        });
    }
    for index in [0, 11_999] {
        archive = archive.file(&format!("{}{index}/f", &name[..90]), b"");
    }
    let layer = unpack(&test, &archive.end(), SQUASH).unwrap();
    for index in [0, 6000, 11_999] {
        let stat = tree(&layer).join(format!("{}{index}", &name[..90])).metadata().unwrap();
        assert_eq!(stat.mtime(), 1_000_000_000 + index);
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    in_user_namespace("unpack::tests::a_full_disk_is_told_and_leaves_nothing", || {
        let test = TestDir::new();
        test.make("small");
        // In a mount namespace of its own, so this runs as a process of its own.
        if std::env::var_os("PONTOON_STORAGE_TEST_SMALL").is_none() {
            let program = std::env::current_exe().unwrap();
            let script = format!(
                "mount -t tmpfs -o size=1m tmpfs {small} && PONTOON_STORAGE_TEST_SMALL={small} exec {} --exact {} --nocapture",
                program.display(),
                "unpack::tests::a_full_disk_is_told_and_leaves_nothing",
                small = test.path("small").display()
            );
            run("unshare", &["--mount", "--", "sh", "-c", &script]);
            return;
        }
        let small = std::path::PathBuf::from(std::env::var_os("PONTOON_STORAGE_TEST_SMALL").unwrap());
        let paths = crate::StorePaths { root: small.join("root"), run: small.join("run") };
        let store = crate::Store::open(paths).unwrap();
        let archive = Archive::new().file("big", &vec![1; 3 << 20]).end();
        let error = store.unpack_layer(None, archive.as_slice(), SQUASH).unwrap_err();
        assert_eq!(error.to_string(), "cannot write entry `big` of the layer");
        assert!(error.hint().unwrap().contains("full"), "{:?}", error.hint());
        assert_eq!(std::fs::read_dir(small.join("root/tmp")).unwrap().count(), 0);
    });
}

#[test]
fn random_archives_never_leave_their_place() {
    let test = TestDir::new();
    test.write("canary/file", b"alive");
    let before = listing(&test.path("canary"));
    let canary = test.path("canary").to_str().unwrap().to_owned();
    let names = ["a", "a/b", "a/b/c", "b", "b/c", "./a", "/a/b", "a/.wh.b", "a/.wh..wh..opq", ".wh.a", "c"];
    let targets =
        ["a", "b", "/a/b", "../..", "a/b", ".", "c", "../../../../../../../../../..", canary.as_str()];
    for seed in 0..400 {
        let mut random = crate::tar::tests::Random(seed);
        let mut archive = Archive::new();
        for _ in 0..random.next(12) + 1 {
            let name = names[random.next(names.len())];
            let target = targets[random.next(targets.len())];
            archive = match random.next(5) {
                0 => archive.file(name, b"data"),
                1 => archive.dir(name),
                2 => archive.symlink(name, target),
                3 => archive.hardlink(name, target),
                _ => archive.with(name, b'6', b"", |_| {}),
            };
        }
        drop(unpack(&test, &archive.end(), SQUASH));
        assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0, "{seed}");
    }
    assert_eq!(listing(&test.path("canary")), before);
}
