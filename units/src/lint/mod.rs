//! What converts, but likely does not do what its author wants.
//!
//! Each file here has one subject. Nothing is an error: whoever meant it may go on. Pure but for what a
//! [`World`] is asked.

mod expansion;
mod files;
mod manager;
mod network;
mod secrets;
mod service_user;
mod times;
mod users;

use crate::convert::loaded::Loaded;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::tree::Entry;
use crate::values::{Value, Values};
use crate::{Content, Settings, Source, vocabulary};

/// What lints ask of the machine.
pub trait World {
    /// Whether something lies at an absolute path; what cannot be seen counts as being there.
    fn exists(&self, path: &str) -> bool;

    /// The lowest port that may be published by whoever runs the services.
    fn lowest_port(&self) -> u16;
}

/// Looks through unit files.
pub fn lint(sources: &[Source], settings: &Settings, world: &dyn World) -> Diagnostics {
    let mut all = Diagnostics::new();
    for file in
        sources.iter().filter(|source| source.content != Content::Masked).cloned().filter_map(Loaded::read)
    {
        let mut faults = Diagnostics::new();
        let section = file.unit.section(file.name.kind.section());
        // What is wrong with the values themselves is told by the conversion.
        let values = Values::read(section, vocabulary::keys(file.name.kind), &mut Diagnostics::new());
        let mut lint = Lint { file: &file, values, settings, world, faults: &mut faults };
        expansion::look(&mut lint);
        files::look(&mut lint);
        manager::look(&mut lint);
        network::look(&mut lint);
        secrets::look(&mut lint);
        service_user::look(&mut lint);
        times::look(&mut lint);
        users::look(&mut lint);
        all.append(faults);
    }
    all
}

/// One file under the lens.
struct Lint<'a> {
    file: &'a Loaded,
    values: Values<'a>,
    settings: &'a Settings,
    world: &'a dyn World,
    faults: &'a mut Diagnostics,
}

impl<'a> Lint<'a> {
    fn warn(&mut self, value: &Value<'_>, text: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Diagnostic::warning(value.place(), text).with_hint(hint));
    }

    fn warn_at(&mut self, entry: &Entry, text: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Diagnostic::warning(entry.place.clone(), text).with_hint(hint));
    }

    fn list(&self, key: &str) -> Vec<Value<'a>> {
        self.values.list(key, &mut Diagnostics::new())
    }

    fn words(&self, key: &str) -> Vec<Value<'a>> {
        self.values.words(key, &mut Diagnostics::new())
    }
}

/// Whether systemd would put something else in the place of part of a text.
fn is_expanded(text: &str) -> bool {
    text.replace("%%", "").contains('%') || text.replace("$$", "").contains('$')
}
