//! The program, run by an interpreter of our own, against a plain reading of the profile.

use super::arch::X32_BIT;
use super::profile::{Comparison, Operator};
use super::table::CALLS;
use super::*;
use crate::capabilities::{CapSet, Capability};

const KERNEL: KernelVersion = KernelVersion(6, 1);

/// What the kernel gives the filter.
#[derive(Debug, Clone, Copy)]
struct Call {
    arch: u32,
    number: u32,
    arguments: [u64; 6],
}

/// Runs a program as the kernel does; a program the kernel would refuse fails the test.
fn run(program: &[Instruction], call: Call, big_endian: bool) -> u32 {
    let mut data = [0_u8; 64];
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    data[0..4].copy_from_slice(&word(call.number));
    data[4..8].copy_from_slice(&word(call.arch));
    for (place, argument) in call.arguments.iter().enumerate() {
        let bytes = if big_endian { argument.to_be_bytes() } else { argument.to_le_bytes() };
        data[16 + 8 * place..24 + 8 * place].copy_from_slice(&bytes);
    }
    let (mut accumulator, mut place) = (0_u32, 0_usize);
    loop {
        let Instruction { code, jt, jf, k } = program[place];
        place += 1;
        let jump = |condition: bool| usize::from(if condition { jt } else { jf });
        match code {
            0x20 => {
                assert_eq!(k % 4, 0, "loads are aligned");
                let bytes = data[k as usize..k as usize + 4].try_into().unwrap();
                accumulator = if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
            }
            0x54 => accumulator &= k,
            0x05 => place += k as usize,
            0x15 => place += jump(accumulator == k),
            0x25 => place += jump(accumulator > k),
            0x35 => place += jump(accumulator >= k),
            0x06 => return k,
            other => panic!("instruction {other:#x} is not expected"),
        }
    }
}

fn holds(comparison: &Comparison, argument: u64, wide: bool) -> bool {
    let cut = |value: u64| if wide { value } else { value & 0xffff_ffff };
    let (argument, value, value_two) = (cut(argument), cut(comparison.value), cut(comparison.value_two));
    match comparison.operator {
        Operator::Equal => argument == value,
        Operator::NotEqual => argument != value,
        Operator::Less => argument < value,
        Operator::LessOrEqual => argument <= value,
        Operator::Greater => argument > value,
        Operator::GreaterOrEqual => argument >= value,
        Operator::MaskedEqual => argument & value == value_two & value,
    }
}

/// The profile read rule by rule, without any cleverness.
fn naive(profile: &Profile, rules: &[&Rule], arch: Arch, arguments: [u64; 6]) -> u32 {
    let plain = rules.iter().find(|rule| rule.comparisons.is_empty());
    let fitting = rules.iter().find(|rule| {
        let compared = |it: &Comparison| arguments[usize::from(it.index)];
        rule.comparisons.iter().all(|it| holds(it, compared(it), arch.has_wide_arguments()))
    });
    plain.or(fitting).map_or(profile.default_action, |rule| rule.action).word()
}

/// Every number of every covered architecture; where arguments count, around every value the profile compares with.
#[track_caller]
fn check_against_naive(profile: &Profile, bounding: CapSet, native: Arch) {
    let program = compile(profile, bounding, native, KERNEL).unwrap();
    let mut in_force: Vec<&Rule> = profile.rules.iter().collect();
    in_force.retain(|rule| rule.action != profile.default_action && rule.applies(bounding, native, KERNEL));
    let around = interesting_arguments(profile);
    for arch in profile.covered(native) {
        let numbers = (0..600).chain(0x000f_0000..0x000f_0008);
        for number in numbers.map(|it| if arch == Arch::X32 { it | X32_BIT } else { it }) {
            let names_it = |rule: &Rule| rule.calls.iter().any(|row| arch.number(*row) == Some(number));
            let rules: Vec<&Rule> = in_force.iter().filter(|rule| names_it(rule)).copied().collect();
            let plain = rules.iter().all(|rule| rule.comparisons.is_empty());
            for arguments in around.iter().take(if plain { 1 } else { usize::MAX }) {
                let call = Call { arch: arch.audit_word(), number, arguments: *arguments };
                assert_eq!(
                    run(&program.instructions, call, native.is_big_endian()),
                    naive(profile, &rules, arch, *arguments),
                    "{arch:?} {call:x?}"
                );
            }
        }
    }
}

