//! What documents become.

use super::*;
use crate::document;

fn options() -> Options {
    Options { directory: "/here".to_owned(), seccomp_root: "/profiles".to_owned(), ..Options::default() }
}

/// A host with one secret, and with these controllers.
struct Host(&'static [&'static str]);

impl Facts for Host {
    fn secret(&self, name: &str) -> Option<Vec<u8>> {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: kept}\ndata: {pw: aHVudGVyMg==}\n";
        (name == "kept").then(|| text.as_bytes().to_vec())
    }

    fn amount(&self, resource: &str) -> Option<u64> {
        match resource {
            "cpu" => Some(4000),
            "memory" => Some(8 << 30).map(|it: u64| it * 1000),
            _ => None,
        }
    }

    fn lack(&self, controller: &'static str, option: &str) -> Option<Lack> {
        let lack = || Lack { text: format!("no {controller} for {option}"), hint: Some("go on".to_owned()) };
        (!self.0.contains(&controller)).then(lack)
    }
}

fn decided(text: &str, options: &Options) -> Result<Play, Vec<Fault>> {
    let contents = document::contents("f.yaml", text).unwrap();
    decide(&contents.documents, &[], options, &Host(&["cpu", "memory"]))
}

#[track_caller]
fn play(text: &str) -> Play {
    decided(text, &options()).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[track_caller]
fn faults(text: &str) -> Vec<String> {
    decided(text, &options()).unwrap_err().iter().map(ToString::to_string).collect()
}

/// A pod with a container, to which lines are added.
fn pod(of_container: &str, of_pod: &str) -> String {
    let mut text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels: {app: x}\nspec:\n  containers:\n  - name: c\n    image: i:1\n".to_owned();
    for line in of_container.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    for line in of_pod.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// The words of the container that are there beside the usual ones.
#[track_caller]
fn words(of_container: &str, of_pod: &str) -> Vec<String> {
    let play = play(&pod(of_container, of_pod));
    let usual =
        ["create", "--name=p-c", "--pod=p", "--pull=missing", "--restart=always", "--label=app=x", "i:1"];
    let words = &play.pods[0].containers.last().unwrap().words;
    words.iter().filter(|it| !usual.contains(&it.as_str())).cloned().collect()
}

#[test]
fn a_pod_is_said_in_words_of_commands() {
    let play = play(&pod("", ""));
    let pod = &play.pods[0];
    assert_eq!(pod.words[..2], ["pod", "create"]);
    assert!(pod.words[2].starts_with("--label=io.pontoon.kube.digest="));
    assert_eq!(
        pod.words[3..],
        [
            "--exit-policy=stop",
            "--name=p",
            "--label=io.pontoon.kube.pod=p",
            "--label=app=x",
            "--share=ipc,net,uts"
        ]
    );
    let container = &pod.containers[0];
    assert_eq!(
        container.words,
        ["create", "--name=p-c", "--pod=p", "--pull=missing", "--restart=always", "--label=app=x", "i:1"]
    );
    assert!(play.notes.is_empty(), "{:?}", play.notes);
}

#[test]
fn the_same_is_the_same_and_a_change_is_seen() {
    let digest = |text: &str| play(text).pods[0].digest.clone();
    assert_eq!(digest(&pod("", "")), digest(&format!("# a remark\n{}", pod("", ""))));
    assert_ne!(digest(&pod("", "")), digest(&pod("args: [a]", "")));
    let map = |value: &str| {
        let pod =
            pod("volumeMounts: [{name: v, mountPath: /m}]", "volumes: [{name: v, configMap: {name: m}}]");
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{k: {value}}}\n---\n{pod}")
    };
    assert_ne!(digest(&map("a")), digest(&map("b")));
}

#[test]
fn fields_of_containers() {
    for (lines, expected) in [
        ("command: [a, \"b c\"]\nargs: [d]", vec!["--entrypoint=[\"a\",\"b c\"]", "d"]),
        (
            "env: [{name: A, value: x}, {name: B, value: \"$(A)$$(A)$(C)\"}]\nargs: [\"$(B)\"]",
            vec!["--env=A=x", "--env=B=x$(A)$(C)", "x$(A)$(C)"],
        ),
        ("workingDir: /w\nstdin: true\ntty: true", vec!["--interactive", "--tty", "--workdir=/w"]),
        (
            "resources: {limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: 100m, memory: 1Mi}}",
            vec!["--cpus=0.5", "--memory=67108864", "--cpu-shares=102", "--memory-reservation=1048576"],
        ),
        ("resources: {requests: {cpu: 1m}}", vec!["--cpu-shares=2"]),
        ("resources: {requests: {cpu: '1000'}}", vec!["--cpu-shares=262144"]),
        ("resources: {limits: {cpu: '0'}, requests: {memory: '0'}}", vec![]),
        (
            "securityContext: {runAsUser: 5, runAsGroup: 6, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {add: [X], drop: [ALL]}}",
            vec![
                "--security-opt=no-new-privileges",
                "--read-only",
                "--read-only-tmpfs=false",
                "--cap-add=X",
                "--cap-drop=ALL",
                "--user=5:6",
            ],
        ),
        (
            "securityContext: {privileged: true, seccompProfile: {type: Localhost, localhostProfile: a.json}, seLinuxOptions: {type: spc_t}}",
            vec![
                "--security-opt=label=type:spc_t",
                "--security-opt=seccomp=/profiles/a.json",
                "--privileged",
            ],
        ),
        (
            "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: web}, seccompProfile: {type: RuntimeDefault}}",
            vec!["--security-opt=apparmor=web"],
        ),
        (
            "livenessProbe: {exec: {command: [\"true\"]}, periodSeconds: 5}",
            vec![
                "--health-cmd=[\"CMD\",\"true\"]",
                "--health-interval=5s",
                "--health-timeout=1s",
                "--health-retries=3",
                "--health-start-period=0s",
                "--health-on-failure=restart",
            ],
        ),
        (
            "ports: [{name: web, containerPort: 80}]\nreadinessProbe: {httpGet: {port: web, path: /x}, initialDelaySeconds: 7}",
            vec![
                "--health-cmd=[\"HTTP\",\"http://localhost:80/x\"]",
                "--health-interval=10s",
                "--health-timeout=1s",
                "--health-retries=3",
                "--health-start-period=7s",
            ],
        ),
        (
            "livenessProbe: {tcpSocket: {port: 1, host: \"::1\"}}\nreadinessProbe: {exec: {command: [a]}, successThreshold: 2}",
            vec![
                "--health-cmd=[\"TCP\",\"[::1]:1\"]",
                "--health-interval=10s",
                "--health-timeout=1s",
                "--health-retries=3",
                "--health-start-period=0s",
                "--health-on-failure=restart",
                "--annotation=io.pontoon.readiness={\"delay\":0,\"interval\":10,\"retries\":3,\"successes\":2,\"test\":[\"CMD\",\"a\"],\"timeout\":1}",
            ],
        ),
        (
            "lifecycle: {stopSignal: SIGINT, postStart: {httpGet: {port: 1, path: /a, httpHeaders: [{name: X, value: z}]}}, preStop: {sleep: {seconds: 3}}}",
            vec![
                "--annotation=io.pontoon.post-start=[\"HTTP\",\"http://localhost:1/a\",\"X: z\"]",
                "--annotation=io.pontoon.pre-stop=[\"SLEEP\",\"3\"]",
                "--stop-signal=SIGINT",
            ],
        ),
        (
            "readinessProbe: {exec: {command: [a]}, successThreshold: 2}\nstartupProbe: {exec: {command: [b]}, initialDelaySeconds: 3, terminationGracePeriodSeconds: 4}",
            vec![
                "--health-cmd=[\"CMD\",\"a\"]",
                "--health-interval=10s",
                "--health-timeout=1s",
                "--health-retries=3",
                "--health-start-period=0s",
                "--health-startup-cmd=[\"CMD\",\"b\"]",
                "--health-startup-interval=10s",
                "--health-startup-timeout=1s",
                "--health-startup-retries=3",
                "--health-startup-success=1",
                "--annotation=io.pontoon.probes={\"startup-delay\":3,\"startup-grace\":4,\"successes\":2}",
            ],
        ),
        ("imagePullPolicy: Always", vec!["--pull=always"]),
    ] {
        assert_eq!(words(lines, ""), expected, "{lines}");
    }
}

#[test]
fn settings_of_podman_are_taken_or_told() {
    let text = |annotations: &str| {
        pod("", "initContainers: [{name: i, image: i:1}]")
            .replace("labels: {app: x}", &format!("annotations: {{{annotations}}}"))
    };
    let taken = play(&text(
        "io.podman.annotations.volumes-from/c: \"src:ro,z;other\", io.podman.annotations.infra.name: foo, \
         io.podman.annotations.label/c: \"type:t\", io.podman.annotations.init.container.type: always, \
         io.podman.annotations.autoremove/c: \"FALSE\"",
    ));
    assert!(taken.notes.is_empty(), "{:?}", taken.notes);
    let pod = &taken.pods[0];
    assert!(pod.words.contains(&"--infra-name=foo".to_owned()), "{:?}", pod.words);
    for word in ["--volumes-from=src:ro,z", "--volumes-from=other", "--security-opt=label=type:t"] {
        let has: Vec<bool> = pod.containers.iter().map(|it| it.words.iter().any(|it| it == word)).collect();
        assert_eq!(has, [false, true], "{word}");
    }
    assert!(pod.containers[0].words.contains(&"--init-ctr=always".to_owned()));
    let told =
        play(&text("io.podman.annotations.bogus: x, io.podman.annotations.init/d: x, other/key: x, org.systemd.property.Nice: x")).notes;
    let told: Vec<String> = told.iter().map(|it| format!("{} {}", it.at, it.text)).collect();
    assert_eq!(
        told,
        [
            "f.yaml:5:46 `metadata.annotations.io.podman.annotations.bogus`: there is no such setting here, and it has no effect",
            "f.yaml:5:79 `metadata.annotations.io.podman.annotations.init/d`: there is no container `d`, and it has no effect",
            "f.yaml:5:123 `metadata.annotations.org.systemd.property.Nice`: there is no such setting here, and it has no effect",
        ]
    );
}

#[test]
fn volumes_are_mounted() {
    for (mount, volume, expected) in [
        ("mountPath: /m", "hostPath: {path: /h}", "--volume=/h:/m:z"),
        ("mountPath: \"/m:Z\"", "hostPath: {path: rel}", "--volume=/here/rel:/m:Z"),
        ("mountPath: /m, readOnly: true", "hostPath: {path: /h}", "--volume=/h:/m:ro,z"),
        (
            "mountPath: /m, mountPropagation: HostToContainer",
            "hostPath: {path: /h}",
            "--volume=/h:/m:rslave,z",
        ),
        (
            "mountPath: /m, subPath: a/b, readOnly: true",
            "hostPath: {path: /h}",
            "--mount=type=bind,source=/h,target=/m,subpath=a/b,ro,z",
        ),
        ("mountPath: /m", "hostPath: {path: /dev/x, type: CharDevice}", "--device=/dev/x:/m"),
        ("mountPath: /m", "persistentVolumeClaim: {claimName: data}", "--volume=data:/m"),
        (
            "mountPath: /m, subPath: a/b",
            "persistentVolumeClaim: {claimName: d}",
            "--mount=type=volume,source=d,target=/m,subpath=a/b",
        ),
        ("mountPath: /m", "emptyDir: {}", "--volume=p-v:/m"),
        (
            "mountPath: /m",
            "emptyDir: {medium: Memory, sizeLimit: 1Mi}",
            "--mount=type=tmpfs,target=/m,tmpfs-mode=1777,tmpfs-size=1048576",
        ),
        ("mountPath: /m", "image: {reference: \"a:1\"}", "--mount=type=image,source=a:1,target=/m"),
        ("mountPath: /m", "secret: {secretName: kept}", "--volume=p-v:/m:ro"),
    ] {
        let got = words(
            &format!("volumeMounts: [{{name: v, {mount}}}]"),
            &format!("volumes: [{{name: v, {volume}}}]"),
        );
        assert_eq!(got, [expected], "{volume}");
    }
    let play = play(&pod(
        "volumeMounts: [{name: v, mountPath: /m}]",
        "volumes: [{name: v, secret: {secretName: kept, defaultMode: 256, items: [{key: pw, path: a/b}]}}]",
    ));
    assert_eq!(play.pods[0].volumes[0].files, [("a/b".to_owned(), b"hunter2".to_vec(), 0o400)]);
}

#[test]
fn memory_that_several_containers_share_is_a_volume() {
    let mount = "volumeMounts: [{name: v, mountPath: /m}]";
    let first = format!("initContainers: [{{name: i, image: 'i:1', {mount}}}]\n");
    for (size, options) in [("", "mode=1777"), (", sizeLimit: 1Mi", "mode=1777,size=1048576")] {
        let volumes = format!("{first}volumes: [{{name: v, emptyDir: {{medium: Memory{size}}}}}]");
        let play = play(&pod(mount, &volumes));
        assert!(play.notes.is_empty(), "{:?}", play.notes);
        let [volume] = play.pods[0].volumes.as_slice() else { panic!("{:?}", play.pods[0].volumes) };
        let said = format!("--opt=o={options}");
        assert_eq!(volume.words[2..5], ["--opt=type=tmpfs", "--opt=device=tmpfs", &said]);
        let users =
            play.pods[0].containers.iter().filter(|it| it.words.contains(&"--volume=p-v:/m".to_owned()));
        assert_eq!(users.count(), 2);
    }
}

#[test]
fn volumes_are_the_group_s_and_paths_of_the_host_are_not() {
    let word = |volume: &str| {
        let volumes = format!("securityContext: {{fsGroup: 5}}\nvolumes: [{{name: v, {volume}}}]");
        let play = play(&pod("volumeMounts: [{name: v, mountPath: /m}]", &volumes));
        let words = &play.pods[0].containers[0].words;
        assert!(words.contains(&"--group-add=5".to_owned()) && play.notes.is_empty(), "{:?}", play.notes);
        words.iter().find(|it| it.contains("/m")).unwrap().clone()
    };
    assert_eq!(word("hostPath: {path: /srv}"), "--volume=/srv:/m:z");
    assert_eq!(word("emptyDir: {}"), "--volume=p-v:/m:fsgroup=5");
    assert_eq!(word("emptyDir: {medium: Memory}"), "--mount=type=tmpfs,target=/m,tmpfs-mode=3777,gid=5");
    assert_eq!(word("secret: {secretName: kept}"), "--volume=p-v:/m:ro,fsgroup=5");
    let wrong = pod("", "securityContext: {fsGroup: -1}");
    assert!(faults(&wrong)[0].contains("it is no number of a group"));
}

#[test]
fn ports_are_those_of_the_pod() {
    let text = pod(
        "ports: [{containerPort: 80, hostPort: 8080, hostIP: 127.0.0.1}, {containerPort: 53, hostPort: 53, protocol: UDP}, {containerPort: 7, hostPort: 7, protocol: SCTP}, {containerPort: 9}]",
        "",
    );
    let published = |options: &Options| {
        let play = decided(&text, options).unwrap();
        play.pods[0]
            .words
            .iter()
            .filter_map(|it| it.strip_prefix("--publish=").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(published(&options()), ["127.0.0.1:8080:80/tcp", "53:53/udp", "7:7/sctp"]);
    let named = Options { no_hostname: true, ..options() };
    assert!(decided(&text, &named).unwrap().pods[0].words.contains(&"--no-hostname".to_owned()));
    let all = Options { publish_all: true, publish: vec!["1:80".to_owned()], ..options() };
    assert_eq!(published(&all), ["1:80", "53:53/udp", "7:7/sctp", "9:9/tcp"]);
}

#[test]
fn settings_come_from_maps_and_secrets() {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{K: v, L: w}}\n---\n{}",
        pod(
            "envFrom: [{prefix: P_, configMapRef: {name: m}}, {configMapRef: {name: none, optional: true}}]\nenv:\n- {name: A, valueFrom: {secretKeyRef: {name: kept, key: pw}}}\n- {name: ME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n- {name: L, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}}\n- {name: O, valueFrom: {configMapKeyRef: {name: m, key: x, optional: true}}}",
            ""
        )
    );
    let words = &play(&text).pods[0].containers[0].words;
    let env: Vec<_> = words.iter().filter_map(|it| it.strip_prefix("--env=")).collect();
    assert_eq!(env, ["P_K=v", "P_L=w", "A=hunter2", "ME=p", "L=x"]);
}

/// The files of the one volume that a pod has, whose container may use 64 MiB.
#[track_caller]
fn files_of(volume: &str) -> Vec<(String, String, u32)> {
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: v, l: w}\n";
    let limits = "resources: {limits: {memory: 64Mi}}\nvolumeMounts: [{name: v, mountPath: /m}]";
    let play = play(&format!("{}{map}", pod(limits, &format!("volumes: [{{name: v, {volume}}}]"))));
    let [volume] = play.pods[0].volumes.as_slice() else { panic!("{:?}", play.pods[0].volumes) };
    assert!(play.pods[0].containers[0].words.contains(&format!("--volume={}:/m:ro", volume.name)));
    let text = |it: &[u8]| String::from_utf8(it.to_vec()).unwrap();
    volume.files.iter().map(|(path, content, mode)| (path.clone(), text(content), *mode)).collect()
}

