//! The functions of templates: Go's own, and those that Podman adds.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::rc::Rc;

use super::go_text;
use super::json;
use super::printf::printf;
use super::value::Value;

/// Longest text that padding may make; Go's own printing has the same limit.
pub(super) const MAX_WIDTH: usize = 1_000_000;

/// All names.
const NAMES: &[&str] = &[
    "and", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt", "ne", "not",
    "or", "pad", "print", "printf", "println", "slice", "split", "title", "truncate", "upper", "urlquery",
];

/// The names of all functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied()
}

/// Whether there is a function of that name.
pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls a function; `and` and `or` are not among them, for they do not look at all their values.
pub(super) fn call(name: &str, values: &[Value]) -> Result<Value, String> {
    if let ("json", [value]) = (name, values) {
        return Ok(Value::text(json::compact(value)));
    }
    // All others see an empty list or map where JSON has `null`.
    let values: Vec<Value> = values.iter().map(|value| value.bare().clone()).collect();
    match (name, values.as_slice()) {
        ("join", [list, separator]) => join(list, text_of(name, separator)?),
        ("split", [text, separator]) => Ok(split(text_of(name, text)?, text_of(name, separator)?)),
        ("lower", [text]) => Ok(Value::text(text_of(name, text)?.to_lowercase())),
        ("upper", [text]) => Ok(Value::text(text_of(name, text)?.to_uppercase())),
        ("title", [text]) => Ok(Value::text(title(text_of(name, text)?))),
        ("truncate", [text, length]) => {
            let length = number_of(name, length)?;
            Ok(Value::text(text_of(name, text)?.chars().take(length).collect::<String>()))
        }
        ("pad", [text, before, after]) => {
            pad(text_of(name, text)?, number_of(name, before)?, number_of(name, after)?)
        }
        ("len", [value]) => length(value),
        ("index", [value, keys @ ..]) => keys.iter().try_fold(value.clone(), |value, key| index(&value, key)),
        ("slice", [value, bounds @ ..]) if bounds.len() <= 2 => slice(value, bounds),
        ("not", [value]) => Ok(Value::Bool(!value.truth())),
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            for other in others {
                if equal(first, other)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        ("ne", [left, right]) => equal(left, right).map(|same| Value::Bool(!same)),
        ("lt", [left, right]) => order(left, right).map(|it| Value::Bool(it == Some(Ordering::Less))),
        ("gt", [left, right]) => order(left, right).map(|it| Value::Bool(it == Some(Ordering::Greater))),
        ("le", [left, right]) => {
            order(left, right).map(|it| Value::Bool(matches!(it, Some(Ordering::Less | Ordering::Equal))))
        }
        ("ge", [left, right]) => {
            order(left, right).map(|it| Value::Bool(matches!(it, Some(Ordering::Greater | Ordering::Equal))))
        }
        ("print", values) => Ok(Value::text(print(values))),
        ("println", values) => {
            let words: Vec<String> = values.iter().map(go_text::of).collect();
            Ok(Value::text(format!("{}\n", words.join(" "))))
        }
        ("printf", [form, values @ ..]) => printf(text_of(name, form)?, values).map(Value::text),
        ("html", values) => Ok(Value::text(html(&print(values)))),
        ("js", values) => Ok(Value::text(js(&print(values)))),
        ("urlquery", values) => Ok(Value::text(urlquery(&print(values)))),
        _ => Err(format!("`{name}` does not take {} values", values.len())),
    }
}

fn text_of<'a>(name: &str, value: &'a Value) -> Result<&'a str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("`{name}` takes text here, not {}", other.kind())),
    }
}

fn number_of(name: &str, value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(number) => {
            usize::try_from(*number).map_err(|_| format!("`{name}` cannot take {number} here"))
        }
        other => Err(format!("`{name}` takes a number here, not {}", other.kind())),
    }
}

fn join(list: &Value, separator: &str) -> Result<Value, String> {
    let items: &[Value] = match list {
        Value::List(items) => items,
        Value::Nil | Value::Absent => &[],
        other => return Err(format!("`join` takes a list, not {}", other.kind())),
    };
    let words = items.iter().map(|item| text_of("join", item)).collect::<Result<Vec<&str>, String>>()?;
    Ok(Value::text(words.join(separator)))
}

fn split(text: &str, separator: &str) -> Value {
    if separator.is_empty() {
        return Value::List(text.chars().map(|letter| Value::text(letter.to_string())).collect());
    }
    Value::List(text.split(separator).map(Value::text).collect())
}

/// The first letter of each word as a capital.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            titled.push(letter);
        } else {
            titled.extend(letter.to_uppercase());
        }
        inside = letter.is_alphanumeric() || matches!(letter, '_' | '\'');
    }
    titled
}

