//! The room against the real things: Debian's docker-registry, skopeo and openssl, on loopback.
//!
//! `make unit` installs them as root; without root and without them the tests say so and pass.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pontoon_image::manifest::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use pontoon_image::{
    Archive, Cancel, ClientOptions, Credential, Credentials, DecompressLimits, Digest, ImageSource,
    NoProgress, Platform, PlatformRequest, Reference, RegistriesConf, RegistryClient,
};

/// Tells whether all programs are there, and says loudly which is not.
fn present(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for program in programs {
        if !std::env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
            let root = rustix::process::geteuid().is_root();
            assert!(!root, "`{program}` is not installed");
            println!("SKIPPED: `{program}` is not installed, so nothing was tested against it");
            return false;
        }
    }
    true
}

struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pontoon-peers-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

struct Registry {
    child: Child,
    authority: String,
}

impl Registry {
    fn start(directory: &Directory, http: &str, auth: &str) -> Registry {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{http}{auth}",
            directory.text("registry")
        );
        fs::write(directory.at("config.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", &directory.text("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Registry { child, authority: format!("127.0.0.1:{port}") };
        let patience = Cancel::new();
        for _ in 0..500 {
            if TcpStream::connect(&registry.authority).is_ok() {
                return registry;
            }
            patience.wait(Duration::from_millis(20));
        }
        panic!("docker-registry does not listen at {}", registry.authority);
    }

    fn name(&self, rest: &str) -> Reference {
        Reference::parse(&format!("{}/{rest}", self.authority)).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn layer_bytes(number: u32) -> Vec<u8> {
    (0..200_000u32).flat_map(|word| (word ^ (number << 20)).to_le_bytes()).collect()
}

/// Writes an OCI layout with an image of two plain layers for each platform.
fn write_layout(directory: &Path, platforms: &[&str]) {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = Digest::sha256(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        format!(r#""digest":"{digest}","size":{}"#, bytes.len())
    };
    let mut entries = Vec::new();
    for platform in platforms {
        let (os, architecture) = platform.split_once('/').unwrap();
        let layers = [layer_bytes(1), layer_bytes(2)];
        let ids: Vec<String> = layers.iter().map(|it| format!("\"{}\"", Digest::sha256(it))).collect();
        let config = format!(
            r#"{{"architecture":"{architecture}","os":"{os}","config":{{"Cmd":["{architecture}"]}},"rootfs":{{"type":"layers","diff_ids":[{}]}},"history":[{{"created_by":"a"}},{{"created_by":"b"}}]}}"#,
            ids.join(",")
        );
        let config = put(config.as_bytes());
        let layers: Vec<String> =
            layers.iter().map(|it| format!(r#"{{"mediaType":"{OCI_LAYER}",{}}}"#, put(it))).collect();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{OCI_CONFIG}",{config}}},"layers":[{}]}}"#,
            layers.join(",")
        );
        entries.push(format!(
            r#"{{"mediaType":"{OCI_MANIFEST}",{},"platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#,
            put(manifest.as_bytes())
        ));
    }
    let top = match entries.as_slice() {
        [only] => only
            .replace("\"platform\"", r#""annotations":{"org.opencontainers.image.ref.name":"t"},"platform""#),
        _ => {
            let index = format!(
                r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#,
                entries.join(",")
            );
            format!(
                r#"{{"mediaType":"{OCI_INDEX}",{},"annotations":{{"org.opencontainers.image.ref.name":"t"}}}}"#,
                put(index.as_bytes())
            )
        }
    };
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(directory.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{top}]}}"#)).unwrap();
}

fn client(options: ClientOptions, conf: &str, credentials: Credentials) -> RegistryClient {
    RegistryClient::new(options, RegistriesConf::parse(Path::new("r.conf"), conf).unwrap(), credentials)
}

const INSECURE: &str = "[[registry]]\nlocation = '127.0.0.1'\ninsecure = true\n";

/// Pulls, and checks that all layers are what the layout had.
#[track_caller]
fn pull(source: &dyn ImageSource, platform: &PlatformRequest) -> Vec<String> {
    let image = source.resolve(platform).unwrap();
    let limits = DecompressLimits::default();
    for (number, layer) in (1..).zip(&image.layers) {
        let mut out = Vec::new();
        source.open_layer(layer, &limits, Arc::new(NoProgress)).unwrap().read_to_end(&mut out).unwrap();
        assert!(out == layer_bytes(number), "layer {number} is what was packed");
        assert_eq!(Digest::sha256(&out), layer.diff_id);
    }
    assert_eq!(image.layers.len(), 2);
    image.layers.into_iter().map(|layer| layer.media_type).collect()
}

fn host() -> PlatformRequest {
    PlatformRequest::host()
}

#[test]
fn a_plain_registry_in_all_formats_and_compressions() {
    if !present(&["docker-registry", "skopeo"]) {
        return;
    }
    let directory = Directory::new();
    let platform = Platform::host();
    write_layout(&directory.at("layout"), &[&format!("linux/{}", platform.architecture)]);
    let layout = format!("oci:{}:t", directory.text("layout"));
    for (name, words, media_type) in [
        ("gzip", &["--dest-compress-format", "gzip"][..], "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("zstd", &["--dest-compress-format", "zstd"][..], "application/vnd.oci.image.layer.v1.tar+zstd"),
        ("v2s2", &["--format", "v2s2"][..], "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ] {
        // One registry each: skopeo remembers what lies where and would use the first blobs again.
        fs::create_dir_all(directory.at(name)).unwrap();
        let registry = Registry::start(&Directory(directory.at(name)), "", "");
        let target = format!("docker://{}/team/{name}:1", registry.authority);
        let words = [&["copy", "--dest-tls-verify=false"], words, &[&layout, &target]].concat();
        run("skopeo", &words);
        let client = client(ClientOptions::default(), INSECURE, Credentials::none());
        let source = client.source(&registry.name(&format!("team/{name}:1"))).unwrap();
        assert_eq!(pull(&source, &host()), [media_type, media_type], "{name}");
        let digest = source.remote_digest().unwrap();
        assert_eq!(digest, source.resolve(&host()).unwrap().manifest_digest);
        pull(&client.source(&registry.name(&format!("team/{name}@{digest}"))).unwrap(), &host());
    }
}

#[test]
fn an_index_for_several_platforms() {
    if !present(&["docker-registry", "skopeo"]) {
        return;
    }
    let directory = Directory::new();
    write_layout(&directory.at("layout"), &["linux/amd64", "linux/arm64", "linux/s390x"]);
    let registry = Registry::start(&directory, "", "");
    let target = format!("docker://{}/multi:1", registry.authority);
    let layout = format!("oci:{}:t", directory.text("layout"));
    run("skopeo", &["copy", "--all", "--dest-tls-verify=false", &layout, &target]);
    let client = client(ClientOptions::default(), INSECURE, Credentials::none());
    let source = client.source(&registry.name("multi:1")).unwrap();
    for architecture in ["amd64", "arm64", "s390x"] {
        let request = PlatformRequest::only(format!("linux/{architecture}").parse().unwrap());
        pull(&source, &request);
        let image = source.resolve(&request).unwrap();
        assert_eq!(image.config.config.cmd, Some(vec![architecture.to_owned()]));
        assert_eq!(image.index.unwrap().1, source.remote_digest().unwrap());
    }
    let request = PlatformRequest::only("linux/riscv64".parse().unwrap());
    let err = std::error::Error::source(&source.resolve(&request).unwrap_err()).unwrap().to_string();
    assert_eq!(
        err,
        "there is no image for linux/riscv64; there are images for linux/amd64, linux/arm64, linux/s390x"
    );
}

#[test]
fn a_registry_with_passwords_and_its_own_authority() {
    if !present(&["docker-registry", "skopeo", "htpasswd", "openssl"]) {
        return;
    }
    let directory = Directory::new();
    let platform = Platform::host();
    write_layout(&directory.at("layout"), &[&format!("linux/{}", platform.architecture)]);
    let at = |name: &str| directory.text(name);
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let ca = [
        "req",
        "-x509",
        "-days",
        "9",
        "-subj",
        "/CN=our CA",
        "-keyout",
        &at("ca.key"),
        "-out",
        &at("ca.crt"),
    ];
    run("openssl", &[&ca[..], &key].concat());
    let request = ["req", "-subj", "/CN=x", "-keyout", &at("server.key"), "-out", &at("server.csr")];
    run("openssl", &[&request[..], &key].concat());
    fs::write(directory.at("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-days",
            "9",
            "-in",
            &at("server.csr"),
            "-CA",
            &at("ca.crt"),
            "-CAkey",
            &at("ca.key"),
            "-CAcreateserial",
            "-extfile",
            &at("san"),
            "-out",
            &at("server.crt"),
        ],
    );
    run("htpasswd", &["-Bbc", &at("htpasswd"), "u1", "p1"]);
    let tls = format!("  tls:\n    certificate: {}\n    key: {}\n", at("server.crt"), at("server.key"));
    let auth = format!("auth:\n  htpasswd:\n    realm: x\n    path: {}\n", at("htpasswd"));
    let registry = Registry::start(&directory, &tls, &auth);
    let target = format!("docker://{}/team/app:1", registry.authority);
    let layout = format!("oci:{}:t", at("layout"));
    run("skopeo", &["copy", "--dest-tls-verify=false", "--dest-creds", "u1:p1", &layout, &target]);
    let certs = directory.at("certs.d").join(&registry.authority);
    fs::create_dir_all(&certs).unwrap();
    fs::copy(directory.at("ca.crt"), certs.join("ca.crt")).unwrap();

    let name = registry.name("team/app:1");
    let me = || Credentials::explicit(Credential::parse("u1:p1").unwrap());
    let trusting = || ClientOptions { certs_dirs: vec![directory.at("certs.d")], ..ClientOptions::default() };
    pull(&client(trusting(), "", me()).source(&name).unwrap(), &host());
    pull(&client(ClientOptions::default(), INSECURE, me()).source(&name).unwrap(), &host());
    let no_verify = ClientOptions { tls_verify: Some(false), ..ClientOptions::default() };
    pull(&client(no_verify, "", me()).source(&name).unwrap(), &host());

    let err = client(ClientOptions::default(), "", me()).source(&name).unwrap().remote_digest().unwrap_err();
    assert!(err.hint().unwrap().contains(&format!("/etc/containers/certs.d/{}/ca.crt", registry.authority)));
    let err = client(trusting(), "", Credentials::none()).source(&name).unwrap().remote_digest().unwrap_err();
    assert!(err.to_string().contains("refuses access to team/app"), "{err}");
    let wrong = Credentials::explicit(Credential::parse("u1:wrong").unwrap());
    let err = client(trusting(), "", wrong).source(&name).unwrap().remote_digest().unwrap_err();
    assert!(err.hint().unwrap().contains("out of date"), "{:?}", err.hint());

    fs::write(certs.join("client.key"), "x").unwrap();
    let err = client(trusting(), "", me()).source(&name).unwrap().remote_digest().unwrap_err();
    assert!(err.to_string().contains("its certificate is missing"), "{err}");
    fs::copy(directory.at("server.crt"), certs.join("client.cert")).unwrap();
    fs::copy(directory.at("ca.key"), certs.join("client.key")).unwrap();
    let err = client(trusting(), "", me()).source(&name).unwrap().remote_digest().unwrap_err();
    assert!(err.to_string().contains("does not go with"), "{err}");
    fs::copy(directory.at("server.key"), certs.join("client.key")).unwrap();
    pull(&client(trusting(), "", me()).source(&name).unwrap(), &host());
}

#[test]
fn archives_that_skopeo_writes() {
    if !present(&["skopeo"]) {
        return;
    }
    let directory = Directory::new();
    let platform = Platform::host();
    write_layout(&directory.at("layout"), &[&format!("linux/{}", platform.architecture)]);
    let layout = format!("oci:{}:t", directory.text("layout"));
    let spool = directory.at(".");
    for (target, name) in [
        (format!("docker-archive:{}:quay.io/team/app:1", directory.text("d.tar")), "quay.io/team/app:1"),
        (format!("oci-archive:{}:quay.io/team/app:1", directory.text("o.tar")), "quay.io/team/app:1"),
        (format!("oci:{}:mine", directory.text("o2")), "localhost/mine:latest"),
    ] {
        run("skopeo", &["copy", &layout, &target]);
        let path = target.split(':').nth(1).unwrap();
        let archive = Archive::open(Path::new(path), &spool).unwrap();
        let [image] = archive.images() else { panic!("{target}") };
        assert_eq!(image.names()[0].to_string(), name);
        pull(image, &host());
    }
    run("gzip", &["-k", &directory.text("d.tar")]);
    let compressed = Archive::open(&directory.at("d.tar.gz"), &spool).unwrap();
    pull(&compressed.images()[0], &host());
    let piped = fs::File::open(directory.at("d.tar.gz")).unwrap();
    let piped = Archive::from_reader(piped, Path::new("-"), &spool).unwrap();
    pull(&piped.images()[0], &host());
}
