//! Names for containers that nobody named: an adjective and something that floats.

use rustix::rand::{GetRandomFlags, getrandom};

const ADJECTIVES: [&str; 32] = [
    "able", "amber", "brave", "bright", "brisk", "calm", "clever", "copper", "crisp", "daring", "eager",
    "early", "fair", "gentle", "golden", "happy", "keen", "kind", "lively", "lucky", "mellow", "merry",
    "noble", "polite", "proud", "quick", "quiet", "silver", "steady", "sunny", "swift", "warm",
];

const VESSELS: [&str; 32] = [
    "barge", "bark", "brig", "canoe", "caravel", "clipper", "coracle", "cutter", "dhow", "dinghy", "dory",
    "ferry", "frigate", "galleon", "gondola", "junk", "kayak", "ketch", "lugger", "packet", "pinnace",
    "pirogue", "punt", "raft", "sampan", "schooner", "skiff", "sloop", "tender", "trawler", "tug", "yawl",
];

/// A random name; the caller tries again if it is taken. From the third try on it gets a number as well.
pub fn random(attempt: u32) -> String {
    let mut bytes = [0u8; 6];
    // Without randomness the names repeat, and the number tells them apart.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    let [a, b, number @ ..] = bytes;
    let adjective = ADJECTIVES.get(usize::from(a) % ADJECTIVES.len()).unwrap_or(&"calm");
    let vessel = VESSELS.get(usize::from(b) % VESSELS.len()).unwrap_or(&"raft");
    if attempt < 3 {
        format!("{adjective}_{vessel}")
    } else {
        format!("{adjective}_{vessel}_{}", u32::from_ne_bytes(number) ^ attempt)
    }
}

/// A container's name as its host name: without what a host name does not have, as Podman makes it.
pub fn as_hostname(name: &str) -> String {
    let letters = name.chars().filter(|it| it.is_ascii_alphanumeric() || matches!(it, '.' | '-'));
    letters.take(MAX_HOSTNAME).collect()
}

/// The kernel's.
const MAX_HOSTNAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_host_name() {
        assert_eq!(as_hostname("my_name.x-1"), "myname.x-1");
        assert_eq!(as_hostname(&"a".repeat(70)).len(), 64);
    }
}
