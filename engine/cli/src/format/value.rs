//! What a template sees.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::go_names;

/// Data for a template. Copies are cheap: lists, maps and structs are shared.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A field of a struct that JSON leaves out when there is nothing to tell; asked for, it is `<nil>`.
    Absent,
    /// A field that JSON leaves out, most often because it is empty; templates see it as it is.
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
    /// A duration in nanoseconds, a number in JSON; it prints as Go's `time.Duration` does.
    Duration(i64),
    /// A list.
    List(Rc<[Value]>),
    /// Keys and values, sorted by key; any key may be asked for.
    Map(Rc<[(String, Value)]>),
    /// Fields in order of declaration, with JSON's names; only those can be asked for, by these names or by Go's.
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

    /// What stands behind a list or a map that is `null` in JSON.
    pub(super) fn bare(&self) -> &Self {
        match self {
            Self::Null(value) => value,
            value => value,
        }
    }

    /// Whether it counts as true: not nothing, not zero, not empty.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nil | Self::Absent => false,
            Self::Omitted(value) | Self::Null(value) => value.truth(),
            Self::Bool(flag) => *flag,
            Self::Int(number) => *number != 0,
            Self::Duration(nanos) => *nanos != 0,
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
            Self::Duration(_) => "a duration",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Struct(_) => "an object",
        }
    }

    /// The field of a struct or the value at a key of a map.
    pub(super) fn entry<'v>(&'v self, name: &str) -> Option<&'v Self> {
        let told = |value: &'v Self| match value {
            Self::Omitted(value) => value,
            value => value,
        };
        match self.bare() {
            Self::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| told(value)),
            Self::Struct(fields) => {
                let field = fields.iter().find(|(key, _)| key == name);
                let field = field.or_else(|| fields.iter().find(|(key, _)| go_names::is(key, name)));
                field.map(|(_, value)| match told(value) {
                    // A field that points nowhere is there all the same, other than a key that is not in a map.
                    Self::Nil => &Self::Absent,
                    value => value,
                })
            }
            _ => None,
        }
    }
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
            Self::Duration(nanos) => serializer.serialize_i64(*nanos),
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
/// The same for [`WireDuration`].
pub(super) const DURATION_MARK: &str = "$duration";
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

/// The same for a field that only templates see.
pub(super) const HIDDEN_MARK: &str = "$hidden";

/// A field that the JSON of a [`Value`] never has; templates see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden<T>(pub T);

impl<T: Serialize> Serialize for Hidden<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(HIDDEN_MARK, &self.0)
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

/// A duration in nanoseconds: a number in JSON, a `time.Duration` in templates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WireDuration(pub i64);

impl Serialize for WireDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(DURATION_MARK, &self.0)
    }
}

/// A list or map that is `null` in JSON when it is empty, as Go writes one that was never made; templates see it empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NullIfEmpty<T>(pub T);

impl<T: Serialize> Serialize for NullIfEmpty<&[T]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_newtype_struct(LIST_MARK, &());
        }
        self.0.serialize(serializer)
    }
}

impl<T: Serialize> Serialize for NullIfEmpty<Vec<T>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NullIfEmpty(self.0.as_slice()).serialize(serializer)
    }
}

/// Here a list that is not there is the empty one; a list without items stays `[]` in JSON.
impl<T: Serialize> Serialize for NullIfEmpty<Option<Vec<T>>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(list) => list.serialize(serializer),
            None => serializer.serialize_newtype_struct(LIST_MARK, &()),
        }
    }
}

impl<K: Serialize, V: Serialize> Serialize for NullIfEmpty<&BTreeMap<K, V>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_newtype_struct(MAP_MARK, &());
        }
        self.0.serialize(serializer)
    }
}

impl<K: Serialize, V: Serialize> Serialize for NullIfEmpty<BTreeMap<K, V>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NullIfEmpty(&self.0).serialize(serializer)
    }
}
