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
use std::process::ExitCode;

use pontoon_generator::Listener as _;
use pontoon_units::search::Manager;
use pontoon_units::{Conversion, Diagnostic, Settings, Severity, convert};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use journal::Journal;
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
    let directories = pontoon_generator::directories(manager, log);
    let sources = pontoon_generator::sources(manager, &directories, log);
    if sources.is_empty() {
        let names: Vec<_> =
            directories.iter().map(|directory| directory.path.display().to_string()).collect();
        log.debug(&format!("No files parsed from [{}]", names.join(" ")));
        return true;
    }
    let settings = Settings { user: options.user, engine: pontoon_generator::program() };
    let conversion = convert(&sources, &settings);
    tell(&conversion, options, log);
    let whole = !conversion.has_errors();
    match &options.output {
        Some(directory) => {
            log.debug(&format!("Starting pontoon-generator, output to: {}", directory.display()));
            output::write(directory, &options.program, &conversion, log) && whole
        }
        None => output::print(&conversion, log) && whole,
    }
}

/// Tells every fault of every file: to the journal under the service's name, where it is running already, else to
/// the log.
fn tell(conversion: &Conversion, options: &Options, log: &mut Log) {
    let mut journal = options.kernel_log.then(|| Journal::open(options.user)).flatten();
    for service in &conversion.services {
        for fault in &service.faults {
            if !journal.as_mut().is_some_and(|journal| journal.tell(&service.name, fault)) {
                tell_log(fault, log);
            }
        }
    }
    for fault in &conversion.stray {
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
