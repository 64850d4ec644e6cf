//! Capabilities: their names and numbers, what was added to and dropped from the default, and what a process gets.
//!
//! Pure. Knows no process and changes none: it is given words and gives back sets; setting them is the
//! business of the child that becomes the container.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Every capability the kernel knows, in the order of its number.
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// One capability, by its kernel number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

impl Capability {
    /// Reads a name in any case, with or without `CAP_`.
    pub fn parse(text: &str) -> Result<Self, CapError> {
        let bare = strip_prefix(text);
        NAMES
            .iter()
            .position(|name| name[4..].eq_ignore_ascii_case(bare))
            .and_then(|number| u8::try_from(number).ok())
            .map(Self)
            .ok_or_else(|| CapError::Unknown { name: text.to_owned(), similar: similar(bare) })
    }

    /// The capability with that kernel number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        (usize::from(number) < NAMES.len()).then_some(Self(number))
    }

    /// The kernel's number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The kernel's name, as `CAP_CHOWN`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("CAP_UNKNOWN")
    }
}

/// A set of capabilities, one bit for each number, as the kernel has it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CapSet(u64);

impl CapSet {
    /// No capability.
    pub const EMPTY: Self = Self(0);
    /// Every capability that has a name here.
    pub const ALL: Self = Self((1 << NAMES.len()) - 1);
    /// What a container gets when nothing is said: the eleven that Podman grants.
    pub const DEFAULT: Self = Self(
        1 // CHOWN
            | 1 << 1 // DAC_OVERRIDE
            | 1 << 3 // FOWNER
            | 1 << 4 // FSETID
            | 1 << 5 // KILL
            | 1 << 6 // SETGID
            | 1 << 7 // SETUID
            | 1 << 8 // SETPCAP
            | 1 << 10 // NET_BIND_SERVICE
            | 1 << 18 // SYS_CHROOT
            | 1 << 31, // SETFCAP
    );

    /// The set with those bits; bits without a name are kept, for a kernel newer than this table.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits, capability number `n` being bit `n`.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the capability is in it.
    #[must_use]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 >> capability.0 & 1 == 1
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// This set without the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// This set and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability.0)
    }

    /// The capabilities in it, by number.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        (0..64).filter(move |number| self.0 >> number & 1 == 1).filter_map(Capability::from_number)
    }

    /// Their names, by number.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Capability::name).collect()
    }
}

impl fmt::Debug for CapSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(Capability::name)).finish()
    }
}

impl FromIterator<Capability> for CapSet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// Why capabilities cannot be granted or taken as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapError {
    /// No capability has that name.
    #[error("unknown capability `{name}`")]
    Unknown {
        /// What was written.
        name: String,
        /// The name that was probably meant.
        similar: Option<&'static str>,
    },
    /// The same capability is both added and dropped.
    #[error("capability `{name}` is both added and dropped")]
    AddedAndDropped {
        /// Its name.
        name: &'static str,
    },
    /// `ALL` is both added and dropped.
    #[error("`ALL` capabilities are both added and dropped")]
    AllAddedAndDropped,
}

impl CapError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::Unknown { similar: None, .. } => Some("capabilities(7) lists them".to_owned()),
            Self::AddedAndDropped { .. } | Self::AllAddedAndDropped => None,
        }
    }
}

/// What `--cap-add` and `--cap-drop` make of the default set, with Podman's rules.
///
/// `--cap-drop ALL` leaves only what is added; `--cap-add ALL` grants everything but what is dropped.
pub fn merge(default: CapSet, add: &[String], drop: &[String]) -> Result<CapSet, CapError> {
    let (added, add_all) = parse_list(add)?;
    let (dropped, drop_all) = parse_list(drop)?;
    if add_all && drop_all {
        return Err(CapError::AllAddedAndDropped);
    }
    if drop_all {
        return Ok(added);
    }
    if add_all {
        return Ok(CapSet::ALL.difference(dropped));
    }
    if let Some(capability) = added.intersection(dropped).iter().next() {
        return Err(CapError::AddedAndDropped { name: capability.name() });
    }
    Ok(default.union(added).difference(dropped))
}

/// The capabilities named explicitly in `--cap-add`, which a process that is not root keeps.
pub fn named(words: &[String]) -> Result<CapSet, CapError> {
    parse_list(words).map(|(set, all)| if all { CapSet::ALL } else { set })
}

/// The five sets of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessCaps {
    /// What it and its descendants can ever have.
    pub bounding: CapSet,
    /// What counts now.
    pub effective: CapSet,
    /// What it may take.
    pub permitted: CapSet,
    /// What an exec of a program with inheritable file capabilities keeps.
    pub inheritable: CapSet,
    /// What an exec keeps without file capabilities.
    pub ambient: CapSet,
}

/// The sets of the payload, as Podman grants them.
///
/// Root has the whole bounding set, with nothing inheritable and nothing ambient. Another user has only what was named
/// explicitly (`added`, see [`named`]) and is in the bounding set; it must be ambient to survive the exec.
#[must_use]
pub fn for_process(bounding: CapSet, added: CapSet, user_is_root: bool) -> ProcessCaps {
    if user_is_root {
        return ProcessCaps {
            bounding,
            effective: bounding,
            permitted: bounding,
            inheritable: CapSet::EMPTY,
            ambient: CapSet::EMPTY,
        };
    }
    let own = added.intersection(bounding);
    ProcessCaps { bounding, effective: own, permitted: own, inheritable: own, ambient: own }
}

