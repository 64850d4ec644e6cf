//! Images on a real file system: commit, names, finding, removal, and what a killed process leaves.

use std::os::unix::fs::MetadataExt;

use super::{FindImageError, NewImage, RemoveImageError};
use crate::layers::sha256;
use crate::tar::build::Archive;
use crate::testing::TestDir;
use crate::{
    CommitError, ContainerId, DiffId, Durability, ImageId, ImageRecord, NewContainer, OpenError, Ownership,
    Store, UnpackOptions, XattrMode,
};

const OPTIONS: UnpackOptions =
    UnpackOptions { ownership: Ownership::SquashToCaller, xattr_mode: XattrMode::User };

/// Commits an image of these layers under these names.
fn commit(store: &Store, layers: &[Vec<u8>], config: &str, names: &[&str]) -> ImageRecord {
    let lease = store.lease_layers().unwrap();
    let unpacked: Vec<_> =
        layers.iter().map(|archive| store.unpack_layer(None, archive.as_slice(), OPTIONS).unwrap()).collect();
    let image = NewImage {
        manifest: b"{\"manifest\":1}",
        config: config.as_bytes(),
        digest: format!("sha256:{}", crate::id::hex(&sha256(config.as_bytes()))),
        layers: unpacked.iter().map(|layer| layer.diff_id().clone()).collect(),
        unpacked,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        repo_digests: names
            .iter()
            .map(|name| format!("{}@sha256:{config}", name.rsplit_once(':').unwrap().0))
            .collect(),
        created: Some(1_700_000_000 + i64::try_from(config.len()).unwrap()),
    };
    store.commit_image(&lease, image).unwrap()
}

fn layer(content: &str) -> Vec<u8> {
    Archive::new().file("f", content.as_bytes()).end()
}

#[test]
fn a_committed_image_is_found_with_all_that_is_known_of_it() {
    let test = TestDir::new();
    let store = test.store();
    let bottom = Archive::new().file("f", b"12345").end();
    let middle = Archive::new().file(".wh..wh..opq", b"").file("g", b"123").end();
    let top = layer("1");
    let image = commit(&store, &[bottom, middle, top], "config", &["docker.io/library/nginx:latest"]);
    assert_eq!(image.id.hex(), crate::id::hex(&sha256(b"config")));
    assert_eq!((image.size, image.layers.len(), image.hidden_layers), (9, 3, 1));
    assert_eq!(image.visible_layers(), &image.layers[1..]);
    assert_eq!(store.list_images().unwrap(), std::slice::from_ref(&image));
    assert_eq!(store.image(&image.id).unwrap(), image);
    assert_eq!(store.image_config(&image.id).unwrap(), b"config");
    assert_eq!(store.image_manifest(&image.id).unwrap(), b"{\"manifest\":1}");
    assert_eq!(std::fs::read(store.layer_path(&image.layers[0]).join("f")).unwrap(), b"12345");
    assert!(store.has_layer(&image.layers[2]).unwrap());
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0);
    assert_eq!(store.sweep().unwrap(), crate::SweepReport::default());
}

