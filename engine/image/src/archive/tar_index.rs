//! Which member of a tar archive lies where; nothing is unpacked.
//!
//! Understands ustar, GNU long names and pax headers, as far as archives of images need them. Two readings of the same
//! bytes do no harm here, since everything that is found is checked by its digest.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const BLOCK: u64 = 512;
/// Long names and pax headers are small.
const MAX_EXTENSION: u64 = 1 << 20;
/// A thousand layers of three members each, many times over.
pub(super) const MAX_MEMBERS: usize = 200_000;
/// Links to links to links.
const MAX_LINKS: usize = 8;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    File { offset: u64, size: u64 },
    Link(String),
}

/// The members of an archive.
#[derive(Debug)]
pub(super) struct TarIndex {
    file: Arc<File>,
    members: HashMap<String, Member>,
}

/// Says why there is no index.
#[derive(Debug)]
pub(super) enum IndexError {
    Io(io::Error),
    TooManyMembers,
    NoTar,
}

impl From<io::Error> for IndexError {
    fn from(err: io::Error) -> IndexError {
        IndexError::Io(err)
    }
}

impl TarIndex {
    /// Walks over the headers.
    pub(super) fn read(file: File) -> Result<TarIndex, IndexError> {
        let file = Arc::new(file);
        let mut members = HashMap::new();
        let mut offset = 0;
        let mut next = Extension::default();
        let mut block = [0; BLOCK as usize];
        loop {
            match file.read_exact_at(&mut block, offset) {
                Ok(()) => {}
                // Some writers leave the end marks out.
                Err(err) if err.kind() == io::ErrorKind::UnexpectedEof && !members.is_empty() => break,
                Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Err(IndexError::NoTar),
                Err(err) => return Err(err.into()),
            }
            if block.iter().all(|byte| *byte == 0) {
                break;
            }
            let header = Header::parse(&block).ok_or(IndexError::NoTar)?;
            let data = offset + BLOCK;
            let size = next.size.take().unwrap_or(header.size);
            let padded = size.checked_next_multiple_of(BLOCK).ok_or(IndexError::NoTar)?;
            offset = data.checked_add(padded).ok_or(IndexError::NoTar)?;
            let extension = || -> Result<Vec<u8>, IndexError> {
                if size > MAX_EXTENSION {
                    return Err(IndexError::NoTar);
                }
                let mut bytes = vec![0; usize::try_from(size).map_err(|_| IndexError::NoTar)?];
                file.read_exact_at(&mut bytes, data)?;
                Ok(bytes)
            };
            match header.kind {
                b'L' => next.path = Some(text(&extension()?)),
                b'K' => next.link = Some(text(&extension()?)),
                b'x' => next.read_pax(&extension()?),
                b'g' => {}
                kind => {
                    let name = next.path.take().unwrap_or(header.name);
                    let link = next.link.take().unwrap_or(header.link);
                    next = Extension::default();
                    let path = normalise(&name, "");
                    let member = match kind {
                        b'0' | b'7' | 0 => Member::File { offset: data, size },
                        b'2' => Member::Link(normalise(&link, parent(&path))),
                        b'1' => Member::Link(normalise(&link, "")),
                        _ => continue,
                    };
                    if members.len() >= MAX_MEMBERS {
                        return Err(IndexError::TooManyMembers);
                    }
                    members.insert(path, member);
                }
            }
        }
        Ok(TarIndex { file, members })
    }

    /// Finds a file, through links within the archive; returns where it lies and how long it is.
    fn find(&self, path: &str) -> Option<(u64, u64)> {
        let mut path = normalise(path, "");
        for _ in 0..MAX_LINKS {
            match self.members.get(&path)? {
                Member::File { offset, size } => return Some((*offset, *size)),
                Member::Link(target) => path = target.clone(),
            }
        }
        None
    }

