//! `secret create`, `inspect`, `ls`, `rm`, `exists`.

use pontoon_lifecycle::secret::{CREDENTIAL, CREDENTIAL_DRIVER, FILE_DRIVER};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{MAX_SECRET, SecretData, SecretError, SecretRecord, Store};
use std::io::Read;

use super::{Context, Failure, found};
use pontoon_cli::args::refused::{SECRET_CONF, SECRET_DRIVER, SECRET_OPTIONS, instead_of};
use pontoon_cli::args::{LsArgs, SecretCreateArgs, SecretInspectArgs, SecretRmArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::parse_label;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::{ListOptions, secret as view};

/// `pontoon secret create`
pub fn create(context: &Context, args: &SecretCreateArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    if args.ignore
        && let Ok(there) = store.find_secret(&args.name)
        && there.name == args.name
    {
        output::line(&there.id)?;
        return Ok(ExitStatus::Success);
    }
    let usual = match args.driver {
        Some(_) => None,
        None => usual_driver(context)?,
    };
    let driver = args.driver.as_deref().or(usual.as_deref()).unwrap_or(FILE_DRIVER);
    let mut record =
        SecretRecord { name: args.name.clone(), driver: driver.to_owned(), ..SecretRecord::default() };
    for label in &args.label {
        record.labels.push(parse_label(label)?);
    }
    if let Some(option) = args.driver_opts.first() {
        return Err(Failure::new(
            format!("`--driver-opts {option}` is not supported"),
            Some(instead_of(SECRET_OPTIONS)),
        ));
    }
    let data = match driver {
        FILE_DRIVER => read(args)?,
        // The store keeps the name; the service manager keeps the data.
        CREDENTIAL_DRIVER => {
            record.options.push((CREDENTIAL.to_owned(), args.source.clone()));
            SecretData(args.source.clone().into_bytes())
        }
        other => {
            return Err(Failure::new(
                format!("`--driver {other}` is not supported"),
                Some(instead_of(SECRET_DRIVER)),
            ));
        }
    };
    let made = store
        .create_secret(record, &data, args.replace)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot make secret `{}`", args.name)))?;
    context.host.tell_of_other(Kind::Secret, Deed::Create, &made.id, &made.name);
    output::line(&made.id)?;
    Ok(ExitStatus::Success)
}

/// The driver that containers.conf names. Data that is to be kept by one that we do not have must not come to lie here.
pub(super) fn usual_driver(context: &Context) -> Result<Option<String>, Failure> {
    let conf = context.containers_conf()?;
    let refused = |text| Err(Failure::new(text, Some(instead_of(SECRET_CONF))));
    let driver = conf.secret_driver();
    if let Some(other) = driver.filter(|it| ![FILE_DRIVER, CREDENTIAL_DRIVER].contains(it)) {
        return refused(format!(
            "the driver `{other}` of secrets, which containers.conf names, is not supported"
        ));
    }
    if let Some(it) = conf.secret_options() {
        return refused(format!("{}:{}: `{}` is not supported", it.path.display(), it.line, it.key));
    }
    Ok(driver.map(str::to_owned))
}

fn read(args: &SecretCreateArgs) -> Result<SecretData, Failure> {
    let mut data = Vec::new();
    if args.env {
        let value = std::env::var_os(&args.source)
            .ok_or_else(|| Failure::new(format!("the variable `{}` is not set", args.source), None))?;
        return Ok(SecretData(std::os::unix::ffi::OsStringExt::into_vec(value)));
    }
    // One byte more than may be tells that there are too many.
    let most = u64::try_from(MAX_SECRET).unwrap_or(u64::MAX) + 1;
    if args.source == "-" {
        if rustix::termios::isatty(rustix::stdio::stdin()) {
            let hint = format!("printf %s VALUE | pontoon secret create {} -", args.name);
            return Err(Failure::new(
                "the data is read from a pipe, and standard input is a terminal",
                Some(hint),
            ));
        }
        std::io::stdin().lock().take(most).read_to_end(&mut data)?;
    } else {
        std::fs::File::open(&args.source)
            .and_then(|file| file.take(most).read_to_end(&mut data))
            .map_err(|err| Failure::from(err).while_doing(format!("cannot read `{}`", args.source)))?;
    }
    Ok(SecretData(data))
}

fn row(secret: SecretRecord) -> view::Row {
    view::Row {
        id: secret.id,
        name: secret.name,
        driver: secret.driver,
        options: secret.options.into_iter().collect(),
        labels: secret.labels.into_iter().collect(),
        created: from_nanos(secret.created),
        updated: from_nanos(secret.updated),
        data: None,
    }
}

/// `pontoon secret ls`
pub fn list(context: &Context, args: &LsArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    let rows = context.store()?.list_secrets()?.into_iter().map(row).collect();
    let rows = filter::secrets(rows, &filters)?;
    let options = ListOptions::of(args);
    output::out(&view::list_text(&rows, &options)?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon secret inspect`
pub fn inspect(context: &Context, args: &SecretInspectArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let (rows, missing) = found::each(&args.secrets, |name| {
        let secret = store.find_secret(name)?;
        let is_here = secret.driver == FILE_DRIVER;
        let mut row = row(secret);
        if args.showsecret && is_here {
            let data = store.secret_data(&row.name)?;
            row.data = Some(String::from_utf8_lossy(&data.0).into_owned());
        }
        Ok(row)
    })?;
    if args.pretty {
        output::out(&view::pretty_text(&rows))?;
    } else {
        output::out(&view::inspect_text(&rows, args.format.as_deref())?)?;
    }
    missing.told()
}

/// `pontoon secret rm`
pub fn remove(context: &Context, args: &SecretRmArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut names = args.secrets.clone();
    if args.all {
        names.extend(store.list_secrets()?.into_iter().map(|it| it.name));
    }
    super::control::for_each(&names, |name| match remove_one(context, &store, name) {
        Ok(id) => Ok(Some(id)),
        Err(SecretError::NotFound { .. }) if args.ignore => Ok(None),
        Err(err) => Err(err.into()),
    })
}

fn remove_one(context: &Context, store: &Store, name: &str) -> Result<String, SecretError> {
    let secret = store.find_secret(name)?;
    store.remove_secret(&secret.name)?;
    context.host.tell_of_other(Kind::Secret, Deed::Remove, &secret.id, &secret.name);
    Ok(secret.id)
}

/// `pontoon secret exists`
pub fn exists(context: &Context, name: &str) -> Result<ExitStatus, Failure> {
    match context.store()?.find_secret(name) {
        Ok(_) => Ok(ExitStatus::Success),
        Err(SecretError::NotFound { .. }) => Ok(ExitStatus::No),
        Err(err) => Err(err.into()),
    }
}
