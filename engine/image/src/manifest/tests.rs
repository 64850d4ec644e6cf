//! Manifests and indexes, honest and confusing.

use super::*;

const HEX: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn descriptor(media_type: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":5}}"#)
}

fn manifest(media_type: &str, extra: &str) -> String {
    let (config, layer) = (descriptor(OCI_CONFIG), descriptor(OCI_LAYER));
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[{layer}]{extra}}}"#)
}

fn index(platforms: &[&str]) -> Index {
    let entries: Vec<String> = platforms
        .iter()
        .map(|platform| {
            let mut words = platform.split('/');
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","digest":"sha256:{HEX}","size":1,"platform":{{"os":"{}","architecture":"{}","variant":"{}"}}}}"#,
                words.next().unwrap(),
                words.next().unwrap(),
                words.next().unwrap_or("")
            )
        })
        .collect();
    let json = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(","));
    match Document::parse(json.as_bytes(), None).unwrap() {
        Document::Index(index, media_type) => {
            assert_eq!(media_type, OCI_INDEX);
            index
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(json: &str, content_type: Option<&str>, message: &str) {
    let err = Document::parse(json.as_bytes(), content_type).unwrap_err();
    assert!(err.to_string().contains(message), "{err}");
}

#[test]
fn the_kind_is_told_by_content_not_by_name() {
    for content_type in
        [None, Some(OCI_MANIFEST), Some("application/json"), Some("text/plain; charset=utf-8")]
    {
        let parsed = Document::parse(manifest(OCI_MANIFEST, "").as_bytes(), content_type).unwrap();
        assert!(matches!(parsed, Document::Manifest(_, media_type) if media_type == OCI_MANIFEST));
    }
}

#[test]
fn what_could_be_read_as_both_is_refused() {
    refused(&manifest(OCI_MANIFEST, r#","manifests":[]"#), None, "ambiguous");
    refused(&manifest(OCI_MANIFEST, r#","fsLayers":[]"#), None, "ambiguous");
    refused(&format!(r#"{{"config":{},"manifests":[]}}"#, descriptor(OCI_CONFIG)), None, "ambiguous");
    refused(&format!(r#"{{"layers":[],"layers":[],"config":{}}}"#, descriptor(OCI_CONFIG)), None, "read");
}

#[test]
fn a_wrong_name_is_refused() {
    refused(&manifest(OCI_INDEX, ""), None, "by itself");
    refused(&manifest(OCI_MANIFEST, ""), Some(OCI_INDEX), "by its sender");
    refused(&manifest(OCI_MANIFEST, ""), Some(DOCKER_MANIFEST), "by its sender");
    refused(r#"{"schemaVersion":2,"manifests":[]}"#, Some(OCI_MANIFEST), "by its sender");
    refused(&manifest("application/vnd.cyclonedx+json", ""), None, "by itself");
}

#[test]
fn what_is_no_manifest_is_refused() {
    refused("{}", None, "neither");
    refused(r#"{"layers":[]}"#, None, "neither");
    refused(r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#, None, "schema 1");
    refused("<html>", None, "neither");
    refused("[2]", None, "neither");
    refused("{", None, "cannot be read");
    refused(r#"{"config":{"digest":"sha256:../../x","size":1},"layers":[]}"#, None, "cannot be read");
    refused(r#"{"manifests":[{"digest":"md5:1","size":1}]}"#, None, "cannot be read");
    refused(&manifest(OCI_MANIFEST, "").replace(":5}", ":-5}"), None, "cannot be read");
    refused(&"{".repeat(MAX_MANIFEST_SIZE as usize + 1), None, "larger");
}

#[test]
fn the_best_fitting_platform_is_chosen() {
    let index = index(&["linux/arm/v6", "linux/arm/v7", "linux/amd64", "unknown/unknown"]);
    let choose = |platform: &str| {
        let request = PlatformRequest::only(platform.parse().unwrap());
        index.choose(&request).map(|it| it.platform.clone().unwrap().to_string()).map_err(|it| it.to_string())
    };
    assert_eq!(choose("linux/amd64").unwrap(), "linux/amd64");
    assert_eq!(choose("linux/arm").unwrap(), "linux/arm/v7");
    assert_eq!(choose("linux/arm/v6").unwrap(), "linux/arm/v6");
    assert_eq!(
        choose("linux/s390x").unwrap_err(),
        "there is no image for linux/s390x; there are images for linux/arm/v6, linux/arm/v7, linux/amd64"
    );
}

#[test]
fn artifacts_and_strange_layers_are_no_images() {
    let check = |json: String| match Document::parse(json.as_bytes(), None).unwrap() {
        Document::Manifest(manifest, _) => manifest.check().map_err(|err| err.to_string()),
        other => panic!("{other:?}"),
    };
    check(manifest(OCI_MANIFEST, "")).unwrap();
    check(manifest(OCI_MANIFEST, "").replace(OCI_LAYER, "application/vnd.oci.image.layer.v1.tar+zstd"))
        .unwrap();
    let err =
        check(manifest(OCI_MANIFEST, "").replace(OCI_CONFIG, "application/vnd.cncf.helm.config.v1+json"));
    assert!(err.unwrap_err().contains("artifact"));
    let err = check(
        manifest(OCI_MANIFEST, "")
            .replace(OCI_LAYER, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
    );
    assert!(err.unwrap_err().contains("not supported"));
}
