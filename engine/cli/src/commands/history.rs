//! `history` and `image tree`: what an image is made of.

use std::collections::HashMap;
use std::time::SystemTime;

use pontoon_lifecycle::create::image_config;
use pontoon_storage::{DiffId, ImageRecord, LayerError, Store};

use super::{Context, Failure, unit};
use pontoon_cli::args::{HistoryArgs, ImageTreeArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::time::moment_of;
use pontoon_cli::view::history::{self, Options, Step};
use pontoon_cli::view::tree::{self, Layer};

/// `pontoon history`
pub fn history(context: &Context, args: &HistoryArgs) -> Result<ExitStatus, Failure> {
    if unit::is_unit(&args.image) {
        return unit::history(context, args);
    }
    let store = context.store()?;
    let image = context.find_image(&store, &args.image)?;
    let options = Options {
        format: args.format.as_deref(),
        human: args.human != Some(false),
        no_trunc: args.no_trunc,
        quiet: args.quiet,
        now: SystemTime::now(),
    };
    output::out(&history::text(&steps(&store, &image)?, &options)?)?;
    Ok(ExitStatus::Success)
}

/// The steps of an image, the newest first.
fn steps(store: &Store, image: &ImageRecord) -> Result<Vec<Step>, Failure> {
    // A step is known by the steps and layers up to it: an image that is just that is its outcome.
    let mut outcomes: HashMap<(Vec<DiffId>, usize), ImageRecord> = HashMap::new();
    for other in store.list_images()? {
        if let Ok(config) = image_config(store, &other) {
            outcomes.insert((other.layers.clone(), config.history.len()), other);
        }
    }
    let mut layers = Vec::new();
    let mut left = image.layers.iter();
    let mut steps = Vec::new();
    for (index, entry) in image_config(store, image)?.history.into_iter().enumerate() {
        let layer = if entry.empty_layer { None } else { left.next() };
        layers.extend(layer.cloned());
        let outcome = outcomes.get(&(layers.clone(), index + 1));
        steps.push(Step {
            id: outcome.map(|it| it.id.to_string()),
            tags: outcome.map(|it| it.names.clone()).unwrap_or_default(),
            created: entry.created.as_deref().and_then(moment_of),
            created_by: entry.created_by,
            size: layer.map(|it| store.layer_meta(it)).transpose()?.map_or(0, |it| it.size),
            comment: entry.comment,
        });
    }
    // An image whose maker tells no steps has its layers all the same.
    for layer in left {
        steps.push(Step { size: store.layer_meta(layer)?.size, ..Step::default() });
    }
    steps.reverse();
    if let Some(newest) = steps.first_mut() {
        newest.id = Some(image.id.to_string());
        newest.tags.clone_from(&image.names);
    }
    Ok(steps)
}

/// `pontoon image tree`
pub fn tree(context: &Context, args: &ImageTreeArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let image = context.find_image(&store, &args.image)?;
    let sized = |layers: &[DiffId]| -> Result<Vec<(String, u64)>, LayerError> {
        layers
            .iter()
            .map(|layer| {
                let digits = layer.to_string().trim_start_matches("sha256:").to_owned();
                Ok((digits, store.layer_meta(layer)?.size))
            })
            .collect()
    };
    let mut root = Layer::default();
    if args.whatrequires {
        // From the topmost layer on.
        let below = image.layers.len().saturating_sub(1);
        for other in store.list_images()? {
            if other.layers.starts_with(&image.layers) {
                root.put(&sized(other.layers.get(below..).unwrap_or_default())?, &other.names);
            }
        }
    } else {
        root.put(&sized(&image.layers)?, &image.names);
    }
    let text = tree::text(&image.id.to_string(), &image.names, image.size, &root.above);
    output::out(&text)?;
    Ok(ExitStatus::Success)
}
