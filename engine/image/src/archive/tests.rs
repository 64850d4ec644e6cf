//! Archives as Docker, Podman and skopeo write them, and broken ones.

use std::io::Write;

use super::contents::blob_member;
use super::*;
use crate::manifest::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use crate::platform::Platform;
use crate::source::NoProgress;
use crate::test_dir::TestDir;

/// Writes tar headers by hand: no other writer makes all the forms.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn header(&mut self, name: &str, kind: u8, size: usize, link: &str) {
        let mut block = [0; 512];
        block[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(block);
    }

    fn file(&mut self, name: &str, content: &[u8]) -> &mut Tar {
        self.header(name, b'0', content.len(), "");
        self.data(content);
        self
    }

    fn data(&mut self, content: &[u8]) {
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    fn link(&mut self, name: &str, target: &str) -> &mut Tar {
        self.header(name, b'2', 0, target);
        self
    }

    fn pax(&mut self, records: &str) -> &mut Tar {
        self.header("pax", b'x', records.len(), "");
        self.data(records.as_bytes());
        self
    }

    fn gnu_name(&mut self, name: &str) -> &mut Tar {
        self.header("././@LongLink", b'L', name.len() + 1, "");
        self.data(format!("{name}\0").as_bytes());
        self
    }

    fn end(&mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        std::mem::take(&mut self.0)
    }
}

const LAYER: &[u8] = b"this stands for a layer; nobody here looks into it";

fn config(layers: &[&[u8]]) -> String {
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("\"{}\"", Digest::sha256(layer))).collect();
    let platform = Platform::host();
    format!(
        r#"{{"os":"linux","architecture":"{}","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        platform.architecture,
        diff_ids.join(",")
    )
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn open(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let directory = TestDir::new("archive");
    let path = directory.path().join("a.tar");
    std::fs::write(&path, bytes).unwrap();
    Archive::open(&path, directory.path())
}

fn layers(image: &ArchiveImage) -> Result<Vec<Vec<u8>>, String> {
    let resolved = image.resolve(&PlatformRequest::host()).map_err(|err| format!("{err:?}"))?;
    resolved
        .layers
        .iter()
        .map(|layer| {
            let limits = DecompressLimits::default();
            let mut reader =
                image.open_layer(layer, &limits, Arc::new(NoProgress)).map_err(|err| format!("{err:?}"))?;
            let mut out = Vec::new();
            reader.read_to_end(&mut out).map_err(|err| err.to_string())?;
            Ok(out)
        })
        .collect()
}

fn docker(list: &str, config: &str) -> Tar {
    let mut tar = Tar::default();
    tar.file("manifest.json", list.as_bytes()).file("c.json", config.as_bytes());
    tar
}

#[test]
fn a_docker_archive_with_links_long_names_and_several_tags() {
    let long = format!("{}/layer.tar", "x".repeat(150));
    let list = format!(
        r#"[{{"Config":"c.json","RepoTags":["alpine:3","localhost:5000/a:b"],"Layers":["one/layer.tar","{long}","two/layer.tar"]}}]"#
    );
    let bytes = docker(&list, &config(&[LAYER, b"second", LAYER]))
        .file("./one/layer.tar", LAYER)
        .gnu_name(&long)
        .file("short", b"second")
        .link("two/layer.tar", "../one/layer.tar")
        .end();
    for bytes in [bytes.clone(), gzip(&bytes), zstd::encode_all(&bytes[..], 1).unwrap()] {
        let archive = open(&bytes).unwrap();
        let [image] = archive.images() else { panic!("{archive:?}") };
        let names: Vec<String> = image.names().iter().map(Reference::to_string).collect();
        assert_eq!(names, ["docker.io/library/alpine:3", "localhost:5000/a:b"]);
        assert_eq!(layers(image).unwrap(), [LAYER, b"second", LAYER]);
        let resolved = image.resolve(&PlatformRequest::host()).unwrap();
        assert_eq!(resolved.manifest_digest, Digest::sha256(&resolved.manifest_bytes));
        assert_eq!(resolved.layers[0].digest, resolved.layers[0].diff_id);
    }
}

#[test]
fn pax_headers_name_and_size_members() {
    let list = r#"[{"Config":"c.json","RepoTags":null,"Layers":["pax/layer.tar"]}]"#;
    let mut tar = docker(list, &config(&[LAYER]));
    tar.pax("22 path=pax/layer.tar\n").file("x", LAYER);
    assert_eq!(layers(&open(&tar.end()).unwrap().images()[0]).unwrap(), [LAYER]);
}

