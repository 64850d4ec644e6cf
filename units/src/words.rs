//! A value split into words, each with its place in the value.
//!
//! Knows nothing of files. Two ways of splitting, as the keys have it: like a command line (quotes removed,
//! C escapes decoded) and plain (quotes removed, a backslash is a backslash). Empty words survive; an
//! unbalanced quote and an unknown escape are faults.

use std::borrow::Cow;

/// How a value is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splitting {
    /// Quotes removed, C escapes decoded.
    Command,
    /// Quotes removed, backslashes literal.
    Plain,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word without its quotes.
    pub text: String,
    /// Where it begins in the value, in bytes.
    pub offset: usize,
}

/// Why a value cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordFault {
    /// A quote that is never closed.
    #[error("the quote `{quote}` is never closed")]
    UnbalancedQuote {
        /// Where it opens, in bytes.
        offset: usize,
        /// Which quote.
        quote: char,
    },
    /// A backslash with something behind it that is no escape.
    #[error("`\\{escape}` is no escape sequence")]
    UnknownEscape {
        /// Where the backslash stands, in bytes.
        offset: usize,
        /// What follows it.
        escape: char,
    },
    /// A numeric escape that is too short, too large, or names no character.
    #[error("`\\{escape}` is not followed by the digits of a character")]
    BadNumber {
        /// Where the backslash stands, in bytes.
        offset: usize,
        /// `x`, `u`, `U` or a digit.
        escape: char,
    },
    /// A backslash at the very end.
    #[error("a backslash ends the value")]
    LoneBackslash {
        /// Where it stands, in bytes.
        offset: usize,
    },
}

impl WordFault {
    /// Where in the value the fault is, in bytes.
    pub fn offset(&self) -> usize {
        match *self {
            Self::UnbalancedQuote { offset, .. }
            | Self::UnknownEscape { offset, .. }
            | Self::BadNumber { offset, .. }
            | Self::LoneBackslash { offset } => offset,
        }
    }

    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnbalancedQuote { quote, .. } => {
                Some(format!("close it, or write `\\{quote}` for the character itself"))
            }
            Self::UnknownEscape { .. } | Self::LoneBackslash { .. } => {
                Some("write `\\\\` for the backslash itself".to_owned())
            }
            Self::BadNumber { .. } => {
                Some("write `\\xHH`, `\\OOO`, `\\uHHHH` or `\\UHHHHHHHH`, not zero".to_owned())
            }
        }
    }
}

/// What stands between words.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Gives away each word with its offset in bytes; those of a value without quotes and backslashes, which are most, as they
/// stand there.
pub(crate) fn for_each<'t>(
    value: &'t str,
    splitting: Splitting,
    mut take: impl FnMut(Cow<'t, str>, usize),
) -> Result<(), WordFault> {
    if value.contains(['"', '\'', '\\']) {
        split(value, splitting)?.into_iter().for_each(|word| take(Cow::Owned(word.text), word.offset));
        return Ok(());
    }
    let mut offset = 0;
    for word in value.split(BLANKS) {
        if !word.is_empty() {
            take(Cow::Borrowed(word), offset);
        }
        offset += word.len() + 1;
    }
    Ok(())
}

/// Splits a value into words.
pub fn split(value: &str, splitting: Splitting) -> Result<Vec<Word>, WordFault> {
    let mut words = Vec::new();
    let mut current: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut rest = value.char_indices();
    while let Some((offset, part)) = rest.next() {
        let blank = BLANKS.contains(&part);
        if blank && quote.is_none() {
            words.extend(current.take());
            continue;
        }
        let word = current.get_or_insert_with(|| Word { text: String::new(), offset });
        match (quote, part) {
            (_, '\\') if splitting == Splitting::Command => {
                let after = value.get(offset + 1..).unwrap_or("");
                let (decoded, length) = unescape(after, offset)?;
                word.text.push(decoded);
                for _ in 0..length {
                    rest.next();
                }
            }
            (Some((open, _)), _) if part == open => quote = None,
            (None, '"' | '\'') => quote = Some((part, offset)),
            _ => word.text.push(part),
        }
    }
    if let Some((quote, offset)) = quote {
        return Err(WordFault::UnbalancedQuote { offset, quote });
    }
    words.extend(current);
    Ok(words)
}

/// Decodes what follows a backslash; gives the character and how many characters it took.
fn unescape(after: &str, offset: usize) -> Result<(char, usize), WordFault> {
    let Some(escape) = after.chars().next() else { return Err(WordFault::LoneBackslash { offset }) };
    let simple = match escape {
        'a' => '\u{07}',
        'b' => '\u{08}',
        'f' => '\u{0c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{0b}',
        '\\' | '"' | '\'' => escape,
        's' => ' ',
        'x' => return number(after, 1, 2, 16, offset),
        'u' => return number(after, 1, 4, 16, offset),
        'U' => return number(after, 1, 8, 16, offset),
        '0'..='7' => return number(after, 0, 3, 8, offset),
        _ => return Err(WordFault::UnknownEscape { offset, escape }),
    };
    Ok((simple, 1))
}

/// Decodes the digits of a numeric escape; the number is a code point, as the original has it.
fn number(
    after: &str,
    skip: usize,
    digits: usize,
    radix: u32,
    offset: usize,
) -> Result<(char, usize), WordFault> {
    let escape = after.chars().next().unwrap_or('x');
    let fault = WordFault::BadNumber { offset, escape };
    let text = after.get(skip..skip + digits).ok_or(fault)?;
    // `from_str_radix` would take a sign.
    if !text.chars().all(|digit| digit.is_digit(radix)) {
        return Err(fault);
    }
    let code = u32::from_str_radix(text, radix).map_err(|_| fault)?;
    let octal_too_large = radix == 8 && code > 0o377;
    match char::from_u32(code) {
        Some(decoded) if code != 0 && !octal_too_large => Ok((decoded, skip + digits)),
        _ => Err(fault),
    }
}
