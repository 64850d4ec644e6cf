//! The registry client: the distribution protocol over HTTP, with tokens, mirrors, resumption and hard limits.
//!
//! It keeps nothing on disk and reads no environment; options carry all it may use. The host's CA certificates are the
//! exception: they are read where the host has them.

mod address;
mod blob;
mod challenge;
mod endpoint;
mod error;
mod fetch;
mod http;
mod options;
mod resolve;
mod server;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod trust;

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use self::blob::{Blob, BlobReader};
use self::endpoint::{Endpoint, Request};
pub use self::error::{RegistryError, TransportError};
pub use self::fetch::{FetchError, Fetched, fetch};
use self::http::{Http, header};
pub use self::options::{ClientOptions, ProxySettings};
pub use self::server::{Answered, Server};
pub use self::trust::Trust;
use crate::artifact::ArtifactManifest;
use crate::config::MAX_CONFIG_SIZE;
use crate::credentials::Credentials;
use crate::decompress::{self, DecompressLimits};
use crate::digest::{Digest, DigestReader, VerifyError};
use crate::manifest::{
    DOCKER_LIST, DOCKER_MANIFEST, Descriptor, Document, MAX_MANIFEST_SIZE, Manifest, OCI_INDEX, OCI_MANIFEST,
};
use crate::platform::PlatformRequest;
use crate::policy::Origin;
use crate::reference::Reference;
use crate::registries::{PullSource, RegistriesConf};
use crate::source::{Found, ImageSource, LayerDescriptor, NoProgress, Progress, ResolvedImage, SourceError};

/// Talks to registries as the configuration says; shared by all images of a command.
#[derive(Debug, Clone)]
pub struct RegistryClient {
    http: Arc<Http>,
    conf: Arc<RegistriesConf>,
    credentials: Arc<Credentials>,
}

impl RegistryClient {
    /// Makes a client. Nothing is connected yet.
    pub fn new(options: ClientOptions, conf: RegistriesConf, credentials: Credentials) -> RegistryClient {
        RegistryClient {
            http: Arc::new(Http::new(options)),
            conf: Arc::new(conf),
            credentials: Arc::new(credentials),
        }
    }

    /// Returns the image of this name as a source. Without tag and digest the tag is `latest`.
    pub fn source(&self, image: &Reference) -> Result<RegistrySource, RegistryError> {
        let image = image.for_pull();
        let mut places = Vec::new();
        for PullSource { reference, insecure, mirror } in self.conf.pull_sources(&image)? {
            let domain = reference.domain();
            let credential = self
                .credentials
                .find(&reference)
                .map_err(|source| RegistryError::Credentials { registry: domain.to_owned(), source })?;
            let endpoint = Endpoint::new(self.http.clone(), domain, insecure, credential);
            places.push(Arc::new(Place { endpoint: Arc::new(endpoint), reference, mirror }));
        }
        Ok(RegistrySource { image, places, chosen: Mutex::new(None), progress: Arc::new(NoProgress) })
    }
}

/// A registry that may have the image, and what it is called there.
#[derive(Debug)]
struct Place {
    endpoint: Arc<Endpoint>,
    reference: Reference,
    mirror: bool,
}

/// One image of a registry.
pub struct RegistrySource {
    image: Reference,
    places: Vec<Arc<Place>>,
    chosen: Mutex<Option<Arc<Place>>>,
    progress: Arc<dyn Progress>,
}

impl std::fmt::Debug for RegistrySource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RegistrySource({})", self.image)
    }
}

/// A manifest or an index as it was sent.
struct Sent {
    bytes: Vec<u8>,
    digest: Digest,
    document: Document,
}

/// A manifest, and where it was found.
struct Chosen {
    place: Arc<Place>,
    sent: Sent,
    manifest: Manifest,
    /// The index it was chosen from, word for word, with its digest.
    index: Option<(Vec<u8>, Digest)>,
}

/// An artifact whose manifest was fetched and checked.
#[derive(Debug, Clone)]
pub struct FoundArtifact {
    /// The manifest, word for word.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub digest: Digest,
    /// What it is called.
    pub media_type: String,
    /// The manifest, understood.
    pub manifest: ArtifactManifest,
}

impl RegistrySource {
    /// Tells `progress` of tries that fail before any layer is opened.
    pub fn with_progress(self, progress: Arc<dyn Progress>) -> RegistrySource {
        RegistrySource { progress, ..self }
    }

    /// Returns the name that is asked for.
    pub fn image(&self) -> &Reference {
        &self.image
    }

    /// Asks which manifest the name has now, without fetching it. For an image of several platforms it is the index's.
    pub fn remote_digest(&self) -> Result<Digest, RegistryError> {
        self.first_that_works(|place| place.head(self.progress.as_ref()))
    }

