//! Files with objects.

use std::fs::File;
use std::io::{self, Read};

use pontoon_kube::document::{self, Contents};
use pontoon_kube::play::Fault;
use pontoon_kube::yaml::MAX_SIZE;

use super::super::Failure;
use pontoon_cli::message;

/// Reads all objects of files, in order.
pub(super) fn read(files: &[String]) -> Result<Contents, Failure> {
    let mut all = Contents::default();
    for file in files {
        let text = read_text(file)?;
        let name = if file == "-" { "<stdin>" } else { file };
        let contents = document::contents(name, &text).map_err(|err| Failure::new(err.to_string(), None))?;
        all.documents.extend(contents.documents);
        all.notes.extend(contents.notes);
    }
    Ok(all)
}

fn read_text(file: &str) -> Result<String, Failure> {
    if file.starts_with("http://") || file.starts_with("https://") {
        let hint = Some(format!("curl -fsSL {file} | pontoon kube play -"));
        return Err(Failure::new(format!("`{file}` is not fetched"), hint));
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
    String::from_utf8(bytes).map_err(|err| {
        let line =
            err.as_bytes()[..err.utf8_error().valid_up_to()].iter().filter(|it| **it == b'\n').count() + 1;
        Failure::new(format!("{file}:{line}: the file is not UTF-8"), None)
    })
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
