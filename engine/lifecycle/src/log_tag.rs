//! The tag of a container's lines in the journal (`--log-opt tag=`): text, with names of the container in braces.

use crate::record::ContainerRecord;

/// What can stand in braces.
pub const FIELDS: [&str; 7] = [".FullID", ".ID", ".Image", ".ImageFullID", ".ImageID", ".ImageName", ".Name"];

/// Says what stands in braces that is none of [`FIELDS`], or has no end.
#[must_use]
pub fn unknown(tag: &str) -> Option<&str> {
    pieces(tag).find_map(|piece| match piece {
        Piece::Field(name) => Some(name).filter(|name| !FIELDS.contains(name)),
        Piece::Open(text) => Some(text),
        Piece::Text(_) => None,
    })
}

/// The tag of one container. As with Podman, ids are whole.
#[must_use]
pub fn expand(tag: &str, record: &ContainerRecord) -> String {
    let value = |piece| match piece {
        Piece::Text(text) => text,
        Piece::Field(".FullID" | ".ID") => record.id.as_str(),
        Piece::Field(".Image" | ".ImageFullID" | ".ImageID") => record.image_id.as_str(),
        Piece::Field(".ImageName") => record.image_name.as_str(),
        Piece::Field(".Name") => record.name.as_str(),
        Piece::Field(_) | Piece::Open(_) => "",
    };
    pieces(tag).map(value).collect()
}

enum Piece<'a> {
    Text(&'a str),
    Field(&'a str),
    Open(&'a str),
}

fn pieces(tag: &str) -> impl Iterator<Item = Piece<'_>> {
    tag.split("{{").enumerate().flat_map(|(number, part)| match part.split_once("}}") {
        _ if number == 0 => [Piece::Text(part), Piece::Text("")],
        Some((field, text)) => [Piece::Field(field.trim()), Piece::Text(text)],
        None => [Piece::Open(part), Piece::Text("")],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_in() {
        let record = ContainerRecord {
            id: "abc".into(),
            name: "web".into(),
            image_id: "def".into(),
            image_name: "localhost/x:1".into(),
            ..ContainerRecord::default()
        };
        assert_eq!(expand("plain", &record), "plain");
        assert_eq!(expand("{{.Name}}/{{ .ImageName }}!", &record), "web/localhost/x:1!");
        assert_eq!(expand("{{.ID}}{{.FullID}} {{.Image}}", &record), "abcabc def");
    }

    #[test]
    fn what_is_no_field_is_told() {
        assert_eq!(unknown("a }} {{.Name}} b"), None);
        assert_eq!(unknown("{{.Nope}}"), Some(".Nope"));
        assert_eq!(unknown("x{{.Name"), Some(".Name"));
    }
}
