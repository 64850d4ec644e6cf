//! PAX extended headers: `LENGTH KEY=VALUE\n`, one after another. See pax(1), "pax Extended Header".

use super::error::TarError;
use super::sparse::{Told, pairs_of_text};

/// What an extended header says of its entry.
#[derive(Default)]
pub(super) struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    pub mtime: Option<(i64, u32)>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: Option<Told>,
}

/// The keys of GNU sparse files, collected before their format is known.
#[derive(Default)]
struct SparseKeys {
    any: bool,
    major: Option<u64>,
    minor: Option<u64>,
    size: Option<u64>,
    real_size: Option<u64>,
    name: Option<Vec<u8>>,
    map: Option<Vec<(u64, u64)>>,
    /// Format 0.0: offsets and lengths come as repeated keys.
    pairs: Vec<(u64, u64)>,
    open_offset: Option<u64>,
}

impl Pax {
    pub fn parse(text: &[u8], offset: u64) -> Result<Self, TarError> {
        let mut pax = Self::default();
        let mut sparse = SparseKeys::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (key, value, after) = record(rest)
                .ok_or_else(|| TarError::malformed(offset, "a record of a PAX header is not one"))?;
            rest = after;
            pax.take(key, value, offset)?;
            sparse.take(key, value, offset)?;
        }
        pax.sparse = sparse.told(offset)?;
        Ok(pax)
    }

    /// Refuses global headers that change entries: some readers heed them, others do not.
    pub fn must_be_harmless(&self, offset: u64) -> Result<(), TarError> {
        let harmless = self.path.is_none()
            && self.link.is_none()
            && self.size.is_none()
            && self.uid.is_none()
            && self.gid.is_none()
            && self.mtime.is_none()
            && self.xattrs.is_empty()
            && self.sparse.is_none();
        if harmless {
            Ok(())
        } else {
            Err(TarError::malformed(offset, "a global PAX header changes entries"))
        }
    }

    fn take(&mut self, key: &[u8], value: &[u8], offset: u64) -> Result<(), TarError> {
        let wrong = |what| TarError::malformed(offset, what);
        match key {
            b"path" => self.path = Some(nonempty(value, offset)?),
            b"linkpath" => self.link = Some(nonempty(value, offset)?),
            b"size" => {
                self.size = Some(decimal(value).ok_or_else(|| wrong("the size in a PAX header is not one"))?)
            }
            b"uid" => self.uid = Some(id(value).ok_or_else(|| wrong("the uid in a PAX header is not one"))?),
            b"gid" => self.gid = Some(id(value).ok_or_else(|| wrong("the gid in a PAX header is not one"))?),
            b"mtime" => {
                self.mtime = Some(time(value).ok_or_else(|| wrong("the mtime in a PAX header is not one"))?)
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    if name.is_empty() || name.len() > 255 || name.contains(&0) {
                        return Err(wrong("the name of an extended attribute cannot be one"));
                    }
                    // A later record of the same key wins, as pax(1) says.
                    self.xattrs.retain(|(known, _)| known != name);
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                    // The kernel lists at most 64 KiB of names; this many have no honest use.
                    if self.xattrs.len() > 1000 {
                        return Err(wrong("too many extended attributes"));
                    }
                }
            }
        }
        Ok(())
    }
}

impl SparseKeys {
    fn take(&mut self, key: &[u8], value: &[u8], offset: u64) -> Result<(), TarError> {
        let Some(key) = key.strip_prefix(b"GNU.sparse.") else { return Ok(()) };
        let wrong = || TarError::malformed(offset, "the map of holes in a PAX header is wrong");
        let number = || decimal(value).ok_or_else(wrong);
        self.any = true;
        match key {
            b"major" => self.major = Some(number()?),
            b"minor" => self.minor = Some(number()?),
            b"size" => self.size = Some(number()?),
            b"realsize" => self.real_size = Some(number()?),
            b"numblocks" => drop(number()?),
            b"name" => self.name = Some(nonempty(value, offset)?),
            b"map" => self.map = Some(pairs_of_text(value).ok_or_else(wrong)?),
            b"offset" if self.open_offset.is_none() => self.open_offset = Some(number()?),
            b"numbytes" => self.pairs.push((self.open_offset.take().ok_or_else(wrong)?, number()?)),
            _ => return Err(wrong()),
        }
        Ok(())
    }

