//! A container becomes an image: its image's layers, and one more with what it has changed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use pontoon_image::manifest::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use pontoon_image::time::format_rfc3339;
use pontoon_image::{Digest, HistoryEntry, ImageConfig, Reference, RunConfig};
use pontoon_monitor::event::Deed;
use pontoon_monitor::state::FailureReport;
use pontoon_runtime::visit::without_mounts;
use pontoon_storage::{
    ArchiveForm, FindImageError, ImageRecord, LayerError, NewImage, Store, UnpackOptions, write_archive,
};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::pipe::{PipeFlags, pipe_with};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::create::{CreateError, image_config};
use crate::exec::Causes;
use crate::frozen::Frozen;
use crate::host::Host;
use crate::list::Found;
use crate::pull::names_of;
use crate::reach::{ReachError, Reached, reach};
use crate::user_namespace::{self, EnterError};
use crate::{acquire, pause};

/// How the image shall be.
#[derive(Debug, Clone, Default)]
pub struct CommitRequest {
    /// Its name.
    pub name: Option<Reference>,
    /// Who made it.
    pub author: Option<String>,
    /// Comment in its history.
    pub message: String,
    /// What a container of it runs.
    pub config: RunConfig,
    /// One layer with everything, in place of those of the container's image.
    pub squash: bool,
    /// The container's processes stand still meanwhile.
    pub pause: bool,
    /// Now, in seconds since 1970.
    pub now: i64,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The container's files.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// It has none.
    #[error("its root file system is a directory of the host (--rootfs), and no image")]
    NoImage,
    /// Its image.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// Its image's configuration.
    #[error(transparent)]
    Config(#[from] CreateError),
    /// A layer of its image.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Its processes.
    #[error("cannot pause the container")]
    Pause(#[from] pause::PauseError),
    /// The child that unpacks the layer.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// Something around it.
    #[error("cannot make the new layer")]
    Io(#[from] io::Error),
    /// The configuration cannot be written as JSON.
    #[error("cannot write the configuration of the new image")]
    Json(#[from] serde_json::Error),
    /// What the child said.
    #[error("{}", .0.chain.first().map_or("the new layer could not be made", String::as_str))]
    Work(FailureReport, #[source] Option<Causes>),
}

impl CommitError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reach(err) => err.hint(),
            Self::NoImage => {
                Some("`pontoon export CONTAINER | pontoon import - NAME` makes one of its files".to_owned())
            }
            Self::Config(err) => err.hint(),
            Self::Enter(err) => err.hint(),
            Self::Pause(err) => err.hint(),
            Self::Work(report, _) => report.hint.clone(),
            _ => None,
        }
    }
}

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
enum Said {
    Id(String),
    Failed(FailureReport),
}

/// Makes an image of a container and gives its id. Called with a single thread only. What the user should know besides goes to
/// `warn`.
///
/// # Errors
/// See [`CommitError`].
pub fn commit(
    host: &Host,
    store: &Store,
    found: &Found,
    request: &CommitRequest,
    warn: &dyn Fn(&str),
) -> Result<String, CommitError> {
    if found.record.request.rootfs.is_some() {
        return Err(CommitError::NoImage);
    }
    let base = store.find_image(&found.record.image_id)?;
    let config = image_config(store, &base)?;
    let running = found.status.run().filter(|_| request.pause);
    // One that is frozen already stays so.
    let frozen = running.filter(|state| !pause::is_frozen(state)).map(Frozen::new).transpose()?;
    let id = with_pipe(host, store, found, request, &base, config)?;
    // The image is there, whatever becomes of the container.
    if let Some(Err(err)) = frozen.map(Frozen::go_on) {
        warn(&format!("container `{}` is still paused: {err}", found.record.name));
    }
    host.tell_of(store, &found.record, Deed::Commit);
    Ok(id)
}

fn with_pipe(
    host: &Host,
    store: &Store,
    found: &Found,
    request: &CommitRequest,
    base: &ImageRecord,
    config: ImageConfig,
) -> Result<String, CommitError> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from);
    let (read, write) = pipe()?;
    let mut read = Some(read);
    let archiving = archive(host, store, found, request.squash, write, &mut read)?;
    let read = read.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
    let (said, say) = pipe()?;
    let unpacking = user_namespace::spawn(
        host,
        |err| tell(&say, &Said::Failed(FailureReport::new(&err, err.hint(), 125))),
        |maps| {
            let unpack = acquire::unpack_options(host, maps);
            let archive = File::from(match read.try_clone() {
                Ok(read) => read,
                Err(err) => return tell(&say, &Said::Failed(FailureReport::new(&err, None, 125))),
            });
            match keep(archive, request, base, config, store, unpack) {
                Ok(id) => tell(&say, &Said::Id(id)),
                Err(err) => tell(&say, &Said::Failed(FailureReport::new(err.as_ref(), None, 125))),
            }
        },
    )?;
    drop((read, say));
    // If the archive could not be made, what became of its end tells nothing; if it was not read, the reader knows why.
    let archived = archiving.wait();
    if !matches!(archived, Ok(()) | Err(ReachError::ReaderGone)) {
        archived?;
    }
    let mut text = Vec::new();
    File::from(said).read_to_end(&mut text)?;
    let _ = unpacking.wait();
    match serde_json::from_slice(&text) {
        Ok(Said::Id(id)) => Ok(id),
        Ok(Said::Failed(report)) => {
            let causes = Causes::of(report.chain.get(1..).unwrap_or_default());
            Err(CommitError::Work(report, causes))
        }
        Err(_) => Err(ReachError::Killed.into()),
    }
}

