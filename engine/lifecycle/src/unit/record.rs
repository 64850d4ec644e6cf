//! The memory of one unit, and what follows from it. Pure: times are handed in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Versions of an image that are remembered, good ones and bad ones each.
const REMEMBERED: usize = 50;

/// What is remembered of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitRecord {
    /// It runs what it has run last, whatever its images' names lead to.
    pub pinned: bool,
    /// What is known of its images, by the names that its containers are made with, as they are written there.
    pub images: BTreeMap<String, Track>,
    /// An update that is under way, or was when its command or the machine went down.
    pub trying: Option<Trying>,
}

/// What is known of one image of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    /// What it ran and was well with, the newest last.
    pub good: Vec<Version>,
    /// What it was not well with, or was taken back from: not to be run again.
    pub bad: Vec<Version>,
}

/// One version of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    /// Digest of its manifest, or of the index it was chosen from, as its registry has it: `sha256:…`.
    pub digest: String,
    /// Its id.
    pub image: String,
    /// Since when it is known to be good or bad, seconds since 1970.
    pub since: i64,
    /// Why it is bad.
    pub why: String,
}

impl Version {
    /// Whether it is the version of this digest, or the image of this id.
    #[must_use]
    pub fn is(&self, digest_or_image: &str) -> bool {
        !digest_or_image.is_empty() && (self.digest == digest_or_image || self.image == digest_or_image)
    }
}

/// An update.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trying {
    /// When it began, seconds since 1970.
    pub since: i64,
    /// What changes, by the images' names.
    pub images: BTreeMap<String, Change>,
}

/// What becomes of one image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// What ran.
    pub from: Version,
    /// What is to run.
    pub to: Version,
}

/// What a run takes for a name, other than what the name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other<'r> {
    /// This, and the name need not be looked at.
    Always(&'r Version),
    /// This, if the name leads to what is known to be bad.
    InsteadOfBad(&'r Version),
}

/// What is known of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'r> {
    /// It ran, and was well.
    Good,
    /// It was not.
    Bad(&'r Version),
    /// Nothing.
    New,
}

impl UnitRecord {
    /// What the unit takes for a name; `None` is what the name leads to. `watched` says whether whoever tries an update is
    /// there to watch it: if not, nobody would undo it.
    #[must_use]
    pub fn takes(&self, name: &str, watched: bool) -> Option<Other<'_>> {
        if let Some(change) = self.trying.as_ref().and_then(|it| it.images.get(name)) {
            return Some(Other::Always(if watched { &change.to } else { &change.from }));
        }
        let track = self.images.get(name)?;
        let last = track.good.last()?;
        match self.pinned {
            true => Some(Other::Always(last)),
            false if track.bad.is_empty() => None,
            false => Some(Other::InsteadOfBad(last)),
        }
    }

    /// What is known of a version of an image, by its digest or its id.
    #[must_use]
    pub fn knows(&self, name: &str, digest_or_image: &str) -> Known<'_> {
        let Some(track) = self.images.get(name) else { return Known::New };
        if let Some(bad) = track.bad.iter().rev().find(|it| it.is(digest_or_image)) {
            return Known::Bad(bad);
        }
        match track.good.iter().any(|it| it.is(digest_or_image)) {
            true => Known::Good,
            false => Known::New,
        }
    }

    /// A version runs and is well: it is the last good one from now on. True if that is new.
    pub fn is_good(&mut self, name: &str, version: Version) -> bool {
        let track = self.images.entry(name.to_owned()).or_default();
        if track.good.last().is_some_and(|it| it.image == version.image) {
            return false;
        }
        track.bad.retain(|it| it.image != version.image);
        track.good.push(version);
        forget_oldest(&mut track.good);
        true
    }

    /// A version is not to be run again.
    pub fn is_bad(&mut self, name: &str, version: Version) {
        let track = self.images.entry(name.to_owned()).or_default();
        track.bad.retain(|it| !(it.digest == version.digest && it.image == version.image));
        track.bad.push(version);
        forget_oldest(&mut track.bad);
    }

    /// The version that `rollback` goes to from the one that runs: the one whose digest or id begins so, or the last good one
    /// that is another.
    #[must_use]
    pub fn earlier(&self, name: &str, running: &str, wanted: Option<&str>) -> Option<&Version> {
        let track = self.images.get(name)?;
        match wanted {
            None => {
                let is_bad = |it: &Version| track.bad.iter().any(|bad| bad.image == it.image);
                track.good.iter().rev().find(|it| it.image != running && !is_bad(it))
            }
            Some(wanted) => {
                let digits = wanted.trim_start_matches("sha256:");
                let begins = |text: &str| text.trim_start_matches("sha256:").starts_with(digits);
                let all = track.good.iter().rev().chain(track.bad.iter().rev());
                let mut fits =
                    all.filter(|it| !digits.is_empty() && (begins(&it.digest) || begins(&it.image)));
                let first = fits.next()?;
                // The beginning of several means none of them.
                fits.all(|it| it.image == first.image).then_some(first)
            }
        }
    }
}

