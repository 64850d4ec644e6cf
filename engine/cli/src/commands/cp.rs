//! `cp`, `export`: files into containers and out of them.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use pontoon_lifecycle::files::{self, CopyOptions, split_container};
use pontoon_lifecycle::list::{self, Found};
use pontoon_lifecycle::reach::ReachError;
use pontoon_storage::Store;

use super::{Context, Failure};
use pontoon_cli::args::{CpArgs, ExportArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::message::print_warning;

/// One side of a copy.
enum Side<'a> {
    Container(Box<Found>, &'a Path),
    Host(&'a Path),
    /// `-`
    Stream,
}

impl<'a> Side<'a> {
    fn of(store: &Store, text: &'a str) -> Result<Self, Failure> {
        if text == "-" {
            return Ok(Self::Stream);
        }
        match split_container(text) {
            Some((_, "")) => {
                let text = format!("`{text}` has no path in the container");
                Err(Failure::new(text, Some("write it as CONTAINER:PATH".to_owned())))
            }
            Some((name, path)) => Ok(Self::Container(Box::new(list::find(store, name)?), Path::new(path))),
            None => Ok(Self::Host(Path::new(text))),
        }
    }
}

/// `pontoon cp`
pub fn cp(context: &Context, args: &CpArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let (host, from, to) = (&context.host, args.source.as_str(), args.target.as_str());
    let options = CopyOptions {
        archive: args.archive != Some(false),
        overwrite: args.overwrite,
        devices: true,
        warn: print_warning,
    };
    let done = match (Side::of(&store, from)?, Side::of(&store, to)?) {
        (Side::Host(path), Side::Container(found, target)) => {
            files::copy_in(host, &store, path, &found, target, options)
        }
        (Side::Container(found, path), Side::Host(target)) => {
            files::copy_out(host, &store, &found, path, target, options)
        }
        (Side::Container(one, path), Side::Container(other, target)) if one.record.id == other.record.id => {
            files::copy_within(host, &store, &one, path, target, options)
        }
        (Side::Container(one, path), Side::Container(other, target)) => {
            files::copy_between(host, &store, (&one, path), (&other, target), options)
        }
        (Side::Stream, Side::Container(found, target)) => {
            files::extract_into(host, &store, rustix::stdio::stdin(), &found, target, options)
        }
        (Side::Container(found, path), Side::Stream) => {
            refuse_terminal("cp")?;
            files::archive_of(host, &store, &found, path, rustix::stdio::stdout(), options)
        }
        _ => {
            let hint = "write CONTAINER:PATH for one of them; cp(1) copies on the host".to_owned();
            return Err(Failure::new("neither of the two is in a container", Some(hint)));
        }
    };
    status_of(done, || format!("cannot copy `{from}` to `{to}`"))
}

/// `pontoon export`
pub fn export(context: &Context, args: &ExportArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let found =
        list::find(&store, &super::control::one("export", args.container.as_ref(), args.latest, &store)?)?;
    let deed = || format!("cannot export container `{}`", found.record.name);
    let out =
        match args.output.as_deref().filter(|it| *it != Path::new("-") && *it != Path::new("/dev/stdout")) {
            Some(path) => File::create(path)
                .map_err(|err| Failure::from(err).while_doing(format!("cannot make `{}`", path.display())))?
                .into(),
            None => {
                refuse_terminal("export")?;
                rustix::stdio::stdout().try_clone_to_owned()?
            }
        };
    status_of(files::export(&context.host, &store, &found, out.as_fd()), deed)
}

/// Where nobody reads to the end (`export … | head`), we end as a program that writes itself would.
fn status_of(done: Result<(), ReachError>, deed: impl Fn() -> String) -> Result<ExitStatus, Failure> {
    match done {
        Ok(()) => Ok(ExitStatus::Success),
        Err(ReachError::ReaderGone) => Ok(ExitStatus::from_signal(nix::sys::signal::Signal::SIGPIPE as i32)),
        Err(err) => Err(Failure::from(err).while_doing(deed())),
    }
}

/// An archive on a terminal is nothing that anybody wants to see.
pub(super) fn refuse_terminal(command: &str) -> Result<(), Failure> {
    if rustix::termios::isatty(rustix::stdio::stdout()) {
        let hint = format!("pontoon {command} … >FILE.tar");
        return Err(Failure::new("an archive is not written to a terminal", Some(hint)));
    }
    Ok(())
}