fn interesting_arguments(profile: &Profile) -> Vec<[u64; 6]> {
    let mut all = vec![[0; 6], [u64::MAX; 6], [40, 0, 9, 0, 0, 0]];
    for rule in profile.rules.iter().filter(|rule| !rule.comparisons.is_empty()) {
        let exact = rule.comparisons.iter().fold([0; 6], |mut arguments: [u64; 6], it| {
            arguments[usize::from(it.index)] =
                if it.operator == Operator::MaskedEqual { it.value_two } else { it.value };
            arguments
        });
        for place in 0..6 {
            for change in [0, 1, u64::MAX, 1 << 32, 1 << 63] {
                let mut arguments = exact;
                arguments[place] = arguments[place].wrapping_add(change);
                all.push(arguments);
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn caps(names: &[&str]) -> CapSet {
    names.iter().map(|name| Capability::parse(name).unwrap()).collect()
}

fn outcome(profile: &Profile, bounding: CapSet, arch: Arch, name: &str, arguments: [u64; 6]) -> u32 {
    let program = compile(profile, bounding, Arch::X86_64, KERNEL).unwrap();
    let number = arch.number(profile::find_call(name).unwrap()).unwrap();
    run(&program.instructions, Call { arch: arch.audit_word(), number, arguments }, false)
}

#[track_caller]
fn check_default(caps_held: CapSet, arch: Arch, name: &str, arguments: [u64; 6], expected: Action) {
    let found = outcome(&Profile::default_profile(), caps_held, arch, name, arguments);
    assert_eq!(found, expected.word(), "{name} on {arch:?}: {found:#x}");
}

const ALL_NATIVE: [Arch; 7] =
    [Arch::X86_64, Arch::X86, Arch::Aarch64, Arch::Arm, Arch::Riscv64, Arch::S390x, Arch::Ppc64le];

#[test]
fn the_table_is_sorted_so_that_names_are_found() {
    assert!(CALLS.is_sorted_by(|left, right| left.name < right.name));
    assert_eq!(Arch::X86_64.number(profile::find_call("execve").unwrap()), Some(59));
    assert_eq!(Arch::X32.number(profile::find_call("execve").unwrap()), Some(520 | X32_BIT));
    assert_eq!(Arch::Arm.number(profile::find_call("set_tls").unwrap()), Some(0x000f_0005));
    assert_eq!(Arch::Aarch64.number(profile::find_call("open").unwrap()), None);
}

#[test]
fn the_default_profile_does_what_its_rules_say_for_every_call() {
    for native in ALL_NATIVE {
        for bounding in
            [CapSet::EMPTY, CapSet::DEFAULT, CapSet::ALL, caps(&["SYS_ADMIN"]), caps(&["PERFMON"])]
        {
            check_against_naive(&Profile::default_profile(), bounding, native);
        }
    }
}

#[test]
fn loong64_has_a_program_too() {
    check_against_naive(&Profile::default_profile(), CapSet::DEFAULT, Arch::Loongarch64);
}

#[test]
fn dangerous_calls_are_refused_by_default() {
    let any = [0; 6];
    for (name, expected) in [
        ("mount", Action::Allow),
        ("clone3", Action::Allow),
        ("keyctl", Action::Allow),
        ("io_uring_setup", Action::Errno(38)),
        ("io_uring_enter", Action::Errno(38)),
        ("add_key", Action::Errno(38)),
        ("request_key", Action::Errno(38)),
        ("bpf", Action::Errno(1)),
        ("perf_event_open", Action::Errno(1)),
        ("userfaultfd", Action::Errno(1)),
        ("open_by_handle_at", Action::Errno(1)),
        ("kexec_load", Action::Errno(1)),
        ("init_module", Action::Errno(1)),
        ("finit_module", Action::Errno(1)),
        ("delete_module", Action::Errno(1)),
        ("settimeofday", Action::Errno(1)),
        ("acct", Action::Errno(1)),
        ("swapon", Action::Errno(1)),
        ("iopl", Action::Errno(1)),
        ("kcmp", Action::Errno(1)),
        ("chroot", Action::Allow),
        ("setns", Action::Allow),
        ("open_tree_attr", Action::Errno(38)),
    ] {
        check_default(CapSet::DEFAULT, Arch::X86_64, name, any, expected);
    }
    for name in ["bpf", "kexec_load", "userfaultfd", "init_module"] {
        check_default(CapSet::DEFAULT, Arch::X86, name, any, Action::Errno(1));
        check_default(CapSet::DEFAULT, Arch::X32, name, any, Action::Errno(1));
    }
}

#[test]
fn a_capability_opens_its_calls() {
    for (capability, name) in [
        ("SYS_ADMIN", "bpf"),
        ("BPF", "bpf"),
        ("SYS_MODULE", "init_module"),
        ("SYS_TIME", "settimeofday"),
        ("SYS_PTRACE", "kcmp"),
        ("DAC_READ_SEARCH", "open_by_handle_at"),
        ("SYS_RAWIO", "iopl"),
    ] {
        check_default(caps(&[capability]), Arch::X86_64, name, [0; 6], Action::Allow);
    }
}

#[test]
fn vsock_and_audit_sockets_are_refused() {
    let socket = |family, protocol| [family, 3, protocol, 0, 0, 0];
    for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
        check_default(CapSet::DEFAULT, arch, "socket", socket(2, 0), Action::Allow);
        check_default(CapSet::DEFAULT, arch, "socket", socket(16, 0), Action::Allow);
        check_default(CapSet::DEFAULT, arch, "socket", socket(16, 9), Action::Errno(22));
        check_default(CapSet::DEFAULT, arch, "socket", socket(40, 0), Action::Errno(1));
        check_default(caps(&["AUDIT_WRITE"]), arch, "socket", socket(16, 9), Action::Allow);
        check_default(caps(&["AUDIT_WRITE"]), arch, "socket", socket(40, 0), Action::Errno(1));
    }
}

#[test]
fn a_foreign_architecture_is_killed() {
    let program = compile(&Profile::default_profile(), CapSet::ALL, Arch::X86_64, KERNEL).unwrap();
    let call = Call { arch: Arch::Aarch64.audit_word(), number: 1, arguments: [0; 6] };
    assert_eq!(run(&program.instructions, call, false), Action::KillProcess.word());
}

#[test]
fn x32_calls_are_killed_where_the_profile_does_not_cover_them() {
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[]}"#;
    let profile = Profile::parse(text).unwrap();
    let program = compile(&profile, CapSet::ALL, Arch::X86_64, KERNEL).unwrap();
    let outcome = |number| {
        let call = Call { arch: Arch::X86_64.audit_word(), number, arguments: [0; 6] };
        run(&program.instructions, call, false)
    };
    assert_eq!(outcome(1), Action::Allow.word());
    assert_eq!(outcome(X32_BIT - 1), Action::Allow.word());
    assert_eq!(outcome(X32_BIT), Action::KillProcess.word());
    assert_eq!(outcome(X32_BIT | 1), Action::KillProcess.word());
    assert_eq!(outcome(u32::MAX - 1), Action::KillProcess.word());
    assert_eq!(outcome(u32::MAX), Action::Allow.word(), "a call that a tracer skips is no x32 call");
}

#[test]
fn sockets_are_also_ruled_through_socketcall_and_ipc() {
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW",
        "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],
        "syscalls":[{"names":["connect","shmat"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}"#;
    let profile = Profile::parse(text).unwrap();
    let x86 = |name, selector| outcome(&profile, CapSet::ALL, Arch::X86, name, [selector, 0, 0, 0, 0, 0]);
    assert_eq!(x86("connect", 9), Action::Errno(13).word());
    assert_eq!(x86("socketcall", 3), Action::Errno(13).word());
    assert_eq!(x86("socketcall", 2), Action::Allow.word());
    assert_eq!(x86("ipc", 21), Action::Errno(13).word());
    assert_eq!(x86("ipc", 22), Action::Allow.word());
}

#[test]
fn a_rule_without_conditions_wins_over_those_with_conditions_and_over_later_ones() {
    let text = r#"{"defaultAction":"SCMP_ACT_KILL_PROCESS","syscalls":[
        {"name":"read","action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":5,"op":"SCMP_CMP_EQ"}]},
        {"name":"read","action":"SCMP_ACT_ALLOW"},
        {"name":"read","action":"SCMP_ACT_TRAP"},
        {"name":"write","action":"SCMP_ACT_KILL_PROCESS"},
        {"name":"write","action":"SCMP_ACT_LOG","args":[{"index":0,"value":5,"op":"SCMP_CMP_EQ"}]}]}"#;
    let profile = Profile::parse(text).unwrap();
    let native = |name, fd| outcome(&profile, CapSet::ALL, Arch::X86_64, name, [fd, 0, 0, 0, 0, 0]);
    assert_eq!(native("read", 5), Action::Allow.word());
    assert_eq!(native("write", 5), Action::Log.word());
    assert_eq!(native("write", 6), Action::KillProcess.word());
}

