//! The reader against archives made byte by byte, and against GNU tar.

use std::process::Command;

use super::build::{Archive, Head, sign};
use super::{Entry, Kind, Reader, TarError};
use crate::testing::TestDir;

/// Reads everything; data is put where it belongs, holes as zeros.
fn read(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, TarError> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut data = Vec::new();
        loop {
            let chunk = reader.chunk()?;
            if chunk.is_empty() {
                break;
            }
            data.extend_from_slice(chunk);
            let length = chunk.len();
            reader.consume(length);
        }
        if let Some(sparse) = &entry.sparse {
            let mut whole = vec![0; usize::try_from(sparse.size).unwrap()];
            let mut rest = data.as_slice();
            for (start, length) in &sparse.map {
                let (piece, after) = rest.split_at(usize::try_from(*length).unwrap());
                let start = usize::try_from(*start).unwrap();
                whole[start..start + piece.len()].copy_from_slice(piece);
                rest = after;
            }
            data = whole;
        }
        entries.push((entry, data));
    }
    reader.finish()?;
    Ok(entries)
}

#[track_caller]
fn one(bytes: &[u8]) -> (Entry, Vec<u8>) {
    let mut entries = read(bytes).unwrap();
    assert_eq!(entries.len(), 1);
    entries.pop().unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    match read(bytes) {
        Ok(entries) => panic!("taken: {entries:?}"),
        Err(error) => assert!(error.to_string().contains(reason), "{error}"),
    }
}

#[test]
fn a_plain_file_is_read_with_all_its_fields() {
    let archive = Archive::new().with("a/b", b'0', b"hello", |head| {
        (head.mode, head.uid, head.gid) = (0o4755, 1000, 2000);
    });
    let (entry, data) = one(&archive.end());
    assert_eq!((entry.path.as_slice(), entry.kind, entry.mode), (&b"a/b"[..], Kind::File, 0o4755));
    assert_eq!((entry.uid, entry.gid, entry.mtime, entry.size), (1000, 2000, (1_000_000_000, 0), 5));
    assert_eq!(data, b"hello");
}

#[test]
fn every_kind_is_told_apart() {
    let archive = Archive::new()
        .dir("d/")
        .symlink("s", "target")
        .hardlink("h", "d/f")
        .with("c", b'3', b"", |head| head.device = (1, 3))
        .with("b", b'4', b"", |head| head.device = (8, 0))
        .with("p", b'6', b"", |_| {})
        .with("old-directory/", 0, b"", |_| {})
        .with("contiguous", b'7', b"x", |_| {});
    let kinds: Vec<Kind> = read(&archive.end()).unwrap().into_iter().map(|(entry, _)| entry.kind).collect();
    use Kind::{BlockDevice, CharDevice, Directory, Fifo, File, Hardlink, Symlink};
    assert_eq!(kinds, [Directory, Symlink, Hardlink, CharDevice, BlockDevice, Fifo, Directory, File]);
}

#[test]
fn long_names_come_from_prefix_gnu_or_pax() {
    let long = "x/".repeat(150) + "end";
    let (prefix, name) = long.split_at(150);
    let ustar = Archive::new().with(name.trim_start_matches('/').get(..99).unwrap(), b'0', b"", |head| {
        head.prefix = prefix.trim_end_matches('/').into();
    });
    assert!(one(&ustar.end()).0.path.starts_with(b"x/x/"));
    let gnu = Archive::new().gnu_long(b'L', &long).with("short", b'0', b"", |head| head.gnu = true);
    assert_eq!(one(&gnu.end()).0.path, long.as_bytes());
    let link = Archive::new().gnu_long(b'K', &long).gnu_long(b'L', "name").symlink("short", "short");
    let entry = one(&link.end()).0;
    assert_eq!((entry.path.as_slice(), entry.link.as_slice()), (&b"name"[..], long.as_bytes()));
    let pax = Archive::new().pax(&[("path", long.as_bytes()), ("linkpath", b"t")]).symlink("short", "short");
    let entry = one(&pax.end()).0;
    assert_eq!((entry.path.as_slice(), entry.link.as_slice()), (long.as_bytes(), &b"t"[..]));
}

#[test]
fn pax_overrides_ids_times_and_size() {
    let mut head = Head::new("f", b'0');
    head.size = 0;
    let archive = Archive::new()
        .pax(&[
            ("uid", b"3000000"),
            ("gid", b"4000000000"),
            ("mtime", b"1.5"),
            ("size", b"5"),
            ("SCHILY.xattr.user.a", b"b\0c"),
            ("comment", b"anything"),
        ])
        .raw(&head.block(), b"hello")
        .file("next", b"");
    let entries = read(&archive.end()).unwrap();
    let (entry, data) = &entries[0];
    assert_eq!((entry.uid, entry.gid, entry.mtime), (3_000_000, 4_000_000_000, (1, 500_000_000)));
    assert_eq!(entry.xattrs, [(b"user.a".to_vec(), b"b\0c".to_vec())]);
    assert_eq!(data, b"hello");
    assert_eq!(entries[1].0.path, b"next");
}

