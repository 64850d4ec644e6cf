//! The program: for each access it has the kind of node, its numbers and what is wanted, and says yes or no.
//!
//! See `struct bpf_cgroup_dev_ctx` in `linux/bpf.h`, and bpf-helpers(7) for the machine.

use pontoon_rootless::sys::BpfInstruction;

use super::{Access, DeviceKind, DeviceRule};

/// Kinds of nodes, and of access, as the kernel tells them: `BPF_DEVCG_DEV_*`, `BPF_DEVCG_ACC_*`.
const BLOCK: i32 = 1;
const CHAR: i32 = 2;
const MKNOD: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;

/// Operations: of 32 bits, with an operand in the instruction.
const LOAD_WORD: u8 = 0x61;
const MOVE: u8 = 0xb4;
const MOVE_REGISTER: u8 = 0xbc;
const AND: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const JUMP_IF_NOT: u8 = 0x56;
const JUMP_IF: u8 = 0x16;
const EXIT: u8 = 0x95;

/// Registers.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
/// What is wanted and not yet allowed.
const WANTED: u8 = 2;
const KIND: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

fn with(code: u8, register: u8, immediate: i32) -> BpfInstruction {
    BpfInstruction { code, registers: register, offset: 0, immediate }
}

fn load(register: u8, offset: i16) -> BpfInstruction {
    BpfInstruction { code: LOAD_WORD, registers: register | (CONTEXT << 4), offset, immediate: 0 }
}

fn copy(to: u8, from: u8) -> BpfInstruction {
    BpfInstruction { code: MOVE_REGISTER, registers: to | (from << 4), offset: 0, immediate: 0 }
}

fn answer(yes: bool) -> [BpfInstruction; 2] {
    [with(MOVE, ANSWER, i32::from(yes)), with(EXIT, 0, 0)]
}

fn bits(access: Access) -> i32 {
    let bit = |is_set, bit| if is_set { bit } else { 0 };
    bit(access.mknod, MKNOD) | bit(access.read, READ) | bit(access.write, WRITE)
}

/// Makes the program of rules; what none of them speaks of is denied.
#[must_use]
pub fn compile(rules: &[DeviceRule]) -> Vec<BpfInstruction> {
    let mut program = vec![
        load(WANTED, 0),
        copy(KIND, WANTED),
        with(AND, KIND, 0xffff),
        with(SHIFT_RIGHT, WANTED, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    // The last rule that speaks of something decides, so they are asked from the last on.
    for rule in rules.iter().rev() {
        program.extend(of_rule(rule));
    }
    program.extend(answer(false));
    program
}

fn of_rule(rule: &DeviceRule) -> Vec<BpfInstruction> {
    let mut part = Vec::new();
    match rule.kind {
        DeviceKind::All => {}
        DeviceKind::Block => part.push(with(JUMP_IF_NOT, KIND, BLOCK)),
        DeviceKind::Char => part.push(with(JUMP_IF_NOT, KIND, CHAR)),
    }
    // Numbers are compared as 32 bits: the sign plays no part.
    part.extend(rule.major.map(|it| with(JUMP_IF_NOT, MAJOR, it.cast_signed())));
    part.extend(rule.minor.map(|it| with(JUMP_IF_NOT, MINOR, it.cast_signed())));
    if rule.allow {
        part.push(with(AND, WANTED, !bits(rule.access)));
        part.push(with(JUMP_IF_NOT, WANTED, 0));
    } else {
        part.push(copy(SCRATCH, WANTED));
        part.push(with(AND, SCRATCH, bits(rule.access)));
        part.push(with(JUMP_IF, SCRATCH, 0));
    }
    part.extend(answer(rule.allow));
    // What does not fit goes on after this rule.
    let length = part.len();
    for (place, it) in part.iter_mut().enumerate() {
        if matches!(it.code, JUMP_IF_NOT | JUMP_IF) {
            it.offset = i16::try_from(length - place - 1).unwrap_or(i16::MAX);
        }
    }
    part
}
