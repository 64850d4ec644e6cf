//! A unit file with all that it and its neighbours become: for commands that take what has never run.

use std::path::PathBuf;

use pontoon_cli::args::WhoseArgs;
use pontoon_cli::output;
use pontoon_cli::view::faults::{self, Texts};
use pontoon_units::{Service, Source, UnitKind};

use super::{Ground, given};
use crate::commands::Failure;

/// A unit file that was converted together with those beside it.
pub struct Converted {
    /// The file's own name, as `web.container`.
    pub name: String,
    /// What it is.
    pub kind: UnitKind,
    /// Its service.
    pub service: Service,
    /// The services of it and its neighbours, failing ones among them.
    pub services: Vec<Service>,
    /// The files they were made of.
    pub sources: Vec<Source>,
    /// What is to be said of the file, for people.
    pub told: String,
    /// Whether the services are a user's.
    pub is_user: bool,
}

/// Converts a file that is named by its path, or as it is called where the manager looks for files. None if there is no such file.
pub fn converted(word: &str) -> Result<Option<Converted>, Failure> {
    let ground = Ground::of(WhoseArgs { user: false, system: false });
    let path = PathBuf::from(word);
    let known = || ground.sources().into_iter().find(|it| it.name == word).map(|it| PathBuf::from(&*it.path));
    let path = match path.is_file() {
        true => Some(path),
        false if word.contains('/') => None,
        false => known(),
    };
    let Some(path) = path else { return Ok(None) };
    let Some(group) = given::read(ground, &[path])?.pop() else { return Ok(None) };
    let conversion = pontoon_units::convert(&group.sources, &ground.settings());
    let asked = |fault: &&pontoon_units::Diagnostic| group.is_asked(&fault.place.file);
    let found: Vec<_> = conversion.faults().filter(asked).cloned().collect();
    let told = faults::text(&found, &Texts::of(&group.sources));
    let service = conversion.services.iter().find(|it| group.is_asked(&it.source) && !it.stub).cloned();
    let name = |source: &str| source.rsplit('/').next().unwrap_or_default().to_owned();
    let (Some(service), Some(kind)) = (service, UnitKind::of_file_name(word)) else {
        output::err(&told);
        let hint = "`pontoon quadlet check` tells what is wrong with it".to_owned();
        return Err(Failure::new(format!("`{word}` becomes no service"), Some(hint)));
    };
    let name = name(&service.source);
    let (services, is_user) = (conversion.services, ground.is_user());
    Ok(Some(Converted { name, kind, service, services, sources: group.sources, told, is_user }))
}