#[test]
fn conditions_on_one_argument_twice_are_alternatives() {
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["dup"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]}]}"#;
    let profile = Profile::parse(text).unwrap();
    let dup = |fd| outcome(&profile, CapSet::ALL, Arch::X86_64, "dup", [fd, 0, 0, 0, 0, 0]);
    assert_eq!([dup(1), dup(2), dup(3)], [Action::Allow, Action::Allow, Action::Errno(1)].map(Action::word));
}

#[test]
fn all_operators_compare_all_sixty_four_bits() {
    let values = [0, 1, 7, 0xff, 0xffff_ffff, 1 << 32, (1 << 32) + 7, 1 << 63, u64::MAX - 1, u64::MAX];
    for operator in ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"] {
        for value in values {
            let text = format!(
                r#"{{"defaultAction":"SCMP_ACT_ERRNO",
                "archMap":[{{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}}],
                "syscalls":[{{"names":["mmap"],"action":"SCMP_ACT_ALLOW","args":[
                {{"index":3,"value":{value},"valueTwo":{value},"op":"SCMP_CMP_{operator}"}},
                {{"index":5,"value":18446744073709551615,"op":"SCMP_CMP_NE"}}]}}]}}"#
            );
            let profile = Profile::parse(&text).unwrap();
            for native in [Arch::X86_64, Arch::S390x] {
                check_against_naive(&profile, CapSet::EMPTY, native);
            }
        }
    }
}

