//! Amounts as Kubernetes writes them: `500m`, `64Mi`, `1e3` (kubernetes.io, "Quantity").

/// Reads an amount, in thousandths; what is less than a thousandth is rounded up, as Kubernetes does.
#[must_use]
pub fn milli(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() || part.contains('.') || part.len() > 18 {
        return None;
    }
    // The number is digits / 10^places.
    let digits: u128 =
        if whole.is_empty() && part.is_empty() { 0 } else { format!("{whole}{part}").parse().ok()? };
    let below = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let (times, divided): (u128, u128) = match suffix {
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "" => (1, 1),
        "k" => (1000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        other => {
            let power: i32 = other.strip_prefix(['e', 'E'])?.parse().ok()?;
            let size = 10u128.checked_pow(power.unsigned_abs().min(38))?;
            if power < 0 { (1, size) } else { (size, 1) }
        }
    };
    let above = digits.checked_mul(times)?.checked_mul(1000)?;
    u64::try_from(above.div_ceil(below.checked_mul(divided)?)).ok()
}

/// Reads an amount in whole units, rounded up: bytes.
#[must_use]
pub fn whole(text: &str) -> Option<u64> {
    // Exbibytes in thousandths are more than 64 bits hold; those in use are not.
    milli(text).map(|it| it.div_ceil(1000))
}

/// Writes an amount of thousandths.
#[must_use]
pub fn of_milli(milli: u64) -> String {
    if milli.is_multiple_of(1000) { (milli / 1000).to_string() } else { format!("{milli}m") }
}

/// Writes an amount of bytes, in the largest unit that says it exactly.
#[must_use]
pub fn of_bytes(bytes: u64) -> String {
    for (shift, unit) in [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")] {
        if bytes >= 1 << shift && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("500m", Some(500)),
            ("0.5", Some(500)),
            (".5", Some(500)),
            ("1.5Ki", Some(1_536_000)),
            ("64Mi", Some(64 * 1024 * 1024 * 1000)),
            ("1e3", Some(1_000_000)),
            ("1E-2", Some(10)),
            ("1n", Some(1)),
            ("12k", Some(12_000_000)),
            ("", None),
            (".", None),
            ("x", None),
            ("1.2.3", None),
            ("-1", None),
            ("1Zi", None),
            ("99999999999999999999Ei", None),
            ("1e400", None),
        ] {
            assert_eq!(milli(text), expected, "{text}");
        }
        assert_eq!(whole("128Mi"), Some(128 << 20));
        for bytes in [1, 1000, 1024, 64 << 20, 3 << 30, (1 << 30) + 1] {
            assert_eq!(whole(&of_bytes(bytes)), Some(bytes));
        }
        for amount in [1, 500, 1000, 1500] {
            assert_eq!(milli(&of_milli(amount)), Some(amount));
        }
    }
}
