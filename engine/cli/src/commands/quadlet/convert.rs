//! `quadlet convert`: the services that unit files become.

use pontoon_cli::args::QuadletConvertArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::faults::{self, Texts};
use pontoon_units::{Diagnostic, Severity};

use super::{GivenUnits, Ground};
use crate::commands::Failure;

/// `pontoon quadlet convert`
pub fn convert(args: &QuadletConvertArgs) -> Result<ExitStatus, Failure> {
    let ground = Ground::of(args.whose);
    let given = GivenUnits::read(&args.paths)?;
    let conversion = pontoon_units::convert(&given.sources, &ground.settings());
    let mut text = String::new();
    for service in
        conversion.services.iter().filter(|service| !service.stub && given.is_asked(&service.source))
    {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("# {}\n", service.name));
        for link in &service.links {
            text.push_str(&format!("# {} -> {}\n", link.name, link.target));
        }
        text.push_str(&service.text);
    }
    output::out(&text)?;
    let found: Vec<&Diagnostic> =
        conversion.faults().filter(|fault| given.is_asked(&fault.place.file)).collect();
    output::err(&faults::text(&found, &Texts::of(&given.sources)));
    let failed = found.iter().any(|fault| fault.severity == Severity::Error);
    Ok(if failed { ExitStatus::No } else { ExitStatus::Success })
}
