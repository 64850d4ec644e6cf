//! Where Kubernetes objects come from, and where they go: files, web servers, standard input; a cluster, units.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::sync::OnceLock;

use pontoon_tests::{B, Manager, TestHost, alone, host_with_busybox, wait};

/// A certificate authority, a server's certificate of it for this machine, and a user's, below `/srv/tls`.
fn certificates(host: &TestHost) {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        host.root(
            "mkdir -p /srv/tls && cd /srv/tls
             new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj \"/CN=$1\" -keyout $1.key \"${@:2}\" 2>&1; }
             new ca -x509 -days 30 -out ca.pem -addext basicConstraints=critical,CA:TRUE
             for it in server alice; do
                 new $it -out $it.csr
                 echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' >$it.ext
                 openssl x509 -req -in $it.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $it.ext -out $it.pem 2>&1
             done
             chmod a+r *",
        )
        .ok();
    });
}

/// A server of the host, a script of Python, until the host ends.
fn serve(host: &TestHost, name: &str, script: &str, words: &str, port: u16) {
    let path = format!("/srv/{name}.py");
    host.write("root", &path, script);
    host.root(&format!("systemd-run -q --unit={name} python3 {path} {words}")).ok();
    wait::until(&format!("{name} to listen"), || {
        let answer = host.root(&format!("nc -z 127.0.0.1 {port} || journalctl -u {name} -o cat"));
        if answer.stdout.is_empty() { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers:\n  - {{name: c, image: {B}, command: [sleep, '10000']}}\n"
    )
}

fn pods(host: &TestHost) -> String {
    host.alice("pontoon pod ps --sort name --format '{{.Name}} {{.Status}}'").ok().stdout
}

const WEB: &str = include_str!("kube_files/web.py");
const CLUSTER: &str = include_str!("kube_files/cluster.py");

#[test]
fn objects_come_from_files_web_servers_and_standard_input() {
    let host = host_with_busybox();
    let _alone = alone();
    certificates(host);
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\ndata: {word: from-afar}\n";
    let needs = pod("needs").replace(
        "command:",
        "env: [{name: WORD, valueFrom: {configMapKeyRef: {name: far, key: word}}}], command:",
    );
    for (name, text) in [
        ("one.yaml", format!("{}---\n{}", pod("one"), pod("two"))),
        ("far.yaml", map.to_owned()),
        ("broken.yaml", "a: 1\na: 2\n".to_owned()),
        ("latin.yaml", "a: x\nb: \u{e4}\n".to_owned()),
        ("large.yaml", format!("# {}\n", "x".repeat(17 << 20))),
    ] {
        host.write("root", &format!("/srv/web/{name}"), text);
    }
    host.root(
        "iconv -f utf-8 -t latin1 /srv/web/latin.yaml >/srv/web/l && mv /srv/web/l /srv/web/latin.yaml",
    )
    .ok();
    host.write("alice", "/home/alice/three.yaml", pod("three"));
    serve(host, "plain", WEB, "8081 /srv/web", 8081);
    serve(host, "secure", WEB, "8443 /srv/web /srv/tls/server.pem /srv/tls/server.key", 8443);
    let play = |words: &str, input: &str| {
        let command = format!("pontoon kube play --network none {words}");
        host.entry("alice").stdin(input.as_bytes()).sh(&command)
    };

    // A server that nobody vouches for is not believed; one that the host or certs.d vouches for is.
    let told = play("https://localhost:8443/one.yaml", "").fails(125);
    assert!(told.stderr.contains("unknown authority"), "{told:?}");
    assert_eq!(pods(host), "");
    host.alice("mkdir -p .config/containers/certs.d/localhost:8443 && cp /srv/tls/ca.pem .config/containers/certs.d/localhost:8443/ca.crt").ok();

    // All of them are one play, and one down.
    let words = "https://localhost:8443/one.yaml three.yaml - --configmap http://localhost:8081/far.yaml";
    play(words, &needs).ok();
    assert_eq!(pods(host), "needs Running\none Running\nthree Running\ntwo Running\n");
    host.alice("pontoon exec needs-c sh -c 'echo $WORD'").ok().prints("from-afar\n");
    let down = "pontoon kube down https://localhost:8443/one.yaml three.yaml -";
    host.entry("alice").stdin(needs.as_bytes()).sh(down).ok();
    assert_eq!(pods(host), "");

    // What cannot be had, or is no such file, is said with the address; nothing is begun.
    for (words, expected) in [
        ("three.yaml http://localhost:8081/gone.yaml", "`http://localhost:8081/gone.yaml` answers 404"),
        ("three.yaml http://localhost:8081/broken.yaml", "http://localhost:8081/broken.yaml:2:1: "),
        (
            "three.yaml http://localhost:8081/latin.yaml",
            "http://localhost:8081/latin.yaml:2: the file is not UTF-8",
        ),
        ("three.yaml http://localhost:8081/large.yaml", "holds more than"),
        ("three.yaml http://localhost:1/", "cannot reach `http://localhost:1/`"),
        ("- -", "standard input can be read once"),
    ] {
        let told = play(words, "").fails(125);
        assert!(told.stderr.contains(expected), "{expected}: {told:?}");
        assert_eq!(pods(host), "");
    }
}

/// A kubeconfig with the cluster of [`CLUSTER`], and this user.
fn kubeconfig(user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         contexts: [{{name: here, context: {{cluster: ours, user: me, namespace: shop}}}}]\n\
         clusters: [{{name: ours, cluster: {{server: 'https://localhost:6443', certificate-authority: /srv/tls/ca.pem}}}}]\n\
         users: [{{name: me, user: {{{user}}}}}]\n"
    )
}

#[test]
fn objects_go_to_a_cluster() {
    let host = host_with_busybox();
    let _alone = alone();
    certificates(host);
    let words = "6443 /srv/tls/server.pem /srv/tls/server.key /srv/tls/ca.pem /srv/applied";
    serve(host, "cluster", CLUSTER, words, 6443);
    let identity = "client-certificate: /srv/tls/alice.pem, client-key: /srv/tls/alice.key";
    host.write("alice", "/home/alice/.kube/config", kubeconfig(identity));
    host.write("alice", "/home/alice/token", kubeconfig("token: let-me-in"));
    host.write("alice", "/home/alice/nobody", kubeconfig("token: let-me-out"));
    let secret = host.root("base64 -w0 </srv/tls/alice.key").ok().stdout;
    let data = format!("client-certificate: /srv/tls/alice.pem, client-key-data: {secret}");
    host.write(
        "alice",
        "/home/alice/data",
        kubeconfig(&data).replace("certificate-authority: /srv/tls/ca.pem", ""),
    );
    let applied = || host.root("cat /srv/applied 2>/dev/null; rm -f /srv/applied").stdout;

    // What runs here is written and goes there: first what others need.
    host.alice(&format!(
        "pontoon create --name goes -p 8097:80 -v goesdata:/data --stop-timeout 10 {B} sleep 1000"
    ))
    .ok();
    let told = host.alice("pontoon kube apply --service goes").ok();
    assert_eq!(
        told.stdout,
        "Deploying to cluster...\npersistentvolumeclaim/goesdata created\nservice/goes-pod created\n\
         pod/goes-pod created\nSuccessfully deployed workloads to cluster!\n"
    );
    let shop = "/api/v1/namespaces/shop";
    assert_eq!(
        applied(),
        format!(
            "certificate {shop}/persistentvolumeclaims/goesdata\ncertificate {shop}/services/goes-pod\ncertificate {shop}/pods/goes-pod\n"
        )
    );
    host.alice("pontoon rm goes && pontoon volume rm goesdata").ok();

    // A file, by a token, elsewhere; kinds that we do not play go as well.
    let text = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {serviceName: db}\n---\n\
                apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: own}\n";
    let apply = |config: &str, options: &str, text: &str| {
        let command = format!("KUBECONFIG={config} pontoon kube apply {options} -f -");
        host.entry("alice").stdin(text.as_bytes()).sh(&command)
    };
    apply("/home/alice/token", "", text)
        .ok()
        .says("statefulset/db created")
        .says("configmap/settings created");
    assert_eq!(
        applied(),
        format!(
            "token /api/v1/namespaces/own/configmaps/settings\ntoken {}/statefulsets/db\n",
            shop.replace("/api/v1", "/apis/apps/v1")
        )
    );
    let one = pod("web");
    apply("/home/alice/token", "--ns other", &one).ok().says("pod/web created");
    assert_eq!(applied(), "token /api/v1/namespaces/other/pods/web\n");
    apply("/home/alice/token", "--ns other", &one).ok().says("pod/web configured");
    apply("/home/alice/data", "--ca-cert-file /srv/tls/ca.pem", &one).ok();
    apply("/home/alice/data", "--ca-cert-file insecure", &one).ok();
    apply("/home/alice/data:/home/alice/token", "--ca-cert-file insecure", &one).ok();
    let _ = applied();

    // What a cluster does not take changes nothing there, of all that was to go with it.
    let after = |text: &str| format!("{}---\n{text}", pod("first"));
    let map =
        |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n");
    for (config, options, text, expected) in [
        ("nobody", "", one.clone(), "the cluster answers 401: Unauthorized"),
        ("data", "", one.clone(), "unknown authority"),
        ("gone", "", one.clone(), "cannot read kubeconfig `/home/alice/gone`"),
        ("token", "--ca-cert-file /srv/tls/gone", one.clone(), "cannot read `/srv/tls/gone`"),
        (
            "token",
            "--ns other",
            text.to_owned(),
            "<stdin>:6:1: `metadata.namespace` is another one than `--ns other`",
        ),
        (
            "token",
            "",
            after(&pod("x").replace("spec:\n", "spec:\n  nonsense: 1\n")),
            ".spec.nonsense: field not declared",
        ),
        (
            "token",
            "",
            after("apiVersion: v1\nkind: Ghost\nmetadata: {name: g}\n"),
            "knows no objects of kind `Ghost` (v1)",
        ),
        (
            "token",
            "",
            after("apiVersion: x/v1\nkind: Pod\nmetadata: {name: g}\n"),
            "knows no objects of kind `Pod` (x/v1)",
        ),
        ("token", "", after(&map("theirs")), "--force-conflicts"),
        ("token", "", "a: 1\na: 2\n".to_owned(), "<stdin>:2:1: "),
        ("token", "", String::new(), "there is no object in it"),
    ] {
        let told = apply(&format!("/home/alice/{config}"), options, &text).fails(125);
        assert!(told.stderr.contains(expected), "{expected}: {told:?}");
        assert_eq!(applied(), "", "{expected}");
    }
    apply("/home/alice/token", "--force-conflicts", &map("theirs")).ok().says("configmap/theirs created");
    host.alice("pontoon kube apply").fails(125);
    host.alice("pontoon kube apply --service -f x y").fails(125);
    host.alice("pontoon kube apply nothing-of-this-name").fails(125);
}

