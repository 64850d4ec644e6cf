//! Kubernetes objects: played, changed, removed, and run by units.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, TestHost, alone, host_with_busybox, wait};

/// What a test plays goes with it.
struct Played<'h>(&'h TestHost, &'static str);

impl Drop for Played<'_> {
    fn drop(&mut self) {
        let _ = self.0.alice(&format!("pontoon kube down --force {}", self.1));
    }
}

fn shop(word: &str) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{word: {word}, other: more}}
---
apiVersion: v1
kind: Secret
metadata: {{name: shop-secret}}
stringData: {{pw: hunter2}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: shop-data}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: shop
  labels: {{app: shop}}
  annotations: {{io.containers.autoupdate/web: local}}
spec:
  terminationGracePeriodSeconds: 0
  initContainers:
  - name: prepare
    image: {B}
    command: [sh, -c, 'echo prepared >/scratch/by-init']
    volumeMounts: [{{name: scratch, mountPath: /scratch}}]
  containers:
  - name: web
    image: {B}
    command: [sh, -c]
    args: ['while :; do echo \"$(WORD) $PW\" | nc -l -p 8080; done']
    env:
    - {{name: WORD, valueFrom: {{configMapKeyRef: {{name: settings, key: word}}}}}}
    - {{name: PW, valueFrom: {{secretKeyRef: {{name: shop-secret, key: pw}}}}}}
    - {{name: ME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
    ports: [{{containerPort: 8080, hostPort: 8095}}]
    livenessProbe: {{exec: {{command: ['true']}}, periodSeconds: 5}}
    securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
    volumeMounts:
    - {{name: scratch, mountPath: /scratch}}
    - {{name: config, mountPath: /config}}
    - {{name: secret, mountPath: /secret}}
    - {{name: data, mountPath: /claim}}
    - {{name: tmp, mountPath: /tmp}}
    - {{name: all, mountPath: /all}}
    - {{name: host, mountPath: /part, subPath: below/part}}
  - name: side
    image: {B}
    command: [sleep, '10000']
  volumes:
  - {{name: scratch, emptyDir: {{}}}}
  - {{name: config, configMap: {{name: settings}}}}
  - {{name: secret, secret: {{secretName: shop-secret, defaultMode: 256}}}}
  - {{name: data, persistentVolumeClaim: {{claimName: shop-data}}}}
  - {{name: tmp, emptyDir: {{medium: Memory, sizeLimit: 1Mi}}}}
  - {{name: host, hostPath: {{path: /home/alice/shop-host, type: Directory}}}}
  - name: all
    projected:
      sources:
      - configMap: {{name: settings, items: [{{key: word, path: below/word}}]}}
      - secret: {{name: shop-secret, items: [{{key: pw, path: pw, mode: 256}}]}}
      - downwardAPI: {{items: [{{path: labels, fieldRef: {{fieldPath: metadata.labels}}}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: other}}
spec:
  selector: {{matchLabels: {{app: other}}}}
  template:
    metadata: {{labels: {{app: other}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {{name: c, image: {B}, command: [sleep, '10000']}}
"
    )
}

fn id(host: &TestHost, pod: &str) -> String {
    host.alice(&format!("pontoon pod inspect --format '{{{{.Id}}}}' {pod}")).ok().text().to_owned()
}

#[test]
fn objects_run_change_and_go() {
    let host = host_with_busybox();
    let _alone = alone();
    host.write("alice", "/home/alice/shop.yaml", shop("first"));
    let _played = Played(host, "/home/alice/shop.yaml");
    host.alice("mkdir -p ~/shop-host/below/part && echo a part >~/shop-host/below/part/file").ok();
    let told = host.alice("pontoon kube play --network pasta /home/alice/shop.yaml").ok();
    assert!(told.stdout.starts_with("Volumes:\nshop-data\nSecrets:\n"), "{}", told.stdout);
    assert_eq!(told.stdout.matches("Pod:\n").count(), 2, "{}", told.stdout);
    assert!(!told.stderr.contains("warning"), "{}", told.stderr);
    let (shop_id, other_id) = (id(host, "shop"), id(host, "other-pod"));

    // What it says is seen inside.
    wait::until("the published port", || {
        let answer = host.alice("nc -w 1 127.0.0.1 8095 </dev/null");
        if answer.stdout.contains("first hunter2") { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    let inside = |script: &str| host.alice(&format!("pontoon exec shop-web sh -c '{script}'"));
    inside("cat /scratch/by-init /config/word /secret/pw; echo $ME")
        .ok()
        .prints("prepared\nfirsthunter2shop\n");
    inside("ls -l /secret/pw").ok().says("-r--------");
    inside("cat /part/file").ok().prints("a part");
    inside("cat /all/below/word /all/pw /all/labels; ls -l /all/pw")
        .ok()
        .says("firsthunter2app=\"shop\"-r--------");
    inside("echo x >/config/new").fails(1);
    inside("touch /root-file").fails(1);
    inside("touch /tmp/file /claim/kept && grep NoNewPrivs /proc/self/status").ok().says("1");
    inside("grep CapEff /proc/self/status").ok().says("0000000000000000");
    let template = "{{.HostConfig.RestartPolicy.Name}} {{index .Config.Labels \"io.containers.autoupdate\"}} {{.Config.Labels.app}} {{.Config.StopTimeout}}";
    let inspected = host.alice(&format!("pontoon inspect --format '{template}' shop-web")).ok();
    assert_eq!(inspected.text(), "always local shop 0");
    wait::until("the liveness probe", || {
        let status = host.alice("pontoon inspect --format '{{.State.Health.Status}}' shop-web").ok();
        if status.text() == "healthy" { Ok(()) } else { Err(status.stdout) }
    });

    // The same again changes nothing; a change makes its own pod anew and leaves the other.
    host.alice("pontoon kube play --network pasta /home/alice/shop.yaml").ok().prints(&told.stdout);
    assert_eq!((id(host, "shop"), id(host, "other-pod")), (shop_id.clone(), other_id.clone()));
    host.write("alice", "/home/alice/shop.yaml", shop("second"));
    let refused = host.alice("pontoon kube play --network pasta /home/alice/shop.yaml").fails(125);
    assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);
    assert_eq!(id(host, "shop"), shop_id);
    host.alice("pontoon kube play --network pasta --replace /home/alice/shop.yaml").ok();
    assert_eq!(id(host, "other-pod"), other_id);
    assert_ne!(id(host, "shop"), shop_id);
    inside("cat /config/word; ls /claim").ok().prints("secondkept\n");

    // All goes but the volume that stays, unless that is meant, too.
    host.alice("pontoon kube down /home/alice/shop.yaml").ok().says("Pods removed:");
    host.alice("pontoon pod ps -q && pontoon ps -aq && pontoon secret ls -q").ok().prints("");
    host.alice("pontoon volume ls -q").ok().says("shop-data").lacks("shop-scratch").lacks("shop-config");
    host.alice("pontoon kube down --force /home/alice/shop.yaml").ok().says("shop-data");
    host.alice("pontoon volume exists shop-data").fails(1);
}

/// A cluster gives volumes to the group `fsGroup`, so that who is not root reads and writes them.
#[test]
fn a_group_has_the_volumes_of_a_pod() {
    let host = host_with_busybox();
    let yaml = format!(
        "apiVersion: v1
kind: ConfigMap
metadata: {{name: shared-config}}
data: {{word: said}}
---
apiVersion: v1
kind: Pod
metadata: {{name: shared}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {{runAsUser: 1000, runAsGroup: 1000, fsGroup: 2345}}
  containers:
  - name: c
    image: {B}
    command: [sleep, '10000']
    volumeMounts:
    - {{name: empty, mountPath: /empty}}
    - {{name: memory, mountPath: /memory}}
    - {{name: claim, mountPath: /claim}}
    - {{name: config, mountPath: /config}}
    - {{name: path, mountPath: /path}}
  volumes:
  - {{name: empty, emptyDir: {{}}}}
  - {{name: memory, emptyDir: {{medium: Memory}}}}
  - {{name: claim, persistentVolumeClaim: {{claimName: shared-claim}}}}
  - {{name: config, configMap: {{name: shared-config, defaultMode: 256}}}}
  - {{name: path, hostPath: {{path: /home/alice/shared-path, type: Directory}}}}
"
    );
    host.write("alice", "/home/alice/shared.yaml", &yaml);
    // A link in a volume leads its group nowhere, and what is there already is shared as well.
    host.alice(&format!(
        "mkdir ~/shared-path; echo mine >~/shared-path/file; chmod 600 ~/shared-path/file
         pontoon run --rm -v shared-claim:/c {B} sh -c 'mkdir -m 700 /c/in; echo old >/c/in/file; chmod 600 /c/in/file; ln -s /etc/passwd /c/link'"
    ))
    .ok();
    let _gone = Played(host, "shared.yaml");
    host.alice("pontoon kube play --strict --no-hostname shared.yaml").ok();
    let inside = |script: &str| host.alice(&format!("pontoon exec shared-c sh -c '{script}'"));
    inside("hostname; grep -q shared /etc/hostname || echo the image").prints("shared\nthe image\n");
    inside("id -G").ok().prints("1000 2345");
    for place in ["/empty", "/memory", "/claim/in"] {
        inside(&format!("echo x >{place}/new && stat -c %g {place}/new")).ok().prints("2345");
    }
    inside("cat /claim/in/file; echo more >>/claim/in/file; stat -c \"%g %a\" /claim/in /claim/in/file; stat -c %g /etc/passwd")
        .ok()
        .prints("old\n2345 2770\n2345 660\n0");
    inside(
        "cat /config/word; cd /config; stat -Lc \"%g %a\" word; touch /config/x 2>/dev/null || echo closed",
    )
    .ok()
    .prints("said2345 440\nclosed");
    inside("cat /path/file").fails(1);
    let again = host.alice("pontoon kube generate shared").ok();
    assert!(
        again.stdout.contains("fsGroup: 2345") && !again.stdout.contains("supplementalGroups"),
        "{again:?}"
    );
    host.alice("pontoon kube down --force shared.yaml && rm -r shared-path").ok();
    // What was there before the pod is not removed with it.
    host.alice("pontoon volume rm shared-claim").ok();
}

#[test]
fn memory_is_one_for_all_containers_of_a_pod() {
    let host = host_with_busybox();
    let _alone = alone();
    let yaml = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: memory}}
spec:
  terminationGracePeriodSeconds: 0
  initContainers:
  - {{name: first, image: {B}, command: [sh, -c, 'echo said >/m/word; echo shared >/dev/shm/word'], volumeMounts: [{{name: v, mountPath: /m}}]}}
  containers:
  - {{name: a, image: {B}, command: [sleep, '10000'], volumeMounts: [{{name: v, mountPath: /m}}]}}
  - {{name: b, image: {B}, command: [sleep, '10000'], volumeMounts: [{{name: v, mountPath: /n, readOnly: true}}]}}
  volumes:
  - {{name: v, emptyDir: {{medium: Memory, sizeLimit: 1Mi}}}}
"
    );
    host.write("alice", "/home/alice/memory.yaml", &yaml);
    let _played = Played(host, "/home/alice/memory.yaml");
    host.alice("pontoon kube play --strict --network none /home/alice/memory.yaml").ok();
    host.alice(
        "pontoon exec memory-a sh -c 'cat /m/word; echo more >/m/more; stat -c %a /m; grep -c \"tmpfs /m \" /proc/mounts'
         pontoon exec memory-b sh -c 'cat /n/more; touch /n/x 2>/dev/null || echo closed'",
    )
    .ok()
    .prints("said\n1777\n1\nmore\nclosed");
    host.alice("pontoon exec memory-b cat /dev/shm/word; pontoon exec memory-a rm /dev/shm/word")
        .ok()
        .prints("shared");
    host.alice("pontoon restart -t 0 memory-a memory-b >/dev/null; pontoon exec memory-b ls /n")
        .ok()
        .prints("more\nword");
    host.alice("pontoon kube generate memory").ok().says("medium: Memory\n      sizeLimit: 1Mi");
    host.alice("pontoon kube down /home/alice/memory.yaml && pontoon volume ls -q; ls $XDG_RUNTIME_DIR/pontoon/volumes")
        .ok()
        .says("Volumes removed");
}

#[test]
fn nothing_is_made_by_half() {
    let host = host_with_busybox();
    let _alone = alone();
    let nothing_is_there = || {
        host.alice("pontoon pod ps -q && pontoon ps -aq && pontoon secret ls -q && pontoon volume ls -q")
            .ok()
            .prints("");
    };
    let of = |container: &str, pod: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: half}}\nstringData: {{a: b}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: half}}\nspec:\n  containers:\n  - name: good\n    image: {B}\n    command: [sleep, '10000']\n  - name: c\n{container}\n{pod}\n"
        )
    };
    for (text, expected) in [
        (of("    command: [x]", ""), "bad.yaml:14:5: `spec.containers[1].image`: a container has an image"),
        (of("    image: localhost:5000/none:gone", ""), "localhost:5000/none:gone"),
        (of(&format!("    image: {B}\n    command: [/no/such/program]"), ""), "/no/such/program"),
        (
            of(
                &format!("    image: {B}"),
                "  volumes: [{name: v, hostPath: {path: /none, type: Directory}}]",
            ),
            "bad.yaml:16:",
        ),
        (of(&format!("    image: {B}\n    securityContext: {{runAsNonRoot: true}}"), ""), "runs as root"),
        ("a: 1\na: 2\n".to_owned(), "bad.yaml:2:1: "),
        ("---\na: 1\n".repeat(100_000), "bad.yaml:"),
        ("apiVersion: v1\nkind: Ghost\n".to_owned(), "there is nothing to play"),
    ] {
        host.write("alice", "/home/alice/bad.yaml", &text);
        let told = host.alice("pontoon kube play --network none /home/alice/bad.yaml").fails(125);
        assert!(told.stderr.contains(expected), "{expected}: {}", told.stderr);
        assert!(!told.stderr.contains("panicked"), "{}", told.stderr);
        nothing_is_there();
    }
    // What is not known is told, and an error if that is wanted.
    let text = of(&format!("    image: {B}\n    command: [sleep, '10000']\n    imagepullpolicy: Never"), "");
    host.write("alice", "/home/alice/bad.yaml", &text);
    let told = host.alice("pontoon kube play --strict --network none /home/alice/bad.yaml").fails(125);
    assert!(told.stderr.contains("`spec.containers[1].imagepullpolicy` is not known"), "{}", told.stderr);
    nothing_is_there();
    let told = host.alice("pontoon kube play --start=false --network none /home/alice/bad.yaml && pontoon pod inspect --format '{{.State}}' half").ok();
    assert!(told.stderr.contains("imagepullpolicy") && told.stdout.ends_with("Created\n"), "{told:?}");
    host.alice("pontoon kube down /home/alice/bad.yaml").ok();
    nothing_is_there();
    host.alice("pontoon kube play --build /home/alice/bad.yaml").fails(125);
}

