use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::CheckOptions;
use crate::check::Part;
use crate::testing::TestDir;

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", crate::id::hex(&crate::layers::sha256(bytes)))
}

fn manifest(files: &[&[u8]]) -> Vec<u8> {
    let blob = |it: &[u8]| format!(r#"{{"digest":"{}","size":{}}}"#, sha256(it), it.len());
    let layers: Vec<String> = files.iter().map(|it| blob(it)).collect();
    format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#, blob(b"{}"), layers.join(",")).into_bytes()
}

fn put(
    store: &Store,
    name: &str,
    files: &[&[u8]],
    placing: Placing<'_>,
) -> Result<String, ArtifactStoreError> {
    let mut draft = store.begin_artifact()?;
    for file in files.iter().copied().chain([&b"{}"[..]]) {
        if !draft.take(&sha256(file))? {
            assert_eq!(draft.add(&mut &*file)?, (sha256(file), file.len() as u64));
        }
    }
    let manifest = manifest(files);
    let new = NewArtifact { name, manifest: &manifest, media_type: "m", placing };
    store.commit_artifact(draft, new)
}

fn names(store: &Store) -> Vec<String> {
    store.list_artifacts().unwrap().into_iter().map(|it| it.name).collect()
}

fn blobs(test: &TestDir) -> usize {
    std::fs::read_dir(test.path("root/artifacts/blobs/sha256")).unwrap().count()
}

#[test]
fn artifacts_are_kept_found_and_removed() {
    let test = TestDir::new();
    let store = test.store();
    assert!(names(&store).is_empty() && !test.exists("root/artifacts"));
    let first = put(&store, "r/a:1", &[b"one", b"two"], Placing::New).unwrap();
    put(&store, "r/b:1", &[b"two", b"three"], Placing::New).unwrap();
    assert_eq!(names(&store), ["r/a:1", "r/b:1"]);
    let found = store.find_artifact("r/a:1").unwrap();
    assert_eq!((found.digest.as_str(), found.manifest), (first.as_str(), manifest(&[b"one", b"two"])));
    let hex = first.split_once(':').unwrap().1;
    for part in [&first[..], hex, &hex[..8]] {
        assert_eq!(store.find_artifact(part).unwrap().name, "r/a:1", "{part}");
    }
    assert!(matches!(store.find_artifact("r/c:1"), Err(FindArtifactError::NotFound { .. })));
    assert!(matches!(store.find_artifact(""), Err(FindArtifactError::NotFound { .. })));
    let blob = store.artifact_blob(&sha256(b"two")).unwrap();
    assert_eq!(std::fs::read(&blob).unwrap(), b"two");
    assert_eq!(std::fs::metadata(&blob).unwrap().permissions().mode() & 0o777, 0o644);
    // Three files, the configuration, two manifests; what the other one needs stays.
    assert_eq!(blobs(&test), 6);
    store.remove_artifact("r/a:1", &first).unwrap();
    assert!(matches!(store.remove_artifact("r/a:1", &first), Err(ArtifactStoreError::Changed { .. })));
    assert!(names(&store) == ["r/b:1"] && blob.exists() && blobs(&test) == 4);
    assert!(!store.artifact_blob(&sha256(b"one")).unwrap().exists());
    assert_eq!(std::fs::read_dir(test.path("root/tmp")).unwrap().count(), 0);
}

#[test]
fn a_name_is_taken_once_unless_it_is_to_be_replaced() {
    let test = TestDir::new();
    let store = test.store();
    let first = put(&store, "a", &[b"one"], Placing::New).unwrap();
    assert!(matches!(put(&store, "a", &[b"two"], Placing::New), Err(ArtifactStoreError::Exists { .. })));
    let second = put(&store, "a", &[b"two"], Placing::Replace).unwrap();
    assert!(store.find_artifact("a").unwrap().digest == second && blobs(&test) == 3);
    let stale = put(&store, "a", &[b"two", b"three"], Placing::Instead(&first));
    assert!(matches!(stale, Err(ArtifactStoreError::Changed { .. })));
    put(&store, "a", &[b"two", b"three"], Placing::Instead(&second)).unwrap();
    assert_eq!(blobs(&test), 4);
}

#[test]
fn what_a_killed_command_leaves_goes_with_the_next_change() {
    let test = TestDir::new();
    let store = test.store();
    let first = put(&store, "a", &[b"one"], Placing::New).unwrap();
    // Blobs have their places before the index tells of them.
    let left = store.artifact_blob(&sha256(b"left")).unwrap();
    std::fs::write(&left, b"left").unwrap();
    assert_eq!(names(&store), ["a"]);
    store.remove_artifact("a", &first).unwrap();
    assert!(!left.exists() && blobs(&test) == 0);
}

#[test]
fn a_draft_keeps_what_it_has_taken() {
    let test = TestDir::new();
    let store = test.store();
    let first = put(&store, "a", &[b"one"], Placing::New).unwrap();
    let mut draft = store.begin_artifact().unwrap();
    assert!(draft.take(&sha256(b"one")).unwrap() && draft.take(&sha256(b"{}")).unwrap());
    store.remove_artifact("a", &first).unwrap();
    assert_eq!(blobs(&test), 0);
    let manifest = manifest(&[b"one"]);
    let new = NewArtifact { name: "b", manifest: &manifest, media_type: "m", placing: Placing::New };
    store.commit_artifact(draft, new).unwrap();
    assert_eq!(std::fs::read(store.artifact_blob(&sha256(b"one")).unwrap()).unwrap(), b"one");
}

#[test]
fn no_digest_leads_elsewhere() {
    let test = TestDir::new();
    let store = test.store();
    let mut draft = store.begin_artifact().unwrap();
    for digest in [
        "",
        "sha256:",
        "sha256:../../format",
        "../sha256:aa",
        "md5:00",
        &format!("sha256:{}", "A".repeat(64)),
    ] {
        assert!(matches!(store.artifact_blob(digest), Err(ArtifactStoreError::Digest { .. })), "{digest}");
        assert!(draft.take(digest).is_err() && draft.receive(digest, &mut &b""[..]).is_err(), "{digest}");
    }
}

#[test]
fn damage_is_told_and_can_be_forgotten() {
    let test = TestDir::new();
    let store = test.store();
    put(&store, "whole", &[b"one"], Placing::New).unwrap();
    put(&store, "cut", &[b"two"], Placing::New).unwrap();
    put(&store, "other", &[b"three"], Placing::New).unwrap();
    put(&store, "gone", &[b"four"], Placing::New).unwrap();
    std::fs::write(store.artifact_blob(&sha256(b"two")).unwrap(), b"t").unwrap();
    std::fs::write(store.artifact_blob(&sha256(b"three")).unwrap(), b"seven").unwrap();
    std::fs::remove_file(store.artifact_blob(&sha256(b"four")).unwrap()).unwrap();
    let damaged = |thorough| {
        let options = CheckOptions { thorough, idle_age: std::time::Duration::ZERO };
        let damages = store.check(options).unwrap().damages;
        assert!(damages.iter().all(|it| it.part == Part::Artifact));
        damages.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(damaged(false), ["cut", "gone"]);
    assert_eq!(damaged(true), ["cut", "gone", "other"]);
    for name in ["cut", "gone", "other"] {
        store.forget_artifact(name).unwrap();
    }
    assert!(damaged(true).is_empty() && names(&store) == ["whole"]);
}
