//! Formats: Go templates, tables and JSON, as the users of `--format` know them.
//!
//! A template sees a [`Value`], made from any `Serialize` type by [`to_value`], which remembers what was a struct
//! and what a map: a field that a struct does not have is an error, a key that a map does not have is nothing.
//! The engine is a subset of Go's `text/template` with the functions that Podman adds. It knows no container.

mod convert;
mod error;
mod exec;
mod functions;
mod go_names;
mod go_text;
mod go_time;
pub mod json;
mod lex;
mod list;
mod parse;
mod printf;
mod table;
mod tree;
mod value;

pub use convert::to_value;
pub use error::TemplateError;
pub use list::{Headings, render_each, render_list, render_values};
pub use table::align;
pub use value::{Hidden, NullIfEmpty, OmitEmpty, Value, WireDuration, WireTime};

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    nodes: Vec<tree::Node>,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let nodes = parse::parse(text)?;
        Ok(Self { text: text.to_owned(), nodes })
    }

    /// Fills the template with data.
    pub fn render(&self, data: &Value) -> Result<String, TemplateError> {
        exec::run(&self.nodes, data).map_err(|fault| fault.within(&self.text))
    }
}

#[cfg(test)]
mod tests;
