//! What must hold for every value and every file, not only for those somebody thought of.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use pontoon_units::words::{Splitting, split};
use pontoon_units::{
    Content, Conversion, Emit, Form, Section, Settings, Source, Unit, UnitKind, convert, parse, quote,
    vocabulary,
};
use proptest::prelude::*;

fn words(line: &str) -> Vec<String> {
    split(line, Splitting::Command).unwrap().into_iter().map(|word| word.text).collect()
}

fn settings() -> Settings {
    Settings { user: false, engine: "/usr/bin/pontoon".to_owned(), accounts: Default::default() }
}

fn convert_bytes(name: &str, text: &[u8]) -> Conversion {
    let path: Arc<str> = Arc::from(format!("/etc/containers/systemd/{name}"));
    let source =
        Source { name: name.to_owned(), path, content: Content::Text(text.to_vec()), drop_ins: Vec::new() };
    convert(&[source], &settings())
}

/// The command that starts the one service of a conversion.
fn start(conversion: &Conversion) -> Vec<String> {
    assert!(!conversion.has_errors(), "{:?}", conversion);
    let service = conversion.services.first().unwrap();
    // A pod is made before it is started.
    let key = if service.text.contains("\nExecStartPre=") { "ExecStartPre=" } else { "ExecStart=" };
    let mut lines = service.text.lines().filter_map(|line| line.strip_prefix(key));
    let command = words(lines.next().unwrap());
    assert_eq!(lines.next(), None, "a second command in\n{}", service.text);
    command
}

/// The section headers of a text as systemd reads it: a line also ends at a carriage return or a NUL.
fn headers(text: &str) -> Vec<&str> {
    text.split(['\n', '\r', '\0']).map(str::trim).filter(|line| line.starts_with('[')).collect()
}

/// The least that a file of each type must say.
const SMALLEST: [(UnitKind, &str); 9] = [
    (UnitKind::Container, "Image=example.org/image\n"),
    (UnitKind::Pod, ""),
    (UnitKind::Kube, "Yaml=web.yaml\n"),
    (UnitKind::Volume, ""),
    (UnitKind::Network, ""),
    (UnitKind::Image, "Image=example.org/image\n"),
    (UnitKind::Build, "ImageTag=localhost/image\nSetWorkingDirectory=/context\n"),
    (UnitKind::Artifact, "Artifact=example.org/artifact\n"),
    (UnitKind::Secret, "File=/etc/secret\n"),
];

/// Sections, keys and values of a file, without their places.
fn content(unit: &Unit) -> Vec<(String, Vec<(String, String)>)> {
    let entries =
        |section: &Section| section.entries().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
    unit.sections.iter().map(|section| (section.name.clone(), entries(section))).collect()
}

/// A value that can stand after `Key=` as it is: on one line, with nothing that is trimmed, joined or unquoted.
fn plain_value() -> impl Strategy<Value = String> {
    any::<String>().prop_filter_map("not a value of one line", |text| {
        let text = text.replace(['\n', '\r', '\0'], " ");
        let text = text.trim().trim_matches(['"', '\'']).trim_end_matches('\\').trim().to_owned();
        let kept = !text.is_empty() && !text.starts_with(['"', '\'']) && !text.ends_with(['"', '\'', '\\']);
        kept.then_some(text)
    })
}

