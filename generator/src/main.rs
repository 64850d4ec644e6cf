//! The systemd generator: directories of unit files to service files.
//!
//! systemd runs it early at boot and at every reload, with an output directory as its first argument. What a
//! file means is decided by `pontoon-units`; here directories are read, texts written and faults told. It
//! links none of the engine, waits for nothing, and whatever a file holds, it goes on with the next.

mod journal;
mod log;
mod options;
mod output;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use pontoon_generator::{Found, Listener as _};
use pontoon_units::search::Manager;
use pontoon_units::{Diagnostic, Diagnostics, Files, Link, Position, Service, Settings, Severity};

use journal::Journal;
use log::Log;
use options::{Asked, Options};
use output::{WriteError, Writer};

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
    run(&options, &mut log);
    let failed = log.failed();
    if failed {
        log.error("processing encountered some errors");
    }
    ExitCode::from(u8::from(failed))
}

/// Does all the work; what goes wrong is told.
fn run(options: &Options, log: &mut Log) {
    let manager = match options.user {
        true => Manager::User { uid: rustix::process::getuid().as_raw() },
        false => Manager::System,
    };
    let directories = pontoon_generator::directories(manager, log);
    let found = pontoon_generator::find(manager, &directories, log);
    if found.is_empty() {
        let names: Vec<_> =
            directories.iter().map(|directory| directory.path.display().to_string()).collect();
        log.debug(format_args!("No files parsed from [{}]", names.join(" ")));
        return;
    }
    let settings = Settings {
        user: options.user,
        engine: pontoon_generator::program(),
        accounts: pontoon_generator::accounts(options.user),
    };
    let files = Files::load(&found, pontoon_generator::processors(), Found::read);
    match &options.output {
        Some(directory) => {
            log.debug(format_args!("Starting pontoon-generator, output to: {}", directory.display()));
            write(directory, &files, &settings, options, log)
        }
        None => print(&files, &settings, options, log),
    }
    // The program is about to end, which frees them faster.
    std::mem::forget((files, found));
}

/// What is to be told of a service.
struct Report {
    position: Position,
    name: String,
    links: Vec<Link>,
    faults: Diagnostics,
    errors: Vec<WriteError>,
}

/// Writes each service as soon as it is made.
fn write(directory: &Path, files: &Files, settings: &Settings, options: &Options, log: &mut Log) {
    let writer = match Writer::open(directory, &options.program) {
        Ok(writer) => writer,
        Err(error) => {
            log.error(&error.with_cause());
            return;
        }
    };
    let reports = Mutex::new(Vec::new());
    let stray = files.convert(settings, &|worker, position, service| {
        let errors = writer.write(worker, &service);
        if options.verbose || !service.faults.is_empty() || !errors.is_empty() {
            let Service { name, links, faults, .. } = service;
            // A worker that panicked ends the program anyhow.
            let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
            reports.push(Report { position, name, links, faults, errors });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|report| report.position);
    for report in &reports {
        log.debug(format_args!("writing \"{}\"", directory.join(&report.name).display()));
        for link in &report.links {
            let name = directory.join(&link.name);
            log.debug(format_args!("Creating symlink {} -> {}", name.display(), link.target));
        }
    }
    let told = reports.iter().map(|report| (report.name.as_str(), &report.faults));
    tell(told, &stray, options, log);
    for error in reports.iter().flat_map(|report| &report.errors) {
        log.error(&error.with_cause());
    }
}

/// Prints all services in their order.
fn print(files: &Files, settings: &Settings, options: &Options, log: &mut Log) {
    let services = Mutex::new(Vec::new());
    let stray = files.convert(settings, &|_, position, service| {
        services.lock().unwrap_or_else(PoisonError::into_inner).push((position, service));
    });
    let mut services = services.into_inner().unwrap_or_else(PoisonError::into_inner);
    services.sort_by_key(|(position, _)| *position);
    let told = services.iter().map(|(_, service)| (service.name.as_str(), &service.faults));
    tell(told, &stray, options, log);
    output::print(services.iter().map(|(_, service)| service), log);
}

/// Tells every fault of every file: to the journal under the service's name, where it is running already, else to
/// the log.
fn tell<'a>(
    services: impl Iterator<Item = (&'a str, &'a Diagnostics)>,
    stray: &Diagnostics,
    options: &Options,
    log: &mut Log,
) {
    let mut journal = options.kernel_log.then(|| Journal::open(options.user)).flatten();
    for (name, faults) in services {
        for fault in faults {
            match journal.as_mut().is_some_and(|journal| journal.tell(name, fault)) {
                true => log.fails_if(fault.severity == Severity::Error),
                false => tell_log(fault, log),
            }
        }
    }
    for fault in stray {
        tell_log(fault, log);
    }
}

fn tell_log(fault: &Diagnostic, log: &mut Log) {
    let text = fault.with_its_hint();
    match fault.severity {
        Severity::Error => log.error(&text),
        Severity::Warning => log.warning(&text),
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
