//! Maps of files with holes: old GNU, and the GNU formats 0.0, 0.1 and 1.0 in PAX. See "Storing Sparse Files" in the
//! manual of GNU tar.

use super::header::number;
use super::pax::decimal;
use super::{BLOCK, error::TarError};

/// A map of one fragment per megabyte of a terabyte; sixteen bytes each.
const MAX_FRAGMENTS: usize = 1 << 20;

/// The largest file ext4 can hold; `lastlog` of a user with a large id comes near.
const MAX_SIZE: u64 = 1 << 44;

/// A file with holes: its size, and which pieces of it the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sparse {
    /// Bytes of the file, holes counted.
    pub size: u64,
    /// Offset and length of each piece, in the order of the data.
    pub map: Vec<(u64, u64)>,
    /// The file's real name, where the entry's own is a stopgap.
    pub name: Option<Vec<u8>>,
}

/// What a PAX header tells of a file with holes.
pub(super) struct Told {
    pub size: u64,
    /// `None`: the map stands at the beginning of the data (format 1.0).
    pub map: Option<Vec<(u64, u64)>>,
    pub name: Option<Vec<u8>>,
}

impl Sparse {
    /// Refuses maps that go backwards, overlap, leave the file, or do not use all the data.
    pub fn check(&self, data: u64, offset: u64) -> Result<(), TarError> {
        if self.size > MAX_SIZE {
            let what = "a file with holes";
            return Err(TarError::TooLarge { offset, what, size: self.size, limit: MAX_SIZE });
        }
        let mut end = 0_u64;
        let mut used = 0_u64;
        for (start, length) in &self.map {
            let piece_end =
                start.checked_add(*length).filter(|piece_end| *start >= end && *piece_end <= self.size);
            let Some(piece_end) = piece_end else {
                return Err(TarError::malformed(offset, "the map of holes does not fit the file"));
            };
            end = piece_end;
            // Pieces do not overlap and lie within the size, so the sum cannot overflow.
            used += length;
        }
        if used == data {
            Ok(())
        } else {
            Err(TarError::malformed(offset, "the map of holes does not fit the data"))
        }
    }
}

/// Keeps a piece unless there are too many.
fn push(map: &mut Vec<(u64, u64)>, piece: (u64, u64), offset: u64) -> Result<(), TarError> {
    if map.len() >= MAX_FRAGMENTS {
        return Err(TarError::malformed(offset, "too many pieces in a file with holes"));
    }
    map.push(piece);
    Ok(())
}

/// `offset,length,offset,length,…` of format 0.1.
pub(super) fn pairs_of_text(text: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut numbers = text.split(|byte| *byte == b',').map(decimal);
    let mut map = Vec::new();
    while let Some(start) = numbers.next() {
        map.push((start?, numbers.next()??));
    }
    Some(map)
}

/// A number of the old format; unused places are zero bytes.
fn old_number(field: &[u8], offset: u64) -> Result<u64, TarError> {
    number(field)
        .and_then(|value| u64::try_from(value).ok())
        .ok_or_else(|| TarError::malformed(offset, "the map of holes holds no number"))
}

/// Reads pieces of 24 bytes each; a place that begins with a NUL ends the map.
fn old_pieces(field: &[u8], map: &mut Vec<(u64, u64)>, offset: u64) -> Result<(), TarError> {
    for place in field.chunks_exact(24) {
        if place.first() == Some(&0) {
            break;
        }
        let (start, length) = place.split_at(12);
        push(map, (old_number(start, offset)?, old_number(length, offset)?), offset)?;
    }
    Ok(())
}

/// What an old GNU header says: its pieces, whether more follow, and the file's size.
type OldMap = (Vec<(u64, u64)>, bool, u64);

/// Reads the map in an old GNU header.
pub(super) fn old_gnu_header(block: &[u8; BLOCK], offset: u64) -> Result<OldMap, TarError> {
    if block.get(257..265) != Some(b"ustar  \0") {
        return Err(TarError::malformed(offset, "a GNU file with holes in an archive that is not GNU's"));
    }
    let mut map = Vec::new();
    old_pieces(block.get(386..482).unwrap_or_default(), &mut map, offset)?;
    let extended = block.get(482).is_some_and(|byte| *byte != 0);
    let size = old_number(block.get(483..495).unwrap_or_default(), offset)?;
    Ok((map, extended, size))
}

/// Reads one block of more pieces; true when yet another follows.
pub(super) fn old_gnu_extension(
    block: &[u8; BLOCK],
    map: &mut Vec<(u64, u64)>,
    offset: u64,
) -> Result<bool, TarError> {
    // Empty blocks that only point to the next would go on for ever without filling the map.
    let before = map.len();
    old_pieces(block.get(..504).unwrap_or_default(), map, offset)?;
    let extended = block.get(504).is_some_and(|byte| *byte != 0);
    if extended && map.len() == before {
        return Err(TarError::malformed(offset, "an empty block in a map of holes"));
    }
    Ok(extended)
}

/// The map of format 1.0: decimal numbers, one a line, padded to whole blocks.
pub(super) struct DataMap {
    pub map: Vec<(u64, u64)>,
    /// Pieces still to come; `None` before their number was read.
    left: Option<u64>,
    start: Option<u64>,
    line: Vec<u8>,
}

impl DataMap {
    pub fn new() -> Self {
        Self { map: Vec::new(), left: None, start: None, line: Vec::new() }
    }

    /// Reads one block; true when the map is complete (the rest of the block is padding).
    pub fn block(&mut self, block: &[u8; BLOCK], offset: u64) -> Result<bool, TarError> {
        let wrong = || TarError::malformed(offset, "the map of holes holds no number");
        for byte in block {
            if *byte != b'\n' {
                self.line.push(*byte);
                // Twenty digits are more than any number has.
                if self.line.len() > 20 {
                    return Err(wrong());
                }
                continue;
            }
            let value = decimal(&self.line).ok_or_else(wrong)?;
            self.line.clear();
            match (self.left, self.start.take()) {
                (None, _) => self.left = Some(value),
                (Some(_), None) => self.start = Some(value),
                (Some(left), Some(start)) => {
                    push(&mut self.map, (start, value), offset)?;
                    self.left = Some(left - 1);
                }
            }
            if self.left == Some(0) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
