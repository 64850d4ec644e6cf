//! The program is run here by a small machine of our own, and by the kernel where we may load it.

use pontoon_rootless::sys::{BpfInstruction, load_device_program};

use super::{Access, DeviceKind, DeviceRule, USUAL, compile};

const CHAR: u32 = 2;
const BLOCK: u32 = 1;

/// Runs a program as the kernel would, for one access.
fn run(program: &[BpfInstruction], kind: u32, major: u32, minor: u32, access: &str) -> bool {
    let wanted = Access::parse(access).unwrap_or_default();
    let wanted = u32::from(wanted.mknod) | u32::from(wanted.read) << 1 | u32::from(wanted.write) << 2;
    let context = [wanted << 16 | kind, major, minor];
    let mut registers = [0u32; 11];
    let mut at = 0usize;
    for _ in 0..10_000 {
        let it = program[at];
        at += 1;
        let (to, from) = (usize::from(it.registers & 15), usize::from(it.registers >> 4));
        let operand = it.immediate.cast_unsigned();
        let jump = usize::try_from(it.offset).unwrap();
        match it.code {
            0x61 => registers[to] = context[jump / 4],
            0xb4 => registers[to] = operand,
            0xbc => registers[to] = registers[from],
            0x54 => registers[to] &= operand,
            0x74 => registers[to] >>= operand,
            0x56 if registers[to] != operand => at += jump,
            0x16 if registers[to] == operand => at += jump,
            0x56 | 0x16 => {}
            0x95 => return registers[0] == 1,
            code => panic!("no such operation: {code:#x}"),
        }
    }
    panic!("it does not end");
}

#[track_caller]
fn check(rules: &[DeviceRule], kind: u32, major: u32, minor: u32, allowed: &[&str], denied: &[&str]) {
    let program = compile(rules);
    for access in allowed {
        assert!(run(&program, kind, major, minor, access), "{kind} {major}:{minor} {access} is denied");
    }
    for access in denied {
        assert!(!run(&program, kind, major, minor, access), "{kind} {major}:{minor} {access} is allowed");
    }
}

fn rule(allow: bool, kind: DeviceKind, major: Option<u32>, minor: Option<u32>, access: &str) -> DeviceRule {
    DeviceRule { allow, kind, major, minor, access: Access::parse(access).unwrap() }
}

#[test]
fn without_a_rule_nothing_is_allowed() {
    check(&[], CHAR, 1, 3, &[], &["r", "w", "m", "rw", "rwm"]);
}

#[test]
fn usual_devices_are_usable_and_others_can_only_be_made() {
    check(&USUAL, CHAR, 1, 3, &["r", "w", "m", "rw", "rwm"], &[]);
    check(&USUAL, CHAR, 136, 77, &["rw"], &[]);
    check(&USUAL, CHAR, 10, 200, &["rw"], &[]);
    for (kind, major, minor) in [(CHAR, 10, 229), (BLOCK, 1, 3), (BLOCK, 8, 0), (CHAR, 1, 1)] {
        check(&USUAL, kind, major, minor, &["m"], &["r", "w", "rw", "rm", "rwm"]);
    }
}

#[test]
fn what_is_allowed_by_several_rules_adds_up() {
    let rules = [
        rule(true, DeviceKind::Char, Some(10), Some(229), "r"),
        rule(true, DeviceKind::Char, Some(10), None, "w"),
    ];
    check(&rules, CHAR, 10, 229, &["r", "w", "rw"], &["m", "rwm"]);
    check(&rules, CHAR, 10, 230, &["w"], &["r", "rw"]);
    check(&rules, BLOCK, 10, 229, &[], &["r", "w"]);
}

#[test]
fn the_last_rule_wins() {
    let rules = [
        rule(true, DeviceKind::All, None, None, "rwm"),
        rule(false, DeviceKind::Block, Some(8), None, "w"),
        rule(true, DeviceKind::Block, Some(8), Some(1), "rw"),
    ];
    check(&rules, BLOCK, 8, 0, &["r", "m", "rm"], &["w", "rw", "rwm"]);
    check(&rules, BLOCK, 8, 1, &["r", "w", "rw", "rwm"], &[]);
    check(&rules, CHAR, 8, 0, &["rwm"], &[]);
}

#[test]
fn large_numbers_are_numbers() {
    let rules = [rule(true, DeviceKind::Char, Some(0xffff_fffe), Some(0xfff_ffff), "r")];
    check(&rules, CHAR, 0xffff_fffe, 0xfff_ffff, &["r"], &["w"]);
    check(&rules, CHAR, 0xffff_fffd, 0xfff_ffff, &[], &["r"]);
}

#[test]
fn letters_are_read_once_each() {
    assert_eq!(Access::parse("mwr"), Some(Access::ALL));
    for wrong in ["", "rr", "x", "rwx", "R"] {
        assert_eq!(Access::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn the_kernel_takes_the_program() {
    let many: Vec<_> = (0..500).map(|it| rule(it % 2 == 0, DeviceKind::Char, Some(it), None, "rw")).collect();
    for rules in [&USUAL[..], &[], &many] {
        match load_device_program(&compile(rules)) {
            Ok(_) => {}
            // Somebody who may not load programs, or a kernel without: seen by the end-to-end tests.
            Err(err) if matches!(err.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)) => {
                eprintln!("not asked the kernel: {err}");
            }
            Err(err) => panic!("{err}"),
        }
    }
}