/// CVE-2025-62518: one reader believes the header's size, another the PAX header's, and they see different entries.
#[test]
fn an_archive_inside_a_file_is_never_taken_for_entries() {
    let inner = Archive::new().file("smuggled", b"evil").end();
    let mut head = Head::new("outer.tar", b'0');
    head.size = 0;
    let archive = Archive::new()
        .pax(&[("size", inner.len().to_string().as_bytes())])
        .raw(&head.block(), &inner)
        .file("after", b"");
    let names: Vec<Vec<u8>> =
        read(&archive.end()).unwrap().into_iter().map(|(entry, _)| entry.path).collect();
    assert_eq!(names, [b"outer.tar".to_vec(), b"after".to_vec()]);
    // The same with a long name between the two: readers give the size to different entries.
    let archive = Archive::new()
        .pax(&[("size", inner.len().to_string().as_bytes())])
        .gnu_long(b'L', "name")
        .raw(&head.block(), &inner);
    refused(&archive.end(), "follows another header");
}

#[test]
fn what_readers_disagree_about_is_refused() {
    refused(
        &Archive::new().pax(&[("path", b"a")]).pax(&[("path", b"b")]).file("f", b"").end(),
        "follows another header",
    );
    refused(
        &Archive::new().gnu_long(b'L', "a").gnu_long(b'L', "b").file("f", b"").end(),
        "follows another header",
    );
    refused(
        &Archive::new().gnu_long(b'L', "a").pax(&[("path", b"b")]).file("f", b"").end(),
        "follows another header",
    );
    refused(&Archive::new().pax(&[("path", b"a")]).end(), "ends between");
    refused(&Archive::new().gnu_long(b'L', "a").end(), "ends between");
    refused(&Archive::new().pax(&[("path", b"")]).file("f", b"").end(), "empties a name");
    for flag in [b'1', b'2', b'3', b'4', b'5', b'6'] {
        let archive = Archive::new().with("n", flag, b"data", |head| head.link = b"t".to_vec());
        refused(&archive.end(), "data behind an entry");
    }
    refused(&Archive::new().with("name/", b'0', b"x", |_| {}).end(), "ends with a slash");
    let global = |key: &str, value: &[u8]| {
        let text = super::build::pax_record(key, value);
        Archive::new().with("g", b'g', &text, |_| {}).file("f", b"").end()
    };
    refused(&global("path", b"other"), "global");
    refused(&global("size", b"0"), "global");
    refused(&global("SCHILY.xattr.user.a", b"b"), "global");
    assert_eq!(one(&global("comment", b"0123456789abcdef")).0.path, b"f");
    let mut lone = Archive::new().file("a", b"").0;
    lone.resize(lone.len() + 512, 0);
    refused(&[lone, Archive::new().file("b", b"").end()].concat(), "one empty block");
}

#[test]
fn broken_headers_are_refused() {
    let block = |change: &dyn Fn(&mut [u8; 512])| {
        let mut block = Head::new("f", b'0').block();
        change(&mut block);
        sign(&mut block);
        Archive::new().raw(&block, b"").end()
    };
    refused(&block(&|block| block[124..136].copy_from_slice(b"0000000009\0\0")), "size");
    refused(&block(&|block| block[124..136].fill(0xff)), "size");
    refused(&block(&|block| block[100..108].copy_from_slice(b"75 5\0\0\0\0")), "mode");
    refused(&block(&|block| block[108..116].fill(0xff)), "user id");
    refused(&block(&|block| block[136..148].copy_from_slice(b"yesterday\0\0\0")), "time");
    refused(&block(&|block| block[156] = b'V'), "unknown kind");
    refused(&block(&|block| block[156] = b'\x07'), "unknown kind");
    refused(&block(&|block| block[0] = 0), "is empty");
    let version = |block: &mut [u8; 512]| {
        block[263..265].copy_from_slice(b"99");
        block[345] = b'p';
    };
    refused(&block(&version), "version");
    let mut wrong_sum = Archive::new().file("f", b"").end();
    wrong_sum[0] = b'g';
    refused(&wrong_sum, "checksum");
    refused(&Archive::new().pax(&[("path", b"a\0b")]).file("f", b"").end(), "NUL");
    refused(&Archive::new().pax(&[("uid", b"4294967295")]).file("f", b"").end(), "user id");
    refused(&Archive::new().pax(&[("uid", b"-1")]).file("f", b"").end(), "uid");
    refused(&Archive::new().pax(&[("size", b"99999999999999999999")]).file("f", b"").end(), "size");
    refused(&Archive::new().with("p", b'x', b"nonsense", |_| {}).file("f", b"").end(), "record");
    refused(&Archive::new().symlink("s", "").end(), "is empty");
}

