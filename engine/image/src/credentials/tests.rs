//! Credential files and helpers as they are found on real machines.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::test_dir::TestDir;

/// base64 of `u1:p1`, `u2:p2`, `u3:p:3`.
const ONE: &str = "dTE6cDE=";
const TWO: &str = "dTI6cDI=";
const THREE: &str = "dTM6cDoz";

fn write(directory: &TestDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn in_file(path: PathBuf) -> Credentials {
    let files = vec![AuthFile { path, format: AuthFormat::Auths, required: true }];
    Credentials::new(CredentialPaths { files }, Vec::new(), Environment::default())
}

#[track_caller]
fn user(credentials: &Credentials, image: &str) -> Option<String> {
    match credentials.find(&Reference::parse(image).unwrap()).unwrap()? {
        Credential::Basic { username, password } => Some(format!("{username}/{password}")),
        Credential::IdentityToken(token) => Some(format!("token {token}")),
    }
}

#[test]
fn the_longest_beginning_of_the_name_wins() {
    let directory = TestDir::new("credentials");
    let text = format!(
        r#"{{"auths":{{"q.io":{{"auth":"{ONE}"}},"q.io/a":{{"auth":"{TWO}"}},"q.io/a/b":{{"auth":"{THREE}"}}}}}}"#
    );
    let credentials = in_file(write(&directory, "auth.json", &text));
    assert_eq!(user(&credentials, "q.io/x").as_deref(), Some("u1/p1"));
    assert_eq!(user(&credentials, "q.io/ab:1").as_deref(), Some("u1/p1"));
    assert_eq!(user(&credentials, "q.io/a/x").as_deref(), Some("u2/p2"));
    assert_eq!(user(&credentials, "q.io/a/b:1").as_deref(), Some("u3/p:3"));
    assert_eq!(user(&credentials, "other.io/a/b"), None);
}

#[test]
fn docker_hub_is_known_by_all_its_names() {
    let directory = TestDir::new("credentials");
    for key in ["docker.io", "https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"] {
        let text = format!(r#"{{"auths":{{"{key}":{{"auth":"{ONE}"}}}}}}"#);
        let credentials = in_file(write(&directory, "auth.json", &text));
        assert_eq!(user(&credentials, "alpine").as_deref(), Some("u1/p1"), "{key}");
    }
    let text =
        format!(r#"{{"auths":{{"https://q.io:5000/v2/":{{"auth":"{ONE}"}},"q.io/ns":{{"auth":"{TWO}"}}}}}}"#);
    let credentials = in_file(write(&directory, "auth.json", &text));
    assert_eq!(user(&credentials, "q.io:5000/a").as_deref(), Some("u1/p1"));
    assert_eq!(user(&credentials, "q.io/a"), None, "the entry of a namespace is not the registry's");
}

#[test]
fn identity_tokens_and_empty_entries() {
    let directory = TestDir::new("credentials");
    let text = r#"{"auths":{"a.io":{"auth":"MDA6","identitytoken":"tok"},"b.io":{},"c.io":{"username":"u","password":"p"}}}"#;
    let credentials = in_file(write(&directory, "auth.json", text));
    assert_eq!(user(&credentials, "a.io/x").as_deref(), Some("token tok"));
    assert_eq!(user(&credentials, "b.io/x"), None);
    assert_eq!(user(&credentials, "c.io/x").as_deref(), Some("u/p"));
}

#[test]
fn broken_files_and_entries_are_named() {
    let directory = TestDir::new("credentials");
    let find = |text: &str| {
        let credentials = in_file(write(&directory, "auth.json", text));
        credentials.find(&Reference::parse("a.io/x").unwrap()).unwrap_err().to_string()
    };
    assert!(find(r#"{"auths":{"a.io":{"auth":"%%"}}}"#).contains("`a.io`"));
    assert!(find(r#"{"auths":{"a.io":{"auth":"eHg="}}}"#).contains("base64 of name:password"));
    assert!(find("{").contains("no credential file"));
    let missing = in_file(directory.path().join("missing"));
    assert!(missing.find(&Reference::parse("a.io/x").unwrap()).is_err());
}

#[test]
fn the_first_file_with_an_entry_wins() {
    let directory = TestDir::new("credentials");
    let home = directory.path().to_str().unwrap().to_owned();
    let environment: Environment = [("HOME", home.as_str())].into_iter().collect();
    for (path, auth) in [(".config/containers/auth.json", TWO), (".docker/config.json", THREE)] {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!(r#"{{"auths":{{"a.io":{{"auth":"{auth}"}}}}}}"#)).unwrap();
    }
    write(&directory, ".dockercfg", &format!(r#"{{"https://old.io/v1/":{{"auth":"{ONE}"}}}}"#));
    let paths = CredentialPaths::standard(&environment, None, 4_000_000_000);
    let credentials = Credentials::new(paths, Vec::new(), environment.clone());
    assert_eq!(user(&credentials, "a.io/x").as_deref(), Some("u2/p2"));
    assert_eq!(user(&credentials, "old.io/x").as_deref(), Some("u1/p1"));
    let named = CredentialPaths::standard(&environment, Some(Path::new("/a/f")), 1000);
    assert!(named.files.len() == 1 && named.files[0].required);
    // One that a profile names may be missing, of somebody who has not logged in.
    let profile: Environment = [("REGISTRY_AUTH_FILE", "/nope")].into_iter().collect();
    for authfile in [None, Some(Path::new(""))] {
        let paths = CredentialPaths::standard(&profile, authfile, 1000);
        assert_eq!(paths.files[0].path, Path::new("/nope"));
        assert_eq!(user(&Credentials::new(paths, Vec::new(), profile.clone()), "a.io/x"), None);
    }
    let environment: Environment =
        [("XDG_RUNTIME_DIR", "/run/user/7"), ("DOCKER_CONFIG", "/d")].into_iter().collect();
    let paths = CredentialPaths::standard(&environment, None, 7);
    let paths: Vec<_> = paths.files.iter().map(|file| file.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["/run/user/7/containers/auth.json", "/d/config.json"]);
}

/// Writes a helper that knows `known.io`, a token for `token.io` and Docker Hub.
fn helper(directory: &TestDir) -> Environment {
    let path = write(
        directory,
        "docker-credential-test",
        "#!/bin/sh\nread server\ncase \"$1 $server\" in\n\
         'get known.io') echo '{\"ServerURL\":\"known.io\",\"Username\":\"hu\",\"Secret\":\"hp\"}';;\n\
         'get token.io') echo '{\"Username\":\"<token>\",\"Secret\":\"ht\"}';;\n\
         'get https://index.docker.io/v1/') echo '{\"Username\":\"hub\",\"Secret\":\"x\"}';;\n\
         'get bad.io') echo 'it broke' >&2; exit 1;;\n\
         *) echo 'credentials not found in native keychain'; exit 1;;\nesac\n",
    );
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let search = format!("{}:/usr/bin:/bin", directory.path().display());
    [("PATH", search)].into_iter().collect()
}

#[test]
fn helpers_are_asked_for_their_registries() {
    let directory = TestDir::new("credentials");
    let environment = helper(&directory);
    let text = format!(
        r#"{{"auths":{{"plain.io":{{"auth":"{ONE}"}},"known.io":{{}}}},"credsStore":"test",
        "credHelpers":{{"token.io":"test","bad.io":"test","evil.io":"../../bin/x","none.io":"absent"}}}}"#
    );
    let path = write(&directory, "auth.json", &text);
    let files = vec![AuthFile { path, format: AuthFormat::Auths, required: true }];
    let credentials = Credentials::new(CredentialPaths { files }, Vec::new(), environment.clone());
    assert_eq!(user(&credentials, "plain.io/x").as_deref(), Some("u1/p1"));
    assert_eq!(user(&credentials, "known.io/x").as_deref(), Some("hu/hp"));
    assert_eq!(user(&credentials, "token.io/x").as_deref(), Some("token ht"));
    assert_eq!(user(&credentials, "alpine").as_deref(), Some("hub/x"));
    assert_eq!(user(&credentials, "unknown.io/x"), None);
    let fails = |image: &str| credentials.find(&Reference::parse(image).unwrap()).unwrap_err();
    assert_eq!(fails("bad.io/x").to_string(), "`docker-credential-test` failed: it broke");
    assert!(matches!(fails("evil.io/x"), CredentialError::HelperName { .. }));
    assert!(fails("none.io/x").hint().unwrap().contains("docker-credential-absent"));
    let by_conf = Credentials::new(CredentialPaths::default(), vec!["test".to_owned()], environment);
    assert_eq!(user(&by_conf, "known.io/x").as_deref(), Some("hu/hp"));
}

#[test]
fn secrets_do_not_reach_debug_output() {
    let credential = Credential::parse("me:secret:word").unwrap();
    assert_eq!(format!("{credential:?}"), "Basic(me)");
    assert_eq!(format!("{:?}", Credential::IdentityToken("secret".to_owned())), "IdentityToken");
    assert_eq!(Credential::parse("nobody"), None);
}