#[test]
fn compressed_layers_in_a_docker_archive_are_uncompressed() {
    let list = r#"[{"Config":"c.json","Layers":["l"]}]"#;
    let blob = gzip(LAYER);
    let archive = open(&docker(list, &config(&[LAYER])).file("l", &blob).end()).unwrap();
    let image = &archive.images()[0];
    assert_eq!(layers(image).unwrap(), [LAYER]);
    let resolved = image.resolve(&PlatformRequest::host()).unwrap();
    assert_eq!(resolved.layers[0].digest, Digest::sha256(&blob));
    assert_eq!(resolved.layers[0].diff_id, Digest::sha256(LAYER));
}

#[test]
fn several_images_share_an_archive() {
    let list = r#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l"]},{"Config":"c.json","RepoTags":["b:1"],"Layers":["l"]}]"#;
    let archive = open(&docker(list, &config(&[LAYER])).file("l", LAYER).end()).unwrap();
    assert_eq!(archive.images().len(), 2);
    assert_eq!(layers(&archive.images()[1]).unwrap(), [LAYER]);
}

#[track_caller]
fn docker_fails(list: &str, config: &str, member: &[u8], message: &str) {
    let result = open(&docker(list, config).file("l", member).end())
        .map_err(|err| format!("{err:?}"))
        .and_then(|archive| layers(&archive.images()[0]));
    let err = result.unwrap_err();
    assert!(err.contains(message), "{err}");
}

#[test]
fn broken_docker_archives_are_refused() {
    let list = r#"[{"Config":"c.json","Layers":["l"]}]"#;
    docker_fails(list, &config(&[LAYER]), b"other content", "content has digest");
    docker_fails(list, &config(&[]), LAYER, "LayerCount");
    docker_fails(&list.replace("\"l\"", "\"../../etc/passwd\""), &config(&[LAYER]), LAYER, "Missing");
    docker_fails(&list.replace("c.json", "/etc/passwd"), &config(&[LAYER]), LAYER, "Missing");
    docker_fails("{", "", LAYER, "Json");
    docker_fails(r#"[{"Config":"c.json","RepoTags":["A B"],"Layers":[]}]"#, &config(&[]), LAYER, "Name");
    docker_fails(list, &config(&[LAYER]).replace("sha256:", "sha256:../"), LAYER, "Config");
    let loops = docker(list, &config(&[LAYER])).link("l", "m").link("m", "l").end();
    assert!(layers(&open(&loops).unwrap().images()[0]).unwrap_err().contains("Missing"));
    let huge = Tar::default().file("manifest.json", &vec![b' '; 5 << 20]).end();
    assert!(matches!(open(&huge), Err(ArchiveError::TooLarge { .. })));
}

#[test]
fn a_truncated_archive_is_noticed() {
    let list = r#"[{"Config":"c.json","Layers":["l"]}]"#;
    let mut bytes = docker(list, &config(&[LAYER])).file("l", LAYER).end();
    bytes.truncate(bytes.len() - 1024 - 512 + 7);
    let archive = open(&bytes).unwrap();
    assert!(layers(&archive.images()[0]).unwrap_err().contains("in the middle"));
}

#[test]
fn layers_of_docker_archives_are_compressed_as_their_media_types_have_it() {
    let list = r#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l"]}]"#;
    for (layer, name) in [(&b"\xfd7zXZ\0rest"[..], "xz"), (b"BZh91AYrest", "bzip2"), (b"LZIPrest", "lzip")] {
        let archive = open(&docker(list, &config(&[LAYER])).file("l", layer).end()).unwrap();
        let err = archive.images()[0].resolve(&PlatformRequest::host()).unwrap_err();
        let cause = std::error::Error::source(&err).map(ToString::to_string).unwrap_or_default();
        assert!(cause.contains(name), "{err}: {cause}");
    }
}

#[test]
fn what_is_no_archive_of_images_is_told_apart() {
    for bytes in [&b"hello"[..], &[0; 1024], &[7; 4096], &Tar::default().file("etc/passwd", b"x").end()] {
        assert!(matches!(open(bytes), Err(ArchiveError::Unknown { .. })), "{} bytes", bytes.len());
    }
    let err = open(&Tar::default().file("etc/passwd", b"x").end()).unwrap_err();
    assert!(err.hint().unwrap().contains("import"));
    assert!(matches!(open(b"LZIP\x01\0"), Err(ArchiveError::Decompress { .. })));
}

/// The blobs of an image and the descriptor of its manifest.
fn oci_blobs(layer: &[u8]) -> (Vec<Vec<u8>>, String) {
    let (config, blob) = (config(&[layer]), gzip(layer));
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}","digest":"{}","size":{}}},"layers":[{{"mediaType":"{OCI_LAYER}+gzip","digest":"{}","size":{}}}]}}"#,
        Digest::sha256(config.as_bytes()),
        config.len(),
        Digest::sha256(&blob),
        blob.len()
    );
    let entry = format!(
        r#""mediaType":"{OCI_MANIFEST}","digest":"{}","size":{}"#,
        Digest::sha256(manifest.as_bytes()),
        manifest.len()
    );
    (vec![config.into_bytes(), blob, manifest.into_bytes()], entry)
}

