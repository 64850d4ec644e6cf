//! What hooks have changed in a configuration, taken over into the plan.
//!
//! Programs that read a configuration and write it again leave out what is empty, and put fields in an order of their own:
//! neither is a change.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use pontoon_runtime::capabilities::{CapSet, named};
use pontoon_runtime::devices::{Access, DeviceKind, DeviceRule};
use pontoon_runtime::hooks::{Hook, Stage};
use pontoon_runtime::plan::{Capabilities, Mount, Plan, Process, Rlimit};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{PrecreateError, config};
use crate::decide::{device, of_specification};
use crate::request::{DeviceRequest, MountRequest, MountSource};

/// Options of mounts that are followed.
const OPTIONS: [&str; 24] = [
    "bind",
    "rbind",
    "ro",
    "rw",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "private",
    "rprivate",
    "slave",
    "rslave",
    "shared",
    "rshared",
    "unbindable",
    "runbindable",
    "size=",
    "mode=",
    "uid=",
    "gid=",
    "nr_inodes=",
    "nr_blocks=",
];

/// Changes the plan, and the rules for devices where there are any.
pub(super) fn changes(
    own: &mut Plan,
    rules: &mut Option<Vec<DeviceRule>>,
    before: Value,
    after: Value,
) -> Result<(), PrecreateError> {
    let mut both = Both { before: without_empty(before), after: without_empty(after) };
    process(&mut own.process, &mut both)?;
    if let Some(name) = both.changed::<String>("hostname")? {
        match &mut own.hostname {
            Some(hostname) => *hostname = name,
            None => return Err(change("hostname")),
        }
    }
    if let Some(read_only) = both.changed::<bool>("root.readonly")? {
        own.rootfs.read_only = read_only;
    }
    if let Some(annotations) = both.changed("annotations")? {
        own.hooks.annotations = annotations;
    }
    if let Some(sysctls) = both.changed::<std::collections::BTreeMap<String, String>>("linux.sysctl")? {
        own.sysctls = sysctls.into_iter().collect();
    }
    if let Some(paths) = both.changed("linux.maskedPaths")? {
        own.masked_paths = paths;
    }
    if let Some(paths) = both.changed("linux.readonlyPaths")? {
        own.readonly_paths = paths;
    }
    if let Some(mounts) = both.changed::<Vec<Value>>("mounts")? {
        own.mounts = new_mounts(std::mem::take(&mut own.mounts), mounts)?;
    }
    for stage in Stage::ALL {
        let field = format!("hooks.{}", stage.name());
        if let Some(hooks) = both.changed::<Vec<HookEdit>>(&field)? {
            own.hooks.all.retain(|it| it.stage != stage);
            own.hooks.all.extend(hooks.into_iter().map(|it| it.at(stage)));
        }
    }
    for device in both.changed::<Vec<DeviceEdit>>("linux.devices")?.unwrap_or_default() {
        own.mounts.push(new_device(rules, &device)?);
    }
    match first_difference(&both.before, &both.after, "") {
        Some(field) => Err(change(&field)),
        None => Ok(()),
    }
}

fn process(process: &mut Process, both: &mut Both) -> Result<(), PrecreateError> {
    if let Some(args) = both.changed::<Vec<String>>("process.args")? {
        if args.is_empty() {
            return Err(value("process.args"));
        }
        process.args = args;
    }
    if let Some(env) = both.changed("process.env")? {
        process.env = env;
    }
    if let Some(cwd) = both.changed("process.cwd")? {
        process.cwd = cwd;
    }
    let (uid, gid) = (both.changed::<u32>("process.user.uid")?, both.changed::<u32>("process.user.gid")?);
    if uid.is_some() || gid.is_some() {
        let (user, group) = process.user.split_once(':').unwrap_or((&process.user, ""));
        let user = uid.map_or_else(|| user.to_owned(), |it| it.to_string());
        let group = gid.map_or_else(|| group.to_owned(), |it| it.to_string());
        let user = if user.is_empty() { "0".to_owned() } else { user };
        process.user = if group.is_empty() { user } else { format!("{user}:{group}") };
    }
    if let Some(groups) = both.changed::<Vec<u32>>("process.user.additionalGids")? {
        let is_named = |it: &String| it.parse::<u32>().is_err();
        process.groups.retain(is_named);
        process.groups.extend(groups.iter().map(u32::to_string));
    }
    if let Some(umask) = both.changed("process.user.umask")? {
        process.umask = umask;
    }
    if let Some(limits) = both.changed::<Vec<RlimitEdit>>("process.rlimits")? {
        process.rlimits = limits
            .iter()
            .map(RlimitEdit::limit)
            .collect::<Option<_>>()
            .ok_or_else(|| value("process.rlimits"))?;
    }
    if let Some(is_set) = both.changed("process.noNewPrivileges")? {
        process.no_new_privileges = is_set;
    }
    if let Some(score) = both.changed::<i32>("process.oomScoreAdj")? {
        process.oom_score_adj = Some(score);
    }
    if let Some(profile) = both.changed::<String>("process.apparmorProfile")? {
        process.labels.apparmor = Some(profile).filter(|it| !it.is_empty());
    }
    if let Some(label) = both.changed::<String>("process.selinuxLabel")? {
        process.labels.selinux = Some(label).filter(|it| !it.is_empty());
    }
    if let Some(sets) = both.changed::<CapabilityEdit>("process.capabilities")? {
        let sets = sets.sets().ok_or_else(|| value("process.capabilities"))?;
        (process.root_capabilities, process.user_capabilities) = (sets, sets);
    }
    Ok(())
}

