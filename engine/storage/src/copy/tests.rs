//! Copies beside their originals, and sources that try to lead out of their tree.

use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, lchown};

use super::{CopyError, Rules, copy_tree};
use crate::testing::{CAP_NET_RAW, TestDir, honest_tree, in_user_namespace, listing, run, xattr};
use crate::{IdRange, IdShift};

struct Same {
    layer: bool,
}

impl Rules for Same {
    fn user(&self, uid: u32) -> Option<u32> {
        (uid != 4242).then_some(uid)
    }

    fn group(&self, gid: u32) -> Option<u32> {
        Some(gid)
    }

    fn keeps_overlay(&self) -> bool {
        self.layer
    }
}

fn copy(test: &TestDir, from: &str, to: &str, rules: &dyn Rules) -> Result<(), CopyError> {
    test.make(to);
    let source = std::fs::File::open(test.path(from)).unwrap();
    let target = std::fs::File::open(test.path(to)).unwrap();
    copy_tree(source.as_fd(), target.as_fd(), rules)
}

#[test]
fn a_copy_is_like_its_original() {
    in_user_namespace("copy::tests::a_copy_is_like_its_original", || {
        let test = TestDir::new();
        honest_tree(&test);
        let bin = test.path("tree/bin/su");
        rustix::fs::setxattr(&bin, "security.capability", &CAP_NET_RAW, rustix::fs::XattrFlags::empty())
            .unwrap();
        rustix::fs::chmod(&bin, rustix::fs::Mode::from_raw_mode(0o4755)).unwrap();
        run("mknod", &[test.path("tree/socket").to_str().unwrap(), "p"]);
        copy(&test, "tree", "copy", &Same { layer: true }).unwrap();
        assert_eq!(listing(&test.path("copy")), listing(&test.path("tree")));
    });
}

#[test]
fn holes_are_not_filled() {
    let test = TestDir::new();
    test.make("tree");
    let file = std::fs::File::create(test.path("tree/sparse")).unwrap();
    file.set_len(1 << 40).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"middle", 1 << 30).unwrap();
    copy(&test, "tree", "copy", &Same { layer: false }).unwrap();
    let stat = test.path("copy/sparse").metadata().unwrap();
    assert_eq!(stat.len(), 1 << 40);
    assert!(stat.blocks() < 1000);
    let mut text = [0; 6];
    let copied = std::fs::File::open(test.path("copy/sparse")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&copied, &mut text, 1 << 30).unwrap();
    assert_eq!(&text, b"middle");
}

#[test]
fn links_in_the_source_stay_links() {
    let test = TestDir::new();
    test.write("canary/secret", b"secret");
    test.make("tree");
    test.symlink("tree/out", test.path("canary").to_str().unwrap());
    test.symlink("tree/file", test.path("canary/secret").to_str().unwrap());
    copy(&test, "tree", "copy", &Same { layer: false }).unwrap();
    for name in ["copy/out", "copy/file"] {
        assert!(test.path(name).symlink_metadata().unwrap().is_symlink());
    }
}

#[test]
fn overlayfs_marks_stay_in_layers_and_nowhere_else() {
    let test = TestDir::new();
    test.make("tree/d");
    rustix::fs::mknodat(
        test.fd(),
        "tree/gone",
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::empty(),
        0,
    )
    .unwrap();
    rustix::fs::setxattr(test.path("tree/d"), "user.overlay.opaque", b"y", rustix::fs::XattrFlags::empty())
        .unwrap();
    copy(&test, "tree", "layer", &Same { layer: true }).unwrap();
    copy(&test, "tree", "volume", &Same { layer: false }).unwrap();
    assert!(test.exists("layer/gone") && !test.exists("volume/gone"));
    assert!(xattr(&test.path("layer/d"), "user.overlay.opaque").is_some());
    assert!(xattr(&test.path("volume/d"), "user.overlay.opaque").is_none());
}

#[test]
fn an_owner_without_a_counterpart_is_named() {
    let test = TestDir::new();
    test.write("tree/a/file", b"");
    lchown(test.path("tree/a/file"), Some(4242), Some(1)).unwrap();
    let error = copy(&test, "tree", "copy", &Same { layer: false }).unwrap_err();
    assert_eq!(error.to_string(), "`a/file` belongs to 4242:1, for which there is no id in the copy");
}