proptest! {
    #[test]
    fn any_words_are_read_back_as_they_were_written(list in prop::collection::vec("[^\0]*", 0..8)) {
        prop_assert_eq!(words(&quote::join(&list)), list);
    }

    #[test]
    fn any_word_stays_on_its_line_and_never_stands_alone_as_a_separator(word in "[^\0]*") {
        let line = quote::join([&word]);
        prop_assert!(!line.contains(['\n', '\r', '\0']));
        prop_assert!(line != ";" && !line.is_empty());
    }

    #[test]
    fn readable_words_are_read_back_as_well(list in prop::collection::vec("[^\0]*", 0..8)) {
        let mut line = String::new();
        for word in &list {
            quote::push_readable(&mut line, word);
        }
        prop_assert_eq!(words(&line), list);
    }

    #[test]
    fn any_text_of_a_one_value_key_becomes_exactly_one_word(value in plain_value()) {
        for (kind, base) in SMALLEST {
            let section = kind.section();
            let name = format!("web.{}", kind.extension());
            let smallest = format!("[{section}]\n{base}");
            let bare = start(&convert_bytes(&name, smallest.as_bytes()));
            for key in vocabulary::keys(kind) {
                let single = matches!(key.form, Form::Scalar | Form::ScalarOrEmpty | Form::List);
                let expected = match key.emit {
                    Emit::Separate(option) => vec![option.to_owned(), value.clone()],
                    Emit::Joined(option) => vec![format!("{option}={value}")],
                    Emit::Prefixed(option, prefix) => vec![option.to_owned(), format!("{prefix}{value}")],
                    _ => continue,
                };
                // What another driver of volumes means is the driver's business.
                if !single || (kind == UnitKind::Volume && key.name == "Driver" && value == "image") {
                    continue;
                }
                let conversion = convert_bytes(&name, format!("{smallest}{}={value}\n", key.name).as_bytes());
                let command = start(&conversion);
                prop_assert_eq!(command.len(), bare.len() + expected.len());
                let is_there = command.windows(expected.len()).any(|words| words == expected);
                prop_assert!(is_there, "{}: {:?}", key.name, command);
                prop_assert_eq!(headers(&conversion.services[0].text).len(), 3);
            }
        }
    }

    #[test]
    fn text_survives_being_parsed_and_printed(text in "(\\[[A-Z][a-z]{0,3}\\]|[#;]?[A-Za-z= \\\\]{0,12}|\\PC{0,12}|\n|\t){0,24}") {
        let file: Arc<str> = Arc::from("web.container");
        let (unit, _) = parse(&file, text.as_bytes());
        let (again, _) = parse(&file, unit.to_string().as_bytes());
        prop_assert_eq!(content(&again), content(&unit), "{}", unit);
    }

    #[test]
    fn any_words_of_a_command_key_reach_the_command_line(list in prop::collection::vec("[^\0]*", 1..6)) {
        let text = format!("[Container]\nImage=example.org/image\nExec={}\n", quote::join(&list));
        let conversion = convert_bytes("web.container", text.as_bytes());
        let command = start(&conversion);
        let image = command.iter().position(|word| word == "example.org/image").unwrap();
        prop_assert_eq!(&command[image + 1..], &list[..]);
        prop_assert_eq!(headers(&conversion.services[0].text).len(), 3);
    }

    #[test]
    fn a_failing_service_says_what_is_wrong_and_does_nothing_else(key in "[^\n\r\0=]{1,80}") {
        let text = format!("[Container]\nImage=example.org/image\nX{key}=1\n");
        let conversion = convert_bytes("web.container", text.as_bytes());
        let service = conversion.services.first().unwrap();
        prop_assert!(service.stub, "{}", service.text);
        prop_assert_eq!(headers(&service.text), ["[Unit]", "[Service]"]);
        let told = service.text.lines().find_map(|line| line.strip_prefix("Description=")).unwrap();
        prop_assert!(told.contains("web.container:3:1: error: "), "{}", told);
        prop_assert!(!told.ends_with('\\') && !told.replace("%%", "").contains('%'), "{}", told);
        let line = service.text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let command = words(line);
        prop_assert_eq!(&command[..4], ["/bin/sh", "-c", "printf '%%s\\n' \"$$@\" >&2; exit 78", "sh"]);
        for message in &command[4..] {
            // All that systemd would expand is doubled.
            let rest = message.replace("%%", "").replace("$$", "");
            prop_assert!(!rest.contains(['%', '$']), "{}", message);
        }
    }

    #[test]
    fn any_bytes_give_a_service_and_the_same_one_again(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let one = convert_bytes("web.container", &bytes);
        prop_assert_eq!(one.services.len(), 1);
        prop_assert_eq!(one.services[0].stub, one.has_errors());
        prop_assert_eq!(one, convert_bytes("web.container", &bytes));
    }
}

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

#[test]
fn files_made_of_likely_pieces_never_break_the_reader() {
    const PIECES: [&[u8]; 34] = [
        b"[Container]",
        b"[Volume]",
        b"[Unit]",
        b"[Service]",
        b"[Install]",
        b"[Quadlet]",
        b"[X-Container]",
        b"[",
        b"]",
        b"\n",
        b"\n",
        b"\n",
        b"\r",
        b"\\\n",
        b"\\",
        b"=",
        b" ",
        b"\"",
        b"'",
        b"#",
        b";",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"Image=docker.io/x",
        b"Exec=",
        b"Volume=",
        b"a.volume",
        b".:/x",
        b"Environment=",
        b"After=",
        b"WantedBy=",
        b"\\x",
        "é😀\u{2028}".as_bytes(),
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..6_000 {
        let mut text = Vec::new();
        for _ in 0..numbers.below(40) {
            text.extend_from_slice(PIECES[numbers.below(PIECES.len())]);
        }
        for name in ["web.container", "a.volume", "web@.container"] {
            let conversion = convert_bytes(name, &text);
            let service = conversion.services.first().unwrap();
            let file: Arc<str> = Arc::from("made");
            let (again, faults) = parse(&file, service.text.as_bytes());
            assert!(!faults.has_errors(), "{faults:?}\n{}", service.text);
            let commands = again.entries("Service").filter(|entry| entry.key == "ExecStart").count();
            assert!(commands >= 1, "{}", service.text);
        }
    }
}

#[test]
fn a_file_of_a_million_faults_is_read_in_bounded_time() {
    for line in
        ["x\n", "[a\n", "Key=1\n", "Volume=a.volume:/x\n", "Exec=\\q\n", "After=b.container\n", "\0\n"]
    {
        let mut text = b"[Container]\nImage=docker.io/x\n[Unit]\n[Container]\n".to_vec();
        while text.len() + line.len() < parse::MAX_SIZE {
            text.extend_from_slice(line.as_bytes());
        }
        let conversion = convert_bytes("web.container", &text);
        assert!(conversion.faults().count() <= 101, "{line:?}");
    }
    let sections: String = (0..100_000).map(|number| format!("[{number}]\n")).collect();
    assert!(convert_bytes("web.container", sections.as_bytes()).services[0].stub);
}

#[test]
fn a_file_larger_than_the_limit_is_refused() {
    let conversion = convert_bytes("web.container", &vec![b'#'; parse::MAX_SIZE + 1]);
    assert!(conversion.services[0].stub);
}