    /// Asks one place after another; mirrors that fail are passed over.
    fn first_that_works<T>(
        &self,
        mut deed: impl FnMut(&Arc<Place>) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut mirrors = Vec::new();
        let mut last = None;
        for place in &self.places {
            match deed(place) {
                Ok(done) => return Ok(done),
                Err(err) if place.mirror => {
                    self.progress.retrying(&place.reference.to_string(), &err.to_string());
                    mirrors.push(format!("{}: {err}", place.reference.domain()));
                }
                Err(err) => last = Some(err),
            }
        }
        let what = self.image.to_string();
        let source = last.unwrap_or_else(|| RegistryError::NotFound {
            registry: self.image.domain().to_owned(),
            what: what.clone(),
            detail: "no registry may be asked".to_owned(),
        });
        match mirrors.is_empty() {
            true => Err(source),
            false => {
                Err(RegistryError::Mirrors { what, mirrors: mirrors.join("; "), source: Box::new(source) })
            }
        }
    }

    /// Fetches the manifest, of an index the one that fits the platform.
    fn choose(&self, platform: &PlatformRequest) -> Result<Chosen, SourceError> {
        let progress = self.progress.as_ref();
        let (place, first) = self.first_that_works(|place| {
            Ok((place.clone(), place.manifest(&place.reference, None, progress)?))
        })?;
        match first.document {
            Document::Manifest(ref manifest, _) => {
                let manifest = manifest.clone();
                Ok(Chosen { place, sent: first, manifest, index: None })
            }
            Document::Index(ref index, _) => {
                let chosen = index.choose(platform).map_err(|err| self.manifest_error(err))?;
                let name = place.reference.with_digest(chosen.digest.clone());
                let sent = place.manifest(&name, Some(chosen), progress)?;
                let Document::Manifest(ref manifest, _) = sent.document else {
                    return Err(self.manifest_error(crate::manifest::ManifestError::Neither));
                };
                let manifest = manifest.clone();
                Ok(Chosen { place, sent, manifest, index: Some((first.bytes, first.digest)) })
            }
        }
    }

    /// Fetches the manifest of an artifact, or of an image that is taken for one, checked against its digest; and says
    /// what it was called.
    ///
    /// # Errors
    /// If no registry has it, or it cannot be used.
    pub fn artifact(&self, platform: &PlatformRequest) -> Result<FoundArtifact, SourceError> {
        let Chosen { place, sent, .. } = self.choose(platform)?;
        let manifest = ArtifactManifest::parse(&sent.bytes).map_err(|err| self.manifest_error(err))?;
        let media_type = match sent.document {
            Document::Manifest(_, media_type) | Document::Index(_, media_type) => media_type,
        };
        *self.chosen.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(FoundArtifact { bytes: sent.bytes, digest: sent.digest, media_type, manifest })
    }

    /// Opens a blob of what was found last, as it is. Its bytes are checked against digest and size when the end is
    /// reached, as those of [`ImageSource::open_layer`].
    ///
    /// # Errors
    /// If the registry does not give it.
    pub fn open_blob(
        &self,
        digest: &Digest,
        size: u64,
        progress: Arc<dyn Progress>,
    ) -> Result<impl Read + Send + use<>, SourceError> {
        let place = self.chosen_place(digest)?;
        let reader = BlobReader::open(place.endpoint.clone(), place.blob(digest, size), progress)?;
        Ok(DigestReader::new(reader, digest.clone(), Some(size)))
    }

    /// The place that had the manifest.
    fn chosen_place(&self, digest: &Digest) -> Result<Arc<Place>, RegistryError> {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        chosen.or_else(|| self.places.last().cloned()).ok_or_else(|| RegistryError::NotFound {
            registry: self.image.domain().to_owned(),
            what: format!("blob {digest}"),
            detail: "no registry may be asked".to_owned(),
        })
    }

    fn manifest_error(&self, source: crate::manifest::ManifestError) -> SourceError {
        SourceError::Manifest { image: self.image.to_string(), source }
    }
}

impl ImageSource for RegistrySource {
    fn describe(&self) -> String {
        self.image.to_string()
    }

    fn origin(&self) -> Origin {
        Origin::registry(&self.image)
    }

    fn resolve(&self, platform: &PlatformRequest) -> Result<ResolvedImage, SourceError> {
        let Chosen { place, sent, manifest, index } = self.choose(platform)?;
        manifest.check().map_err(|err| self.manifest_error(err))?;
        let config_bytes = place.config(&manifest)?;
        *self.chosen.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        let manifest_type = match sent.document {
            Document::Manifest(_, media_type) | Document::Index(_, media_type) => media_type,
        };
        Found {
            image: self.image.to_string(),
            manifest_bytes: sent.bytes,
            manifest_digest: sent.digest,
            manifest_type,
            manifest,
            index,
            config_bytes,
            names: vec![self.image.clone()],
        }
        .finish(platform)
    }

