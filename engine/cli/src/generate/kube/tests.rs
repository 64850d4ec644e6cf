//! What containers become, and that it comes back.

use pontoon_kube::objects::EmptyDirSource;
use pontoon_kube::{document, play, yaml};
use pontoon_lifecycle::request::{MountRequest, MountSource, RestartPolicy, SecretPlace, SecretUse};

use super::*;
use crate::args::{self, Command};
use crate::run_options::Host;

struct Nothing;

impl Facts for Nothing {
    fn host_path_type(&self, _: &Path) -> &'static str {
        "Directory"
    }

    fn volume_said(&self, name: &str) -> Option<Volume> {
        let source = Some(EmptyDirSource { size_limit: Some("1Gi".to_owned()), ..EmptyDirSource::default() });
        (name == "own").then(|| Volume { name: "scratch".to_owned(), empty_dir: source, ..Volume::default() })
    }

    fn secret(&self, name: &str) -> Result<Vec<u8>, String> {
        match name {
            "pw" => Ok(b"p\xff".to_vec()),
            _ => Err("it is not there".to_owned()),
        }
    }
}

/// A host that keeps no secrets and has what is asked for.
struct Empty;

impl play::Facts for Empty {
    fn secret(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }

    fn amount(&self, _resource: &str) -> Option<u64> {
        None
    }

    fn lack(&self, _controller: &'static str, _option: &str) -> Option<play::Lack> {
        None
    }
}

/// The request of a command line.
fn request(line: &[&str]) -> CreateRequest {
    let words =
        std::iter::once("create").chain(line.iter().copied()).chain(["i:1"]).map(Into::into).collect();
    let Command::Create(args) = args::parse(words).unwrap().command else { panic!() };
    args.lower(Vec::new(), &Host::default()).unwrap().request
}

/// A group without members.
fn group_of(name: &str) -> Group<'static> {
    Group {
        name: name.to_owned(),
        labels: &[],
        played: Played::Not,
        maps: &[],
        infra: None,
        shares_processes: false,
        members: Vec::new(),
    }
}

fn written(request: &CreateRequest, wishes: &Wishes) -> Written {
    let members = vec![Member { name: "web", image: "example.com/i:1", request, env_files: &[] }];
    let all = Group { members, ..group_of("web-pod") };
    group(&all, wishes, &Nothing)
}

#[track_caller]
fn check(line: &[&str], expected: &str) {
    let written = written(&request(line), &Wishes::default());
    let text = yaml::write(&written.objects).unwrap();
    // Which texts need quotes is the writer's business.
    let (text, expected) = (text.replace('"', ""), expected.replace('"', ""));
    assert!(text.contains(&expected), "{line:?}: no {expected:?} in\n{text}");
}

