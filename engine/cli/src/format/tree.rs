//! A parsed template.

use super::value::Value;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Text, as it is.
    Text(String),
    /// `{{pipeline}}`
    Action(Pipeline),
    /// `{{if}}`
    If(Branch),
    /// `{{range}}`
    Range(Branch),
    /// `{{with}}`
    With(Branch),
    /// `{{break}}`
    Break,
    /// `{{continue}}`
    Continue,
}

/// A condition and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    /// What is asked.
    pub(super) pipeline: Pipeline,
    /// What is printed if it holds, or for each item.
    pub(super) then: Vec<Node>,
    /// What is printed if not.
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each fed with the result of the one before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipeline {
    /// Variables that are set: none, one, or two in a `range`.
    pub(super) variables: Vec<String>,
    /// `:=` rather than `=`.
    pub(super) declares: bool,
    /// The commands.
    pub(super) commands: Vec<Command>,
    /// Where it begins.
    pub(super) at: usize,
}

/// A function with its arguments, or a single operand.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    /// The operands; there is at least one.
    pub(super) operands: Vec<Operand>,
    /// Where it begins.
    pub(super) at: usize,
}

/// A value, and the fields that are asked of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    /// Where the value comes from.
    pub(super) root: Root,
    /// Field names, each with its place.
    pub(super) fields: Vec<(String, usize)>,
    /// Where it begins.
    pub(super) at: usize,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Root {
    /// `.`
    Dot,
    /// `$` and `$name`; the name is without the dollar.
    Variable(String),
    /// A function.
    Function(String),
    /// A constant.
    Constant(Value),
    /// `(pipeline)`
    Group(Box<Pipeline>),
}
