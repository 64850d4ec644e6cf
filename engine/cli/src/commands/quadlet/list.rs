//! `quadlet list`, `quadlet print`.

use std::collections::HashMap;
use std::path::Path;

use pontoon_cli::args::{QuadletListArgs, QuadletPrintArgs, WhoseArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::quadlets::{self, Row};
use pontoon_cli::{message, output};
use pontoon_generator::install::{self, Application};
use pontoon_rootless::dbus::{self, ManagerError};
use pontoon_units::{Content, Source, UnitKind, convert, parse};

use super::Ground;
use crate::commands::Failure;

/// `pontoon quadlet list`
pub fn list(args: &QuadletListArgs) -> Result<ExitStatus, Failure> {
    let ground = Ground::of(args.whose);
    let filters = Filter::parse_all(&args.filter)?;
    let rows = filter::quadlets(rows(ground), &filters)?;
    output::out(&quadlets::list_text(&rows, args.format.as_deref(), args.noheading)?)?;
    Ok(ExitStatus::Success)
}

fn rows(ground: Ground) -> Vec<Row> {
    let sources = ground.sources();
    let conversion = convert(&sources, &ground.settings());
    let services: HashMap<&str, _> =
        conversion.services.iter().map(|service| (&*service.source, service)).collect();
    let names: Vec<&str> = conversion.services.iter().map(|service| service.name.as_str()).collect();
    let states = states(ground, &names).unwrap_or_else(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        message::print_warning(&format!("the states of services are not known: {error}{cause}"));
        HashMap::new()
    });
    let mut applications: HashMap<&Path, Vec<Application>> = HashMap::new();
    for source in &sources {
        let directory = directory(source);
        applications.entry(directory).or_insert_with(|| install::applications(directory));
    }
    let mut rows: Vec<Row> = sources
        .iter()
        .filter(|source| source.content != Content::Masked)
        .map(|source| {
            let service = services.get(&*source.path);
            let faults = service.map_or(&conversion.stray, |service| &service.faults);
            let fault = faults.errors().find(|fault| service.is_some() || fault.place.file == source.path);
            let unit = service.map_or("", |service| &service.name);
            let state = states.get(unit).cloned().unwrap_or_else(|| "Not loaded".to_owned());
            Row {
                name: source.name.clone(),
                unit_name: unit.to_owned(),
                path: source.path.to_string(),
                status: fault.map_or(state, ToString::to_string),
                app: application(source, &applications),
                pod: pod(source),
            }
        })
        .collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

/// The names of the unit files that the caller's manager reads.
pub fn unit_files() -> Vec<String> {
    let whose = WhoseArgs { user: false, system: false };
    Ground::of(whose).sources().into_iter().map(|source| source.name).collect()
}

/// A service that a unit file becomes.
pub struct Made {
    /// Its name.
    pub unit: String,
    /// The file.
    pub source: String,
    /// The volume or network that it makes.
    pub makes: Option<(UnitKind, String)>,
}

/// The services of the unit files that the caller's manager reads; templates, which are none, are left out.
pub fn made() -> Vec<Made> {
    let ground = Ground::of(WhoseArgs { user: false, system: false });
    let conversion = convert(&ground.sources(), &ground.settings());
    let services = conversion.services.into_iter().filter(|it| !it.name.contains("@."));
    services
        .map(|service| {
            let kind = Path::new(&*service.source).file_name().and_then(|it| it.to_str());
            let kind = kind.and_then(UnitKind::of_file_name);
            // `… volume create … NAME`
            let start = service.text.lines().find_map(|line| line.strip_prefix("ExecStart="));
            let last = start.and_then(|it| it.split_whitespace().next_back()).map(str::to_owned);
            let made = kind.filter(|it| matches!(it, UnitKind::Volume | UnitKind::Network)).zip(last);
            Made {
                unit: service.name,
                source: service.source.to_string(),
                makes: made.filter(|_| !service.stub),
            }
        })
        .collect()
}

/// What the manager says of services, by name: `active/running`.
fn states(ground: Ground, names: &[&str]) -> Result<HashMap<String, String>, ManagerError> {
    // A template is no unit that could have a state.
    let names: Vec<&str> = names.iter().copied().filter(|name| !name.contains("@.")).collect();
    let deed = "ask for the states of units".to_owned();
    let bus = ground.bus().map_err(|source| ManagerError::Bus { deed, source })?;
    let known = dbus::units_named(&bus, &names)?.into_iter().filter(|unit| unit.load != "not-found");
    Ok(known.map(|unit| (unit.name, format!("{}/{}", unit.active, unit.sub))).collect())
}

fn directory(source: &Source) -> &Path {
    Path::new(&*source.path).parent().unwrap_or(Path::new("/"))
}

/// The application a file was installed with.
fn application(source: &Source, applications: &HashMap<&Path, Vec<Application>>) -> String {
    let beside = applications.get(directory(source)).map_or(&[][..], Vec::as_slice);
    let found = beside.iter().find(|application| application.files().contains(&source.name));
    found.map(Application::file_name).unwrap_or_default()
}

/// The pod a container belongs to.
fn pod(source: &Source) -> String {
    let Content::Text(bytes) = &source.content else { return String::new() };
    if UnitKind::of_file_name(&source.name) != Some(UnitKind::Container) {
        return String::new();
    }
    let (mut unit, _) = parse(&source.path, bytes);
    for drop_in in &source.drop_ins {
        if let Content::Text(bytes) = &drop_in.content {
            unit.merge(parse(&drop_in.path, bytes).0);
        }
    }
    unit.last(UnitKind::Container.section(), "Pod").map(|entry| entry.value.clone()).unwrap_or_default()
}

/// `pontoon quadlet print`
pub fn print(args: &QuadletPrintArgs) -> Result<ExitStatus, Failure> {
    let sources = Ground::of(args.whose).sources();
    let Some(source) = sources.iter().find(|source| source.name == args.name) else {
        let names = sources.iter().map(|source| source.name.as_str());
        let near = pontoon_units::suggest::nearest(&args.name, names);
        let hint = near.map_or_else(
            || "`pontoon quadlet list` shows those there are".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Failure::new(format!("there is no unit file `{}`", args.name), Some(hint)));
    };
    match &source.content {
        Content::Text(bytes) => output::forgiving(std::io::stdout().lock(), bytes)?,
        Content::Unreadable(reason) => {
            return Err(Failure::new(format!("cannot read `{}`: {reason}", source.path), None));
        }
        Content::Masked => {}
    }
    Ok(ExitStatus::Success)
}