#[test]
fn limits_hold() {
    let huge = Archive::new().with("pax", b'x', b"", |head| head.size = 2 << 20);
    refused(&huge.end(), "limit");
    let huge = Archive::new().with("long", b'L', b"", |head| head.size = 1 << 20);
    refused(&huge.end(), "limit");
    let path = "a/".repeat(2100);
    refused(&Archive::new().pax(&[("path", path.as_bytes())]).dir("d").end(), "limit");
}

#[test]
fn truncation_is_told_wherever_it_happens() {
    let whole = Archive::new().pax(&[("path", b"a")]).file("f", &[7; 1000]).file("g", b"x").end();
    let data_end = whole.len() - 1024;
    for length in 1..data_end {
        // Between entries an archive may end: some programs write no empty blocks.
        if [2 * 512 + 512 + 1024].contains(&length) {
            continue;
        }
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    assert_eq!(read(&whole[..data_end]).unwrap().len(), 2);
}

#[test]
fn the_digest_covers_what_stands_behind_the_end() {
    let mut bytes = Archive::new().file("f", b"x").end();
    bytes.extend_from_slice(&[1; 3000]);
    let mut reader = Reader::new(bytes.as_slice());
    while reader.next_entry().unwrap().is_some() {}
    assert!(reader.next_entry().unwrap().is_none());
    assert_eq!(reader.finish().unwrap(), (crate::layers::sha256(&bytes), bytes.len() as u64));
}

/// Small numbers, the same for every run of one seed.
pub(crate) struct Random(pub u64);

impl Random {
    pub fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}

#[test]
fn random_damage_never_panics_and_never_hangs() {
    let archive = Archive::new()
        .pax(&[("path", b"a/b"), ("size", b"5"), ("SCHILY.xattr.user.a", b"b"), ("mtime", b"-1.5")])
        .file("f", b"hello")
        .gnu_long(b'L', "long/name")
        .file("g", &[1; 700])
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"1000"),
            ("GNU.sparse.name", b"s"),
        ])
        .file("GNUSparseFile.1/s", &[b"1\n0\n4\n".to_vec(), vec![0; 506], b"data".to_vec()].concat())
        .pax(&[("GNU.sparse.map", b"0,2,4,2"), ("GNU.sparse.size", b"10"), ("GNU.sparse.numblocks", b"2")])
        .file("t", b"data")
        .symlink("s", "t");
    assert_eq!(read(&archive.clone().end()).unwrap().len(), 5);
    let bytes = archive.end();
    for seed in 0..3000 {
        let mut random = Random(seed);
        let mut damaged = bytes.clone();
        for _ in 0..=random.next(4) {
            let at = random.next(damaged.len());
            damaged[at] = u8::try_from(random.next(256)).unwrap();
            let start = at - at % 512;
            // Half of the time the damage is not betrayed by the checksum.
            if random.next(2) == 0
                && let Some(block) = damaged[start..].first_chunk_mut::<512>()
            {
                sign(block);
            }
        }
        let _ = read(&damaged);
        let _ = read(&damaged[..random.next(damaged.len())]);
    }
    let mut random = Random(1);
    for _ in 0..200 {
        let noise: Vec<u8> = (0..2048).map(|_| u8::try_from(random.next(256)).unwrap()).collect();
        let _ = read(&noise);
    }
}

#[test]
fn sparse_maps_that_lie_are_refused() {
    let sparse = |map: &str, size: &str, data: &[u8]| {
        Archive::new()
            .pax(&[("GNU.sparse.map", map.as_bytes()), ("GNU.sparse.size", size.as_bytes())])
            .file("f", data)
            .end()
    };
    assert_eq!(one(&sparse("1,2,5,1", "8", b"abc")).1, b"\0ab\0\0c\0\0");
    refused(&sparse("5,1,1,2", "8", b"abc"), "does not fit the file");
    refused(&sparse("0,2,1,1", "8", b"abc"), "does not fit the file");
    refused(&sparse("0,9", "8", &[0; 9]), "does not fit the file");
    refused(&sparse("0,2", "8", b"abc"), "does not fit the data");
    refused(&sparse("0,4", "8", b"abc"), "does not fit the data");
    refused(&sparse("9223372036854775807,9223372036854775807", "8", b""), "does not fit the file");
    refused(&sparse("0,0", "1152921504606846976", b""), "limit");
    refused(&sparse("0", "8", b""), "map of holes");
    refused(&sparse("x,1", "8", b""), "map of holes");
    let directory = Archive::new().pax(&[("GNU.sparse.map", b"0,0"), ("GNU.sparse.size", b"0")]).dir("d");
    refused(&directory.end(), "holes in what is not a file");
    let unknown =
        Archive::new().pax(&[("GNU.sparse.major", b"2"), ("GNU.sparse.realsize", b"1")]).file("f", b"");
    refused(&unknown.end(), "no known format");
    let mut block = Head::new("f", b'S').block();
    block[482] = 1;
    block[257..265].copy_from_slice(b"ustar  \0");
    sign(&mut block);
    let endless = Archive::new().raw(&block, b"");
    let mut extension = [0_u8; 512];
    extension[504] = 1;
    refused(&endless.raw(&extension, b"").raw(&extension, b"").end(), "empty block");
}