#[test]
fn several_sources_are_one_volume() {
    let sources = "projected: {defaultMode: 288, sources: [\
        {configMap: {name: m}}, {configMap: {name: none, optional: true}}, \
        {secret: {name: kept, items: [{key: pw, path: below/pw, mode: 256}]}}, \
        {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, \
          {path: memory, resourceFieldRef: {containerName: c, resource: limits.memory, divisor: 1Mi}}]}}]}";
    let expected = [
        ("k", "v", 0o440),
        ("l", "w", 0o440),
        ("below/pw", "hunter2", 0o400),
        ("labels", "app=\"x\"", 0o440),
        ("memory", "64", 0o440),
    ];
    assert_eq!(
        files_of(sources),
        expected.map(|(path, text, mode)| (path.to_owned(), text.to_owned(), mode))
    );
    let of_pod = "downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}";
    assert_eq!(files_of(of_pod), [("name".to_owned(), "p".to_owned(), 0o644)]);
}

#[test]
fn what_no_source_of_a_volume_can_be_is_told() {
    for (volume, fault) in [
        (
            "projected: {sources: [{serviceAccountToken: {path: t}}]}",
            "`spec.volumes[0].projected.sources[0]`: none of the sources that are known here is named",
        ),
        (
            "projected: {sources: [{secret: {name: kept}}, {secret: {name: kept, items: [{key: pw, path: pw/x}]}}]}",
            "`spec.volumes[0].projected.sources`: `pw` is a file, so `pw/x` cannot be below it",
        ),
        (
            "projected: {sources: [{secret: {name: kept}}, {secret: {name: kept}}]}",
            "`spec.volumes[0].projected.sources`: there are two files `pw`",
        ),
        (
            "downwardAPI: {items: [{path: ../up, fieldRef: {fieldPath: metadata.name}}]}",
            "`spec.volumes[0].downwardAPI.items[0].path`: `../up` is no path below the mount",
        ),
        (
            "downwardAPI: {items: [{path: uid, fieldRef: {fieldPath: metadata.uid}}]}",
            "`spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath`: the field `metadata.uid` is not known before the pod runs",
        ),
        (
            "downwardAPI: {items: [{path: cpu, resourceFieldRef: {resource: limits.cpu}}]}",
            "`spec.volumes[0].downwardAPI.items[0].resourceFieldRef.containerName`: the pod has no container ``",
        ),
        (
            "downwardAPI: {items: [{path: nothing}]}",
            "`spec.volumes[0].downwardAPI.items[0]`: either `fieldRef` or `resourceFieldRef` is named",
        ),
    ] {
        let told = faults(&pod("", &format!("volumes: [{{name: v, {volume}}}]")));
        assert!(told.len() == 1 && told[0].contains(fault), "{volume}: {told:#?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_with_its_place() {
    let text = pod(
        "env: [{name: A, valueFrom: {secretKeyRef: {name: gone, key: k}}}]\nvolumeMounts: [{name: w, mountPath: m}, {name: v, mountPath: m}]\nresources: {limits: {memory: lots}}",
        "volumes: [{name: v, hostPath: {path: /h, type: Folder}}, {name: w, configMap: {name: m}}, {name: x}]\nrestartPolicy: Sometimes",
    );
    let told = faults(&text);
    for expected in [
        "f.yaml:10:",
        "`spec.containers[0].env[0].valueFrom.secretKeyRef`: there is no Secret `gone`",
        "f.yaml:12:34: `spec.containers[0].resources.limits.memory`: `lots` is no amount",
        "`spec.volumes[0].hostPath.type`: `Folder` is none of the types",
        "`spec.volumes[1].configMap`: there is no ConfigMap `m`",
        "`spec.volumes[2]`: none of the kinds of volumes",
        "f.yaml:14:18: `spec.restartPolicy`: `Sometimes`",
    ] {
        assert!(told.iter().any(|it| it.contains(expected)), "{expected}: {told:#?}");
    }
}

#[test]
fn what_must_be_said_is_asked_for() {
    for (text, expected) in [
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n",
            "`spec.containers`: a pod has at least one container",
        ),
        (
            "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: i}]}",
            "`metadata.name`: there must be a name",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}]}",
            "`spec.containers[0].image`: a container has an image",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {securityContext: {appArmorProfile: {type: Localhost}}, containers: [{name: c, image: i}]}",
            "`spec.containers[0].securityContext.appArmorProfile.localhostProfile`: the profile of `Localhost` is one",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i, env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.wings}}}]}]}",
            "`spec.containers[0].env[0].valueFrom.resourceFieldRef`: there is no amount `limits.wings`",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: i}]}",
            "`spec.containers[0].name`: there must be a name",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}, {name: c, image: i}]}",
            "there are two containers `c`",
        ),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n", "there is nothing to play"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: m}\ndata: {a: \"!\"}\n", "`data.a` is not base64"),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: c, image: i}]}}}",
            "the pod of a Job has",
        ),
    ] {
        let told = faults(text);
        assert!(told.iter().any(|it| it.contains(expected)), "{text}: {told:?}");
    }
    let twice = faults(&format!("{}---\n{}", pod("", ""), pod("", "")));
    assert_eq!(twice, ["f.yaml:14:9: there are two pods `p`, the other at f.yaml:4:9"]);
}

