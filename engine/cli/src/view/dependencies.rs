//! `tree`: services, pods, containers, volumes and networks, and who needs whom.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::is_json;
use crate::format::{Headings, TemplateError, json, render_list};

/// What something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A unit of systemd's.
    Service,
    /// A pod.
    Pod,
    /// A container.
    Container,
    /// A volume.
    Volume,
    /// A network.
    Network,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Volume => "volume",
            Self::Network => "network",
        }
    }
}

/// By what something is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Name {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl Name {
    /// A name of something.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// For people: a service says by its name what it is.
    fn shown(&self) -> String {
        match self.kind {
            Kind::Service => self.name.clone(),
            kind => format!("{} {}", kind.word(), self.name),
        }
    }
}

/// Something, with what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    /// What it is, and its name.
    #[serde(flatten)]
    pub name: Name,
    /// What it is doing: a service's `ActiveState`, a pod's or a container's state; empty for what only is there, and for what
    /// is needed and not there.
    pub state: String,
    /// A service's `SubState`.
    pub sub_state: String,
    /// A service's `Result`.
    pub result: String,
    /// A container's health, where it has a check.
    pub health: String,
    /// The file that a service is made of.
    pub source: String,
    /// Whether it is there.
    pub exists: bool,
    /// What it needs.
    pub needs: Vec<Name>,
}

impl Node {
    /// Something that is there and needs nothing so far.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            name: Name::new(kind, name),
            state: String::new(),
            sub_state: String::new(),
            result: String::new(),
            health: String::new(),
            source: String::new(),
            exists: true,
            needs: Vec::new(),
        }
    }

    /// One line for people.
    fn line(&self) -> String {
        let mut line = self.name.shown();
        if !self.state.is_empty() {
            let _ = write!(line, "  {}", self.state);
        }
        if !self.sub_state.is_empty() {
            let _ = write!(line, "/{}", self.sub_state);
        }
        if !matches!(self.result.as_str(), "" | "success") {
            let _ = write!(line, " ({})", self.result);
        }
        if !self.health.is_empty() {
            let _ = write!(line, " ({})", self.health);
        }
        if !self.exists {
            line.push_str("  not there");
        }
        line
    }
}

/// Brings nodes in order, each once, adds what is needed and not there, and takes needs out that are said twice.
pub fn complete(mut nodes: Vec<Node>) -> Vec<Node> {
    for node in &mut nodes {
        node.needs.sort();
        node.needs.dedup();
    }
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    nodes.dedup_by(|one, other| one.name == other.name);
    let known: BTreeSet<Name> = nodes.iter().map(|it| it.name.clone()).collect();
    let needed: BTreeSet<Name> = nodes.iter().flat_map(|it| it.needs.clone()).collect();
    for name in needed.difference(&known) {
        nodes.push(Node { exists: false, ..Node::new(name.kind, name.name.clone()) });
    }
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    nodes
}

/// The text of `tree`.
///
/// # Errors
/// A template that cannot be understood or filled.
pub fn text(nodes: &[Node], format: Option<&str>) -> Result<String, TemplateError> {
    if is_json(format) {
        return Ok(format!("{}\n", json::pretty(nodes, 4)));
    }
    match format {
        Some(format) => render_list(format, nodes, HEADINGS, false),
        None => Ok(drawn(nodes)),
    }
}

const HEADINGS: &Headings = &[
    ("Exists", "EXISTS"),
    ("Health", "HEALTH"),
    ("Kind", "KIND"),
    ("Name", "NAME"),
    ("Needs", "NEEDS"),
    ("Result", "RESULT"),
    ("Source", "SOURCE"),
    ("State", "STATE"),
    ("SubState", "SUB STATE"),
];

/// What nobody needs stands at the left, what each needs below it. What needs something and was shown before is not shown
/// whole again.
fn drawn(nodes: &[Node]) -> String {
    let needed: BTreeSet<&Name> = nodes.iter().flat_map(|it| &it.needs).collect();
    let mut drawing = Drawing { nodes, shown: BTreeSet::new(), text: String::new() };
    for node in nodes.iter().filter(|it| !needed.contains(&it.name)) {
        drawing.node(node, "", "", "");
    }
    // Those that need each other in a circle.
    for node in nodes {
        if !drawing.shown.contains(&node.name) {
            drawing.node(node, "", "", "");
        }
    }
    drawing.text
}

struct Drawing<'n> {
    nodes: &'n [Node],
    shown: BTreeSet<&'n Name>,
    text: String,
}

impl<'n> Drawing<'n> {
    fn node(&mut self, node: &'n Node, before: &str, mark: &str, below: &str) {
        let is_new = self.shown.insert(&node.name);
        let again = if is_new || node.needs.is_empty() { "" } else { "  (see above)" };
        let _ = writeln!(self.text, "{before}{mark}{}{again}", node.line());
        if !is_new {
            return;
        }
        let before = format!("{before}{below}");
        let nodes = self.nodes;
        for (index, name) in node.needs.iter().enumerate() {
            let Some(next) = nodes.iter().find(|it| it.name == *name) else { continue };
            let (mark, below) =
                if index + 1 == node.needs.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            self.node(next, &before, mark, below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: Kind, name: &str, state: &str, needs: &[(Kind, &str)]) -> Node {
        let needs = needs.iter().map(|(kind, name)| Name::new(*kind, *name)).collect();
        Node { state: state.to_owned(), needs, ..Node::new(kind, name) }
    }

    fn shop() -> Vec<Node> {
        use Kind::*;
        let mut web = node(
            Service,
            "web.service",
            "failed",
            &[(Service, "shop-pod.service"), (Container, "web"), (Container, "web")],
        );
        web.result = "exit-code".to_owned();
        web.sub_state = "failed".to_owned();
        complete(vec![
            web,
            node(Service, "db.service", "active", &[(Service, "shop-pod.service"), (Container, "db")]),
            node(Service, "shop-pod.service", "active", &[(Pod, "shop")]),
            node(Pod, "shop", "Running", &[]),
            node(Container, "db", "running", &[(Pod, "shop"), (Volume, "data")]),
            node(Volume, "data", "", &[]),
            node(Network, "old", "", &[]),
        ])
    }

    #[test]
    fn each_stands_above_what_it_needs() {
        let expected = "\
db.service  active
├─ shop-pod.service  active
│  └─ pod shop  Running
└─ container db  running
   ├─ pod shop  Running
   └─ volume data
web.service  failed/failed (exit-code)
├─ shop-pod.service  active  (see above)
└─ container web  not there
network old
";
        assert_eq!(text(&shop(), None).unwrap(), expected);
    }

    #[test]
    fn circles_end() {
        use Kind::Service;
        let nodes = complete(vec![
            node(Service, "a.service", "", &[(Service, "b.service")]),
            node(Service, "b.service", "", &[(Service, "a.service")]),
        ]);
        assert_eq!(text(&nodes, None).unwrap(), "a.service\n└─ b.service\n   └─ a.service  (see above)\n");
    }

    #[test]
    fn programs_get_a_list() {
        let json: serde_json::Value = serde_json::from_str(&text(&shop(), Some("json")).unwrap()).unwrap();
        assert_eq!(json[0]["Kind"], "service");
        assert_eq!(json[0]["Name"], "db.service");
        assert_eq!(json[0]["Needs"][0]["Kind"], "service");
        let lines = text(&shop(), Some("{{.Kind}} {{.Name}} {{.State}}")).unwrap();
        assert!(lines.contains("service web.service failed\n"), "{lines}");
    }
}
