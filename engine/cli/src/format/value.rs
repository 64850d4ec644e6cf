//! What a template sees.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// Data for a template. Copies are cheap: lists, maps and structs are shared.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A field of a struct that JSON leaves out when there is nothing to tell; asked for, it is `<nil>`.
    Absent,
    /// A field that JSON leaves out because it is empty; templates see it as it is.
    Omitted(Rc<Value>),
    /// A list or a map that is `null` in JSON because it is empty.
    Null(Rc<Value>),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Rc<str>),
    /// A time, in RFC 3339; it prints as Go's `time.Time` does.
    Time(Rc<str>),
    /// A list.
    List(Rc<[Value]>),
    /// Keys and values, sorted by key; any key may be asked for.
    Map(Rc<[(String, Value)]>),
    /// Fields in order of declaration; only those can be asked for.
    Struct(Rc<[(String, Value)]>),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The field of a struct or the value at a key of a map.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.entry(name)
    }

    /// The value as Go prints it.
    pub fn go_text(&self) -> String {
        super::go_text::of(self)
    }

    /// The same with the names of all structs' fields as Go has them: with a capital first letter. Maps stay as they are.
    pub fn with_go_names(&self) -> Self {
        match self {
            Self::Struct(fields) => Self::Struct(
                fields.iter().map(|(name, value)| (capital(name), value.with_go_names())).collect(),
            ),
            Self::List(items) => Self::List(items.iter().map(Self::with_go_names).collect()),
            Self::Omitted(value) => Self::Omitted(value.with_go_names().into()),
            other => other.clone(),
        }
    }

    /// Whether it counts as true: not nothing, not zero, not empty.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nil | Self::Absent => false,
            Self::Omitted(value) | Self::Null(value) => value.truth(),
            Self::Bool(flag) => *flag,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Time(_) | Self::Struct(_) => true,
        }
    }

    /// The kind, in words, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil | Self::Absent => "nothing",
            Self::Omitted(value) | Self::Null(value) => value.kind(),
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::Time(_) => "a time",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Struct(_) => "an object",
        }
    }

    /// The field of a struct or the value at a key of a map.
    pub(super) fn entry(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) | Self::Struct(entries) => {
                entries.iter().find(|(key, _)| key == name).map(|(_, value)| match value {
                    Self::Omitted(value) | Self::Null(value) => value,
                    value => value,
                })
            }
            _ => None,
        }
    }
}

/// A name with a capital first letter, and Go's way with some words.
fn capital(name: &str) -> String {
    match name {
        "cpus" => return "CPUs".to_owned(),
        "os" => return "OS".to_owned(),
        "ociRuntime" => return "OCIRuntime".to_owned(),
        "uidmap" => return "UIDMap".to_owned(),
        "gidmap" => return "GIDMap".to_owned(),
        "idMappings" => return "IDMappings".to_owned(),
        "container_id" => return "ContainerID".to_owned(),
        "host_id" => return "HostID".to_owned(),
        "apparmorEnabled" => return "AppArmorEnabled".to_owned(),
        "seccompEnabled" => return "SECCOMPEnabled".to_owned(),
        "seccompProfilePath" => return "SECCOMPProfilePath".to_owned(),
        "selinuxEnabled" => return "SELinuxEnabled".to_owned(),
        "capabilities" => return "DefaultCapabilities".to_owned(),
        "cpuUtilization" => return "CPUUtilization".to_owned(),
        "cpu_period" => return "CPUPeriod".to_owned(),
        "cpu_quota" => return "CPUQuota".to_owned(),
        "cpu_shares" => return "CPUShares".to_owned(),
        "cpuset_cpus" => return "CPUSetCPUs".to_owned(),
        "cpuset_mems" => return "CPUSetMems".to_owned(),
        "memory_limit" => return "MemoryLimit".to_owned(),
        "memory_swap" => return "MemorySwap".to_owned(),
        "blkio_weight" => return "BlkioWeight".to_owned(),
        "blkio_weight_device" => return "BlkioWeightDevice".to_owned(),
        "device_read_bps" => return "BlkioDeviceReadBps".to_owned(),
        "device_write_bps" => return "BlkioDeviceWriteBps".to_owned(),
        "security_opt" => return "SecurityOpts".to_owned(),
        "pid_ns" => return "PidNS".to_owned(),
        "userns" => return "UserNS".to_owned(),
        "uts_ns" => return "UtsNS".to_owned(),
        "cgroupVersion" => return "CgroupsVersion".to_owned(),
        "slirp4netns" => return "Slirp4NetNS".to_owned(),
        _ => {}
    }
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil | Self::Absent | Self::Null(_) => serializer.serialize_unit(),
            Self::Omitted(value) => value.serialize(serializer),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => serializer.serialize_i64(number),
                (_, Ok(number)) => serializer.serialize_u64(number),
                _ => serializer.serialize_i128(*number),
            },
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) | Self::Time(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(entries) | Self::Struct(entries) => {
                let told = || entries.iter().filter(|(_, it)| !matches!(it, Self::Absent | Self::Omitted(_)));
                let mut map = serializer.serialize_map(Some(told().count()))?;
                for (key, value) in told() {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// The name by which [`WireTime`] tells a template what it is; JSON does not show it.
pub(super) const TIME_MARK: &str = "$time";
/// The same for an empty list that is `null` in JSON.
pub(super) const LIST_MARK: &str = "$list";
/// The same for an empty map.
pub(super) const MAP_MARK: &str = "$map";

/// The same for a field that JSON leaves out when it is empty.
pub(super) const OMIT_MARK: &str = "$omit";

/// A field that is left out of the JSON of a [`Value`] when it is empty, zero or false; templates see it all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OmitEmpty<T>(pub T);

impl<T: Serialize> Serialize for OmitEmpty<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(OMIT_MARK, &self.0)
    }
}

/// A time in RFC 3339: a string in JSON, a `time.Time` in templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireTime(pub String);

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TIME_MARK, &self.0)
    }
}

/// A list or map that is `null` in JSON when it is empty, as Go writes one that was never made; templates see it empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NullIfEmpty<T>(pub T);

impl<T: Serialize> Serialize for NullIfEmpty<Vec<T>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_newtype_struct(LIST_MARK, &());
        }
        self.0.serialize(serializer)
    }
}

impl<K: Serialize, V: Serialize> Serialize for NullIfEmpty<BTreeMap<K, V>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_newtype_struct(MAP_MARK, &());
        }
        self.0.serialize(serializer)
    }
}
