//! Which rules of a profile count for one process, joined by call.

use super::profile::{Action, Comparison, Operator, Profile, find_call};
use super::table::CALLS;
use super::{Arch, KernelVersion};
use crate::capabilities::CapSet;

/// What a call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Always the same.
    Action(Action),
    /// It depends on arguments: an index for [`Selection::branches`].
    Branches(usize),
}

/// One way a call with conditions can go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Branch<'a> {
    /// All of them must hold.
    pub(super) comparisons: &'a [Comparison],
    /// Or only this one, for a call through a multiplexer or for conditions that are alternatives.
    pub(super) single: Option<Comparison>,
    /// What happens then.
    pub(super) action: Action,
}

#[derive(Debug, Clone, Copy, Default)]
enum Slot {
    #[default]
    Empty,
    Action(Action),
    Branches(usize),
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    /// For each row of the table.
    slots: Vec<Slot>,
    /// The same for the multiplexers, where `socketcall` and `ipc` lead to calls that have rules.
    multiplexed: Vec<(u16, Slot)>,
    branches: Vec<Vec<Branch<'a>>>,
}

/// Joins the rules that are in force.
pub(super) fn select(
    profile: &Profile,
    bounding: CapSet,
    arch: Arch,
    kernel: KernelVersion,
) -> Selection<'_> {
    let mut selection =
        Selection { slots: vec![Slot::Empty; CALLS.len()], multiplexed: Vec::new(), branches: Vec::new() };
    for rule in &profile.rules {
        // A rule that says what the default says adds nothing, not even against a later one.
        if rule.action == profile.default_action || !rule.applies(bounding, arch, kernel) {
            continue;
        }
        let alternatives = has_repeated_index(&rule.comparisons);
        for call in &rule.calls {
            let Some(slot) = selection.slots.get_mut(usize::from(*call)) else { continue };
            if rule.comparisons.is_empty() {
                if !matches!(slot, Slot::Action(_)) {
                    *slot = Slot::Action(rule.action);
                }
            } else if alternatives {
                for comparison in &rule.comparisons {
                    let single = Some(*comparison);
                    let branch = Branch { comparisons: &[], single, action: rule.action };
                    add_branch(slot, &mut selection.branches, branch);
                }
            } else {
                let branch = Branch { comparisons: &rule.comparisons, single: None, action: rule.action };
                add_branch(slot, &mut selection.branches, branch);
            }
        }
    }
    if profile.covered(arch).into_iter().any(Arch::has_multiplexers) {
        selection.add_multiplexers();
    }
    selection
}

impl<'a> Selection<'a> {
    /// The calls of an architecture that have rules, by number.
    pub(super) fn calls(&self, arch: Arch) -> Vec<(u32, Outcome)> {
        let mut calls: Vec<(u32, Outcome)> = (0_u16..)
            .zip(&self.slots)
            .filter_map(|(call, slot)| {
                let slot =
                    if arch.has_multiplexers() { self.multiplexer(call).unwrap_or(slot) } else { slot };
                let outcome = match slot {
                    Slot::Empty => return None,
                    Slot::Action(action) => Outcome::Action(*action),
                    Slot::Branches(index) => Outcome::Branches(*index),
                };
                Some((arch.number(call)?, outcome))
            })
            .collect();
        // Two names for one number exist on arm only; the first by name counts.
        calls.sort_by_key(|(number, _)| *number);
        calls.dedup_by_key(|(number, _)| *number);
        calls
    }

    /// The ways a call with conditions can go, the first that fits counts.
    pub(super) fn branches(&self, index: usize) -> &[Branch<'a>] {
        self.branches.get(index).map_or(&[], Vec::as_slice)
    }

    /// Whether anything notifies a listener.
    pub(super) fn notifies(&self, default_action: Action) -> bool {
        default_action == Action::Notify
            || self.slots.iter().any(|slot| matches!(slot, Slot::Action(Action::Notify)))
            || self.branches.iter().flatten().any(|branch| branch.action == Action::Notify)
    }

    fn multiplexer(&self, call: u16) -> Option<&Slot> {
        self.multiplexed.iter().find(|(it, _)| *it == call).map(|(_, slot)| slot)
    }

    /// Gives `socketcall` and `ipc` what the calls behind them have, unless a rule names the multiplexer itself.
    ///
    /// Only rules without conditions can be carried over: the arguments lie in memory there, out of the filter's sight.
    fn add_multiplexers(&mut self) {
        for (multiplexer, behind) in MULTIPLEXERS {
            let Some(row) = find_call(multiplexer) else { continue };
            let mut slot = self.slots.get(usize::from(row)).copied().unwrap_or_default();
            if matches!(slot, Slot::Action(_)) {
                continue;
            }
            // A branch list that other architectures share must stay as it is.
            if let Slot::Branches(index) = slot {
                let copy = self.branches(index).to_vec();
                slot = Slot::Branches(self.branches.len());
                self.branches.push(copy);
            }
            for (name, selector) in *behind {
                let slot_behind = find_call(name).and_then(|call| self.slots.get(usize::from(call)));
                if let Some(Slot::Action(action)) = slot_behind {
                    let single =
                        Comparison { index: 0, operator: Operator::Equal, value: *selector, value_two: 0 };
                    let branch = Branch { comparisons: &[], single: Some(single), action: *action };
                    add_branch(&mut slot, &mut self.branches, branch);
                }
            }
            self.multiplexed.push((row, slot));
        }
    }
}

fn add_branch<'a>(slot: &mut Slot, branches: &mut Vec<Vec<Branch<'a>>>, branch: Branch<'a>) {
    match *slot {
        Slot::Action(_) => {}
        Slot::Branches(index) => {
            if let Some(list) = branches.get_mut(index) {
                list.push(branch);
            }
        }
        Slot::Empty => {
            *slot = Slot::Branches(branches.len());
            branches.push(vec![branch]);
        }
    }
}

/// libseccomp takes one condition for each argument; engines make alternatives of a rule that has more.
fn has_repeated_index(comparisons: &[Comparison]) -> bool {
    comparisons
        .iter()
        .enumerate()
        .any(|(place, it)| comparisons.iter().skip(place + 1).any(|other| other.index == it.index))
}

/// The calls behind `socketcall` and `ipc`, with the word that chooses them (`linux/net.h`, `linux/ipc.h`).
const MULTIPLEXERS: &[(&str, &[(&str, u64)])] = &[
    (
        "socketcall",
        &[
            ("socket", 1),
            ("bind", 2),
            ("connect", 3),
            ("listen", 4),
            ("accept", 5),
            ("getsockname", 6),
            ("getpeername", 7),
            ("socketpair", 8),
            ("send", 9),
            ("recv", 10),
            ("sendto", 11),
            ("recvfrom", 12),
            ("shutdown", 13),
            ("setsockopt", 14),
            ("getsockopt", 15),
            ("sendmsg", 16),
            ("recvmsg", 17),
            ("accept4", 18),
            ("recvmmsg", 19),
            ("sendmmsg", 20),
        ],
    ),
    (
        "ipc",
        &[
            ("semop", 1),
            ("semget", 2),
            ("semctl", 3),
            ("semtimedop", 4),
            ("msgsnd", 11),
            ("msgrcv", 12),
            ("msgget", 13),
            ("msgctl", 14),
            ("shmat", 21),
            ("shmdt", 22),
            ("shmget", 23),
            ("shmctl", 24),
        ],
    ),
];
