//! `logs`: what a container has said, from the journal or from its file.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use pontoon_lifecycle::decide::{default_log_driver, log_path};
use pontoon_lifecycle::list::{self, Found};
use pontoon_lifecycle::request::LogDriver;
use pontoon_lifecycle::stop;
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::Value;

use super::{Context, Failure};
use pontoon_cli::args::LogsArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::time::{parse_since, rfc3339};

const JOURNAL: &str = "/run/systemd/journal/socket";

/// Which lines are wanted, and how they are shown.
struct Wanted<'a> {
    follow: bool,
    tail: Option<usize>,
    since: Option<SystemTime>,
    until: Option<SystemTime>,
    timestamps: bool,
    prefix: Option<&'a str>,
}

/// A line of a log.
struct Line {
    time: String,
    moment: Option<SystemTime>,
    error: bool,
    text: Vec<u8>,
    partial: bool,
}

/// `pontoon logs`
pub fn logs(context: &Context, args: &LogsArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut names = args.containers.clone();
    if args.latest {
        names.extend(list::list(&store)?.containers.pop().map(|it| it.record.name));
    }
    if names.is_empty() {
        return Err(Failure::new("`logs` needs the name or id of a container", None));
    }
    if args.follow && names.len() > 1 {
        return Err(Failure::new("one container at a time can be followed", None));
    }
    let now = SystemTime::now();
    let moment = |text: &Option<String>| text.as_deref().map(|it| parse_since(it, now)).transpose();
    for name in &names {
        let found = list::find(&store, name)?;
        let record_name = found.record.name.clone();
        let wanted = Wanted {
            follow: args.follow,
            tail: usize::try_from(args.tail).ok(),
            since: moment(&args.since)?,
            until: moment(&args.until)?,
            timestamps: args.timestamps,
            prefix: (args.names || names.len() > 1).then_some(record_name.as_str()),
        };
        let driver =
            found.record.request.log_driver.unwrap_or(default_log_driver(Path::new(JOURNAL).exists()));
        match driver {
            LogDriver::Journald => from_journal(&found, &wanted)?,
            LogDriver::K8sFile | LogDriver::JsonFile => from_file(&found, &wanted)?,
            LogDriver::None | LogDriver::Passthrough => {
                return Err(Failure::new(
                    format!("container `{name}` keeps no log (--log-driver {})", driver_name(driver)),
                    Some("use --log-driver journald or k8s-file".to_owned()),
                ));
            }
        }
    }
    Ok(ExitStatus::Success)
}

/// The driver's name, as `--log-driver` takes it.
pub fn driver_name(driver: LogDriver) -> &'static str {
    match driver {
        LogDriver::Journald => "journald",
        LogDriver::K8sFile => "k8s-file",
        LogDriver::JsonFile => "json-file",
        LogDriver::Passthrough => "passthrough",
        LogDriver::None => "none",
    }
}

fn show(line: &Line, wanted: &Wanted<'_>) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(line.text.len() + 48);
    if let Some(prefix) = wanted.prefix {
        bytes.extend(prefix.as_bytes());
        bytes.push(b' ');
    }
    if wanted.timestamps {
        bytes.extend(line.time.as_bytes());
        bytes.push(b' ');
    }
    bytes.extend(&line.text);
    if !line.partial {
        bytes.push(b'\n');
    }
    if line.error {
        output::forgiving(std::io::stderr().lock(), &bytes)
    } else {
        output::forgiving(std::io::stdout().lock(), &bytes)
    }
}

/// The journal's entries of a container, by `journalctl`.
fn journalctl(
    found: &Found,
    wanted: &Wanted<'_>,
    cursor: Option<&str>,
    follow: bool,
) -> Result<Child, Failure> {
    let mut command = Command::new("journalctl");
    command.args(["--quiet", "--no-pager", "--output=json", "--all"]);
    command.arg("--output-fields=MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE");
    if follow {
        command.arg("--follow");
    }
    match (cursor, wanted.tail) {
        (Some(cursor), _) => command.arg(format!("--after-cursor={cursor}")),
        (None, Some(tail)) => command.arg(format!("--lines={tail}")),
        (None, None) => command.arg("--lines=all"),
    };
    for (option, moment) in [("--since", wanted.since), ("--until", wanted.until)] {
        if let Some(moment) = moment {
            let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            command.arg(format!("{option}=@{}.{:06}", seconds.as_secs(), seconds.subsec_micros()));
        }
    }
    command.arg(format!("CONTAINER_ID_FULL={}", found.record.id));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().map_err(|err| {
        let failure = Failure::from(err).while_doing("cannot read the journal with `journalctl`".to_owned());
        Failure { hint: Some("use --log-driver k8s-file where there is no systemd".to_owned()), ..failure }
    })
}

fn journal_line(text: &str) -> Option<(Line, String)> {
    let entry: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| entry.get(name).and_then(Value::as_str);
    // What is no text, journalctl gives as a list of bytes.
    let message = match entry.get("MESSAGE")? {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(bytes) => bytes.iter().filter_map(|it| u8::try_from(it.as_u64()?).ok()).collect(),
        _ => Vec::new(),
    };
    let microseconds: u64 = field("__REALTIME_TIMESTAMP")?.parse().ok()?;
    let moment = pontoon_cli::time::from_nanos(microseconds.saturating_mul(1000));
    let line = Line {
        time: rfc3339(moment),
        moment: Some(moment),
        error: field("PRIORITY") == Some("3"),
        text: message,
        partial: field("CONTAINER_PARTIAL_MESSAGE") == Some("true"),
    };
    Some((line, field("__CURSOR")?.to_owned()))
}

