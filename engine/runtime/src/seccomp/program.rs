//! From a profile to a BPF program.
//!
//! The program asks for the architecture first, then searches the number of the call in a balanced tree of ranges;
//! only calls with conditions on arguments go on from there. Most programs have some 300 instructions.

pub use pontoon_rootless::sys::SockFilter as Instruction;

use super::arch::X32_BIT;
use super::select::{Outcome, Selection, select};
use super::tree::{Builder, Range};
use super::{Action, Arch, KernelVersion, Profile};
use crate::capabilities::CapSet;

/// Flags for `seccomp(SECCOMP_SET_MODE_FILTER)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilterFlags {
    /// `SECCOMP_FILTER_FLAG_LOG`: log every action but allow.
    pub log: bool,
    /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: leave speculative store bypass as it is.
    pub spec_allow: bool,
    /// `SECCOMP_FILTER_FLAG_TSYNC`.
    pub tsync: bool,
}

impl FilterFlags {
    /// The word for the call (`linux/seccomp.h`).
    #[must_use]
    pub fn word(self) -> u32 {
        u32::from(self.tsync) | u32::from(self.log) << 1 | u32::from(self.spec_allow) << 2
    }
}

/// A filter ready for the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The instructions; at most 4096, as the kernel demands.
    pub instructions: Vec<Instruction>,
    /// Flags the profile asks for.
    pub flags: FilterFlags,
    /// Whether a rule notifies a listener, so that the filter must be loaded with `NEW_LISTENER`.
    pub notifies: bool,
}

/// Why a profile gives no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// More instructions than the kernel takes.
    #[error("the seccomp profile needs {length} instructions, more than the {MAX_LENGTH} the kernel takes")]
    TooLong {
        /// How many.
        length: usize,
    },
}

/// `BPF_MAXINSNS`.
const MAX_LENGTH: usize = 4096;

/// What happens to a call of an architecture that the filter does not cover.
const FOREIGN: Action = Action::KillProcess;

/// A number that a tracer writes to skip a call; it is no call of any architecture.
const NO_CALL: u32 = u32::MAX;

/// Makes the program of a profile for a process with that bounding set, on a kernel of that architecture and version.
///
/// Rules are joined as libseccomp joins them: the first rule without conditions on arguments decides and makes the
/// others meaningless; else the first whose conditions hold decides; else the default action does.
///
/// # Errors
/// [`CompileError::TooLong`].
pub fn compile(
    profile: &Profile,
    bounding: CapSet,
    arch: Arch,
    kernel: KernelVersion,
) -> Result<Program, CompileError> {
    let selection = select(profile, bounding, arch, kernel);
    let covered = profile.covered(arch);
    let mut builder = Builder::new(profile.default_action, arch.is_big_endian());
    let foreign = builder.give(FOREIGN);
    let mut entry = foreign;
    // x32 shares its audit word with x86_64, and so its tree.
    for covered_arch in covered.iter().rev().filter(|it| **it != Arch::X32) {
        let with_x32 = *covered_arch == Arch::X86_64 && covered.contains(&Arch::X32);
        let ranges = ranges(&selection, *covered_arch, with_x32, profile.default_action);
        let tree = builder.search(&ranges, &selection);
        entry = builder.if_arch(covered_arch.audit_word(), tree, entry);
    }
    let instructions = builder.finish(entry);
    if instructions.len() > MAX_LENGTH {
        return Err(CompileError::TooLong { length: instructions.len() });
    }
    Ok(Program { instructions, flags: profile.flags, notifies: selection.notifies(profile.default_action) })
}

/// All numbers from 0 to `u32::MAX`, in ranges with one outcome each.
fn ranges(selection: &Selection<'_>, arch: Arch, with_x32: bool, default_action: Action) -> Vec<Range> {
    let mut calls = selection.calls(arch);
    if with_x32 {
        calls.extend(selection.calls(Arch::X32));
    }
    let fallback = Outcome::Action(default_action);
    let mut ranges = vec![Range { first: 0, outcome: fallback, wide: arch.has_wide_arguments() }];
    let mut next = 0;
    for (number, outcome) in calls {
        let wide = arch.has_wide_arguments() && number < X32_BIT;
        if number > next {
            push(&mut ranges, Range { first: next, outcome: fallback, wide });
        }
        push(&mut ranges, Range { first: number, outcome, wide });
        next = number + 1;
    }
    let wide = arch.has_wide_arguments();
    push(&mut ranges, Range { first: next, outcome: fallback, wide });
    if arch == Arch::X86_64 && !with_x32 {
        push(&mut ranges, Range { first: X32_BIT, outcome: Outcome::Action(FOREIGN), wide });
        push(&mut ranges, Range { first: NO_CALL, outcome: fallback, wide });
    }
    ranges
}

/// Adds a range behind the last one, or joins them when nothing lies between them or both end alike.
fn push(ranges: &mut Vec<Range>, range: Range) {
    if ranges.last().is_some_and(|last| last.first == range.first) {
        ranges.pop();
    }
    let alike = |last: &Range| last.outcome == range.outcome && matches!(range.outcome, Outcome::Action(_));
    if !ranges.last().is_some_and(alike) {
        ranges.push(range);
    }
}
