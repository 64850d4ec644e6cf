//! Laying instructions out.
//!
//! A classic BPF program jumps forwards only, so it is written from its end: whatever an instruction leads to is
//! already there when it is written, and its distance is known.

use super::profile::{Action, Comparison, Operator};
use super::program::Instruction;
use super::select::{Outcome, Selection};

/// An instruction, counted from the end of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// Calls from a number on, up to where the next range begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) first: u32,
    pub(super) outcome: Outcome,
    /// Whether the upper halves of arguments count.
    pub(super) wide: bool,
}

/// How far a conditional jump reaches, less the room for two jumps that lengthen it.
const NEAR: usize = 250;

const LOAD_WORD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER: u16 = 0x25;
const IF_GREATER_OR_EQUAL: u16 = 0x35;
const RETURN: u16 = 0x06;

// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// A program in the making.
#[derive(Debug)]
pub(super) struct Builder {
    reversed: Vec<Instruction>,
    /// The last place where each action was returned.
    returns: Vec<(Action, Label)>,
    /// What happens to a call none of whose branches fit.
    fallback: Action,
    big_endian: bool,
}

impl Builder {
    pub(super) fn new(fallback: Action, big_endian: bool) -> Self {
        Self { reversed: Vec::with_capacity(512), returns: Vec::new(), fallback, big_endian }
    }

    /// Ends with an action.
    pub(super) fn give(&mut self, action: Action) -> Label {
        let known = self.returns.iter_mut().find(|(it, _)| *it == action);
        if let Some((_, label)) = &known
            && self.reversed.len() - label.0 < NEAR
        {
            return *label;
        }
        let fresh = Label(self.reversed.len());
        match known {
            Some((_, label)) => *label = fresh,
            None => self.returns.push((action, fresh)),
        }
        self.write(RETURN, action.word())
    }

    /// Searches the number of the call in the ranges, of which the first begins at 0.
    pub(super) fn search(&mut self, ranges: &[Range], selection: &Selection<'_>) -> Label {
        let tree = self.subtree(ranges, selection);
        self.then(LOAD_WORD, NUMBER, tree)
    }

    /// Goes on at `yes` if the call is of that architecture.
    pub(super) fn if_arch(&mut self, word: u32, yes: Label, no: Label) -> Label {
        self.branch(IF_EQUAL, word, yes, no)
    }

    /// The program, beginning by loading the architecture for the first [`Builder::if_arch`].
    pub(super) fn finish(mut self, entry: Label) -> Vec<Instruction> {
        self.then(LOAD_WORD, ARCH, entry);
        self.reversed.reverse();
        self.reversed
    }

    fn subtree(&mut self, ranges: &[Range], selection: &Selection<'_>) -> Label {
        let (left, right) = ranges.split_at(ranges.len() / 2);
        match (left, right) {
            ([], [only]) => self.leaf(only, selection),
            (_, [first, ..]) => {
                let boundary = first.first;
                let upper = self.subtree(right, selection);
                let lower = self.subtree(left, selection);
                self.branch(IF_GREATER_OR_EQUAL, boundary, upper, lower)
            }
            // The caller always has a range from 0 on; without one nothing is allowed.
            (_, []) => self.give(Action::KillProcess),
        }
    }

    fn leaf(&mut self, range: &Range, selection: &Selection<'_>) -> Label {
        let index = match range.outcome {
            Outcome::Action(action) => return self.give(action),
            Outcome::Branches(index) => index,
        };
        let mut next = self.give(self.fallback);
        for branch in selection.branches(index).iter().rev() {
            let mut yes = self.give(branch.action);
            for comparison in branch.comparisons.iter().chain(&branch.single).rev() {
                yes = self.compare(comparison, range.wide, yes, next);
            }
            next = yes;
        }
        next
    }

    /// Loads an argument and compares it.
    fn compare(&mut self, comparison: &Comparison, wide: bool, yes: Label, no: Label) -> Label {
        let Comparison { index, operator, value, value_two } = *comparison;
        let mask = if operator == Operator::MaskedEqual { value } else { u64::MAX };
        let value = if operator == Operator::MaskedEqual { value_two & mask } else { value };
        let halves = |value: u64| ((value >> 32) as u32, (value & 0xffff_ffff) as u32);
        let ((high, low), (mask_high, mask_low)) = (halves(value), halves(mask));
        let offset = ARGUMENTS + 8 * u32::from(index);
        let (at_high, at_low) = if self.big_endian { (offset, offset + 4) } else { (offset + 4, offset) };
        // Every operator is one of three and perhaps the other way round.
        let (test, yes, no) = match operator {
            Operator::Equal | Operator::MaskedEqual => (IF_EQUAL, yes, no),
            Operator::NotEqual => (IF_EQUAL, no, yes),
            Operator::Greater => (IF_GREATER, yes, no),
            Operator::LessOrEqual => (IF_GREATER, no, yes),
            Operator::GreaterOrEqual => (IF_GREATER_OR_EQUAL, yes, no),
            Operator::Less => (IF_GREATER_OR_EQUAL, no, yes),
        };
        let mut label = self.branch(test, low, yes, no);
        if operator == Operator::MaskedEqual {
            label = self.then(AND, mask_low, label);
        }
        label = self.then(LOAD_WORD, at_low, label);
        if !wide {
            return label;
        }
        label = self.branch(IF_EQUAL, high, label, no);
        if test != IF_EQUAL {
            label = self.branch(IF_GREATER, high, yes, label);
        }
        if operator == Operator::MaskedEqual {
            label = self.then(AND, mask_high, label);
        }
        self.then(LOAD_WORD, at_high, label)
    }

    fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let yes = self.near(yes);
        let no = self.near(no);
        let distance = |label: Label| u8::try_from(self.reversed.len() - label.0 - 1).unwrap_or(u8::MAX);
        let (jt, jf) = (distance(yes), distance(no));
        self.push(Instruction { code, jt, jf, k })
    }

    /// A place from which `label` is reached and which a conditional jump reaches from here.
    fn near(&mut self, label: Label) -> Label {
        let distance = self.reversed.len() - label.0;
        if distance < NEAR { label } else { self.jump(distance - 1) }
    }

    fn jump(&mut self, distance: usize) -> Label {
        // A program longer than this is refused anyway.
        self.write(JUMP, u32::try_from(distance).unwrap_or(u32::MAX))
    }

    /// An instruction that goes on with `next`.
    fn then(&mut self, code: u16, k: u32, next: Label) -> Label {
        let distance = self.reversed.len() - next.0 - 1;
        if distance > 0 {
            self.jump(distance);
        }
        self.write(code, k)
    }

    fn write(&mut self, code: u16, k: u32) -> Label {
        self.push(Instruction { code, jt: 0, jf: 0, k })
    }

    fn push(&mut self, instruction: Instruction) -> Label {
        self.reversed.push(instruction);
        Label(self.reversed.len() - 1)
    }
}
