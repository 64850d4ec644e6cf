//! Option manners that Podman's users know and clap does not have by itself.

use clap::{Arg, ArgAction};

use super::empty::may_be_empty;

/// Gives an option Podman's manners.
///
/// A switch may be told its value (`--rm=false`); an option's value may begin with a dash (`--pids-limit -1`),
/// because the word after an option that wants a value is its value, whatever it looks like. It may be empty where that is as
/// good as not giving the option.
pub(super) fn with_podman_manners(arg: Arg) -> Arg {
    if arg.is_positional() {
        return arg;
    }
    match arg.get_action() {
        ArgAction::SetTrue => switch(arg).default_value("false"),
        ArgAction::Set | ArgAction::Append
            if arg.get_num_args().is_none_or(|count| count.min_values() > 0) =>
        {
            may_be_empty(arg.allow_hyphen_values(true))
        }
        ArgAction::Set => switch(arg),
        _ => arg,
    }
}

/// An option that may stand alone or be told its value after `=`.
pub(super) fn switch(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(go_bool)
        .hide_default_value(true)
        .hide_possible_values(true)
        .value_name("BOOL")
}

/// Reads the words that Go's `strconv.ParseBool` takes.
pub(super) fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it is neither `true` nor `false`".to_owned()),
    }
}

/// Splits a value at commas as Podman's list options do: a field may stand in double quotes to keep its commas.
pub(crate) fn split_list(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split_list(text), expected);
    }

    #[test]
    fn commas_separate_and_quotes_keep_them() {
        check("", &[]);
        check("a", &["a"]);
        check("a,b", &["a", "b"]);
        check("a,", &["a", ""]);
        check(r#""a,b",c"#, &["a,b", "c"]);
        check(r#""say ""hi""",x"#, &[r#"say "hi""#, "x"]);
        check(r#"a"b,c"#, &[r#"a"b"#, "c"]);
    }

    #[test]
    fn a_switch_takes_the_words_that_go_takes() {
        for word in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(go_bool(word), Ok(true));
        }
        for word in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(go_bool(word), Ok(false));
        }
        assert!(go_bool("yes").is_err());
        assert!(go_bool("").is_err());
    }
}
