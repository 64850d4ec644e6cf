//! A plain root file system becomes an image of one layer.

use std::io::Read;

use pontoon_image::manifest::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use pontoon_image::time::format_rfc3339;
use pontoon_image::{
    DecompressLimits, Digest, HistoryEntry, ImageConfig, Platform, Reference, RootFs, RunConfig, rootfs,
};
use pontoon_storage::{ImageRecord, NewImage, Store, UnpackOptions};
use serde_json::json;

use super::ImportError;

/// What is imported, and how the image shall be.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// What the archive is called: a path, or `-`.
    pub source: String,
    /// Name of the new image.
    pub name: Option<Reference>,
    /// What a container of it runs; what `--change` says.
    pub config: RunConfig,
    /// Message for the history (`--message`).
    pub message: Option<String>,
    /// For which machine it is.
    pub platform: Platform,
    /// Now, in seconds since 1970.
    pub now: i64,
    /// How far the archive may grow.
    pub limits: DecompressLimits,
}

/// Makes an image of the archive that `archive` gives; gzip and zstd are undone.
///
/// # Errors
/// See [`ImportError`].
pub fn import(
    archive: impl Read + Send + 'static,
    request: &ImportRequest,
    store: &Store,
    unpack: UnpackOptions,
) -> Result<ImageRecord, ImportError> {
    let name = || request.source.clone();
    let open = |source| ImportError::Open { name: name(), source };
    let tar = rootfs::open_tar_reader(archive, &request.limits).map_err(open)?;
    let lease = store.lease_layers()?;
    let layer = store
        .unpack_layer(None, tar, unpack)
        .map_err(|source| ImportError::Unpack { name: name(), source })?;
    let config = config(request, &layer.diff_id().to_string())?;
    let manifest = manifest(&config, &layer.diff_id().to_string(), layer.report().archive_size)?;
    let digest = Digest::sha256(&manifest);
    let (names, repo_digests) = names_of(request.name.as_ref(), &digest);
    let image = NewImage {
        manifest: &manifest,
        config: &config,
        digest: digest.to_string(),
        layers: vec![layer.diff_id().clone()],
        unpacked: vec![layer],
        names,
        repo_digests,
        created: Some(request.now),
    };
    store.commit_image(&lease, image).map_err(|source| ImportError::Commit { name: name(), source })
}

fn config(request: &ImportRequest, diff_id: &str) -> Result<Vec<u8>, ImportError> {
    let created = format_rfc3339(request.now);
    let platform = &request.platform;
    let mut config = ImageConfig {
        created: Some(created.clone()),
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        variant: Some(platform.variant.clone()).filter(|it| !it.is_empty()),
        config: request.config.clone(),
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: Vec::new() },
        history: vec![HistoryEntry {
            created: Some(created),
            created_by: format!("/bin/sh -c #(nop) ADD {} in /", request.source),
            comment: request.message.clone().unwrap_or_else(|| format!("imported from {}", request.source)),
            ..HistoryEntry::default()
        }],
        ..ImageConfig::default()
    };
    // The store's diff ids are digests by their making.
    config.rootfs.diff_ids.extend(diff_id.parse::<Digest>());
    serde_json::to_vec(&config).map_err(|source| ImportError::Json { source })
}

fn manifest(config: &[u8], diff_id: &str, archive_size: u64) -> Result<Vec<u8>, ImportError> {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": Digest::sha256(config).as_str(), "size": config.len()},
        "layers": [{"mediaType": OCI_LAYER, "digest": diff_id, "size": archive_size}],
    });
    serde_json::to_vec(&manifest).map_err(|source| ImportError::Json { source })
}

/// The names of an image that was made here: as it was named, and by its manifest's digest.
pub(crate) fn names_of(name: Option<&Reference>, digest: &Digest) -> (Vec<String>, Vec<String>) {
    let tagged = name.map(|it| it.with_default_tag().to_string());
    let digested = name.map(|it| it.with_digest(digest.clone()).to_string());
    (tagged.into_iter().collect(), digested.into_iter().collect())
}