fn tell(to: &OwnedFd, said: &Said) -> i32 {
    if let (Ok(mut to), Ok(text)) = (to.try_clone().map(File::from), serde_json::to_vec(said)) {
        let _ = to.write_all(&text);
    }
    i32::from(matches!(said, Said::Failed(_)))
}

/// Starts writing the layer.
fn archive(
    host: &Host,
    store: &Store,
    found: &Found,
    whole: bool,
    write: OwnedFd,
    read: &mut Option<OwnedFd>,
) -> Result<Reached, CommitError> {
    // Before the first start there is none.
    let upper = found.container.upper_path();
    let upper = openat(CWD, &upper, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok();
    Ok(reach(host, store, found, |root| {
        // The child's own copy: while it is open, nobody can be found to have stopped reading.
        drop(read.take());
        let readable = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let (source, form) = if whole {
            (openat(&without_mounts(root.as_fd())?, ".", readable, Mode::empty())?, ArchiveForm::Plain)
        } else {
            match &upper {
                Some(upper) => (openat(upper, ".", readable, Mode::empty())?, ArchiveForm::Layer),
                None => {
                    File::from(write.try_clone()?).write_all(&[0; 1024])?;
                    return Ok(());
                }
            }
        };
        write_archive(source.as_fd(), None, form, File::from(write.try_clone()?))?;
        Ok(())
    })?)
}

/// Unpacks the layer, and keeps the image.
fn keep(
    archive: File,
    request: &CommitRequest,
    base: &ImageRecord,
    config: ImageConfig,
    store: &Store,
    unpack: UnpackOptions,
) -> Result<String, Box<dyn std::error::Error>> {
    let lease = store.lease_layers()?;
    let layer = store.unpack_layer(None, archive, unpack)?;
    let mut layers = if request.squash { Vec::new() } else { base.layers.clone() };
    layers.push(layer.diff_id().clone());
    let config = new_config(request, config, &layer.diff_id().to_string())?;
    let mut sizes = Vec::new();
    for diff_id in layers.iter().take(layers.len() - 1) {
        sizes.push(store.layer_meta(diff_id)?.archive_size);
    }
    sizes.push(layer.report().archive_size);
    let described: Vec<_> = layers
        .iter()
        .zip(sizes)
        .map(|(diff_id, size)| json!({"mediaType": OCI_LAYER, "digest": diff_id.to_string(), "size": size}))
        .collect();
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": Digest::sha256(&config).as_str(), "size": config.len()},
        "layers": described,
    }))?;
    let digest = Digest::sha256(&manifest);
    let (names, repo_digests) = names_of(request.name.as_ref(), &digest);
    let image = NewImage {
        manifest: &manifest,
        config: &config,
        digest: digest.to_string(),
        layers,
        unpacked: vec![layer],
        names,
        repo_digests,
        created: Some(request.now),
    };
    Ok(store.commit_image(&lease, image)?.id.to_string())
}

fn new_config(request: &CommitRequest, base: ImageConfig, diff_id: &str) -> serde_json::Result<Vec<u8>> {
    let created = format_rfc3339(request.now);
    let mut config = ImageConfig {
        created: Some(created.clone()),
        author: request.author.clone(),
        comment: Some(request.message.clone()).filter(|it| !it.is_empty()),
        config: request.config.clone(),
        ..base
    };
    if request.squash {
        config.rootfs.diff_ids.clear();
        config.history.clear();
    }
    config.rootfs.diff_ids.extend(diff_id.parse::<Digest>());
    config.history.push(HistoryEntry {
        created: Some(created),
        created_by: "/bin/sh".to_owned(),
        author: request.author.clone().unwrap_or_default(),
        comment: request.message.clone(),
        ..HistoryEntry::default()
    });
    serde_json::to_vec(&config)
}
