//! `quadlet convert`: the services that unit files become.

use pontoon_cli::args::QuadletConvertArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::faults::{self, Texts};
use pontoon_units::{Diagnostic, Severity};

use super::{Ground, given};
use crate::commands::Failure;

/// `pontoon quadlet convert`
pub fn convert(args: &QuadletConvertArgs) -> Result<ExitStatus, Failure> {
    let ground = Ground::of(args.whose);
    let groups = given::read(ground, &args.paths)?;
    let mut text = String::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    for group in &groups {
        let conversion = pontoon_units::convert(&group.sources, &ground.settings());
        let asked = conversion.services.iter().filter(|service| group.is_asked(&service.source));
        for service in asked.filter(|service| !service.stub) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("# {}\n", service.name));
            for link in &service.links {
                text.push_str(&format!("# {} -> {}\n", link.name, link.target));
            }
            text.push_str(&service.text);
        }
        found.extend(conversion.faults().filter(|fault| group.is_asked(&fault.place.file)).cloned());
    }
    output::out(&text)?;
    output::err(&faults::text(&found, &Texts::of(groups.iter().flat_map(|group| &group.sources))));
    let failed = found.iter().any(|fault| fault.severity == Severity::Error);
    Ok(if failed { ExitStatus::No } else { ExitStatus::Success })
}