#[test]
fn options_are_said_as_a_cluster_says_them() {
    for (line, expected) in [
        (
            vec!["-p", "8080:80", "-p", "127.0.0.1:5353:53/udp"],
            "    - containerPort: 80\n      hostPort: 8080\n    - containerPort: 53\n      hostIP: 127.0.0.1\n      hostPort: 5353\n      protocol: UDP\n",
        ),
        (vec!["-e", "N=yes"], "    - name: \"N\"\n      value: \"yes\"\n"),
        (vec!["-e", "A=$(B)"], "value: $$(B)\n"),
        (
            vec!["--memory", "64m", "--cpus", "0.5"],
            "      limits:\n        cpu: 500m\n        memory: 64Mi\n",
        ),
        (vec!["--user", "5:6"], "      runAsGroup: 6\n      runAsUser: 5\n"),
        (
            vec!["--cap-add", "SYS_PTRACE", "--cap-drop", "all"],
            "        add:\n        - SYS_PTRACE\n        drop:\n        - ALL\n",
        ),
        (vec!["--security-opt", "no-new-privileges"], "allowPrivilegeEscalation: false\n"),
        (vec!["--read-only"], "    - mountPath: /tmp\n      name: web-tmp\n"),
        (vec!["-v", "data:/data"], "  - name: data-pvc\n    persistentVolumeClaim:\n      claimName: data\n"),
        (
            vec!["-v", "own:/a", "-v", "own:/b"],
            "  volumes:\n  - emptyDir:\n      sizeLimit: 1Gi\n    name: scratch\n",
        ),
        (
            vec!["-v", "/srv:/data:ro"],
            "    - mountPath: /data\n      name: web-srv-host\n      readOnly: true\n",
        ),
        (
            vec!["--tmpfs", "/t:size=1m"],
            "  - emptyDir:\n      medium: Memory\n      sizeLimit: 1Mi\n    name: web-t\n",
        ),
        (
            vec!["--health-cmd", "true", "--health-on-failure", "restart"],
            "    livenessProbe:\n      exec:\n        command:\n        - /bin/sh\n        - -c\n        - \"true\"\n",
        ),
        (
            vec!["--health-cmd", "[\"HTTP\",\"http://localhost:8080/a?b\",\"X: y\"]"],
            "    readinessProbe:\n      failureThreshold: 3\n      httpGet:\n        httpHeaders:\n        - name: X\n          value: y\n        path: /a?b\n        port: 8080\n",
        ),
        (
            vec!["--health-cmd", "[\"TCP\",\"[::1]:1\"]", "--health-on-failure", "restart"],
            "      tcpSocket:\n        host: ::1\n        port: 1\n",
        ),
        (
            vec![
                "--health-cmd",
                "[\"CMD\",\"a\"]",
                "--health-on-failure",
                "restart",
                "--health-startup-cmd",
                "[\"CMD\",\"b\"]",
                "--annotation",
                "io.pontoon.probes={\"grace\":2,\"startup-delay\":3,\"startup-grace\":4}",
            ],
            "      periodSeconds: 30\n      terminationGracePeriodSeconds: 2\n",
        ),
        (
            vec!["--annotation", "io.pontoon.pre-stop=[\"SLEEP\",\"5\"]"],
            "    lifecycle:\n      preStop:\n        sleep:\n          seconds: 5\n",
        ),
        (
            vec!["--annotation", "io.pontoon.post-start=[\"CMD\",\"a\"]"],
            "      postStart:\n        exec:\n          command:\n          - a\n",
        ),
        (vec!["--add-host", "a:1.2.3.4"], "  hostAliases:\n  - hostnames:\n    - a\n    ip: 1.2.3.4\n"),
        (vec!["--dns", "9.9.9.9"], "  dnsPolicy: None\n"),
        (vec!["--restart", "always"], "  restartPolicy: Always\n"),
        (vec![], "  restartPolicy: Never\n"),
        (vec!["--hostname", "web"], "  hostname: web\n"),
        (vec!["--network", "host"], "  hostNetwork: true\n"),
        (
            vec!["--label", "io.containers.autoupdate=registry"],
            "    io.containers.autoupdate/web: registry\n",
        ),
    ] {
        check(&line, expected);
    }
}

#[test]
fn what_cannot_be_said_is_remarked_upon() {
    for (line, option) in [
        (vec!["--user", "nobody"], "--user"),
        (vec!["--pids-limit", "5"], "--pids-limit"),
        (vec!["--init"], "--init"),
        (vec!["--ulimit", "nofile=5:5"], "--ulimit"),
        (vec!["--hostname", "a.b"], "--hostname"),
        (vec!["--label", "we ird=l!"], "--label we ird"),
        (vec!["--label", "good=l!"], "--label good"),
        (vec!["--network", "none"], "--network none"),
        (vec!["--add-host", "a:host-gateway"], "--add-host a"),
        (vec!["-v", "a_b:/data"], "--volume …:/data"),
        (vec!["-p", "80"], "--publish"),
    ] {
        let written = written(&request(&line), &Wishes::default());
        assert!(written.remarks.iter().any(|it| it.option == option), "{line:?}: {:?}", written.remarks);
    }
    let secret = SecretUse { name: "pw".to_owned(), place: SecretPlace::Env { name: "PW".to_owned() } };
    let asked = CreateRequest { secrets: vec![secret], ..request(&[]) };
    let written = written(&asked, &Wishes::default());
    assert!(written.remarks[0].reason.contains("Secret `pw`"));
    let plain = request(&["-e", "A=b", "-p", "80:80", "--restart", "always", "--memory", "1g"]);
    assert_eq!(super::tests::written(&plain, &Wishes::default()).remarks, []);
}

