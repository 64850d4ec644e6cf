//! A template's text, in tokens.

use super::error::Fault;

/// A piece of a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it begins.
    pub(super) at: usize,
    /// Whether white space stands before it.
    pub(super) spaced: bool,
}

/// Kinds of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text between actions.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.Name`
    Field(String),
    /// `.`
    Dot,
    /// `$name`, without the dollar.
    Variable(String),
    /// A word.
    Word(String),
    /// A number, as it was written.
    Number(String),
    /// A letter in single quotes.
    Letter(char),
    /// Text in quotes.
    Quoted(String),
    /// `|`
    Pipe,
    /// `(`
    Left,
    /// `)`
    Right,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// `,`
    Comma,
}

/// Splits a template.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    let mut trim_next = false;
    loop {
        let rest = lexer.rest();
        let Some(open) = rest.find("{{") else {
            lexer.push_text(rest, trim_next, false);
            return Ok(lexer.tokens);
        };
        let (before, action) = rest.split_at(open);
        // `{{- ` with white space after the dash takes away the white space before it.
        let trims = action.strip_prefix("{{-").is_some_and(|after| after.starts_with(is_space));
        lexer.push_text(before, trim_next, trims);
        lexer.at += open;
        trim_next = lexer.action(if trims { 3 } else { 2 })?;
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, length: usize, spaced: bool) {
        self.tokens.push(Token { kind, at: self.at, spaced });
        self.at += length;
    }

    fn push_text(&mut self, text: &str, trim_start: bool, trim_end: bool) {
        let text = if trim_start { text.trim_start_matches(is_space) } else { text };
        let text = if trim_end { text.trim_end_matches(is_space) } else { text };
        if !text.is_empty() {
            self.tokens.push(Token { kind: Kind::Text(text.to_owned()), at: self.at, spaced: false });
        }
    }

    /// Reads one action from its `{{`; tells whether the white space after it goes.
    fn action(&mut self, marker: usize) -> Result<bool, Fault> {
        let start = self.at;
        let body = self.text.get(start + marker..).unwrap_or_default();
        if body.trim_start_matches(is_space).starts_with("/*") {
            return self.comment(start, marker, body);
        }
        self.push(Kind::Open, marker, false);
        loop {
            let rest = self.rest();
            let after_space = rest.trim_start_matches(is_space);
            let spaced = after_space.len() < rest.len();
            if spaced && after_space.starts_with("-}}") {
                self.at += rest.len() - after_space.len();
                self.push(Kind::Close, 3, true);
                return Ok(true);
            }
            self.at += rest.len() - after_space.len();
            if after_space.starts_with("}}") {
                self.push(Kind::Close, 2, spaced);
                return Ok(false);
            }
            let Some(letter) = after_space.chars().next() else {
                return Err(Fault::new(start, "`{{` without `}}`"));
            };
            self.token(letter, after_space, spaced)?;
        }
    }

    fn comment(&mut self, start: usize, marker: usize, body: &str) -> Result<bool, Fault> {
        let open = Fault::new(start, "`{{/*` without `*/}}`");
        let Some(end) = body.find("*/") else { return Err(open) };
        let after = body.get(end + 2..).unwrap_or_default();
        let (trims, close) = match after.trim_start_matches(is_space) {
            rest if after.len() > rest.len() && rest.starts_with("-}}") => {
                (true, after.len() - rest.len() + 3)
            }
            _ if after.starts_with("}}") => (false, 2),
            _ => return Err(open),
        };
        self.at = start + marker + end + 2 + close;
        Ok(trims)
    }

    /// Reads one token inside an action.
    fn token(&mut self, letter: char, rest: &str, spaced: bool) -> Result<(), Fault> {
        match letter {
            '|' => self.push(Kind::Pipe, 1, spaced),
            '(' => self.push(Kind::Left, 1, spaced),
            ')' => self.push(Kind::Right, 1, spaced),
            ',' => self.push(Kind::Comma, 1, spaced),
            '=' => self.push(Kind::Assign, 1, spaced),
            ':' if rest.starts_with(":=") => self.push(Kind::Declare, 2, spaced),
            '"' => return self.quoted(rest, spaced),
            '`' => {
                let inner = rest.get(1..).unwrap_or_default();
                let end =
                    inner.find('`').ok_or_else(|| Fault::new(self.at, "a quotation mark is missing"))?;
                self.push(Kind::Quoted(inner.get(..end).unwrap_or_default().to_owned()), end + 2, spaced);
            }
            '\'' => return self.letter(rest, spaced),
            '$' => {
                let name = word_at(rest.get(1..).unwrap_or_default());
                self.push(Kind::Variable(name.to_owned()), 1 + name.len(), spaced);
            }
            '.' => {
                let after = rest.get(1..).unwrap_or_default();
                let name = word_at(after);
                if name.is_empty() && after.starts_with(|letter: char| letter.is_ascii_digit()) {
                    let number = number_at(rest);
                    self.push(Kind::Number(number.to_owned()), number.len(), spaced);
                } else if name.is_empty() {
                    self.push(Kind::Dot, 1, spaced);
                } else {
                    self.push(Kind::Field(name.to_owned()), 1 + name.len(), spaced);
                }
            }
            digit if digit.is_ascii_digit() || digit == '-' || digit == '+' => {
                let number = number_at(rest);
                self.push(Kind::Number(number.to_owned()), number.len(), spaced);
            }
            other => {
                let word = word_at(rest);
                if word.is_empty() {
                    return Err(Fault::new(self.at, format!("unexpected `{}`", other.escape_debug())));
                }
                self.push(Kind::Word(word.to_owned()), word.len(), spaced);
            }
        }
        Ok(())
    }

    fn quoted(&mut self, rest: &str, spaced: bool) -> Result<(), Fault> {
        let mut text = String::new();
        let mut letters = rest.char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.push(Kind::Quoted(text), index + 1, spaced);
                    return Ok(());
                }
                '\n' => break,
                '\\' => text.push(self.escape(&mut letters, index)?),
                other => text.push(other),
            }
        }
        Err(Fault::new(self.at, "a quotation mark is missing"))
    }

    fn letter(&mut self, rest: &str, spaced: bool) -> Result<(), Fault> {
        let broken = Fault::new(self.at, "one letter and a quotation mark must follow `'`");
        let mut letters = rest.char_indices().skip(1);
        let letter = match letters.next() {
            Some((index, '\\')) => self.escape(&mut letters, index)?,
            Some((_, letter)) if letter != '\'' => letter,
            _ => return Err(broken),
        };
        match letters.next() {
            Some((index, '\'')) => {
                self.push(Kind::Letter(letter), index + 1, spaced);
                Ok(())
            }
            _ => Err(broken),
        }
    }

    /// Reads what follows a backslash.
    fn escape(&self, letters: &mut impl Iterator<Item = (usize, char)>, index: usize) -> Result<char, Fault> {
        let unknown = || Fault::new(self.at + index, "unknown escape after `\\`");
        let digits = match letters.next().map(|(_, letter)| letter) {
            Some('a') => return Ok('\u{7}'),
            Some('b') => return Ok('\u{8}'),
            Some('f') => return Ok('\u{c}'),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('v') => return Ok('\u{b}'),
            Some(letter @ ('\\' | '\'' | '"')) => return Ok(letter),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return Err(unknown()),
        };
        let code: String = letters.take(digits).map(|(_, letter)| letter).collect();
        if code.len() != digits || !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).ok_or_else(unknown)
    }
}

/// The word that the text begins with; empty if it begins with none.
fn word_at(text: &str) -> &str {
    if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        return "";
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The number that the text begins with, with its sign; whether it is one is seen later.
fn number_at(text: &str) -> &str {
    let mut last = ' ';
    let end = text
        .char_indices()
        .find(|(index, letter)| {
            let sign = matches!(letter, '+' | '-') && (*index == 0 || matches!(last, 'e' | 'E'));
            last = *letter;
            !(sign || letter.is_alphanumeric() || *letter == '_' || *letter == '.')
        })
        .map_or(text.len(), |(index, _)| index);
    text.get(..end).unwrap_or_default()
}
