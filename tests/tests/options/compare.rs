//! Two inspections, field by field.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// A field that may differ, and why.
pub struct Difference {
    /// Its path: keys and indices with dots between; `*` is any one of them.
    path: &'static str,
    /// What ours tells, as JSON; anything if there is none.
    ours: Option<&'static str>,
    /// Why.
    reason: &'static str,
}

/// A field that may differ.
pub const fn differs(path: &'static str, reason: &'static str) -> Difference {
    Difference { path, ours: None, reason }
}

/// A field that may differ if ours is this.
pub const fn ours_is(ours: &'static str, path: &'static str, reason: &'static str) -> Difference {
    Difference { path, ours: Some(ours), reason }
}

/// A field that does differ.
#[derive(Debug)]
pub struct Found {
    path: String,
    ours: Option<Value>,
    theirs: Option<Value>,
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map_or("absent".to_owned(), Value::to_string);
        write!(out, "{}: ours {}, Podman's {}", self.path, shown(&self.ours), shown(&self.theirs))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.path, self.reason)
    }
}

impl Difference {
    /// Whether it speaks of that field.
    pub fn covers(&self, found: &Found) -> bool {
        let ours = found.ours.as_ref().map(Value::to_string);
        is_at(self.path, &found.path) && self.ours.is_none_or(|it| ours.as_deref() == Some(it))
    }
}

/// Whether a path is one of those that a pattern describes.
fn is_at(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('.');
    pattern.split('.').all(|own| parts.next().is_some_and(|part| own == "*" || own == part))
        && parts.next().is_none()
}

/// All fields that differ. `unordered` names lists whose order means nothing.
pub fn compare(ours: &Value, theirs: &Value, unordered: &[&str]) -> Vec<Found> {
    let mut walk = Walk { unordered, found: Vec::new() };
    walk.values("", Some(ours), Some(theirs));
    walk.found
}

struct Walk<'a> {
    unordered: &'a [&'a str],
    found: Vec<Found>,
}

impl Walk<'_> {
    fn values(&mut self, path: &str, ours: Option<&Value>, theirs: Option<&Value>) {
        let below = |part: &str| if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
        match (ours, theirs) {
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                for key in keys {
                    self.values(&below(key), one.get(key), other.get(key));
                }
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) if self.is_unordered(path) => {
                let sorted = |list: &[Value]| {
                    let mut texts: Vec<String> = list.iter().map(Value::to_string).collect();
                    texts.sort();
                    texts
                };
                if sorted(one) != sorted(other) {
                    self.differ(path, ours, theirs);
                }
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
                for (index, (one, other)) in one.iter().zip(other).enumerate() {
                    self.values(&below(&index.to_string()), Some(one), Some(other));
                }
            }
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => self.differ(path, ours, theirs),
        }
    }

    fn is_unordered(&self, path: &str) -> bool {
        self.unordered.iter().any(|it| is_at(it, path))
    }

    fn differ(&mut self, path: &str, ours: Option<&Value>, theirs: Option<&Value>) {
        self.found.push(Found { path: path.to_owned(), ours: ours.cloned(), theirs: theirs.cloned() });
    }
}
