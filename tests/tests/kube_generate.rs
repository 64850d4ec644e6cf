//! `kube generate`: of what is there and of unit files that never ran; right for a real cluster, and back again.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::kubernetes::assert_valid;
use pontoon_tests::{B, Gone, TestHost, host_with_busybox};
use serde_json::Value;

/// Writes a file of alice's.
fn write(host: &TestHost, path: &str, text: &str) {
    host.write("alice", path, text);
}

/// What a document says, by its lines.
#[track_caller]
fn says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(&format!("{line}\n")), "no {line:?} in\n{text}");
    }
}

#[test]
fn unit_files_that_never_ran_are_written() {
    let host = host_with_busybox();
    let dir = "/home/alice/never";
    write(
        host,
        &format!("{dir}/web.container"),
        "[Container]
Image=registry.example.com/team/web:1.2
ContainerName=web
Environment=HOME_IS=%h UNIT=%N
EnvironmentFile=%h/never/web.env
Exec=serve --all \"two words\" $$(x)
PublishPort=8080:80
Volume=data.volume:/data
Volume=%h/never:/conf:ro
Secret=pw,type=env,target=PW
HealthCmd=true
Memory=64m
User=5:6
NoNewPrivileges=true
[Service]
Restart=always
MemoryMax=1G
",
    );
    write(host, &format!("{dir}/web.env"), "FROM_FILE=a $(b)\nHOME_IS=overridden\n");
    write(host, &format!("{dir}/data.volume"), "[Volume]\nUser=7\nGroup=8\nLabel=tier=back\n");
    write(host, &format!("{dir}/shop.pod"), "[Pod]\nPodName=shop\nPublishPort=8081:81\nHostName=shop-host\n");
    for (name, more) in [("one", "Exec=sleep 1"), ("two", "")] {
        let text = format!(
            "[Container]\nImage=registry.example.com/{name}\nContainerName={name}\nPod=shop.pod\n{more}\n"
        );
        write(host, &format!("{dir}/{name}.container"), &text);
    }
    let told =
        host.alice(&format!("cd {dir} && pontoon kube generate web.container shop.pod data.volume")).ok();
    says(
        &told.stdout,
        &[
            "kind: PersistentVolumeClaim",
            "    tier: back",
            "    volume.podman.io/gid: \"8\"",
            "  name: systemd-data",
            "  name: shop",
            "  hostname: shop-host",
            "    image: registry.example.com/one",
            "  - image: registry.example.com/two",
            "      hostPort: 8081",
            "  name: web-pod",
            "    image: registry.example.com/team/web:1.2",
            "    - two words",
            "    - $$(x)",
            "      value: /home/alice",
            "      value: a $$(b)",
            "      hostPort: 8080",
            "      claimName: systemd-data",
            "      path: /home/alice/never",
            "      runAsUser: 5",
            "        memory: 64Mi",
            "  restartPolicy: Always",
        ],
    );
    assert!(told.stderr.contains("MemoryMax=") && told.stderr.contains("Secret `pw`"), "{}", told.stderr);
    assert_valid(&told.stdout);
    // No image came, and nothing was made.
    host.alice(
        "pontoon images -q registry.example.com/team/web; pontoon volume ls -q --filter name=systemd-data",
    )
    .ok()
    .prints("");

    // Variables of files and secrets, as objects of their own.
    host.alice("printf 's3cret' | pontoon secret create pw -").ok();
    let told = host
        .alice(&format!(
            "pontoon kube generate --config-maps --secrets -f {dir}/out.yaml {dir}/web.container"
        ))
        .ok();
    let text = host.alice(&format!("stat -c %a {dir}/out.yaml; cat {dir}/out.yaml")).ok().stdout;
    assert!(text.starts_with("600\n") && told.stderr.contains("whoever reads it"), "{text}{}", told.stderr);
    says(
        &text,
        &[
            "kind: ConfigMap",
            "  FROM_FILE: a $(b)",
            "kind: Secret",
            "  pw: czNjcmV0",
            "        name: web-web-env",
        ],
    );
    assert!(!told.stderr.contains("--secret pw"), "{}", told.stderr);
    assert_valid(text.trim_start_matches("600\n"));
    // A short name is warned of, but not among what a program reads.
    write(
        host,
        &format!("{dir}/short.container"),
        "[Container]\nImage=web:1\nSecret=pw,type=env,target=PW\n",
    );
    let told = host.alice(&format!("pontoon kube generate --secrets {dir}/short.container")).ok();
    assert!(told.stderr.contains("does not say which registry"), "{}", told.stderr);
    let told =
        host.alice(&format!("pontoon kube generate --secrets --report json {dir}/short.container")).ok();
    assert_eq!(told.stderr.trim(), "[]");
    host.alice("pontoon secret rm pw").ok();

    // Where it is looked for, and what cannot be written.
    host.alice(&format!("mkdir -p ~/.config/containers/systemd && cp {dir}/web.container ~/.config/containers/systemd/known.container")).ok();
    host.alice("sed -i '/EnvironmentFile/d;/data.volume/d' ~/.config/containers/systemd/known.container; pontoon kube generate known.container").ok().says("  name: web-pod\n");
    host.alice("rm ~/.config/containers/systemd/known.container").ok();
    write(host, &format!("{dir}/bad.container"), "[Container]\nExec=x\n");
    write(host, &format!("{dir}/net.network"), "[Network]\n");
    write(host, &format!("{dir}/t@.container"), "[Container]\nImage=i\n");
    for (name, expected) in [
        ("bad.container", "there is no `Image=`"),
        ("one.container", "is in a pod"),
        ("net.network", "is a network"),
        ("t@.container", "is a template"),
        ("gone.container", "is no container, pod, volume or unit file"),
    ] {
        let told = host.alice(&format!("cd {dir} && pontoon kube generate {name}")).fails(125);
        assert!(told.stderr.contains(expected) && told.stdout.is_empty(), "{name}: {told:?}");
    }
}