    fn open_layer(
        &self,
        layer: &LayerDescriptor,
        limits: &DecompressLimits,
        progress: Arc<dyn Progress>,
    ) -> Result<Box<dyn Read + Send>, SourceError> {
        let place = self.chosen_place(&layer.digest)?;
        let reader =
            BlobReader::open(place.endpoint.clone(), place.blob(&layer.digest, layer.size), progress)?;
        decompress::open_verified(reader, &layer.digest, layer.size, limits)
            .map_err(|err| place.read_error(&format!("blob {}", layer.digest), err).into())
    }
}

impl Place {
    fn blob(&self, digest: &Digest, size: u64) -> Blob {
        Blob { repository: self.reference.path().to_owned(), digest: digest.clone(), size }
    }

    /// Fetches a manifest and checks it against the digest in the name, or computes its digest.
    fn manifest(
        &self,
        name: &Reference,
        expected: Option<&Descriptor>,
        progress: &dyn Progress,
    ) -> Result<Sent, RegistryError> {
        let what = name.to_string();
        let path = manifest_path(name);
        let request = manifest_request("GET", name, &what, &path);
        let (headers, bytes) = self.endpoint.fetch(&request, MAX_MANIFEST_SIZE, progress)?;
        let registry = || self.endpoint.registry.clone();
        let digest = match name.digest() {
            Some(digest) => {
                check(&bytes, digest, expected.map(|it| it.size)).map_err(|source| {
                    RegistryError::Content { registry: registry(), what: what.clone(), source }
                })?;
                digest.clone()
            }
            None => Digest::sha256(&bytes),
        };
        let document = Document::parse(&bytes, header(&headers, "content-type"))
            .map_err(|source| RegistryError::Manifest { registry: registry(), what, source })?;
        Ok(Sent { bytes, digest, document })
    }

    /// Asks for the digest of a manifest; a registry that does not say it is asked for the manifest.
    fn head(&self, progress: &dyn Progress) -> Result<Digest, RegistryError> {
        let name = &self.reference;
        let what = name.to_string();
        let answer =
            self.endpoint.ask(&manifest_request("HEAD", name, &what, &manifest_path(name)), progress)?;
        match header(answer.headers(), "docker-content-digest").and_then(|text| text.parse().ok()) {
            Some(digest) => Ok(digest),
            None => Ok(self.manifest(name, None, progress)?.digest),
        }
    }

    fn config(&self, manifest: &Manifest) -> Result<Vec<u8>, RegistryError> {
        let Descriptor { digest, size, .. } = &manifest.config;
        let what = format!("image configuration {digest}");
        if *size > MAX_CONFIG_SIZE {
            let registry = self.endpoint.registry.clone();
            return Err(RegistryError::TooLarge { registry, what, limit: MAX_CONFIG_SIZE });
        }
        let blob = self.blob(digest, *size);
        // It is no layer, so nobody counts its bytes.
        let reader = BlobReader::open(self.endpoint.clone(), blob, Arc::new(NoProgress))?;
        let mut bytes = Vec::new();
        DigestReader::new(reader, digest.clone(), Some(*size))
            .read_to_end(&mut bytes)
            .map_err(|err| self.read_error(&what, err))?;
        Ok(bytes)
    }

    /// Finds out what an error of a stream was.
    fn read_error(&self, what: &str, err: std::io::Error) -> RegistryError {
        let registry = self.endpoint.registry.clone();
        let what = what.to_owned();
        match err.downcast::<RegistryError>() {
            Ok(err) => err,
            Err(err) => match err.downcast::<VerifyError>() {
                Ok(source) => RegistryError::Content { registry, what, source },
                Err(err) => RegistryError::Broken { registry, what, source: http::transport_io(err) },
            },
        }
    }
}

fn manifest_path(name: &Reference) -> String {
    let version = name.digest().map(Digest::as_str).or(name.tag()).unwrap_or("latest");
    format!("manifests/{version}")
}

fn manifest_request<'a>(
    method: &'static str,
    name: &'a Reference,
    what: &'a str,
    path: &'a str,
) -> Request<'a> {
    let accept = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST].join(", ");
    Request { method, repository: name.path(), path, headers: vec![("accept", accept)], what }
}

fn check(bytes: &[u8], expected: &Digest, size: Option<u64>) -> Result<(), VerifyError> {
    let actual = Digest::of(expected.algorithm(), bytes);
    if actual != *expected {
        return Err(VerifyError::Digest { expected: expected.clone(), actual });
    }
    match size {
        Some(expected_size) if expected_size != bytes.len() as u64 => {
            let (expected_digest, actual) = (expected.clone(), bytes.len() as u64);
            match actual < expected_size {
                true => Err(VerifyError::TooShort { expected_digest, expected: expected_size, actual }),
                false => Err(VerifyError::TooLong { expected_digest, expected: expected_size }),
            }
        }
        _ => Ok(()),
    }
}
