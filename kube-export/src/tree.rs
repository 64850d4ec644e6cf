//! A YAML document as a tree whose nodes know where they stand.
//!
//! Knows nothing of Kubernetes. It is made once for each document, so that whatever is wrong later can be said with its place.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Where something begins, counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is too large for the other.
    Uint(u64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Names and values, in order.
    Map(Vec<Entry>),
}

/// A name of a map, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name.
    pub key: String,
    /// Where the name stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The value of a name, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|it| it.key == key).map(|it| &it.node),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one, however it is written: `9`, `9.0`, `09`.
    #[must_use]
    pub fn whole(&self) -> Option<i64> {
        match self.value {
            Value::Int(value) => Some(value),
            // Beyond this range numbers are not exact any more.
            Value::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => {
                format!("{value:.0}").parse().ok()
            }
            _ => None,
        }
    }

    /// Where a path of fields (`spec.containers[0].image`) leads; where it leads nowhere, the last place on the way.
    #[must_use]
    pub fn place_of(&self, path: &str) -> Place {
        let (mut node, mut place, mut rest) = (self, self.place, path);
        loop {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            match &node.value {
                Value::Map(entries) => {
                    // Names may have dots in them.
                    let fits = |entry: &&Entry| {
                        let after = rest.strip_prefix(entry.key.as_str());
                        !entry.key.is_empty()
                            && after.is_some_and(|it| it.is_empty() || it.starts_with(['.', '[']))
                    };
                    let Some(entry) = entries.iter().filter(fits).max_by_key(|it| it.key.len()) else {
                        return place;
                    };
                    rest = rest.get(entry.key.len()..).unwrap_or_default();
                    node = &entry.node;
                    // A value that stands below its name is found by the name.
                    place = if node.place.line == entry.place.line { node.place } else { entry.place };
                }
                Value::List(items) => {
                    let number = rest.strip_prefix('[').and_then(|it| it.split_once(']'));
                    let Some((number, after)) = number else { return place };
                    let Some(item) = number.parse::<usize>().ok().and_then(|it| items.get(it)) else {
                        return place;
                    };
                    (node, place, rest) = (item, item.place, after);
                }
                _ => return place,
            }
            if rest.is_empty() {
                return place;
            }
        }
    }

    /// What it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

fn place<T>(spanned: &Spanned<T>) -> Place {
    Place { line: spanned.referenced.line(), column: spanned.referenced.column() }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned: Spanned<Value> = Spanned::deserialize(deserializer)?;
        Ok(Self { place: place(&spanned), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Int(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
                Ok(i64::try_from(value).map_or(Value::Uint(value), Value::Int))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Float(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }

            fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
                Ok(Value::Text(value))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_none<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
                Value::deserialize(deserializer)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = access.next_element()? {
                    list.push(node);
                }
                Ok(Value::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, node)) = access.next_entry::<Spanned<String>, Node>()? {
                    entries.push(Entry { place: place(&key), key: key.value, node });
                }
                Ok(Value::Map(entries))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