#[test]
fn images_are_found_as_podman_finds_them() {
    let test = TestDir::new();
    let store = test.store();
    let hub = commit(
        &store,
        &[layer("1")],
        "hub",
        &["docker.io/library/nginx:latest", "docker.io/library/nginx:1"],
    );
    let user = commit(&store, &[layer("2")], "user", &["docker.io/someone/tool:latest"]);
    let quay = commit(&store, &[layer("3")], "quay", &["quay.io/deep/er/app:v2", "quay.io/a/twice:latest"]);
    let other = commit(&store, &[layer("4")], "other", &["ghcr.io/b/twice:latest", "localhost/local:latest"]);
    let port = commit(&store, &[layer("5")], "port", &["127.0.0.1:5000/x/y:latest"]);
    let check = |query: &str, expected: Option<&ImageRecord>| {
        let found = store.find_image(query);
        match (found, expected) {
            (Ok(found), Some(expected)) => assert_eq!(&found, expected, "{query}"),
            (Err(FindImageError::NotFound { .. }), None) => {}
            (found, _) => panic!("{query}: {found:?}"),
        }
    };
    for query in
        ["nginx", "nginx:latest", "nginx:1", "library/nginx", "docker.io/nginx", "docker.io/library/nginx:1"]
    {
        check(query, Some(&hub));
    }
    check("someone/tool", Some(&user));
    check("tool", Some(&user));
    check("app:v2", Some(&quay));
    check("er/app:v2", Some(&quay));
    check("a/twice", Some(&quay));
    check("local", Some(&other));
    check("127.0.0.1:5000/x/y", Some(&port));
    check("x/y", Some(&port));
    for query in
        ["app", "r/app:v2", "nginx:2", "docker.io/tool", "quay.io/nginx", "", ":", "@", "nothing", "../names"]
    {
        check(query, None);
    }
    assert!(
        matches!(store.find_image("twice"), Err(FindImageError::Ambiguous { candidates, .. }) if candidates.len() == 2)
    );
    for query in [hub.id.hex(), &hub.id.hex()[..12], &hub.id.hex()[..5], &format!("sha256:{}", hub.id.hex())]
    {
        check(query, Some(&hub));
    }
    check(&format!("nginx@{}", hub.digest), Some(&hub));
    check(&format!("docker.io/library/nginx:1@{}", hub.digest), Some(&hub));
    check(&format!("tool@{}", hub.digest), None);
    check(&hub.digest, Some(&hub));
}

#[test]
fn names_move_and_go() {
    let test = TestDir::new();
    let store = test.store();
    let first = commit(&store, &[layer("1")], "first", &["localhost/a:latest"]);
    let second = commit(&store, &[layer("2")], "second", &["localhost/a:latest"]);
    assert_eq!(store.image(&first.id).unwrap().names, Vec::<String>::new());
    assert_eq!(second.names, ["localhost/a:latest"]);
    assert_eq!(store.tag(&first.id, "localhost/b:1").unwrap(), None);
    assert_eq!(store.tag(&second.id, "localhost/b:1").unwrap(), Some(first.id.clone()));
    assert_eq!(store.tag(&second.id, "localhost/b:1").unwrap(), None);
    assert_eq!(store.untag("localhost/b:1").unwrap(), Some(second.id.clone()));
    assert_eq!(store.untag("localhost/b:1").unwrap(), None);
    let nobody = ImageId::from_bytes(&[0; 32]);
    assert_eq!(store.tag(&nobody, "localhost/b:1").unwrap_err().to_string(), "no image 000000000000");
    for name in ["short", "../../etc:x", "a b/c:d"] {
        assert!(store.tag(&first.id, name).is_err() || name == "../../etc:x", "{name}");
    }
    // A name with dots is a name, not a path.
    assert_eq!(store.find_image("../../etc:x").unwrap().id, first.id);
    assert!(test.exists("root/images/names/%2E.%2F..%2Fetc:x"));
    let long = format!("localhost/{}:t", "x/".repeat(200) + "y");
    store.tag(&first.id, &long).unwrap();
    assert_eq!(store.find_image(&long).unwrap().id, first.id);
    assert!(store.image(&first.id).unwrap().names.contains(&long));
}

#[test]
fn committing_again_adds_what_is_new() {
    let test = TestDir::new();
    let store = test.store();
    commit(&store, &[layer("1")], "same", &["docker.io/library/a:latest"]);
    let image = commit(&store, &[layer("1")], "same", &["quay.io/x/a:latest"]);
    assert_eq!(image.names, ["docker.io/library/a:latest", "quay.io/x/a:latest"]);
    assert_eq!(image.repo_digests, ["docker.io/library/a@sha256:same", "quay.io/x/a@sha256:same"]);
    assert!(image.by_digest.is_empty());
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0);
}

