//! All layers of an image, side by side, each once.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use pontoon_image::{Cancel, ImageSource, LayerDescriptor, Progress, ResolvedImage};
use pontoon_storage::{DiffId, Store, UnpackedLayer};

use super::{PullError, PullOptions};

/// What came of it.
pub(super) struct Layers {
    pub unpacked: Vec<UnpackedLayer>,
    pub present: usize,
}

/// A layer that is to be fetched.
struct Wanted<'a> {
    layer: &'a LayerDescriptor,
    diff_id: &'a DiffId,
}

/// The work that threads share.
struct Work<'a> {
    source: &'a dyn ImageSource,
    store: &'a Store,
    progress: &'a Arc<dyn Progress>,
    options: &'a PullOptions,
    wanted: Vec<Wanted<'a>>,
    next: AtomicUsize,
    stop: Cancel,
    unpacked: Mutex<Vec<UnpackedLayer>>,
    failure: Mutex<Option<PullError>>,
}

/// Fetches and unpacks what the store does not have. The first failure stops the others.
pub(super) fn fetch<'a>(
    source: &'a dyn ImageSource,
    image: &'a ResolvedImage,
    diff_ids: &'a [DiffId],
    store: &'a Store,
    progress: &'a Arc<dyn Progress>,
    options: &'a PullOptions,
) -> Result<Layers, PullError> {
    let mut seen = HashSet::new();
    let mut wanted = Vec::new();
    let mut present = 0;
    for (layer, diff_id) in image.layers.iter().zip(diff_ids) {
        if !seen.insert(diff_id) {
            continue;
        }
        if store.has_layer(diff_id)? {
            present += 1;
            progress.layer_present(&layer.digest);
        } else {
            wanted.push(Wanted { layer, diff_id });
        }
    }
    // The largest first, so that the last one to end is a small one.
    wanted.sort_by_key(|it| std::cmp::Reverse(it.layer.size));
    let threads = options.threads.clamp(1, super::MAX_THREADS).min(wanted.len());
    let work = Work {
        source,
        store,
        progress,
        options,
        wanted,
        next: AtomicUsize::new(0),
        stop: Cancel::new(),
        unpacked: Mutex::default(),
        failure: Mutex::default(),
    };
    match threads {
        0 => {}
        1 => work.run(),
        _ => work.run_threads(threads)?,
    }
    match work.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(err) => Err(err),
        None => Ok(Layers {
            unpacked: work.unpacked.into_inner().unwrap_or_else(PoisonError::into_inner),
            present,
        }),
    }
}

impl Work<'_> {
    fn run_threads(&self, threads: usize) -> Result<(), PullError> {
        std::thread::scope(|scope| {
            let mut started = 0;
            let mut last = None;
            for number in 0..threads {
                let builder = Builder::new().name(format!("layer-{number}"));
                match builder.spawn_scoped(scope, || self.run()) {
                    Ok(_) => started += 1,
                    Err(err) => last = Some(err),
                }
            }
            // Fewer threads than wished do the same work.
            match last {
                Some(source) if started == 0 => {
                    Err(PullError::Thread { image: self.source.describe(), source })
                }
                _ => Ok(()),
            }
        })
    }

    /// Takes one layer after another.
    fn run(&self) {
        while let Some(wanted) = self.wanted.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if self.stop.is_cancelled() {
                return;
            }
            match self.one(wanted) {
                Ok(layer) => {
                    self.progress.layer_done(&wanted.layer.digest);
                    self.unpacked.lock().unwrap_or_else(PoisonError::into_inner).push(layer);
                }
                Err(err) => {
                    self.stop.cancel();
                    let err = match self.options.cancel.is_cancelled() {
                        true => PullError::Cancelled { image: self.source.describe() },
                        false => err,
                    };
                    self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(err);
                    return;
                }
            }
        }
    }

    fn one(&self, wanted: &Wanted<'_>) -> Result<UnpackedLayer, PullError> {
        let Wanted { layer, diff_id } = wanted;
        self.progress.layer_started(&layer.digest, layer.size);
        let archive = self.source.open_layer(layer, &self.options.limits, self.progress.clone())?;
        let archive = Stoppable { inner: archive, flags: [&self.stop, &self.options.cancel] };
        self.store.unpack_layer(Some(diff_id), archive, self.options.unpack).map_err(|source| {
            PullError::Layer { image: self.source.describe(), digest: layer.digest.clone(), source }
        })
    }
}

/// Ends a layer in the middle when another failed or somebody wants to stop.
struct Stoppable<'a> {
    inner: Box<dyn Read + Send>,
    flags: [&'a Cancel; 2],
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.flags.iter().any(|flag| flag.is_cancelled()) {
            return Err(io::Error::other("cancelled"));
        }
        self.inner.read(buf)
    }
}
