//! Each kind of damage, done by hand.

use std::time::Duration;

use super::{CheckOptions, CheckReport, Part};
use crate::layers::sha256;
use crate::tar::build::Archive;
use crate::testing::TestDir;
use crate::{
    ContainerId, Durability, ImageRecord, NewContainer, NewImage, NewVolume, Ownership, SecretData,
    SecretRecord, Store, UnpackOptions, XattrMode,
};

const THOROUGH: CheckOptions = CheckOptions { thorough: true, idle_age: Duration::ZERO };

/// An image of two layers, a container of it, a volume and a secret.
fn furnished(store: &Store) -> ImageRecord {
    let options = UnpackOptions { ownership: Ownership::SquashToCaller, xattr_mode: XattrMode::User };
    let layer = |archive: Vec<u8>| store.unpack_layer(None, archive.as_slice(), options).unwrap();
    let unpacked = vec![
        layer(Archive::new().file("f", b"content").file("f", b"again, and longer").end()),
        layer(Archive::new().file("d/g", b"more").end()),
    ];
    let lease = store.lease_layers().unwrap();
    let manifest = b"{\"manifest\":1}";
    let image = NewImage {
        manifest,
        config: b"config",
        digest: format!("sha256:{}", crate::id::hex(&sha256(manifest))),
        layers: unpacked.iter().map(|it| it.diff_id().clone()).collect(),
        unpacked,
        names: vec!["localhost/a:b".to_owned()],
        repo_digests: Vec::new(),
        created: None,
    };
    let image = store.commit_image(&lease, image).unwrap();
    let container = NewContainer {
        id: &ContainerId::random().unwrap(),
        name: Some("web"),
        more_images: &[],
        image: Some(&image.id),
        record: &"record",
        durability: Durability::Volatile,
    };
    let _ = store.create_container(container).unwrap();
    let volume =
        NewVolume { name: Some("data"), copy_up: true, record: &"record", durability: Durability::Volatile };
    store.create_volume(volume).unwrap();
    let secret = SecretRecord { name: "key".to_owned(), ..SecretRecord::default() };
    store.create_secret(secret, &SecretData(b"x".to_vec()), false).unwrap();
    image
}

fn check(store: &Store) -> CheckReport {
    store.check(THOROUGH).unwrap()
}

#[track_caller]
fn assert_damage(store: &Store, part: Part, id: &str, fault: &str) {
    let report = check(store);
    let of_it: Vec<_> = report.damages.iter().filter(|it| it.part == part && it.id == id).collect();
    assert!(
        matches!(of_it.as_slice(), [one] if one.faults.iter().any(|it| it.contains(fault))),
        "{report:?}"
    );
}

#[test]
fn a_store_as_it_was_made_is_sound() {
    let test = TestDir::new();
    let store = test.store();
    assert_eq!(check(&store), CheckReport::default());
    furnished(&store);
    assert_eq!(check(&store), CheckReport::default());
}

#[test]
fn layers_that_are_changed_broken_or_gone_damage_their_images() {
    let test = TestDir::new();
    let store = test.store();
    let image = furnished(&store);
    let top = store.layer_path(&image.layers[1]);
    let file = top.join("d/g");
    std::fs::write(&file, "other size").unwrap();
    assert_damage(&store, Part::Image, image.id.hex(), "10 bytes instead of 4");
    let quick = store.check(CheckOptions { thorough: false, ..THOROUGH }).unwrap();
    assert_eq!(quick, CheckReport::default());
    std::fs::write(&file, "more").unwrap();
    // Of a layer in which one entry took another's place nobody knows the size.
    std::fs::write(store.layer_path(&image.layers[0]).join("f"), "x").unwrap();
    assert_eq!(check(&store), CheckReport::default());
    std::fs::write(top.parent().unwrap().join("meta.json"), "{").unwrap();
    assert_damage(&store, Part::Image, image.id.hex(), "cannot read what is known of layer");
    std::fs::remove_dir_all(top.parent().unwrap()).unwrap();
    assert_damage(&store, Part::Image, image.id.hex(), "is missing");
}

