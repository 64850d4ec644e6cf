//! Any files are converted: each becomes a service, nothing in them becomes a line that nobody wrote.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pontoon_units::{Content, Settings, Source, UnitKind, convert, parse};

/// The sections a service may have beside those of its file.
const OURS: [&str; 3] = ["Unit", "Service", "X-Quadlet"];

/// The type of a file by the section it has.
fn kind(text: &[u8]) -> UnitKind {
    let has = |kind: &UnitKind| {
        let header = format!("[{}]", kind.section());
        text.windows(header.len()).any(|window| window == header.as_bytes())
    };
    UnitKind::ALL.into_iter().find(has).unwrap_or(UnitKind::Container)
}

/// Files divided by a byte that no text holds, so that a seed is a file.
fuzz_target!(|bytes: &[u8]| {
    let sources: Vec<Source> = bytes
        .split(|byte| *byte == 0xff)
        .take(16)
        .enumerate()
        .map(|(index, text)| {
            let name = format!("{}.{}", ["a", "b", "data", "web"][index % 4], kind(text).extension());
            Source {
                path: Arc::from(format!("/units/{index}/{name}")),
                name,
                content: Content::Text(text.to_vec()),
                drop_ins: Vec::new(),
            }
        })
        .collect();
    let settings = Settings { user: bytes.len() % 2 == 0, engine: "/usr/bin/pontoon".to_owned(), accounts: Default::default() };
    let conversion = convert(&sources, &settings);
    for service in &conversion.services {
        let source = sources.iter().find(|source| source.path == service.source).expect("its file");
        let Content::Text(bytes) = &source.content else { continue };
        let (file, _) = parse(&source.path, bytes);
        let (unit, faults) = parse(&service.source, service.text.as_bytes());
        assert!(!faults.has_errors(), "{}", service.text);
        for section in &unit.sections {
            let name = section.name.strip_prefix("X-").unwrap_or(&section.name);
            let known = file.section(name).is_some() || file.section(&section.name).is_some();
            assert!(known || OURS.contains(&section.name.as_str()), "{}", service.text);
        }
        assert_eq!(service.stub, service.faults.has_errors());
    }
    assert_eq!(convert(&sources, &settings), conversion);
});
