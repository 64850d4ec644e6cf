use crate::testing::TestDir;
use crate::{ContainerId, CreatePodError, FindPodError};

fn id() -> ContainerId {
    ContainerId::random().unwrap()
}

#[test]
fn a_pod_is_made_found_changed_and_removed() {
    let test = TestDir::new();
    let store = test.store();
    assert!(store.list_pods().unwrap().pods.is_empty());
    assert!(!test.exists("root/pods"));
    let first = id();
    let made = store.create_pod(&first, "shop", &"one").unwrap();
    assert!(made.rootfs_path().is_dir());
    for query in ["shop", first.hex(), &first.hex()[..12]] {
        assert_eq!(store.find_pod(query).unwrap().id(), &first, "{query}");
    }
    made.replace_record(&made.lock().unwrap(), &"two").unwrap();
    let list = store.list_pods().unwrap();
    assert_eq!((list.pods.len(), list.broken.len()), (1, 0));
    assert_eq!(list.pods[0].name, "shop");
    assert_eq!(list.pods[0].record::<String>().unwrap(), "two");
    assert!(store.remove_pod(store.find_pod("shop").unwrap()).unwrap());
    assert!(!store.remove_pod(made).unwrap());
    assert!(matches!(store.find_pod("shop"), Err(FindPodError::NotFound { .. })));
    assert!(!test.exists("root/pods/names/shop"));
}

#[test]
fn a_name_is_one_pod_s() {
    let test = TestDir::new();
    let store = test.store();
    let pod = id();
    store.create_pod(&pod, "a", &0).unwrap();
    let taken = store.create_pod(&id(), "a", &0).unwrap_err();
    assert!(matches!(taken, CreatePodError::NameTaken { by_id, .. } if by_id == pod));
    assert!(matches!(store.create_pod(&id(), "a/b", &0), Err(CreatePodError::BadName { .. })));
    // The name of a pod that is gone is nobody's.
    std::fs::remove_dir_all(test.path("root/pods").join(pod.hex())).unwrap();
    store.create_pod(&id(), "a", &0).unwrap();
}

#[test]
fn a_record_that_cannot_be_read_is_told_of_and_can_be_removed() {
    let test = TestDir::new();
    let store = test.store();
    let (bad, lost) = (id(), id());
    store.create_pod(&bad, "bad", &0).unwrap();
    store.create_pod(&lost, "lost", &0).unwrap();
    test.write(&format!("root/pods/{bad}/record.json"), b"{");
    test.write(&format!("root/pods/{lost}/record.json"), b"");
    let list = store.list_pods().unwrap();
    assert_eq!((list.pods.len(), list.broken.len()), (0, 1));
    assert!(store.find_pod("lost").is_err());
    assert!(store.remove_pod(store.find_pod("bad").unwrap()).unwrap());
}
