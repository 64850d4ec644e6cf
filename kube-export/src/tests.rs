//! Reading and writing, through the doors.

use crate::document::{self, Object};
use crate::objects::{Container, EnvVar, Metadata, Pod, PodSpec};
use crate::yaml;

fn fault(text: &str) -> String {
    document::contents("f.yaml", text).unwrap_err().to_string()
}

#[track_caller]
fn notes(text: &str) -> Vec<String> {
    let contents = document::contents("f.yaml", text).unwrap();
    contents.notes.into_iter().map(|it| format!("{}: {}", it.at, it.text)).collect()
}

const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    image: i\n";

fn pod(text: &str) -> Pod {
    match document::contents("f.yaml", text).unwrap().documents.remove(0).object {
        Object::Pod(pod) => *pod,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_fault_is_told_with_file_line_and_column() {
    for (text, expected) in [
        ("a: [", "f.yaml:"),
        ("a: 1\na: 2\n", "f.yaml:2:1: duplicate mapping key: a; keep one of them"),
        ("[]", "f.yaml:1:1: a document of Kubernetes is a map"),
        ("kind: Pod", "f.yaml:1:1: the document has no `apiVersion`"),
        ("apiVersion: v1", "f.yaml:1:1: the document has no `kind`"),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  containers: 5\n",
            "f.yaml:4:15: `spec.containers`: it takes a list, and this is a number",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - ports:\n    - containerPort: x\n",
            "f.yaml:6:22: `spec.containers[0].ports[0].containerPort`: it takes a whole number, and this is text",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - ports:\n    - containerPort: 70000\n",
            "f.yaml:6:22: `spec.containers[0].ports[0].containerPort`: ",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  hostNetwork: 'yes'\n",
            "f.yaml:4:16: `spec.hostNetwork`: it takes `true` or `false`, and this is text; write `true`, without quotes",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  hostNetwork: off\n",
            "f.yaml:4:16: `spec.hostNetwork`: it takes `true` or `false`, and this is text; write `false`, without quotes",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  volumes:\n  - configMap: {defaultMode: '0400'}\n",
            "f.yaml:5:30: `spec.volumes[0].configMap.defaultMode`: it takes a whole number, and this is text; write `0400`, without quotes",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  terminationGracePeriodSeconds: 1.5\n",
            "f.yaml:4:34: `spec.terminationGracePeriodSeconds`: it takes a whole number, and this is a number that is none",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec:\n  hostname: [a]\n",
            "f.yaml:4:13: `spec.hostname`: it takes a string",
        ),
    ] {
        let told = fault(text);
        assert!(told.starts_with(expected), "{text:?}: {told}");
    }
}

#[test]
fn what_is_not_known_is_noted_with_its_path() {
    let text = format!("{POD}    livenessProb: {{}}\n  nodeSelector: {{a: b}}\nstatus: {{phase: x}}\n");
    assert_eq!(
        notes(&text),
        [
            "f.yaml:8:5: `spec.containers[0].livenessProb` is not known, and has no effect; did you mean `livenessProbe`?",
            "f.yaml:9:3: `spec.nodeSelector` has no meaning on one machine",
        ]
    );
    // A field that is said already was not meant, nor is one that is far from it.
    for (line, near) in [
        ("imagepullpolicy: Never", Some("imagePullPolicy")),
        ("command: [a]\n    commands: [a]", None),
        ("enviroment: []", None),
    ] {
        let told = notes(&format!("{POD}    {line}\n"));
        let meant = told[0].split_once("did you mean `").map(|(_, it)| it.trim_end_matches("`?"));
        assert_eq!((told.len(), meant), (1, near), "{told:?}");
    }
    let told = notes("apiVersion: v1\nkind: Ghost\n---\n\n---\napiVersion: v2\nkind: Pod\n");
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("f.yaml:2:7: objects of kind `Ghost` (v1)"), "{told:?}");
}

#[test]
fn what_go_forgives_is_forgiven() {
    let text = format!(
        "{POD}    env:\n    - {{name: PORT, value: 8001}}\n    - {{name: T, value: true}}\n    resources: null\n    args:\n"
    );
    let pod = pod(&text);
    let env: Vec<_> = pod.spec.containers[0].env.iter().map(|it| it.value.as_deref().unwrap()).collect();
    assert_eq!(env, ["8001", "true"]);
    assert_eq!(pod.spec.containers[0].resources, None);
    assert!(pod.spec.containers[0].args.is_empty());
}

