//! registries.conf as people write it, and as they get it wrong.

use super::*;

const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn parse(text: &str) -> Result<RegistriesConf, RegistriesError> {
    RegistriesConf::parse(Path::new("r.conf"), text)
}

#[track_caller]
fn sources(text: &str, image: &str) -> Vec<String> {
    let sources = parse(text).unwrap().pull_sources(&Reference::parse(image).unwrap()).unwrap();
    let show = |source: &PullSource| {
        let mark = if source.insecure { " insecure" } else { "" };
        format!("{}{mark}", source.reference)
    };
    sources.iter().map(show).collect()
}

#[track_caller]
fn refused(text: &str, message: &str) {
    let err = parse(text).unwrap_err().to_string();
    assert!(err.contains(message), "{err}");
}

#[test]
fn an_image_without_entry_is_where_it_says() {
    assert_eq!(sources("", "quay.io/a:1"), ["quay.io/a:1"]);
}

#[test]
fn the_longest_prefix_wins() {
    let text = "[[registry]]\nlocation = 'a.io'\n[[registry]]\nprefix = 'a.io/b'\nlocation = 'c.io/d'\ninsecure = true\n";
    assert_eq!(sources(text, "a.io/b/x:1"), ["c.io/d/x:1 insecure"]);
    assert_eq!(sources(text, "a.io/b:1"), ["c.io/d:1 insecure"]);
    assert_eq!(sources(text, "a.io/bc:1"), ["a.io/bc:1"]);
    assert_eq!(sources(text, "a.iox/b:1"), ["a.iox/b:1"]);
}

#[test]
fn a_wildcard_matches_subdomains_only() {
    let text = "[[registry]]\nprefix = '*.example.com'\ninsecure = true\n";
    assert_eq!(sources(text, "a.example.com/x:1"), ["a.example.com/x:1 insecure"]);
    assert_eq!(sources(text, "a.b.example.com:5000/x"), ["a.b.example.com:5000/x insecure"]);
    assert_eq!(sources(text, "example.com/x"), ["example.com/x"]);
    assert_eq!(sources(text, "b.io/a.example.com/x"), ["b.io/a.example.com/x"]);
    let text = "[[registry]]\nprefix = '*.example.com'\nlocation = 'c.io/m'\n";
    assert_eq!(sources(text, "a.example.com/x:1"), ["c.io/m/x:1"]);
}

#[test]
fn mirrors_come_first_in_order_and_serve_what_they_may() {
    let text = "[[registry]]\nlocation = 'docker.io'\n[[registry.mirror]]\nlocation = 'm1:5000/hub'\ninsecure = true\n\
                [[registry.mirror]]\nlocation = 'm2.io'\npull-from-mirror = 'digest-only'\n\
                [[registry.mirror]]\nlocation = 'm3.io'\npull-from-mirror = 'tag-only'\n";
    assert_eq!(
        sources(text, "alpine:1"),
        ["m1:5000/hub/library/alpine:1 insecure", "m3.io/library/alpine:1", "docker.io/library/alpine:1"]
    );
    let by_digest = sources(text, &format!("alpine@sha256:{HEX}"));
    assert_eq!(by_digest.len(), 3);
    assert!(by_digest[1].starts_with("m2.io/library/alpine@"));
    let text = format!(
        "{text}\n[[registry]]\nlocation='q.io'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='m.io'\n"
    );
    assert_eq!(sources(&text, "q.io/a:1"), ["q.io/a:1"]);
}

#[test]
fn a_blocked_registry_says_who_blocks_it() {
    let conf = parse("# x\n[[registry]]\nprefix = 'evil.io/a'\nblocked = true\n").unwrap();
    let err = conf.pull_sources(&Reference::parse("evil.io/a/b").unwrap()).unwrap_err();
    assert_eq!(err.to_string(), "registry evil.io/a is blocked by r.conf:2");
}

#[test]
fn faults_have_a_place() {
    refused("a = 'x\n", "r.conf:1:");
    refused("[[registry]]\nlocation = 'https://x.io'\n", "r.conf:2:12: `location` must not have a scheme");
    refused(
        "[[registry]]\ninsecure = 'yes'\nlocation='x.io'",
        "r.conf:2:12: `insecure` must be true or false",
    );
    refused("[[registry]]\ninsecure = true\n", "neither `prefix` nor `location`");
    refused("[registry]\nlocation = 'x.io'\n", "must be written as [[registry]]");
    refused("short-name-mode = 'x'", "r.conf:1:19: `short-name-mode` must be");
    refused("unqualified-search-registries = ['a b']", "blanks");
    refused("unqualified-search-registries = ['foo']", "no registry");
    refused("[[registry]]\nprefix = 'a*'\nlocation = 'x.io'\n", "`*`");
    refused("[registries.search]\nregistries = ['docker.io']\n", "version 1");
    refused("[aliases]\na = 'b'\n", "full image name");
    refused("[aliases]\n'q.io/a' = 'q.io/b'\n", "no short name");
    refused("[[registry]]\nlocation='x.io'\n[[registry.mirror]]\ninsecure=true\n", "no `location`");
}

