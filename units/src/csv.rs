//! One record of comma-separated fields, RFC 4180: the form of `--mount`.

/// Why a record cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// A quote inside a field that does not begin with one.
    #[error("a quote stands inside a field")]
    BareQuote,
    /// Something other than a comma follows a closing quote.
    #[error("text follows a closing quote")]
    AfterQuote,
    /// A quote that is never closed.
    #[error("a quote is never closed")]
    Unclosed,
    /// More than one line.
    #[error("it has several lines")]
    Lines,
}

/// Takes a record apart.
pub fn read(text: &str) -> Result<Vec<String>, CsvError> {
    if text.is_empty() {
        return Err(CsvError::Empty);
    }
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => bare_field(rest)?,
        };
        fields.push(field);
        match after {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// A field and what follows its comma.
type Field<'t> = (String, Option<&'t str>);

fn bare_field(text: &str) -> Result<Field<'_>, CsvError> {
    let (field, after) = match text.split_once(',') {
        Some((field, after)) => (field, Some(after)),
        None => (text, None),
    };
    if field.contains('"') {
        return Err(CsvError::BareQuote);
    }
    if field.contains('\n') {
        return Err(CsvError::Lines);
    }
    Ok((field.to_owned(), after))
}

/// A field after its opening quote.
fn quoted_field(text: &str) -> Result<Field<'_>, CsvError> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').ok_or(CsvError::Unclosed)?;
        field.push_str(before);
        match after.chars().next() {
            None => return Ok((field, None)),
            Some(',') => return Ok((field, after.get(1..))),
            Some('"') => {
                field.push('"');
                rest = after.get(1..).unwrap_or("");
            }
            Some(_) => return Err(CsvError::AfterQuote),
        }
    }
}

/// Puts fields together, with quotes where they are needed.
pub fn write(fields: &[String]) -> String {
    let quoted = fields.iter().map(|field| {
        if field.contains([',', '"', '\r', '\n']) || field.starts_with(char::is_whitespace) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[&str], CsvError>) {
        let found = read(text);
        assert_eq!(found, expected.map(|fields| fields.iter().map(|&field| field.to_owned()).collect()));
        if let Ok(fields) = found {
            assert_eq!(read(&write(&fields)), Ok(fields));
        }
    }

    #[test]
    fn fields_are_told_apart_by_commas() {
        check("type=bind,src=/a", Ok(&["type=bind", "src=/a"]));
        check("a,,b,", Ok(&["a", "", "b", ""]));
    }

    #[test]
    fn a_comma_in_quotes_is_part_of_its_field() {
        check(r#""src=/a,b",ro"#, Ok(&["src=/a,b", "ro"]));
        check(r#""say ""it""""#, Ok(&[r#"say "it""#]));
    }

    #[test]
    fn broken_quotes_are_told() {
        check("", Err(CsvError::Empty));
        check(r#"src="/a""#, Err(CsvError::BareQuote));
        check(r#""a"b"#, Err(CsvError::AfterQuote));
        check(r#""a"#, Err(CsvError::Unclosed));
    }
}
