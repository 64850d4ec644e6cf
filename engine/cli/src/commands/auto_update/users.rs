//! Root's `auto-update` of services that run as users (`User=`): each user's images and containers are looked at as that user.

use std::fs::File;
use std::io::{Read as _, Seek as _};

use pontoon_storage::StorePaths;
use rustix::fs::{MemfdFlags, memfd_create};

use super::super::{Context, Failure};
use crate::behalf;
use pontoon_cli::args::AutoUpdateArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::view::auto_update::Row;

/// Whether all units of the system are meant: where another store than root's usual one is asked for, only its own are.
pub(super) fn are_meant(context: &Context) -> bool {
    let usual = StorePaths { root: "/var/lib/pontoon".into(), run: "/run/pontoon".into() };
    !context.host.is_rootless() && context.host.paths == usual
}

/// Updates the services of all users. Gives what became of their containers, and what went wrong.
pub(super) fn update(context: &Context, args: &AutoUpdateArgs) -> (Vec<Row>, Vec<Failure>) {
    let words = words(args);
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    for user in behalf::users() {
        match update_one(context, &user, &words, &mut rows) {
            // It has said itself what went wrong.
            Ok(false) => faults.push(Failure::silent()),
            Ok(true) => {}
            Err(failure) => faults.push(failure.while_doing(format!("cannot update services of {user}"))),
        }
    }
    (rows, faults)
}

/// Updates a user's services; true if nothing went wrong.
fn update_one(context: &Context, user: &str, words: &[String], rows: &mut Vec<Row>) -> Result<bool, Failure> {
    // A file rather than a pipe: nobody reads while it is written.
    let mut output =
        File::from(memfd_create("pontoon-rows", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?);
    let ended = behalf::run(user, words, context.name(), Some(output.try_clone()?))?;
    let mut text = String::new();
    output.rewind()?;
    output.read_to_string(&mut text)?;
    let is_well = ended == ExitStatus::Success;
    match serde_json::from_str::<Vec<Row>>(&text) {
        Ok(found) => rows.extend(found),
        Err(err) if is_well => return Err(Failure::new(err, None)),
        Err(_) => {}
    }
    Ok(is_well)
}

/// The same command for a user, whose answer we read.
fn words(args: &AutoUpdateArgs) -> Vec<String> {
    let mut words = vec!["auto-update".to_owned(), "--format=json".to_owned()];
    if args.dry_run {
        words.push("--dry-run".to_owned());
    }
    let flags = [("rollback", args.rollback), ("tls-verify", args.tls_verify)];
    words.extend(flags.iter().filter_map(|(name, value)| Some(format!("--{name}={}", (*value)?))));
    if let Some(file) = &args.authfile {
        words.push(format!("--authfile={}", file.display()));
    }
    words
}