/// Every format GNU tar writes gives the same entries and the same data.
#[test]
fn archives_of_gnu_tar_are_read_in_all_its_formats() {
    let test = TestDir::new();
    test.write("tree/a file", b"content");
    test.write(&format!("tree/{}/deep", "directory-with-a-long-name/".repeat(9)), b"deep");
    test.symlink("tree/link", &"target/".repeat(30));
    std::fs::hard_link(test.path("tree/a file"), test.path("tree/hard")).unwrap();
    test.write("tree/sparse", b"");
    let sparse = std::fs::OpenOptions::new().write(true).open(test.path("tree/sparse")).unwrap();
    for index in 0..40_u64 {
        std::os::unix::fs::FileExt::write_all_at(
            &sparse,
            &[b'a' + u8::try_from(index % 26).unwrap(); 5000],
            index * 100_000,
        )
        .unwrap();
    }
    sparse.set_len(5_000_000).unwrap();
    let formats: [&[&str]; 6] = [
        &["--format=gnu", "--sparse"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
        &["--format=gnu"],
        &["--format=pax"],
    ];
    for format in formats {
        let output = Command::new("tar")
            .args(format)
            .args(["-C", test.path("tree").to_str().unwrap(), "-c", "."])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let entries = read(&output.stdout).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        let find =
            |end: &str| entries.iter().find(|(entry, _)| entry.path.ends_with(end.as_bytes())).unwrap();
        assert_eq!(find("deep").1, b"deep", "{format:?}");
        assert_eq!(find("/link").0.link, "target/".repeat(30).as_bytes(), "{format:?}");
        let sparse = find("/sparse");
        assert!(sparse.1 == test.read("tree/sparse"), "{format:?}");
        assert_eq!(sparse.0.sparse.is_some(), format.len() > 1, "{format:?}");
        let links = entries.iter().filter(|(entry, _)| entry.kind == Kind::Hardlink).count();
        assert_eq!(links, 1, "{format:?}");
    }
}

/// Attack 26: what this reader takes, GNU tar takes too, and finds the same names in it.
#[test]
fn damaged_archives_that_are_taken_mean_the_same_to_gnu_tar() {
    let archive = Archive::new()
        .pax(&[("path", b"pax/name"), ("size", b"5")])
        .file("f", b"hello")
        .file("plain", &[1; 700])
        .gnu_long(b'L', "long/name")
        .with("g", b'0', &[2; 100], |head| head.gnu = true)
        .dir("d/")
        .symlink("s", "t")
        .hardlink("h", "plain")
        .file("last", b"end")
        .end();
    let test = TestDir::new();
    let mut taken = 0;
    for seed in 0..250 {
        let mut random = Random(seed);
        let mut damaged = archive.clone();
        for _ in 0..=random.next(2) {
            // Mostly where headers are: the type, the size, the magic, the PAX records.
            let block = random.next(damaged.len() / 512) * 512;
            let at = block
                + [random.next(512), 156, 124 + random.next(12), random.next(20), 257 + random.next(8)]
                    [random.next(5)];
            damaged[at] = [b'0', b'5', b'x', b'L', 0, b' ', b'/', b'1', b'\n', 0x80, b'2'][random.next(11)];
            sign(damaged[block..].first_chunk_mut::<512>().unwrap());
        }
        let Ok(entries) = read(&damaged) else { continue };
        taken += 1;
        std::fs::write(test.path("archive"), &damaged).unwrap();
        let output = Command::new("tar")
            .args(["--quoting-style=escape", "-P", "-tf", test.path("archive").to_str().unwrap()])
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let theirs = String::from_utf8_lossy(&output.stdout).lines().count();
        let problem = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours: Vec<String> =
            entries.iter().map(|(entry, _)| String::from_utf8_lossy(&entry.path).into_owned()).collect();
        assert!(
            output.status.success() && theirs == ours.len(),
            "{seed}: {ours:?}\n{}{problem}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    assert!(taken > 20, "{taken}");
}
