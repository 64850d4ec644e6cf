//! `--userns`, `--uidmap`, `--gidmap`, `--subuidname`, `--subgidname`: which ids a container has.

use pontoon_lifecycle::request::{AutoUserNs, Outside, UserNsMode, Wish};

use super::error::{Fault, each_listed, optional};
use super::{Host, OptionError, modes};
use crate::args::ContainerOptions;

/// Reads them all; a mode and maps of one's own exclude each other.
pub(super) fn read_all(options: &ContainerOptions, host: &Host) -> Result<UserNsMode, OptionError> {
    let mode = optional("--userns", options.userns.as_ref(), |text| read(text, host))?;
    let named = options.joint.subuidname.as_ref().or(options.joint.subgidname.as_ref());
    let mapped = [
        ("--uidmap", !options.joint.uidmap.is_empty()),
        ("--gidmap", !options.joint.gidmap.is_empty()),
        ("--subuidname", options.joint.subuidname.is_some()),
        ("--subgidname", options.joint.subgidname.is_some()),
    ];
    let first = mapped.iter().find(|it| it.1).map(|it| it.0.to_owned());
    let Some(first) = first else {
        return match mode {
            Some(Mode::Known(mode)) => Ok(mode),
            None => Ok(UserNsMode::Host),
            Some(Mode::Private) => Err(OptionError::Needs { option: "--userns=private", other: "--uidmap" }),
        };
    };
    // Podman's units say `private` beside the maps.
    if let (Some(Mode::Known(_)), Some(value)) = (mode, &options.userns) {
        return Err(OptionError::Conflict { one: format!("--userns={value}"), other: first });
    }
    if let Some(name) = named {
        if let Some((other, _)) = mapped.iter().take(2).find(|it| it.1) {
            return Err(OptionError::Conflict { one: first, other: (*other).to_owned() });
        }
        let or_named = |own: Option<&String>| own.unwrap_or(name).clone();
        let user = or_named(options.joint.subuidname.as_ref());
        return Ok(UserNsMode::Granted { user, group: or_named(options.joint.subgidname.as_ref()) });
    }
    let uids = each_listed("--uidmap", &options.joint.uidmap, map)?;
    let gids = each_listed("--gidmap", &options.joint.gidmap, map)?;
    Ok(mapped_ids(&uids, &gids))
}

/// The mode where none is asked for.
const VARIABLE: &str = "PODMAN_USERNS";

/// Fills in what the environment says where nothing else does; a pod that is there has its own ids.
///
/// # Errors
/// A mode that is none, with the name of the variable.
pub fn userns_of_environment(options: &mut ContainerOptions, host: &Host) -> Result<(), OptionError> {
    let is_asked = options.userns.as_ref().is_some_and(|it| !it.is_empty());
    let is_member = options.pod_id_file.as_ref().is_some_and(|it| !it.as_os_str().is_empty())
        || options.pod.as_ref().is_some_and(|it| !it.is_empty() && !it.starts_with("new:"));
    if is_asked || is_member || options.joint.has_id_maps() {
        return Ok(());
    }
    let mode = host.variable(VARIABLE).filter(|it| !it.is_empty()).map(str::to_owned);
    optional(VARIABLE, mode.as_ref(), |text| read(text, host))?;
    options.userns = mode.or_else(|| options.userns.take());
    Ok(())
}

/// `--userns`, with the mode that means nothing alone.
enum Mode {
    Known(UserNsMode),
    Private,
}

const MODES: &str = "it must be one of: host, keep-id[:uid=N,gid=N,size=N], auto[:size=N,uidmapping=C:I:N,\
                     gidmapping=C:I:N], nomap, container:NAME, ns:PATH";

/// Whether `--userns` would take it.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    read(text, &Host::default()).map(drop)
}

fn read(text: &str, host: &Host) -> Result<Mode, Fault> {
    let (mode, options) = text.split_once(':').unwrap_or((text, ""));
    Ok(Mode::Known(match mode {
        "" | "host" if options.is_empty() => UserNsMode::Host,
        "nomap" if options.is_empty() => UserNsMode::NoMap,
        "private" if options.is_empty() => return Ok(Mode::Private),
        "keep-id" => keep_id(options)?,
        "auto" => auto(options)?,
        "container" if !options.is_empty() => UserNsMode::Container(options.to_owned()),
        "ns" if !options.is_empty() => UserNsMode::Path(modes::namespace_path(options, host)),
        _ => return Err(Fault::invalid(MODES)),
    }))
}

