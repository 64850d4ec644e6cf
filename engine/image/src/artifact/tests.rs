use super::*;

fn blob(content: &[u8], title: Option<&str>) -> ArtifactBlob {
    let annotations = title.map(|it| (TITLE.to_owned(), it.to_owned())).into_iter().collect();
    ArtifactBlob {
        media_type: media_type(content).to_owned(),
        digest: Digest::sha256(content),
        size: content.len() as u64,
        urls: Vec::new(),
        annotations,
        data: None,
        platform: None,
        artifact_type: None,
    }
}

fn artifact(layers: Vec<ArtifactBlob>) -> ArtifactManifest {
    ArtifactManifest { layers, ..ArtifactManifest::new(None, BTreeMap::new()) }
}

#[test]
fn it_is_written_as_podman_writes_it() {
    let one = artifact(vec![blob(b"hello\n", Some("one.txt"))]);
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(
        text,
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30="},"layers":[{"mediaType":"text/plain; charset=utf-8","digest":"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03","size":6,"annotations":{"org.opencontainers.image.title":"one.txt"}}]}"#
    );
    // What podman-artifact-add(1) of version 5.4.2 told for the same file.
    assert_eq!(
        Digest::sha256(text.as_bytes()).hex(),
        "3e76a2ce6353db5759052f9444aa253dc75e4b6d12d7c1f7dd57b65d15104b76"
    );
    assert_eq!(ArtifactManifest::parse(text.as_bytes()).unwrap(), one);
}

#[test]
fn files_are_chosen_by_title_or_digest() {
    let two =
        artifact(vec![blob(b"1", Some("a")), blob(b"2", Some("a")), blob(b"3", None), blob(b"3", Some("c"))]);
    let names = |choice| two.choose(choice).map(|it| it.into_iter().map(|it| it.1).collect::<Vec<_>>());
    let three = Digest::sha256(b"3").as_str().replace(':', "-");
    assert_eq!(names(Choice::All).unwrap(), ["a", "a", &three, "c"]);
    assert_eq!(names(Choice::Title("c")).unwrap(), ["c"]);
    let (first, third) = (Digest::sha256(b"1"), Digest::sha256(b"3"));
    assert_eq!(names(Choice::Digest(first.as_str())).unwrap(), [first.as_str().replace(':', "-")]);
    assert!(matches!(names(Choice::Title("a")), Err(ArtifactError::Several { .. })));
    assert!(matches!(names(Choice::Digest(third.as_str())), Err(ArtifactError::Several { .. })));
    assert!(matches!(names(Choice::Title("b")), Err(ArtifactError::NoSuch { .. })));
    assert!(matches!(artifact(Vec::new()).choose(Choice::All), Err(ArtifactError::Empty)));
}

#[test]
fn no_title_leads_out_of_a_directory() {
    for title in ["../x", "/etc/passwd", "a/b", ".", "..", "a\0b"] {
        let bad = artifact(vec![blob(b"1", Some(title))]);
        assert!(matches!(bad.choose(Choice::All), Err(ArtifactError::Title { .. })), "{title:?}");
        assert!(matches!(bad.choose(Choice::Title(title)), Err(ArtifactError::Title { .. })), "{title:?}");
    }
    let unnamed = artifact(vec![blob(b"1", Some(""))]);
    assert!(unnamed.choose(Choice::All).unwrap()[0].1.starts_with("sha256-"));
}

#[test]
fn an_index_is_no_artifact() {
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    assert!(ArtifactManifest::parse(index).is_err());
}

#[test]
fn files_are_known_by_their_first_bytes() {
    for (bytes, expected) in [
        (&b""[..], "text/plain; charset=utf-8"),
        (b"plain\n", "text/plain; charset=utf-8"),
        (b"{\"a\":1}", "text/plain; charset=utf-8"),
        (b"\x7fELF\x02\x01\x01\x00", "application/octet-stream"),
        (b"\x1f\x8b\x08\x00", "application/x-gzip"),
        (b"PK\x03\x04", "application/zip"),
        (b"  \n<!doctype html>", "text/html; charset=utf-8"),
        (b"<htmlx", "text/plain; charset=utf-8"),
        (b"<?xml version", "text/xml; charset=utf-8"),
        (b"RIFF....WEBPVP", "image/webp"),
        (b"\x00asm\x01", "application/wasm"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp41isom", "video/mp4"),
        (b"\x00\x00\x00\x00ftyp", "application/octet-stream"),
    ] {
        assert_eq!(media_type(bytes), expected, "{bytes:?}");
    }
}
