//! Fills a tree with data.

use std::rc::Rc;

use super::error::Fault;
use super::functions;
use super::go_names;
use super::go_text;
use super::go_time;
use super::tree::{Branch, Command, Node, Operand, Pipeline, Root};
use super::value::Value;

/// Fills the template.
pub(super) fn run(nodes: &[Node], data: &Value) -> Result<String, Fault> {
    let mut state = State { text: String::new(), variables: vec![(String::new(), data.clone())] };
    state.walk(nodes, data)?;
    Ok(state.text)
}

/// How a list of nodes was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct State {
    text: String,
    /// Name and value of the variables in sight, innermost last; `$` is the first, with an empty name.
    variables: Vec<(String, Value)>,
}

impl State {
    fn walk(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Fault> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    self.text.push_str(text);
                    Flow::On
                }
                Node::Action(pipeline) => self.action(pipeline, dot)?,
                Node::If(branch) => self.branch(branch, dot, false)?,
                Node::With(branch) => self.branch(branch, dot, true)?,
                Node::Range(branch) => self.range(branch, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn action(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Flow, Fault> {
        let value = self.pipeline(pipeline, dot)?;
        if let [name] = pipeline.variables.as_slice() {
            self.set(name, value, pipeline.declares);
            return Ok(Flow::On);
        }
        match value {
            Value::Nil => self.text.push_str("<no value>"),
            value => go_text::write(&mut self.text, &value),
        }
        Ok(Flow::On)
    }

    fn branch(&mut self, branch: &Branch, dot: &Value, changes_dot: bool) -> Result<Flow, Fault> {
        let outside = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        if let [name] = branch.pipeline.variables.as_slice() {
            self.set(name, value.clone(), branch.pipeline.declares);
        }
        let flow = match value.truth() {
            true if changes_dot => self.walk(&branch.then, &value)?,
            true => self.walk(&branch.then, dot)?,
            false => self.walk(&branch.otherwise, dot)?,
        };
        self.variables.truncate(outside);
        Ok(flow)
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        let outside = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        let items: Vec<(Value, Value)> = match value.bare() {
            Value::Nil | Value::Absent => Vec::new(),
            Value::List(items) => {
                items.iter().enumerate().map(|(index, item)| (int(index), item.clone())).collect()
            }
            Value::Map(entries) => {
                entries.iter().map(|(key, value)| (Value::text(key.as_str()), value.clone())).collect()
            }
            other => {
                return Err(Fault::new(
                    branch.pipeline.at,
                    format!("`range` cannot go through {}", other.kind()),
                ));
            }
        };
        if items.is_empty() {
            return self.walk(&branch.otherwise, dot);
        }
        for (key, item) in items {
            match branch.pipeline.variables.as_slice() {
                [only] => self.set(only, item.clone(), branch.pipeline.declares),
                [first, second] => {
                    self.set(first, key, branch.pipeline.declares);
                    self.set(second, item.clone(), branch.pipeline.declares);
                }
                _ => {}
            }
            let flow = self.walk(&branch.then, &item)?;
            self.variables.truncate(outside);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, name: &str, value: Value, declares: bool) {
        let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        match known {
            Some((_, place)) if !declares => *place = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Fault> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, value, dot)?);
        }
        Ok(value.unwrap_or(Value::Nil))
    }

    fn command(&mut self, command: &Command, piped: Option<Value>, dot: &Value) -> Result<Value, Fault> {
        let Some((first, rest)) = command.operands.split_first() else { return Ok(Value::Nil) };
        if let [key] = rest
            && let Some(((_, at), fields)) = first.fields.split_last()
        {
            return self.method(first, fields, *at, key, dot);
        }
        let Root::Function(name) = &first.root else { return self.operand(first, dot) };
        self.call(name, first.at, rest, piped, dot)
    }

    /// `.Label "key"`: the label's value, nothing where there is none; of a time, `.Format "layout"`.
    fn method(
        &mut self,
        receiver: &Operand,
        fields: &[(String, usize)],
        at: usize,
        key: &Operand,
        dot: &Value,
    ) -> Result<Value, Fault> {
        let receiver = Operand { fields: fields.to_vec(), ..receiver.clone() };
        let value = self.operand(&receiver, dot)?;
        if let Value::Time(stamp) = &value {
            return match self.operand(key, dot)? {
                Value::Text(layout) => {
                    Ok(Value::text(go_time::format(stamp, &layout).unwrap_or_else(|| stamp.to_string())))
                }
                other => Err(Fault::new(key.at, format!("a layout is text, not {}", other.kind()))),
            };
        }
        let Some(labels) = value.entry("Labels") else {
            return Err(Fault::new(at, "there are no labels here"));
        };
        match self.operand(key, dot)? {
            Value::Text(key) => Ok(labels.entry(&key).cloned().unwrap_or_else(|| Value::text(""))),
            other => Err(Fault::new(key.at, format!("a label's name is text, not {}", other.kind()))),
        }
    }

    fn call(
        &mut self,
        name: &str,
        at: usize,
        operands: &[Operand],
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, Fault> {
        if let "and" | "or" = name {
            // These two stop at the first value that decides.
            let mut last = None;
            for operand in operands {
                let value = self.operand(operand, dot)?;
                if value.truth() != (name == "and") {
                    return Ok(value);
                }
                last = Some(value);
            }
            return piped.or(last).ok_or_else(|| Fault::new(at, format!("`{name}` needs a value")));
        }
        let mut values = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            values.push(self.operand(operand, dot)?);
        }
        values.extend(piped);
        functions::call(name, &values).map_err(|why| Fault::new(at, why))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        let mut value = match &operand.root {
            Root::Dot => dot.clone(),
            Root::Variable(name) => self
                .variables
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map_or(Value::Nil, |(_, value)| value.clone()),
            Root::Constant(value) => value.clone(),
            Root::Function(name) => self.call(name, operand.at, &[], None, dot)?,
            Root::Group(pipeline) => self.pipeline(pipeline, dot)?,
        };
        for (name, at) in &operand.fields {
            value = field(&value, name, *at)?;
        }
        Ok(value)
    }
}

fn int(index: usize) -> Value {
    Value::Int(i128::try_from(index).unwrap_or(i128::MAX))
}

/// Looks a field up: a struct must have it, a map need not.
fn field(value: &Value, name: &str, at: usize) -> Result<Value, Fault> {
    if let Some(found) = value.entry(name) {
        return Ok(found.clone());
    }
    match value.bare() {
        Value::Map(_) => Ok(Value::Nil),
        Value::Struct(fields) => {
            // Go's name and JSON's name of the same field differ here, and both are in use.
            let other = match name {
                "Id" => "ID",
                "ID" => "Id",
                other => other,
            };
            if let Some(found) = value.entry(other) {
                return Ok(found.clone());
            }
            let hint = hint_for(fields, name);
            Err(Fault::new(at, format!("there is no field `{name}` here")).with_hint(Some(hint)))
        }
        Value::Time(stamp) => go_time::ask(stamp, name).ok_or_else(|| {
            let known = go_time::METHODS.join(", ");
            let hint = format!("a time has {known} and Format \"2006-01-02 15:04:05\"");
            Fault::new(at, format!("a time has no `{name}`")).with_hint(Some(hint))
        }),
        Value::Duration(nanos) => go_time::ask_duration(*nanos, name).ok_or_else(|| {
            let hint = format!("a duration has {}", go_time::DURATION_METHODS.join(", "));
            Fault::new(at, format!("a duration has no `{name}`")).with_hint(Some(hint))
        }),
        other => Err(Fault::new(at, format!("there is no field `{name}`: {} has no fields", other.kind()))),
    }
}

fn hint_for(fields: &Rc<[(String, Value)]>, name: &str) -> String {
    let names: Vec<String> = fields.iter().map(|(name, _)| go_names::shown(name)).collect();
    let known = || names.iter().map(String::as_str);
    let same = known().find(|known| known.eq_ignore_ascii_case(name));
    match same.or_else(|| crate::args::similar(name, known())) {
        Some(similar) => format!("did you mean `.{similar}`?"),
        None => format!("the fields are {}", names.join(", ")),
    }
}
