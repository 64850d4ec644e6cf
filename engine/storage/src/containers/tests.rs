//! Containers on a real file system: names, records, locks, races.

use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use super::{CreateError, FindContainerError, NewContainer};
use crate::testing::TestDir;
use crate::{ContainerHandle, ContainerId, Durability, Store};

fn create(store: &Store, name: Option<&str>) -> Result<ContainerHandle, CreateError> {
    let id = ContainerId::random().unwrap();
    let record = format!("record of {name:?}");
    store
        .create_container(NewContainer {
            id: &id,
            name,
            more_images: &[],
            image: None,
            record: &record,
            durability: Durability::Volatile,
        })
        .map(|(container, unsynced)| {
            assert!(unsynced.is_empty());
            container
        })
}

#[test]
fn a_durable_container_is_synced_once_it_is_all_there() {
    let test = TestDir::new();
    let store = test.store();
    let id = ContainerId::random().unwrap();
    let container = NewContainer {
        id: &id,
        name: Some("web"),
        more_images: &[],
        image: None,
        record: "r",
        durability: Durability::Durable,
    };
    let (made, unsynced) = store.create_container(container).unwrap();
    assert!(!unsynced.is_empty());
    // It is found already; a power cut could take it, but nobody else its name.
    assert_eq!(store.find_container("web").unwrap().id(), made.id());
    unsynced.sync().unwrap();
}

#[test]
fn a_container_is_found_by_name_id_and_beginning() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    let other = create(&store, None).unwrap();
    for query in ["web", "/web", web.id().hex(), web.id().short()] {
        assert_eq!(store.find_container(query).unwrap().id(), web.id(), "{query}");
    }
    for query in
        ["", "we", "nothing", "..", "../containers", "names", "WEB", "web/", &"f".repeat(64), &"0".repeat(65)]
    {
        assert!(matches!(store.find_container(query), Err(FindContainerError::NotFound { .. })), "{query}");
    }
    for query in ["/", "//web"] {
        assert!(store.find_container(query).is_err(), "{query}");
    }
    let id = format!("{}f{}", &web.id().hex()[..3], "0".repeat(60)).parse::<ContainerId>().unwrap();
    let twin = NewContainer {
        id: &id,
        name: None,
        image: None,
        more_images: &[],
        record: "",
        durability: Durability::Durable,
    };
    store.create_container(twin).unwrap().1.sync().unwrap();
    let error = store.find_container(&web.id().hex()[..3]).unwrap_err();
    assert!(matches!(error, FindContainerError::Ambiguous { .. }), "{error}");
    let list = store.list_containers().unwrap();
    let ids: Vec<_> = list.containers.iter().map(|entry| entry.id.clone()).collect();
    assert_eq!(ids, [web.id().clone(), other.id().clone(), id]);
    assert_eq!(list.containers[0].name.as_deref(), Some("web"));
    assert_eq!(list.containers[0].record::<String>().unwrap(), "record of Some(\"web\")");
}

#[test]
fn a_name_belongs_to_one_until_it_goes() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    let error = create(&store, Some("web")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the name `web` is already in use by container {}", web.id().short())
    );
    assert!(error.hint().unwrap().contains("pontoon rm web"));
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0);
    let again = NewContainer {
        id: web.id(),
        name: None,
        image: None,
        more_images: &[],
        record: "",
        durability: Durability::Volatile,
    };
    assert!(matches!(store.create_container(again), Err(CreateError::IdTaken { .. })));
    let other = create(&store, Some("other")).unwrap();
    assert!(matches!(store.rename_container(&other, "web"), Err(CreateError::NameTaken { .. })));
    store.rename_container(&web, "site").unwrap();
    store.rename_container(&web, "site").unwrap();
    store.rename_container(&other, "web").unwrap();
    assert_eq!(store.find_container("web").unwrap().id(), other.id());
    assert_eq!(store.find_container("site").unwrap().read_entry().unwrap().name.as_deref(), Some("site"));
    assert!(store.find_container("other").is_err());
    store.remove_container(other).unwrap();
    create(&store, Some("web")).unwrap();
}