fn layout(index: &str, blobs: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = Tar::default();
    tar.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#).file("index.json", index.as_bytes());
    for blob in blobs {
        tar.file(&blob_member(&Digest::sha256(blob)), blob);
    }
    tar.end()
}

fn named(entry: &str, name: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"manifests":[{{{entry},"annotations":{{"{}":"{name}"}}}}]}}"#,
        "org.opencontainers.image.ref.name"
    )
}

#[test]
fn an_oci_archive_and_a_layout_directory() {
    let (blobs, entry) = oci_blobs(LAYER);
    for (label, name) in [
        ("docker.io/library/alpine:3", "docker.io/library/alpine:3"),
        ("mytag", "localhost/mytag:latest"),
        ("team/app:1", "localhost/team/app:1"),
    ] {
        let archive = open(&layout(&named(&entry, label), &blobs)).unwrap();
        let [image] = archive.images() else { panic!("{archive:?}") };
        assert_eq!(image.names()[0].to_string(), name);
        assert_eq!(image.tag(), Some(label));
        assert_eq!(layers(image).unwrap(), [LAYER]);
    }
    let directory = TestDir::new("layout");
    std::fs::create_dir_all(directory.path().join("blobs/sha256")).unwrap();
    std::fs::write(directory.path().join("index.json"), named(&entry, "x")).unwrap();
    for blob in &blobs {
        std::fs::write(directory.path().join(blob_member(&Digest::sha256(blob))), blob).unwrap();
    }
    let archive = Archive::open(directory.path(), directory.path()).unwrap();
    assert_eq!(layers(&archive.images()[0]).unwrap(), [LAYER]);
}

#[test]
fn a_directory_of_one_image() {
    let (blobs, entry) = oci_blobs(LAYER);
    let directory = TestDir::new("flat");
    let write = |name: &str, content: &[u8]| std::fs::write(directory.path().join(name), content).unwrap();
    write("version", b"Directory Transport Version: 1.1\n");
    write("manifest.json", &blobs[2]);
    for blob in &blobs[..2] {
        write(Digest::sha256(blob).hex(), blob);
    }
    let open = || Archive::open(directory.path(), directory.path());
    let archive = open().unwrap();
    let [image] = archive.images() else { panic!("{archive:?}") };
    assert!(image.names().is_empty());
    assert_eq!(image.origin().transport, "dir");
    assert_eq!(layers(image).unwrap(), [LAYER]);
    // One for several machines.
    let index = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{{entry}}}]}}"#);
    write("manifest.json", index.as_bytes());
    write(&format!("{}.manifest.json", Digest::sha256(&blobs[2]).hex()), &blobs[2]);
    assert_eq!(layers(&open().unwrap().images()[0]).unwrap(), [LAYER]);
    write(Digest::sha256(&blobs[1]).hex(), b"other");
    assert!(layers(&open().unwrap().images()[0]).unwrap_err().contains("digest"));
    // A layout's file of its own version makes none.
    std::fs::remove_file(directory.path().join("manifest.json")).unwrap();
    assert!(matches!(open(), Err(ArchiveError::Unknown { .. })));
}

