//! Every fault points at the character that is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use pontoon_units::{Severity, parse};

fn tell(text: &[u8]) -> Vec<String> {
    let file: Arc<str> = Arc::from("web.container");
    let (_, faults) = parse(&file, text);
    faults.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(tell(text.as_bytes()), expected);
}

/// The place of a byte of the value of `Key=`.
#[track_caller]
fn check_place(text: &str, value: &str, offset: usize, expected: (u32, u32)) {
    let file: Arc<str> = Arc::from("web.container");
    let (unit, faults) = parse(&file, text.as_bytes());
    assert!(faults.is_empty(), "{faults:?}");
    let entry = unit.last("S", "Key").unwrap();
    assert_eq!(entry.value, value);
    let place = entry.place_at(offset);
    assert_eq!((place.line, place.column), expected);
}

#[test]
fn a_value_begins_after_the_blanks() {
    check_place("[S]\n  Key =  value\n", "value", 0, (2, 10));
}

#[test]
fn columns_count_characters_not_bytes() {
    check_place("[S]\nKey=éé x\n", "éé x", "éé ".len(), (2, 8));
}

#[test]
fn a_continuation_joins_without_a_space_and_keeps_its_place() {
    check_place("[S]\nKey=foo\\\n  bar\n", "foobar", 3, (3, 3));
    check_place("[S]\nKey=foo\\\n  bar\n", "foobar", 2, (2, 7));
    check_place("[S]\nKey=foo \\\n# skipped\n\n; skipped\nbar baz\n", "foo bar baz", 8, (6, 5));
    check_place("[S]\nKey=\\\nvalue\n", "value", 0, (3, 1));
}

#[test]
fn the_last_line_may_lack_its_end() {
    check_place("[S]\nKey=value", "value", 0, (2, 5));
}

#[test]
fn carriage_returns_at_line_ends_are_blanks() {
    check_place("\u{feff}[S]\r\nKey=a\\\r\nb\r\n", "ab", 1, (3, 1));
}

#[test]
fn a_dangling_continuation_is_an_error_wherever_the_file_ends() {
    let expected = ["web.container:2:6: error: the line continues, but nothing follows"];
    check("[S]\nKey=v\\", &expected);
    check("[S]\nKey=v\\\n", &expected);
    check("[S]\nKey=v\\\n\n# comment\n", &expected);
}

#[test]
fn a_backslash_too_many_is_noticed_by_what_it_swallows() {
    check(
        "[S]\nKey=v \\\n\nImage=x\n",
        &["web.container:4:1: warning: this assignment is part of the value above it, which goes on"],
    );
    check(
        "[S]\nKey=v \\\n[Install]\n",
        &["web.container:3:1: warning: this section header is part of the value above it, which goes on"],
    );
    check("[S]\nKey=\\\n[\"sh\",\"-c\"]\n", &[]);
    check("[S]\nKey=A=1 \\\n\n--flag=2 \\\nB=3\n", &[]);
}

#[test]
fn what_is_no_line_of_a_unit_is_told_with_the_rest() {
    check(
        "Key=early\n[S]\nwords\n =x\n[S] x\n[]\n[a[b]\n[open\n",
        &[
            "web.container:1:1: error: `Key=` stands before any section",
            "web.container:3:1: error: `words` is no assignment, section or comment",
            "web.container:4:2: error: `=x` is no assignment, section or comment",
            "web.container:5:1: error: text after the section header [S]",
            "web.container:6:1: error: [] is no name for a section",
            "web.container:7:1: error: [a[b] is no name for a section",
            "web.container:8:1: error: `[open` lacks its closing bracket",
        ],
    );
}

