//! Words written so that systemd reads back the very same words.
//!
//! Knows only systemd's quoting, not what the words mean: `%h` and `$VAR` are left for systemd to expand,
//! since they are what the author of a file meant. [`literal`] is for text that nobody may expand.

use std::borrow::Cow;

/// Appends one word to a command line, after a space if the line is not empty.
pub fn push_word(line: &mut String, word: &str) {
    push(line, word, "\\x20");
}

/// Appends one word as [`push_word`] does, but with its blanks as they are, for people to read.
///
/// systemd reads both alike; the original writes the other.
pub fn push_readable(line: &mut String, word: &str) {
    push(line, word, " ");
}

fn push(line: &mut String, word: &str, blank: &str) {
    if !line.is_empty() {
        line.push(' ');
    }
    if !needs_quotes(word) {
        line.push_str(word);
        return;
    }
    line.push('"');
    for part in word.chars() {
        match part {
            '\u{07}' => line.push_str("\\a"),
            '\u{08}' => line.push_str("\\b"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\u{0b}' => line.push_str("\\v"),
            '\u{0c}' => line.push_str("\\f"),
            '\\' => line.push_str("\\\\"),
            '"' => line.push_str("\\\""),
            ' ' => line.push_str(blank),
            _ if part.is_ascii_control() => {
                let code = u32::from(part);
                line.push_str("\\x");
                line.extend(
                    [code >> 4, code & 0xf].into_iter().filter_map(|digit| char::from_digit(digit, 16)),
                );
            }
            _ => line.push(part),
        }
    }
    line.push('"');
}

/// A command line out of words.
pub fn join<I>(words: I) -> String
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut line = String::with_capacity(256);
    for word in words {
        push_word(&mut line, word.as_ref());
    }
    line
}

/// Text that systemd must hand on unexpanded: `%` and `$` doubled.
pub fn literal(text: &str) -> Cow<'_, str> {
    match text.contains('$') {
        true => Cow::Owned(percent(text).replace('$', "$$")),
        false => percent(text),
    }
}

/// Text whose specifiers systemd must not expand: `%` doubled.
pub fn percent(text: &str) -> Cow<'_, str> {
    match text.contains('%') {
        true => Cow::Owned(text.replace('%', "%%")),
        false => Cow::Borrowed(text),
    }
}

/// Whether a word would be lost, cut or taken for something else if written bare.
///
/// An empty word vanishes, and a lone `;` ends the command (man systemd.service, Command lines).
fn needs_quotes(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if word.bytes().all(is_plain) {
        return matches!(word, "" | ";");
    }
    word.chars().any(|part| part.is_whitespace() || part.is_control() || matches!(part, '"' | '\'' | '\\'))
}