/// Options of `create`, each of a container of its own; and the fields of `inspect` that differ then, and why.
const ROWS: [(&str, &[&str]); 16] = [
    ("--env A=b --env 'C=$(A) $$ \"q\"'", &[]),
    ("--entrypoint '[\"a b\",\"$(X)\"]'", &[]),
    ("--workdir /w --user 5:6 --group-add 7", &[]),
    ("--interactive --tty", &[]),
    ("--stop-timeout 7 --restart on-failure", &[]),
    ("--restart always --pull never", &[]),
    ("--cap-add SYS_PTRACE --cap-drop ALL --security-opt no-new-privileges", &[]),
    ("--security-opt seccomp=unconfined --security-opt unmask=ALL", &[]),
    ("--privileged", &[]),
    ("--memory 64m --memory-reservation 32m --cpus 0.5", &[]),
    // A probe of a cluster has no shell of its own, so it is named.
    (
        "--health-cmd 'test -e /x' --health-interval 20s --health-retries 5 --health-timeout 4s --health-start-period 3s",
        &["Config.Healthcheck"],
    ),
    (
        "--health-cmd '[\"CMD\",\"true\"]' --health-on-failure restart --health-interval 11s --restart always",
        &[],
    ),
    ("--volume rtdata:/data:ro --volume /srv:/srv:ro", &[]),
    ("--tmpfs /t:size=1m --shm-size 32m", &["HostConfig.Tmpfs"]),
    // What stays writable has to be said there.
    ("--read-only", &["HostConfig.Tmpfs"]),
    ("--read-only --read-only-tmpfs=false --label tier=back --annotation example.com/a=b", &[]),
];

/// What the YAML can say of a container.
const FIELDS: [&str; 24] = [
    "Config.Cmd",
    "Config.Entrypoint",
    "Config.Env",
    "Config.Healthcheck",
    "Config.HealthcheckOnFailureAction",
    "Config.Image",
    "Config.OpenStdin",
    "Config.StopTimeout",
    "Config.Tty",
    "Config.User",
    "Config.WorkingDir",
    "HostConfig.CapAdd",
    "HostConfig.CapDrop",
    "HostConfig.GroupAdd",
    "HostConfig.Memory",
    "HostConfig.MemoryReservation",
    "HostConfig.NanoCpus",
    "HostConfig.Privileged",
    "HostConfig.ReadonlyRootfs",
    "HostConfig.RestartPolicy.Name",
    "HostConfig.SecurityOpt",
    "HostConfig.Tmpfs",
    "Mounts",
    "ImageName",
];

