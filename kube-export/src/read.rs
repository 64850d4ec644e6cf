//! A document's tree to typed objects.
//!
//! What Go's reader of Kubernetes forgives is forgiven: a number where text is meant, nothing where a list or a map is meant.
//! Fields that nobody knows are noted with their path and place, and left to the caller.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use pontoon_units::suggest;

use crate::tree::{Entry, Node, Place, Value};

/// A field that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Its path, as `spec.containers[0].foo`.
    pub path: String,
    /// Where it stands.
    pub place: Place,
    /// The field that may have been meant.
    pub near: Option<&'static str>,
}

/// A value that is not what its field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// The path of the field.
    pub path: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}", self.message)
        } else {
            write!(f, "`{}`: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for ValueError {}

impl de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: String::new(), place: None, message: message.to_string() }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // What it is instead is said by whoever knows the node.
        Self::custom(format_args!("it takes {expected}"))
    }
}

/// Reads an object, and tells the fields that it does not know.
///
/// # Errors
/// The first value that is not what its field takes.
pub fn read<T: DeserializeOwned>(node: &Node) -> Result<(T, Vec<Unknown>), ValueError> {
    let unknown = RefCell::new(Vec::new());
    let object = T::deserialize(Reader { node, path: String::new(), unknown: &unknown })?;
    Ok((object, unknown.into_inner()))
}

/// A node on its way to a type.
struct Reader<'a> {
    node: &'a Node,
    path: String,
    unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'a> Reader<'a> {
    fn below(&self, step: &str, node: &'a Node) -> Self {
        let path = if self.path.is_empty() { step.to_owned() } else { format!("{}.{step}", self.path) };
        Reader { node, path, unknown: self.unknown }
    }

    fn item(&self, number: usize, node: &'a Node) -> Self {
        Reader { node, path: format!("{}[{number}]", self.path), unknown: self.unknown }
    }

    /// Says where an error is, if nobody said it yet.
    fn placed<T>(&self, result: Result<T, ValueError>) -> Result<T, ValueError> {
        result.map_err(|mut err| {
            if err.place.is_none() {
                err.place = Some(self.node.place);
                err.path.clone_from(&self.path);
            }
            err
        })
    }

    /// `instead` is what may have been meant.
    fn wrong<T>(&self, expected: &dyn de::Expected, instead: Option<&str>) -> Result<T, ValueError> {
        let kind = match self.node.value {
            Value::Float(_) => "a number that is none",
            _ => self.node.kind(),
        };
        let instead = instead.map(|it| format!("; write `{it}`, without quotes")).unwrap_or_default();
        self.placed(Err(de::Error::custom(format_args!("it takes {expected}, and this is {kind}{instead}"))))
    }

    fn list<V: Visitor<'a>>(&self, items: &'a [Node], visitor: V) -> Result<V::Value, ValueError> {
        let readers = items.iter().enumerate().map(|(number, node)| self.item(number, node));
        visitor.visit_seq(de::value::SeqDeserializer::new(readers))
    }

    /// `known` are the names that are looked for; none if any will do.
    fn map<V: Visitor<'a>>(
        &self,
        entries: &'a [Entry],
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_map(Entries { reader: self, all: entries, known, rest: entries.iter(), current: None })
    }

    /// A map with names of its own, or one of certain names.
    fn any_map<V: Visitor<'a>>(
        &self,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let result = match &self.node.value {
            Value::Map(entries) => self.map(entries, known, visitor),
            Value::Null => self.map(&[], known, visitor),
            _ => return self.wrong(&"a map", None),
        };
        self.placed(result)
    }
}

impl<'a> IntoDeserializer<'a, ValueError> for Reader<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The entries of a map, one after the other.
struct Entries<'r, 'a> {
    reader: &'r Reader<'a>,
    all: &'a [Entry],
    known: &'static [&'static str],
    rest: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
}