#[test]
fn files_of_variables_are_config_maps() {
    let file = |name: &str, variables: &[(&str, &str)]| EnvFile {
        name: name.to_owned(),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let files = [
        file("a.env", &[("A", "1"), ("B", "$(x)"), ("C", "old")]),
        file("b.env", &[("A", "2"), ("D", "changed since"), ("not a key", "x")]),
    ];
    let line = [
        "-e",
        "A=1",
        "-e",
        "B=$(x)",
        "-e",
        "C=old",
        "-e",
        "A=2",
        "-e",
        "D=d",
        "-e",
        "not a key=x",
        "-e",
        "C=own",
    ];
    let asked = request(&line);
    let members = vec![Member { name: "web", image: "i", request: &asked, env_files: &files }];
    let all = Group { members, ..group_of("p") };
    let wishes = Wishes { config_maps: true, ..Wishes::default() };
    let written = group(&all, &wishes, &Nothing);
    let data = |object: &Object| match object {
        Object::ConfigMap(map) => (map.metadata.name.clone(), map.data.clone()),
        other => panic!("{other:?}"),
    };
    let (first, second) = (data(&written.objects[0]), data(&written.objects[1]));
    assert_eq!(first, ("web-a-env".to_owned(), Texts::from([("B".to_owned(), "$(x)".to_owned())])));
    assert_eq!(second, ("web-b-env".to_owned(), Texts::from([("A".to_owned(), "2".to_owned())])));
    let Object::Pod(pod) = &written.objects[2] else { panic!() };
    let container = &pod.spec.containers[0];
    let own: Vec<_> =
        container.env.iter().map(|it| (it.name.as_str(), it.value.as_deref().unwrap())).collect();
    assert_eq!(own, [("D", "d"), ("not a key", "x"), ("C", "own")]);
    let from: Vec<_> =
        container.env_from.iter().map(|it| it.config_map_ref.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(from, ["web-a-env", "web-b-env"]);

    // Played again, the container has what it had.
    let text = yaml::write(&written.objects).unwrap();
    let contents = document::contents("f.yaml", &text).unwrap();
    let play = play::decide(&contents.documents, &[], &play::Options::default(), &Empty).unwrap();
    let mut env: Vec<&str> =
        play.pods[0].containers[0].words.iter().filter_map(|it| it.strip_prefix("--env=")).collect();
    env.sort_unstable();
    assert_eq!(env, ["A=2", "B=$(x)", "C=own", "D=d", "not a key=x"]);
    // Unasked there is nothing of it.
    assert_eq!(group(&all, &Wishes::default(), &Nothing).objects.len(), 1);
}

#[test]
fn secrets_are_written_if_they_are_asked_for() {
    let place = |name: &str| SecretPlace::Env { name: name.to_owned() };
    let file = SecretPlace::Mount { target: "f".to_owned(), uid: 0, gid: 0, mode: 0o400 };
    let secret = |name: &str, place| SecretUse { name: name.to_owned(), place };
    let secrets = vec![secret("pw", place("PW")), secret("pw", file), secret("gone", place("GONE"))];
    let asked = CreateRequest { secrets, ..request(&[]) };
    let wishes = Wishes { secrets: true, ..Wishes::default() };
    let result = written(&asked, &wishes);
    let Object::Secret(secret) = &result.objects[0] else { panic!() };
    assert_eq!((secret.metadata.name.as_str(), secret.data["pw"].as_str()), ("pw", "cP8="));
    assert_eq!(result.objects.iter().filter(|it| it.kind() == "Secret").count(), 1);
    let told: Vec<_> = result.remarks.iter().map(|it| (it.option.as_str(), it.reason.as_str())).collect();
    let expected = "the cluster must have a Secret `gone` with the key `gone`, whose value cannot be had here: it is not there";
    assert_eq!(told, [("--secret gone", expected)]);
    assert!(written(&asked, &Wishes::default()).objects.iter().all(|it| it.kind() != "Secret"));
}

#[test]
fn workloads_and_services() {
    let request = request(&["-p", "30080:80", "-p", "81:81/udp", "--restart", "no"]);
    for (kind, policy) in [(Kind::Deployment, "Always"), (Kind::DaemonSet, "Always"), (Kind::Job, "Never")] {
        let wishes = Wishes { kind: Some(kind), service: true, ..Wishes::default() };
        let written = written(&request, &wishes);
        let text = yaml::write(&written.objects).unwrap();
        assert!(text.contains(&format!("restartPolicy: {policy}\n")), "{text}");
        let Object::Service(service) = &written.objects[0] else { panic!("{text}") };
        let ports: Vec<_> = service.spec.ports.iter().map(|it| (it.name.as_str(), it.node_port)).collect();
        assert_eq!(ports, [("80", Some(30080)), ("81-udp", None)]);
        assert!(!text.contains("hostPort"), "{text}");
        assert_eq!(service.spec.selector["app"], "web-pod");
    }
}

/// Words that are not those of the name, the pod and the labels.
fn own_words(words: &[String]) -> Vec<&str> {
    let is_own = |it: &&str| {
        !["--name=", "--pod=", "--label=app", "--pull="].iter().any(|start| it.starts_with(start))
    };
    words.iter().map(String::as_str).filter(is_own).collect()
}

#[test]
fn what_is_written_is_played_as_it_was() {
    let line = [
        "--restart=always",
        "--security-opt=no-new-privileges",
        "--security-opt=apparmor=unconfined",
        "--cap-add=SYS_PTRACE",
        "--cap-drop=ALL",
        "--user=5:6",
        "--cpus=0.5",
        "--memory=67108864",
        "--volume=data:/data:ro",
        "--interactive",
        "--tty",
        "--workdir=/w",
        "--stop-timeout=7",
        "--env=A=b $(C) $$",
        "--env=N=yes\nno: [",
        "--entrypoint=[\"a b\",\"$(X)\"]",
    ];
    let asked = request(&line);
    let written = written(&asked, &Wishes::default());
    assert_eq!(written.remarks, []);
    let text = yaml::write(&written.objects).unwrap();
    let contents = document::contents("f.yaml", &text).unwrap();
    assert_eq!(contents.notes, []);
    assert_eq!(
        contents.documents.iter().map(|it| &it.object).collect::<Vec<_>>(),
        written.objects.iter().collect::<Vec<_>>()
    );
    let play = play::decide(&contents.documents, &[], &play::Options::default(), &Empty).unwrap();
    assert_eq!(play.volumes[0].name, "data");
    let container = &play.pods[0].containers[0];
    let words: Vec<&str> = container.words[1..].iter().map(String::as_str).collect();
    let Command::Create(args) =
        args::parse(container.words.iter().map(Into::into).collect()).unwrap().command
    else {
        panic!()
    };
    let back = args.lower(Vec::new(), &Host::default()).unwrap().request;
    assert_eq!(
        (&back.env, &back.entrypoint, &back.mounts),
        (&asked.env, &asked.entrypoint, &asked.mounts),
        "{words:?}"
    );
    assert_eq!((&back.user, &back.cap_add, &back.cap_drop), (&asked.user, &asked.cap_add, &asked.cap_drop));
    assert_eq!(back.apparmor, asked.apparmor);
    assert_eq!(
        (back.restart, back.stop_timeout, back.resources),
        (asked.restart, asked.stop_timeout, asked.resources)
    );
    assert_eq!((back.tty, back.interactive, &back.workdir), (asked.tty, asked.interactive, &asked.workdir));
    assert_eq!(own_words(&container.words).last(), Some(&"example.com/i:1"));
}

proptest::proptest! {
    /// Whatever a name, a label, a variable or a word holds, the text reads back as the same objects, and one document for each.
    #[test]
    fn nothing_breaks_out(texts in proptest::collection::vec(".*|[-:#\\n %n\\]\\[${}]{0,9}[a-z\\n ]*", 5)) {
        let asked = CreateRequest {
            command: vec![texts[0].clone()],
            env: vec![("V".to_owned(), texts[1].clone())],
            labels: vec![(texts[2].clone(), texts[3].clone())],
            annotations: vec![("a.b/c".to_owned(), texts[4].clone())],
            workdir: Some(texts[0].clone()),
            restart: RestartPolicy::Always,
            mounts: vec![MountRequest { source: MountSource::Bind(texts[1].clone().into()), target: texts[2].clone(), options: Vec::new() }],
            ..CreateRequest::default()
        };
        let members = vec![Member { name: &texts[3], image: &texts[4], request: &asked, env_files: &[] }];
        let all = Group { members, ..group_of(&texts[0]) };
        for kind in [Kind::Pod, Kind::Deployment] {
            let wishes = Wishes { kind: Some(kind), service: true, replicas: Some(2), podman_only: true, ..Wishes::default() };
            let written = group(&all, &wishes, &Nothing);
            let text = yaml::write(&written.objects).unwrap();
            let read = document::contents("f.yaml", &text).unwrap();
            let objects: Vec<Object> = read.documents.into_iter().map(|it| it.object).collect();
            proptest::prop_assert_eq!(&objects, &written.objects, "{}", text);
        }
    }
}

#[test]
fn both_sides_call_annotations_the_same() {
    use pontoon_lifecycle::annotated;
    assert_eq!(
        [play::POST_START, play::PRE_STOP, play::READINESS, play::SIDECAR],
        [annotated::POST_START, annotated::PRE_STOP, annotated::READINESS, annotated::SIDECAR]
    );
    let readiness = r#"io.pontoon.readiness={"test":["TCP","localhost:1"],"interval":2,"timeout":1,"retries":3,"successes":2,"delay":4}"#;
    check(
        &["--annotation", readiness],
        "    readinessProbe:\n      failureThreshold: 3\n      initialDelaySeconds: 4\n      periodSeconds: 2\n      successThreshold: 2\n      tcpSocket:\n        port: 1\n      timeoutSeconds: 1\n",
    );
    check(&["--restart", "always", "--annotation", "io.pontoon.sidecar=true"], "  initContainers:\n");
}
