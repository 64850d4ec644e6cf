//! Words of a Containerfile's instruction: quotes, the backslash before a letter that is meant as itself, and variables.

use std::iter::Peekable;
use std::str::Chars;

/// Says why there are no words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote has no end.
    Unclosed(char),
    /// A word has no `=`, where others have.
    NoValue(String),
    /// What begins with `${` is no variable.
    NoVariable,
}

/// What a variable is set to.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unclosed(quote) => write!(formatter, "the quote {quote} is not closed"),
            Self::NoValue(word) => write!(formatter, "`{word}` is no NAME=VALUE"),
            Self::NoVariable => formatter.write_str("`${` begins no ${NAME}, ${NAME:-WORD} or ${NAME:+WORD}"),
        }
    }
}

/// The text without its quotes, blanks and all.
pub(super) fn unquoted(text: &str, variables: Variables<'_>) -> Result<String, Fault> {
    let mut letters = text.trim().chars().peekable();
    read(&mut letters, |_| false, variables)
}

/// The words of a text, without their quotes.
pub(super) fn split(text: &str, variables: Variables<'_>) -> Result<Vec<String>, Fault> {
    let mut letters = text.trim().chars().peekable();
    let mut words = Vec::new();
    while letters.peek().is_some() {
        words.push(read(&mut letters, char::is_whitespace, variables)?);
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    Ok(words)
}

/// `NAME=VALUE NAME=VALUE`, or one `NAME VALUE` of the old form, whose value is all the rest. A name alone has no value.
pub(super) fn pairs(text: &str, variables: Variables<'_>) -> Result<Vec<(String, String)>, Fault> {
    let text = text.trim();
    let mut letters = text.chars().peekable();
    let mut pairs = Vec::new();
    while letters.peek().is_some() {
        let name = read(&mut letters, |letter| letter == '=' || letter.is_whitespace(), variables)?;
        if letters.next_if_eq(&'=').is_some() {
            pairs.push((name, read(&mut letters, char::is_whitespace, variables)?));
        } else if pairs.is_empty() {
            let rest: String = letters.collect();
            return if rest.is_empty() {
                Err(Fault::NoValue(name))
            } else {
                Ok(vec![(name, unquoted(&rest, variables)?)])
            };
        } else {
            return Err(Fault::NoValue(name));
        }
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    Ok(pairs)
}

/// Reads up to a letter outside of quotes that ends it, which is left.
fn read(
    letters: &mut Peekable<Chars<'_>>,
    ends: impl Fn(char) -> bool,
    variables: Variables<'_>,
) -> Result<String, Fault> {
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
                    '$' => word.push_str(&variable(letters, variables)?),
                    other => word.push(other),
                }
            },
            '\\' => word.push(letters.next().unwrap_or('\\')),
            '$' => word.push_str(&variable(letters, variables)?),
            other => word.push(other),
        }
    }
    Ok(word)
}

/// What stands for `$NAME`, `${NAME}`, `${NAME:-WORD}` or `${NAME:+WORD}`, behind the dollar; one that is not set is empty. A
/// dollar before anything else is a dollar.
fn variable(letters: &mut Peekable<Chars<'_>>, variables: Variables<'_>) -> Result<String, Fault> {
    let is_braced = letters.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(letter) = letters.next_if(|it| it.is_ascii_alphanumeric() || *it == '_') {
        name.push(letter);
    }
    if !is_braced {
        return Ok(if name.is_empty() { "$".to_owned() } else { variables(&name).unwrap_or_default() });
    }
    if name.is_empty() {
        return Err(Fault::NoVariable);
    }
    let value = variables(&name).filter(|it| !it.is_empty());
    match letters.next() {
        Some('}') => Ok(value.unwrap_or_default()),
        Some(':') => {
            let way = letters.next();
            let word = read(letters, |letter| letter == '}', variables)?;
            match (way, letters.next()) {
                (Some('-'), Some('}')) => Ok(value.unwrap_or(word)),
                (Some('+'), Some('}')) => Ok(value.map(|_| word).unwrap_or_default()),
                _ => Err(Fault::NoVariable),
            }
        }
        _ => Err(Fault::NoVariable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str) -> Option<String> {
        match name {
            "PATH" => Some("/bin:/x y".to_owned()),
            "NONE" => Some(String::new()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let read = pairs(text, &set).unwrap();
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
        assert_eq!(pairs("K", &set), Err(Fault::NoValue("K".into())));
        assert_eq!(pairs("A=1 B", &set), Err(Fault::NoValue("B".into())));
        assert_eq!(pairs("A=\"x", &set), Err(Fault::Unclosed('"')));
    }

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(split("/a  \"/b c\" d\\n", &set).unwrap(), ["/a", "/b c", "dn"]);
        assert_eq!(unquoted(" \"/a b\" c ", &set).unwrap(), "/a b c");
    }

    #[test]
    fn variables_stand_for_their_values() {
        check("A=$PATH:/z B=${PATH}", &[("A", "/bin:/x y:/z"), ("B", "/bin:/x y")]);
        check(
            r#"A="$PATH" B='$PATH' C=\$PATH D="\$PATH""#,
            &[("A", "/bin:/x y"), ("B", "$PATH"), ("C", "$PATH"), ("D", "$PATH")],
        );
        check("A=$NO B=$NONE C=x$ D=$/", &[("A", ""), ("B", ""), ("C", "x$"), ("D", "$/")]);
        check(
            "A=${NO:-80} B=${NONE:-${PATH:+it}} C=${PATH:-x} D=${NO:+x}",
            &[("A", "80"), ("B", "it"), ("C", "/bin:/x y"), ("D", "")],
        );
        for wrong in ["A=${", "A=${}", "A=${PATH", "A=${PATH:", "A=${PATH:-x", "A=${PATH:?x}", "A=${PATH-x}"]
        {
            assert_eq!(pairs(wrong, &set), Err(Fault::NoVariable), "{wrong}");
        }
    }
}