#[test]
fn a_unit_plays_and_stops_what_it_played() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let pod = |command: &str, policy: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: unit}}\nspec:\n  terminationGracePeriodSeconds: 0\n  restartPolicy: {policy}\n  containers:\n  - {{name: c, image: {B}, command: [sh, -c, '{command}']}}\n"
        )
    };
    alice.add("unit.yaml", &pod("sleep 10000", "Always"));
    alice.add("play.kube", "[Kube]\nYaml=unit.yaml\nExitCodePropagation=any\n");
    alice.start("play");
    assert_eq!(alice.property("play", "SubState"), "running");
    host.alice("pontoon pod inspect --format '{{.State}}' unit").ok().prints("Running\n");
    let main = alice.property("play", "MainPID");
    host.root(&format!("tr '\\0' ' ' </proc/{main}/cmdline")).ok().says("kube play");

    // A changed file is played anew.
    let before = id(host, "unit");
    alice.add("unit.yaml", &pod("sleep 20000", "Always"));
    alice.systemctl("restart play").ok();
    assert_ne!(id(host, "unit"), before);

    alice.stop("play");
    assert_eq!(alice.property("play", "Result"), "success");
    host.alice("pontoon pod ps -q && pontoon ps -aq").ok().prints("");

    // A container that fails is the unit's failure, where that is asked for.
    alice.add("unit.yaml", &pod("exit 3", "Never"));
    let _ = alice.systemctl("start play");
    wait::until("the unit to fail", || {
        let state = alice.property("play", "ActiveState");
        if state == "failed" { Ok(()) } else { Err(format!("{state}\n{}", alice.journal("play"))) }
    });
    host.alice("pontoon pod ps -q && pontoon ps -aq").ok().prints("");
    alice.systemctl("reset-failed play").ok();
    alice.remove("play.kube");
    alice.remove("unit.yaml");
}

