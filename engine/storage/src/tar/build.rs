//! Archives made byte by byte, also such as no honest program makes.

use super::BLOCK;

/// One header, with every field to be set at will.
#[derive(Clone)]
pub(crate) struct Head {
    pub name: Vec<u8>,
    pub flag: u8,
    pub size: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: i64,
    pub link: Vec<u8>,
    pub device: (u32, u32),
    pub gnu: bool,
    pub prefix: Vec<u8>,
}

impl Head {
    pub fn new(name: &str, flag: u8) -> Self {
        Self {
            name: name.into(),
            flag,
            size: 0,
            mode: if flag == b'5' { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            mtime: 1_000_000_000,
            link: Vec::new(),
            device: (0, 0),
            gnu: false,
            prefix: Vec::new(),
        }
    }

    pub fn block(&self) -> [u8; BLOCK] {
        let mut block = [0_u8; BLOCK];
        put(&mut block, 0, &self.name);
        put(&mut block, 100, format!("{:07o}", self.mode).as_bytes());
        put(&mut block, 108, format!("{:07o}", self.uid).as_bytes());
        put(&mut block, 116, format!("{:07o}", self.gid).as_bytes());
        put(&mut block, 124, format!("{:011o}", self.size).as_bytes());
        if self.mtime >= 0 {
            put(&mut block, 136, format!("{:011o}", self.mtime).as_bytes());
        } else {
            block[136..140].fill(0xff);
            put(&mut block, 140, &self.mtime.to_be_bytes());
        }
        block[156] = self.flag;
        put(&mut block, 157, &self.link);
        put(&mut block, 257, if self.gnu { b"ustar  \0" } else { b"ustar\x0000" });
        put(&mut block, 329, format!("{:07o}", self.device.0).as_bytes());
        put(&mut block, 337, format!("{:07o}", self.device.1).as_bytes());
        put(&mut block, 345, &self.prefix);
        sign(&mut block);
        block
    }
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Writes the checksum.
pub(crate) fn sign(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(block, 148, format!("{sum:06o}\0").as_bytes());
}

/// A record of a PAX header.
pub(crate) fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// An archive in the making.
#[derive(Default, Clone)]
pub(crate) struct Archive(pub Vec<u8>);

impl Archive {
    pub fn new() -> Self {
        Self::default()
    }

    /// A header and data as they are, padded.
    pub fn raw(mut self, block: &[u8; BLOCK], data: &[u8]) -> Self {
        self.0.extend_from_slice(block);
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    pub fn with(self, name: &str, flag: u8, data: &[u8], change: impl FnOnce(&mut Head)) -> Self {
        let mut head = Head::new(name, flag);
        head.size = data.len() as u64;
        change(&mut head);
        self.raw(&head.block(), data)
    }

    pub fn file(self, name: &str, data: &[u8]) -> Self {
        self.with(name, b'0', data, |_| {})
    }

    pub fn dir(self, name: &str) -> Self {
        self.with(name, b'5', b"", |_| {})
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.with(name, b'2', b"", |head| head.link = target.into())
    }

    pub fn hardlink(self, name: &str, target: &str) -> Self {
        self.with(name, b'1', b"", |head| head.link = target.into())
    }

    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let text: Vec<u8> = records.iter().flat_map(|(key, value)| pax_record(key, value)).collect();
        self.with("pax", b'x', &text, |_| {})
    }

    pub fn gnu_long(self, flag: u8, text: &str) -> Self {
        self.with("././@LongLink", flag, format!("{text}\0").as_bytes(), |head| head.gnu = true)
    }

    /// The whole archive, with its two empty blocks.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}
