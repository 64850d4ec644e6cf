//! `generate quadlet COMPOSE-FILE`: reading the file, and telling what becomes of its fields.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pontoon_cli::args::GenerateQuadletArgs;
use pontoon_cli::generate::compose::{self, Finding, Surroundings, Verdict};
use pontoon_cli::generate::quadlet::Subject;
use pontoon_cli::output;
use serde::Serialize;

use super::super::{Context, Failure};

/// Longer than anybody writes one.
const MAX_SIZE: u64 = 1 << 20;

/// The compose file that some words name: a path that ends as such files do.
pub(super) fn of_words(words: &[String]) -> Option<&Path> {
    match words {
        [only] => {
            Some(Path::new(only)).filter(|it| it.extension().is_some_and(|it| it == "yaml" || it == "yml"))
        }
        _ => None,
    }
}

/// An option that only a compose file has a use for.
pub(super) fn option_of(args: &GenerateQuadletArgs) -> Option<&'static str> {
    let given = [
        (!args.profile.is_empty(), "--profile"),
        (args.project_name.is_some(), "--project-name"),
        (args.strict, "--strict"),
    ];
    given.into_iter().find_map(|(is_given, option)| is_given.then_some(option))
}

/// A compose file that was read.
pub(super) struct Read {
    pub(super) subjects: Vec<Subject>,
    /// Why there are no files.
    pub(super) failure: Option<Failure>,
    pub(super) findings: Vec<Finding>,
    /// Relative paths in it are meant from here.
    pub(super) directory: PathBuf,
}

/// Reads a compose file, and tells on standard error what is not said exactly.
pub(super) fn read(context: &Context, args: &GenerateQuadletArgs, path: &Path) -> Result<Read, Failure> {
    let cannot =
        |err: std::io::Error| Failure::from(err).while_doing(format!("cannot read `{}`", path.display()));
    if path.metadata().map_err(cannot)?.len() > MAX_SIZE {
        return Err(Failure::new(format!("`{}` is larger than 1 MiB", path.display()), None));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    let directory = path.parent().unwrap_or(Path::new("/")).canonicalize().map_err(cannot)?;
    let mut variables = variables(context, &directory)?;
    let usual = || {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let fits = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
        name.chars().filter(fits).collect::<String>().trim_start_matches(['-', '_']).to_owned()
    };
    let asked = |name: &str| variables.get(name).filter(|it| !it.is_empty()).cloned();
    let project_name = args.project_name.clone().or_else(|| asked("COMPOSE_PROJECT_NAME"));
    let profiles = match args.profile.is_empty() {
        true => asked("COMPOSE_PROFILES").unwrap_or_default().split(',').map(str::to_owned).collect(),
        false => args.profile.clone(),
    };
    let project = usual();
    variables
        .entry("COMPOSE_PROJECT_NAME".to_owned())
        .or_insert_with(|| project_name.clone().unwrap_or_else(|| project.clone()));
    let rootless = context.host.is_rootless();
    let surroundings = Surroundings { project, project_name, rootless, variables, profiles };
    let project = compose::read(&text, &surroundings);
    let mut told = String::new();
    let (mut refused, mut approximated) = (0, 0);
    for finding in &project.findings {
        match finding.verdict {
            Verdict::Exact => continue,
            Verdict::Approximated(_) => approximated += 1,
            Verdict::Refused(_) => refused += 1,
        }
        let reason = finding.verdict.reason().unwrap_or_default();
        let word = finding.verdict.word();
        let field = match finding.field.as_str() {
            "" => String::new(),
            field => format!("{field}: "),
        };
        told.push_str(&format!("{}:{}: {word}: {field}{reason}\n", path.display(), finding.place));
    }
    output::err(&told);
    let failed = match refused {
        0 if args.strict && approximated > 0 => {
            Some(format!("`{}` is only nearly said by unit files", path.display()))
        }
        0 => None,
        _ => Some(format!("`{}` says what unit files cannot", path.display())),
    };
    let failure = failed.map(|text| Failure::new(text, None));
    Ok(Read { subjects: project.subjects, failure, findings: project.findings, directory })
}

/// Our own variables, and those of the file `.env` beside the compose file.
fn variables(context: &Context, directory: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let own: BTreeMap<String, String> = context.host.environment.clone().into_iter().collect();
    let path = directory.join(".env");
    match std::fs::read_to_string(&path) {
        Ok(text) => compose::env_file(&text, &own)
            .map_err(|(line, why)| Failure::new(format!("{}:{line}:1: {why}", path.display()), None)),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(own),
        Err(err) => Err(Failure::from(err).while_doing(format!("cannot read `{}`", path.display()))),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told<'a> {
    files: &'a BTreeMap<&'a str, &'a String>,
    fields: Vec<Field<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Field<'a> {
    field: &'a str,
    line: u64,
    column: u64,
    verdict: &'static str,
    reason: Option<&'a str>,
}

/// The files, and what became of each field.
pub(super) fn json(files: &BTreeMap<&str, &String>, findings: &[Finding]) -> String {
    let fields = findings
        .iter()
        .map(|it| Field {
            field: &it.field,
            line: it.place.line,
            column: it.place.column,
            verdict: it.verdict.word(),
            reason: it.verdict.reason(),
        })
        .collect();
    pontoon_cli::format::json::pretty(&Told { files, fields }, 1)
}
