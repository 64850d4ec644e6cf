//! A `.volume` file to the service that creates the volume.
//!
//! Knows the rules of `[Volume]` that are more than an option.

use super::command::CommandLine;
use super::work::Work;
use super::{UNIT, references};
use crate::diagnostic::Diagnostic;
use crate::quote;
use crate::vocabulary::Key;

/// What a volume that shows an image cannot be told.
const NOT_FOR_IMAGES: [&str; 6] = ["User", "Group", "Copy", "Device", "Type", "Options"];

/// Writes the service.
pub(super) fn convert(work: &mut Work<'_>) {
    let shows_image = work.scalar("Driver").is_some_and(|driver| driver.text == "image");
    let mut create = work.command(&["volume", "create", "--ignore"]);
    work.rows(&mut create, |work, key, create| own(work, key, create, shows_image));
    work.service("ExecStart", create.finish());
    work.runs_once(true);
    for key in NOT_FOR_IMAGES.into_iter().filter(|_| shows_image) {
        if let Some(value) = work.scalar(key) {
            let text = format!("`{key}=` means nothing beside `Driver=image`");
            work.warning(&value, text, "remove it");
        }
    }
}

fn own(work: &mut Work<'_>, key: &Key, create: &mut CommandLine, shows_image: bool) {
    match key.name {
        "Image" => image(work, create, shows_image),
        "Copy" if !shows_image => match work.boolean("Copy") {
            Some(true) => create.extend(&["--opt", "copy"]),
            Some(false) => create.extend(&["--opt", "nocopy"]),
            None => {}
        },
        "Device" if !shows_image => {
            if let Some(device) = work.scalar("Device") {
                create.extend(&["--opt", &format!("device={}", device.text)]);
            }
        }
        "Type" if !shows_image => file_system(work, create),
        "Options" if !shows_image => mount_options(work, create),
        "VolumeName" => {
            if let Some(given) = work.scalar("VolumeName") {
                work.refuse_dash(&given);
            }
            create.push(&work.file.resource());
        }
        _ => {}
    }
}

fn image(work: &mut Work<'_>, create: &mut CommandLine, shows_image: bool) {
    match (work.scalar("Image"), shows_image) {
        (Some(value), true) => {
            if let Some(image) = references::image(work, &value) {
                create.extend(&["--opt", &format!("image={image}")]);
            }
        }
        (Some(value), false) => {
            work.warning(&value, "`Image=` means nothing without `Driver=image`", "add `Driver=image`");
        }
        (None, true) => {
            let place = work.values.place("Driver").unwrap_or_else(|| work.file.section_place("Volume"));
            let fault = Diagnostic::error(place, "`Driver=image` needs an `Image=` beside it");
            work.faults.push(fault.with_hint("name the image whose files the volume shows"));
        }
        (None, false) => {}
    }
}

fn file_system(work: &mut Work<'_>, create: &mut CommandLine) {
    let Some(kind) = work.scalar("Type") else { return };
    let Some(device) = work.scalar("Device") else {
        let hint = "name what is mounted, such as `Device=/dev/vg/data` or `Device=tmpfs`";
        work.error(&kind, "`Type=` needs a `Device=` beside it", hint);
        return;
    };
    create.extend(&["--opt", &format!("type={}", kind.text)]);
    if kind.text == "bind" {
        work.draft.add(UNIT, "RequiresMountsFor", quote::join([&device.text]));
    }
}

/// `User=`, `Group=` and `Options=` are one mount option list.
fn mount_options(work: &mut Work<'_>, create: &mut CommandLine) {
    let mut options = Vec::new();
    for (key, option) in [("User", "uid"), ("Group", "gid")] {
        if let Some(id) = work.values.id(key, &mut work.faults) {
            options.push(format!("{option}={id}"));
        }
    }
    if let Some(more) = work.scalar("Options") {
        options.push(more.text.into_owned());
    }
    if !options.is_empty() {
        create.extend(&["--opt", &format!("o={}", options.join(","))]);
    }
}
