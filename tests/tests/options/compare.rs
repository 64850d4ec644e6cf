//! Two inspections, field by field.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// A field that may differ, and why.
pub struct Difference {
    /// Its path: keys and indices with dots between; `*` is any one of them.
    pub path: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// A field that may differ.
pub const fn differs(path: &'static str, reason: &'static str) -> Difference {
    Difference { path, reason }
}

/// A field that does differ.
#[derive(Debug)]
pub struct Found {
    /// Its path.
    pub path: String,
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
    /// Whether it speaks of that path.
    pub fn covers(&self, path: &str) -> bool {
        let mut parts = path.split('.');
        self.path.split('.').all(|own| parts.next().is_some_and(|part| own == "*" || own == part))
            && parts.next().is_none()
    }
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
            (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
                let (mut one, mut other): (Vec<&Value>, Vec<&Value>) =
                    (one.iter().collect(), other.iter().collect());
                if self.unordered.contains(&path) {
                    one.sort_by_key(|value| value.to_string());
                    other.sort_by_key(|value| value.to_string());
                }
                for (index, (one, other)) in one.into_iter().zip(other).enumerate() {
                    self.values(&below(&index.to_string()), Some(one), Some(other));
                }
            }
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => {
                let found = Found { path: path.to_owned(), ours: ours.cloned(), theirs: theirs.cloned() };
                self.found.push(found);
            }
        }
    }
}
