//! A text as the value of a key, so that reading gives back the very text.

use pontoon_units::Form;
use pontoon_units::quote;

/// The value, or `None` if a key of this form cannot say it. systemd expands nothing in it.
pub(super) fn of(form: Form, text: &str) -> Option<String> {
    let literal = quote::literal(text);
    let written = match form {
        Form::Scalar | Form::Number if text.is_empty() => return None,
        Form::Scalar | Form::ScalarOrEmpty | Form::Number => scalar(&literal),
        Form::List => whole_line(&literal)?,
        Form::Words => plain_word(&literal)?,
        Form::Command | Form::LastCommand | Form::Pairs => return Some(word(text)),
        Form::Boolean => return None,
    };
    // These have no escapes.
    let fits = !written.chars().any(char::is_control) && !written.ends_with('\\');
    fits.then_some(written)
}

/// A word of a command line.
pub(super) fn word(text: &str) -> String {
    let mut word = String::new();
    quote::push_readable(&mut word, &quote::literal(text));
    word
}

/// One pair of double quotes around all of it is taken away.
fn scalar(text: &str) -> String {
    let is_trimmed = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    let is_quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    match is_trimmed || is_quoted || text.ends_with('\\') {
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}

/// Blanks around it are lost, and so are quotes.
fn whole_line(text: &str) -> Option<String> {
    let is_trimmed = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    let is_quoted =
        text.len() > 1 && ['"', '\''].iter().any(|it| text.starts_with(*it) && text.ends_with(*it));
    (!text.is_empty() && !is_trimmed && !is_quoted).then(|| text.to_owned())
}

/// Quotes are taken away, and backslashes are themselves.
fn plain_word(text: &str) -> Option<String> {
    let is_bare = !text.is_empty() && !text.contains(['"', '\'']) && !text.contains(char::is_whitespace);
    if is_bare && !text.ends_with('\\') {
        return Some(text.to_owned());
    }
    let quote = ['"', '\''].into_iter().find(|it| !text.contains(*it))?;
    Some(format!("{quote}{text}{quote}"))
}
