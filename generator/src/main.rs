//! The systemd generator: directories of unit files to service files.
//!
//! systemd runs it early at boot and at every reload, with an output directory as its first argument. What a
//! file means is decided by `pontoon-units`; here directories are read, texts written and faults told. It
//! links none of the engine, waits for nothing, and whatever a file holds, it goes on with the next.

mod engine;
mod log;
mod options;
mod original;
mod output;
mod read;
mod walk;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pontoon_units::search::{self, Manager, Surroundings};
use pontoon_units::{Conversion, Settings, Severity, convert};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use log::Log;
use options::{Asked, Options};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    let options = match options::parse(&arguments) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Version) => return say(env!("CARGO_PKG_VERSION"), 0),
        Ok(Asked::Help) => return say(options::USAGE, 0),
        Err(error) => {
            Log::to_stderr().plain(&format!("{error}\n{}", options::USAGE));
            return ExitCode::from(2);
        }
    };
    let mut log = Log::new(&options);
    if options.output.is_none() && !options.dry_run {
        log.error("no output directory given");
        return ExitCode::FAILURE;
    }
    let whole = run(&options, &mut log);
    if !whole {
        log.error("processing encountered some errors");
    }
    ExitCode::from(u8::from(!whole))
}

/// Lets as many directories be open at once as the system allows; a deep tree needs one descriptor for each.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the usual thousand is enough for nearly everybody.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Does all the work; false if anything went wrong.
fn run(options: &Options, log: &mut Log) -> bool {
    raise_descriptor_limit();
    let manager = match options.user {
        true => Manager::User { uid: rustix::process::getuid().as_raw() },
        false => Manager::System,
    };
    let surroundings = surroundings(manager, log);
    let directories = search::directories(manager, &surroundings);
    let sources = walk::sources(manager, &directories, log);
    if sources.is_empty() {
        let names: Vec<_> =
            directories.iter().map(|directory| directory.path.display().to_string()).collect();
        log.debug(&format!("No files parsed from [{}]", names.join(" ")));
        return true;
    }
    let settings = Settings { user: options.user, engine: engine::program() };
    let conversion = convert(&sources, &settings);
    tell(&conversion, log);
    let whole = !conversion.diagnostics.has_errors();
    match &options.output {
        Some(directory) => {
            log.debug(&format!("Starting pontoon-generator, output to: {}", directory.display()));
            output::write(directory, &options.program, &conversion, log) && whole
        }
        None => output::print(&conversion, log) && whole,
    }
}

/// What the environment says, read once.
fn surroundings(manager: Manager, log: &mut Log) -> Surroundings {
    let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let unit_directories = env::var("QUADLET_UNIT_DIRS").ok().filter(|list| !list.is_empty());
    for entry in unit_directories.iter().flat_map(|list| list.split(':')) {
        if !Path::new(entry).is_absolute() {
            log.warning(&format!("QUADLET_UNIT_DIRS: `{entry}` is not an absolute path, ignoring it"));
        }
    }
    let found = Surroundings {
        shared_taken: unit_directories.is_none() && original::is_at_work(manager, log),
        unit_directories,
        runtime: path("XDG_RUNTIME_DIR"),
        config: path("XDG_CONFIG_HOME"),
        home: path("HOME"),
    };
    let homeless = found.config.is_none() && found.home.is_none() && found.unit_directories.is_none();
    if homeless && manager != Manager::System {
        log.warning("neither XDG_CONFIG_HOME nor HOME is set: the user's own directory is not searched");
    }
    found
}

/// Tells every fault of every file.
fn tell(conversion: &Conversion, log: &mut Log) {
    for fault in &conversion.diagnostics {
        let hint = fault.hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        match fault.severity {
            Severity::Error => log.error(&format!("{fault}{hint}")),
            Severity::Warning => log.warning(&format!("{fault}{hint}")),
        }
    }
}

/// Prints an answer and ends.
fn say(text: &str, status: u8) -> ExitCode {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::from(status),
        Err(_) => ExitCode::FAILURE,
    }
}
