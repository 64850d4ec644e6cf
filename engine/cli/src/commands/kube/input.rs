//! Files with objects.

use std::fs::File;
use std::io::{self, Read};

use pontoon_image::{ClientOptions, Environment};
use pontoon_kube::document::{self, Contents};
use pontoon_kube::play::Fault;
use pontoon_kube::yaml::MAX_SIZE;

use super::super::{Context, Failure};
use pontoon_cli::message;

/// Reads all objects of files, in order; a file may be `-`, or have an http or https address.
pub(super) fn read(context: &Context, files: &[String]) -> Result<Contents, Failure> {
    if files.iter().filter(|it| *it == "-").count() > 1 {
        return Err(Failure::new("standard input can be read once", None));
    }
    let mut all = Contents::default();
    for file in files {
        let text = text(context, file)?;
        let contents =
            document::contents(shown(file), &text).map_err(|err| Failure::new(err.to_string(), None))?;
        all.documents.extend(contents.documents);
        all.notes.extend(contents.notes);
    }
    Ok(all)
}

fn bytes(context: &Context, file: &str) -> Result<Vec<u8>, Failure> {
    if is_address(file) {
        let environment: Environment = context.host.environment.iter().collect();
        return Ok(pontoon_image::fetch(file, ClientOptions::standard(&environment), MAX_SIZE as u64)?.bytes);
    }
    let cannot = |err: io::Error| Failure::from(err).while_doing(format!("cannot read `{file}`"));
    // One byte more than may be tells that there are too many.
    let most = MAX_SIZE as u64 + 1;
    let mut bytes = Vec::new();
    if file == "-" {
        io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        // A pipe that nobody writes to would keep us waiting; one that somebody names is read.
        File::open(file).and_then(|it| it.take(most).read_to_end(&mut bytes)).map_err(cannot)?;
    }
    Ok(bytes)
}

/// How a file is called.
pub(super) fn shown(file: &str) -> &str {
    if file == "-" { "<stdin>" } else { file }
}

/// Reads a file.
pub(super) fn text(context: &Context, file: &str) -> Result<String, Failure> {
    String::from_utf8(bytes(context, file)?).map_err(|err| {
        let line =
            err.as_bytes()[..err.utf8_error().valid_up_to()].iter().filter(|it| **it == b'\n').count() + 1;
        Failure::new(format!("{file}:{line}: the file is not UTF-8"), None)
    })
}

/// Whether a file is to be fetched from a web server.
fn is_address(file: &str) -> bool {
    let scheme = file.split_once("://").map(|it| it.0.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// All faults but the last are printed, and that one is the command's.
pub(super) fn failure(mut faults: Vec<Fault>) -> Failure {
    let Some(last) = faults.pop() else { return Failure::silent() };
    for fault in faults {
        message::print_error(&fault, fault.hint.as_deref());
    }
    let hint = last.hint.clone();
    Failure::new(last, hint)
}