fn pad(text: &str, before: usize, after: usize) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::text(""));
    }
    if before.max(after) > MAX_WIDTH {
        return Err(format!("`pad` adds at most {MAX_WIDTH} blanks"));
    }
    Ok(Value::text(format!("{:before$}{text}{:after$}", "", "")))
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        other => return Err(format!("`len` cannot count {}", other.kind())),
    };
    i128::try_from(length).map(Value::Int).map_err(|err| err.to_string())
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::List(items), Value::Int(number)) => usize::try_from(*number)
            .ok()
            .and_then(|number| items.get(number))
            .cloned()
            .ok_or_else(|| format!("there is no item {number}: the list has {}", items.len())),
        (Value::Map(entries), Value::Text(key)) => {
            Ok(value.entry(key).cloned().unwrap_or_else(|| zero_like(entries)))
        }
        (Value::Text(text), Value::Int(number)) => usize::try_from(*number)
            .ok()
            .and_then(|number| text.as_bytes().get(number))
            .map(|byte| Value::Int(i128::from(*byte)))
            .ok_or_else(|| format!("there is no byte {number}: the text has {}", text.len())),
        (Value::List(_), other) => Err(format!("a list is indexed by a number, not by {}", other.kind())),
        (Value::Map(_), other) => Err(format!("a map is indexed by text, not by {}", other.kind())),
        (other, _) => Err(format!("`index` cannot look into {}", other.kind())),
    }
}

/// What Go gives for a key that is not there: the empty value of the map's kind, as far as it can be seen.
fn zero_like(entries: &[(String, Value)]) -> Value {
    match entries.first().map(|(_, value)| value) {
        None | Some(Value::Text(_)) => Value::text(""),
        Some(Value::List(_)) => Value::List(Rc::new([])),
        Some(Value::Int(_)) => Value::Int(0),
        Some(Value::Bool(_)) => Value::Bool(false),
        Some(_) => Value::Nil,
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        other => return Err(format!("`slice` cannot cut {}", other.kind())),
    };
    let start = bounds.first().map_or(Ok(0), |bound| number_of("slice", bound))?;
    let end = bounds.get(1).map_or(Ok(length), |bound| number_of("slice", bound))?;
    let outside = || format!("`slice` from {start} to {end} is outside of 0 to {length}");
    match value {
        Value::Text(text) => text.get(start..end).map(Value::text).ok_or_else(outside),
        Value::List(items) => {
            items.get(start..end).map(|items| Value::List(items.into())).ok_or_else(outside)
        }
        _ => Err(outside()),
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Nil | Value::Absent, other) | (other, Value::Nil | Value::Absent) => {
            Ok(matches!(other, Value::Nil | Value::Absent))
        }
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        _ => order(left, right).map(|order| order == Some(Ordering::Equal)),
    }
}

fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(Some(left.cmp(right))),
        (Value::Duration(left), Value::Duration(right)) => Ok(Some(left.cmp(right))),
        (Value::Duration(left), Value::Int(right)) => Ok(Some(i128::from(*left).cmp(right))),
        (Value::Int(left), Value::Duration(right)) => Ok(Some(left.cmp(&i128::from(*right)))),
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::Text(left) | Value::Time(left), Value::Text(right) | Value::Time(right)) => {
            Ok(Some(left.cmp(right)))
        }
        _ => Err(format!("{} and {} cannot be compared", left.kind(), right.kind())),
    }
}

/// Go's `fmt.Sprint`: a blank between two values of which neither is text.
fn print(values: &[Value]) -> String {
    let mut text = String::new();
    let mut after_text = true;
    for value in values {
        let is_text = matches!(value, Value::Text(_));
        if !after_text && !is_text {
            text.push(' ');
        }
        go_text::write(&mut text, value);
        after_text = is_text;
    }
    text
}

fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => safe.push_str("&#34;"),
            '\'' => safe.push_str("&#39;"),
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\0' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

fn js(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => safe.push_str(r"\\"),
            '\'' => safe.push_str(r"\'"),
            '"' => safe.push_str(r#"\""#),
            '<' | '>' | '&' | '=' => {
                // Writing to a string cannot fail.
                let _ = write!(safe, "\\u{:04X}", u32::from(letter));
            }
            other if other.is_control() => {
                let _ = write!(safe, "\\u{:04X}", u32::from(other));
            }
            other => safe.push(other),
        }
    }
    safe
}

fn urlquery(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => safe.push('+'),
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') => {
                safe.push(char::from(byte));
            }
            byte => {
                let _ = write!(safe, "%{byte:02X}");
            }
        }
    }
    safe
}