fn forget_oldest(versions: &mut Vec<Version>) {
    let surplus = versions.len().saturating_sub(REMEMBERED);
    versions.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "registry/app:1";

    fn version(name: &str) -> Version {
        Version { digest: format!("sha256:d{name}"), image: format!("i{name}"), ..Version::default() }
    }

    fn record(good: &[&str], bad: &[&str]) -> UnitRecord {
        let mut record = UnitRecord::default();
        for it in good {
            record.is_good(NAME, version(it));
        }
        bad.iter().for_each(|it| record.is_bad(NAME, version(it)));
        record
    }

    #[test]
    fn a_name_decides_until_something_was_bad_or_the_unit_is_pinned() {
        assert_eq!(UnitRecord::default().takes(NAME, false), None);
        assert_eq!(record(&["1", "2"], &[]).takes(NAME, false), None);
        assert_eq!(record(&["1", "2"], &["3"]).takes(NAME, false), Some(Other::InsteadOfBad(&version("2"))));
        assert_eq!(record(&[], &["3"]).takes(NAME, false), None);
        let pinned = UnitRecord { pinned: true, ..record(&["1", "2"], &[]) };
        assert_eq!(pinned.takes(NAME, false), Some(Other::Always(&version("2"))));
        assert_eq!(pinned.takes("another", false), None);
    }

    #[test]
    fn what_is_tried_is_run_only_while_somebody_watches() {
        let change = Change { from: version("1"), to: version("2") };
        let images = BTreeMap::from([(NAME.to_owned(), change)]);
        let record = UnitRecord { trying: Some(Trying { since: 5, images }), ..record(&["1"], &[]) };
        assert_eq!(record.takes(NAME, true), Some(Other::Always(&version("2"))));
        assert_eq!(record.takes(NAME, false), Some(Other::Always(&version("1"))));
    }

    #[test]
    fn bad_and_good_are_remembered_by_digest_and_by_id() {
        let mut record = record(&["1"], &["2"]);
        for word in ["sha256:d2", "i2"] {
            assert_eq!(record.knows(NAME, word), Known::Bad(&version("2")), "{word}");
        }
        assert_eq!(record.knows(NAME, "i1"), Known::Good);
        assert_eq!(record.knows(NAME, "i9"), Known::New);
        assert_eq!(record.knows(NAME, ""), Known::New);
        // What is found to be well after all is forgiven.
        assert!(record.is_good(NAME, version("2")));
        assert!(!record.is_good(NAME, version("2")));
        assert_eq!(record.knows(NAME, "i2"), Known::Good);
    }

    #[test]
    fn a_rollback_goes_to_the_last_good_one_or_to_the_one_that_is_named() {
        let record = record(&["1", "2", "3"], &["2", "4"]);
        assert_eq!(record.earlier(NAME, "i3", None), Some(&version("1")));
        assert_eq!(record.earlier(NAME, "i3", Some("sha256:d4")), Some(&version("4")));
        assert_eq!(record.earlier(NAME, "i3", Some("i2")), Some(&version("2")));
        for none in ["d", "", "sha256:", "x"] {
            assert_eq!(record.earlier(NAME, "i3", Some(none)), None, "{none}");
        }
        assert_eq!(UnitRecord::default().earlier(NAME, "i3", None), None);
    }

    #[test]
    fn only_so_much_is_remembered() {
        let mut record = UnitRecord::default();
        for number in 0..2 * REMEMBERED {
            record.is_good(NAME, version(&number.to_string()));
            record.is_bad(NAME, version(&format!("b{number}")));
        }
        let track = &record.images[NAME];
        assert_eq!((track.good.len(), track.bad.len()), (REMEMBERED, REMEMBERED));
        assert_eq!(track.good.last(), Some(&version(&(2 * REMEMBERED - 1).to_string())));
    }

    #[test]
    fn records_of_other_releases_are_read() {
        let record: UnitRecord =
            serde_json::from_str(r#"{"images":{"a":{"good":[{"digest":"d"}]}},"new":1}"#).unwrap();
        assert_eq!(record.images["a"].good[0].digest, "d");
    }
}
