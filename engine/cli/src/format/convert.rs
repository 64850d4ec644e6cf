//! Any `Serialize` type as a [`Value`].

use std::fmt;
use std::rc::Rc;

use serde::ser::{self, Serialize};

use super::value::{DURATION_MARK, HIDDEN_MARK, LIST_MARK, MAP_MARK, OMIT_MARK, TIME_MARK, Value};

/// Makes data for a template of anything that can be serialized.
///
/// What cannot be (a map whose keys are no text, a `Serialize` that fails) becomes nothing; none of our types does that.
pub fn to_value<T: Serialize + ?Sized>(data: &T) -> Value {
    data.serialize(Maker).unwrap_or(Value::Nil)
}

/// A type that does not fit.
#[derive(Debug)]
struct Unfit;

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a value for templates")
    }
}

impl std::error::Error for Unfit {}

impl ser::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

struct Maker;

/// Collects the items of a list.
struct Items {
    items: Vec<Value>,
    variant: Option<&'static str>,
}

/// Collects keys and values of a map or a struct.
struct Entries {
    entries: Vec<(String, Value)>,
    key: String,
    is_struct: bool,
    variant: Option<&'static str>,
}

impl Items {
    fn finish(self) -> Value {
        tagged(self.variant, Value::List(self.items.into()))
    }
}

impl Entries {
    fn finish(mut self) -> Value {
        let value = if self.is_struct {
            Value::Struct(self.entries.into())
        } else {
            self.entries.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Map(self.entries.into())
        };
        tagged(self.variant, value)
    }
}

/// An enum's variant with data is a map with one key, as in JSON.
fn tagged(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(name) => Value::Map(Rc::new([(name.to_owned(), value)])),
        None => value,
    }
}

macro_rules! numbers {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, number: $kind) -> Result<Value, Unfit> {
            Ok(Value::Int(i128::from(number)))
        })*
    };
}

impl ser::Serializer for Maker {
    type Ok = Value;
    type Error = Unfit;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    numbers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_u128(self, number: u128) -> Result<Value, Unfit> {
        i128::try_from(number).map(Value::Int).map_err(|_| Unfit)
    }

    fn serialize_bool(self, flag: bool) -> Result<Value, Unfit> {
        Ok(Value::Bool(flag))
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Unfit> {
        Ok(Value::Float(f64::from(number)))
    }

    fn serialize_f64(self, number: f64) -> Result<Value, Unfit> {
        Ok(Value::Float(number))
    }

    fn serialize_char(self, letter: char) -> Result<Value, Unfit> {
        Ok(Value::text(letter.to_string()))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Unfit> {
        Ok(Value::text(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Unfit> {
        Ok(Value::List(bytes.iter().map(|byte| Value::Int(i128::from(*byte))).collect()))
    }

    fn serialize_none(self) -> Result<Value, Unfit> {
        Ok(Value::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, data: &T) -> Result<Value, Unfit> {
        data.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Unfit> {
        Ok(Value::Nil)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Unfit> {
        Ok(Value::Nil)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Unfit> {
        Ok(Value::text(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        data: &T,
    ) -> Result<Value, Unfit> {
        let value = data.serialize(self)?;
        Ok(match (name, value) {
            (TIME_MARK, Value::Text(text)) => Value::Time(text),
            (DURATION_MARK, Value::Int(nanos)) => Value::Duration(i64::try_from(nanos).unwrap_or_default()),
            (OMIT_MARK, value) if !value.truth() => Value::Omitted(Rc::new(value)),
            (HIDDEN_MARK, value) => Value::Omitted(Rc::new(value)),
            (LIST_MARK, Value::Nil) => Value::Null(Rc::new(Value::List(Rc::new([])))),
            (MAP_MARK, Value::Nil) => Value::Null(Rc::new(Value::Map(Rc::new([])))),
            (_, value) => value,
        })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        data: &T,
    ) -> Result<Value, Unfit> {
        Ok(tagged(Some(variant), data.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Unfit> {
        Ok(Items { items: Vec::with_capacity(length.unwrap_or(0)), variant: None })
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Unfit> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, Unfit> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items, Unfit> {
        Ok(Items { items: Vec::with_capacity(length), variant: Some(variant) })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries, Unfit> {
        let entries = Vec::with_capacity(length.unwrap_or(0));
        Ok(Entries { entries, key: String::new(), is_struct: false, variant: None })
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Entries, Unfit> {
        let entries = Vec::with_capacity(length);
        Ok(Entries { entries, key: String::new(), is_struct: true, variant: None })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Entries, Unfit> {
        let entries = Vec::with_capacity(length);
        Ok(Entries { entries, key: String::new(), is_struct: true, variant: Some(variant) })
    }
}

macro_rules! list {
    ($($part:ident: $method:ident),*) => {
        $(impl ser::$part for Items {
            type Ok = Value;
            type Error = Unfit;

            fn $method<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Unfit> {
                self.items.push(data.serialize(Maker)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Unfit> {
                Ok(self.finish())
            }
        })*
    };
}

list!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field
);

macro_rules! fields {
    ($($part:ident),*) => {
        $(impl ser::$part for Entries {
            type Ok = Value;
            type Error = Unfit;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, data: &T) -> Result<(), Unfit> {
                self.entries.push((name.to_owned(), data.serialize(Maker)?));
                Ok(())
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), Unfit> {
                self.entries.push((key.to_owned(), Value::Absent));
                Ok(())
            }

            fn end(self) -> Result<Value, Unfit> {
                Ok(self.finish())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        self.key = match key.serialize(Maker)? {
            Value::Text(text) => text.to_string(),
            Value::Int(number) => number.to_string(),
            _ => return Err(Unfit),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, data: &T) -> Result<(), Unfit> {
        self.entries.push((std::mem::take(&mut self.key), data.serialize(Maker)?));
        Ok(())
    }

    fn end(self) -> Result<Value, Unfit> {
        Ok(self.finish())
    }
}