    /// Opens a file; returns its size, too.
    pub(super) fn open(&self, path: &str) -> Option<(Section, u64)> {
        let (offset, size) = self.find(path)?;
        Some((Section { file: self.file.clone(), offset, left: size }, size))
    }
}

/// A part of a file, read without moving the file's own position, so that many can be read at a time.
#[derive(Debug)]
pub(super) struct Section {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for Section {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let Some(buf) = buf.get_mut(..most).filter(|buf| !buf.is_empty()) else { return Ok(0) };
        let length = self.file.read_at(buf, self.offset)?;
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive ends in the middle of a member",
            ));
        }
        self.offset += length as u64;
        self.left -= length as u64;
        Ok(length)
    }
}

/// What a header says about the next one.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl Extension {
    /// Reads records `LENGTH KEY=VALUE\n`.
    fn read_pax(&mut self, mut bytes: &[u8]) {
        while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
            let length = bytes.get(..space).and_then(|digits| std::str::from_utf8(digits).ok());
            let Some(length) = length.and_then(|digits| digits.parse::<usize>().ok()) else { return };
            let Some(record) = bytes.get(space + 1..length) else { return };
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            if let Some(equals) = record.iter().position(|byte| *byte == b'=') {
                let (key, value) = record.split_at(equals);
                let value = text(value.get(1..).unwrap_or_default());
                match key {
                    b"path" => self.path = Some(value),
                    b"linkpath" => self.link = Some(value),
                    b"size" => self.size = value.parse().ok(),
                    _ => {}
                }
            }
            bytes = bytes.get(length..).unwrap_or_default();
        }
    }
}

struct Header {
    name: String,
    link: String,
    kind: u8,
    size: u64,
}

impl Header {
    fn parse(block: &[u8; BLOCK as usize]) -> Option<Header> {
        let field = |start: usize, length: usize| block.get(start..start + length).unwrap_or_default();
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        if number(field(148, 8))? != sum {
            return None;
        }
        let mut name = text(field(0, 100));
        let prefix = text(field(345, 155));
        if field(257, 6) == b"ustar\0" && !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
        Some(Header {
            name,
            link: text(field(157, 100)),
            kind: block.get(156).copied()?,
            size: number(field(124, 12))?,
        })
    }
}

/// Reads an octal number, or GNU's binary form.
fn number(field: &[u8]) -> Option<u64> {
    if let Some(first) = field.first()
        && first & 0x80 != 0
    {
        let value = field.iter().skip(1).try_fold(u128::from(first & 0x7f), |value, byte| {
            value.checked_mul(256).map(|value| value | u128::from(*byte))
        })?;
        return u64::try_from(value).ok();
    }
    let digits = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

/// Takes the text up to the first NUL.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Brings the ways to write a path to one, below a directory of the archive; `..` stops at the top.
fn normalise(path: &str, below: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let start = if path.starts_with('/') { "" } else { below };
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_form() {
        assert_eq!(normalise("./a//b/", ""), "a/b");
        assert_eq!(normalise("../x/layer.tar", "y"), "x/layer.tar");
        assert_eq!(normalise("../../../etc/passwd", "y"), "etc/passwd");
        assert_eq!(normalise("/a", "y"), "a");
    }

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(number(b"0000017\0"), Some(15));
        assert_eq!(number(b"   17 \0"), Some(15));
        assert_eq!(number(&[0x80, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), None);
        assert_eq!(number(b"9"), None);
        assert_eq!(number(b"\0\0"), Some(0));
    }

    #[test]
    fn pax_records_are_read_and_broken_ones_do_no_harm() {
        let mut extension = Extension::default();
        extension.read_pax(b"12 path=a/b\n12 size=999\n19 linkpath=../x\n\n");
        assert_eq!(extension.path.as_deref(), Some("a/b"));
        assert_eq!(extension.size, Some(999));
        for text in [&b"999 path=x\n"[..], b"x path=y\n", b"0 a=b\n", b" ", b"5 a", b"3 =\n"] {
            Extension::default().read_pax(text);
        }
    }
}
