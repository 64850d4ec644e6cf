//! `secret renew`: what the services of `.secret` files run.
//!
//! Makes a secret, or brings it up to date, and has the services restarted whose containers have the old data: a container keeps
//! what it was made with.

use std::fs::File;
use std::io::{self, Read};
use std::process::{Command, Stdio};

use pontoon_lifecycle::secret::FILE_DRIVER;
use pontoon_lifecycle::unit;
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{MAX_SECRET, SecretData, SecretRecord, Store};

use super::auto_update::{Manager, Whose};
use super::secret::usual_driver;
use super::{Context, Failure};
use crate::behalf;
use pontoon_cli::args::SecretRenewArgs;
use pontoon_cli::args::refused::{SECRET_CONF, instead_of};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::run_options::parse_label;
use pontoon_cli::{message, output};

/// `pontoon secret renew`
pub fn renew(context: &Context, args: &SecretRenewArgs) -> Result<ExitStatus, Failure> {
    let name = &args.name;
    let mut record =
        SecretRecord { name: name.clone(), driver: FILE_DRIVER.to_owned(), ..SecretRecord::default() };
    for label in &args.label {
        record.labels.push(parse_label(label)?);
    }
    // What was refused to be made must not come to lie here, either.
    if let Some(other) = usual_driver(context)?.filter(|it| it != FILE_DRIVER) {
        return Err(Failure::new(
            format!(
                "the driver `{other}` of secrets, which containers.conf names, keeps no data that could be renewed"
            ),
            Some(instead_of(SECRET_CONF)),
        ));
    }
    let data = read(args).map_err(|failure| failure.while_doing(format!("cannot renew secret `{name}`")))?;
    let store = context.store()?;
    let is_new = match store.find_secret(name) {
        Ok(there) if there.name == *name => {
            let is_same = there.driver == FILE_DRIVER && store.secret_data(name)?.0 == data.0;
            if is_same && there.labels == record.labels {
                return Ok(ExitStatus::Success);
            }
            !is_same
        }
        _ => true,
    };
    let made = store
        .create_secret(record, &data, true)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot renew secret `{name}`")))?;
    context.host.tell_of_other(Kind::Secret, Deed::Create, &made.id, &made.name);
    output::line(&made.id)?;
    if is_new {
        restart_users(context, &store, &made)?;
    }
    Ok(ExitStatus::Success)
}

/// The data, from the file or the command.
fn read(args: &SecretRenewArgs) -> Result<SecretData, Failure> {
    // One byte more than may be tells that there are too many.
    let most = u64::try_from(MAX_SECRET).unwrap_or(u64::MAX) + 1;
    let mut data = Vec::new();
    if let Some(path) = &args.file {
        File::open(path)
            .and_then(|file| file.take(most).read_to_end(&mut data))
            .map_err(|err| Failure::from(err).while_doing(format!("cannot read `{}`", path.display())))?;
        return Ok(SecretData(data));
    }
    let Some((program, words)) = args.command.split_first() else {
        let hint = "give --file FILE, or a command after `--`".to_owned();
        return Err(Failure::new("nothing says where the data comes from", Some(hint)));
    };
    let failed = |err: io::Error| Failure::from(err).while_doing(format!("cannot run `{program}`"));
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(out) = child.stdout.take() {
        out.take(most).read_to_end(&mut data).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() && data.len() <= MAX_SECRET {
        // What it has to say it has said on standard error.
        return Err(Failure::new(format!("`{program}` failed ({status})"), None));
    }
    // As shells do with what commands print.
    if data.last() == Some(&b'\n') {
        data.pop();
    }
    Ok(SecretData(data))
}

/// Has the services restarted whose containers run with what the secret was before. Nobody waits for it: they may be ordered
/// after the service that we are.
fn restart_users(context: &Context, store: &Store, secret: &SecretRecord) -> Result<(), Failure> {
    let uses_it = |member: &unit::Member| {
        let mut copies = member.container.record.secrets.iter();
        member.container.status.run().is_some()
            && copies.any(|it| it.credential.is_none() && it.name == secret.name && it.id != secret.id)
    };
    let mut users: Vec<String> =
        unit::members(store)?.into_iter().filter(uses_it).map(|it| it.own_unit).collect();
    users.sort_unstable();
    users.dedup();
    if users.is_empty() {
        return Ok(());
    }
    let manager = Manager::of(context)?;
    let mut ours = Vec::new();
    for user in &users {
        match manager.whose(user)? {
            Whose::Ours => ours.push(user.as_str()),
            Whose::Systems => message::print_warning(&format!(
                "`{user}` is a service of the system's, and goes on with the old secret until root restarts it"
            )),
            Whose::Nobodys(_) => {}
        }
    }
    manager.change(behalf::Deed::RestartLater, &ours).map_err(|it| Failure::new(it.text, None))
}