#[test]
fn failures_of_containers_are_those_of_a_unit_as_far_as_it_says() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    for (policy, codes, expected) in [
        ("any", [0, 3], "exit-code"),
        ("any", [0, 0], "success"),
        ("all", [0, 3], "success"),
        ("all", [3, 4], "exit-code"),
        ("none", [3, 4], "success"),
    ] {
        let container = |name: &str, code: u8| {
            format!("  - {{name: {name}, image: {B}, command: [sh, -c, 'exit {code}']}}\n")
        };
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: ends}}\nspec:\n  restartPolicy: Never\n  containers:\n{}{}",
            container("one", codes[0]),
            container("two", codes[1])
        );
        alice.add("ends.yaml", &pod);
        alice.add("ends.kube", &format!("[Kube]\nYaml=ends.yaml\nExitCodePropagation={policy}\n"));
        let _ = alice.systemctl("start ends");
        wait::until("the unit to end", || {
            let state = alice.property("ends", "ActiveState");
            let is_over = matches!(state.as_str(), "inactive" | "failed");
            if is_over { Ok(()) } else { Err(format!("{state}\n{}", alice.journal("ends"))) }
        });
        assert_eq!(
            alice.property("ends", "Result"),
            expected,
            "{policy} {codes:?}\n{}",
            alice.journal("ends")
        );
        // What it played is gone with it, however it ended.
        host.alice("pontoon pod ps -q && pontoon ps -aq").ok().prints("");
        let _ = alice.systemctl("reset-failed ends");
    }
    alice.remove("ends.kube");
    alice.remove("ends.yaml");
}

