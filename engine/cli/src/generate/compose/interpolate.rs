//! Variables in a compose file: `$NAME`, `${NAME}`, `${NAME:-default}` and the like, `$$` for the sign itself
//! (compose-spec, Interpolation).

use std::collections::BTreeMap;

use pontoon_kube::tree::{Node, Value};

use super::report::{Report, Verdict};

/// Puts values in the place of variables, in all texts below a node.
pub(super) fn tree(node: &mut Node, field: &str, variables: &BTreeMap<String, String>, report: &mut Report) {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => match line(text, variables) {
            Ok(done) => {
                for name in done.missing {
                    let why = format!("`${name}` is not set, and stands for nothing");
                    report.add(node.place, field, Verdict::Approximated(why));
                }
                *text = done.text;
            }
            Err(why) => report.refuse(node.place, field, why),
        },
        Value::List(list) => list.iter_mut().for_each(|it| tree(it, field, variables, report)),
        Value::Map(entries) => {
            for entry in entries.iter_mut().filter(|it| !it.key.starts_with("x-")) {
                let field =
                    if field.is_empty() { entry.key.clone() } else { format!("{field}.{}", entry.key) };
                tree(&mut entry.node, &field, variables, report);
            }
        }
        _ => {}
    }
}

/// A text without variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) text: String,
    /// Variables that have no value and no default.
    pub(super) missing: Vec<String>,
}

/// Puts values in the place of variables.
pub(super) fn line(text: &str, variables: &BTreeMap<String, String>) -> Result<Done, String> {
    let mut done = Done::default();
    let mut rest = text;
    while let Some(index) = rest.find('$') {
        done.text.push_str(rest.get(..index).unwrap_or_default());
        rest = rest.get(index + 1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('$') {
            done.text.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let end = closing(inner).ok_or_else(|| format!("`${{{inner}` has no end"))?;
            braced(inner.get(..end).unwrap_or_default(), variables, &mut done)?;
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            let length = name_length(rest);
            if length == 0 {
                return Err("a `$` is followed by no name; write `$$` for the sign itself".to_owned());
            }
            let name = rest.get(..length).unwrap_or_default();
            match variables.get(name) {
                Some(value) => done.text.push_str(value),
                None => done.missing.push(name.to_owned()),
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    done.text.push_str(rest);
    Ok(done)
}

/// Where a variable in braces ends; defaults may have variables of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (index, letter) in text.char_indices() {
        match letter {
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some(index),
            '}' => depth -= 1,
            _ => {}
        }
        before = letter;
    }
    None
}

fn name_length(text: &str) -> usize {
    let fits = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if text.starts_with(|it: char| it.is_ascii_digit()) {
        return 0;
    }
    text.find(|it| !fits(it)).unwrap_or(text.len())
}

fn braced(inner: &str, variables: &BTreeMap<String, String>, done: &mut Done) -> Result<(), String> {
    let length = name_length(inner);
    let (name, rest) = inner.split_at(length);
    if name.is_empty() {
        return Err(format!("`${{{inner}}}` names no variable"));
    }
    let value = variables.get(name);
    let (strict, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let set = value.filter(|value| !strict || !value.is_empty());
    let nested = |text: &str, done: &mut Done| -> Result<(), String> {
        let inner = line(text, variables)?;
        done.text.push_str(&inner.text);
        done.missing.extend(inner.missing);
        Ok(())
    };
    match (rest.chars().next(), rest.get(1..).unwrap_or_default()) {
        (None, _) if !strict => match value {
            Some(value) => done.text.push_str(value),
            None => done.missing.push(name.to_owned()),
        },
        (Some('-'), default) => match set {
            Some(value) => done.text.push_str(value),
            None => nested(default, done)?,
        },
        (Some('+'), other) => {
            if set.is_some() {
                nested(other, done)?;
            }
        }
        (Some('?'), why) => match set {
            Some(value) => done.text.push_str(value),
            None if why.is_empty() => return Err(format!("`${name}` must be set")),
            None => return Err(format!("`${name}` must be set: {why}")),
        },
        _ => return Err(format!("`${{{inner}}}` is no variable")),
    }
    Ok(())
}

/// The variables of an `.env` file over those of `environment`, which wins: `NAME=value` lines, comments, one pair of quotes.
/// Variables are put into values, but not into those in single quotes.
///
/// # Errors
/// The line, from 1, and what is wrong with it.
pub fn env_file(
    text: &str,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut found = environment.clone();
    for (index, whole) in text.lines().enumerate() {
        let trimmed = whole.trim();
        let trimmed = trimmed.strip_prefix("export ").unwrap_or(trimmed);
        // A name alone is that of the environment.
        let Some((name, value)) = trimmed.split_once('=').filter(|_| !trimmed.starts_with('#')) else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name_length(name) != name.len() {
            return Err((index + 1, format!("`{name}` is no name of a variable")));
        }
        let value = match within(value, '\'') {
            Some(literal) => literal.to_owned(),
            None => {
                let bare = || value.split(" #").next().unwrap_or(value).trim_end();
                let value = within(value, '"').unwrap_or_else(bare);
                if value.starts_with(['"', '\'']) {
                    return Err((index + 1, "the quote is not closed on its line".to_owned()));
                }
                line(value, &found).map_err(|why| (index + 1, why))?.text
            }
        };
        if !environment.contains_key(name) {
            found.insert(name.to_owned(), value);
        }
    }
    Ok(found)
}

/// What stands between a quote and the next one; a comment may follow.
fn within(value: &str, quote: char) -> Option<&str> {
    let (inner, after) = value.strip_prefix(quote)?.split_once(quote)?;
    let after = after.trim_start();
    (after.is_empty() || after.starts_with('#')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let file = "A=a\nEMPTY=\nexport B='b c' \n# X=1\nC=d # e\nD=\"$A-${C}\" # f\nE='$A'\nF=file\nALONE";
        let environment = BTreeMap::from([("F".to_owned(), "ours".to_owned())]);
        let variables = env_file(file, &environment).unwrap();
        assert_eq!(line(text, &variables).map(|it| it.text), Ok(expected.to_owned()), "{text}");
    }

    #[test]
    fn variables_are_put_in() {
        check("x$A${B}y", "xab cy");
        check("$$A $C", "$A d");
        check("${A:-x}${N:-x}${EMPTY:-x}${EMPTY-x}", "axx");
        check("${N:-${A}}${A:+y}${N:+y}", "ay");
        check("${N}", "");
        check("$D $E $F", "a-d $A ours");
        for (wrong, place) in [("A=1\nB C=2", 2), ("A='x", 1), ("\nA=${B", 2)] {
            assert_eq!(env_file(wrong, &BTreeMap::new()).map_err(|(place, _)| place), Err(place), "{wrong}");
        }
        for wrong in ["${A", "$", "$1", "${A:?}x", "${N:?why}", "${}", "${A!}"] {
            let failed = line(wrong, &BTreeMap::new());
            assert!(failed.is_err(), "{wrong}: {failed:?}");
        }
    }
}