/// A list of names, and whether `ALL` was among them.
fn parse_list(words: &[String]) -> Result<(CapSet, bool), CapError> {
    let mut set = CapSet::EMPTY;
    let mut all = false;
    for word in words {
        if word.eq_ignore_ascii_case("all") {
            all = true;
        } else if !word.is_empty() {
            set = set.with(Capability::parse(word)?);
        }
    }
    Ok((set, all))
}

fn strip_prefix(text: &str) -> &str {
    match text.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("CAP_") => &text[4..],
        _ => text,
    }
}

/// The name nearest to what was written, if it is near at all.
fn similar(bare: &str) -> Option<&'static str> {
    // A hostile word must not make the comparison below slow.
    if bare.len() > 40 {
        return None;
    }
    let wanted = bare.to_ascii_uppercase();
    let nearest = NAMES.iter().map(|name| (distance(&wanted, &name[4..]), *name)).min()?;
    (nearest.0 <= 1 + wanted.len() / 4).then_some(nearest.1)
}

/// How many letters must be added, left out or changed to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.bytes().enumerate() {
        let mut diagonal = line;
        let mut beside = line + 1;
        for (cell, other) in row.iter_mut().zip(std::iter::once(None).chain(right.bytes().map(Some))) {
            let above = *cell;
            let here = match other {
                None => line + 1,
                Some(other) => (diagonal + usize::from(letter != other)).min(above + 1).min(beside + 1),
            };
            diagonal = above;
            beside = here;
            *cell = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check_merge(add: &str, drop: &str, bits: u64) {
        let merged = merge(CapSet::DEFAULT, &words(add), &words(drop)).unwrap();
        assert_eq!(merged.bits(), bits, "{merged:?}");
    }

    #[test]
    fn the_default_is_podmans_eleven() {
        assert_eq!(CapSet::DEFAULT.bits(), 0x8004_05fb);
        assert_eq!(CapSet::DEFAULT.names().len(), 11);
        assert_eq!(CapSet::ALL.bits(), 0x01ff_ffff_ffff);
    }

    #[test]
    fn names_are_read_in_any_case_with_or_without_their_prefix() {
        for word in ["CAP_NET_ADMIN", "net_admin", "Cap_net_Admin", "NET_ADMIN"] {
            assert_eq!(Capability::parse(word).unwrap().number(), 12, "{word}");
        }
        assert_eq!(Capability::parse("checkpoint_restore").unwrap().number(), 40);
        assert_eq!(Capability::from_number(21).unwrap().name(), "CAP_SYS_ADMIN");
        assert_eq!(Capability::from_number(41), None);
    }

    #[test]
    fn merging_gives_what_podman_gives() {
        check_merge("", "", 0x8004_05fb);
        check_merge("net_admin", "", 0x8004_15fb);
        check_merge("net_admin", "kill", 0x8004_15db);
        check_merge("", "all", 0);
        check_merge("net_raw", "ALL chown", 0x2000);
        check_merge("chown", "all chown", 1);
        check_merge("ALL", "", CapSet::ALL.bits());
        check_merge("all", "sys_admin", CapSet::ALL.bits() & !(1 << 21));
    }

    #[track_caller]
    fn check_error(add: &str, drop: &str, text: &str, hint: Option<&str>) {
        let error = merge(CapSet::DEFAULT, &words(add), &words(drop)).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.hint().as_deref(), hint);
    }

    #[test]
    fn contradictions_and_unknown_names_are_errors() {
        check_error("chown", "CAP_CHOWN", "capability `CAP_CHOWN` is both added and dropped", None);
        check_error("all", "all", "`ALL` capabilities are both added and dropped", None);
        let admin = Some("did you mean `CAP_NET_ADMIN`?");
        check_error("net_admn", "", "unknown capability `net_admn`", admin);
        check_error("CAP_NETADMIN", "", "unknown capability `CAP_NETADMIN`", admin);
        let list = Some("capabilities(7) lists them");
        check_error("", "foo", "unknown capability `foo`", list);
        check_error("\u{e9}\u{e9}\u{e9}", "", "unknown capability `\u{e9}\u{e9}\u{e9}`", list);
    }

    #[test]
    fn root_has_the_bounding_set_and_nothing_to_inherit() {
        let caps = for_process(CapSet::DEFAULT, CapSet::EMPTY, true);
        assert_eq!((caps.effective, caps.permitted), (CapSet::DEFAULT, CapSet::DEFAULT));
        assert_eq!((caps.inheritable, caps.ambient), (CapSet::EMPTY, CapSet::EMPTY));
    }

    #[test]
    fn another_user_has_only_what_was_named() {
        let nothing = for_process(CapSet::DEFAULT, CapSet::EMPTY, false);
        assert_eq!(nothing, ProcessCaps { bounding: CapSet::DEFAULT, ..ProcessCaps::default() });
        let add = words("net_admin");
        let bounding = merge(CapSet::DEFAULT, &add, &[]).unwrap();
        let caps = for_process(bounding, named(&add).unwrap(), false);
        for set in [caps.effective, caps.permitted, caps.inheritable, caps.ambient] {
            assert_eq!(set.bits(), 0x1000);
        }
    }

    #[test]
    fn another_user_never_gets_what_was_dropped() {
        let bounding = merge(CapSet::DEFAULT, &words("all"), &words("chown")).unwrap();
        let caps = for_process(bounding, named(&words("all")).unwrap(), false);
        assert_eq!(caps.permitted, bounding);
        assert_eq!(caps.permitted.bits() & 1, 0);
    }
}