#[test]
fn names_are_podmans() {
    let test = TestDir::new();
    let store = test.store();
    for name in ["a", "A.b_c-d", "0", &"x".repeat(240)] {
        create(&store, Some(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in ["", ".", "..", ".hidden", "-a", "_a", "a/b", "a b", "a\n", "\u{e4}", "a\0", &"x".repeat(241)]
    {
        assert!(matches!(create(&store, Some(name)), Err(CreateError::BadName { .. })), "{name}");
    }
}

#[test]
fn of_many_who_want_a_name_one_gets_it() {
    let test = TestDir::new();
    let store = test.store();
    for round in 0..10 {
        let name = format!("name{round}");
        let won = std::thread::scope(|scope| {
            let racers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| create(&store, Some(&name)).is_ok())).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }
    assert_eq!(store.list_containers().unwrap().containers.len(), 10);
}

#[test]
fn a_name_whose_container_was_never_finished_is_free() {
    let test = TestDir::new();
    let store = test.store();
    create(&store, Some("first")).unwrap();
    test.symlink("root/containers/names/web", &"a".repeat(64));
    test.symlink("root/containers/names/odd", "nonsense");
    assert!(store.find_container("web").is_err());
    create(&store, Some("web")).unwrap();
    create(&store, Some("odd")).unwrap();
}

/// Whether a name leads anywhere on the disk.
fn has_link(test: &TestDir, name: &str) -> bool {
    test.exists(&format!("root/containers/names/{name}"))
}

#[test]
fn a_rename_that_was_killed_leaves_the_container_with_one_name() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    // Killed before the record was written, after which another took the new name.
    test.symlink("root/containers/names/web-old", web.id().hex());
    assert!(store.find_container("web-old").is_err());
    assert_eq!(store.find_container("web").unwrap().id(), web.id());
    let other = create(&store, Some("web-old")).unwrap();
    assert_eq!(store.find_container("web-old").unwrap().id(), other.id());
    store.remove_container(other).unwrap();
    // Killed after it, before the old name went.
    store.rename_container(&web, "web-old").unwrap();
    test.symlink("root/containers/names/web", web.id().hex());
    assert!(store.find_container("web").is_err());
    store.rename_container(&web, "web-old").unwrap();
    let new = create(&store, Some("web")).unwrap();
    assert_eq!(store.find_container("web").unwrap().id(), new.id());
    assert_eq!(store.find_container("web-old").unwrap().id(), web.id());
    assert_eq!(store.list_containers().unwrap().containers.len(), 2);
}

#[test]
fn names_that_nobody_has_are_swept_and_those_of_broken_containers_stay() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    let broken = create(&store, Some("broken")).unwrap();
    std::fs::write(broken.path().join("record.json"), "{").unwrap();
    test.symlink("root/containers/names/second", web.id().hex());
    test.symlink("root/containers/names/nowhere", &"a".repeat(64));
    test.write("root/containers/names/file", b"not ours");
    assert_eq!(store.forget_surplus_names().unwrap(), 2);
    assert_eq!(store.forget_stale_names().unwrap(), 0);
    assert!(["web", "broken", "file"].iter().all(|it| has_link(&test, it)));
    assert_eq!(store.find_container("broken").unwrap().id(), broken.id());
    assert!(matches!(create(&store, Some("broken")), Err(CreateError::NameTaken { .. })));
}

#[test]
fn records_and_exits_are_kept_and_replaced() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    web.replace_record(&web.lock().unwrap(), &vec![1, 2, 3], Durability::Durable).unwrap();
    assert_eq!(web.read_record::<Vec<u8>>().unwrap(), [1, 2, 3]);
    assert_eq!(web.read_entry().unwrap().name.as_deref(), Some("web"));
    assert!(web.read_record::<String>().is_err());
    assert_eq!(web.read_exit::<i32>().unwrap(), None);
    web.write_exit(&137, Durability::Volatile).unwrap();
    assert_eq!(web.read_exit::<i32>().unwrap(), Some(137));
    web.clear_exit().unwrap();
    web.clear_exit().unwrap();
    assert_eq!(web.read_exit::<i32>().unwrap(), None);
}