#[test]
fn bytes_that_would_end_a_line_for_systemd_are_errors_outside_comments() {
    let found = tell(b"[S]\nKey=a\rb\nKey=a\0b\nKey=\xff\n# \xff\n");
    let expected = [
        "web.container:2:6: error: line holds a carriage return",
        "web.container:3:6: error: line holds a NUL byte",
        "web.container:4:5: error: line holds text that is not UTF-8",
        "web.container:5:3: warning: comment holds text that is not UTF-8 and is left out",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_without_sections_is_valid() {
    check("", &[]);
    check("\n# nothing\n", &[]);
}

#[test]
fn repeated_sections_are_one() {
    let file: Arc<str> = Arc::from("web.container");
    let (unit, _) = parse(&file, b"[A]\nK=1\n[B]\nK=2\n[A]\nK=3\n");
    let names: Vec<_> = unit.sections.iter().map(|section| section.name.as_str()).collect();
    let values: Vec<_> = unit.entries("A").map(|entry| entry.value.as_str()).collect();
    assert_eq!((names, values), (vec!["A", "B"], vec!["1", "3"]));
}

#[test]
fn faults_never_number_more_than_anybody_reads() {
    let (_, faults) = parse(&Arc::from("f"), "x\n".repeat(1000).as_bytes());
    assert_eq!(faults.iter().count(), 101);
    assert!(faults.iter().all(|fault| fault.severity == Severity::Error));
}

#[test]
fn a_value_that_goes_on_into_nothing_does_not_go_on_in_the_service() {
    for text in ["[A]\nB=c \\\\\n", "[A]\nB=c \\\n# comment\n", "[A]\nB=c \\\u{b}\\\n\r"] {
        let (unit, faults) = parse(&Arc::from("x.container"), text.as_bytes());
        assert!(faults.has_errors(), "{text:?}");
        assert_eq!(unit.last("A", "B").unwrap().value, "c", "{text:?}");
    }
}

/// What a file in some directory becomes.
fn in_directory(directory: &str, name: &str, text: &str) -> pontoon_units::Service {
    let source = pontoon_units::Source {
        name: name.to_owned(),
        path: Arc::from(format!("{directory}/{name}")),
        content: pontoon_units::Content::Text(text.as_bytes().to_vec()),
        drop_ins: Vec::new(),
    };
    let settings = pontoon_units::Settings {
        user: false,
        engine: "/usr/bin/pontoon".to_owned(),
        accounts: Default::default(),
    };
    pontoon_units::convert(&[source], &settings).services.remove(0)
}

#[test]
fn the_name_of_a_directory_is_nothing_to_be_expanded() {
    let text = "[Container]\nImage=localhost/x\nVolume=./$a:/a\nEnvironmentFile=b\n";
    let service = in_directory("/50%/$HOME", "x.container", text);
    for line in ["SourcePath=/50%%/$HOME/x.container", "RequiresMountsFor=/50%%/$HOME/$a"] {
        assert!(service.text.contains(line), "{}", service.text);
    }
    assert!(service.text.contains("-v /50%%/$$HOME/$a:/a --env-file /50%%/$$HOME/b"), "{}", service.text);
    let kube = in_directory("/50%", "x.kube", "[Kube]\nYaml=x.yaml\nSetWorkingDirectory=yaml\n");
    assert!(kube.text.contains("WorkingDirectory=/50%%\n"), "{}", kube.text);
}

#[test]
fn the_name_of_a_directory_never_becomes_a_line() {
    for directory in ["/a\nExecStartPre=/bin/evil", "/a\\\rb"] {
        for (name, text) in [
            ("x.kube", "[Kube]\nYaml=x.yaml\nSetWorkingDirectory=unit\n"),
            ("x.build", "[Build]\nImageTag=a\nSetWorkingDirectory=unit\n"),
            ("x.container", "[Container]\nImage=a\nVolume=./b:/c\n"),
        ] {
            let service = in_directory(directory, name, text);
            assert!(service.stub && !service.text.contains("\nExecStartPre="), "{}", service.text);
        }
    }
}

#[test]
fn many_warnings_are_no_error_and_hide_none() {
    let ports: String = (1..=150).map(|port| format!("PublishPort=\"80{port:03}:80\"\n")).collect();
    let service = in_directory("/a", "x.container", &format!("[Container]\nImage=localhost/x\n{ports}"));
    assert!(!service.stub, "{}", service.text);
    assert_eq!(service.faults.iter().count(), 101);
    let service =
        in_directory("/a", "x.container", &format!("[Container]\nImage=localhost/x\n{ports}Nonsense=1\n"));
    assert!(service.stub && service.text.contains("unknown key `Nonsense=`"), "{}", service.text);
}
