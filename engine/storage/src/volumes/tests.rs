//! Volumes on a real file system: names, removal, copy-up and what interrupts it.

use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, lchown};

use super::{CopyUp, FindVolumeError, NewVolume, STAGED, STAGING, VolumeError};
use crate::testing::{TestDir, honest_tree, in_user_namespace, listing};
use crate::{Durability, Store, VolumeHandle};

fn create(store: &Store, name: Option<&str>, copy_up: bool) -> Result<VolumeHandle, VolumeError> {
    store.create_volume(NewVolume { name, copy_up, record: "the record", durability: Durability::Volatile })
}

fn source(test: &TestDir, path: &str) -> std::fs::File {
    std::fs::File::open(test.path(path)).unwrap()
}

#[test]
fn volumes_are_made_found_listed_and_removed() {
    let test = TestDir::new();
    let store = test.store();
    create(&store, Some("data"), false).unwrap();
    let anonymous = create(&store, None, true).unwrap();
    assert_eq!(anonymous.name().len(), 64);
    assert!(matches!(create(&store, Some("data"), false), Err(VolumeError::Exists { .. })));
    let data = store.find_volume("data").unwrap();
    assert_eq!(data.data_path(), test.path("root/volumes/data/_data"));
    assert_eq!(data.data_path().metadata().unwrap().mode() & 0o7777, 0o755);
    let entry = data.read_entry().unwrap();
    assert_eq!(
        (entry.name.as_str(), entry.anonymous, entry.record::<String>().unwrap().as_str()),
        ("data", false, "the record")
    );
    let list = store.list_volumes().unwrap();
    assert_eq!((list.volumes.len(), list.broken.len()), (2, 0));
    assert!(list.volumes.iter().any(|volume| volume.anonymous && volume.name == anonymous.name()));
    for name in ["", "..", "../x", ".x", "a/b", "nothing"] {
        assert!(matches!(store.find_volume(name), Err(FindVolumeError::NotFound { .. })), "{name}");
        assert!(
            name == "nothing"
                || matches!(create(&store, Some(name), false), Err(VolumeError::BadName { .. }))
        );
    }
    let used = || Ok::<_, VolumeError>(vec!["web".to_owned()]);
    let error = store.remove_volume(store.find_volume("data").unwrap(), used).unwrap_err();
    assert_eq!(error.to_string(), "volume `data` is in use by web");
    store.remove_volume(data, || Ok::<_, VolumeError>(Vec::new())).unwrap();
    assert!(store.find_volume("data").is_err());
    create(&store, Some("data"), false).unwrap();
    assert_eq!(store.empty_trash().unwrap().deleted, 1);
}

#[test]
fn of_many_who_make_a_volume_one_does() {
    let test = TestDir::new();
    let store = test.store();
    let made = std::thread::scope(|scope| {
        let racers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| create(&store, Some("data"), true).is_ok())).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).filter(|made| *made).count()
    });
    assert_eq!(made, 1);
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0);
}

#[test]
fn the_first_use_copies_the_images_content() {
    in_user_namespace("volumes::tests::the_first_use_copies_the_images_content", || {
        let test = TestDir::new();
        honest_tree(&test);
        let store = test.store();
        let volume = create(&store, Some("data"), true).unwrap();
        assert!(volume.needs_copy_up().unwrap());
        let before = volume.data_path().metadata().unwrap().ino();
        assert_eq!(volume.copy_up(source(&test, "tree").as_fd()).unwrap(), CopyUp::Copied);
        let mut theirs = listing(&test.path("tree"));
        let mut ours = listing(&volume.data_path());
        // The root's own time is not the image's: the directory is the volume's.
        for lines in [&mut theirs, &mut ours] {
            let root = lines.iter().position(|line| line.starts_with(' ')).unwrap();
            let line = lines.remove(root);
            let words: Vec<&str> = line.split(' ').collect();
            lines.push(words[1..3].join(" "));
        }
        assert_eq!(ours, theirs);
        assert_eq!(volume.data_path().metadata().unwrap().ino(), before);
        assert!(!volume.needs_copy_up().unwrap());
        test.write("tree/later", b"");
        assert_eq!(volume.copy_up(source(&test, "tree").as_fd()).unwrap(), CopyUp::NotNeeded);
        assert!(!volume.data_path().join("later").exists());
        let left: Vec<_> = std::fs::read_dir(test.path("root/volumes/data")).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    });
}

