//! Values of a compose file as texts and lists.

use pontoon_kube::tree::{Entry, Node, Value};

/// A value that is one text, however it is written; `None` for lists and maps.
pub(super) fn text(node: &Node) -> Option<String> {
    Some(match &node.value {
        Value::Text(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Null => String::new(),
        Value::List(_) | Value::Map(_) => return None,
    })
}

/// A truth value.
pub(super) fn truth(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(value) => Some(*value),
        Value::Text(text) => pontoon_units::values::truth(text),
        _ => None,
    }
}

/// One text, or a list of texts.
pub(super) fn texts(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::List(list) => list.iter().map(text).collect(),
        Value::Null => Some(Vec::new()),
        _ => Some(vec![text(node)?]),
    }
}

/// The entries of a map; none for nothing.
pub(super) fn entries(node: &Node) -> Option<&[Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        _ => None,
    }
}

/// `NAME=VALUE` texts, of a map or a list; a name without a value is a name alone.
pub(super) fn pairs(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::Map(entries) => entries
            .iter()
            .map(|it| match it.node.value {
                Value::Null => Some(it.key.clone()),
                _ => Some(format!("{}={}", it.key, text(&it.node)?)),
            })
            .collect(),
        _ => texts(node),
    }
}

/// A command: a list of words, or a line that is split as a shell does, without running one.
pub(super) fn command(node: &Node) -> Option<Result<Vec<String>, String>> {
    match &node.value {
        Value::List(_) | Value::Null => Some(Ok(texts(node)?)),
        Value::Text(line) => Some(split(line)),
        _ => None,
    }
}

/// Words as a shell takes a line apart.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), other) => word.get_or_insert_default().push(other),
            (Some(_), '\\') => match letters.next() {
                Some(next @ ('"' | '\\' | '$' | '`')) => word.get_or_insert_default().push(next),
                Some(next) => word.get_or_insert_default().extend(['\\', next]),
                None => return Err("a backslash ends the line".to_owned()),
            },
            (Some(_), other) => word.get_or_insert_default().push(other),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '\\') => match letters.next() {
                Some('\n') => {}
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("a backslash ends the line".to_owned()),
            },
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    match quote {
        Some(quote) => Err(format!("the quote `{quote}` is never closed")),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

/// Seconds of a duration, `1m30s`, rounded up; `None` if it is none.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let mut total = 0_f64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let unit = rest.get(digits..)?;
        let length = unit.find(|it: char| it.is_ascii_digit()).unwrap_or(unit.len());
        let factor = match unit.get(..length)? {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number * factor;
        rest = unit.get(length..)?;
    }
    let whole = total.ceil();
    // Whole by now, and nobody waits longer than a year.
    ((0.0..=3.2e7).contains(&whole) && !text.is_empty()).then(|| format!("{whole:.0}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_a_shell_does() {
        let check = |line: &str, expected: &[&str]| assert_eq!(split(line).unwrap(), expected, "{line}");
        check("nginx -g 'daemon off;'", &["nginx", "-g", "daemon off;"]);
        check(r#"a "b \"c\" \d" '' e\ f"#, &["a", r#"b "c" \d"#, "", "e f"]);
        check("", &[]);
        assert!(split("a 'b").is_err() && split("a\\").is_err());
    }

    #[test]
    fn durations_are_seconds() {
        assert_eq!(seconds("1m30s"), Some(90));
        assert_eq!(seconds("500ms"), Some(1));
        assert_eq!(seconds("10"), None);
        assert_eq!(seconds(""), None);
        assert_eq!(seconds("1x"), None);
    }
}
