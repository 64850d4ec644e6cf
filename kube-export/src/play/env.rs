//! The environment of a container, and `$(NAME)` in words.

use super::pod::Around;
use super::{Deciding, Spot, selected};
use crate::objects::{Container, EnvSource, KeySelector};

/// Variables and their values, in order; a name stands once.
pub(super) type Variables = Vec<(String, String)>;

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    container: &Container,
) -> Variables {
    let mut variables = Variables::new();
    for (number, from) in container.env_from.iter().enumerate() {
        let spot = spot.field("envFrom").item(number);
        let sources = [("configMapRef", &from.config_map_ref, true), ("secretRef", &from.secret_ref, false)];
        for (field, reference, is_map) in sources {
            let Some(reference) = reference else { continue };
            let data = match is_map {
                true => deciding.configs.map(&reference.name),
                false => deciding.configs.secret(&reference.name),
            };
            let spot = spot.field(field);
            match data {
                Some(data) => {
                    for (key, value) in data {
                        if let Some(value) = text(deciding, &spot, &key, value) {
                            set(&mut variables, format!("{}{key}", from.prefix), value);
                        }
                    }
                }
                None if reference.optional == Some(true) => {}
                None => missing(deciding, &spot, is_map, &reference.name),
            }
        }
    }
    for (number, variable) in container.env.iter().enumerate() {
        let spot = spot.field("env").item(number);
        if variable.name.is_empty() || variable.name.contains(['=', '\0']) {
            deciding.fault(
                &spot.field("name"),
                format_args!("`{}` is no name of a variable", variable.name),
                None,
            );
            continue;
        }
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), None) => Some(expand(value, &variables)),
            (value, Some(source)) => {
                if value.as_ref().is_some_and(|it| !it.is_empty()) {
                    deciding.fault(&spot, "`value` and `valueFrom` exclude each other", None);
                }
                from_source(deciding, &spot.field("valueFrom"), around, container, source)
            }
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            set(&mut variables, variable.name.clone(), value);
        }
    }
    variables
}

fn set(variables: &mut Variables, name: String, value: String) {
    match variables.iter_mut().find(|it| it.0 == name) {
        Some(known) => known.1 = value,
        None => variables.push((name, value)),
    }
}

/// An object that is referred to is not there.
pub(super) fn missing(deciding: &mut Deciding<'_>, spot: &Spot<'_>, is_map: bool, name: &str) {
    let (text, hint) = match is_map {
        true => (
            format!("there is no ConfigMap `{name}`"),
            "put it into a file, and name that with --configmap".to_owned(),
        ),
        false => {
            let hint = format!("play a Secret `{name}`, or keep one: pontoon secret create {name} FILE.yaml");
            (format!("there is no Secret `{name}`"), hint)
        }
    };
    deciding.fault(spot, text, Some(hint));
}

/// The environment is made of texts.
fn text(deciding: &mut Deciding<'_>, spot: &Spot<'_>, key: &str, value: Vec<u8>) -> Option<String> {
    match String::from_utf8(value) {
        Ok(text) if !text.contains('\0') => Some(text),
        _ => {
            deciding.fault(spot, format_args!("`{key}` is no text, so no variable can hold it"), None);
            None
        }
    }
}

fn from_source(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    container: &Container,
    source: &EnvSource,
) -> Option<String> {
    if let Some(selector) = &source.config_map_key_ref {
        return of_key(deciding, &spot.field("configMapKeyRef"), selector, true);
    }
    if let Some(selector) = &source.secret_key_ref {
        return of_key(deciding, &spot.field("secretKeyRef"), selector, false);
    }
    if let Some(selector) = &source.field_ref {
        return selected::field(deciding, &spot.field("fieldRef"), around, selector);
    }
    if let Some(selector) = &source.resource_field_ref {
        return selected::amount(
            deciding,
            &spot.field("resourceFieldRef"),
            around,
            Some(container),
            selector,
        );
    }
    deciding.fault(spot, "none of the sources that are known here is named", None);
    None
}

fn of_key(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    selector: &KeySelector,
    is_map: bool,
) -> Option<String> {
    let data = match is_map {
        true => deciding.configs.map(&selector.name),
        false => deciding.configs.secret(&selector.name),
    };
    let is_optional = selector.optional == Some(true);
    match data {
        None if is_optional => None,
        None => {
            missing(deciding, spot, is_map, &selector.name);
            None
        }
        Some(mut data) => match data.remove(&selector.key) {
            Some(value) => text(deciding, spot, &selector.key, value),
            None if is_optional => None,
            None => {
                deciding.fault(spot, format_args!("`{}` has no key `{}`", selector.name, selector.key), None);
                None
            }
        },
    }
}

/// `$(NAME)` of variables that are known; `$$` is one `$` (kubernetes.io, "Define Dependent Environment Variables").
pub(super) fn expand(text: &str, variables: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        out.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        if let Some(more) = after.strip_prefix('$') {
            out.push('$');
            rest = more;
            continue;
        }
        let named = after.strip_prefix('(').and_then(|it| it.split_once(')'));
        match named {
            Some((name, more)) => {
                match variables.iter().find(|it| it.0 == name) {
                    Some((_, value)) => out.push_str(value),
                    None => {
                        out.push_str("$(");
                        out.push_str(name);
                        out.push(')');
                    }
                }
                rest = more;
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