#[test]
fn words_and_numbers_are_what_go_reads() {
    for (written, read) in [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        ("N", "N"),
        ("True", "true"),
        ("'010'", "010"),
        ("010", "8"),
        ("-010", "-8"),
        ("00", "0"),
        ("0", "0"),
        ("09", "9"),
        ("0o17", "15"),
        ("0x10", "16"),
        ("0b11", "3"),
        ("1_000", "1000"),
        ("+5", "5"),
        (".5", "0.5"),
        ("1.10", "1.1"),
        ("12:30", "12:30"),
    ] {
        let pod =
            pod(&format!("{POD}    env: [{{name: {written}, value: {written}}}]\n    args: [{written}]\n"));
        let container = &pod.spec.containers[0];
        assert_eq!(container.args, [read], "{written}");
        assert_eq!((container.env[0].name.as_str(), container.env[0].value.as_deref()), (read, Some(read)));
    }
    for (written, mode) in [
        ("0400", 0o400),
        ("0o400", 0o400),
        ("256", 256),
        ("0x100", 256),
        ("256.0", 256),
        ("1e2", 100),
        ("09", 9),
    ] {
        let volumes = format!(
            "  volumes: [{{name: v, configMap: {{defaultMode: {written}, items: [{{key: k, path: k, mode: {written}}}]}}}}]\n"
        );
        let pod = pod(&format!("{POD}{volumes}"));
        let map = pod.spec.volumes[0].config_map.as_ref().unwrap();
        assert_eq!((map.default_mode, map.items[0].mode), (Some(mode), Some(mode)), "{written}");
    }
}

#[test]
fn bombs_are_refused_in_bounded_memory() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, last) in ('b'..='i').zip('a'..='h') {
        bomb.push_str(&format!(
            "{name}: &{name} [*{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}, *{last}]\n"
        ));
    }
    assert!(fault(&bomb).starts_with("f.yaml:"));
    let many = "---\na: 1\n".repeat(100_000);
    assert!(fault(&many).starts_with("f.yaml:"));
    assert!(fault(&"[".repeat(100_000)).starts_with("f.yaml:"));
    assert!(fault(&" ".repeat(yaml::MAX_SIZE + 1)).contains("longer than"));
}

#[test]
fn anchors_that_people_write_are_read() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: x}\ndata: {a: &v hello, b: *v}\n";
    let contents = document::contents("f.yaml", text).unwrap();
    let Object::ConfigMap(map) = &contents.documents[0].object else { panic!() };
    assert_eq!(map.data["b"], "hello");
}

/// A pod whose texts are this.
fn pod_of(texts: &[String]) -> Pod {
    Pod {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        metadata: Metadata { name: "p".to_owned(), ..Metadata::default() },
        spec: PodSpec {
            containers: vec![Container {
                name: "c".to_owned(),
                args: texts.to_vec(),
                env: texts
                    .iter()
                    .map(|it| EnvVar { name: "V".to_owned(), value: Some(it.clone()), value_from: None })
                    .collect(),
                ..Container::default()
            }],
            ..PodSpec::default()
        },
    }
}

#[track_caller]
fn comes_back(texts: &[String]) {
    let written = Object::Pod(Box::new(pod_of(texts)));
    let text = yaml::write(std::slice::from_ref(&written)).unwrap();
    let read = document::contents("f.yaml", &text).unwrap_or_else(|err| panic!("{err}\n{text}"));
    assert_eq!(read.documents.len(), 1, "{text}");
    assert_eq!(read.documents[0].object, written, "{text}");
}

#[test]
fn whatever_a_text_holds_it_comes_back() {
    let texts = [
        "",
        " ",
        "a\nb",
        "a\n",
        "\n",
        "\n\na",
        "a\n---\nb",
        "---",
        "...",
        "%n",
        "${X}",
        "$(X)",
        "]",
        "[a",
        "{a: b}",
        "a: b",
        "a #b",
        "#",
        "- a",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "null",
        "~",
        "true",
        "1",
        "0x1f",
        "0o7",
        "012",
        "09",
        "0_10",
        "0X1F",
        "1_000.5",
        "1_000",
        "1e3",
        ".5",
        "12:30:00",
        "2020-01-01",
        "=",
        "<<",
        "!x",
        "&x",
        "*x",
        "|",
        ">",
        "'",
        "\"",
        "\\",
        "a\tb",
        "\t",
        "\u{0}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "ü",
        "\r\n",
        "a\r",
        "  a\n b",
        "a ",
        "?",
        "? a",
        "@",
        "`",
        "%",
        ".inf",
        ".nan",
    ];
    let texts: Vec<String> = texts.iter().map(|it| (*it).to_owned()).collect();
    for text in &texts {
        comes_back(std::slice::from_ref(text));
    }
    comes_back(&texts);
}

proptest::proptest! {
    #[test]
    fn any_text_comes_back(texts in proptest::collection::vec(".*|[-:#\\n ]{0,9}[a-z\\n ]*", 0..4)) {
        comes_back(&texts);
    }

    #[test]
    fn nothing_makes_the_reader_panic(text in "(apiVersion: v1\\nkind: Pod\\n)?[-a-z:{}\\[\\],&*! \\n\"']{0,200}") {
        let _ = document::contents("f.yaml", &text);
    }
}