fn from_journal(found: &Found, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let mut cursor = None;
    if wanted.follow && found.status.is_alive() {
        cursor = follow_journal(found, wanted)?;
    }
    // What was written while we stopped listening, or everything.
    if cursor.is_some() || !wanted.follow || !found.status.is_alive() {
        let mut child = journalctl(found, wanted, cursor.as_deref(), false)?;
        if let Some(stdout) = child.stdout.take() {
            for text in BufReader::new(stdout).lines() {
                if let Some((line, _)) = journal_line(&text?) {
                    show(&line, wanted)?;
                }
            }
        }
        child.wait()?;
    }
    Ok(())
}

/// Shows entries as they come until the container ends; gives the cursor of the last one.
fn follow_journal(found: &Found, wanted: &Wanted<'_>) -> Result<Option<String>, Failure> {
    use std::os::fd::AsFd;
    let Ok(ended) = stop::subscribe(&found.container) else { return Ok(None) };
    let mut child = journalctl(found, wanted, None, true)?;
    let mut cursor = None;
    let mut pending = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
            ];
            if poll(&mut fds, None).is_err() {
                continue;
            }
            let [text, end] = fds.map(|it| !it.revents().is_empty());
            if text {
                let mut buffer = [0u8; 16 << 10];
                let count = stdout.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                pending.extend_from_slice(buffer.get(..count).unwrap_or_default());
                while let Some(end) = pending.iter().position(|it| *it == b'\n') {
                    let rest = pending.split_off(end + 1);
                    let whole = std::mem::replace(&mut pending, rest);
                    if let Some((line, at)) = journal_line(&String::from_utf8_lossy(&whole)) {
                        show(&line, wanted)?;
                        cursor = Some(at);
                    }
                }
            } else if end {
                break;
            }
        }
    }
    let _ = child.kill();
    child.wait()?;
    Ok(cursor)
}

fn file_line(text: &[u8]) -> Option<Line> {
    let mut parts = text.splitn(4, |it| *it == b' ');
    let time = String::from_utf8_lossy(parts.next()?).into_owned();
    let error = parts.next()? == b"stderr";
    let partial = parts.next()? == b"P";
    let moment = parse_since(&time, SystemTime::UNIX_EPOCH).ok();
    Some(Line { time, moment, error, text: parts.next().unwrap_or_default().to_vec(), partial })
}

fn is_wanted(line: &Line, wanted: &Wanted<'_>) -> bool {
    let after = wanted.since.is_none_or(|since| line.moment.is_none_or(|it| it >= since));
    let before = wanted.until.is_none_or(|until| line.moment.is_none_or(|it| it <= until));
    after && before
}

fn from_file(found: &Found, wanted: &Wanted<'_>) -> Result<(), Failure> {
    use rustix::fs::{Mode, OFlags, inotify};
    use std::os::fd::AsFd;
    let path = log_path(&found.record.request, found.container.path());
    // Subscribed before the first look, so that no end and no line falls in between.
    let ended =
        if wanted.follow && found.status.is_alive() { stop::subscribe(&found.container).ok() } else { None };
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .map_err(std::io::Error::from)?;
    // The file lies where the container's owner put it, but a link could have been put in its place.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(err) => {
            let deed = format!("cannot read the log `{}`", path.display());
            return Err(Failure::from(std::io::Error::from(err)).while_doing(deed));
        }
    };
    let _ = inotify::add_watch(&watch, &path, inotify::WatchFlags::MODIFY);
    let mut reader = BufReader::new(std::fs::File::from(file));
    let mut lines = Vec::new();
    let mut pending = Vec::new();
    read_lines(&mut reader, &mut pending, |line| lines.push(line))?;
    lines.retain(|it| is_wanted(it, wanted));
    let skipped = wanted.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
    for line in lines.iter().skip(skipped) {
        show(line, wanted)?;
    }
    let Some(ended) = ended else { return Ok(()) };
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
        ];
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let over = fds.get(1).is_some_and(|it| !it.revents().is_empty());
        let mut events = [0u8; 4096];
        let _ = rustix::io::read(&watch, &mut events);
        let mut failed = Ok(());
        read_lines(&mut reader, &mut pending, |line| {
            if failed.is_ok() && is_wanted(&line, wanted) {
                failed = show(&line, wanted);
            }
        })?;
        failed?;
        if over {
            return Ok(());
        }
    }
}

/// Reads the whole lines that are there now; the rest waits in `pending`.
fn read_lines(
    reader: &mut BufReader<std::fs::File>,
    pending: &mut Vec<u8>,
    mut take: impl FnMut(Line),
) -> std::io::Result<()> {
    loop {
        if reader.read_until(b'\n', pending)? == 0 {
            // Began anew: read from the start.
            let length = reader.get_ref().metadata()?.len();
            if reader.stream_position()? > length {
                reader.seek(SeekFrom::Start(0))?;
                continue;
            }
            return Ok(());
        }
        if pending.last() == Some(&b'\n') {
            pending.pop();
            if let Some(line) = file_line(pending) {
                take(line);
            }
            pending.clear();
        }
    }
}