fn change(field: &str) -> PrecreateError {
    PrecreateError::Change { field: field.to_owned() }
}

fn value(field: &str) -> PrecreateError {
    PrecreateError::Value { field: field.to_owned() }
}

/// A configuration before and after.
struct Both {
    before: Value,
    after: Value,
}

impl Both {
    /// Takes a field out of both; gives what it is now if that is something else. What is gone is empty.
    fn changed<T: DeserializeOwned + Default>(&mut self, field: &str) -> Result<Option<T>, PrecreateError> {
        let before = take(&mut self.before, field);
        match take(&mut self.after, field) {
            after if after == before => Ok(None),
            None => Ok(Some(T::default())),
            Some(after) => serde_json::from_value(after).map(Some).map_err(|_| value(field)),
        }
    }
}

fn take(config: &mut Value, field: &str) -> Option<Value> {
    let (parents, name) = field.rsplit_once('.').unwrap_or(("", field));
    let mut parents = parents.split('.').filter(|it| !it.is_empty());
    parents.try_fold(config, |at, name| at.get_mut(name))?.as_object_mut()?.remove(name)
}

/// Takes out what programs leave out when they write a configuration again.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, it)| (name, without_empty(it)));
            Value::Object(fields.filter(|(_, it)| !is_empty(it)).collect())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(without_empty).collect()),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(it) => !it,
        Value::Number(it) => it.as_u64() == Some(0),
        Value::String(it) => it.is_empty(),
        Value::Array(it) => it.is_empty(),
        Value::Object(it) => it.is_empty(),
    }
}

/// The first field, in the order of names, that is not the same. What has become empty by what was taken out is nothing.
fn first_difference(before: &Value, after: &Value, at: &str) -> Option<String> {
    let nothing = Value::Null;
    match (before, after) {
        (Value::Object(left), Value::Object(right)) => {
            let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
            names.sort_unstable();
            names.dedup();
            let empty = Value::Object(serde_json::Map::new());
            names.into_iter().find_map(|name| {
                let side = |it: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>| {
                    let is_object = other.get(name).is_some_and(Value::is_object);
                    it.get(name)
                        .cloned()
                        .unwrap_or_else(|| if is_object { empty.clone() } else { nothing.clone() })
                };
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                first_difference(&side(left, right), &side(right, left), &path)
            })
        }
        (left, right) if left == right => None,
        _ => Some(at.to_owned()),
    }
}

#[derive(Deserialize)]
struct RlimitEdit {
    #[serde(rename = "type")]
    name: String,
    #[serde(default)]
    soft: u64,
    #[serde(default)]
    hard: u64,
}

