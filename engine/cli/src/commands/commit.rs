//! `commit`: a container becomes an image.

use std::path::Path;

use pontoon_image::{Reference, RunConfig};
use pontoon_lifecycle::base;
use pontoon_lifecycle::commit::{self, CommitRequest};
use pontoon_lifecycle::list::{self, Found};
use pontoon_network::PortMapping;
use pontoon_storage::Store;

use super::changes::{self, Reading};
use super::pull::local_name;
use super::{Context, Failure, list as rows};
use pontoon_cli::args::CommitArgs;
use pontoon_cli::args::refused::{IMAGE_FORMAT, instead_of};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::{message, output};

/// `pontoon commit`
pub fn commit(context: &Context, args: &CommitArgs) -> Result<ExitStatus, Failure> {
    if let Some(format) = args.format.as_deref().filter(|it| *it != "oci") {
        return Err(Failure::new(
            format!("`--format={format}` is not supported"),
            Some(instead_of(IMAGE_FORMAT)),
        ));
    }
    let store = context.store()?;
    let found = list::find(&store, &args.container)?;
    let name = match &args.image {
        Some(name) => Some(Reference::parse(&local_name(name))?),
        None => None,
    };
    let mut config = config(&store, &found, args.include_volumes)?;
    if let Some(path) = &args.config_file {
        changes::merge(&mut config, read_config(path)?);
    }
    changes::apply(&mut config, &args.change, Reading::Containerfile)?;
    let request = CommitRequest {
        name,
        author: args.author.clone().filter(|it| !it.is_empty()),
        message: args.message.clone().unwrap_or_default(),
        config,
        squash: args.squash,
        pause: args.pause,
        now: pontoon_cli::time::unix_or_never(Some(std::time::SystemTime::now())),
    };
    let id =
        commit::commit(&context.host, &store, &found, &request, &message::print_warning).map_err(|err| {
            Failure::from(err).while_doing(format!("cannot make an image of container `{}`", args.container))
        })?;
    if let Some(path) = &args.iidfile {
        std::fs::write(path, &id)
            .map_err(|err| Failure::from(err).while_doing(format!("cannot write `{}`", path.display())))?;
    }
    output::line(&id)?;
    Ok(ExitStatus::Success)
}

/// `--config`: a file with the configuration of an image, as it stands in one.
fn read_config(path: &Path) -> Result<RunConfig, Failure> {
    let deed = || format!("cannot read `--config {}`", path.display());
    let bytes = std::fs::read(path).map_err(|err| Failure::from(err).while_doing(deed()))?;
    // A list would be taken for the fields in their order.
    let object: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(&bytes);
    object
        .and_then(|it| serde_json::from_value(it.into()))
        .map_err(|err| Failure::new(err, None).while_doing(deed()))
}

/// What the container runs, as its image's configuration and its own options have it.
fn config(store: &Store, found: &Found, with_volumes: bool) -> Result<RunConfig, Failure> {
    let mut config = base::config(store, base::image(store, &found.record)?.as_ref())?.config;
    let request = &found.record.request;
    let (entry, words) = rows::command(&found.record, config.entrypoint.as_ref(), config.cmd.as_ref());
    config.entrypoint = (!entry.is_empty()).then_some(entry);
    config.cmd = (!words.is_empty()).then_some(words);
    for (name, value) in &request.env {
        changes::set_env(&mut config, name, value);
    }
    config.labels.extend(request.labels.iter().cloned());
    if let Some(user) = &request.user {
        config.user.clone_from(user);
    }
    if let Some(directory) = &request.workdir {
        config.working_dir.clone_from(directory);
    }
    for port in request.expose.iter().cloned().chain(request.publish.iter().flat_map(container_ports)) {
        if !config.exposed_ports.contains(&port) {
            config.exposed_ports.push(port);
        }
    }
    if let Some(signal) = request.stop_signal {
        config.stop_signal = Some(pontoon_cli::run_options::signal_name(signal));
    }
    // Those without a name are in any case, as the image's own are.
    let is_anonymous =
        |name: &str| store.find_volume(name).is_ok_and(|it| it.read_entry().is_ok_and(|it| it.anonymous));
    for volume in found.record.volumes.iter().filter(|it| with_volumes || is_anonymous(&it.name)) {
        if !config.volumes.contains(&volume.target) {
            config.volumes.push(volume.target.clone());
        }
    }
    Ok(config)
}

/// What an image says of the ports that are published so.
fn container_ports(mapping: &PortMapping) -> impl Iterator<Item = String> {
    let protocol = mapping.protocol.name();
    (mapping.container_port..=u16::MAX)
        .take(usize::from(mapping.range.max(1)))
        .map(move |port| format!("{port}/{protocol}"))
}