#[test]
fn no_path_leads_out() {
    for path in ["../x", "a/../../x", "/x", "a//b", "."] {
        let items = format!(
            "volumes: [{{name: v, secret: {{secretName: kept, items: [{{key: pw, path: \"{path}\"}}]}}}}]"
        );
        assert!(faults(&pod("", &items))[0].contains("is no path below the mount"), "{path}");
        let mount = format!("volumeMounts: [{{name: v, mountPath: /m, subPath: \"{path}\"}}]");
        if path != "." {
            let told = faults(&pod(&mount, "volumes: [{name: v, persistentVolumeClaim: {claimName: d}}]"));
            assert!(told[0].contains("is no path below the volume"), "{path}: {told:?}");
        }
    }
    let told = faults(&pod(
        "volumeMounts: [{name: v, mountPath: /m, subPath: x}]",
        "volumes: [{name: v, hostPath: {path: \"/h,y\"}}]",
    ));
    assert!(told[0].contains("which has a comma"), "{told:?}");
}

#[test]
fn what_makes_pods_makes_one() {
    let spec = "spec: {template: {metadata: {labels: {a: b}}, spec: {restartPolicy: OnFailure, containers: [{name: c, image: i}]}}}";
    for (version, kind) in [("apps/v1", "Deployment"), ("apps/v1", "DaemonSet"), ("batch/v1", "Job")] {
        let play = play(&format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: w}}\n{spec}\n"));
        assert_eq!(play.pods[0].name, "w-pod");
        let words = &play.pods[0].containers[0].words;
        assert!(
            words.contains(&"--restart=on-failure".to_owned())
                && words.contains(&"--name=w-pod-c".to_owned())
        );
    }
}

