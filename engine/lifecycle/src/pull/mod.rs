//! Bringing images in: from registries, from archives, from a plain root file system.
//!
//! It must run where the ids of image files are mapped (or with ownership squashed); entering a namespace is the
//! caller's business. It asks nobody and prints nothing: what happens on the way goes to a [`Progress`].

#![expect(
    clippy::result_large_err,
    reason = "a failed pull is rare, and what it carries is what people read"
)]

mod error;
mod import;
mod layers;
mod load;
mod named;

use std::sync::Arc;

use pontoon_image::{
    Cancel, DecompressLimits, Digest, ImageSource, PlatformRequest, Policy, Progress, Reference,
    ResolvedImage,
};
use pontoon_storage::{DiffId, ImageId, ImageRecord, NewImage, Store, UnpackOptions};

pub use error::{ImportError, LoadError, PullError, PullNamedError};
pub(crate) use import::names_of;
pub use import::{ImportRequest, import};
pub use load::load;
pub use named::{PulledName, knows_remote, pull_named};

/// The most layers that are fetched at a time; what Podman does, and enough to keep a fast line busy.
pub const MAX_THREADS: usize = 6;

/// How images are brought in.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// For which machine.
    pub platform: PlatformRequest,
    /// Which images may come in; `None` lets all in.
    pub policy: Option<Policy>,
    /// Owners and attributes of the files.
    pub unpack: UnpackOptions,
    /// How far layers may grow.
    pub limits: DecompressLimits,
    /// How many layers are fetched at a time.
    pub threads: usize,
    /// Stops everything; give the registry client the same.
    pub cancel: Cancel,
}

impl PullOptions {
    /// Returns the usual options for this machine.
    #[must_use]
    pub fn new(unpack: UnpackOptions) -> PullOptions {
        PullOptions {
            platform: PlatformRequest::host(),
            policy: None,
            unpack,
            limits: DecompressLimits::default(),
            threads: MAX_THREADS,
            cancel: Cancel::new(),
        }
    }
}

/// An image that is in the store now.
#[derive(Debug, Clone)]
pub struct PulledImage {
    /// Its record.
    pub record: ImageRecord,
    /// Layers that were fetched.
    pub fetched: usize,
    /// Layers that were there.
    pub present: usize,
    /// Device nodes that were left out.
    pub skipped_devices: u64,
    /// Extended attributes that were left out.
    pub skipped_xattrs: u64,
}

/// Brings the image of a source into the store and gives it these names.
///
/// Layers come side by side and only those that are not there; each is verified by its blob's digest and by its diff id.
/// The image and its names appear last, when all of it is durable. A failure leaves nothing but whole layers.
///
/// # Errors
/// See [`PullError`]; what the store had before is untouched.
pub fn pull(
    source: &dyn ImageSource,
    store: &Store,
    names: &[Reference],
    progress: &Arc<dyn Progress>,
    options: &PullOptions,
) -> Result<PulledImage, PullError> {
    if let Some(policy) = &options.policy {
        policy.check(&source.describe(), &source.origin())?;
    }
    let image = source.resolve(&options.platform)?;
    progress.resolved(&image);
    pull_resolved(source, &image, store, names, progress, options)
}

fn pull_resolved(
    source: &dyn ImageSource,
    image: &ResolvedImage,
    store: &Store,
    names: &[Reference],
    progress: &Arc<dyn Progress>,
    options: &PullOptions,
) -> Result<PulledImage, PullError> {
    let diff_ids = diff_ids(source, image)?;
    let names = Names::new(names, image);
    if let Some(record) = known_as(store, image, &names) {
        for layer in &image.layers {
            progress.layer_present(&layer.digest);
        }
        return Ok(PulledImage {
            record,
            fetched: 0,
            present: diff_ids.len(),
            skipped_devices: 0,
            skipped_xattrs: 0,
        });
    }
    let lock = |err| PullError::Lock { image: source.describe(), source: err };
    let _alone = store.lock_pull(image.config_digest.as_str()).map_err(lock)?;
    let lease = store.lease_layers()?;
    let layers = layers::fetch(source, image, &diff_ids, store, progress, options)?;
    let (skipped_devices, skipped_xattrs) = layers
        .unpacked
        .iter()
        .map(pontoon_storage::UnpackedLayer::report)
        .fold((0, 0), |sum, report| (sum.0 + report.skipped_devices, sum.1 + report.skipped_xattrs));
    let (fetched, present) = (layers.unpacked.len(), layers.present);
    let record = store
        .commit_image(
            &lease,
            NewImage {
                manifest: &image.manifest_bytes,
                config: &image.config_bytes,
                digest: image.manifest_digest.to_string(),
                layers: diff_ids,
                unpacked: layers.unpacked,
                names: names.tags,
                repo_digests: names.digests,
                created: image.config.created_seconds(),
            },
        )
        .map_err(|source_err| PullError::Commit { image: source.describe(), source: source_err })?;
    Ok(PulledImage { record, fetched, present, skipped_devices, skipped_xattrs })
}

/// Turns the diff ids into the store's, which are sha256.
fn diff_ids(source: &dyn ImageSource, image: &ResolvedImage) -> Result<Vec<DiffId>, PullError> {
    let convert = |digest: &Digest| {
        digest
            .as_str()
            .parse()
            .map_err(|_| PullError::DiffId { image: source.describe(), digest: digest.clone() })
    };
    image.layers.iter().map(|layer| convert(&layer.diff_id)).collect()
}

/// The names an image gets.
struct Names {
    tags: Vec<String>,
    digests: Vec<String>,
}

impl Names {
    /// A name with a tag stays one; each repository also gets the digests by which the image can be asked for again.
    fn new(names: &[Reference], image: &ResolvedImage) -> Names {
        let mut tags = Vec::new();
        let mut digests = Vec::new();
        let index = image.index.as_ref().map(|(_, digest)| digest);
        for name in names {
            if name.digest().is_none() {
                tags.push(name.with_default_tag().to_string());
            }
            for digest in index.into_iter().chain([&image.manifest_digest]) {
                let text = name.with_digest(digest.clone()).to_string();
                if !digests.contains(&text) {
                    digests.push(text);
                }
            }
        }
        Names { tags, digests }
    }
}

/// Returns the image's record if the store has it already, whole and under all these names: then nothing is to be done.
fn known_as(store: &Store, image: &ResolvedImage, names: &Names) -> Option<ImageRecord> {
    let id = image_id(&image.config_digest, &image.config_bytes)?;
    let record = store.image(&id).ok()?;
    let known = record.digest == image.manifest_digest.as_str()
        && names.tags.iter().all(|tag| record.names.contains(tag))
        && names.digests.iter().all(|digest| record.repo_digests.contains(digest))
        && record.layers.iter().all(|layer| store.has_layer(layer).unwrap_or(false));
    known.then_some(record)
}

/// The store knows images by the sha256 of their configuration, whatever digest their manifest uses.
fn image_id(config_digest: &Digest, config_bytes: &[u8]) -> Option<ImageId> {
    let digest = match config_digest.algorithm() {
        pontoon_image::Algorithm::Sha256 => config_digest.clone(),
        pontoon_image::Algorithm::Sha512 => Digest::sha256(config_bytes),
    };
    digest.hex().parse().ok()
}