#[test]
fn an_image_without_all_its_layers_is_refused() {
    let test = TestDir::new();
    let store = test.store();
    let lease = store.lease_layers().unwrap();
    let image = NewImage {
        manifest: b"{}",
        config: b"{}",
        digest: String::new(),
        layers: vec![DiffId::from_bytes(&[7; 32])],
        unpacked: Vec::new(),
        names: vec!["localhost/a:b".to_owned()],
        repo_digests: Vec::new(),
        created: None,
    };
    assert!(matches!(store.commit_image(&lease, image), Err(CommitError::LayerMissing { .. })));
    assert!(store.list_images().unwrap().is_empty());
}

#[test]
fn removal_takes_the_layers_nothing_else_needs() {
    let test = TestDir::new();
    let store = test.store();
    let first = commit(&store, &[layer("shared"), layer("1")], "first", &["localhost/a:1"]);
    let second =
        commit(&store, &[layer("shared"), layer("2")], "second", &["localhost/b:1", "localhost/b:2"]);
    let removed = store.remove_image(&first.id, false).unwrap();
    assert_eq!(removed.untagged, ["localhost/a:1"]);
    assert_eq!(removed.layers, [first.layers[1].clone()]);
    assert!(store.has_layer(&first.layers[0]).unwrap());
    assert!(matches!(store.remove_image(&second.id, false), Err(RemoveImageError::SeveralNames { .. })));
    assert_eq!(store.remove_image(&second.id, true).unwrap().layers.len(), 2);
    assert!(store.list_images().unwrap().is_empty());
    assert!(matches!(
        store.remove_image(&second.id, true),
        Err(RemoveImageError::Find(FindImageError::NotFound { .. }))
    ));
    assert!(store.sweep().unwrap().trash);
    assert_eq!(store.empty_trash().unwrap().failed.len(), 0);
    assert!(!store.sweep().unwrap().trash);
    assert_eq!(std::fs::read_dir(test.path("root/layers")).unwrap().count(), 0);
}

#[test]
fn an_image_goes_with_its_last_name() {
    let test = TestDir::new();
    let store = test.store();
    let image = commit(&store, &[layer("1")], "config", &["localhost/a:1", "localhost/a:2"]);
    let keeps_its_names = || {
        let by_other = store.remove_image_name(&image.id, "localhost/b:1");
        assert!(matches!(by_other, Err(RemoveImageError::OtherNames { .. })), "{by_other:?}");
    };
    keeps_its_names();
    let by_none = store.remove_image_name(&image.id, "");
    assert!(matches!(by_none, Err(RemoveImageError::SeveralNames { .. })), "{by_none:?}");
    assert!(store.remove_image_name(&image.id, "localhost/a:2").unwrap().is_none());
    keeps_its_names();
    assert_eq!(store.find_image("localhost/a:1").unwrap().names, ["localhost/a:1"]);
    let removed = store.remove_image_name(&image.id, "localhost/a:1").unwrap().unwrap();
    assert_eq!(removed.untagged, ["localhost/a:1"]);
    assert!(store.list_images().unwrap().is_empty());
    // Without a name it goes all the same, and so does the only name of one that was asked for by its id.
    for (names, name) in [(&[][..], "localhost/a:1"), (&["localhost/a:1"], "")] {
        let image = commit(&store, &[layer("1")], "config", names);
        assert_eq!(store.remove_image_name(&image.id, name).unwrap().unwrap().untagged, names);
    }
    assert!(store.list_images().unwrap().is_empty());
}

#[test]
fn an_image_whose_record_is_broken_is_told_and_can_be_removed() {
    let test = TestDir::new();
    let store = test.store();
    let image = commit(&store, &[layer("1")], "config", &["localhost/a:1"]);
    test.write(&format!("root/images/{}/record.json", image.id.hex()), b"{");
    let error = store.find_image("a:1").unwrap_err();
    assert!(error.to_string().ends_with("record.json` is not a valid record"), "{error}");
    // Nobody knows which layers it needs, so none is deleted.
    assert_eq!(store.collect_layers().unwrap(), None);
    assert_eq!(store.remove_image(&image.id, false).unwrap().layers, image.layers);
}

