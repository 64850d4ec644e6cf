//! A profile: what happens to which call, under which conditions.

use super::table::CALLS;
use super::{Arch, FilterFlags, KernelVersion};
use crate::capabilities::CapSet;

/// What happens to a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ends the whole process.
    KillProcess,
    /// Ends the thread.
    KillThread,
    /// Sends SIGSYS.
    Trap,
    /// Fails with that errno.
    Errno(u16),
    /// Tells a tracer, with that word.
    Trace(u16),
    /// Lets a listener decide.
    Notify,
    /// Allows and logs.
    Log,
    /// Allows.
    Allow,
}

impl Action {
    /// The word the filter returns for it (`linux/seccomp.h`).
    pub(super) fn word(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0,
            Self::Trap => 0x0003_0000,
            Self::Errno(errno) => 0x0005_0000 | u32::from(errno),
            Self::Notify => 0x7fc0_0000,
            Self::Trace(word) => 0x7ff0_0000 | u32::from(word),
            Self::Log => 0x7ffc_0000,
            Self::Allow => 0x7fff_0000,
        }
    }
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `argument != value`.
    NotEqual,
    /// `argument < value`, all unsigned.
    Less,
    /// `argument <= value`.
    LessOrEqual,
    /// `argument == value`.
    Equal,
    /// `argument >= value`.
    GreaterOrEqual,
    /// `argument > value`.
    Greater,
    /// `argument & value == value_two & value`.
    MaskedEqual,
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// Which argument, 0 to 5.
    pub index: u8,
    /// How it is compared.
    pub operator: Operator,
    /// With what; the mask of [`Operator::MaskedEqual`].
    pub value: u64,
    /// The value of [`Operator::MaskedEqual`].
    pub value_two: u64,
}

/// What must be so for a rule to be in force at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// Capabilities in the bounding set.
    pub(super) caps: CapSet,
    /// Go names of native architectures; empty is any.
    pub(super) arches: Vec<String>,
    /// The oldest kernel.
    pub(super) min_kernel: Option<KernelVersion>,
}

/// What happens to some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Rows of the table of calls.
    pub(super) calls: Vec<u16>,
    pub(super) action: Action,
    /// All of them must hold.
    pub(super) comparisons: Vec<Comparison>,
    pub(super) includes: Condition,
    pub(super) excludes: Condition,
}

impl Rule {
    /// Whether the rule is in force for a process with that bounding set.
    pub(super) fn applies(&self, bounding: CapSet, arch: Arch, kernel: KernelVersion) -> bool {
        let names = |arches: &[String]| arches.iter().any(|name| name == arch.go_name());
        let included = (self.includes.arches.is_empty() || names(&self.includes.arches))
            && self.includes.caps.difference(bounding).is_empty()
            && self.includes.min_kernel.is_none_or(|oldest| kernel >= oldest);
        let excluded = names(&self.excludes.arches)
            || !self.excludes.caps.intersection(bounding).is_empty()
            || self.excludes.min_kernel.is_some_and(|oldest| kernel >= oldest);
        included && !excluded
    }
}

/// Which architectures a filter covers besides the native one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Architectures {
    /// `archMap`: for each native one, those that go with it.
    Map(Vec<(Arch, Vec<Arch>)>),
    /// `architectures`: these.
    List(Vec<Arch>),
}

/// Rules by system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub(super) default_action: Action,
    pub(super) architectures: Architectures,
    pub(super) rules: Vec<Rule>,
    pub(super) flags: FilterFlags,
    pub(super) unknown: Vec<String>,
    pub(super) listener_path: Option<String>,
}

impl Profile {
    /// What happens to a call that no rule names.
    #[must_use]
    pub fn default_action(&self) -> Action {
        self.default_action
    }

    /// Names in the profile that are no system call we know; their rules count for nothing, as with libseccomp.
    #[must_use]
    pub fn unknown_names(&self) -> &[String] {
        &self.unknown
    }

    /// Socket of the listener that [`Action::Notify`] needs.
    #[must_use]
    pub fn listener_path(&self) -> Option<&str> {
        self.listener_path.as_deref()
    }

    /// The architectures that a filter for that kernel covers, the native one first.
    pub(super) fn covered(&self, native: Arch) -> Vec<Arch> {
        let others = match &self.architectures {
            Architectures::Map(map) => {
                map.iter().find(|(arch, _)| *arch == native).map_or(&[][..], |(_, others)| others)
            }
            Architectures::List(list) => list,
        };
        let mut covered = vec![native];
        for other in others {
            if native.runs(*other) && !covered.contains(other) {
                covered.push(*other);
            }
        }
        covered
    }
}

/// The row of a call in the table.
pub(super) fn find_call(name: &str) -> Option<u16> {
    CALLS.binary_search_by(|row| row.name.cmp(name)).ok().and_then(|row| u16::try_from(row).ok())
}