#[test]
fn images_whose_files_are_others_are_damaged() {
    let test = TestDir::new();
    let store = test.store();
    let image = furnished(&store);
    let file = |name: &str| test.path("root/images").join(image.id.hex()).join(name);
    std::fs::write(file("config.json"), "other").unwrap();
    assert_damage(&store, Part::Image, image.id.hex(), "its configuration is not");
    std::fs::write(file("manifest.json"), "other").unwrap();
    assert_damage(&store, Part::Image, image.id.hex(), "its manifest is not");
    std::fs::write(file("record.json"), "").unwrap();
    assert_damage(&store, Part::Image, image.id.hex(), "not a valid record");
    // Layers of an image that cannot be read are not taken for idle.
    assert!(check(&store).idle_layers.is_empty());
}

#[test]
fn names_layers_and_leftovers_that_nobody_has_are_told_of() {
    let test = TestDir::new();
    let store = test.store();
    let image = furnished(&store);
    let container = store.find_container("web").unwrap().id().clone();
    std::fs::remove_dir_all(test.path("root/containers").join(container.hex())).unwrap();
    std::fs::remove_dir_all(test.path("root/images").join(image.id.hex())).unwrap();
    test.make("root/tmp/image-left");
    let id = ContainerId::random().unwrap();
    let other = NewContainer {
        id: &id,
        name: Some("db"),
        more_images: &[],
        image: None,
        record: &"record",
        durability: Durability::Volatile,
    };
    let _ = store.create_container(other).unwrap();
    test.symlink("root/containers/names/db-old", id.hex());
    test.make("root/pods/names");
    test.symlink("root/pods/names/web", container.hex());
    test.symlink("root/images/names/.localhost%2Fc:d.new", &format!("{} localhost/c:d", image.id.hex()));
    let report = check(&store);
    assert_eq!(report.stale_image_names, ["localhost/a:b"]);
    assert_eq!(report.stale_pod_names, ["web"]);
    assert_eq!(report.stale_container_names, ["db-old", "web"]);
    assert_eq!((report.idle_layers.len(), report.leftovers), (2, 2));
    assert_eq!(report.damages, []);
    let young = store.check(CheckOptions { idle_age: Duration::from_secs(3600), ..THOROUGH }).unwrap();
    assert_eq!(young.idle_layers, []);
    // All but the image's name, which is taken away by whoever knows that it leads nowhere.
    assert_eq!(store.forget_stale_names().unwrap(), 4);
    let report = check(&store);
    assert!(report.stale_pod_names.is_empty() && report.stale_container_names.is_empty());
    assert_eq!(report.leftovers, 1);
}

#[test]
fn containers_volumes_and_secrets_are_looked_at_too() {
    let test = TestDir::new();
    let store = test.store();
    let image = furnished(&store);
    let container = store.find_container("web").unwrap().id().clone();
    std::fs::remove_dir_all(test.path("root/images").join(image.id.hex())).unwrap();
    assert_damage(&store, Part::Container, container.hex(), "is missing");
    test.write(&format!("root/containers/{container}/record.json"), b"{");
    assert_damage(&store, Part::Container, container.hex(), "not a valid record");
    test.write("root/secrets/key/record.json", b"{");
    assert_damage(&store, Part::Secret, "key", "not a valid record");
    test.write("root/volumes/data/record.json", b"{");
    test.write("root/volumes/data/_data/kept", b"x");
    assert_damage(&store, Part::Volume, "data", "not a valid record");
    store.renew_volume_record("data").unwrap();
    assert!(check(&store).damages.iter().all(|it| it.part != Part::Volume));
    assert!(test.exists("root/volumes/data/_data/kept"));
    std::fs::remove_file(test.path("root/volumes/data/record.json")).unwrap();
    assert_damage(&store, Part::Volume, "data", "its record is missing");
}
