//! Tokens into a tree.

use super::error::{Fault, TemplateError};
use super::functions;
use super::lex::{Kind, Token, lex};
use super::tree::{Branch, Command, Node, Operand, Pipeline, Root};
use super::value::Value;

/// How deep blocks and parentheses may be nested: far more than anybody writes, far less than the stack holds.
const MAX_DEPTH: usize = 60;

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    parse_tokens(text).map_err(|fault| fault.within(text))
}

fn parse_tokens(text: &str) -> Result<Vec<Node>, Fault> {
    let tokens = lex(text)?;
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        end: text.len(),
        depth: 0,
        loops: 0,
        variables: Vec::new(),
    };
    let (nodes, stop) = parser.nodes()?;
    match stop {
        Stop::End => Ok(nodes),
        Stop::Word(word, at) => Err(Fault::new(at, format!("`{{{{{word}}}}}` without a beginning"))),
    }
}

/// Where a list of nodes ends.
enum Stop {
    /// At the end of the text.
    End,
    /// At `{{end}}` or `{{else`; what follows the word has not been read yet.
    Word(&'static str, usize),
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    end: usize,
    depth: usize,
    loops: usize,
    /// Variables that can be seen; a name that was never set is a fault before anything is printed.
    variables: Vec<String>,
}

impl Parser {
    fn here(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |token| token.at)
    }

    fn next_is(&mut self, kind: &Kind) -> bool {
        self.tokens.peek().is_some_and(|token| token.kind == *kind)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        self.tokens.next_if(|token| token.kind == *kind).is_some()
    }