#[test]
fn unknown_keys_are_reported_with_their_line() {
    let conf = parse("x = 1\n[[registry]]\nlocation = 'a.io'\nfuture = true\n").unwrap();
    let shown: Vec<_> = conf.unhonoured.iter().map(|it| (it.key.as_str(), it.line)).collect();
    assert_eq!(shown, [("x", 1), ("registry.future", 4)]);
}

#[test]
fn later_files_win_and_empty_aliases_take_back() {
    let directory = crate::test_dir::TestDir::new("registries");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "main",
        "unqualified-search-registries=['a.io']\n[[registry]]\nlocation='r.io'\n[aliases]\nx='q.io/x'\ny='q.io/y'\n",
    );
    write("second", "unqualified-search-registries=['never.io']\n");
    write(
        "d/20.conf",
        "unqualified-search-registries=['c.io']\n[[registry]]\nlocation='r.io'\nblocked=true\n",
    );
    write("d/10.conf", "unqualified-search-registries=['b.io']\n[aliases]\nx=''\n");
    write("d/readme", "not toml at all");
    write("aliases", "[aliases]\ny='z.io/y'\n");
    let at = |name: &str| directory.path().join(name);
    let conf = RegistriesConf::read(&RegistriesPaths {
        main: vec![at("absent"), at("main"), at("second")],
        system_drop_ins: vec![at("nowhere"), at("d")],
        alias_files: vec![at("aliases")],
        ..RegistriesPaths::default()
    })
    .unwrap();
    assert_eq!(conf.search, ["c.io"]);
    assert!(conf.search_path.unwrap().ends_with("20.conf"));
    assert!(conf.registries[0].blocked);
    assert_eq!(conf.registries.len(), 1);
    assert_eq!(conf.aliases.len(), 1);
    assert_eq!(conf.aliases["y"].to_string(), "z.io/y");
}

#[test]
fn the_standard_paths_follow_the_environment() {
    let environment: Environment = [("HOME", "/home/u"), ("XDG_CONFIG_HOME", "/cfg")].into_iter().collect();
    let paths = RegistriesPaths::standard(&environment, true);
    assert_eq!(paths.own[0], Path::new("/cfg/containers/registries.conf"));
    assert_eq!(paths.own[1], Path::new("/home/u/.config/containers/registries.conf"));
    assert_eq!(paths.main[0], Path::new("/etc/containers/registries.conf"));
    assert_eq!(paths.own_drop_ins.last().unwrap(), Path::new("/cfg/containers/registries.conf.d"));
    assert_eq!(paths.alias_files, [Path::new("/home/u/.cache/containers/short-name-aliases.conf")]);
    let environment: Environment = [("CONTAINERS_REGISTRIES_CONF", "/x.conf")].into_iter().collect();
    let paths = RegistriesPaths::standard(&environment, true);
    assert_eq!((paths.own, paths.main), (Vec::new(), vec!["/x.conf".into()]));
}

#[test]
fn a_users_own_file_stands_for_all_of_the_systems() {
    let directory = crate::test_dir::TestDir::new("registries-own");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let registry = |how: &str| format!("[[registry]]\nlocation='r.io'\n{how}=true\n");
    let system_dir = write("system/1.conf", &registry("insecure"));
    let own_dir = write("own/1.conf", "[aliases]\nx='own.io/x'\n");
    let mut paths = RegistriesPaths {
        own: vec![directory.path().join("absent")],
        main: vec![write("main", "unqualified-search-registries=['system.io']\n")],
        system_drop_ins: vec![system_dir.parent().unwrap().to_owned()],
        own_drop_ins: vec![own_dir.parent().unwrap().to_owned()],
        ..RegistriesPaths::default()
    };
    let conf = RegistriesConf::read(&paths).unwrap();
    assert!(conf.registries[0].insecure && conf.search == ["system.io"] && conf.aliases.len() == 1);
    paths.own.push(write("own-main", &registry("blocked")));
    let conf = RegistriesConf::read(&paths).unwrap();
    assert!(conf.registries[0].blocked && !conf.registries[0].insecure && conf.search.is_empty());
    assert_eq!(conf.aliases.len(), 1);
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let directory = crate::test_dir::TestDir::new("named-registries");
    let path = directory.path().join("typo.conf");
    let environment: Environment =
        [("CONTAINERS_REGISTRIES_CONF", path.to_str().unwrap())].into_iter().collect();
    let paths = RegistriesPaths::standard(&environment, true);
    let err = RegistriesConf::read(&paths).unwrap_err().to_string();
    assert!(err.contains("typo.conf"), "{err}");
    RegistriesConf::read(&RegistriesPaths { is_named: false, ..paths.clone() }).unwrap();
    std::fs::write(&path, "unqualified-search-registries=['c.io']\n").unwrap();
    assert_eq!(RegistriesConf::read(&paths).unwrap().search, ["c.io"]);
}