impl RlimitEdit {
    fn limit(&self) -> Option<Rlimit> {
        let resource = config::RLIMITS.iter().position(|it| *it == self.name)?;
        let value = |it: u64| Some(it).filter(|it| *it != u64::MAX);
        Some(Rlimit {
            resource: u32::try_from(resource).ok()?,
            soft: value(self.soft),
            hard: value(self.hard),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CapabilityEdit {
    bounding: Vec<String>,
    effective: Vec<String>,
    permitted: Vec<String>,
    inheritable: Vec<String>,
    ambient: Vec<String>,
}

impl CapabilityEdit {
    fn sets(&self) -> Option<Capabilities> {
        let bits = |words: &[String]| named(words).ok().map(CapSet::bits);
        Some(Capabilities {
            bounding: bits(&self.bounding)?,
            effective: bits(&self.effective)?,
            permitted: bits(&self.permitted)?,
            inheritable: bits(&self.inheritable)?,
            ambient: bits(&self.ambient)?,
        })
    }
}

#[derive(Deserialize)]
struct HookEdit {
    path: PathBuf,
    #[serde(default)]
    args: Vec<String>,
    env: Option<Vec<String>>,
    timeout: Option<u32>,
}

impl HookEdit {
    fn at(self, stage: Stage) -> Hook {
        let origin = PathBuf::from("a precreate hook");
        Hook { stage, path: self.path, args: self.args, env: self.env, timeout: self.timeout, origin }
    }
}

#[derive(Deserialize)]
struct MountEdit {
    destination: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    source: PathBuf,
    #[serde(default)]
    options: Vec<String>,
}

/// The mounts as they are to be: those that are there already, by their words, and new ones of the kinds that anybody can
/// ask for.
fn new_mounts(mut there: Vec<Mount>, wanted: Vec<Value>) -> Result<Vec<Mount>, PrecreateError> {
    let mut mounts = Vec::new();
    for (number, wanted) in wanted.into_iter().enumerate() {
        let is_same = |it: &Mount| without_empty(config::mount(it)) == wanted;
        if let Some(found) = there.iter().position(is_same) {
            mounts.push(there.remove(found));
            continue;
        }
        let field = |name: &str| format!("mounts[{number}].{name}");
        let edit: MountEdit =
            serde_json::from_value(wanted).map_err(|_| value(&format!("mounts[{number}]")))?;
        let is_bind = edit.options.iter().any(|it| it == "bind" || it == "rbind");
        let source = match edit.kind.as_str() {
            "tmpfs" => MountSource::Tmpfs,
            "bind" => MountSource::Bind(edit.source.clone()),
            "" | "none" if is_bind => MountSource::Bind(edit.source.clone()),
            _ => return Err(change(&field("type"))),
        };
        if matches!(source, MountSource::Bind(_)) && !edit.source.is_absolute() {
            return Err(value(&field("source")));
        }
        let known = |it: &&String| {
            !OPTIONS.iter().any(|word| *it == word || (word.ends_with('=') && it.starts_with(word)))
        };
        if edit.options.iter().any(|it| known(&it)) {
            return Err(change(&field("options")));
        }
        let request = MountRequest { source, target: edit.destination, options: edit.options };
        let mount = of_specification(&request).ok().flatten().ok_or_else(|| value(&field("destination")))?;
        mounts.push(mount);
    }
    Ok(mounts)
}

#[derive(Deserialize)]
struct DeviceEdit {
    path: PathBuf,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    major: u32,
    #[serde(default)]
    minor: u32,
}

/// A node of the host's, with the same name in the container. One of another name or number would have to be made.
fn new_device(rules: &mut Option<Vec<DeviceRule>>, edit: &DeviceEdit) -> Result<Mount, PrecreateError> {
    let kind = node(&edit.path, edit.major, edit.minor).filter(|it| match it {
        DeviceKind::Block => edit.kind == "b",
        _ => matches!(edit.kind.as_str(), "c" | "u"),
    });
    let kind = kind.ok_or_else(|| change("linux.devices"))?;
    let request = DeviceRequest {
        host: edit.path.clone(),
        container: edit.path.display().to_string(),
        permissions: "rwm".to_owned(),
        optional: false,
    };
    if let Some(rules) = rules {
        let access = Access::parse("rwm").ok_or_else(|| value("linux.devices"))?;
        let (major, minor) = (Some(edit.major), Some(edit.minor));
        rules.push(DeviceRule { allow: true, kind, major, minor, access });
    }
    Ok(device(&request))
}

/// The kind of a device node of the host's with these numbers.
fn node(path: &Path, major: u32, minor: u32) -> Option<DeviceKind> {
    let stat = std::fs::symlink_metadata(path).ok()?;
    let is_it = (rustix::fs::major(stat.rdev()), rustix::fs::minor(stat.rdev())) == (major, minor);
    match stat.file_type() {
        kind if kind.is_block_device() && is_it => Some(DeviceKind::Block),
        kind if kind.is_char_device() && is_it => Some(DeviceKind::Char),
        _ => None,
    }
}