#[test]
fn random_profiles_do_what_their_rules_say() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let actions = ["ALLOW", "ERRNO", "KILL", "KILL_PROCESS", "TRAP", "LOG", "TRACE", "NOTIFY"];
    let operators = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
    let mut pick = |list: &[&str]| list[random(list.len() as u64) as usize].to_owned();
    for _ in 0..20 {
        let mut rules = Vec::new();
        for number in 0..40 {
            // Not the calls behind multiplexers: the naive reading knows nothing of those.
            let names: Vec<String> = (0..number % 7 + 1)
                .map(|_| {
                    pick(&["read", "write", "open", "mmap", "kill", "dup", "dup2", "clone", "brk", "poll"])
                })
                .map(|name| format!("\"{name}\""))
                .collect();
            let arguments: Vec<String> = (0..number % 4)
                .map(|index| {
                    format!(
                        r#"{{"index":{index},"value":{},"valueTwo":{},"op":"SCMP_CMP_{}"}}"#,
                        pick(&["0", "3", "4294967296", "18446744073709551615"]),
                        pick(&["0", "3", "4294967299"]),
                        pick(&operators)
                    )
                })
                .collect();
            rules.push(format!(
                r#"{{"names":[{}],"action":"SCMP_ACT_{}","errnoRet":{number},"args":[{}]}}"#,
                names.join(","),
                pick(&actions),
                arguments.join(",")
            ));
        }
        let text = format!(
            r#"{{"defaultAction":"SCMP_ACT_{}","archMap":[{{"architecture":"SCMP_ARCH_X86_64",
            "subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}}],"syscalls":[{}]}}"#,
            pick(&actions),
            rules.join(",")
        );
        check_against_naive(&Profile::parse(&text).unwrap(), CapSet::EMPTY, Arch::X86_64);
    }
}

#[test]
fn the_default_program_is_short() {
    for native in ALL_NATIVE {
        let program = compile(&Profile::default_profile(), CapSet::DEFAULT, native, KERNEL).unwrap();
        assert!(program.instructions.len() < 600, "{native:?}: {}", program.instructions.len());
    }
}