#[test]
fn what_runs_is_written_and_played_again() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice(&format!(
        "pontoon run -d --name gen --network pasta -p 8096:80 -e 'A=b c' -v gendata:/data --stop-timeout 0 --restart always --read-only {B} sleep 10000"
    ))
    .ok();
    let told = host.alice("pontoon kube generate gen >/home/alice/gen.yaml").ok();
    assert_eq!(told.stderr, "");
    let text = host.alice("cat /home/alice/gen.yaml").ok().stdout;
    for line in [
        "kind: PersistentVolumeClaim",
        "  name: gen-pod",
        "      hostPort: 8096",
        "      value: b c",
        "      readOnlyRootFilesystem: true",
        "  restartPolicy: Always",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let deployment = host.alice("pontoon generate kube --type deployment --replicas 3 --service gen").ok();
    deployment.says("kind: Deployment").says("  replicas: 3").says("kind: Service").lacks("hostPort");
    host.alice("pontoon kube generate gendata").ok().says("kind: PersistentVolumeClaim").lacks("kind: Pod");
    host.alice("pontoon kube generate --replicas 3 gen").fails(125);
    host.alice("pontoon kube generate nothing-of-this-name").fails(125);

    // Played again it is the same container, and it is written the same.
    host.alice("pontoon rm -f -t 0 gen").ok();
    let _played = Played(host, "/home/alice/gen.yaml");
    host.alice("pontoon kube play --network pasta /home/alice/gen.yaml").ok();
    let inside = host.alice("pontoon exec gen-pod-gen sh -c 'echo $A; touch /data/x /tmp/x; touch /x'");
    assert!(inside.code != 0 && inside.stdout == "b c\n", "{inside:?}");
    let again = host.alice("pontoon kube generate gen-pod").ok();
    again
        .says("name: gen\n")
        .says("      hostPort: 8096")
        .says("      value: b c")
        .says("      claimName: gendata")
        .says("  name: gen-pod\n");
    // What a cluster has no words for is told, and an error where that is wanted.
    host.alice(&format!("pontoon create --name odd --pids-limit 5 {B}")).ok();
    let told = host.alice("pontoon kube generate odd").ok();
    assert!(told.stderr.contains("--pids-limit"), "{}", told.stderr);
    let told = host.alice("pontoon kube generate --strict --report json odd").fails(125);
    assert!(told.stderr.contains("\"Outcome\": \"left out\""), "{}", told.stderr);
    host.alice("pontoon rm odd").ok();
}

