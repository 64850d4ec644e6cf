use super::*;

fn config(users: &str, context: &str) -> Vec<(String, String, String)> {
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- {{name: one, cluster: {{server: 'https://one:6443'}}}}\n\
         - {{name: two, cluster: {{server: 'https://two:6443/', certificate-authority: ca.pem, proxy-url: 'http://p:1'}}}}\n\
         users:\n- {{name: other, user: {{token: other}}}}\n- {{name: me, user: {{{users}}}}}\n{context}\n"
    );
    vec![("config".to_owned(), "/home/me/.kube".to_owned(), text)]
}

const CURRENT: &str =
    "current-context: c\ncontexts:\n- {name: c, context: {cluster: two, user: me, namespace: shop}}";

#[test]
fn the_current_context_says_the_cluster_the_user_and_the_namespace() {
    let found =
        login(&config("token: secret, client-certificate-data: Y2VydA==, client-key: k.pem", CURRENT));
    let found = found.unwrap();
    assert_eq!(found.server, "https://two:6443/");
    assert_eq!(found.authority, Some(Material::File("/home/me/.kube/ca.pem".to_owned())));
    assert_eq!(
        found.identity,
        Some((Material::Data(b"cert".to_vec()), Material::File("/home/me/.kube/k.pem".to_owned())))
    );
    assert_eq!(found.proof, Some(Proof::Token(Material::Data(b"secret".to_vec()))));
    assert_eq!((found.namespace.as_deref(), found.proxy.as_deref()), (Some("shop"), Some("http://p:1")));
    assert!(!found.skips_verification);
    // Without one it is the first of each, as in Podman.
    let first = login(&config("token: secret", "")).unwrap();
    assert_eq!((first.server.as_str(), first.namespace), ("https://one:6443", None));
    assert_eq!(first.proof, Some(Proof::Token(Material::Data(b"other".to_vec()))));
}

#[test]
fn files_complete_each_other_and_the_first_counts() {
    let mut files = config("username: u, password: p", "");
    let text = "current-context: c\ncontexts: [{name: c, context: {cluster: two, user: me}}]\nclusters: \
                [{name: two, cluster: {server: 'https://late'}}]";
    files.push(("more".to_owned(), "/elsewhere".to_owned(), text.to_owned()));
    let found = login(&files).unwrap();
    assert_eq!(found.server, "https://two:6443/");
    assert_eq!(found.proof, Some(Proof::Password("u".to_owned(), "p".to_owned())));
}

#[test]
fn what_is_wrong_with_a_kubeconfig_is_said() {
    for (user, context, expected) in [
        ("", "current-context: gone", "config: there is no context `gone`"),
        ("", "current-context: c\ncontexts: [{name: c, context: {cluster: none}}]", "it names no cluster"),
        ("", "current-context: c\ncontexts: [{name: c, context: {cluster: two, user: x}}]", "no user `x`"),
        ("client-key: k", CURRENT, "no `client-certificate`"),
        ("client-certificate: k", CURRENT, "no `client-key`"),
        ("client-key-data: '?'", CURRENT, "`client-key-data` is no base64"),
        ("exec: {command: aws}", CURRENT, "`exec`"),
        ("auth-provider: {name: gcp}", CURRENT, "`auth-provider`"),
        ("token: [1]", CURRENT, "config:8:28: `users[1].user.token`"),
        ("token: a, token: b", CURRENT, "config:8:"),
    ] {
        let told = login(&config(user, context)).unwrap_err().to_string();
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(login(&[]).is_err());
}

#[test]
fn objects_of_any_kind_become_requests_in_the_order_of_their_needs() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, managedFields: []}\n---\n\
                apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n\
                - {apiVersion: v1, kind: Namespace, metadata: {name: ../shop}}\n";
    let found = wanted("f.yaml", text).unwrap();
    let names: Vec<&str> = found.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(names, ["Namespace", "Secret", "Deployment"]);
    assert_eq!(found[2].object["metadata"], serde_json::json!({"name": "web", "namespace": "shop"}));
    assert_eq!(found[1].at, "f.yaml:8:3");

    let mut kinds = Kinds::default();
    let core = br#"{"resources":[{"name":"namespaces","kind":"Namespace","namespaced":false},
        {"name":"secrets","kind":"Secret","namespaced":true},{"name":"pods/log","kind":"Pod","namespaced":true}]}"#;
    let apps = br#"{"resources":[{"name":"deployments/scale","kind":"Deployment","namespaced":true},
        {"name":"deployments","kind":"Deployment","namespaced":true}]}"#;
    assert!(kinds.learn("v1", core) && kinds.learn("apps/v1", apps) && !kinds.learn("v1", b"[]"));
    let plain = Answer::default();
    let fields = "?fieldManager=pontoon&fieldValidation=Strict";
    let path = |number: usize, wishes: &Answer| kinds.apply(&found[number], "mine", wishes);
    // A name is one word of the path, whatever it is.
    assert_eq!(path(0, &plain), Some(format!("/api/v1/namespaces/..%2Fshop{fields}")));
    assert_eq!(path(1, &plain), Some(format!("/api/v1/namespaces/mine/secrets/s{fields}")));
    let all = Answer { only_tried: true, force: true };
    let expected = format!("/apis/apps/v1/namespaces/shop/deployments/web{fields}&dryRun=All&force=true");
    assert_eq!(path(2, &all), Some(expected));
    let pod = wanted("f", "{apiVersion: v1, kind: Pod, metadata: {name: ..}}").unwrap();
    assert_eq!(kinds.apply(&pod[0], "mine", &plain), None);
    assert!(kinds.learn("v1", br#"{"resources":[{"name":"pods","kind":"Pod","namespaced":true}]}"#));
    assert_eq!(
        kinds.apply(&pod[0], "mine", &plain),
        Some(format!("/api/v1/namespaces/mine/pods/%2E%2E{fields}"))
    );
}

#[test]
fn what_is_no_object_is_said_with_its_place() {
    for (text, expected) in [
        ("a: 1", "f:1:1: the document has no `kind`"),
        ("---\nkind: Pod", "f:2:1: the document has no `apiVersion`"),
        (
            "{apiVersion: v1, kind: Pod, metadata: {generateName: x-}}",
            "f:1:1: the object has no `metadata.name`",
        ),
        ("[1]", "f:1:1: a document of Kubernetes is a map"),
        ("a: 1\na: 2", "f:2:1: "),
    ] {
        let told = wanted("f", text).unwrap_err().to_string();
        assert!(told.starts_with(expected), "{expected}: {told}");
    }
    assert_eq!(wanted("f", "").unwrap(), []);
}