#[test]
fn a_profile_that_needs_too_many_instructions_is_refused() {
    let rules: Vec<String> = (0..1100)
        .map(|fd| {
            format!(
                r#"{{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{{"index":0,"value":{fd},"op":"SCMP_CMP_EQ"}}]}}"#
            )
        })
        .collect();
    let text = format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{}]}}"#, rules.join(","));
    let refused = compile(&Profile::parse(&text).unwrap(), CapSet::ALL, Arch::X86_64, KERNEL);
    assert!(matches!(refused, Err(CompileError::TooLong { length }) if length > 4096));
}

#[test]
fn rules_for_newer_kernels_stay_off_on_older_ones() {
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
        {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}}]}"#;
    let profile = Profile::parse(text).unwrap();
    let old = compile(&profile, CapSet::ALL, Arch::X86_64, KernelVersion(4, 7)).unwrap();
    let new = compile(&profile, CapSet::ALL, Arch::X86_64, KernelVersion(4, 8)).unwrap();
    let call = Call { arch: Arch::X86_64.audit_word(), number: 101, arguments: [0; 6] };
    assert_eq!(run(&old.instructions, call, false), Action::Errno(1).word());
    assert_eq!(run(&new.instructions, call, false), Action::Allow.word());
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    assert_eq!(Profile::parse(text).unwrap_err().to_string(), expected);
}

#[test]
fn profiles_that_contradict_themselves_are_refused() {
    check_refused("[]", "not a seccomp profile");
    check_refused(r#"{"defaultAction":"SCMP_ACT_MAYBE"}"#, "not a seccomp profile");
    check_refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],
           "archMap":[{"architecture":"SCMP_ARCH_X86"}]}"#,
        "the seccomp profile has both `architectures` and `archMap`",
    );
    check_refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
           {"name":"read","names":["write"],"action":"SCMP_ACT_ALLOW"}]}"#,
        "rule 1 of the seccomp profile has both `name` and `names`",
    );
    check_refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
           {"name":"read","action":"SCMP_ACT_ALLOW","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}"#,
        "rule 1 of the seccomp profile compares argument 6; a call has arguments 0 to 5",
    );
    check_refused(
        r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOPE"}"#,
        "the seccomp profile has an unknown errno `ENOPE`",
    );
    check_refused(
        r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":70000}"#,
        "the seccomp profile has an unknown errno `70000`",
    );
    check_refused(
        r#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_FAST"]}"#,
        "the seccomp profile has an unknown flag `SECCOMP_FILTER_FLAG_FAST`",
    );
}

#[test]
fn an_errno_may_be_a_name_which_wins_over_the_number() {
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS","defaultErrnoRet":1}"#;
    assert_eq!(Profile::parse(text).unwrap().default_action(), Action::Errno(38));
}

#[test]
fn unknown_calls_are_kept_for_a_word_about_them_and_count_for_nothing() {
    let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
        {"names":["read","frobnicate"],"action":"SCMP_ACT_ALLOW"}]}"#;
    let profile = Profile::parse(text).unwrap();
    assert_eq!(profile.unknown_names(), ["frobnicate"]);
    assert_eq!(outcome(&profile, CapSet::ALL, Arch::X86_64, "read", [0; 6]), Action::Allow.word());
}

#[test]
fn a_notifying_rule_asks_for_a_listener() {
    let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/l.sock","flags":["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"#;
    let profile = Profile::parse(text).unwrap();
    let program = compile(&profile, CapSet::ALL, Arch::X86_64, KERNEL).unwrap();
    assert!(program.notifies);
    assert_eq!(program.flags.word(), 2);
    assert_eq!(profile.listener_path(), Some("/run/l.sock"));
}

#[test]
fn the_kernel_takes_the_program_and_obeys_it() {
    // The filter is the thread's own, and so is what it needs to load it.
    let outcome = std::thread::spawn(|| {
        let native = Arch::native().expect("a table for the machine that runs the test");
        let profile = Profile::default_profile();
        let program = compile(&profile, CapSet::DEFAULT, native, KernelVersion::running()).unwrap();
        rustix::thread::set_no_new_privs(true).unwrap();
        pontoon_rootless::sys::load_filter(&program.instructions).unwrap();
        let socket = |family| rustix::net::socket(family, rustix::net::SocketType::STREAM, None).err();
        let unix = socket(rustix::net::AddressFamily::UNIX);
        (unix, socket(rustix::net::AddressFamily::VSOCK))
    });
    assert_eq!(outcome.join().unwrap(), (None, Some(rustix::io::Errno::PERM)));
}