#[test]
fn words_and_numbers_without_quotes_are_those_of_podman() {
    let host = host_with_busybox();
    let _alone = alone();
    let text = |mode: &str, read_only: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: words}}\ndata: {{flag: on, key: k}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: words, labels: {{fine: yes}}}}\nspec:\n  terminationGracePeriodSeconds: 0\n  \
             containers:\n  - name: c\n    image: {B}\n    command: [sleep, 010000]\n    \
             env: [{{name: A, value: yes}}, {{name: N, value: No}}, {{name: C, value: 010}}]\n    \
             envFrom: [{{configMapRef: {{name: words}}}}]\n    securityContext: {{readOnlyRootFilesystem: {read_only}}}\n    \
             volumeMounts: [{{name: v, mountPath: /v}}]\n  \
             volumes: [{{name: v, configMap: {{name: words, defaultMode: 0400, items: [{{key: key, path: k}}, {{key: flag, path: f, mode: {mode}}}]}}}}]\n"
        )
    };
    host.write("alice", "/home/alice/words.yaml", text("0755", "true"));
    host.alice("pontoon kube play --network none words.yaml").ok();
    host.alice("pontoon exec words-c sh -c 'echo $A $N $C $flag; stat -L -c %a /v/k /v/f'")
        .ok()
        .prints("yes No 8 on\n400\n755\n");
    host.alice("pontoon pod inspect words --format '{{.Labels.fine}}'").ok().prints("yes\n");
    host.alice("pontoon inspect words-c --format '{{.HostConfig.ReadonlyRootfs}} {{.Args}}'")
        .ok()
        .prints("true [4096]\n");
    host.alice("pontoon kube down words.yaml").ok();
    // Where text is not what a field takes, it is said where, and what to write.
    for (mode, read_only, expected) in [
        ("'0755'", "true", ".mode`: it takes a whole number, and this is text; write `0755`, without quotes"),
        (
            "0755",
            "yes",
            ".readOnlyRootFilesystem`: it takes `true` or `false`, and this is text; write `true`",
        ),
    ] {
        host.write("alice", "/home/alice/words.yaml", text(mode, read_only));
        let told = host.alice("pontoon kube play --network none words.yaml").fails(125);
        assert!(told.stderr.contains(expected), "{expected}: {told:?}");
        assert_eq!(pods(host), "");
    }
}

