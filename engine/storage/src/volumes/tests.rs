//! Volumes on a real file system: names, removal, locks.

use std::os::unix::fs::MetadataExt;

use super::{FindVolumeError, NewVolume, VolumeError};
use crate::testing::TestDir;
use crate::{Durability, Store, VolumeHandle};

fn create(store: &Store, name: Option<&str>, copy_up: bool) -> Result<VolumeHandle, VolumeError> {
    store.create_volume(NewVolume { name, copy_up, record: "the record", durability: Durability::Volatile })
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
        let found = store.find_volume(name);
        assert!(matches!(found, Err(FindVolumeError::NotFound { .. } | FindVolumeError::Empty)), "{name}");
        assert!(
            name == "nothing"
                || matches!(create(&store, Some(name), false), Err(VolumeError::BadName { .. }))
        );
    }
    let used = || Ok::<_, VolumeError>(vec!["web".to_owned()]);
    let error = store.remove_volume(store.find_volume("data").unwrap(), used).unwrap_err();
    assert_eq!(error.to_string(), "volume is being used: `data` by web");
    store.remove_volume(data, || Ok::<_, VolumeError>(Vec::new())).unwrap();
    assert!(store.find_volume("data").is_err());
    create(&store, Some("data"), false).unwrap();
    assert_eq!(store.empty_trash().unwrap().deleted, 1);
}

#[test]
fn a_volume_is_looked_up_by_the_beginning_of_its_name() {
    let test = TestDir::new();
    let store = test.store();
    for name in ["beta", "betamax", "alpha"] {
        create(&store, Some(name), false).unwrap();
    }
    let look_up = |query: &str| match store.look_up_volume(query) {
        Ok(volume) => volume.name().to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(look_up("al"), "alpha");
    assert_eq!(look_up("beta"), "beta", "a whole name is no beginning");
    assert_eq!(look_up("betam"), "betamax");
    assert_eq!(look_up("be"), "`be` is the beginning of several volumes' names: beta, betamax");
    assert_eq!(look_up("q"), "no such volume: `q`");
    assert_eq!(look_up(".."), "no such volume: `..`");
    assert_eq!(look_up(""), "the name of a volume cannot be empty");
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
fn a_lock_on_a_volume_made_anew_is_another_lock() {
    let test = TestDir::new();
    let store = test.store();
    let old = create(&store, Some("data"), false).unwrap();
    let same = store.find_volume("data").unwrap();
    store.remove_volume(old, || Ok::<_, VolumeError>(Vec::new())).unwrap();
    create(&store, Some("data"), false).unwrap();
    assert!(same.lock().unwrap_err().is_not_found());
}

#[test]
fn a_volume_that_somebody_is_about_to_use_is_not_removed_before_it_is_known_who() {
    let test = TestDir::new();
    let store = test.store();
    let data = create(&store, Some("data"), false).unwrap();
    let (held, also) = (data.hold().unwrap(), store.find_volume("data").unwrap().hold().unwrap());
    let is_recorded = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let removing = scope.spawn(|| {
            let users = || match is_recorded.load(std::sync::atomic::Ordering::SeqCst) {
                true => vec!["web".to_owned()],
                false => Vec::new(),
            };
            store.remove_volume(store.find_volume("data").unwrap(), || Ok::<_, VolumeError>(users()))
        });
        drop(also);
        is_recorded.store(true, std::sync::atomic::Ordering::SeqCst);
        drop(held);
        assert!(matches!(removing.join().unwrap(), Err(VolumeError::InUse { .. })));
    });
    store.remove_volume(data, || Ok::<_, VolumeError>(Vec::new())).unwrap();
    let gone = store.find_volume("data");
    assert!(matches!(gone, Err(FindVolumeError::NotFound { .. })));
}
