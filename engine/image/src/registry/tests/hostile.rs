//! Registries that lie.

use super::*;

/// Replaces what the registry sends for the path and returns how the pull fails.
#[track_caller]
fn fails(path: &str, reply: Reply, message: &str) {
    let mut content = Image::new().content();
    content.put(path, reply);
    let server = content.serve();
    let err = pull(&source(&server)).unwrap_err();
    assert!(err.contains(message), "{err}");
}

const MANIFEST: &str = "/v2/team/app/manifests/1";

fn manifest(text: &str) -> Reply {
    Reply::ok(text).with("Content-Type", OCI_MANIFEST)
}

#[test]
fn a_wrong_layer_is_refused_at_its_end() {
    let image = Image::new();
    let mut wrong = image.layer.clone();
    wrong[7] ^= 1;
    fails(&image.layer_path(), Reply::bytes(200, wrong.clone()), "content has digest");
    wrong.push(0);
    fails(&image.layer_path(), Reply::bytes(200, wrong), "longer than");
    fails(&image.layer_path(), Reply::bytes(200, image.layer[..9].to_vec()), "ended after 9 of");
}

#[test]
fn a_wrong_configuration_is_refused() {
    let image = Image::new();
    let path = format!("/v2/team/app/blobs/{}", Digest::sha256(image.config.as_bytes()));
    fails(&path, Reply::ok(&image.config.replace("linux", "linuX")), "content has digest");
    let huge = image.manifest.replace(&format!("\"size\":{}}}", image.config.len()), "\"size\":99999999}");
    fails(MANIFEST, manifest(&huge), "more than");
}

#[test]
fn a_manifest_asked_by_digest_must_have_it() {
    let image = Image::new();
    let digest = Digest::sha256(image.manifest.as_bytes());
    let mut content = image.content();
    content.put(&format!("/v2/team/app/manifests/{digest}"), manifest(&format!("{} ", image.manifest)));
    let server = content.serve();
    let name = Reference::parse(&format!("{}/team/app@{digest}", server.authority())).unwrap();
    let err =
        client_with(options(), Credentials::none()).source(&name).unwrap().resolve(&PlatformRequest::host());
    assert!(chain(&err.unwrap_err()).contains("content has digest"));
}

#[test]
fn confusing_manifests_are_refused() {
    let image = Image::new();
    let both = image.manifest.replace("\"layers\"", "\"manifests\":[],\"layers\"");
    fails(MANIFEST, manifest(&both), "ambiguous");
    fails(MANIFEST, Reply::ok(&image.manifest).with("Content-Type", OCI_INDEX), "by its sender");
    fails(MANIFEST, manifest(&image.manifest.replace(OCI_MANIFEST, OCI_INDEX)), "by itself");
    fails(MANIFEST, manifest("<html>sign in to the hotel</html>"), "neither an image manifest");
    fails(MANIFEST, Reply::bytes(200, vec![b' '; (MAX_MANIFEST_SIZE + 1) as usize]), "more than");
}

#[test]
fn no_field_takes_a_bad_digest() {
    let image = Image::new();
    for wrong in ["sha256:../../../etc/passwd", "sha256:ABC", "md5:d41d8cd98f00b204e9800998ecf8427e", ""] {
        for right in [Digest::sha256(image.config.as_bytes()), Digest::sha256(&image.layer)] {
            let text = image.manifest.replace(right.as_str(), wrong);
            fails(MANIFEST, manifest(&text), "not a digest");
        }
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{wrong}","size":1}}]}}"#);
        fails(MANIFEST, Reply::ok(&index), "not a digest");
    }
}