#[test]
fn records_of_older_stores_that_say_more_are_read() {
    let test = TestDir::new();
    let store = test.store();
    let image = commit(&store, &[layer("1")], "config", &["localhost/a:1"]);
    let meta = store.layer_meta(&image.layers[0]).unwrap();
    let files = [
        test.path(&format!("root/images/{}/record.json", image.id.hex())),
        store.layer_path(&image.layers[0]).with_file_name("meta.json"),
    ];
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let more = text.replacen('{', "{\"root\":{\"mode\":448,\"uid\":0,\"gid\":0},", 1);
        std::fs::write(&path, more).unwrap();
    }
    assert_eq!(store.image(&image.id).unwrap(), image);
    assert_eq!(store.layer_meta(&image.layers[0]).unwrap(), meta);
}

#[test]
fn an_image_that_a_container_needs_stays() {
    let test = TestDir::new();
    let store = test.store();
    let image = commit(&store, &[layer("1")], "config", &["localhost/a:1"]);
    let id = ContainerId::random().unwrap();
    let container = NewContainer {
        id: &id,
        name: Some("web"),
        image: Some(&image.id),
        more_images: &[],
        record: "anything",
        durability: Durability::Volatile,
    };
    let (handle, _) = store.create_container(container).unwrap();
    let error = store.remove_image(&image.id, true).unwrap_err();
    assert_eq!(error.to_string(), format!("image is in use by a container: {} by web", image.id.short()));
    store.remove_container(handle).unwrap();
    store.remove_image(&image.id, true).unwrap();
    let container = NewContainer {
        id: &id,
        name: None,
        image: Some(&image.id),
        more_images: &[],
        record: "",
        durability: Durability::Volatile,
    };
    assert_eq!(
        store.create_container(container).unwrap_err().to_string(),
        format!("image {} is gone", image.id.short())
    );
}

#[test]
fn a_lease_keeps_layers_until_it_ends() {
    let test = TestDir::new();
    let store = test.store();
    let image = commit(&store, &[layer("1")], "config", &["localhost/a:1"]);
    let lease = store.lease_layers().unwrap();
    assert_eq!(store.remove_image(&image.id, false).unwrap().layers, []);
    assert!(store.has_layer(&image.layers[0]).unwrap());
    store.sweep().unwrap();
    assert!(store.has_layer(&image.layers[0]).unwrap());
    drop(lease);
    // A program that another test starts just now has our descriptors, too, until it is executed.
    for _ in 0..100_000 {
        store.sweep().unwrap();
        if !store.has_layer(&image.layers[0]).unwrap() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("the layer stays after its lease");
}

#[test]
fn of_many_who_bring_the_same_image_all_succeed() {
    let test = TestDir::new();
    let store = test.store();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| commit(&store, &[layer("1"), layer("2")], "config", &["localhost/a:1"]));
        }
    });
    assert_eq!(store.list_images().unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(test.path("root/layers")).unwrap().count(), 2);
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0);
}

#[test]
fn layers_of_a_commit_that_failed_go_with_the_next_sweep() {
    let test = TestDir::new();
    let store = test.store();
    let kept = commit(&store, &[layer("kept")], "kept", &[]);
    // Something that is no image has its place.
    let place = format!("root/images/{}", crate::id::hex(&sha256(b"failed")));
    test.write(&place, b"");
    let lease = store.lease_layers().unwrap();
    let archive = layer("new");
    let unpacked = vec![store.unpack_layer(None, archive.as_slice(), OPTIONS).unwrap()];
    let new = NewImage {
        manifest: b"{}",
        config: b"failed",
        digest: String::new(),
        layers: unpacked.iter().map(|layer| layer.diff_id().clone()).collect(),
        unpacked,
        names: Vec::new(),
        repo_digests: Vec::new(),
        created: None,
    };
    store.commit_image(&lease, new).unwrap_err();
    drop(lease);
    let layers = || std::fs::read_dir(test.path("root/layers")).unwrap().count();
    assert_eq!(layers(), 2);
    std::fs::remove_file(test.path(&place)).unwrap();
    store.sweep().unwrap();
    assert_eq!(layers(), 1);
    assert!(store.has_layer(&kept.layers[0]).unwrap());
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0);
}

