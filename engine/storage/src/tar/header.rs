//! One header block: pax(1), "ustar Interchange Format", and what GNU and older tars make of it.

use super::{BLOCK, error::TarError};

/// A header block, read.
pub(super) struct Header {
    /// Where it begins.
    pub offset: u64,
    pub type_flag: u8,
    pub path: Vec<u8>,
    pub link: Vec<u8>,
    pub mode: u32,
    /// `None` when the number is none or does not fit; a PAX header may mend it.
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    pub size: u64,
    pub mtime: i64,
    pub device: (u32, u32),
    /// The block itself: old GNU sparse files keep their map in it.
    pub block: [u8; BLOCK],
}

/// A field of the block.
fn field(block: &[u8; BLOCK], start: usize, length: usize) -> &[u8] {
    block.get(start..start + length).unwrap_or_default()
}

/// The bytes up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number: octal digits between blanks, or, where the first bit is set, a big-endian two's complement.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        // The first bit is a mark, the second is the sign.
        let mut value: i128 = if negative { -1 } else { 0 };
        for (index, byte) in field.iter().enumerate() {
            let byte = match (index, negative) {
                (0, true) => byte | 0x80,
                (0, false) => byte & 0x7f,
                _ => *byte,
            };
            // Twelve bytes at most: 96 bits.
            value = (value << 8) | i128::from(byte);
        }
        return i64::try_from(value).ok();
    }
    let digits = field.iter().skip_while(|byte| **byte == b' ').copied().collect::<Vec<u8>>();
    let end = digits.iter().position(|byte| matches!(byte, b' ' | 0)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if rest.iter().any(|byte| !matches!(byte, b' ' | 0)) {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    })
}

impl Header {
    pub fn parse(block: &[u8; BLOCK], offset: u64) -> Result<Self, TarError> {
        check_sum(block, offset)?;
        let malformed = |what| TarError::malformed(offset, what);
        let type_flag = block.get(156).copied().unwrap_or_default();
        let magic = field(block, 257, 6);
        let version = field(block, 263, 2);
        let name = text(field(block, 0, 100));
        let mut path = Vec::new();
        if magic == b"ustar\0" {
            // star keeps two times behind a shorter prefix and signs with its name.
            let star = field(block, 508, 4) == b"tar\0";
            let prefix = text(field(block, 345, if star { 131 } else { 155 }));
            if !prefix.is_empty() && version != b"00" {
                return Err(malformed("the header's version is not known"));
            }
            path.extend_from_slice(prefix);
            if !prefix.is_empty() {
                path.push(b'/');
            }
        }
        path.extend_from_slice(name);
        let size = number(field(block, 124, 12)).and_then(|size| u64::try_from(size).ok());
        let mode = number(field(block, 100, 8)).filter(|mode| *mode >= 0);
        let device = if matches!(type_flag, b'3' | b'4') {
            let part = |start| number(field(block, start, 8)).and_then(|part| u32::try_from(part).ok());
            part(329).zip(part(337)).ok_or_else(|| malformed("a device number is not one"))?
        } else {
            (0, 0)
        };
        Ok(Self {
            offset,
            type_flag,
            path,
            link: text(field(block, 157, 100)).to_vec(),
            mode: mode
                .and_then(|mode| u32::try_from(mode & 0o7777).ok())
                .ok_or_else(|| malformed("the mode is not one"))?,
            uid: number(field(block, 108, 8)),
            gid: number(field(block, 116, 8)),
            size: size.ok_or_else(|| malformed("the size is not one"))?,
            mtime: number(field(block, 136, 12)).ok_or_else(|| malformed("the time is not one"))?,
            device,
            block: *block,
        })
    }
}

/// The sum of all bytes, its own field taken as blanks; some old tars summed signed bytes.
fn check_sum(block: &[u8; BLOCK], offset: u64) -> Result<(), TarError> {
    let mut unsigned = 0_i64;
    let mut signed = 0_i64;
    for (index, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&index) { b' ' } else { *byte };
        unsigned += i64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    let told = number(field(block, 148, 8));
    if told == Some(unsigned) || told == Some(signed) {
        Ok(())
    } else {
        Err(TarError::malformed(offset, "a header's checksum is wrong"))
    }
}
