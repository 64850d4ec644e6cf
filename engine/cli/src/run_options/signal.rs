//! Names and numbers of signals.

use super::OptionError;
use super::error::Fault;

/// Names by number, from 1 on, as on every machine we build for but MIPS, SPARC, Alpha and PA-RISC.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
/// The first realtime signal that programs see: the C library keeps 32 and 33 for itself.
const RTMIN: i32 = 34;
/// The last signal.
const RTMAX: i32 = 64;

/// Reads a signal's number, or its name in any case, with or without `SIG`.
pub fn parse_signal(option: &'static str, text: &str) -> Result<i32, OptionError> {
    read(text).map_err(|fault| fault.of(option, text))
}

/// A signal's number or name.
pub(super) fn read(text: &str) -> Result<i32, Fault> {
    let number = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        text.parse().ok()
    } else {
        named(&text.to_ascii_uppercase())
    };
    match number {
        Some(number) if (1..=RTMAX).contains(&number) => Ok(number),
        _ => Err(Fault::invalid(format!(
            "it must be the name of a signal, as SIGTERM, or a number from 1 to {RTMAX}"
        ))),
    }
}

fn named(text: &str) -> Option<i32> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let position = match name {
        "CLD" => NAMES.iter().position(|known| *known == "CHLD"),
        "IOT" => NAMES.iter().position(|known| *known == "ABRT"),
        "POLL" => NAMES.iter().position(|known| *known == "IO"),
        "UNUSED" => NAMES.iter().position(|known| *known == "SYS"),
        name => NAMES.iter().position(|known| *known == name),
    };
    if let Some(position) = position {
        return i32::try_from(position + 1).ok();
    }
    let (base, offset) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => (RTMIN, 0),
        (_, Some("")) => (RTMAX, 0),
        (Some(rest), _) => (RTMIN, rest.strip_prefix('+')?.parse::<u8>().ok()?.into()),
        (_, Some(rest)) => (RTMAX, -i32::from(rest.strip_prefix('-')?.parse::<u8>().ok()?)),
        _ => return None,
    };
    Some(base + offset).filter(|number| (RTMIN..=RTMAX).contains(number))
}

/// The signal's name, as `SIGTERM`; its number where it has no name.
pub fn signal_name(number: i32) -> String {
    let position = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    match position.and_then(|position| NAMES.get(position)) {
        Some(name) => format!("SIG{name}"),
        None if number == RTMIN => "SIGRTMIN".to_owned(),
        None if (RTMIN..=RTMAX).contains(&number) => format!("SIGRTMIN+{}", number - RTMIN),
        None => number.to_string(),
    }
}
