//! Opening a store: whose it must be, and what may have happened to it.

use std::os::unix::fs::{MetadataExt, lchown};

use super::*;
use crate::testing::{TestDir, in_single_id_namespace, in_user_namespace};

fn open(test: &TestDir) -> Result<Store, OpenError> {
    Store::open(test.store_paths())
}

#[test]
fn a_store_is_made_for_its_owner_alone_and_opened_again() {
    let test = TestDir::new();
    let paths = StorePaths { root: test.path("a/b/root"), run: test.path("c/run") };
    let store = Store::open(paths.clone()).unwrap();
    for path in ["a", "a/b", "a/b/root"] {
        assert_eq!(test.path(path).metadata().unwrap().mode() & 0o7777, 0o700, "{path}");
    }
    assert!(!test.exists("c"), "the runtime directory is made when it is needed");
    drop(store.lock_pull("key").unwrap());
    assert_eq!(test.path("c/run").metadata().unwrap().mode() & 0o7777, 0o700);
    assert_eq!(test.read("a/b/root/format"), b"1\n");
    Store::open(paths).unwrap();
}

#[test]
fn a_store_of_another_layout_is_refused() {
    let test = TestDir::new();
    drop(open(&test).unwrap());
    test.write("root/format", b"2\n");
    let error = open(&test).unwrap_err();
    assert!(error.to_string().ends_with("has layout `2`; this program knows layout 1"), "{error}");
    // A power cut may leave the file without its text.
    test.write("root/format", b"");
    drop(open(&test).unwrap());
    assert_eq!(test.read("root/format"), b"1\n");
}

#[test]
fn directories_of_others_and_for_others_are_refused() {
    let test = TestDir::new();
    test.make("root");
    lchown(test.path("root"), Some(4242), Some(4242)).unwrap();
    assert!(matches!(open(&test), Err(OpenError::ForeignOwner { owner: 4242, caller: 0, .. })));
    lchown(test.path("root"), Some(0), Some(0)).unwrap();
    rustix::fs::chmod(test.path("root"), Mode::from_raw_mode(0o777)).unwrap();
    let error = open(&test).unwrap_err();
    assert!(error.hint().unwrap().starts_with("chmod go-w "), "{error}");
}

#[test]
fn the_root_of_a_namespace_owns_all_who_are_mapped_in_it() {
    in_user_namespace("store::tests::the_root_of_a_namespace_owns_all_who_are_mapped_in_it", || {
        let test = TestDir::new();
        drop(open(&test).unwrap());
        lchown(test.path("root"), Some(1000), Some(1000)).unwrap();
        open(&test).unwrap();
    });
}

#[test]
fn who_is_not_mapped_is_a_stranger() {
    // Made outside, where the owner exists; inside it is nobody.
    let foreign = std::path::Path::new("/tmp/pontoon-storage-test-stranger");
    if rustix::process::getuid().is_root() && !super::in_user_namespace() {
        let _ = std::fs::remove_dir(foreign);
        std::fs::create_dir(foreign).unwrap();
        lchown(foreign, Some(4242), Some(4242)).unwrap();
    }
    in_single_id_namespace("store::tests::who_is_not_mapped_is_a_stranger", || {
        let paths = StorePaths { root: foreign.to_owned(), run: foreign.to_owned() };
        assert!(matches!(Store::open(paths), Err(OpenError::ForeignOwner { owner: OVERFLOW_ID, .. })));
    });
    if !super::in_user_namespace() {
        std::fs::remove_dir(foreign).unwrap();
    }
}

#[test]
fn a_pull_of_one_key_keeps_others_of_that_key_waiting() {
    let test = TestDir::new();
    let store = open(&test).unwrap();
    let held = store.lock_pull("nginx").unwrap();
    drop(store.lock_pull("other").unwrap());
    let entered = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let _mine = store.lock_pull("nginx").unwrap();
            entered.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        drop(store.lock_pull("third").unwrap());
        assert!(!entered.load(std::sync::atomic::Ordering::SeqCst));
        drop(held);
        waiter.join().unwrap();
    });
    assert!(entered.load(std::sync::atomic::Ordering::SeqCst));
}

#[test]
fn killed_writers_leave_nothing_that_hinders_the_next() {
    let test = TestDir::new();
    test.write("root/.format.new", b"half a te");
    test.write("root/.lock", b"");
    drop(open(&test));
    rustix::fs::chmod(test.path("root"), Mode::RWXU).unwrap();
    drop(open(&test).unwrap());
    assert_eq!(test.read("root/format"), b"1\n");
    assert!(!test.exists("root/.format.new"));
}