#[test]
fn settings_of_podman_in_annotations_hold() {
    let host = host_with_busybox();
    let _alone = alone();
    let text = |source: &str| {
        let annotations = format!(
            "io.podman.annotations.volumes-from/c: '{source}', io.podman.annotations.infra.name: under, io.podman.annotations.bogus: x"
        );
        pod("set").replace("{name: set}", &format!("{{name: set, annotations: {{{annotations}}}}}"))
    };
    host.alice(&format!("pontoon run -d --name source -v kept:/kept {B} sleep 10000")).ok();
    host.alice("pontoon exec source sh -c 'echo there >/kept/file'").ok();
    host.write("alice", "/home/alice/set.yaml", text("source:ro"));
    let told = host.alice("pontoon kube play --network none set.yaml").ok();
    assert!(told.stderr.contains("io.podman.annotations.bogus`: there is no such setting"), "{told:?}");
    host.alice("pontoon exec set-c sh -c 'cat /kept/file; echo x 2>&- >/kept/file || echo ro'")
        .ok()
        .prints("there\nro\n");
    host.alice("pontoon inspect under --format '{{.Name}}'").ok().prints("under\n");
    host.alice("pontoon kube down set.yaml").ok();
    // One that is not there is an error, and nothing is left.
    host.write("alice", "/home/alice/set.yaml", text("nowhere"));
    let told = host.alice("pontoon kube play --network none set.yaml").fails(125);
    assert!(told.stderr.contains("no such container: `nowhere`"), "{told:?}");
    assert_eq!(pods(host), "");
    host.alice("pontoon rm -f -t 0 source && pontoon volume rm kept").ok();
}

#[test]
fn an_image_that_cannot_be_had_is_told_once() {
    let host = host_with_busybox();
    let _alone = alone();
    let text = pod("lacks").replace(B, "localhost:1/nothing:1");
    host.write("alice", "/home/alice/lacks.yaml", text);
    let told = host.alice("pontoon kube play --network none lacks.yaml").fails(125);
    assert_eq!(told.stderr.matches("error: ").count(), 1, "{told:?}");
    assert!(told.stderr.contains("cannot pull `localhost:1/nothing:1`"), "{told:?}");
    assert_eq!(pods(host), "");
}