#[test]
fn too_many_layers_and_uneven_lists_are_refused() {
    let image = Image::new();
    let layer = format!(r#"{{"mediaType":"{OCI_LAYER}","digest":"{}","size":5}}"#, Digest::sha256(b""));
    let start = image.manifest.find("\"layers\":[").unwrap() + "\"layers\":[".len();
    let with =
        |count: usize| format!("{}{}]}}", &image.manifest[..start], vec![layer.as_str(); count].join(","));
    fails(MANIFEST, manifest(&with(1001)), "at most 1000");
    fails(MANIFEST, manifest(&with(2)), "lists 1");
}

#[test]
fn the_manifest_of_an_index_must_be_the_announced_one() {
    let image = Image::new();
    let platform = Platform::host();
    let index = |digest: &Digest, size: usize| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":{size},"platform":{{"os":"linux","architecture":"{}"}}}}]}}"#,
            platform.architecture
        )
    };
    let send = |text: &str| Reply::ok(text).with("Content-Type", OCI_INDEX);
    let digest = Digest::sha256(image.manifest.as_bytes());
    let good = index(&digest, image.manifest.len());
    let mut content = image.content();
    content.put(MANIFEST, send(&good));
    let server = content.clone().serve();
    let resolved = source(&server).resolve(&PlatformRequest::host()).unwrap();
    assert_eq!(resolved.manifest_digest, digest);
    assert_eq!(resolved.index.unwrap(), (good.clone().into_bytes(), Digest::sha256(good.as_bytes())));
    fails(MANIFEST, send(&index(&digest, 7)), "longer than");
    let nested = index(&Digest::sha256(good.as_bytes()), good.len());
    content.put(MANIFEST, send(&nested));
    content.put(&format!("/v2/team/app/manifests/{}", Digest::sha256(good.as_bytes())), send(&good));
    let err = pull(&source(&content.serve())).unwrap_err();
    assert!(err.contains("neither"), "{err}");
}

#[test]
fn an_image_for_another_machine_needs_to_be_asked_for() {
    let image = Image::new();
    let config = image.config.replace(&format!("\"{}\"", Platform::host().architecture), "\"s390x\"");
    let text = image
        .manifest
        .replace(Digest::sha256(image.config.as_bytes()).as_str(), Digest::sha256(config.as_bytes()).as_str())
        .replace(&format!("\"size\":{}}},", image.config.len()), &format!("\"size\":{}}},", config.len()));
    let mut content = image.content();
    content.put(MANIFEST, manifest(&text));
    content.put(&format!("/v2/team/app/blobs/{}", Digest::sha256(config.as_bytes())), Reply::ok(&config));
    let server = content.serve();
    let err = source(&server).resolve(&PlatformRequest::host()).unwrap_err();
    assert!(err.to_string().contains("is for linux/s390x, not for linux/"), "{err}");
    assert!(err.hint().unwrap().contains("--platform linux/s390x"));
    let asked = PlatformRequest::only("linux/s390x".parse().unwrap());
    source(&server).resolve(&asked).unwrap();
}

#[test]
fn endless_and_downgrading_redirects_are_refused() {
    let path = Image::new().layer_path();
    fails(&path, Reply::text(302, "").with("Location", "/v2/team/app/manifests/loop"), "manifest unknown");
    let server = Server::new(|_| Reply::text(302, "").with("Location", "/again"));
    assert!(pull(&source(&server)).unwrap_err().contains("too many redirects"));
    for target in ["http://169.254.169.254/x", "file:///etc/passwd", "gopher://x/", "http://u:p@x/", ""] {
        fails(&path, Reply::text(302, "").with("Location", target), "refused");
    }
}

#[test]
fn escape_sequences_of_a_registry_do_not_reach_the_terminal() {
    let text = r#"{"errors":[{"code":"X\u001b[31m","message":"red\u0007\nline"}]}"#;
    let mut content = Image::new().content();
    content.put(MANIFEST, Reply::text(403, text));
    let err = pull(&source(&content.serve())).unwrap_err();
    assert!(err.contains("X[31m: redline"), "{err}");
    assert!(!err.chars().any(char::is_control));
}
