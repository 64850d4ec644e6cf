use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::log::{append, before, begin_anew, open, send};
use super::*;

fn event() -> Event {
    Event {
        id: "0123456789abcdef".repeat(4),
        name: "web".to_owned(),
        image: "localhost:5000/busybox:latest".to_owned(),
        pod: String::new(),
        time: 1_795_226_689_120_000_000,
        ..Event::now(Kind::Container, Deed::Start)
    }
}

/// Everything that users, images and checks can put into an event, at its worst.
fn hostile() -> Event {
    let text = "a\nPODMAN_EVENT=died\n\u{1b}[2J\"\\ä=,\r\0";
    Event {
        name: text.to_owned(),
        image: text.to_owned(),
        pod: String::new(),
        error: text.to_owned(),
        exit_code: Some(-1),
        attributes: [(text.to_owned(), text.to_owned()), ("plain".to_owned(), String::new())].into(),
        health: Some(HealthNews { status: "unhealthy".to_owned(), failing_streak: 7, log: text.to_owned() }),
        ..event()
    }
}

/// The entry that journald makes of a message, as journalctl prints it.
fn entry(mut message: &[u8]) -> String {
    let mut entry = serde_json::Map::new();
    while !message.is_empty() {
        let end = message.iter().position(|it| *it == b'\n').unwrap();
        let (head, rest) = (&message[..end], &message[end + 1..]);
        let (name, value) = if let Some(equals) = head.iter().position(|it| *it == b'=') {
            message = rest;
            (&head[..equals], &head[equals + 1..])
        } else {
            let (length, rest) = rest.split_first_chunk::<8>().unwrap();
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
            assert_eq!(rest[length], b'\n');
            message = &rest[length + 1..];
            (head, &rest[..length])
        };
        let value = match std::str::from_utf8(value) {
            Ok(text) if !text.chars().any(|it| it.is_control() && it != '\n') => text.into(),
            _ => value.into(),
        };
        let old = entry.insert(String::from_utf8(name.to_vec()).unwrap(), value);
        assert_eq!(old, None, "a field came twice");
    }
    serde_json::Value::from(entry).to_string()
}

#[test]
fn events_come_back_from_the_journal() {
    for event in [event(), hostile(), Event::now(Kind::Volume, Deed::Create)] {
        assert_eq!(from_journal(&entry(&to_journal(&event))), Some(event));
    }
    for other in ["", "{}", r#"{"MESSAGE":"x"}"#, r#"{"PODMAN_TYPE":"container","PODMAN_EVENT":"explode"}"#] {
        assert_eq!(from_journal(other), None);
    }
}

#[test]
fn the_journal_gets_podmans_fields() {
    let died = Event { deed: Deed::Died, exit_code: Some(3), ..event() };
    let labelled = Event { attributes: [("a".to_owned(), "b".to_owned())].into(), ..died };
    let text = String::from_utf8(to_journal(&labelled)).unwrap();
    let id = &labelled.id;
    assert_eq!(
        text,
        format!(
            "SYSLOG_IDENTIFIER=pontoon\nPRIORITY=6\nPODMAN_EVENT=died\nPODMAN_TYPE=container\n\
             PODMAN_TIME=2026-11-21T02:04:49.120000000Z\nPODMAN_NAME=web\nPODMAN_ID={id}\n\
             PODMAN_IMAGE=localhost:5000/busybox:latest\nPODMAN_EXIT_CODE=3\nPODMAN_LABELS={{\"a\":\"b\"}}\n\
             MESSAGE=2026-11-21 02:04:49.12 +0000 UTC container died {id} \
             (image=localhost:5000/busybox:latest, name=web, a=b)\n"
        )
    );
}

