//! A `.volume` file to the service that creates the volume.
//!
//! Knows the rules of `[Volume]` that are more than an option.

use super::common::{self, CommandLine};
use super::draft::Draft;
use super::loaded::Loaded;
use super::neighbours::Neighbours;
use super::{SERVICE, Settings, UNIT, references};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::UnitKind;
use crate::quote;
use crate::values::Values;
use crate::vocabulary::{self, Emit};

/// The text of the service.
pub(super) fn convert(
    file: &Loaded,
    neighbours: &Neighbours<'_>,
    settings: &Settings,
    faults: &mut Diagnostics,
) -> String {
    let mut draft = common::begin(file, neighbours, settings, faults);
    let values = common::read_values(file, faults);
    let mut create = CommandLine::begin(settings, &values, faults);
    create.extend(&["volume", "create", "--ignore"]);
    for key in vocabulary::keys(UnitKind::Volume) {
        match (key.emit, key.name) {
            (Emit::Own, "Driver") => driver(&values, &mut create, faults),
            (Emit::Own, "Copy") => match values.boolean("Copy", faults) {
                Some(true) => create.extend(&["--opt", "copy"]),
                Some(false) => create.extend(&["--opt", "nocopy"]),
                None => {}
            },
            (Emit::Own, "Type") => file_system(&values, &mut create, &mut draft, faults),
            (Emit::Own, "Options") => mount_options(&values, &mut create, faults),
            (Emit::Own, "PodmanArgs") => create.push_words(&values, "PodmanArgs", faults),
            (Emit::Own, "VolumeName") => {
                let given = values.scalar("VolumeName");
                if let Some(fault) = given.as_ref().and_then(references::taken_for_an_option) {
                    faults.push(fault);
                }
                create.push(&file.resource());
            }
            (Emit::Own, _) => {}
            _ => create.push_key(key, &values, faults),
        }
    }
    draft.add(SERVICE, "ExecStart", create.finish());
    draft.add_missing(SERVICE, "SyslogIdentifier", "%N");
    draft.add_missing(SERVICE, "Type", "oneshot");
    draft.add_missing(SERVICE, "RemainAfterExit", "yes");
    draft.to_text()
}

fn driver(values: &Values<'_>, create: &mut CommandLine, faults: &mut Diagnostics) {
    let Some(driver) = values.scalar("Driver") else { return };
    if driver.text == "image" {
        faults.push(Diagnostic::error(driver.place(), "`Driver=image` is not supported yet"));
        return;
    }
    create.extend(&["--driver", &driver.text]);
}

fn file_system(
    values: &Values<'_>,
    create: &mut CommandLine,
    draft: &mut Draft<'_>,
    faults: &mut Diagnostics,
) {
    let Some(kind) = values.scalar("Type") else { return };
    let Some(device) = values.scalar("Device") else {
        let fault = Diagnostic::error(kind.place(), "`Type=` needs a `Device=` beside it");
        faults.push(fault.with_hint("name what is mounted, such as `Device=/dev/vg/data` or `Device=tmpfs`"));
        return;
    };
    create.extend(&["--opt", &format!("type={}", kind.text)]);
    if kind.text == "bind" {
        draft.add(UNIT, "RequiresMountsFor", quote::join([&device.text]));
    }
}

/// `User=`, `Group=` and `Options=` are one mount option list.
fn mount_options(values: &Values<'_>, create: &mut CommandLine, faults: &mut Diagnostics) {
    let mut options = Vec::new();
    if let Some(user) = values.number("User", faults) {
        options.push(format!("uid={user}"));
    }
    if let Some(group) = values.number("Group", faults) {
        options.push(format!("gid={group}"));
    }
    if let Some(more) = values.scalar("Options") {
        options.push(more.text.into_owned());
    }
    if !options.is_empty() {
        create.extend(&["--opt", &format!("o={}", options.join(","))]);
    }
}