    fn word(&mut self) -> Option<&str> {
        match self.tokens.peek() {
            Some(Token { kind: Kind::Word(word), .. }) => Some(word),
            _ => None,
        }
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(self.here(), "too deeply nested"));
        }
        Ok(())
    }

    /// Reads up to `{{end}}`, `{{else` or the end of the text.
    fn nodes(&mut self) -> Result<(Vec<Node>, Stop), Fault> {
        let mut nodes = Vec::new();
        while let Some(token) = self.tokens.next() {
            if let Kind::Text(text) = token.kind {
                nodes.push(Node::Text(text));
                continue;
            }
            let at = token.at;
            let keyword = match self.word() {
                Some("if") => "if",
                Some("range") => "range",
                Some("with") => "with",
                Some("break") => "break",
                Some("continue") => "continue",
                Some("end") => "end",
                Some("else") => "else",
                Some(word @ ("define" | "template" | "block")) => {
                    return Err(Fault::new(at, format!("`{{{{{word}}}}}` is not supported")));
                }
                _ => "",
            };
            if !keyword.is_empty() {
                self.tokens.next();
            }
            match keyword {
                "if" => nodes.push(Node::If(self.branch("if", at)?)),
                "range" => nodes.push(Node::Range(self.branch("range", at)?)),
                "with" => nodes.push(Node::With(self.branch("with", at)?)),
                "break" | "continue" if self.loops == 0 => {
                    return Err(Fault::new(at, format!("`{{{{{keyword}}}}}` outside of `{{{{range}}}}`")));
                }
                "break" => nodes.push(self.closed(Node::Break)?),
                "continue" => nodes.push(self.closed(Node::Continue)?),
                "end" => {
                    self.close()?;
                    return Ok((nodes, Stop::Word("end", at)));
                }
                "else" => return Ok((nodes, Stop::Word("else", at))),
                _ => {
                    let pipeline = self.pipeline(false)?;
                    self.close()?;
                    nodes.push(Node::Action(pipeline));
                }
            }
        }
        Ok((nodes, Stop::End))
    }

    fn close(&mut self) -> Result<(), Fault> {
        let at = self.here();
        if self.take(&Kind::Close) { Ok(()) } else { Err(Fault::new(at, "`}}` is missing here")) }
    }

    fn closed(&mut self, node: Node) -> Result<Node, Fault> {
        self.close()?;
        Ok(node)
    }

    /// Reads what follows `if`, `range` or `with`, up to its `{{end}}`.
    fn branch(&mut self, keyword: &'static str, at: usize) -> Result<Branch, Fault> {
        self.deeper()?;
        let seen = self.variables.len();
        let is_loop = keyword == "range";
        let pipeline = self.pipeline(is_loop)?;
        self.close()?;
        let seen_by_both = self.variables.len();
        self.loops += usize::from(is_loop);
        let (then, stop) = self.nodes()?;
        self.loops -= usize::from(is_loop);
        self.variables.truncate(seen_by_both);
        let missing = || Fault::new(at, format!("`{{{{{keyword}}}}}` without `{{{{end}}}}`"));
        let otherwise = match stop {
            Stop::End => return Err(missing()),
            Stop::Word("end", _) => Vec::new(),
            Stop::Word(_, else_at) => match self.word() {
                // `{{else if}}` and `{{else with}}` share the `{{end}}`.
                Some("if") if keyword == "if" => {
                    self.tokens.next();
                    vec![Node::If(self.branch("if", else_at)?)]
                }
                Some("with") if keyword == "with" => {
                    self.tokens.next();
                    vec![Node::With(self.branch("with", else_at)?)]
                }
                _ => {
                    self.close()?;
                    match self.nodes()? {
                        (nodes, Stop::Word("end", _)) => nodes,
                        (_, Stop::Word(_, again)) => return Err(Fault::new(again, "a second `{{else}}`")),
                        (_, Stop::End) => return Err(missing()),
                    }
                }
            },
        };
        self.variables.truncate(seen);
        self.depth -= 1;
        Ok(Branch { pipeline, then, otherwise })
    }

    fn pipeline(&mut self, in_range: bool) -> Result<Pipeline, Fault> {
        let at = self.here();
        let (variables, declares) = self.assignment(in_range)?;
        let mut commands = vec![self.command()?];
        while self.take(&Kind::Pipe) {
            commands.push(self.command()?);
        }
        for later in commands.iter().skip(1) {
            // A value cannot take what is piped to it.
            if !matches!(later.operands.first().map(|operand| &operand.root), Some(Root::Function(_))) {
                return Err(Fault::new(later.at, "only a function can stand after `|`"));
            }
        }
        if declares {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipeline { variables, declares, commands, at })
    }

    /// Reads `$x :=`, `$x =` and, after `range`, `$i, $x :=`; reads nothing if there is none of them.
    fn assignment(&mut self, in_range: bool) -> Result<(Vec<String>, bool), Fault> {
        let mut ahead = self.tokens.clone();
        let Some(Token { kind: Kind::Variable(first), .. }) = ahead.next() else {
            return Ok((Vec::new(), false));
        };
        let mut names = vec![first];
        let mut sign = ahead.next();
        if in_range && sign.as_ref().is_some_and(|token| token.kind == Kind::Comma) {
            let Some(Token { kind: Kind::Variable(second), .. }) = ahead.next() else {
                return Err(Fault::new(self.here(), "a variable must follow the comma"));
            };
            names.push(second);
            sign = ahead.next();
        }
        let declares = match sign.map(|token| token.kind) {
            Some(Kind::Declare) => true,
            Some(Kind::Assign) => false,
            _ if names.len() > 1 => return Err(Fault::new(self.here(), "`:=` must follow the variables")),
            _ => return Ok((Vec::new(), false)),
        };
        if names.iter().any(String::is_empty) {
            return Err(Fault::new(self.here(), "`$` cannot be set"));
        }
        if let Some(name) = names.iter().find(|name| !declares && !self.variables.contains(name)) {
            return Err(Fault::new(self.here(), format!("the variable `${name}` was never set")));
        }
        self.tokens = ahead;
        Ok((names, declares))
    }

    fn command(&mut self) -> Result<Command, Fault> {
        let at = self.here();
        let mut operands: Vec<Operand> = Vec::new();
        while let Some(token) = self.tokens.peek() {
            if matches!(token.kind, Kind::Close | Kind::Pipe | Kind::Right) {
                break;
            }
            if !operands.is_empty() && !token.spaced {
                return Err(Fault::new(token.at, "a blank must stand here"));
            }
            operands.push(self.operand()?);
        }
        let callable =
            |operand: &Operand| matches!(operand.root, Root::Function(_)) && operand.fields.is_empty();
        // The methods that take a value: `.Label "key"` of the original's rows, `.Format "layout"` of times.
        let asks = |operand: &Operand| {
            operand.fields.last().is_some_and(|(name, _)| matches!(name.as_str(), "Label" | "Format"))
        };
        match operands.as_slice() {
            [] => Err(Fault::new(at, "a value is missing here")),
            [first, _] if asks(first) => Ok(Command { operands, at }),
            [first, second, ..] if !callable(first) => {
                Err(Fault::new(second.at, "only a function can be followed by values"))
            }
            _ => Ok(Command { operands, at }),
        }
    }

    fn operand(&mut self) -> Result<Operand, Fault> {
        let at = self.here();
        let Some(token) = self.tokens.next() else { return Err(Fault::new(at, "a value is missing here")) };
        let mut fields = Vec::new();
        let root = match token.kind {
            Kind::Dot => Root::Dot,
            Kind::Field(name) => {
                fields.push((name, at + 1));
                Root::Dot
            }
            Kind::Variable(name) => {
                if !name.is_empty() && !self.variables.contains(&name) {
                    return Err(Fault::new(at, format!("the variable `${name}` was never set")));
                }
                Root::Variable(name)
            }
            Kind::Word(word) => match word.as_str() {
                "true" => Root::Constant(Value::Bool(true)),
                "false" => Root::Constant(Value::Bool(false)),
                "nil" => Root::Constant(Value::Nil),
                _ if functions::exists(&word) => Root::Function(word),
                _ => {
                    let hint = crate::args::similar(&word, functions::names())
                        .map(|name| format!("did you mean `{name}`?"))
                        .or_else(|| Some(format!("did you mean `.{word}`?")));
                    return Err(Fault::new(at, format!("there is no function `{word}`")).with_hint(hint));
                }
            },
            Kind::Number(number) => Root::Constant(number_value(&number, at)?),
            Kind::Letter(letter) => Root::Constant(Value::Int(i128::from(u32::from(letter)))),
            Kind::Quoted(text) => Root::Constant(Value::text(text)),
            Kind::Left => {
                self.deeper()?;
                let pipeline = self.pipeline(false)?;
                if !pipeline.variables.is_empty() {
                    return Err(Fault::new(pipeline.at, "a variable cannot be set in parentheses"));
                }
                let close = self.here();
                if !self.take(&Kind::Right) {
                    return Err(Fault::new(close, "`)` is missing here"));
                }
                self.depth -= 1;
                Root::Group(Box::new(pipeline))
            }
            _ => return Err(Fault::new(at, "a value is missing here")),
        };
        while let Some(Token { kind: Kind::Field(name), at, .. }) =
            self.tokens.next_if(|token| matches!(token.kind, Kind::Field(_)) && !token.spaced)
        {
            if matches!(root, Root::Constant(_) | Root::Function(_)) {
                return Err(Fault::new(at, "only data has fields"));
            }
            fields.push((name, at + 1));
        }
        if self.next_is(&Kind::Dot) && self.tokens.peek().is_some_and(|token| !token.spaced) {
            return Err(Fault::new(self.here(), "a field's name must follow `.`"));
        }
        Ok(Operand { root, fields, at })
    }
}

fn number_value(text: &str, at: usize) -> Result<Value, Fault> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let lower = digits.to_ascii_lowercase();
    let whole = match lower.get(..2) {
        Some("0x") => i128::from_str_radix(lower.get(2..).unwrap_or_default(), 16).ok(),
        Some("0o") => i128::from_str_radix(lower.get(2..).unwrap_or_default(), 8).ok(),
        Some("0b") => i128::from_str_radix(lower.get(2..).unwrap_or_default(), 2).ok(),
        _ if lower.bytes().all(|byte| byte.is_ascii_digit()) => lower.parse().ok(),
        _ => None,
    };
    if let Some(whole) = whole.filter(|whole| *whole >= 0) {
        return Ok(Value::Int(sign * whole));
    }
    let is_float =
        lower.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'));
    match plain.parse::<f64>() {
        Ok(number) if is_float => Ok(Value::Float(number)),
        _ => Err(Fault::new(at, format!("`{text}` is no number"))),
    }
}
