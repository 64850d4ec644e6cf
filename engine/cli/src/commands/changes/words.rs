//! Words of a Containerfile's instruction: quotes, and the backslash before a letter that is meant as itself.

use std::iter::Peekable;
use std::str::Chars;

/// Says why there are no words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote has no end.
    Unclosed(char),
    /// A word has no `=`, where others have.
    NoValue(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unclosed(quote) => write!(formatter, "the quote {quote} is not closed"),
            Self::NoValue(word) => write!(formatter, "`{word}` is no NAME=VALUE"),
        }
    }
}

/// The text without its quotes, blanks and all.
pub(super) fn unquoted(text: &str) -> Result<String, Fault> {
    let mut letters = text.trim().chars().peekable();
    read(&mut letters, |_| false)
}

/// The words of a text, without their quotes.
pub(super) fn split(text: &str) -> Result<Vec<String>, Fault> {
    let mut letters = text.trim().chars().peekable();
    let mut words = Vec::new();
    while letters.peek().is_some() {
        words.push(read(&mut letters, char::is_whitespace)?);
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    Ok(words)
}

/// `NAME=VALUE NAME=VALUE`, or one `NAME VALUE` of the old form, whose value is all the rest. A name alone has no value.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let text = text.trim();
    let mut letters = text.chars().peekable();
    let mut pairs = Vec::new();
    while letters.peek().is_some() {
        let name = read(&mut letters, |letter| letter == '=' || letter.is_whitespace())?;
        if letters.next_if_eq(&'=').is_some() {
            pairs.push((name, read(&mut letters, char::is_whitespace)?));
        } else if pairs.is_empty() {
            let rest: String = letters.collect();
            return if rest.is_empty() {
                Err(Fault::NoValue(name))
            } else {
                Ok(vec![(name, unquoted(&rest)?)])
            };
        } else {
            return Err(Fault::NoValue(name));
        }
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    Ok(pairs)
}

/// Reads up to a letter outside of quotes that ends it, which is left.
fn read(letters: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> Result<String, Fault> {
    let mut word = String::new();
    while let Some(letter) = letters.next_if(|letter| !ends(*letter)) {
        match letter {
            '\'' => loop {
                match letters.next().ok_or(Fault::Unclosed(letter))? {
                    '\'' => break,
                    other => word.push(other),
                }
            },
            '"' => loop {
                match letters.next().ok_or(Fault::Unclosed(letter))? {
                    '"' => break,
                    '\\' => {
                        let meant = letters.next_if(|next| matches!(next, '"' | '$' | '\\'));
                        word.push(meant.unwrap_or('\\'));
                    }
                    other => word.push(other),
                }
            },
            '\\' => word.push(letters.next().unwrap_or('\\')),
            other => word.push(other),
        }
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let read = pairs(text).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn pairs_are_read_as_in_a_containerfile() {
        check(r#"A=1 B="x y""#, &[("A", "1"), ("B", "x y")]);
        check(r"Q=a\ b", &[("Q", "a b")]);
        check(
            r#"S='a b'  D="a'b" X='a"b' E="a\"b" N=a\\b"#,
            &[("S", "a b"), ("D", "a'b"), ("X", "a\"b"), ("E", "a\"b"), ("N", "a\\b")],
        );
        check(r#""a b"="c d""#, &[("a b", "c d")]);
        check("A=", &[("A", "")]);
        check(r#"K rest of "it" all"#, &[("K", "rest of it all")]);
        assert_eq!(pairs("K"), Err(Fault::NoValue("K".into())));
        assert_eq!(pairs("A=1 B"), Err(Fault::NoValue("B".into())));
        assert_eq!(pairs("A=\"x"), Err(Fault::Unclosed('"')));
    }

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(split("/a  \"/b c\" d\\n").unwrap(), ["/a", "/b c", "dn"]);
        assert_eq!(unquoted(" \"/a b\" c ").unwrap(), "/a b c");
    }
}