/// What keep-id does with a layer: its owners, file capabilities and access lists follow the ids.
#[test]
fn a_shifted_layer_belongs_to_the_shifted_ids() {
    in_user_namespace("copy::tests::a_shifted_layer_belongs_to_the_shifted_ids", || {
        let test = TestDir::new();
        let acl = [
            &[2_u8, 0, 0, 0][..],
            &entry(1, 7, u32::MAX),
            &entry(2, 4, 1000),
            &entry(4, 5, u32::MAX),
            &entry(8, 4, 5),
            &entry(0x10, 5, u32::MAX),
            &entry(0x20, 5, u32::MAX),
        ]
        .concat();
        let archive = crate::tar::build::Archive::new()
            .pax(&[
                ("SCHILY.xattr.security.capability", &CAP_NET_RAW),
                ("SCHILY.xattr.system.posix_acl_access", &acl),
            ])
            .with("ping", b'0', b"x", |head| head.mode = 0o4755)
            .with("home", b'5', b"", |head| (head.uid, head.gid) = (1000, 1000))
            .with("home/f", b'0', b"y", |head| (head.uid, head.gid) = (1000, 5))
            .hardlink("home/g", "home/f")
            .file("home/.wh.gone", b"")
            .end();
        let store = test.store();
        let lease = store.lease_layers().unwrap();
        let options =
            crate::UnpackOptions { ownership: crate::Ownership::Keep, xattr_mode: crate::XattrMode::User };
        let layer = store.unpack_layer(None, archive.as_slice(), options).unwrap();
        let diff_id = layer.diff_id().clone();
        store.commit_layers(&lease, vec![layer]).unwrap();
        let ranges = vec![
            IdRange { from: 0, to: 1, length: 1000 },
            IdRange { from: 1000, to: 0, length: 1 },
            IdRange { from: 1001, to: 1001, length: 60000 },
        ];
        let shift = IdShift { uids: ranges.clone(), gids: ranges, other_user: None, other_group: None };
        assert_eq!(store.shifted_layer_path(&diff_id, &shift).unwrap(), None);
        let path = store.shifted_layer(&diff_id, &shift).unwrap();
        assert_eq!(store.shifted_layer_path(&diff_id, &shift).unwrap().as_ref(), Some(&path));
        assert_eq!(store.shifted_layer(&diff_id, &shift).unwrap(), path);

        let owner = |name: &str| {
            let stat = path.join(name).symlink_metadata().unwrap();
            (stat.uid(), stat.gid())
        };
        assert_eq!((owner("ping"), owner("home"), owner("home/f")), ((1, 1), (0, 0), (0, 6)));
        assert_eq!(
            path.join("home/g").metadata().unwrap().ino(),
            path.join("home/f").metadata().unwrap().ino()
        );
        assert_eq!(path.join("home/gone").symlink_metadata().unwrap().rdev(), 0);
        assert_eq!(path.join("ping").metadata().unwrap().mode() & 0o7000, 0o4000);
        let capability = xattr(&path.join("ping"), "security.capability").unwrap();
        assert_eq!((capability.len(), capability[3], &capability[20..]), (24, 3, &[1, 0, 0, 0][..]));
        let shifted = xattr(&path.join("ping"), "system.posix_acl_access").unwrap();
        assert_eq!(shifted[12..20], entry(2, 4, 0));
        assert_eq!(shifted[28..36], entry(8, 4, 6));

        let narrow = IdShift {
            uids: vec![IdRange { from: 0, to: 0, length: 1 }],
            gids: vec![],
            other_user: None,
            other_group: None,
        };
        let error = store.shifted_layer(&diff_id, &narrow).unwrap_err();
        assert!(error.hint().unwrap().contains("subuid"));
        assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 1, "only the commit's mark");
    });
}

fn entry(tag: u16, permission: u16, id: u32) -> [u8; 8] {
    let mut entry = [0; 8];
    entry[..2].copy_from_slice(&tag.to_le_bytes());
    entry[2..4].copy_from_slice(&permission.to_le_bytes());
    entry[4..].copy_from_slice(&id.to_le_bytes());
    entry
}