#[test]
fn a_request_is_a_wish_and_a_limit_is_not() {
    let decided = |resources: &str, host: &Host| {
        let text = pod(&format!("resources: {resources}"), "");
        decide(&document::contents("f.yaml", &text).unwrap().documents, &[], &options(), host)
    };
    let play = decided("{requests: {cpu: 100m, memory: 1Mi}}", &Host(&["memory"])).unwrap();
    let words = &play.pods[0].containers[0].words;
    assert!(words.contains(&"--memory-reservation=1048576".to_owned()), "{words:?}");
    assert!(!words.iter().any(|it| it.starts_with("--cpu-shares")), "{words:?}");
    let told: Vec<_> = play.notes.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(
        told,
        ["`spec.containers[0].resources.requests.cpu`: no cpu for --cpu-shares; it has no effect"]
    );
    let faults = decided("{limits: {cpu: 100m, memory: 1Mi}}", &Host(&[])).unwrap_err();
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "f.yaml:10:31: `spec.containers[0].resources.limits.cpu`: no cpu for --cpus",
            "f.yaml:10:45: `spec.containers[0].resources.limits.memory`: no memory for --memory",
        ]
    );
    assert_eq!(faults[0].hint.as_deref(), Some("go on"));
}

#[test]
fn what_a_probe_cannot_say_is_an_error_or_told() {
    let exec = "exec: {command: [a]}";
    for (probe, said) in [
        ("readinessProbe", "terminationGracePeriodSeconds: 5"),
        ("livenessProbe", "terminationGracePeriodSeconds: 0"),
        ("startupProbe", "terminationGracePeriodSeconds: -1"),
    ] {
        let told = faults(&pod(&format!("{probe}: {{{exec}, {said}}}"), ""));
        let field = format!("`spec.containers[0].{probe}.terminationGracePeriodSeconds`");
        assert!(told.len() == 1 && told[0].contains(&field), "{told:?}");
    }
    let text = pod(&format!("livenessProbe: {{{exec}, successThreshold: 2}}"), "restartPolicy: Never");
    let play = play(&text);
    assert_eq!(play.notes.len(), 1, "{:?}", play.notes);
    // As in a cluster, it has its time to end in.
    assert!(play.pods[0].containers[0].words.contains(&"--health-on-failure=stop".to_owned()));
}

#[test]
fn amounts_that_nobody_sets_are_the_limit_or_all_there_is() {
    let field = |name: &str, resource: &str, unit: &str| {
        format!(
            "- {{name: {name}, valueFrom: {{resourceFieldRef: {{resource: {resource}, divisor: {unit}}}}}}}"
        )
    };
    let variables = [
        field("A", "limits.cpu", "1"),
        field("B", "requests.cpu", "1m"),
        field("C", "limits.memory", "1Mi"),
        field("D", "requests.memory", "1Mi"),
    ];
    let env = |limits: &str| {
        let text = format!("env:\n{}\nresources: {{limits: {limits}}}", variables.join("\n"));
        let words = words(&text, "");
        words.iter().filter_map(|it| it.strip_prefix("--env=").map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(env("{memory: 64Mi}"), ["A=4", "B=4000", "C=64", "D=64"]);
    assert_eq!(env("{cpu: 500m}"), ["A=1", "B=500", "C=8192", "D=8192"]);
}
