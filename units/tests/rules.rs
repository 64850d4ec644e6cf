//! Words, names, places to look, and near misses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use pontoon_units::names::{FileName, is_unit_name};
use pontoon_units::search::{Leave, Manager, Surroundings, directories, is_somebody_elses};
use pontoon_units::suggest::nearest;
use pontoon_units::words::{Splitting, split};

#[track_caller]
fn check_words(value: &str, splitting: Splitting, expected: &[&str]) {
    let found: Vec<_> = split(value, splitting).unwrap().into_iter().map(|word| word.text).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn check_fault(value: &str, splitting: Splitting, offset: usize) {
    assert_eq!(split(value, splitting).unwrap_err().offset(), offset, "{value}");
}

#[test]
fn words_are_split_at_blanks_and_joined_by_quotes() {
    check_words("a  b\tc", Splitting::Command, &["a", "b", "c"]);
    check_words(r#"e"f g"h 'i "j'"#, Splitting::Command, &["ef gh", "i \"j"]);
    check_words(r#"sh -c "" '' x"#, Splitting::Command, &["sh", "-c", "", "", "x"]);
    check_words("", Splitting::Command, &[]);
}

#[test]
fn escapes_are_decoded_on_command_lines_alone() {
    check_words(r#"\a\b\f\n\r\t\v\\\"\'\s"#, Splitting::Command, &["\x07\x08\x0c\n\r\t\x0b\\\"' "]);
    check_words(r"\x41\101\u00e9\U0001f600 \xff", Splitting::Command, &["AA\u{e9}\u{1f600}", "\u{ff}"]);
    check_words(r"a\nb \q", Splitting::Plain, &[r"a\nb", r"\q"]);
}

#[test]
fn broken_words_are_faults_with_a_place() {
    check_fault(r"ab \q", Splitting::Command, 3);
    check_fault(r"\x4", Splitting::Command, 0);
    check_fault(r"\x+4", Splitting::Command, 0);
    check_fault(r"\000", Splitting::Command, 0);
    check_fault(r"\777", Splitting::Command, 0);
    check_fault(r"\ud800", Splitting::Command, 0);
    check_fault(r"é\x€", Splitting::Command, 2);
    check_fault("a\\", Splitting::Command, 1);
    check_fault("ab 'c d", Splitting::Command, 3);
    check_fault("ab \"c d", Splitting::Plain, 3);
}

#[track_caller]
fn check_names(file: &str, service: &str, resource: &str) {
    let name = FileName::new(file).unwrap();
    let service = format!("{service}.service");
    assert_eq!((name.service(), name.resource().as_str()), (service, resource));
}

#[test]
fn services_and_resources_are_named_after_files() {
    check_names("web.container", "web", "systemd-%N");
    check_names("web@.container", "web@", "systemd-%p_%i");
    check_names("web@one.container", "web@one", "systemd-%p_%i");
    check_names("my.data.volume", "my.data-volume", "systemd-my.data");
    check_names("data@.volume", "data-volume@", "systemd-data-%i");
    check_names("data@one.volume", "data@one-volume", "systemd-data-one");
    check_names("shop.pod", "shop-pod", "systemd-shop");
    assert_eq!(FileName::new("web.service"), None);
    assert_eq!(FileName::new("container"), None);
}

#[track_caller]
fn check_drop_ins(file: &str, expected: &[&str]) {
    assert_eq!(FileName::new(file).unwrap().drop_in_directories(), expected);
}

#[test]
fn drop_ins_go_from_the_most_to_the_least_specific() {
    check_drop_ins(
        "a-b-c.container",
        &["a-b-c.container.d", "a-b-.container.d", "a-.container.d", "container.d"],
    );
    check_drop_ins(
        "a-b@i.container",
        &["a-b@i.container.d", "a-b@.container.d", "a-@.container.d", "a-.container.d", "container.d"],
    );
    check_drop_ins(
        "a-b@.container",
        &["a-b@.container.d", "a-@.container.d", "a-.container.d", "container.d"],
    );
    check_drop_ins("web.volume", &["web.volume.d", "volume.d"]);
}

#[test]
fn only_names_that_systemd_loads_are_names() {
    for good in ["a.service", "a-b_c:d@e.service", "a\\x2db.service", "x.service.service"] {
        assert!(is_unit_name(good), "{good}");
    }
    for bad in [
        "",
        "a",
        ".service",
        "a b.service",
        "a/b.service",
        "../a.service",
        "@a.service",
        "é.service",
        "a\n.service",
    ] {
        assert!(!is_unit_name(bad), "{bad}");
    }
    assert!(!is_unit_name(&format!("{}.service", "a".repeat(300))));
}

fn paths(manager: Manager, surroundings: &Surroundings) -> Vec<(String, Leave)> {
    let found = directories(manager, surroundings).into_iter();
    found.map(|directory| (directory.path.display().to_string(), directory.leave)).collect()
}

#[test]
fn the_system_searches_its_directories_but_not_those_of_users() {
    let expected = [
        "/run/pontoon/systemd",
        "/run/containers/systemd",
        "/etc/pontoon/systemd",
        "/etc/containers/systemd",
        "/usr/share/pontoon/systemd",
        "/usr/share/containers/systemd",
    ];
    let expected: Vec<_> = expected.iter().map(|path| ((*path).to_owned(), Leave::Users)).collect();
    assert_eq!(paths(Manager::System, &Surroundings::default()), expected);
}

#[test]
fn a_user_searches_their_own_directories_before_those_for_all() {
    let surroundings = Surroundings {
        runtime: Some(PathBuf::from("/run/user/1000")),
        home: Some(PathBuf::from("/home/me")),
        shared_taken: true,
        ..Surroundings::default()
    };
    let expected = [
        ("/run/user/1000/pontoon/systemd", Leave::Nothing),
        ("/home/me/.config/pontoon/systemd", Leave::Nothing),
        ("/etc/pontoon/systemd/users/1000", Leave::Nothing),
        ("/etc/pontoon/systemd/users", Leave::Numbers),
        ("/usr/share/pontoon/systemd/users/1000", Leave::Nothing),
        ("/usr/share/pontoon/systemd/users", Leave::Numbers),
    ];
    let expected: Vec<_> = expected.iter().map(|(path, leave)| ((*path).to_owned(), *leave)).collect();
    assert_eq!(paths(Manager::User { uid: 1000 }, &surroundings), expected);
}

#[test]
fn the_environment_replaces_all_directories() {
    let surroundings = Surroundings {
        unit_directories: Some("/a:relative::/b".to_owned()),
        home: Some(PathBuf::from("/home/me")),
        ..Surroundings::default()
    };
    let expected = [("/a".to_owned(), Leave::Nothing), ("/b".to_owned(), Leave::Nothing)];
    assert_eq!(paths(Manager::System, &surroundings), expected);
}

#[test]
fn no_link_leads_into_the_directory_of_another_user() {
    let users = [PathBuf::from("/etc/containers/systemd/users")];
    let check = |manager, path: &str| is_somebody_elses(manager, &users, Path::new(path));
    let me = Manager::User { uid: 1000 };
    assert!(check(Manager::System, "/etc/containers/systemd/users/1000"));
    assert!(!check(Manager::System, "/etc/containers/systemd/users-foo"));
    assert!(check(me, "/etc/containers/systemd/users/1001/x"));
    assert!(!check(me, "/etc/containers/systemd/users/1000/x"));
    assert!(!check(me, "/etc/containers/systemd/users/team"));
    assert!(!check(me, "/srv/units/1001"));
}

#[test]
fn slips_of_the_finger_are_recognised_and_other_words_are_not() {
    let keys = ["Image", "Environment", "EnvironmentFile", "PublishPort", "User", "UserNS"];
    for (word, expected) in [
        ("Imagee", Some("Image")),
        ("Iamge", Some("Image")),
        ("image", Some("Image")),
        ("Enviroment", Some("Environment")),
        ("PublishPorts", Some("PublishPort")),
        ("Usr", Some("User")),
        ("Restart", None),
        ("", None),
    ] {
        assert_eq!(nearest(word, keys), expected, "{word}");
    }
}
