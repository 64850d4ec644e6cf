//! Tar archives with any entry one can think of, also those that no honest program would write.

/// A tar archive in the making.
#[derive(Debug, Default, Clone)]
pub struct Tar {
    bytes: Vec<u8>,
}

impl Tar {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// A regular file.
    pub fn file(self, name: &str, mode: u32, content: &[u8]) -> Self {
        self.entry(name, b'0', mode, "", content)
    }

    /// A directory.
    pub fn dir(self, name: &str, mode: u32) -> Self {
        self.entry(name, b'5', mode, "", b"")
    }

    /// A symbolic link.
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(name, b'2', 0o777, target, b"")
    }

    /// A hard link.
    pub fn hardlink(self, name: &str, target: &str) -> Self {
        self.entry(name, b'1', 0o644, target, b"")
    }

    /// A character device.
    pub fn device(mut self, name: &str, major: u32, minor: u32) -> Self {
        let header = header(name, b'3', 0o666, "", 0, (major, minor));
        self.bytes.extend(header);
        self
    }

    /// A FIFO.
    pub fn fifo(self, name: &str) -> Self {
        self.entry(name, b'6', 0o644, "", b"")
    }

    /// Extended attributes for the entry that follows, as GNU tar and the OCI tools write them (`SCHILY.xattr.`).
    pub fn xattr(self, name: &str, value: &str) -> Self {
        let record = |length: usize| format!("{length} SCHILY.xattr.{name}={value}\n");
        // The length counts its own digits.
        let mut length = record(0).len();
        while record(length).len() != length {
            length = record(length).len();
        }
        let record = record(length);
        self.entry("pax", b'x', 0o644, "", record.as_bytes())
    }

    /// Any entry.
    pub fn entry(mut self, name: &str, kind: u8, mode: u32, link: &str, content: &[u8]) -> Self {
        self.bytes.extend(header(name, kind, mode, link, content.len() as u64, (0, 0)));
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// An entry whose header claims a size that does not follow.
    pub fn lying_size(mut self, name: &str, claimed: u64) -> Self {
        self.bytes.extend(header(name, b'0', 0o644, "", claimed, (0, 0)));
        self
    }

    /// The archive with its end mark.
    pub fn done(mut self) -> Vec<u8> {
        self.bytes.extend([0; 1024]);
        self.bytes
    }
}

fn header(name: &str, kind: u8, mode: u32, link: &str, size: u64, device: (u32, u32)) -> [u8; 512] {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, &name.as_bytes()[..name.len().min(100)]);
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"14000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &link.as_bytes()[..link.len().min(100)]);
    put(257, b"ustar\x0000");
    put(329, format!("{:07o}\0", device.0).as_bytes());
    put(337, format!("{:07o}\0", device.1).as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
