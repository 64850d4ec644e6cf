//! What variables and files tell of the pod they are in (kubernetes.io, "Downward API").

use super::pod::Around;
use super::{Deciding, Spot};
use crate::objects::{Container, FieldSelector, ResourceSelector, Texts};
use crate::quantity;

/// The value of a field of the pod.
pub(super) fn field(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    selector: &FieldSelector,
) -> Option<String> {
    let metadata = around.metadata;
    let path = selector.field_path.as_str();
    let quoted = |name: &str| path.strip_prefix(name)?.strip_prefix("['")?.strip_suffix("']");
    let one = |texts: &Texts, key: &str| texts.get(key).cloned().unwrap_or_default();
    let found = match path {
        "metadata.name" => Some(around.name.to_owned()),
        "metadata.namespace" if metadata.namespace.is_empty() => Some("default".to_owned()),
        "metadata.namespace" => Some(metadata.namespace.clone()),
        "spec.serviceAccountName" => Some("default".to_owned()),
        _ => quoted("metadata.labels")
            .map(|key| one(&metadata.labels, key))
            .or_else(|| quoted("metadata.annotations").map(|key| one(&metadata.annotations, key))),
    };
    if found.is_none() {
        let hint =
            "metadata.name, metadata.namespace, metadata.labels['KEY'] and metadata.annotations['KEY'] are"
                .to_owned();
        let text = format!("the field `{path}` is not known before the pod runs");
        deciding.fault(&spot.field("fieldPath"), text, Some(hint));
    }
    found
}

/// As [`field`], for a file, which can hold all labels or all annotations: a line for each.
pub(super) fn field_as_file(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    selector: &FieldSelector,
) -> Option<String> {
    let lines = |texts: &Texts| {
        let lines: Vec<String> = texts.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
        lines.join("\n")
    };
    match selector.field_path.as_str() {
        "metadata.labels" => Some(lines(&around.metadata.labels)),
        "metadata.annotations" => Some(lines(&around.metadata.annotations)),
        _ => field(deciding, spot, around, selector),
    }
}

/// A limit or a request of a container: the one named, or else `container`. A limit that is not set is all that the machine has, as
/// in a cluster, and a request that is not set is the limit, as in Podman.
pub(super) fn amount(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    container: Option<&Container>,
    selector: &ResourceSelector,
) -> Option<String> {
    let of = match selector.container_name.as_str() {
        "" => container,
        name => around.spec.containers.iter().chain(&around.spec.init_containers).find(|it| it.name == name),
    };
    if of.is_none() {
        let text = format!("the pod has no container `{}`", selector.container_name);
        deciding.fault(&spot.field("containerName"), text, None);
        return None;
    }
    let resources = of.and_then(|it| it.resources.as_ref());
    let limit = |name: &str| match resources.and_then(|it| it.limits.get(name)) {
        Some(amount) => quantity::milli(amount),
        None => deciding.facts.amount(name),
    };
    let milli = match selector.resource.split_once('.') {
        Some(("limits", name)) => limit(name),
        Some(("requests", name)) => match resources.and_then(|it| it.requests.get(name)) {
            Some(amount) => quantity::milli(amount),
            None => limit(name),
        },
        _ => None,
    };
    let divisor = match selector.divisor.as_str() {
        "" | "0" => Some(1000),
        text => quantity::milli(text),
    };
    let value =
        milli.zip(divisor.filter(|it| *it > 0)).map(|(amount, unit)| amount.div_ceil(unit).to_string());
    if value.is_none() {
        deciding.fault(spot, format_args!("there is no amount `{}`", selector.resource), None);
    }
    value
}