#[test]
fn events_come_back_from_a_file() {
    for event in [event(), hostile(), Event::now(Kind::Secret, Deed::Remove)] {
        let line = to_line(&event);
        assert_eq!(line.iter().filter(|it| **it == b'\n').count(), 1);
        assert_eq!(from_line(&line), Some(event));
    }
    for other in
        ["", "{}", "{\"ID\":\"x", r#"{"Status":"start","Type":"boat","Time":"1970-01-01T00:00:00Z"}"#]
    {
        assert_eq!(from_line(other.as_bytes()), None);
    }
    let podmans = r#"{"ContainerExitCode":0,"ID":"c","Image":"i","Name":"n","Status":"died","Time":"2026-11-21T03:04:49.12+01:00","Type":"container","Attributes":null}"#;
    let read = from_line(podmans.as_bytes()).unwrap();
    assert_eq!((read.deed, read.exit_code, read.time), (Deed::Died, Some(0), event().time));
}

#[test]
fn an_event_is_one_line_for_people() {
    let short = event().text("now", false);
    assert_eq!(short, "now container start 0123456789ab (image=localhost:5000/busybox:latest, name=web)");
    let volume = Event { name: "data".to_owned(), ..Event::now(Kind::Volume, Deed::Create) };
    assert_eq!(volume.text("now", false), "now volume create data");
    let image = Event { kind: Kind::Image, deed: Deed::Pull, ..event() };
    assert_eq!(image.text("now", false), "now image pull 0123456789ab web");
    assert!(!hostile().text("now", true).contains(|it: char| it.is_control()));
}

fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("pontoon-event-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir(&directory).unwrap();
    directory
}

#[test]
fn a_full_socket_keeps_nobody_waiting_for_long_and_long_messages_go_as_files() {
    let path = directory("socket").join("journal");
    let socket = UnixDatagram::bind(&path).unwrap();
    send(&path, b"A=b\n").unwrap();
    let mut buffer = [0u8; 16];
    assert_eq!(socket.recv(&mut buffer).unwrap(), 4);
    send(&path, &vec![b'x'; 8 << 20]).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 0);
    let full = (0..100_000).find_map(|_| send(&path, b"A=b\n").err()).unwrap();
    assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock);
    // A journal that is only busy gets it.
    let reader = std::thread::spawn(move || socket.recv(&mut buffer).map(|_| socket));
    send(&path, b"A=b\n").unwrap();
    drop(reader.join().unwrap().unwrap());
    // Without a reader there is an error, which nobody hears.
    assert!(send(&path, b"A=b\n").is_err());
    EventLog::File("/proc/nowhere/events".into()).tell(&event());
}

#[test]
fn a_file_begins_anew_at_its_size_and_nothing_is_lost_between() {
    let path = directory("file").join("sub/events.log");
    for number in 0..10 {
        append(&path, format!("{number:09}\n").as_bytes(), 40).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "000000008\n000000009\n");
    let older = std::fs::read_to_string(before(&path)).unwrap();
    assert_eq!(older, "000000004\n000000005\n000000006\n000000007\n");
}

#[test]
fn a_file_that_others_put_aside_meanwhile_is_left_alone() {
    let path = directory("aside").join("events.log");
    let slow = open(&path).unwrap();
    std::fs::rename(&path, before(&path)).unwrap();
    assert!(begin_anew(&path, &slow).unwrap(), "there is no file for a moment");
    append(&path, b"fresh\n", 40).unwrap();
    assert!(begin_anew(&path, &slow).unwrap(), "there is another file");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "fresh\n");
    assert_eq!(std::fs::read_to_string(before(&path)).unwrap(), "");
}

#[test]
fn lines_of_several_writers_stay_whole() {
    let path = directory("writers").join("events.log");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..5000 {
                    append(path, format!("{writer} {number:05}\n").as_bytes(), 6000).unwrap();
                }
            });
        }
    });
    let text = [before(&path), path].map(|it| std::fs::read_to_string(it).unwrap()).concat();
    assert!(text.lines().all(|line| line.len() == 7), "{text}");
    let newest = |writer: usize| text.lines().rfind(|it| it.starts_with(&writer.to_string()));
    assert!((0..4).any(|writer| newest(writer).is_some_and(|it| it.ends_with("04999"))));
    // Two files, of all that was written. While one is being put aside, others still add to it, for as long as that takes.
    assert!(text.len() < 10 * 6000, "{} of {}", text.len(), 4 * 5000 * 8);
}
