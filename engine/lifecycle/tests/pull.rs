//! Images on their way into a real store, from archives and from sources that fail.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pontoon_image::{
    Archive, Cancel, DecompressLimits, Digest, ImageSource, LayerDescriptor, NoProgress, Origin, Platform,
    PlatformRequest, Progress, Reference, ResolvedImage, RunConfig, SourceError,
};
use pontoon_lifecycle::pull::{ImportRequest, PullOptions, PulledImage, import, knows_remote, load, pull};
use pontoon_storage::{Ownership, Store, StorePaths, UnpackOptions, XattrMode};

struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pontoon-pull-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn store(&self) -> Store {
        Store::open(StorePaths { root: self.0.join("root"), run: self.0.join("run") }).unwrap()
    }

    fn archive(&self, bytes: &[u8]) -> Archive {
        let path = self.0.join("archive.tar");
        fs::write(&path, bytes).unwrap();
        Archive::open(&path, &self.0).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a tar archive of plain files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[108..116].copy_from_slice(b"0000000\0");
        block[116..124].copy_from_slice(b"0000000\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[136..148].copy_from_slice(b"00000000000\0");
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(block);
        out.extend(*content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn config(layers: &[&Vec<u8>]) -> String {
    let ids: Vec<String> = layers.iter().map(|layer| format!("\"{}\"", Digest::sha256(layer))).collect();
    format!(
        r#"{{"created":"2024-02-29T12:34:56Z","os":"linux","architecture":"{}","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        Platform::host().architecture,
        ids.join(",")
    )
}

/// Makes a docker-archive of one image.
fn docker_archive(tags: &str, layers: &[&Vec<u8>], packed: &[&Vec<u8>]) -> Vec<u8> {
    let names: Vec<String> = (0..packed.len()).map(|number| format!("{number}/layer.tar")).collect();
    let list: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let list = format!(r#"[{{"Config":"c.json","RepoTags":[{tags}],"Layers":[{}]}}]"#, list.join(","));
    let config = config(layers);
    let mut files: Vec<(&str, &[u8])> =
        vec![("manifest.json", list.as_bytes()), ("c.json", config.as_bytes())];
    files.extend(names.iter().zip(packed).map(|(name, layer)| (name.as_str(), layer.as_slice())));
    tar(&files)
}

fn options() -> PullOptions {
    PullOptions::new(UnpackOptions { ownership: Ownership::SquashToCaller, xattr_mode: XattrMode::User })
}

fn quiet() -> Arc<dyn Progress> {
    Arc::new(NoProgress)
}

fn load_one(directory: &Directory, bytes: &[u8]) -> PulledImage {
    let mut loaded = load(&directory.archive(bytes), &directory.store(), &quiet(), &options()).unwrap();
    loaded.pop().expect("the archive has an image").0
}

fn in_layer(store: &Store, layer: &[u8], file: &str) -> Option<Vec<u8>> {
    let diff_id = Digest::sha256(layer).as_str().parse().unwrap();
    fs::read(store.layer_path(&diff_id).join(file)).ok()
}

fn leftovers(directory: &Directory) -> usize {
    fs::read_dir(directory.0.join("root/tmp")).map_or(0, Iterator::count)
}

#[test]
fn an_archive_is_loaded_with_its_names_and_files() {
    let directory = Directory::new();
    let (one, two) = (tar(&[("a", b"1"), ("b", b"2")]), tar(&[("b", b"3")]));
    let loaded =
        load_one(&directory, &docker_archive(r#""app:1","quay.io/x/app:2""#, &[&one, &two], &[&one, &two]));
    assert_eq!((loaded.fetched, loaded.present), (2, 0));
    assert_eq!(loaded.record.names, ["docker.io/library/app:1", "quay.io/x/app:2"]);
    assert_eq!(loaded.record.created, Some(1_709_210_096));
    assert_eq!(loaded.record.layers.len(), 2);
    let store = directory.store();
    assert_eq!(in_layer(&store, &one, "b").unwrap(), b"2");
    assert_eq!(in_layer(&store, &two, "b").unwrap(), b"3");
    let found = store.find_image("quay.io/x/app:2").unwrap();
    assert_eq!(
        store.image_config(&found.id).unwrap(),
        config(&[&one, &two]).as_bytes(),
        "kept word for word"
    );
    assert_eq!(leftovers(&directory), 0);
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let directory = Directory::new();
    let (one, two) = (tar(&[("a", b"1")]), tar(&[("b", b"2")]));
    let bytes = docker_archive(r#""app:1""#, &[&one], &[&one]);
    let first = load_one(&directory, &bytes);
    let again = load_one(&directory, &bytes);
    assert_eq!((again.fetched, again.present), (0, 1));
    assert_eq!(again.record, first.record);
    let more = load_one(&directory, &docker_archive(r#""app:1""#, &[&one, &two], &[&one, &two]));
    assert_eq!((more.fetched, more.present), (1, 1));
    let store = directory.store();
    assert_eq!(store.find_image("app:1").unwrap().id, more.record.id, "the name moved");
    assert_eq!(store.list_images().unwrap().len(), 2);
    let renamed = load_one(&directory, &docker_archive(r#""other:1""#, &[&one], &[&one]));
    assert_eq!(renamed.record.id, first.record.id);
    assert_eq!(renamed.record.names, ["docker.io/library/other:1"]);
}

#[test]
fn a_layer_that_comes_twice_is_unpacked_once() {
    let directory = Directory::new();
    let one = tar(&[("a", b"1")]);
    let loaded = load_one(&directory, &docker_archive("", &[&one, &one], &[&one, &one]));
    assert_eq!(loaded.fetched, 1);
    assert_eq!(loaded.record.layers.len(), 2);
    assert!(loaded.record.names.is_empty());
}

#[test]
fn a_wrong_layer_leaves_nothing() {
    let directory = Directory::new();
    let (one, two, evil) = (tar(&[("a", b"1")]), tar(&[("b", b"2")]), tar(&[("b", b"666")]));
    let archive = directory.archive(&docker_archive(r#""app:1""#, &[&one, &two], &[&one, &evil]));
    let store = directory.store();
    let err = load(&archive, &store, &quiet(), &options()).unwrap_err();
    assert!(err.to_string().contains(&format!("cannot bring in layer {}", Digest::sha256(&two))), "{err}");
    assert!(store.list_images().unwrap().is_empty());
    assert_eq!(in_layer(&store, &evil, "b"), None);
    assert_eq!(leftovers(&directory), 0);
}

/// The size that marks the layer that fails.
const FAILS: u64 = 3;

/// A source whose first layer fails once all others are being read, and whose other layers never end.
struct Failing {
    image: ResolvedImage,
    reading: Arc<AtomicUsize>,
    open: Mutex<usize>,
}

impl ImageSource for Failing {
    fn describe(&self) -> String {
        "failing".to_owned()
    }

    fn origin(&self) -> Origin {
        Origin { transport: "docker", scopes: vec!["failing.io".to_owned()] }
    }

    fn resolve(&self, _: &PlatformRequest) -> Result<ResolvedImage, SourceError> {
        Ok(self.image.clone())
    }

    fn open_layer(
        &self,
        layer: &LayerDescriptor,
        _: &DecompressLimits,
        _: Arc<dyn Progress>,
    ) -> Result<Box<dyn Read + Send>, SourceError> {
        *self.open.lock().unwrap() += 1;
        let fails = layer.size == FAILS;
        Ok(Box::new(Endless { reading: self.reading.clone(), fails, started: false, pause: Cancel::new() }))
    }
}

struct Endless {
    reading: Arc<AtomicUsize>,
    fails: bool,
    started: bool,
    pause: Cancel,
}

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if !self.started {
            self.started = true;
            self.reading.fetch_add(1, Ordering::SeqCst);
            let header = tar(&[("endless", b"")]);
            let mut header = header[..512].to_vec();
            header[124..136].copy_from_slice(b"77777777777\0");
            let sum: u32 =
                header[..148].iter().chain(&header[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 256;
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            return Cursor::new(header).read(buf);
        }
        if self.fails {
            while self.reading.load(Ordering::SeqCst) < 3 {
                self.pause.wait(Duration::from_millis(1));
            }
            return Err(std::io::Error::other("the line is cut"));
        }
        self.pause.wait(Duration::from_millis(1));
        buf[..1].fill(0);
        Ok(1)
    }
}

fn failing() -> Failing {
    let layers: Vec<Vec<u8>> = (0..3).map(|number: u8| vec![number]).collect();
    let descriptors = layers.iter().enumerate().map(|(number, layer)| LayerDescriptor {
        digest: Digest::sha256(layer),
        size: 3 - number as u64,
        media_type: String::new(),
        diff_id: Digest::sha256(layer),
    });
    let image = ResolvedImage {
        manifest_bytes: b"{}".to_vec(),
        manifest_digest: Digest::sha256(b"{}"),
        manifest_type: String::new(),
        index: None,
        config_bytes: b"{}".to_vec(),
        config_digest: Digest::sha256(b"{}"),
        config: pontoon_image::ImageConfig::default(),
        layers: descriptors.collect(),
        names: Vec::new(),
    };
    Failing { image, reading: Arc::default(), open: Mutex::new(0) }
}

#[test]
fn the_first_failure_stops_the_other_layers() {
    let directory = Directory::new();
    let source = failing();
    let err = pull(&source, &directory.store(), &[], &quiet(), &options()).unwrap_err();
    let mut text = err.to_string();
    let mut cause = std::error::Error::source(&err);
    while let Some(err) = cause {
        text = format!("{text}: {err}");
        cause = err.source();
    }
    assert!(text.contains("the line is cut"), "{text}");
    assert_eq!(*source.open.lock().unwrap(), 3, "they were read side by side");
    assert_eq!(leftovers(&directory), 0);
}

#[test]
fn a_policy_is_asked_before_anything_is_fetched() {
    let directory = Directory::new();
    let source = failing();
    let policy = br#"{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"failing.io":[{"type":"reject"}]}}}"#;
    let policy = pontoon_image::Policy::parse(Path::new("policy.json"), policy).unwrap();
    let options = PullOptions { policy: Some(policy), ..options() };
    let err = pull(&source, &directory.store(), &[], &quiet(), &options).unwrap_err();
    assert_eq!(err.to_string(), "`failing` is rejected by `policy.json`, rule for failing.io");
    assert_eq!(*source.open.lock().unwrap(), 0);
}

#[test]
fn a_pull_can_be_cancelled() {
    let directory = Directory::new();
    let mut source = failing();
    source.image.layers.remove(0);
    let (options, reading) = (options(), source.reading.clone());
    let cancel = options.cancel.clone();
    let waiter = std::thread::spawn(move || {
        let pause = Cancel::new();
        while reading.load(Ordering::SeqCst) == 0 {
            pause.wait(Duration::from_millis(1));
        }
        cancel.cancel();
    });
    let err = pull(&source, &directory.store(), &[], &quiet(), &options).unwrap_err();
    waiter.join().unwrap();
    assert_eq!(err.to_string(), "the pull of `failing` was cancelled");
    assert_eq!(leftovers(&directory), 0);
}

fn request(name: &str) -> ImportRequest {
    ImportRequest {
        source: "rootfs.tar".to_owned(),
        name: Some(Reference::parse(name).unwrap()),
        config: RunConfig { cmd: Some(vec!["/init".to_owned()]), ..RunConfig::default() },
        message: Some("first".to_owned()),
        platform: Platform::host(),
        now: 1_709_210_096,
        limits: DecompressLimits::default(),
    }
}

#[test]
fn a_root_file_system_becomes_an_image() {
    let directory = Directory::new();
    let store = directory.store();
    let rootfs = tar(&[("init", b"#!")]);
    let unpack = options().unpack;
    let record = import(Cursor::new(rootfs.clone()), &request("localhost/mine"), &store, unpack).unwrap();
    assert_eq!(record.names, ["localhost/mine:latest"]);
    assert_eq!(record.created, Some(1_709_210_096));
    assert_eq!(in_layer(&store, &rootfs, "init").unwrap(), b"#!");
    let config = pontoon_image::ImageConfig::parse(&store.image_config(&record.id).unwrap()).unwrap();
    assert_eq!(config.config.cmd, Some(vec!["/init".to_owned()]));
    assert_eq!(config.history[0].comment, "first");
    assert_eq!(config.rootfs.diff_ids, [Digest::sha256(&rootfs)]);
    let manifest = store.image_manifest(&record.id).unwrap();
    assert_eq!(record.digest, Digest::sha256(&manifest).as_str());
    let same = import(Cursor::new(rootfs), &request("localhost/mine"), &store, unpack).unwrap();
    assert_eq!(same, record);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let directory = Directory::new();
    let store = directory.store();
    let err = import(&b"LZIPmore"[..], &request("a"), &store, options().unpack).unwrap_err();
    assert!(std::error::Error::source(&err).unwrap().to_string().contains("lzip"), "{err}");
    assert!(import(&b"no tar at all"[..], &request("a"), &store, options().unpack).is_err());
    assert!(store.list_images().unwrap().is_empty());
    assert_eq!(leftovers(&directory), 0);
}

#[test]
fn a_known_digest_is_not_newer() {
    let directory = Directory::new();
    let one = tar(&[("a", b"1")]);
    let loaded = load_one(&directory, &docker_archive(r#""app:1""#, &[&one], &[&one]));
    let name = Reference::parse("app:1").unwrap();
    assert!(knows_remote(&loaded.record, &name, &loaded.record.digest.parse().unwrap()));
    assert!(!knows_remote(&loaded.record, &name, &Digest::sha256(b"other")));
}

#[test]
fn an_archive_name_picks_one_image() {
    let path = Path::new("/x");
    let parsed = pontoon_image::archive::ArchiveName::parse("docker-archive:/x:app:1").unwrap();
    assert_eq!((parsed.path.as_path(), parsed.image.as_deref()), (path, Some("app:1")));
}
