//! What became of each field of a compose file.

use pontoon_kube::tree::Place;

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands.
    pub place: Place,
    /// Which field: `services.web.ports`.
    pub field: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// How far a unit file says the same as a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Exact,
    /// Nearly the same.
    Approximated(String),
    /// Not at all.
    Refused(String),
}

impl Verdict {
    /// A word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximated(_) => "approximated",
            Self::Refused(_) => "refused",
        }
    }

    /// Why it is not the same.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Exact => None,
            Self::Approximated(why) | Self::Refused(why) => Some(why),
        }
    }
}

/// Findings in the making.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
}

impl Report {
    pub(super) fn add(&mut self, place: Place, field: &str, verdict: Verdict) {
        self.findings.push(Finding { place, field: field.to_owned(), verdict });
    }

    pub(super) fn refuse(&mut self, place: Place, field: &str, why: impl Into<String>) {
        self.add(place, field, Verdict::Refused(why.into()));
    }

    pub(super) fn approximate(&mut self, place: Place, field: &str, why: impl Into<String>) {
        self.add(place, field, Verdict::Approximated(why.into()));
    }
}
