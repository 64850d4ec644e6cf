//! Profiles as containers-common writes them: JSON, a superset of Docker's format.

use serde::Deserialize;

use super::profile::{Action, Architectures, Comparison, Condition, Operator, Profile, Rule, find_call};
use super::{Arch, FilterFlags, KernelVersion, errno};
use crate::capabilities::{CapSet, Capability};

/// Why a profile cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Not JSON, or not of the right shape.
    #[error("not a seccomp profile")]
    Json {
        /// What the JSON reader says, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// Both ways to list architectures at once.
    #[error("the seccomp profile has both `architectures` and `archMap`")]
    TwoArchitectureLists,
    /// `name` and `names` in one rule.
    #[error("rule {rule} of the seccomp profile has both `name` and `names`")]
    TwoNameLists {
        /// Which rule, from 1.
        rule: usize,
    },
    /// There are six arguments.
    #[error("rule {rule} of the seccomp profile compares argument {index}; a call has arguments 0 to 5")]
    ArgumentIndex {
        /// Which rule, from 1.
        rule: usize,
        /// What it says.
        index: u32,
    },
    /// No such errno, or a number that the kernel has no room for.
    #[error("the seccomp profile has an unknown errno `{errno}`")]
    UnknownErrno {
        /// What it says.
        errno: String,
    },
    /// No such flag.
    #[error("the seccomp profile has an unknown flag `{flag}`")]
    UnknownFlag {
        /// What it says.
        flag: String,
    },
    /// Not a kernel version.
    #[error("the seccomp profile has an unreadable `minKernel` `{version}`")]
    MinKernel {
        /// What it says.
        version: String,
    },
    /// Not an architecture of libseccomp.
    #[error("the seccomp profile has an unknown architecture `{name}`")]
    UnknownArchitecture {
        /// What it says.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    default_action: Option<Word>,
    default_errno_ret: Option<u32>,
    default_errno: Option<String>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<ArchEntry>>,
    syscalls: Option<Vec<Entry>>,
    flags: Option<Vec<String>>,
    listener_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchEntry {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    names: Option<Vec<String>>,
    action: Word,
    args: Option<Vec<Argument>>,
    errno_ret: Option<u32>,
    errno: Option<String>,
    includes: Option<Filter>,
    excludes: Option<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u32,
    #[serde(default)]
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: Op,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// An action as it is written.
#[derive(Clone, Copy, Deserialize)]
enum Word {
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

#[derive(Clone, Copy, Deserialize)]
enum Op {
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// EPERM, what an errno action gives when it says nothing else.
const PERMITTED_NOT: u16 = 1;

/// `MAX_ERRNO` of the kernel, which cuts larger ones.
const MAX_ERRNO: u16 = 4095;

impl Profile {
    /// Reads the JSON of a profile. Keys nobody knows are ignored, as every engine does.
    ///
    /// # Errors
    /// [`ProfileError`] names what cannot be understood.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let document: Document =
            serde_json::from_str(text).map_err(|source| ProfileError::Json { source })?;
        let mut unknown = Vec::new();
        let mut rules = Vec::new();
        for (place, entry) in document.syscalls.unwrap_or_default().into_iter().enumerate() {
            rules.push(rule(place + 1, entry, &mut unknown)?);
        }
        Ok(Self {
            default_action: action(
                document.default_action.unwrap_or(Word::Errno),
                document.default_errno.as_deref(),
                document.default_errno_ret,
            )?,
            architectures: architectures(document.architectures, document.arch_map)?,
            rules,
            flags: flags(&document.flags.unwrap_or_default())?,
            unknown,
            listener_path: document.listener_path.filter(|path| !path.is_empty()),
        })
    }
}

fn rule(place: usize, entry: Entry, unknown: &mut Vec<String>) -> Result<Rule, ProfileError> {
    let names = match (entry.name.filter(|name| !name.is_empty()), entry.names.unwrap_or_default()) {
        (Some(_), names) if !names.is_empty() => return Err(ProfileError::TwoNameLists { rule: place }),
        (Some(name), _) => vec![name],
        (None, names) => names,
    };
    let mut calls = Vec::with_capacity(names.len());
    for name in names {
        match find_call(&name) {
            Some(call) => calls.push(call),
            None => unknown.push(name),
        }
    }
    let comparison = |argument: Argument| {
        let index = u8::try_from(argument.index).ok().filter(|index| *index < 6);
        let index = index.ok_or(ProfileError::ArgumentIndex { rule: place, index: argument.index })?;
        let operator = operator(argument.op);
        Ok(Comparison { index, operator, value: argument.value, value_two: argument.value_two })
    };
    Ok(Rule {
        calls,
        action: action(entry.action, entry.errno.as_deref(), entry.errno_ret)?,
        comparisons: entry.args.unwrap_or_default().into_iter().map(comparison).collect::<Result<_, _>>()?,
        includes: condition(entry.includes.unwrap_or_default(), Unknown::NeverHeld)?,
        excludes: condition(entry.excludes.unwrap_or_default(), Unknown::Ignored)?,
    })
}

fn action(word: Word, errno: Option<&str>, number: Option<u32>) -> Result<Action, ProfileError> {
    // The name wins over the number, which older readers take.
    let value = || match (errno.filter(|name| !name.is_empty()), number) {
        (Some(name), _) => errno::number(name)
            .filter(|number| *number <= MAX_ERRNO)
            .ok_or_else(|| ProfileError::UnknownErrno { errno: name.to_owned() }),
        (None, Some(number)) => u16::try_from(number)
            .ok()
            .filter(|number| *number <= MAX_ERRNO)
            .ok_or_else(|| ProfileError::UnknownErrno { errno: number.to_string() }),
        (None, None) => Ok(PERMITTED_NOT),
    };
    Ok(match word {
        Word::KillThread => Action::KillThread,
        Word::KillProcess => Action::KillProcess,
        Word::Trap => Action::Trap,
        Word::Errno => Action::Errno(value()?),
        Word::Trace => Action::Trace(value()?),
        Word::Allow => Action::Allow,
        Word::Log => Action::Log,
        Word::Notify => Action::Notify,
    })
}

fn operator(op: Op) -> Operator {
    match op {
        Op::NotEqual => Operator::NotEqual,
        Op::Less => Operator::Less,
        Op::LessOrEqual => Operator::LessOrEqual,
        Op::Equal => Operator::Equal,
        Op::GreaterOrEqual => Operator::GreaterOrEqual,
        Op::Greater => Operator::Greater,
        Op::MaskedEqual => Operator::MaskedEqual,
    }
}

/// What a capability nobody knows means.
#[derive(Clone, Copy)]
enum Unknown {
    /// Nobody has it: a rule that needs it stays off.
    NeverHeld,
    /// Nobody has it: a rule that forbids it stays on.
    Ignored,
}

fn condition(filter: Filter, meaning: Unknown) -> Result<Condition, ProfileError> {
    let mut caps = CapSet::EMPTY;
    for name in filter.caps.unwrap_or_default() {
        match (Capability::parse(&name), meaning) {
            (Ok(capability), _) => caps = caps.with(capability),
            // A bit that no bounding set has.
            (Err(_), Unknown::NeverHeld) => caps = caps.union(CapSet::from_bits(1 << 63)),
            (Err(_), Unknown::Ignored) => {}
        }
    }
    let min_kernel = match filter.min_kernel.filter(|version| !version.is_empty()) {
        None => None,
        Some(version) => Some(KernelVersion::parse(&version).ok_or(ProfileError::MinKernel { version })?),
    };
    Ok(Condition { caps, arches: filter.arches.unwrap_or_default(), min_kernel })
}

fn architectures(
    list: Option<Vec<String>>,
    map: Option<Vec<ArchEntry>>,
) -> Result<Architectures, ProfileError> {
    let list = list.unwrap_or_default();
    let map = map.unwrap_or_default();
    if !list.is_empty() && !map.is_empty() {
        return Err(ProfileError::TwoArchitectureLists);
    }
    if !list.is_empty() {
        return Ok(Architectures::List(known_architectures(list)?));
    }
    let mut known = Vec::with_capacity(map.len());
    for entry in map {
        let others = known_architectures(entry.sub_architectures.unwrap_or_default())?;
        if let Some(arch) = known_architectures(vec![entry.architecture])?.first() {
            known.push((*arch, others));
        }
    }
    Ok(Architectures::Map(known))
}

/// Those of which we have a table; the others cannot be ours, since no kernel that we run on has them.
fn known_architectures(names: Vec<String>) -> Result<Vec<Arch>, ProfileError> {
    let mut known = Vec::with_capacity(names.len());
    for name in names {
        match Arch::from_scmp_name(&name) {
            Some(arch) => known.push(arch),
            None if name.starts_with("SCMP_ARCH_") => {}
            None => return Err(ProfileError::UnknownArchitecture { name }),
        }
    }
    Ok(known)
}

fn flags(words: &[String]) -> Result<FilterFlags, ProfileError> {
    let mut flags = FilterFlags::default();
    for word in words {
        match word.as_str() {
            "SECCOMP_FILTER_FLAG_LOG" => flags.log = true,
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => flags.spec_allow = true,
            "SECCOMP_FILTER_FLAG_TSYNC" => flags.tsync = true,
            _ => return Err(ProfileError::UnknownFlag { flag: word.clone() }),
        }
    }
    Ok(flags)
}