impl<'a> MapAccess<'a> for Entries<'_, 'a> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, ValueError> {
        self.current = self.rest.next();
        let Some(entry) = self.current else { return Ok(None) };
        let key: StrDeserializer<'_, ValueError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, ValueError> {
        let Some(entry) = self.current else { return Err(de::Error::custom("a name without a value")) };
        let below = self.reader.below(&entry.key, &entry.node);
        let unknown = UnknownField { reader: below, entry, all: self.all, known: self.known };
        seed.deserialize(unknown)
    }
}

/// A value of a map: if its name is one that nobody knows, it is noted at the place of the name.
struct UnknownField<'a> {
    reader: Reader<'a>,
    entry: &'a Entry,
    all: &'a [Entry],
    known: &'static [&'static str],
}

macro_rules! through {
    ($($method:ident $(($($name:ident: $kind:ty),*))?;)*) => {$(
        fn $method<V: Visitor<'a>>(self, $($($name: $kind,)*)? visitor: V) -> Result<V::Value, ValueError> {
            self.reader.$method($($($name,)*)? visitor)
        }
    )*};
}

impl<'a> Deserializer<'a> for UnknownField<'a> {
    type Error = ValueError;

    through! {
        deserialize_any; deserialize_bool; deserialize_i8; deserialize_i16; deserialize_i32; deserialize_i64;
        deserialize_u8; deserialize_u16; deserialize_u32; deserialize_u64; deserialize_f32; deserialize_f64;
        deserialize_char; deserialize_str; deserialize_string; deserialize_bytes; deserialize_byte_buf;
        deserialize_option; deserialize_unit; deserialize_seq; deserialize_map; deserialize_identifier;
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        // What is said already was not meant.
        let open = self.known.iter().copied().filter(|name| self.all.iter().all(|it| it.key != *name));
        let near = suggest::nearest(&self.entry.key, open);
        let unknown = Unknown { path: self.reader.path, place: self.entry.place, near };
        self.reader.unknown.borrow_mut().push(unknown);
        visitor.visit_unit()
    }
}

/// What is to be written for a text that was meant as a truth value.
fn truth(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some("true"),
        "false" | "no" | "off" | "n" => Some("false"),
        _ => None,
    }
}

/// A text that is a whole number but for its quotes.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())).then_some(text)
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
            let result = match (self.node.whole(), &self.node.value) {
                (Some(value), _) => visitor.visit_i64(value),
                (None, Value::Uint(value)) => visitor.visit_u64(*value),
                (None, Value::Null) => visitor.visit_i64(0),
                _ => return self.wrong(&"a whole number", self.node.text().and_then(digits)),
            };
            self.placed(result)
        }
    )*};
}

impl<'a> Deserializer<'a> for Reader<'a> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let result = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Uint(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_borrowed_str(value),
            Value::List(items) => self.list(items, visitor),
            Value::Map(entries) => self.map(entries, &[], visitor),
        };
        self.placed(result)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let result = match &self.node.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Null => visitor.visit_str(""),
            Value::Bool(value) => visitor.visit_string(value.to_string()),
            Value::Int(value) => visitor.visit_string(value.to_string()),
            Value::Uint(value) => visitor.visit_string(value.to_string()),
            Value::Float(value) => visitor.visit_string(value.to_string()),
            Value::List(_) | Value::Map(_) => return self.wrong(&visitor, None),
        };
        self.placed(result)
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.node.value {
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Null => visitor.visit_bool(false),
            _ => self.wrong(&"`true` or `false`", self.node.text().and_then(truth)),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let result = match &self.node.value {
            Value::List(items) => self.list(items, visitor),
            Value::Null => self.list(&[], visitor),
            _ => return self.wrong(&"a list", None),
        };
        self.placed(result)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.any_map(&[], visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.any_map(fields, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let result = match &self.node.value {
            Value::Text(text) => {
                visitor.visit_enum(IntoDeserializer::<ValueError>::into_deserializer(text.as_str()))
            }
            _ => return self.wrong(&"a word", None),
        };
        self.placed(result)
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
