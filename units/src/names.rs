//! What units, services, resources and drop-in directories are called.
//!
//! Knows only names; whether a file of such a name exists is somebody else's business.

use crate::kind::UnitKind;

/// The longest name a unit may have, man systemd.unit.
const MAX_UNIT_NAME: usize = 255;

/// A unit file's name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// The whole name.
    pub full: String,
    /// The type by the extension.
    pub kind: UnitKind,
}

impl FileName {
    /// Takes a name apart; nothing if it is not that of a unit file.
    pub fn new(full: impl Into<String>) -> Option<Self> {
        let full = full.into();
        UnitKind::of_file_name(&full).map(|kind| Self { full, kind })
    }

    /// The name without its extension.
    pub fn stem(&self) -> &str {
        self.full.rsplit_once('.').map_or("", |(stem, _)| stem)
    }

    /// The part before `@` and the instance after it; the instance of a template is empty.
    pub fn instance(&self) -> Option<(&str, &str)> {
        self.stem().split_once('@')
    }

    /// The service this file becomes unless it says otherwise.
    pub fn service(&self) -> String {
        let suffix = self.kind.suffix();
        match self.instance() {
            // foo@.volume is the template foo-volume@; foo@bar.volume stays a service of its own.
            Some((before, "")) => [before, suffix, "@.service"].concat(),
            _ => [self.stem(), suffix, ".service"].concat(),
        }
    }

    /// What the container, volume or network is called unless the file says otherwise.
    pub fn resource(&self) -> String {
        match (self.kind, self.instance()) {
            (UnitKind::Container, None) => "systemd-%N".to_owned(),
            (UnitKind::Container, Some(_)) => "systemd-%p_%i".to_owned(),
            // An instance gets the very name that the template's %i expands to.
            (_, Some((before, ""))) => format!("systemd-{before}-%i"),
            (_, Some((before, instance))) => format!("systemd-{before}-{instance}"),
            (_, None) => format!("systemd-{}", self.stem()),
        }
    }

    /// The directories whose `*.conf` files are added to this file, from the most to the least specific.
    pub fn drop_in_directories(&self) -> Vec<String> {
        let extension = self.kind.extension();
        let stem = self.stem();
        let mut names = vec![format!("{stem}.{extension}.d")];
        let (base, template) = match self.instance() {
            Some((before, instance)) => {
                if !instance.is_empty() {
                    names.push(format!("{before}@.{extension}.d"));
                }
                (before, true)
            }
            None => (stem, false),
        };
        let mut rest = base.strip_suffix('-').unwrap_or(base);
        while let Some((shorter, _)) = rest.rsplit_once('-') {
            if template {
                names.push(format!("{shorter}-@.{extension}.d"));
            }
            names.push(format!("{shorter}-.{extension}.d"));
            rest = shorter;
        }
        names.push(format!("{extension}.d"));
        names
    }
}

/// The first character that no name of a systemd unit may hold.
pub fn forbidden_in_unit_name(name: &str) -> Option<char> {
    name.chars()
        .find(|part| !(part.is_ascii_alphanumeric() || matches!(part, ':' | '-' | '_' | '.' | '\\' | '@')))
}

/// Whether systemd loads a unit of this name.
pub fn is_unit_name(name: &str) -> bool {
    name.len() <= MAX_UNIT_NAME
        && !name.starts_with(['.', '@'])
        && forbidden_in_unit_name(name).is_none()
        && name.rsplit_once('.').is_some_and(|(stem, extension)| !stem.is_empty() && !extension.is_empty())
}
