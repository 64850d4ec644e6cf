//! Image names as people write them, and as they get them wrong.

use super::*;

const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[track_caller]
fn check(text: &str, full: &str, familiar: &str) {
    let reference = Reference::parse(text).unwrap();
    assert_eq!(reference.to_string(), full);
    assert_eq!(reference.familiar(), familiar);
    assert_eq!(Reference::parse(full).unwrap(), reference, "the full form parses back");
    assert_eq!(Reference::parse(familiar).unwrap(), reference, "the familiar form parses back");
}

#[track_caller]
fn refused(text: &str, reason: &str) {
    let err = Reference::parse(text).unwrap_err();
    assert!(err.reason.contains(reason), "{text}: {err}");
}

#[test]
fn names_without_a_registry_are_docker_hubs() {
    check("alpine", "docker.io/library/alpine", "alpine");
    check("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20");
    check("user/app", "docker.io/user/app", "user/app");
    check("docker.io/alpine", "docker.io/library/alpine", "alpine");
    check("index.docker.io/alpine", "docker.io/library/alpine", "alpine");
    check("docker://alpine", "docker.io/library/alpine", "alpine");
    check("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b");
}

#[test]
fn hosts_are_told_from_repositories() {
    check("quay.io/a/b/c:1", "quay.io/a/b/c:1", "quay.io/a/b/c:1");
    check("localhost/app", "localhost/app", "localhost/app");
    check("localhost:5000/app:dev", "localhost:5000/app:dev", "localhost:5000/app:dev");
    check("127.0.0.1:5000/app", "127.0.0.1:5000/app", "127.0.0.1:5000/app");
    check("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app");
    check("Host/app", "Host/app", "Host/app");
    check("host/app", "docker.io/host/app", "host/app");
    check("app:5000", "docker.io/library/app:5000", "app:5000");
}

#[test]
fn digests_and_tags_may_stand_together() {
    let text = format!("quay.io/a:1@sha256:{HEX}");
    check(&text, &text, &text);
    let reference = Reference::parse(&text).unwrap();
    assert_eq!(reference.for_pull().to_string(), format!("quay.io/a@sha256:{HEX}"));
    assert_eq!(reference.digest().unwrap().hex(), HEX);
}

#[test]
fn separators_of_repositories_are_as_docker_has_them() {
    check("g/a-b_c.d__e---f", "docker.io/g/a-b_c.d__e---f", "g/a-b_c.d__e---f");
    for text in ["a..b", "a___b", "_a", "a_", "-a", "a.", "a//b", "/a", "a/", "a b", "a._b", "ä"] {
        assert!(Reference::parse(text).is_err(), "{text} was accepted");
    }
}

#[test]
fn wrong_names_are_refused_with_the_reason() {
    refused("", "empty");
    refused("Alpine", "lower case");
    refused("quay.io/Alpine", "lower case");
    refused("alpine:", "tag is empty");
    refused("alpine:-x", "begins with");
    refused("alpine:a/b", "port");
    refused("alpine:ä", "tag has other");
    refused(HEX, "image id");
    refused("alpine@sha256:abc", "length");
    refused("alpine@sha256:../../x", "length");
    refused("alpine@md5:abc", "algorithm");
    refused("host:99999/a", "port");
    refused("host:x/a", "port");
    refused("a..b:1/c", "host name");
    refused("https://quay.io/a", "https://");
    refused("oci-archive:/tmp/x.tar", "oci-archive");
    refused(&format!("quay.io/{}", "a".repeat(256)), "255");
    refused(&format!("a:{}", "a".repeat(129)), "128");
    refused("alpine\n", "repository");
    refused("quay.io/../x", "repository");
}

#[test]
fn an_upper_case_name_gets_a_hint() {
    assert_eq!(Reference::parse("Alpine").unwrap_err().hint().unwrap(), "did you mean `alpine`?");
    assert_eq!(Reference::parse("a..b").unwrap_err().hint(), None);
}

#[test]
fn the_default_tag_is_latest() {
    assert_eq!(Reference::parse("a").unwrap().with_default_tag().tag(), Some("latest"));
    assert_eq!(Reference::parse("a:1").unwrap().with_default_tag().tag(), Some("1"));
    assert!(Reference::parse("a").unwrap().with_tag("b c").is_err());
}
