//! Sizes in bytes: `--memory`, `--shm-size`, `size=` of a tmpfs.

use super::OptionError;
use super::error::Fault;

/// The smallest memory limit Docker and Podman document.
const FORM: &str = "it must be a number of bytes, or one with b, k, m, g or t";

/// Reads a size for any option.
pub fn parse_size(option: &'static str, text: &str) -> Result<u64, OptionError> {
    read(text).map_err(|fault| fault.of(option, text))
}

/// A number, with a fraction if there is a unit: `512`, `64m`, `1.5g`, `64MiB`. Units count in 1024.
pub(super) fn read(text: &str) -> Result<u64, Fault> {
    in_units_of(1024, text)
}

/// The same where units count in 1000, as those of a log's size do.
pub(super) fn read_decimal(text: &str) -> Result<u64, Fault> {
    in_units_of(1000, text)
}

fn in_units_of(base: u64, text: &str) -> Result<u64, Fault> {
    let wrong = || Fault::invalid(FORM);
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start_matches(' ').to_ascii_lowercase();
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit) {
        "" if unit == "ib" => return Err(wrong()),
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let dangling = number.ends_with('.') || fraction.contains('.') || (power == 0 && !fraction.is_empty());
    if whole.is_empty() || dangling {
        return Err(wrong());
    }
    let factor = base.pow(power);
    let too_large = || Fault::invalid("it is too large");
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let bytes = whole.checked_mul(factor).ok_or_else(too_large)?;
    bytes.checked_add(fraction_of(fraction, factor)).ok_or_else(too_large)
}

/// The part of `factor` that the digits behind the point stand for.
fn fraction_of(digits: &str, factor: u64) -> u64 {
    // Nine digits are more than any size is written with.
    let digits = digits.get(..digits.len().min(9)).unwrap_or_default();
    let scale = 10_u128.pow(u32::try_from(digits.len()).unwrap_or(0));
    let part = digits.parse::<u128>().unwrap_or(0) * u128::from(factor) / scale;
    u64::try_from(part).unwrap_or(0)
}

/// How much in a second, which cannot be zero.
pub(super) fn rate(text: &str) -> Result<u64, Fault> {
    match read(text)? {
        0 => Err(Fault::invalid("it must be more than nothing").hint("leave the option out for no limit")),
        bytes => Ok(bytes),
    }
}
