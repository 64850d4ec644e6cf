//! Writing tar archives: ustar headers, PAX where a value does not fit. See pax(1), "pax Interchange Format".

use std::io::{self, Write};

use super::{BLOCK, Kind};

/// What stands in the headers of one entry.
#[derive(Debug, Clone)]
pub(crate) struct Head<'a> {
    /// Path, without a slash in front.
    pub path: &'a [u8],
    pub kind: Kind,
    /// Permission bits, with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Target of a symbolic or hard link.
    pub link: &'a [u8],
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Bytes of data that follow.
    pub size: u64,
    /// Extended attributes.
    pub xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

/// Writes entries one after another.
pub(crate) struct Writer<W> {
    out: W,
    padding: usize,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> Self {
        Self { out, padding: 0 }
    }

    /// Begins an entry; its data follows with [`Writer::data`], as many bytes as the head says.
    pub fn begin(&mut self, head: &Head<'_>) -> io::Result<()> {
        self.pad()?;
        let mut pax = Vec::new();
        let mut path = head.path.to_vec();
        if head.kind == Kind::Directory {
            path.push(b'/');
        }
        let (name, prefix) = split(&path).unwrap_or_else(|| {
            record(&mut pax, b"path", &path);
            (path.get(..100).unwrap_or(&path), &[])
        });
        if head.link.len() > 100 {
            record(&mut pax, b"linkpath", head.link);
        }
        let mut block = [0_u8; BLOCK];
        put(&mut block, 0, name);
        octal(&mut block, 100, 8, head.mode.into());
        for (key, at, id) in [(b"uid", 108, head.uid), (b"gid", 116, head.gid)] {
            if !octal(&mut block, at, 8, id.into()) {
                record(&mut pax, key, id.to_string().as_bytes());
            }
        }
        if !octal(&mut block, 124, 12, head.size) {
            record(&mut pax, b"size", head.size.to_string().as_bytes());
        }
        if !u64::try_from(head.mtime).is_ok_and(|time| octal(&mut block, 136, 12, time)) {
            octal(&mut block, 136, 12, 0);
            record(&mut pax, b"mtime", head.mtime.to_string().as_bytes());
        }
        put(&mut block, 156, &[flag(head.kind)]);
        put(&mut block, 157, head.link.get(..100).unwrap_or(head.link));
        put(&mut block, 257, b"ustar\x0000");
        octal(&mut block, 329, 8, head.device.0.into());
        octal(&mut block, 337, 8, head.device.1.into());
        put(&mut block, 345, prefix);
        for (name, value) in head.xattrs {
            record(&mut pax, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
        }
        if !pax.is_empty() {
            self.extended(&pax)?;
        }
        sign(&mut block);
        self.out.write_all(&block)?;
        self.padding = padding(head.size);
        Ok(())
    }

    /// The PAX header of the entry that follows.
    fn extended(&mut self, text: &[u8]) -> io::Result<()> {
        let mut block = [0_u8; BLOCK];
        put(&mut block, 0, b"PaxHeaders.0/entry");
        octal(&mut block, 100, 8, 0o644);
        octal(&mut block, 108, 8, 0);
        octal(&mut block, 116, 8, 0);
        octal(&mut block, 124, 12, crate::record::length(text.len()));
        octal(&mut block, 136, 12, 0);
        put(&mut block, 156, b"x");
        put(&mut block, 257, b"ustar\x0000");
        sign(&mut block);
        self.out.write_all(&block)?;
        self.out.write_all(text)?;
        self.padding = padding(crate::record::length(text.len()));
        self.pad()
    }

    /// A part of the current entry's data.
    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Two empty blocks end the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.pad()?;
        self.out.write_all(&[0_u8; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn pad(&mut self) -> io::Result<()> {
        let padding = std::mem::take(&mut self.padding);
        self.out.write_all([0_u8; BLOCK].get(..padding).unwrap_or_default())
    }
}

fn padding(size: u64) -> usize {
    let block = crate::record::length(BLOCK);
    usize::try_from((block - size % block) % block).unwrap_or(0)
}

fn flag(kind: Kind) -> u8 {
    match kind {
        Kind::File => b'0',
        Kind::Hardlink => b'1',
        Kind::Symlink => b'2',
        Kind::CharDevice => b'3',
        Kind::BlockDevice => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }
}

/// A path as name and prefix of a ustar header; `None` if it does not fit.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((path, &[]));
    }
    // The slash between the two is not written. The last byte of a directory is one, and belongs to the name.
    let first = path.len().checked_sub(101)?;
    let (_, tail) = path.split_at_checked(first)?;
    let at = first + tail.iter().position(|byte| *byte == b'/')?;
    let (prefix, name) = path.split_at_checked(at)?;
    let name = name.get(1..)?;
    (prefix.len() <= 155 && !prefix.is_empty() && !name.is_empty()).then_some((name, prefix))
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    if let Some(field) = block.get_mut(at..at + bytes.len()) {
        field.copy_from_slice(bytes);
    }
}

/// Writes a number; false if it has too many digits.
fn octal(block: &mut [u8; BLOCK], at: usize, length: usize, number: u64) -> bool {
    let digits = format!("{number:0width$o}", width = length - 1);
    let fits = digits.len() < length;
    if fits {
        put(block, at, digits.as_bytes());
    }
    fits
}

/// Writes the checksum, its own field taken as blanks.
fn sign(block: &mut [u8; BLOCK]) {
    put(block, 148, b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(block, 148, format!("{sum:06o}\0").as_bytes());
}

/// `LENGTH KEY=VALUE\n`, the length counting itself.
fn record(text: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    text.extend(length.to_string().bytes());
    text.push(b' ');
    text.extend(key);
    text.push(b'=');
    text.extend(value);
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;

    fn head(path: &[u8], kind: Kind) -> Head<'_> {
        Head {
            path,
            kind,
            mode: 0o640,
            uid: 1,
            gid: 2,
            mtime: 3,
            link: b"",
            device: (0, 0),
            size: 0,
            xattrs: &[],
        }
    }

    /// What the strict reader makes of what was written.
    #[track_caller]
    fn read_back(head: &Head<'_>, data: &[u8]) -> super::super::Entry {
        let mut writer = Writer::new(Vec::new());
        writer.begin(head).unwrap();
        writer.data(data).unwrap();
        let archive = writer.finish().unwrap();
        assert_eq!(archive.len() % BLOCK, 0);
        let mut reader = Reader::new(archive.as_slice());
        let entry = reader.next_entry().unwrap().unwrap();
        assert_eq!(reader.next_entry().unwrap(), None);
        entry
    }

    #[test]
    fn whatever_the_length_of_a_path_it_comes_back() {
        for length in [1, 99, 100, 101, 102, 155, 156, 250, 256, 257, 300, 4000] {
            for slash in [0, 50, 100, 120] {
                let mut path = vec![b'x'; length];
                if slash > 0 && slash + 1 < length {
                    path[slash] = b'/';
                }
                assert_eq!(read_back(&head(&path, Kind::File), b"").path, path, "{length} {slash}");
                let directory = read_back(&head(&path, Kind::Directory), b"").path;
                assert_eq!(directory.strip_suffix(b"/").unwrap_or(&directory), path, "{length} {slash}");
            }
        }
    }

    #[test]
    fn values_that_do_not_fit_come_back() {
        let xattrs = [(b"user.a".to_vec(), b"b\n=c".to_vec())];
        let link = vec![b'l'; 101];
        let written = Head {
            uid: 4_000_000_000,
            gid: 3_000_000,
            mtime: -5,
            link: &link,
            xattrs: &xattrs,
            ..head(b"a", Kind::Symlink)
        };
        let read = read_back(&written, b"");
        assert_eq!((read.uid, read.gid, read.mtime.0, read.link), (4_000_000_000, 3_000_000, -5, link));
        assert_eq!(read.xattrs, xattrs);
        let read = read_back(&Head { device: (8, 1), ..head(b"d", Kind::BlockDevice) }, b"");
        assert_eq!((read.device, read.mode, read.kind), ((8, 1), 0o640, Kind::BlockDevice));
        let read = read_back(&Head { size: 5, ..head(b"f", Kind::File) }, b"12345");
        assert_eq!(read.size, 5);
    }
}
