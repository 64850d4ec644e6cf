//! Which files are found, and which of several of one name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{CONTAINER, Ran, dry_run, generator, place, write};

fn container(comment: &str) -> String {
    format!("{CONTAINER}HostName={comment}\n")
}

#[test]
fn the_first_directory_with_a_name_wins() {
    let place = place("first");
    write(&place.join("a/web.container"), container("a"));
    write(&place.join("b/web.container"), container("b"));
    write(&place.join("b/more/db.container"), container("b-more"));
    write(&place.join("b/zoo/db.container"), container("b-zoo"));
    write(&place.join("c/db.container"), container("c"));
    let ran = dry_run(&format!("{0}/a:{0}/b:relative:{0}/c", place.display()));
    let units = ran.units();
    assert_eq!(ran.names(), ["db.service", "web.service"]);
    assert!(units["web.service"].contains("--hostname a "), "{units:?}");
    assert!(units["db.service"].contains("--hostname b-more "), "{units:?}");
    assert!(ran.stderr.contains("`relative` is not an absolute path"), "{}", ran.stderr);
}

#[test]
fn a_broken_file_hides_those_of_its_name_as_a_good_one_does() {
    let place = place("broken-first");
    write(&place.join("a/web.container"), "nonsense");
    write(&place.join("b/web.container"), CONTAINER);
    let ran = dry_run(&format!("{0}/a:{0}/b", place.display()));
    assert_eq!(ran.status, 1);
    assert!(ran.units()["web.service"].contains("a/web.container:1:1: error:"));
}

#[test]
fn a_link_to_the_null_device_masks() {
    let place = place("masked");
    fs::create_dir_all(place.join("a")).unwrap();
    symlink("/dev/null", place.join("a/web.container")).unwrap();
    symlink("/dev/null", place.join("a/data.volume")).unwrap();
    write(&place.join("b/web.container"), CONTAINER);
    write(&place.join("b/db.container"), format!("[Unit]\nAfter=web.container\n{CONTAINER}"));
    let directories = format!("{0}/a:{0}/b", place.display());
    let ran = dry_run(&directories);
    assert_eq!((ran.status, ran.names()), (0, vec!["db.service".to_owned()]));
    write(&place.join("b/uses.container"), format!("{CONTAINER}Volume=data.volume:/data\n"));
    let ran = dry_run(&directories);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("`data.volume` is masked by"), "{}", ran.stderr);
}

#[test]
fn linked_directories_are_searched_once_and_named_by_where_they_lie() {
    let place = place("linked");
    write(&place.join("elsewhere/web.container"), CONTAINER);
    fs::create_dir_all(place.join("units")).unwrap();
    symlink(place.join("elsewhere"), place.join("units/link")).unwrap();
    symlink(".", place.join("units/self")).unwrap();
    symlink("..", place.join("units/up")).unwrap();
    symlink("loop", place.join("units/loop")).unwrap();
    let ran = dry_run(&place.join("units").display().to_string());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let expected = format!("\nSourcePath={}/web.container\n", place.join("elsewhere").display());
    assert!(ran.units()["web.service"].contains(&expected), "{}", ran.stdout);
}

#[test]
fn drop_ins_come_from_every_directory_and_the_most_specific_of_a_name_counts() {
    let place = place("drop-ins");
    let drop_in = |path: &str, name: &str| {
        write(&place.join(path), format!("[Container]\nEnvironment={name}=1\n"));
    };
    write(&place.join("b/sub/shop-web.container"), CONTAINER);
    drop_in("a/container.d/10.conf", "GENERAL10");
    drop_in("a/container.d/20.conf", "GENERAL20");
    drop_in("a/container.d/ignored.txt", "TEXT");
    drop_in("b/shop-.container.d/10.conf", "SHOP10");
    drop_in("b/other-.container.d/10.conf", "OTHER10");
    drop_in("c/deep/shop-web.container.d/05.conf", "OWN05");
    drop_in("c/shop-web.container.d/05.conf", "SECOND05");
    symlink("/dev/null", place.join("a/container.d/30.conf")).unwrap();
    drop_in("b/container.d/30.conf", "HIDDEN30");
    write(&place.join("c/deep/shop-web.container.d/nested.container"), CONTAINER);
    let ran = dry_run(&format!("{0}/a:{0}/b:{0}/c", place.display()));
    assert_eq!((ran.status, ran.names()), (0, vec!["shop-web.service".to_owned()]), "{}", ran.stderr);
    let text = &ran.units()["shop-web.service"];
    let found: Vec<_> = text.lines().filter(|line| line.starts_with("Environment=")).collect();
    let expected = ["SECOND05", "SHOP10", "GENERAL20"].map(|name| format!("Environment={name}=1"));
    assert_eq!(found[..3], expected, "{text}");
    assert!(text.contains("--env GENERAL20=1 --env SECOND05=1 --env SHOP10=1 docker.io"), "{text}");
}

#[test]
fn a_user_has_directories_of_both_names() {
    let place = place("user");
    write(&place.join("run/pontoon/systemd/a.container"), container("run-own"));
    write(&place.join("run/containers/systemd/a.container"), container("run-shared"));
    write(&place.join("config/containers/systemd/a.container"), container("config"));
    write(&place.join("config/containers/systemd/b.container"), container("config"));
    write(&place.join("home/.config/pontoon/systemd/c.container"), container("home"));
    let run = |config: Option<&str>| {
        let mut command = generator();
        command
            .env("XDG_RUNTIME_DIR", place.join("run"))
            .env("HOME", place.join("home"))
            .args(["-user", "-dryrun"]);
        if let Some(config) = config {
            command.env("XDG_CONFIG_HOME", place.join(config));
        }
        Ran::from(command.output().unwrap()).units()
    };
    // Where the original's generator is at work, the directories both know are left to it.
    let shared = !Path::new("/usr/lib/systemd/user-generators/podman-user-generator").exists();
    let units = run(Some("config"));
    assert!(units["a.service"].contains("--hostname run-own "));
    assert_eq!(units.get("b.service").is_some_and(|text| text.contains("--hostname config ")), shared);
    assert!(!units.contains_key("c.service"));
    assert!(run(None)["c.service"].contains("--hostname home "));
}

#[test]
fn a_tree_of_thousands_of_directories_is_searched_whole() {
    let place = place("wide");
    for number in 0..1500 {
        write(&place.join(format!("{number}/u{number}.container")), CONTAINER);
    }
    let ran = dry_run(place.to_str().unwrap());
    assert_eq!((ran.status, ran.units().len()), (0, 1500), "{}", ran.stderr);
}