#[test]
fn what_was_played_is_written_as_it_was() {
    let host = host_with_busybox();
    let _alone = alone();
    let pod = |policy: &str, more: &str| {
        format!(
            "spec: {{restartPolicy: {policy}, terminationGracePeriodSeconds: 0, containers: [{{name: c, image: {B}, command: [sleep, '10000']{more}}}]"
        )
    };
    let mounts = ", env: [{name: WORD, valueFrom: {configMapKeyRef: {name: words, key: one}}}, {name: PW, valueFrom: {secretKeyRef: {name: back-secret, key: pw}}}], envFrom: [{prefix: ALL_, configMapRef: {name: words}}], volumeMounts: [{name: v, mountPath: /v}]";
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: words}}\ndata: {{one: said-elsewhere}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: back-secret}}\nstringData: {{pw: hunter2}}\n---\n\
         apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: back-data}}\nspec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: back, labels: {{tier: front}}}}\nspec:\n  replicas: 3\n  selector: {{matchLabels: {{app: other-word}}}}\n  template:\n    metadata: {{labels: {{app: other-word, a: b}}}}\n    {}, volumes: [{{name: v, persistentVolumeClaim: {{claimName: back-data}}}}]}}\n---\n\
         apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: each}}\nspec:\n  selector: {{matchLabels: {{app: each}}}}\n  template:\n    metadata: {{labels: {{app: each}}}}\n    {}}}\n---\n\
         apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once}}\nspec:\n  backoffLimit: 2\n  activeDeadlineSeconds: 9000\n  template:\n    {}}}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {{name: plain, labels: {{app: word}}}}\n{}}}\n",
        pod("Always", mounts),
        pod("Always", ""),
        pod("OnFailure", ""),
        pod("Never", ""),
    );
    host.write("alice", "/home/alice/back.yaml", &text);
    let _played = Played(host, "/home/alice/back.yaml");
    host.alice("pontoon kube play --network pasta /home/alice/back.yaml").ok();
    host.alice("pontoon exec back-pod-c sh -c 'echo $WORD $PW $ALL_one'")
        .ok()
        .prints("said-elsewhere hunter2 said-elsewhere\n");
    let needs = host.alice("pontoon kube generate back-pod").ok();
    assert_eq!(
        needs.stderr.matches("the cluster must have the Secret `back-secret`").count(),
        1,
        "{needs:?}"
    );
    assert!(!needs.stdout.contains("kind: Secret"), "{needs:?}");
    let generate = "pontoon kube generate --secrets back-pod each-pod once-pod plain";
    let told = host.alice(generate).ok();
    assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    assert!(told.stderr.contains("the values of secrets are in what is written"), "{}", told.stderr);
    for expected in [
        "kind: PersistentVolumeClaim\nmetadata:\n  name: back-data\n",
        "kind: Deployment\nmetadata:\n  labels:\n    tier: front\n  name: back\nspec:\n  replicas: 3\n  selector:\n    matchLabels:\n      app: other-word\n  template:\n    metadata:\n      labels:\n        a: b\n        app: other-word\n    spec:\n",
        "kind: ConfigMap\nmetadata:\n  name: words\ndata:\n  one: said-elsewhere\n",
        "kind: Secret\nmetadata:\n  name: back-secret\nstringData:\n  pw: hunter2\n",
        "        envFrom:\n        - configMapRef:\n            name: words\n          prefix: ALL_\n",
        "            configMapKeyRef:\n              key: one\n              name: words\n",
        "            secretKeyRef:\n              key: pw\n              name: back-secret\n",
        "          claimName: back-data\n",
        "kind: DaemonSet\nmetadata:\n  name: each\n",
        "kind: Job\nmetadata:\n  name: once\nspec:\n  activeDeadlineSeconds: 9000\n  backoffLimit: 2\n  template:\n    spec:\n",
        "kind: Pod\nmetadata:\n  labels:\n    app: word\n  name: plain\n",
    ] {
        assert!(told.stdout.contains(expected), "{expected}\n{}", told.stdout);
    }
    assert!(!told.stdout.contains("io.pontoon"), "{}", told.stdout);
    // Where the file says another kind, its pod goes on, and it is that kind's; what is there is told, as if it were made.
    let ids = "pontoon pod inspect --format '{{.ID}}' back-pod each-pod once-pod plain";
    let before = host.alice(ids).ok().stdout;
    let as_deployment = text.replace("kind: DaemonSet", "kind: Deployment");
    host.write("alice", "/home/alice/back.yaml", &as_deployment);
    let again = host.alice("pontoon kube play --network pasta /home/alice/back.yaml").ok();
    let of_pods: Vec<&str> =
        again.stdout.split("Pod:\n").skip(1).filter_map(|it| it.lines().next()).collect();
    assert_eq!(of_pods.join("\n"), before.trim_end(), "{}", again.stdout);
    assert!(again.stdout.starts_with("Volumes:\nback-data\nSecrets:\n"), "{}", again.stdout);
    let each = host.alice("pontoon kube generate each-pod").ok();
    each.says("kind: Deployment").lacks("kind: DaemonSet");
    host.write("alice", "/home/alice/back.yaml", &text);
    host.alice("pontoon kube play --network pasta /home/alice/back.yaml").ok();
    assert_eq!(host.alice(ids).ok().stdout, before);
    // A container that has other variables by now says them as they are.
    host.alice("pontoon update --env WORD=other back-pod-c").ok();
    host.alice("pontoon kube generate back-pod").ok().says("value: other").lacks("configMapKeyRef");
    host.alice("pontoon update --env WORD=said-elsewhere back-pod-c").ok();
    // Another kind, where that is asked for.
    host.alice("pontoon kube generate --type daemonset back-pod").ok().says("kind: DaemonSet");
    host.alice("pontoon kube generate --type pod back-pod").ok().says("kind: Pod").lacks("kind: Deployment");
    // Played in the place of the first it says the same.
    host.write("alice", "/home/alice/again.yaml", &told.stdout);
    host.alice("pontoon kube down /home/alice/back.yaml && pontoon kube play --network pasta again.yaml")
        .ok();
    assert_eq!(host.alice(generate).ok().stdout, told.stdout);
}