#[test]
fn readers_see_whole_records_while_writers_replace_them() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    web.replace_record(&web.lock().unwrap(), &vec![0; 1000], Durability::Volatile).unwrap();
    std::thread::scope(|scope| {
        for writer in 1..4_usize {
            let web = &web;
            scope.spawn(move || {
                for _ in 0..200 {
                    let lock = web.lock().unwrap();
                    web.replace_record(&lock, &vec![writer; writer * 1000], Durability::Volatile).unwrap();
                }
            });
        }
        for _ in 0..500 {
            let list = store.list_containers().unwrap();
            assert!(list.broken.is_empty(), "{:?}", list.broken);
            let record: Vec<usize> = list.containers[0].record().unwrap();
            assert!(record.iter().all(|value| *value == record[0]));
        }
    });
    assert!(!test.exists(&format!("root/containers/{}/.record.json.new", web.id().hex())));
}

#[test]
fn a_lock_is_held_by_one_and_refused_for_the_removed() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    let held = web.lock().unwrap();
    let again = store.find_container("web").unwrap();
    assert!(again.try_lock().unwrap().is_none());
    drop(held);
    let held = again.try_lock().unwrap().unwrap();
    store.remove_container(web).unwrap();
    drop(held);
    assert!(again.lock().unwrap_err().is_not_found());
    assert!(again.try_lock().unwrap_err().is_not_found());
    assert!(store.find_container("web").is_err());
    // Removing twice is fine.
    store.remove_container(again).unwrap();
}

#[test]
fn removal_takes_everything_with_it() {
    let test = TestDir::new();
    let store = test.store();
    let web = create(&store, Some("web")).unwrap();
    let run = web.open_run_dir(&store).unwrap();
    crate::record::write_fresh(run.as_fd(), "state", b"x", Durability::Volatile).unwrap();
    assert!(web.run_path().join("state").exists());
    web.make_overlay_dirs(0o1751).unwrap();
    assert_eq!(web.upper_path().metadata().unwrap().mode() & 0o7777, 0o1751);
    assert!(web.work_path().is_dir() && web.rootfs_path().is_dir());
    let (path, run_path) = (web.path().to_owned(), web.run_path().to_owned());
    store.remove_container(web).unwrap();
    assert!(!path.exists() && !run_path.exists());
    assert!(store.sweep().unwrap().trash);
    let report = store.empty_trash().unwrap();
    assert_eq!((report.deleted, report.failed.len()), (1, 0));
    assert_eq!(std::fs::read_dir(test.path("root/containers/names")).unwrap().count(), 0);
}

#[test]
fn a_record_lost_to_a_power_cut_goes_and_a_broken_one_is_told() {
    let test = TestDir::new();
    let store = test.store();
    for (content, broken) in [(&b""[..], false), (&[0; 300][..], false), (b"{\"id\":", true), (b"{}", true)] {
        let handle = create(&store, None).unwrap();
        std::fs::write(handle.path().join("record.json"), content).unwrap();
        let list = store.list_containers().unwrap();
        assert_eq!(list.broken.len(), usize::from(broken));
        assert_eq!(handle.path().exists(), broken);
        if broken {
            store.remove_container(handle).unwrap();
        }
    }
    let foreign = create(&store, None).unwrap();
    let other = create(&store, None).unwrap();
    std::fs::copy(other.path().join("record.json"), foreign.path().join("record.json")).unwrap();
    assert_eq!(store.list_containers().unwrap().broken.len(), 1);
}

#[test]
fn what_a_killed_process_left_is_swept_and_what_lives_is_not() {
    let test = TestDir::new();
    let store = test.store();
    let living = store.make_temporary("container").unwrap();
    test.write("root/tmp/container-dead/record.json", b"{}");
    test.write("root/tmp/stray-file", b"");
    let report = store.sweep().unwrap();
    assert_eq!((report.moved, report.trash), (2, true));
    assert!(living.place.path.exists());
    assert_eq!(store.empty_trash().unwrap().deleted, 2);
    let report = store.sweep().unwrap();
    assert_eq!((report.moved, report.trash), (0, false));
}

#[test]
fn threads_that_list_at_the_same_time_see_everything() {
    let test = TestDir::new();
    let store = test.store();
    for _ in 0..300 {
        create(&store, None).unwrap();
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(store.list_containers().unwrap().containers.len(), 300);
                }
            });
        }
    });
}
