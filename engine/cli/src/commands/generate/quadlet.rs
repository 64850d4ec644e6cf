//! `generate quadlet`.

use std::collections::BTreeMap;
use std::path::Path;

use pontoon_cli::args::{GenerateFormat, GenerateQuadletArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::generate::quadlet::{self, File, Subject};
use pontoon_cli::output;

use super::super::{Context, Failure};
use super::{compose, files, quadlet_subjects};

/// `pontoon generate quadlet`
pub fn quadlet(context: &Context, args: &GenerateQuadletArgs) -> Result<ExitStatus, Failure> {
    let here = std::env::current_dir()
        .map_err(|err| Failure::from(err).while_doing("cannot tell the working directory".to_owned()))?;
    let mut findings = None;
    let (subjects, directory): (Vec<Subject>, _) = match quadlet_subjects::of_command(&args.words)? {
        Some(subject) => (vec![subject], here),
        None => match compose::of_words(&args.words) {
            Some(path) => {
                let read = compose::read(context, args, &here.join(path))?;
                if let Some(failure) = read.failure {
                    if args.format.is_some() {
                        output::line(&compose::json(&BTreeMap::new(), &read.findings))?;
                    }
                    return Err(failure);
                }
                findings = Some(read.findings);
                (read.subjects, read.directory)
            }
            None => (quadlet_subjects::of_names(context, &args.words)?, here),
        },
    };
    if findings.is_none()
        && let Some(option) = compose::option_of(args)
    {
        let hint = "its name ends with `.yaml` or `.yml`".to_owned();
        return Err(Failure::new(format!("`{option}` is for a compose file"), Some(hint)));
    }
    let made = quadlet::files(&subjects, &directory, context.host.is_rootless())?;
    let into = args.output.as_deref().or(args.files.then_some(Path::new(".")));
    let shown = match into {
        Some(into) => write(&made, into, args.replace)?,
        None => made.iter().map(File::text).collect(),
    };
    match args.format {
        Some(GenerateFormat::Json) => {
            let object: BTreeMap<&str, &String> =
                made.iter().map(|it| it.name.as_str()).zip(&shown).collect();
            match findings {
                Some(findings) => output::line(&compose::json(&object, &findings))?,
                None => output::line(&pontoon_cli::format::json::pretty(&object, 1))?,
            }
        }
        None if into.is_some() => shown.iter().try_for_each(|path| output::line(path))?,
        None => output::out(&bundle(&made))?,
    }
    Ok(ExitStatus::Success)
}

/// One file as it is; several as `quadlet install` takes them together.
fn bundle(made: &[File]) -> String {
    if let [only] = made {
        return only.text();
    }
    let part = |file: &File| {
        let name = file.name.rsplit_once('.').map_or(file.name.as_str(), |(name, _)| name);
        format!("# FileName={name}\n{}", file.text())
    };
    made.iter().map(part).collect::<Vec<_>>().join("---\n")
}

/// Writes the files, all or none that is in the way.
fn write(made: &[File], into: &Path, replaces: bool) -> Result<Vec<String>, Failure> {
    let paths: Vec<_> = made.iter().map(|it| into.join(&it.name)).collect();
    if let Some(there) = paths.iter().find(|path| !replaces && path.symlink_metadata().is_ok()) {
        let hint = "`--replace` writes it anew, `-o DIR` elsewhere".to_owned();
        return Err(Failure::new(format!("`{}` is there already", there.display()), Some(hint)));
    }
    std::fs::create_dir_all(into)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot make `{}`", into.display())))?;
    made.iter().zip(&paths).map(|(file, path)| files::write(path, &file.text())).collect()
}