/// An id; the highest number is the kernel's word for "no id".
fn id(text: &str) -> Option<u32> {
    text.parse::<u32>().ok().filter(|number| *number < u32::MAX && !text.starts_with('+'))
}

fn keep_id(options: &str) -> Result<UserNsMode, Fault> {
    let (mut uid, mut gid, mut size) = (None, None, None);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let place = match key {
            "uid" => &mut uid,
            "gid" => &mut gid,
            "size" => &mut size,
            _ => {
                return Err(
                    Fault::invalid(format!("keep-id has no option `{key}`")).hint("it has uid, gid and size")
                );
            }
        };
        *place = Some(sized(key, option, value)?);
    }
    Ok(UserNsMode::KeepId { uid, gid, size })
}

fn sized(key: &str, option: &str, value: &str) -> Result<u32, Fault> {
    match id(value) {
        Some(0) if key == "size" => Err(Fault::invalid("a user namespace of no ids holds nobody")),
        Some(number) => Ok(number),
        None => Err(Fault::invalid(format!("`{option}` needs a number"))),
    }
}

fn auto(options: &str) -> Result<UserNsMode, Fault> {
    let mut auto = AutoUserNs::default();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match key {
            "size" => auto.size = Some(sized(key, option, value)?),
            "uidmapping" => auto.uids.push(map(value)?.wish),
            "gidmapping" => auto.gids.push(map(value)?.wish),
            _ => {
                return Err(Fault::invalid(format!("auto has no option `{key}`"))
                    .hint("it has size, uidmapping and gidmapping"));
            }
        }
    }
    Ok(UserNsMode::Auto(auto))
}

/// One map, and for which kind of ids it is.
struct Map {
    wish: Wish,
    users: bool,
    groups: bool,
}

/// `[FLAGS]CONTAINER:FROM[:AMOUNT]`, see podman-run(1).
fn map(text: &str) -> Result<Map, Fault> {
    let wrong = || Fault::invalid("it must be [+][u][g]CONTAINER:[@]FROM[:AMOUNT], three numbers");
    let flags = text.len() - text.trim_start_matches(['+', 'u', 'g']).len();
    let (flags, rest) = text.split_at(flags);
    let mut parts = rest.split(':');
    let (container, from, size) = (parts.next(), parts.next(), parts.next());
    let container = container.and_then(id).ok_or_else(wrong)?;
    let from = from.ok_or_else(wrong)?;
    let outside = match from.strip_prefix('@') {
        Some(host) => Outside::Host(id(host).ok_or_else(wrong)?),
        None => Outside::Granted(id(from).ok_or_else(wrong)?),
    };
    let size = size.map_or(Some(1), id).ok_or_else(wrong)?;
    if parts.next().is_some() {
        return Err(wrong());
    }
    if size == 0 {
        return Err(Fault::invalid("it maps no id at all"));
    }
    let wish = Wish { container, outside, size, extends: flags.contains('+') };
    let both = !flags.contains(['u', 'g']);
    Ok(Map { wish, users: both || flags.contains('u'), groups: both || flags.contains('g') })
}

/// Maps of one kind stand for the other as well, if that has none of its own and no flag says otherwise.
fn mapped_ids(uids: &[Map], gids: &[Map]) -> UserNsMode {
    let all = || uids.iter().chain(gids);
    let has_flags = all().any(|it| it.users != it.groups);
    let of = |maps: &mut dyn Iterator<Item = &Map>| maps.map(|it| it.wish).collect::<Vec<_>>();
    if has_flags {
        // What a flag says holds wherever it is said; what says nothing is for the option it was given to.
        let users = uids.iter().filter(|it| it.users).chain(gids.iter().filter(|it| it.users && !it.groups));
        let groups =
            gids.iter().filter(|it| it.groups).chain(uids.iter().filter(|it| it.groups && !it.users));
        return UserNsMode::Mapped { uids: of(&mut users.into_iter()), gids: of(&mut groups.into_iter()) };
    }
    let (uids, gids) = match (uids.is_empty(), gids.is_empty()) {
        (false, true) => (uids, uids),
        (true, false) => (gids, gids),
        _ => (uids, gids),
    };
    UserNsMode::Mapped { uids: of(&mut uids.iter()), gids: of(&mut gids.iter()) }
}
