//! Transfers that break, crawl, and are taken up again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Counter {
    bytes: AtomicU64,
    retries: Mutex<Vec<String>>,
}

impl Progress for Counter {
    fn layer_bytes(&self, _digest: &Digest, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn retrying(&self, what: &str, reason: &str) {
        self.retries.lock().unwrap().push(format!("{what}: {reason}"));
    }
}

#[test]
fn an_image_is_pulled_from_a_plain_http_registry_that_is_marked_insecure() {
    let image = Image::new();
    let server = image.content().serve();
    let source = source(&server);
    let resolved = source.resolve(&PlatformRequest::host()).unwrap();
    assert_eq!(resolved.manifest_bytes, image.manifest.as_bytes(), "the manifest is kept word for word");
    assert_eq!(resolved.config_bytes, image.config.as_bytes());
    assert_eq!(resolved.config_digest, Digest::sha256(image.config.as_bytes()));
    assert_eq!(resolved.names, [source.image().clone()]);
    let counter = Arc::new(Counter::default());
    let mut out = Vec::new();
    let limits = DecompressLimits::default();
    source.open_layer(&resolved.layers[0], &limits, counter.clone()).unwrap().read_to_end(&mut out).unwrap();
    assert!(out == image.layer);
    assert_eq!(counter.bytes.load(Ordering::Relaxed), image.layer.len() as u64);
    let accept = server.asked_for("manifests")[0].header("accept").unwrap().to_owned();
    assert!(accept.contains(OCI_INDEX) && accept.contains(DOCKER_LIST) && accept.contains(DOCKER_MANIFEST));
    assert!(server.asked().iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn a_registry_is_not_asked_by_http_unless_it_is_insecure() {
    let server = Image::new().content().serve();
    let image = Reference::parse(&format!("{}/team/app:1", server.authority())).unwrap();
    let client = RegistryClient::new(options(), RegistriesConf::default(), Credentials::none());
    let err = client.source(&image).unwrap().resolve(&PlatformRequest::host()).unwrap_err();
    assert!(chain(&err).contains("speaks http, not https"), "{}", chain(&err));
    assert!(err.hint().unwrap().contains("insecure = true"));
    assert!(server.asked().iter().all(|asked| !asked.path.starts_with("/v2")));
    let verify = ClientOptions { tls_verify: Some(true), ..options() };
    let strict = client_with(verify, Credentials::none()).source(&image).unwrap();
    assert!(strict.resolve(&PlatformRequest::host()).is_err(), "--tls-verify wins over registries.conf");
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let image = Image::new();
    let (content, layer) = (image.content(), image.layer.clone());
    let server = Server::new(move |asked| {
        let mut reply = content.answer(asked);
        if reply.body == layer {
            match asked.header("range") {
                None => reply.cut = Some(150_000),
                Some(range) => {
                    let start: usize = range["bytes=".len()..range.len() - 1].parse().unwrap();
                    let whole = format!("bytes {start}-{}/{}", layer.len() - 1, layer.len());
                    reply = Reply::bytes(206, layer[start..].to_vec()).with("Content-Range", &whole);
                    if start < 200_000 {
                        reply.cut = Some(100_000);
                    }
                }
            }
        }
        reply
    });
    let source = source(&server);
    let resolved = source.resolve(&PlatformRequest::host()).unwrap();
    let counter = Arc::new(Counter::default());
    let mut out = Vec::new();
    let limits = DecompressLimits::default();
    source.open_layer(&resolved.layers[0], &limits, counter.clone()).unwrap().read_to_end(&mut out).unwrap();
    assert!(out == image.layer);
    let ranges: Vec<_> =
        server.asked().iter().filter_map(|it| it.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, ["bytes=150000-", "bytes=250000-"]);
    assert_eq!(counter.retries.lock().unwrap().len(), 2);
}

#[test]
fn a_registry_without_ranges_begins_anew() {
    let image = Image::new();
    let (content, layer) = (image.content(), image.layer.clone());
    let breaks = AtomicUsize::new(0);
    let server = Server::new(move |asked| {
        let mut reply = content.answer(asked);
        if reply.body == layer && breaks.fetch_add(1, Ordering::Relaxed) < 2 {
            reply.cut = Some(150_000);
        }
        reply
    });
    assert!(pull(&source(&server)).unwrap() == image.layer);
}

#[test]
fn a_transfer_that_always_breaks_is_given_up() {
    let image = Image::new();
    let (content, layer) = (image.content(), image.layer.clone());
    let server = Server::new(move |asked| {
        let mut reply = content.answer(asked);
        if reply.body == layer {
            reply.cut = Some(1000);
        }
        reply
    });
    let err = pull(&source(&server)).unwrap_err();
    assert!(err.contains("broke"), "{err}");
    assert_eq!(server.asked_for("blobs").len(), 1 + 3, "the configuration once, the layer three times");
}

#[test]
fn a_range_that_was_not_asked_for_is_refused() {
    let image = Image::new();
    let (content, layer) = (image.content(), image.layer.clone());
    let server = Server::new(move |asked| {
        let mut reply = content.answer(asked);
        if reply.body == layer {
            match asked.header("range") {
                None => reply.cut = Some(1000),
                Some(_) => {
                    reply = Reply::bytes(206, layer[5..].to_vec()).with("Content-Range", "bytes 5-9/10")
                }
            }
        }
        reply
    });
    assert!(pull(&source(&server)).unwrap_err().contains("range"));
}

#[test]
fn a_busy_registry_is_asked_again() {
    for status in [429, 500, 503] {
        let image = Image::new();
        let content = image.content();
        let failures = AtomicUsize::new(0);
        let server = Server::new(move |asked| match asked.path.contains("manifests") {
            true if failures.fetch_add(1, Ordering::Relaxed) < 2 => {
                Reply::text(status, "busy").with("Retry-After", "0")
            }
            _ => content.answer(asked),
        });
        assert!(pull(&source(&server)).unwrap() == image.layer);
        assert_eq!(server.asked_for("manifests").len(), 3);
    }
}

#[test]
fn a_registry_that_stays_busy_is_an_error_that_says_so() {
    let content = Image::new().content();
    let server = Server::new(move |asked| match asked.path.contains("manifests") {
        true => Reply::text(429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#),
        false => content.answer(asked),
    });
    let err = source(&server).resolve(&PlatformRequest::host()).unwrap_err();
    assert!(chain(&err).contains("TOOMANYREQUESTS: slow down"), "{}", chain(&err));
    assert!(err.hint().unwrap().contains("mirror"));
    assert_eq!(server.asked_for("manifests").len(), 3);
}

#[test]
fn a_transfer_that_stands_still_is_taken_up_and_then_given_up() {
    let image = Image::new();
    let (content, layer) = (image.content(), image.layer.clone());
    let server = Server::new(move |asked| {
        let mut reply = content.answer(asked);
        if reply.body == layer {
            reply.stall = Some(1000);
        }
        reply
    });
    let err = pull(&source(&server)).unwrap_err();
    assert!(err.contains("stood still"), "{err}");
}

#[test]
fn a_byte_now_and_then_does_not_hold_us() {
    let image = Image::new();
    let (content, layer) = (image.content(), image.layer.clone());
    let server = Server::new(move |asked| {
        let mut reply = content.answer(asked);
        if reply.body == layer {
            reply.trickle = Some(Duration::from_millis(50));
        }
        reply
    });
    let err = pull(&source(&server)).unwrap_err();
    assert!(err.contains("nearly stands still"), "{err}");
}

#[test]
fn a_cancelled_transfer_ends_at_once() {
    let image = Image::new();
    let (content, layer) = (image.content(), image.layer.clone());
    let server = Server::new(move |asked| {
        let mut reply = content.answer(asked);
        if reply.body == layer {
            reply.cut = Some(1000);
        }
        reply
    });
    let patient = ClientOptions { retry_delay: Duration::from_secs(3600), ..options() };
    let cancel = patient.cancel.clone();
    let name = Reference::parse(&format!("{}/team/app:1", server.authority())).unwrap();
    let source = client_with(patient, Credentials::none()).source(&name).unwrap();
    let resolved = source.resolve(&PlatformRequest::host()).unwrap();
    let reader = std::thread::spawn(move || read_layer(&source, &resolved));
    cancel.cancel();
    assert!(reader.join().unwrap().unwrap_err().contains("cancelled"));
}

#[test]
fn nothing_that_listens_is_said_with_its_address() {
    let server = Image::new().content().serve();
    let (authority, source) = (server.authority(), source(&server));
    drop(server);
    let err = source.resolve(&PlatformRequest::host()).unwrap_err();
    assert!(err.to_string().contains(&authority) && chain(&err).contains("refused"), "{}", chain(&err));
    assert!(err.hint().unwrap().contains(&format!("nothing listens at {authority}")));
    assert!(matches!(err, SourceError::Registry(err) if err.is_unavailable()));
}

#[test]
fn what_is_not_there_is_said_with_the_registrys_words() {
    let server = Image::new().content().serve();
    let name = Reference::parse(&format!("{}/team/app:2", server.authority())).unwrap();
    let source = client_with(options(), Credentials::none()).source(&name).unwrap();
    let err = source.resolve(&PlatformRequest::host()).unwrap_err();
    assert!(err.to_string().contains("/team/app:2: MANIFEST_UNKNOWN: manifest unknown"), "{err}");
    assert!(matches!(err, SourceError::Registry(err) if err.is_not_found() && !err.is_unavailable()));
}

#[test]
fn mirrors_are_asked_first_and_the_registry_last() {
    let image = Image::new();
    let (empty, full) = (Content::default().serve(), image.content().serve());
    let dead = Content::default().serve().authority();
    let conf = format!(
        "[[registry]]\nprefix='q.io'\nlocation='{}'\ninsecure=true\n\
         [[registry.mirror]]\nlocation='{dead}'\ninsecure=true\n\
         [[registry.mirror]]\nlocation='{}'\ninsecure=true\n",
        full.authority(),
        empty.authority()
    );
    let conf = RegistriesConf::parse(Path::new("r.conf"), &conf).unwrap();
    let client = RegistryClient::new(options(), conf, Credentials::none());
    let source = client.source(&Reference::parse("q.io/team/app:1").unwrap()).unwrap();
    assert!(pull(&source).unwrap() == image.layer);
    assert!(!empty.asked_for("manifests").is_empty());
    let absent = client.source(&Reference::parse("q.io/team/app:2").unwrap()).unwrap();
    let err = absent.remote_digest().unwrap_err();
    assert!(err.to_string().contains(&dead) && err.to_string().contains(&empty.authority()), "{err}");
    assert!(err.is_not_found());
}

#[test]
fn the_remote_digest_is_asked_without_a_body() {
    let image = Image::new();
    let digest = Digest::sha256(image.manifest.as_bytes());
    let mut content = image.content();
    let server = content.clone().serve();
    assert_eq!(
        source(&server).remote_digest().unwrap(),
        digest,
        "computed where the registry does not say it"
    );
    let reply = Reply::ok(&image.manifest).with("Docker-Content-Digest", digest.as_str());
    content.put("/v2/team/app/manifests/1", reply);
    let server = content.serve();
    assert_eq!(source(&server).remote_digest().unwrap(), digest);
    assert_eq!(server.asked_for("manifests")[0].method, "HEAD");
    assert_eq!(server.asked_for("manifests").len(), 1);
}