/// A field of an inspection, in a form in which two can be compared.
fn field(of: &Value, path: &str) -> Value {
    let mut value = path.split('.').fold(of, |it, name| &it[name]).clone();
    match (path, &mut value) {
        // The host name is the container's or the pod's.
        ("Config.Env", Value::Array(all)) => all.retain(|it| !it.as_str().unwrap().starts_with("HOSTNAME=")),
        ("Mounts", Value::Array(all)) => {
            for mount in all.iter_mut() {
                let mount = mount.as_object_mut().unwrap();
                mount.retain(|name, _| {
                    matches!(name.as_str(), "Destination" | "Name" | "RW" | "Source" | "Type")
                });
            }
            all.sort_by_key(|it| it["Destination"].to_string());
        }
        _ => {}
    }
    value
}

/// Takes away what a test played.
struct Played<'h>(&'h TestHost, String);

impl Drop for Played<'_> {
    fn drop(&mut self) {
        let _ = self.0.alice(&format!("pontoon kube down --force {}", self.1));
    }
}

#[test]
fn what_is_written_comes_back() {
    let host = host_with_busybox();
    let _gone: Vec<Gone<'_>> = NAMES.iter().map(|it| Gone(host, it)).collect();
    let mut script = String::from("set -e; mkdir -p ~/rt; cd ~/rt\n");
    for ((options, _), name) in ROWS.iter().zip(NAMES) {
        script.push_str(&format!(
            "pontoon create -q --network none --name {name} {options} {B} sleep '$(x)' >/dev/null\n"
        ));
        script.push_str(&format!("pontoon kube generate {name} >{name}.yaml 2>>told\n"));
    }
    host.alice(&script).ok();
    let files: Vec<String> = NAMES.iter().map(|it| format!("/home/alice/rt/{it}.yaml")).collect();
    let played = Played(host, files.join(" "));
    host.alice(&format!("pontoon kube play --start=false --network none {}", played.1)).ok();
    let inspect = |names: &[String]| host.alice(&format!("pontoon inspect {}", names.join(" "))).ok().json();
    let before = inspect(&NAMES.map(str::to_owned));
    let after = inspect(&NAMES.map(|it| format!("{it}-pod-{it}")));
    let mut wrong = Vec::new();
    for (number, (options, differs)) in ROWS.iter().enumerate() {
        for path in FIELDS.iter().filter(|it| !differs.contains(it)) {
            let (was, is) = (field(&before[number], path), field(&after[number], path));
            if was != is {
                wrong.push(format!("{options}: {path} was {was} and is {is}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // What was played is written as it was before.
    let mut all = String::new();
    for (name, (options, _)) in NAMES.iter().zip(ROWS) {
        let first = host.alice(&format!("cat ~/rt/{name}.yaml")).ok().stdout;
        let again = host.alice(&format!("pontoon kube generate {name}-pod")).ok().stdout;
        assert_eq!(again, first, "{options}");
        all.push_str(&format!("---\n{first}"));
    }
    assert_valid(&all);
}

/// The names of the rows' containers.
const NAMES: [&str; 16] = [
    "rt0", "rt1", "rt2", "rt3", "rt4", "rt5", "rt6", "rt7", "rt8", "rt9", "rt10", "rt11", "rt12", "rt13",
    "rt14", "rt15",
];

#[test]
fn workloads_services_and_reports() {
    let host = host_with_busybox();
    let _gone = (Gone(host, "wl"), Gone(host, "wl-odd"));
    host.alice(&format!("pontoon create --name wl -p 8093:80 -p 30093:81/udp -v wldata:/d {B} sleep 5")).ok();
    host.alice(&format!("pontoon create --name wl-odd --pids-limit 5 --init --ulimit nofile=5:6 {B}")).ok();
    let mut all = String::new();
    for (options, expected, unexpected) in [
        ("", "kind: Pod\n", "sysctls"),
        ("--type pod", "  name: wl-pod\n", "kind: Service"),
        ("--type deployment --replicas 3", "  replicas: 3\n", "kind: Pod\n"),
        ("--type Deployment --service", "    nodePort: 30093\n", "hostPort"),
        ("-t daemonset", "kind: DaemonSet\n", "replicas"),
        ("-t job", "apiVersion: batch/v1\n", "restartPolicy: Always"),
        ("-s", "kind: Service\n", "hostPort"),
    ] {
        let told =
            host.alice(&format!("pontoon kube generate {options} wl")).ok().says(expected).lacks(unexpected);
        all.push_str(&format!("---\n{}", told.stdout));
    }
    let odd = host.alice("pontoon kube generate --podman-only wl-odd").ok();
    odd.says("    io.podman.annotations.init/wl-odd: \"TRUE\"\n")
        .says("    io.podman.annotations.ulimit/wl-odd: nofile=5:6\n");
    let told = host.alice("pontoon kube generate --report json wl-odd").ok();
    let report: Value = serde_json::from_str(&told.stderr).unwrap();
    let options: Vec<_> =
        report.as_array().unwrap().iter().map(|it| it["Option"].as_str().unwrap()).collect();
    for option in ["--init", "--pids-limit", "--ulimit"] {
        assert!(options.contains(&option), "{report}");
    }
    all.push_str(&format!("---\n{}", told.stdout));
    let told = host.alice("pontoon kube generate --strict wl-odd").fails(125);
    assert!(told.stdout.is_empty() && told.stderr.contains("cannot be written as they are"), "{told:?}");
    host.alice("pontoon kube generate --strict wl").ok();
    assert_valid(&all);
    host.alice("pontoon rm -f wl wl-odd; pontoon volume rm -f wldata").ok();
}

#[test]
fn what_was_played_is_written_as_it_was() {
    let host = host_with_busybox();
    // As the writer would write it: sorted, volumes before what is in memory, and without what goes without saying.
    let pod = format!(
        "---
apiVersion: v1
kind: Pod
metadata:
  annotations:
    example.com/note: of all containers
  labels:
    app: crew
    tier: back
  name: crew
spec:
  containers:
  - args:
    - sleep
    - \"1000\"
    image: {B}:latest
    livenessProbe:
      exec:
        command:
        - test
        - -e
        - /
      failureThreshold: 4
      initialDelaySeconds: 2
      periodSeconds: 20
      timeoutSeconds: 3
    name: first
    ports:
    - containerPort: 80
      hostPort: 8092
    resources:
      limits:
        cpu: 250m
        memory: 64Mi
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        add:
        - NET_RAW
        drop:
        - CHOWN
      readOnlyRootFilesystem: true
      runAsGroup: 6
      runAsUser: 5
      seccompProfile:
        type: RuntimeDefault
    volumeMounts:
    - mountPath: /scratch
      name: scratch
    - mountPath: /settings
      name: settings
    - mountPath: /memory
      name: first-memory
  - command:
    - sleep
    - \"1000\"
    env:
    - name: A
      value: $$(b)
    image: {B}:latest
    imagePullPolicy: IfNotPresent
    name: second
    securityContext:
      seccompProfile:
        type: Unconfined
    stdin: true
    tty: true
    volumeMounts:
    - mountPath: /scratch
      name: scratch
      readOnly: true
    workingDir: /scratch
  hostAliases:
  - hostnames:
    - other
    - another
    ip: \"192.0.2.1\"
  hostname: crew-host
  initContainers:
  - args:
    - \"true\"
    image: {B}:latest
    name: prepare
    securityContext:
      seccompProfile:
        type: RuntimeDefault
    volumeMounts:
    - mountPath: /scratch
      name: scratch
  restartPolicy: OnFailure
  securityContext:
    supplementalGroups:
    - 7
  shareProcessNamespace: true
  terminationGracePeriodSeconds: 3
  volumes:
  - emptyDir: {{}}
    name: scratch
  - configMap:
      items:
      - key: word
        path: w
      name: crew-settings
    name: settings
  - emptyDir:
      medium: Memory
      sizeLimit: 1Mi
    name: first-memory
"
    );
    let map =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: crew-settings\ndata:\n  word: spoken\n";
    write(host, "/home/alice/crew.yaml", &format!("{map}{pod}"));
    let _played = Played(host, "/home/alice/crew.yaml".to_owned());
    host.alice("pontoon kube play --start=false --network pasta /home/alice/crew.yaml").ok();
    let told = host.alice("pontoon kube generate crew").ok();
    let (_, again) = told.stdout.split_once("#\n").unwrap();
    let again = again.split_once('\n').unwrap().1;
    assert_eq!(again, format!("{map}{pod}"));
    assert!(!told.stderr.contains("ConfigMap"), "{}", told.stderr);
    assert_valid(&format!("{map}{pod}"));
}