/// Committed, removed and swept at the same time by many: whoever holds a lease finds its layers.
#[test]
fn commits_and_removals_race_without_losing_layers() {
    let test = TestDir::new();
    let store = test.store();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..12 {
                    let image = commit(
                        store,
                        &[layer("shared"), layer(&format!("{worker}"))],
                        &format!("{worker}"),
                        &[],
                    );
                    for layer in &image.layers {
                        // Others remove only images of their own.
                        assert!(store.has_layer(layer).unwrap());
                    }
                    if round % 2 == 0 {
                        store.remove_image(&image.id, true).unwrap();
                        store.sweep().unwrap();
                        store.empty_trash().unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(store.list_images().unwrap().len(), 4);
    assert_eq!(std::fs::read_dir(test.path("root/layers")).unwrap().count(), 5);
}

/// The part of the tests below that is killed, or that goes on beside what is killed.
#[test]
fn helper_works_in_a_store() {
    let Some(root) = std::env::var_os("PONTOON_STORAGE_TEST_KILLED") else { return };
    let rounds = std::env::var("PONTOON_STORAGE_TEST_ROUNDS").unwrap().parse::<u64>().unwrap();
    let root = std::path::PathBuf::from(root);
    let paths = crate::StorePaths { root: root.join("root"), run: root.join("run") };
    for round in 0..rounds {
        let store = Store::open(paths.clone()).unwrap();
        store.sweep().unwrap();
        store.empty_trash().unwrap();
        let big = Archive::new()
            .dir("d")
            .file("d/f", &vec![1; 300_000])
            .file("d/g", round.to_string().as_bytes())
            .end();
        let names = ["localhost/a:1", "localhost/b:1"];
        let image = commit(&store, &[layer("shared"), big], &format!("{}", round % 7), &names);
        let id = ContainerId::random().unwrap();
        let container = NewContainer {
            id: &id,
            name: Some("web"),
            image: Some(&image.id),
            more_images: &[],
            record: &vec![round; 100],
            durability: Durability::Volatile,
        };
        match store.create_container(container) {
            Ok((handle, _)) => drop(store.remove_container(handle).unwrap()),
            Err(crate::CreateError::NameTaken { .. }) => match store.find_container("web") {
                Ok(handle) => drop(store.remove_container(handle).unwrap()),
                Err(crate::FindContainerError::NotFound { .. }) => {}
                Err(error) => panic!("{error}"),
            },
            // Another helper removed it: it has the same name for it.
            Err(crate::CreateError::ImageGone { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        if round % 3 == 0 {
            match store.remove_image(&image.id, true) {
                Ok(_)
                | Err(
                    RemoveImageError::InUse { .. } | RemoveImageError::Find(FindImageError::NotFound { .. }),
                ) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn helper(test: &TestDir, rounds: u64) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "images::tests::helper_works_in_a_store", "--nocapture"])
        .env("PONTOON_STORAGE_TEST_KILLED", test.path(""))
        .env("PONTOON_STORAGE_TEST_ROUNDS", rounds.to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets a helper work for a random while and kills it.
fn kill_sometime(child: &mut std::process::Child, random: &mut crate::tar::tests::Random) {
    let limit = std::time::Duration::from_micros(4000 + u64::try_from(random.next(60_000)).unwrap());
    let pid = rustix::process::Pid::from_child(child);
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    // Waiting for its end with a limit is the only clock here.
    let mut wait = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    let ended = rustix::event::poll(&mut wait, Some(&limit.try_into().unwrap())).unwrap();
    assert_eq!(ended, 0, "the helper failed: {:?}", child.wait());
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Attack 32 as it was played on others: three pull the same while a fourth is killed again and again.
#[test]
fn those_beside_a_killed_process_finish() {
    let test = TestDir::new();
    let store = test.store();
    let mut others: Vec<_> = (0..3).map(|_| helper(&test, 15)).collect();
    let mut random = crate::tar::tests::Random(7);
    for _ in 0..15 {
        kill_sometime(&mut helper(&test, u64::MAX), &mut random);
    }
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    nothing_stays(&test, &store);
}

/// Removes all there is, and looks for what is left then.
fn nothing_stays(test: &TestDir, store: &Store) {
    for container in store.list_containers().unwrap().containers {
        store.remove_container(store.container(&container.id).unwrap()).unwrap();
    }
    for image in store.list_images().unwrap() {
        store.remove_image(&image.id, true).unwrap();
    }
    let left = || {
        store.sweep().unwrap();
        store.empty_trash().unwrap();
        let entries = |place| std::fs::read_dir(test.path(place)).unwrap().map(|entry| entry.unwrap().path());
        ["root/tmp", "root/trash", "root/layers"].into_iter().flat_map(entries).collect::<Vec<_>>()
    };
    // A child that another test of this process just forked holds our locks until it executes its program.
    for _ in 0..200 {
        if left().is_empty() {
            return;
        }
        let moment = rustix::event::Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        rustix::event::poll(&mut [], Some(&moment)).unwrap();
    }
    panic!("left: {:?}", left());
}

/// CVE-2021-20291, podman#14003: killed at any moment, the store works for the next, and nothing stays behind.
#[test]
fn a_process_killed_at_any_moment_leaves_a_working_store() {
    let test = TestDir::new();
    let store = test.store();
    let mut random = crate::tar::tests::Random(42);
    let mut leftovers = 0;
    for round in 0..40 {
        kill_sometime(&mut helper(&test, u64::MAX), &mut random);
        leftovers += store.sweep().unwrap().moved;
        for image in store.list_images().unwrap() {
            assert!(
                image.layers.iter().all(|layer| store.layer_path(layer).join(".").is_dir()),
                "{round}: {image:?}"
            );
            store.image_config(&image.id).unwrap();
        }
        for (name, id) in store.all_names().unwrap() {
            assert!(store.image(&id).is_ok(), "{round}: {name} leads nowhere");
        }
        let list = store.list_containers().unwrap();
        assert!(list.broken.is_empty(), "{round}: {:?}", list.broken);
        for container in list.containers {
            assert_eq!(container.record::<Vec<u64>>().unwrap().len(), 100);
        }
    }
    assert!(leftovers > 0, "no process was killed in the middle of anything");
    nothing_stays(&test, &store);
}

#[test]
fn a_store_of_a_plain_user_needs_no_rights() {
    crate::testing::as_plain_user("images::tests::a_store_of_a_plain_user_needs_no_rights", || {
        let test = TestDir::new();
        let store = test.store();
        let image = commit(&store, &[layer("1")], "config", &["localhost/a:1"]);
        assert_eq!(test.path("root").metadata().unwrap().mode() & 0o777, 0o700);
        store.remove_image(&image.id, false).unwrap();
        assert_eq!(store.empty_trash().unwrap().failed.len(), 0);
    });
}

/// Whatever lies below a directory, with what is in it and when it was written.
fn state(path: &std::path::Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).unwrap().map(Result::unwrap) {
        let what = entry.metadata().unwrap();
        all.push(format!("{} {} {}", entry.path().display(), what.mtime(), what.mtime_nsec()));
        if what.is_dir() {
            all.extend(state(&entry.path()));
        }
    }
    all.sort();
    all
}

#[test]
fn images_of_another_store_are_seen_and_nothing_is_changed_there() {
    let (test, shared) = (TestDir::new(), TestDir::new());
    let theirs = commit(
        &shared.store(),
        &[layer("1"), layer("2")],
        "theirs",
        &["quay.io/a/app:latest", "quay.io/a/app:2"],
    );
    let before = state(&shared.path("root"));
    let store = test.store().with_images_of(vec![Store::open_images(&shared.path("root")).unwrap()]);
    let own = commit(&store, &[layer("3")], "own image", &["quay.io/a/other:latest"]);
    let seen = ImageRecord { read_only: true, ..theirs.clone() };
    for query in ["quay.io/a/app:2", "app", theirs.id.hex(), theirs.id.short(), "app@sha256:theirs"] {
        assert_eq!(store.find_image(query).unwrap(), seen, "{query}");
    }
    assert_eq!(store.list_images().unwrap(), [own.clone(), seen]);
    assert_eq!(store.image_config(&theirs.id).unwrap(), b"theirs");
    assert_eq!(store.layer_path(&theirs.layers[0]), shared.store().layer_path(&theirs.layers[0]));
    assert_eq!(store.layer_meta(&theirs.layers[0]).unwrap().size, 1);
    assert!(!store.has_layer(&theirs.layers[0]).unwrap(), "who pulls brings it here");
    let removed = store.remove_image(&theirs.id, true);
    assert!(matches!(removed, Err(RemoveImageError::ReadOnly { .. })), "{removed:?}");
    assert!(matches!(store.untag("quay.io/a/app:2"), Err(crate::TagError::ReadOnly { .. })));
    // A name makes it one of this store, whose layers stay where they are.
    assert_eq!(store.tag(&theirs.id, "localhost/mine:latest").unwrap(), None);
    let mine = store.find_image("mine").unwrap();
    assert_eq!(mine.names, ["localhost/mine:latest", "quay.io/a/app:2", "quay.io/a/app:latest"]);
    assert!(!mine.read_only && store.list_images().unwrap().len() == 2);
    let checked =
        store.check(crate::CheckOptions { thorough: true, idle_age: std::time::Duration::ZERO }).unwrap();
    let misses_layers = |it: &crate::Damage| it.faults.iter().any(|it| it.starts_with("layer"));
    assert!(!checked.damages.iter().any(misses_layers), "{checked:?}");
    store.sweep().unwrap();
    let container = NewContainer {
        id: &ContainerId::random().unwrap(),
        name: None,
        image: Some(&theirs.id),
        more_images: &[],
        record: "",
        durability: Durability::Volatile,
    };
    store.untag("quay.io/a/app:2").unwrap();
    let seen = store.list_images().unwrap();
    assert_eq!(seen.iter().filter(|it| it.id == theirs.id).count(), 2, "a name leads to it there alone");
    store.remove_image(&theirs.id, true).unwrap();
    assert!(store.find_image("app").unwrap().read_only);
    let (kept, _) = store.create_container(container).unwrap();
    store.remove_container(kept).unwrap();
    // What is made of it here needs its layers.
    let lease = store.lease_layers().unwrap();
    let made = NewImage {
        manifest: b"{}",
        config: b"made",
        digest: "sha256:made".to_owned(),
        layers: theirs.layers.clone(),
        unpacked: Vec::new(),
        names: vec!["localhost/made:latest".to_owned()],
        repo_digests: Vec::new(),
        created: None,
    };
    assert_eq!(store.commit_image(&lease, made).unwrap().size, theirs.size);
    assert_eq!(state(&shared.path("root")), before);
}

#[test]
fn what_is_no_store_of_images_is_refused() {
    let test = TestDir::new();
    let refused = |path: &str| Store::open_images(&test.path(path)).unwrap_err();
    assert!(matches!(refused("nowhere"), OpenError::NoImages { is_podmans: false, .. }));
    test.make("empty");
    assert!(matches!(refused("empty"), OpenError::NoImages { is_podmans: false, .. }));
    test.make("podmans/overlay-images");
    let err = refused("podmans");
    assert!(matches!(err, OpenError::NoImages { is_podmans: true, .. }));
    assert!(err.hint().unwrap().contains("pontoon --root DIR pull IMAGE"));
    drop(test.store());
    assert!(matches!(refused("root"), OpenError::NoImages { is_podmans: false, .. }));
    test.write("other/format", b"2\n");
    assert!(matches!(refused("other"), OpenError::UnknownFormat { .. }));
    assert!(!test.exists("nowhere") && std::fs::read_dir(test.path("empty")).unwrap().next().is_none());
}