#[test]
fn an_empty_directory_of_the_image_gives_its_owner_and_mode() {
    let test = TestDir::new();
    let store = test.store();
    test.make("empty");
    lchown(test.path("empty"), Some(33), Some(34)).unwrap();
    rustix::fs::chmod(test.path("empty"), rustix::fs::Mode::from_raw_mode(0o2770)).unwrap();
    let volume = create(&store, Some("data"), true).unwrap();
    assert_eq!(volume.copy_up(source(&test, "empty").as_fd()).unwrap(), CopyUp::Copied);
    let stat = volume.data_path().metadata().unwrap();
    assert_eq!((stat.uid(), stat.gid(), stat.mode() & 0o7777), (33, 34, 0o2770));
}

/// CVE-2020-1726: content that is there already is kept.
#[test]
fn a_volume_with_content_keeps_it() {
    let test = TestDir::new();
    let store = test.store();
    test.write("image/file", b"image");
    let volume = create(&store, Some("data"), true).unwrap();
    std::fs::write(volume.data_path().join("file"), b"mine").unwrap();
    assert_eq!(volume.copy_up(source(&test, "image").as_fd()).unwrap(), CopyUp::NotNeeded);
    assert_eq!(std::fs::read(volume.data_path().join("file")).unwrap(), b"mine");
    assert!(!volume.needs_copy_up().unwrap());
}

#[test]
fn links_of_the_image_do_not_lead_out() {
    let test = TestDir::new();
    let store = test.store();
    test.write("canary/secret", b"secret");
    test.make("image");
    test.symlink("image/host", test.path("canary").to_str().unwrap());
    test.symlink("image/up", "../../../../../../../etc");
    let volume = create(&store, Some("data"), true).unwrap();
    volume.copy_up(source(&test, "image").as_fd()).unwrap();
    for link in ["host", "up"] {
        assert!(volume.data_path().join(link).symlink_metadata().unwrap().is_symlink());
    }
}

#[test]
fn a_copy_that_was_interrupted_begins_again_or_goes_on() {
    let test = TestDir::new();
    let store = test.store();
    test.write("image/a", b"a");
    test.write("image/b", b"b");
    let volume = create(&store, Some("half"), true).unwrap();
    test.write(&format!("root/volumes/half/{STAGING}/a"), b"torn");
    volume.copy_up(source(&test, "image").as_fd()).unwrap();
    assert_eq!(std::fs::read(volume.data_path().join("a")).unwrap(), b"a");
    // Whole, and moved by half: it is finished from the copy, not from the image.
    let volume = create(&store, Some("moved"), true).unwrap();
    test.write(&format!("root/volumes/moved/{STAGED}/b"), b"staged");
    std::fs::write(volume.data_path().join("a"), b"a").unwrap();
    assert_eq!(volume.copy_up(source(&test, "image").as_fd()).unwrap(), CopyUp::Copied);
    assert_eq!(std::fs::read(volume.data_path().join("b")).unwrap(), b"staged");
    assert!(!volume.needs_copy_up().unwrap());
    assert!(!test.exists(&format!("root/volumes/moved/{STAGED}")));
}

#[test]
fn of_many_first_users_one_copies() {
    let test = TestDir::new();
    let store = test.store();
    for index in 0..50 {
        test.write(&format!("image/{index}"), b"x");
    }
    let volume = create(&store, Some("data"), true).unwrap();
    let copied = std::thread::scope(|scope| {
        let users: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| volume.copy_up(source(&test, "image").as_fd()).unwrap() == CopyUp::Copied)
            })
            .collect();
        users.into_iter().map(|user| user.join().unwrap()).filter(|copied| *copied).count()
    });
    assert_eq!(copied, 1);
    assert_eq!(std::fs::read_dir(volume.data_path()).unwrap().count(), 50);
}

#[test]
fn a_lock_on_a_volume_made_anew_is_another_lock() {
    let test = TestDir::new();
    let store = test.store();
    let old = create(&store, Some("data"), false).unwrap();
    let same = store.find_volume("data").unwrap();
    store.remove_volume(old, || Ok::<_, VolumeError>(Vec::new())).unwrap();
    create(&store, Some("data"), false).unwrap();
    assert!(same.lock().unwrap_err().is_not_found());
}