#[test]
fn an_index_within_the_index_is_followed() {
    let (mut blobs, entry) = oci_blobs(LAYER);
    let platform = Platform::host();
    let inner = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"digest":"{0}","size":7,"platform":{{"os":"plan9","architecture":"68k"}}}},{{{entry},"platform":{{"os":"linux","architecture":"{1}"}}}}]}}"#,
        Digest::sha256(b"absent"),
        platform.architecture
    );
    let outer = format!(
        r#""mediaType":"{OCI_INDEX}","digest":"{}","size":{}"#,
        Digest::sha256(inner.as_bytes()),
        inner.len()
    );
    blobs.push(inner.clone().into_bytes());
    let archive = open(&layout(&named(&outer, "a:1"), &blobs)).unwrap();
    let resolved = archive.images()[0].resolve(&PlatformRequest::host()).unwrap();
    assert_eq!(resolved.index.unwrap().1, Digest::sha256(inner.as_bytes()));
    assert_eq!(layers(&archive.images()[0]).unwrap(), [LAYER]);
    let other = PlatformRequest::only("linux/s390x".parse().unwrap());
    let err = format!("{:?}", archive.images()[0].resolve(&other).unwrap_err());
    assert!(err.contains("plan9/68k"), "{err}");
}

#[test]
fn wrong_blobs_of_a_layout_are_refused() {
    let (blobs, entry) = oci_blobs(LAYER);
    for (at, message) in [(0, "Content"), (1, "content has digest"), (2, "Content")] {
        let mut tar = Tar::default();
        tar.file("index.json", named(&entry, "a").as_bytes());
        for (number, blob) in blobs.iter().enumerate() {
            let mut bytes = blob.clone();
            if number == at {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
            }
            tar.file(&blob_member(&Digest::sha256(blob)), &bytes);
        }
        let archive = open(&tar.end()).unwrap();
        let err = layers(&archive.images()[0]).unwrap_err();
        assert!(err.contains(message), "{at}: {err}");
    }
    let bad = named(&entry, "a").replace("sha256:", "sha256:..%2f");
    assert!(matches!(open(&layout(&bad, &blobs)), Err(ArchiveError::Manifest { .. })));
}

#[test]
fn names_with_transports_are_parsed() {
    let parse = |text: &str| {
        ArchiveName::parse(text)
            .map(|it| (it.path.to_str().unwrap().to_owned(), it.image.unwrap_or_default()))
    };
    let some = |path: &str, image: &str| Some((path.to_owned(), image.to_owned()));
    assert_eq!(parse("docker-archive:/a/b.tar"), some("/a/b.tar", ""));
    assert_eq!(parse("oci-archive:b.tar:q.io/a:1"), some("b.tar", "q.io/a:1"));
    assert_eq!(parse("oci:./dir:tag"), some("./dir", "tag"));
    assert_eq!(parse("dir:/a:b"), some("/a:b", ""));
    assert_eq!(parse("oci:layout"), some("layout", ""));
    assert_eq!(parse("oci:layout:q.io/a:1"), some("layout", "q.io/a:1"));
    assert_eq!(parse("dir:copy"), some("copy", ""));
    for text in ["oci", "oci:", "dir:", "alpine", "docker://alpine", "docker-archive:"] {
        assert_eq!(parse(text), None, "{text}");
    }
}

/// Numbers without any order, the same in each run.
fn scatter(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

#[test]
fn damaged_archives_end_in_an_error_or_in_the_right_content() {
    let (blobs, entry) = oci_blobs(LAYER);
    let list = r#"[{"Config":"c.json","Layers":["l"]}]"#;
    let archives = [
        layout(&named(&entry, "a:1"), &blobs),
        docker(list, &config(&[LAYER])).gnu_name("l").pax("11 size=50\n").file("l", LAYER).end(),
    ];
    let directory = TestDir::new("damage");
    let path = directory.path().join("a.tar");
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for round in 0..600 {
        let mut bytes = archives[round % 2].clone();
        for _ in 0..=scatter(&mut state) % 6 {
            let at = scatter(&mut state) % bytes.len();
            bytes[at] = scatter(&mut state) as u8;
        }
        if round % 7 == 0 {
            bytes.truncate(scatter(&mut state) % bytes.len());
        }
        std::fs::write(&path, &bytes).unwrap();
        let Ok(archive) = Archive::open(&path, directory.path()) else { continue };
        for image in archive.images() {
            if let Ok(found) = layers(image) {
                assert!(found.iter().all(|layer| layer == LAYER), "round {round}");
            }
        }
    }
}