    fn told(self, offset: u64) -> Result<Option<Told>, TarError> {
        if !self.any {
            return Ok(None);
        }
        let wrong = || TarError::malformed(offset, "the map of holes in a PAX header is of no known format");
        if self.open_offset.is_some() || (self.map.is_some() && !self.pairs.is_empty()) {
            return Err(wrong());
        }
        let size = match (self.size, self.real_size) {
            (Some(size), None) | (None, Some(size)) => size,
            (Some(size), Some(real)) if size == real => size,
            _ => return Err(wrong()),
        };
        let map = match (self.major, self.minor) {
            (Some(1), Some(0)) if self.map.is_none() && self.pairs.is_empty() => None,
            (None | Some(0), None | Some(0 | 1)) => match self.map {
                Some(map) => Some(map),
                None if !self.pairs.is_empty() => Some(self.pairs),
                None => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        Ok(Some(Told { size, map, name: self.name }))
    }
}

/// Splits the first record off: its key, its value, and what follows.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = text.iter().take(21).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(text.get(..blank)?)?).ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let content = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = content.iter().position(|byte| *byte == b'=')?;
    let (key, value) = content.split_at_checked(equals)?;
    if key.is_empty() || key.contains(&0) {
        return None;
    }
    Some((key, value.get(1..)?, rest))
}

fn nonempty(value: &[u8], offset: u64) -> Result<Vec<u8>, TarError> {
    // pax(1) lets an empty value take back a global one; readers disagree about what is left then.
    if value.is_empty() {
        return Err(TarError::malformed(offset, "a PAX header empties a name"));
    }
    Ok(value.to_vec())
}

/// Decimal digits and nothing else, below 2^63.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let value = text.iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })?;
    (value <= i64::MAX.cast_unsigned()).then_some(value)
}

fn id(text: &[u8]) -> Option<i64> {
    decimal(text).and_then(|id| i64::try_from(id).ok())
}

/// `seconds[.fraction]`, possibly negative; digits below nanoseconds are cut off.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(dot) => (text.get(..dot)?, text.get(dot + 1..)?),
        None => (text, &b""[..]),
    };
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut nanos = 0_u32;
    for index in 0..9 {
        let digit = fraction.get(index).map_or(0, |byte| u32::from(byte - b'0'));
        nanos = nanos * 10 + digit;
    }
    Some(match (negative, nanos) {
        (false, _) => (seconds, nanos),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanos),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_and_fractions_are_read() {
        for (text, expected) in [
            ("0", Some((0, 0))),
            ("12.5", Some((12, 500_000_000))),
            ("12.1234567891", Some((12, 123_456_789))),
            ("-1.25", Some((-2, 750_000_000))),
            ("-3", Some((-3, 0))),
            ("12.", Some((12, 0))),
            ("", None),
            (".5", None),
            ("1.x", None),
            ("1e3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(time(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn records_must_tell_their_length_exactly() {
        assert_eq!(record(b"9 a=bcd\n\nrest").unwrap(), (&b"a"[..], &b"bcd\n"[..], &b"rest"[..]));
        assert_eq!(record(b"8 a=bcd\nrest").unwrap(), (&b"a"[..], &b"bcd"[..], &b"rest"[..]));
        for wrong in
            ["", "8 a=bcd", "7 a=bcd\n", "99 a=b\n", "x a=b\n", "6 abc\n", "5 =b\n", " 6 a=b\n", "-6 a=b\n"]
        {
            assert_eq!(record(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
