//! What a file seems to be, told by its first bytes, as web browsers do it (the MIME Sniffing Standard) and as Podman
//! does it for the files of an artifact.

/// So many bytes are looked at.
pub const SNIFFED: usize = 512;

/// Beginnings of files, from their very first byte.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\xFE\xFF", "text/plain; charset=utf-16be"),
    (b"\xFF\xFE", "text/plain; charset=utf-16le"),
    (b"\xEF\xBB\xBF", "text/plain; charset=utf-8"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"\x00\x00\x02\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\x0D\x0A\x1A\x0A", "image/png"),
    (b"\xFF\xD8\xFF", "image/jpeg"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\x00", "application/ogg"),
    (b"MThd\x00\x00\x00\x06", "audio/midi"),
    (b"\x1A\x45\xDF\xA3", "video/webm"),
    (b"\x00\x01\x00\x00", "font/ttf"),
    (b"OTTO", "font/otf"),
    (b"ttcf", "font/collection"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x1F\x8B\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1A\x07\x00", "application/x-rar-compressed"),
    (b"Rar!\x1A\x07\x01\x00", "application/x-rar-compressed"),
    (b"\x00\x61\x73\x6D", "application/wasm"),
];

/// Containers that say four bytes later what is in them.
const FORMS: &[(&[u8], &[u8], &str)] = &[
    (b"RIFF", b"WEBPVP", "image/webp"),
    (b"RIFF", b"WAVE", "audio/wave"),
    (b"RIFF", b"AVI ", "video/avi"),
    (b"FORM", b"AIFF", "audio/aiff"),
];

/// Words that HTML begins with, in any case, before a space or `>`.
const HTML: &[&str] = &[
    "<!DOCTYPE HTML",
    "<HTML",
    "<HEAD",
    "<SCRIPT",
    "<IFRAME",
    "<H1",
    "<DIV",
    "<FONT",
    "<TABLE",
    "<A",
    "<STYLE",
    "<TITLE",
    "<B",
    "<BODY",
    "<BR",
    "<P",
    "<!--",
];

/// The media type of a file that begins like this; `application/octet-stream` if nothing is known of it.
#[must_use]
pub fn media_type(bytes: &[u8]) -> &'static str {
    let bytes = bytes.get(..SNIFFED).unwrap_or(bytes);
    let blanks = bytes.iter().take_while(|it| matches!(it, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ')).count();
    let text = bytes.get(blanks..).unwrap_or_default();
    if HTML.iter().any(|word| is_html(text, word)) {
        return "text/html; charset=utf-8";
    }
    if text.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    if let Some((_, found)) = BEGINNINGS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return found;
    }
    let form = |(start, form, _): &&(&[u8], &[u8], &str)| {
        bytes.starts_with(start) && bytes.get(8..).is_some_and(|rest| rest.starts_with(form))
    };
    if let Some((_, _, found)) = FORMS.iter().find(form) {
        return found;
    }
    if is_mp4(bytes) {
        return "video/mp4";
    }
    let is_binary = |it: &u8| matches!(it, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F);
    match text.iter().any(is_binary) {
        true => "application/octet-stream",
        false => "text/plain; charset=utf-8",
    }
}

fn is_html(text: &[u8], word: &str) -> bool {
    let begins = text.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()));
    begins && (word == "<!--" || matches!(text.get(word.len()), Some(b' ' | b'>')))
}

/// Whether the first box of the file says that it is of the family of MP4.
fn is_mp4(bytes: &[u8]) -> bool {
    let Some(size) = bytes.first_chunk::<4>().map(|it| u32::from_be_bytes(*it) as usize) else {
        return false;
    };
    if bytes.len() < 12 || bytes.len() < size || size % 4 != 0 || bytes.get(4..8) != Some(b"ftyp") {
        return false;
    }
    // The minor version, between the brand and the brands it is compatible with, is none.
    let brands = (8..size).step_by(4).filter(|at| *at != 12);
    brands.into_iter().any(|at| bytes.get(at..at + 3) == Some(b"mp4"))
}
