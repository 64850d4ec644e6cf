//! A `.network` file to the service that creates the network.
//!
//! Knows the rules of `[Network]` that are more than an option.

use super::command::CommandLine;
use super::work::Work;
use crate::vocabulary::Key;

/// Writes the service.
pub(super) fn convert(work: &mut Work<'_>) {
    let name = work.file.resource();
    if work.boolean("NetworkDeleteOnStop") == Some(true) {
        let remove = work.command(&["network", "rm", &name]);
        work.service("ExecStopPost", remove.finish());
    }
    let mut create = work.command(&["network", "create", "--ignore"]);
    work.rows(&mut create, |work, key, create| own(work, key, create, &name));
    work.service("ExecStart", create.finish());
    work.runs_once(true);
}

fn own(work: &mut Work<'_>, key: &Key, create: &mut CommandLine, name: &str) {
    match key.name {
        "Subnet" => subnets(work, create),
        "NetworkName" => {
            if let Some(given) = work.scalar("NetworkName") {
                work.refuse_dash(&given);
            }
            create.push(name);
        }
        _ => {}
    }
}

/// Each subnet with the gateway and the range of the same number.
fn subnets(work: &mut Work<'_>, create: &mut CommandLine) {
    let subnets = work.list("Subnet");
    let gateways = work.list("Gateway");
    let ranges = work.list("IPRange");
    for (key, values) in [("Gateway", &gateways), ("IPRange", &ranges)] {
        if let Some(alone) = values.get(subnets.len()) {
            let text = format!("this `{key}=` has no `Subnet=` to belong to");
            work.error(alone, text, "give one `Subnet=` for each, in the same order");
        }
    }
    for (index, subnet) in subnets.iter().enumerate() {
        create.extend(&["--subnet", &subnet.text]);
        if let Some(gateway) = gateways.get(index) {
            create.extend(&["--gateway", &gateway.text]);
        }
        if let Some(range) = ranges.get(index) {
            create.extend(&["--ip-range", &range.text]);
        }
    }
}
