//! Unit files given as paths: those asked for, and their neighbours, to which they may refer.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use pontoon_generator::Listener;
use pontoon_units::search::Leave;
use pontoon_units::{Diagnostic, Place, Source, UnitKind};

use super::{Ground, Warnings};
use crate::commands::Failure;

/// Files that know of each other.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) sources: Vec<Source>,
    /// The files asked for, with their drop-ins; nothing if all are.
    asked: Option<HashSet<String>>,
    /// Files that do not count, since another of their name comes first.
    pub(super) shadowed: Vec<Diagnostic>,
    /// Where they come from.
    origin: Origin,
}

#[derive(Debug, PartialEq, Eq)]
enum Origin {
    Manager,
    Directory(PathBuf),
    Beside(PathBuf),
}

impl Group {
    /// All files that a manager reads.
    pub(super) fn of_manager(ground: Ground) -> Self {
        Self { sources: ground.sources(), asked: None, shadowed: Vec::new(), origin: Origin::Manager }
    }

    /// Whether a file was asked for.
    pub(super) fn is_asked(&self, path: &str) -> bool {
        self.asked.as_ref().is_none_or(|asked| asked.contains(path))
    }

    /// The unit files asked for.
    pub(super) fn count(&self) -> usize {
        self.sources.iter().filter(|source| self.is_asked(&source.path)).count()
    }

    fn ask_for(&mut self, path: &str) {
        let Some(source) = self.sources.iter().find(|source| &*source.path == path) else { return };
        let asked = self.asked.get_or_insert_default();
        asked.insert(path.to_owned());
        asked.extend(source.drop_ins.iter().map(|drop_in| drop_in.path.to_string()));
    }
}

/// Reads what paths lead to. A directory is a group with all that lies below it; a file is in the group of its manager
/// if that reads it, else of those beside it.
pub(super) fn read(ground: Ground, paths: &[PathBuf]) -> Result<Vec<Group>, Failure> {
    let mut groups: Vec<Group> = Vec::new();
    let mut of_manager: Option<Vec<Source>> = None;
    for path in paths {
        let cannot = |source: std::io::Error| {
            Failure::new(source, None).while_doing(format!("cannot read `{}`", path.display()))
        };
        if path.metadata().map_err(cannot)?.is_dir() {
            let whole = path.canonicalize().map_err(cannot)?;
            groups.push(directory(whole));
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if UnitKind::of_file_name(name).is_none() {
            let known = UnitKind::ALL.map(|kind| format!(".{}", kind.extension())).join(", ");
            let text = format!("`{}` is no unit file", path.display());
            return Err(Failure::new(text, Some(format!("unit files end in {known}"))));
        }
        let beside =
            std::path::absolute(path)?.parent().unwrap_or(Path::new("/")).canonicalize().map_err(cannot)?;
        let whole = beside.join(name).display().to_string();
        let known = of_manager.get_or_insert_with(|| ground.sources());
        let origin = match known.iter().any(|source| *source.path == whole) {
            true => Origin::Manager,
            false => Origin::Beside(beside),
        };
        let group = match groups.iter_mut().position(|group| group.origin == origin) {
            Some(index) => groups.get_mut(index),
            None => {
                let sources = match &origin {
                    Origin::Beside(beside) => {
                        pontoon_generator::sources_of(beside, Leave::Below, &mut Warnings)
                    }
                    Origin::Manager | Origin::Directory(_) => known.clone(),
                };
                groups.push(Group { sources, asked: Some(HashSet::new()), shadowed: Vec::new(), origin });
                groups.last_mut()
            }
        };
        if let Some(group) = group {
            group.ask_for(&whole);
        }
    }
    Ok(groups)
}

fn directory(path: PathBuf) -> Group {
    let mut listener = Shadows(Vec::new());
    let sources = pontoon_generator::sources_of(&path, Leave::Nothing, &mut listener);
    let shadowed = listener.0.iter().map(|path| {
        let place = Place::start_of(&path.as_str().into());
        let hint = "rename it, or remove one of them";
        Diagnostic::warning(place, "another file of this name comes first, so this one does not count")
            .with_hint(hint)
    });
    Group { sources, asked: None, shadowed: shadowed.collect(), origin: Origin::Directory(path) }
}

/// Notes the files that do not count.
struct Shadows(Vec<String>);

impl Listener for Shadows {
    fn warning(&mut self, text: &str) {
        Warnings.warning(text);
    }

    fn shadowed(&mut self, path: &str) {
        self.0.push(path.to_owned());
    }
}
