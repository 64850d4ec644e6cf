//! `printf`, with Go's verbs.

use super::functions::MAX_WIDTH;
use super::go_text::{self, shortest_float, with_go_exponent};
use super::value::Value;

/// What stands between `%` and the verb.
#[derive(Default)]
struct Directive {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zeros: bool,
    width: usize,
    precision: Option<usize>,
}

/// Fills a format. A verb that does not fit its value is shown in the text, as Go does: `%!d(string=web)`.
pub(super) fn printf(form: &str, values: &[Value]) -> Result<String, String> {
    let mut text = String::new();
    let mut values = values.iter();
    let mut letters = form.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let mut directive = Directive::default();
        while let Some(flag) = letters.next_if(|letter| "-+ #0".contains(*letter)) {
            match flag {
                '-' => directive.left = true,
                '+' => directive.plus = true,
                ' ' => directive.blank = true,
                '#' => directive.alternate = true,
                _ => directive.zeros = true,
            }
        }
        directive.width = number(&mut letters, &mut values)?.unwrap_or(0);
        if letters.next_if_eq(&'.').is_some() {
            directive.precision = Some(number(&mut letters, &mut values)?.unwrap_or(0));
        }
        match letters.next() {
            None => text.push_str("%!(NOVERB)"),
            Some('%') => text.push('%'),
            Some(verb) => match values.next() {
                None => text.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => text.push_str(&padded(&directive, &one(&directive, verb, value), verb, value)),
            },
        }
    }
    let extra: Vec<String> =
        values.map(|value| format!("{}={}", go_kind(value), go_text::of(value))).collect();
    if !extra.is_empty() {
        text.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(text)
}

/// Reads a width or precision: digits, or `*` for the next value.
fn number<'a>(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    values: &mut impl Iterator<Item = &'a Value>,
) -> Result<Option<usize>, String> {
    let too_large = || format!("a width in `printf` is at most {MAX_WIDTH}");
    if letters.next_if_eq(&'*').is_some() {
        return match values.next() {
            Some(Value::Int(number)) => match usize::try_from(*number) {
                Ok(number) if number <= MAX_WIDTH => Ok(Some(number)),
                _ => Err(too_large()),
            },
            _ => Err("`*` in `printf` takes a number".to_owned()),
        };
    }
    let mut read = None;
    while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
        letters.next();
        let digit = usize::try_from(digit).unwrap_or(0);
        let number: usize = read.unwrap_or(0) * 10 + digit;
        if number > MAX_WIDTH {
            return Err(too_large());
        }
        read = Some(number);
    }
    Ok(read)
}

fn one(directive: &Directive, verb: char, value: &Value) -> String {
    match (verb, value) {
        ('v', Value::Text(text)) if directive.alternate => quoted(text),
        ('v' | 's', Value::Text(text)) => cut(text, directive.precision),
        ('v', Value::Float(number)) => signed(directive, *number >= 0.0, shortest_float(*number)),
        ('v', Value::Int(number)) | ('d', Value::Int(number)) => {
            signed(directive, *number >= 0, number.to_string())
        }
        ('v', other) => go_text::of(other),
        ('s', Value::List(_) | Value::Map(_) | Value::Struct(_) | Value::Time(_) | Value::Duration(_)) => {
            go_text::of(value)
        }
        ('T', Value::Duration(_)) => go_kind(value).to_owned(),
        (verb, Value::Duration(nanos)) => one(directive, verb, &Value::Int((*nanos).into())),
        ('q', Value::Text(text)) => quoted(&cut(text, directive.precision)),
        ('q', Value::List(items)) => {
            let words: Vec<String> = items.iter().map(|item| one(directive, 'q', item)).collect();
            format!("[{}]", words.join(" "))
        }
        ('q' | 'c', Value::Int(number)) => {
            let letter = u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            if verb == 'c' { letter.to_string() } else { format!("'{}'", letter.escape_default()) }
        }
        ('t', Value::Bool(flag)) => flag.to_string(),
        ('x', Value::Int(number)) => based(directive, *number, "0x", |number| format!("{number:x}")),
        ('X', Value::Int(number)) => based(directive, *number, "0X", |number| format!("{number:X}")),
        ('o', Value::Int(number)) => based(directive, *number, "0", |number| format!("{number:o}")),
        ('b', Value::Int(number)) => based(directive, *number, "0b", |number| format!("{number:b}")),
        ('U', Value::Int(number)) => based(directive, *number, "", |number| format!("U+{number:04X}")),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('f' | 'F', Value::Float(number)) => {
            let precision = directive.precision.unwrap_or(6);
            signed(directive, *number >= 0.0, format!("{number:.precision$}"))
        }
        ('e', Value::Float(number)) => {
            let precision = directive.precision.unwrap_or(6);
            signed(directive, *number >= 0.0, with_go_exponent(&format!("{number:.precision$e}")))
        }
        ('g', Value::Float(number)) => signed(directive, *number >= 0.0, shortest_float(*number)),
        ('T', other) => go_kind(other).to_owned(),
        (verb, Value::Nil | Value::Absent) => format!("%!{verb}(<nil>)"),
        (verb, other) => format!("%!{verb}({}={})", go_kind(other), go_text::of(other)),
    }
}

fn cut(text: &str, precision: Option<usize>) -> String {
    match precision {
        Some(letters) => text.chars().take(letters).collect(),
        None => text.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let mut safe = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => safe.push_str("\\\""),
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push_str("\\t"),
            '\r' => safe.push_str("\\r"),
            other if other.is_control() => safe.push_str(&format!("\\x{:02x}", u32::from(other))),
            other => safe.push(other),
        }
    }
    safe.push('"');
    safe
}

fn signed(directive: &Directive, positive: bool, text: String) -> String {
    match (positive, directive) {
        (true, Directive { plus: true, .. }) => format!("+{text}"),
        (true, Directive { blank: true, .. }) => format!(" {text}"),
        _ => text,
    }
}

fn based(directive: &Directive, number: i128, prefix: &str, digits: fn(u128) -> String) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let prefix = if directive.alternate { prefix } else { "" };
    format!("{sign}{prefix}{}", digits(number.unsigned_abs()))
}

fn padded(directive: &Directive, text: &str, verb: char, value: &Value) -> String {
    let width = directive.width;
    let missing = width.saturating_sub(text.chars().count());
    let is_number = matches!(value, Value::Int(_) | Value::Float(_)) && verb != 'c' && verb != 'q';
    if directive.left {
        return format!("{text}{:missing$}", "");
    }
    if directive.zeros && is_number {
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => (text.get(..1).unwrap_or_default(), digits),
            None => ("", text),
        };
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    format!("{:missing$}{text}", "")
}

/// The name that Go gives to a value's type.
fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Nil | Value::Absent => "<nil>",
        Value::Omitted(value) | Value::Null(value) => go_kind(value),
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::Text(_) => "string",
        Value::Time(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        Value::Struct(_) => "struct",
    }
}
