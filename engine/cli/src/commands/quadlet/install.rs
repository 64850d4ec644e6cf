//! `quadlet install`: unit files into the manager's directory, all of them or none.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use pontoon_cli::args::QuadletInstallArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::faults::{self, Texts};
use pontoon_generator::install::{self, Given, Request};
use pontoon_image::{ClientOptions, Environment};
use pontoon_units::parse::MAX_SIZE;
use pontoon_units::{Diagnostic, convert};

use super::Ground;
use crate::commands::{Context, Failure};

/// `pontoon quadlet install`
pub fn install(context: &Context, args: &QuadletInstallArgs) -> Result<ExitStatus, Failure> {
    let ground = Ground::of(args.whose);
    let request = gather(context, &args.sources)?;
    let installation = install::prepare(&ground.install_directory()?, request, args.replace)?;
    let paths = installation.write()?;
    for path in &paths {
        output::line(&path.display().to_string())?;
    }
    // The paths of unit files have their links resolved.
    let whole = paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
    tell_faults(ground, &whole.map(|path| path.display().to_string()).collect());
    if args.reload_systemd {
        ground.reload()?;
    }
    Ok(ExitStatus::Success)
}

/// Reads what is to be installed.
fn gather(context: &Context, sources: &[String]) -> Result<Request, Failure> {
    let mut request = Request { files: Vec::new(), directory: None };
    for (index, source) in sources.iter().enumerate() {
        if source.starts_with("http://") || source.starts_with("https://") {
            request.files.push(fetch(context, source)?);
            continue;
        }
        let path = Path::new(source);
        if path.is_dir() && index == 0 {
            let whole = path.canonicalize()?;
            request.directory = whole.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            request.files.extend(entries(&whole)?);
        } else {
            request.files.push(read(path)?);
        }
    }
    Ok(request)
}

/// The files of a directory, by name.
fn entries(directory: &Path) -> Result<Vec<Given>, Failure> {
    let cannot =
        |source| Failure::new(source, None).while_doing(format!("cannot read `{}`", directory.display()));
    let mut paths = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| entry.map(|it| it.path())).collect::<Result<Vec<_>, _>>())
        .map_err(cannot)?;
    paths.sort();
    // What tools keep for themselves, such as `.git`, is no part of it.
    paths.retain(|path| {
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !(is_hidden && path.is_dir())
    });
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Given, Failure> {
    let failed = |reason: String, hint: Option<&str>| {
        Failure::new(format!("cannot install `{}`: {reason}", path.display()), hint.map(str::to_owned))
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| failed("it has no name that is text".to_owned(), None))?.to_owned();
    let about = fs::metadata(path).map_err(|error| failed(error.to_string(), None))?;
    if !about.is_file() {
        return Err(failed(
            "it is not a file".to_owned(),
            Some("a directory must be given first, and holds files only"),
        ));
    }
    let bytes = fs::read(path).map_err(|error| failed(error.to_string(), None))?;
    Ok(Given { name, bytes })
}

fn fetch(context: &Context, address: &str) -> Result<Given, Failure> {
    let environment: Environment = context.host.environment.iter().collect();
    let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX);
    let fetched = pontoon_image::fetch(address, ClientOptions::standard(&environment), limit)?;
    Ok(Given { name: fetched.name, bytes: fetched.bytes })
}

/// Tells what is wrong with files that were just installed; they are installed all the same.
fn tell_faults(ground: Ground, paths: &HashSet<String>) {
    let sources = ground.sources();
    let conversion = convert(&sources, &ground.settings());
    let found: Vec<Diagnostic> =
        conversion.faults().filter(|fault| paths.contains(&*fault.place.file)).cloned().collect();
    output::err(&faults::text(&found, &Texts::of(&sources)));
}
