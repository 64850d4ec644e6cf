//! How Go prints values by itself (`%v`).

use super::go_time;
use super::value::Value;

/// Appends a value as Go's `fmt.Print` writes it.
pub(super) fn write(text: &mut String, value: &Value) {
    match value {
        Value::Nil | Value::Absent => text.push_str("<nil>"),
        Value::Omitted(value) | Value::Null(value) => write(text, value),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => text.push_str(&number.to_string()),
        Value::Float(number) => text.push_str(&shortest_float(*number)),
        Value::Text(words) => text.push_str(words),
        Value::Duration(nanos) => text.push_str(&go_time::duration(*nanos)),
        Value::Time(stamp) => text.push_str(&crate::time::go_words_of_rfc3339(stamp)),
        Value::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write(text, item);
            }
            text.push(']');
        }
        Value::Map(entries) => {
            text.push_str("map[");
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                text.push_str(key);
                text.push(':');
                write(text, value);
            }
            text.push(']');
        }
        Value::Struct(fields) => {
            text.push('{');
            for (index, (_, value)) in fields.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write(text, value);
            }
            text.push('}');
        }
    }
}

/// The value as Go prints it.
pub(super) fn of(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

/// `%v` of a float: the shortest digits that read back the same, with an exponent for very large and small ones.
pub(super) fn shortest_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        return with_go_exponent(&format!("{number:e}"));
    }
    format!("{number}")
}

/// `1e21` as `1e+21`, `1e-7` as `1e-07`.
pub(super) fn with_go_exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
