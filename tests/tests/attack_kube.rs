//! Attacks by way of Kubernetes objects: links laid in volumes between two plays, files that are bombs, words that break out of
//! what is generated.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::Alone;
use pontoon_tests::{B, Output, TestHost, alone, host_with_busybox};

/// What an attack would like to reach: alice's own, so that what runs as alice could write it.
struct Canary {
    host: &'static TestHost,
    before: String,
    /// All of these look at everything alice has, and at one canary.
    _alone: Alone,
}

const PREY: &str = "/home/alice/prey";

impl Canary {
    fn new() -> Self {
        let host = host_with_busybox();
        let alone = alone();
        host.alice(&format!(
            "rm -rf {PREY} && mkdir -p {PREY}/sub && echo untouched | tee {PREY}/file >{PREY}/sub/file"
        ))
        .ok();
        Self { host, before: Self::look(host), _alone: alone }
    }

    fn look(host: &TestHost) -> String {
        host.alice(&format!(
            "find {PREY} -printf '%p %m %u %g %s %T@\\n' | sort; cat {PREY}/file {PREY}/sub/file"
        ))
        .ok()
        .stdout
    }

    #[track_caller]
    fn unharmed(&self) {
        assert_eq!(Self::look(self.host), self.before, "the canary is no more what it was");
    }

    /// Plays a file.
    fn play(&self, options: &str, text: &str) -> Output {
        self.host.write("alice", "/home/alice/attack.yaml", text);
        self.host.alice(&format!("pontoon kube play --network none {options} attack.yaml")).no_panic()
    }

    fn down(&self) {
        self.host.alice("pontoon kube down --force attack.yaml").ok();
    }
}

/// A pod with a ConfigMap, a Secret, a claim, and what more is said of its container and its volumes.
fn pod(word: &str, mounts: &str, volumes: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{word: {word}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: replay-secret}}\nstringData: {{word: {word}}}\n---\n\
         apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: replay-data}}\nspec: {{}}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {{name: replay}}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers:\n\
         \x20 - name: c\n    image: {B}\n    command: [sleep, '10000']\n    volumeMounts:\n\
         \x20   - {{name: config, mountPath: /config}}\n    - {{name: secret, mountPath: /secret}}\n    - {{name: data, mountPath: /data}}\n{mounts}\
         \x20 volumes:\n  - {{name: config, configMap: {{name: settings}}}}\n  - {{name: secret, secret: {{secretName: replay-secret}}}}\n\
         \x20 - {{name: data, persistentVolumeClaim: {{claimName: replay-data}}}}\n{volumes}"
    )
}

/// 42: CVE-2025-9566. What a container has laid into a volume is not followed when the next play fills the volume, or mounts a
/// part of it; and a path of the host is what it is said to be.
#[test]
fn no_play_follows_what_an_earlier_one_has_laid() {
    let canary = Canary::new();
    let host = canary.host;

    // Neither file can be replaced from inside, and what was laid elsewhere is gone or harmless the next time.
    canary.play("", &pod("first", "", "")).ok();
    let lay = format!(
        "for it in config secret; do ln -sf {PREY}/file /$it/word; ln -s {PREY} /$it/sub; mv /$it /moved; mount -o remount,rw /$it; done 2>/dev/null;
         ln -s {PREY} /data/abs && ln -s ../../../../../../../../../..{PREY} /data/climb && ln -s {PREY}/file /data/word && cat /config/word /secret/word"
    );
    host.entry("alice").env("LAY", &lay).sh("pontoon exec replay-c sh -c \"$LAY\"").ok().prints("firstfirst");
    canary.play("--replace", &pod("second", "", "")).ok();
    host.alice("pontoon exec replay-c cat /config/word /secret/word").ok().prints("secondsecond");
    canary.unharmed();

    // A part of a volume that leads out of it is none, whatever becomes of the pod.
    for part in ["abs", "climb", "abs/sub"] {
        let mounts = format!("    - {{name: data, mountPath: /part, subPath: {part}}}\n");
        let told = canary.play("--replace", &pod("third", &mounts, ""));
        let seen = host.alice("pontoon exec replay-c cat /part/file /part/sub/file");
        assert!(told.code != 0 || !seen.stdout.contains("untouched"), "{part}: {told:?}{seen:?}");
        canary.unharmed();
    }
    canary.down();

    // The volume of a ConfigMap under another name: whoever can write there by a claim finds nobody who follows.
    canary.play("", &pod("first", "", "")).ok();
    let other = format!("-d --name other --network none --stop-timeout 0 -v replay-config:/v {B} sleep 1000");
    host.alice(&format!("pontoon run {other}")).ok();
    host.alice(&format!(
        "pontoon exec other sh -c 'rm /v/word; ln -s {PREY}/file /v/word && ln -s {PREY} /v/sub'"
    ))
    .ok();
    canary.play("--replace", &pod("second", "", "")).fails(125);
    canary.unharmed();
    host.alice("pontoon rm -f -t 0 other").ok();
    canary.play("--replace", &pod("second", "", "")).ok();
    host.alice("pontoon exec replay-c cat /config/word").ok().prints("second");
    canary.unharmed();
    canary.down();

    // One that somebody made before is not taken for ours.
    host.alice(&format!(
        "pontoon volume create replay-config && ln -s {PREY}/file $(pontoon volume inspect --format '{{{{.Mountpoint}}}}' replay-config)/word"
    ))
    .ok();
    canary.play("", &pod("first", "", "")).fails(125);
    host.alice("pontoon pod ps -q && pontoon volume rm replay-config").ok().prints("replay-config");
    canary.unharmed();

    // Paths of the host: a link is what it leads to, and nothing is made through one that leads nowhere.
    host.alice(&format!("ln -sfn {PREY}/file tofile; ln -sfn {PREY} todir; ln -sfn {PREY}/new dangling"))
        .ok();
    for (path, kind) in [
        ("tofile", "Directory"),
        ("tofile", "Socket"),
        ("tofile", "BlockDevice"),
        ("tofile", "CharDevice"),
        ("todir", "File"),
        ("todir", "FileOrCreate"),
        ("tofile", "DirectoryOrCreate"),
        ("dangling", "FileOrCreate"),
        ("dangling", "DirectoryOrCreate"),
        ("dangling", "File"),
        ("gone", "Directory"),
    ] {
        let volumes = format!("  - {{name: path, hostPath: {{path: /home/alice/{path}, type: {kind}}}}}\n");
        let told = canary.play("", &pod("first", "", &volumes)).fails(125);
        assert!(told.stderr.contains(&format!("/home/alice/{path}")), "{path} {kind}: {told:?}");
        canary.unharmed();
    }
    for (path, kind) in [("../../etc", ""), ("/srv:/etc", ""), ("", "Directory")] {
        let volumes = format!("  - {{name: path, hostPath: {{path: '{path}', type: '{kind}'}}}}\n");
        let told = canary.play("--dry-run", &pod("first", "", &volumes));
        assert!(told.code == 125 || path == "../../etc", "{told:?}");
    }
    // Files of a ConfigMap lie below its volume, and a mount below the root.
    for items in ["../word", "/word", "a/../../word", "."] {
        let text = pod("first", "", "").replace(
            "name: settings}}",
            &format!("name: settings, items: [{{key: word, path: '{items}'}}]}}}}"),
        );
        let told = canary.play("", &text).fails(125);
        assert!(told.stderr.contains("is no path below the mount"), "{items}: {told:?}");
    }
    host.alice("pontoon pod ps -q && pontoon ps -aq && rm tofile todir dangling attack.yaml").ok().prints("");
    canary.unharmed();
}

/// 43: files that would be large, or many, or nothing known: an error with its place, in bounded memory.
#[test]
fn files_that_are_bombs_are_errors_with_their_place() {
    let canary = Canary::new();
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let last = level - 1;
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{last}"); 10].join(", "));
    }
    let missing = pod("x", "", "").replace(&format!("    image: {B}\n"), "");
    for (name, text, expected) in [
        ("aliases", bomb, "attack.yaml:"),
        ("documents", "---\na: 1\n".repeat(100_000), "attack.yaml:"),
        (
            "objects",
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n".repeat(100_000),
            "attack.yaml:",
        ),
        ("depth", format!("a: {}", "[".repeat(200_000)), "attack.yaml:"),
        (
            "depth of maps",
            (0..20_000).map(|it| format!("{}a:\n", " ".repeat(it % 500))).collect(),
            "attack.yaml:",
        ),
        ("length", format!("a: {}\n", "x".repeat(17 << 20)), "longer than 16 MiB"),
        (
            "a name twice",
            pod("x", "", "").replace("kind: Pod\n", "kind: Pod\nkind: Pod\n"),
            "attack.yaml:18:1: ",
        ),
        (
            "a kind",
            "apiVersion: v1\nkind: Ghost\nmetadata: {name: x}\n".to_owned(),
            "there is nothing to play",
        ),
        ("no image", missing, "attack.yaml:22:5: `spec.containers[0].image`: a container has an image"),
        (
            "a type",
            pod("x", "", "").replace("[sleep, '10000']", "{sleep: 1}"),
            "`spec.containers[0].command`: it takes",
        ),
        ("no text", "\u{0}\u{1}".to_owned(), "attack.yaml:1:1: "),
    ] {
        canary.host.write("alice", "/home/alice/attack.yaml", &text);
        // Whatever it needs, it is not the machine's memory: kilobytes of address space.
        for command in ["kube play --network none", "kube down", "kube apply --kubeconfig /dev/null --file"] {
            let told =
                canary.host.alice(&format!("ulimit -v 1000000; pontoon {command} attack.yaml")).no_panic();
            let may_pass = command != "kube play --network none"
                && ["a kind", "no image", "a type", "objects"].contains(&name);
            assert!(told.code == 125 || (may_pass && told.code == 0), "{name}, {command}: {told:?}");
            assert!(may_pass || told.stderr.contains(expected), "{name}, {command}: {told:?}");
            assert!(told.stderr.len() < 100_000, "{name}, {command}: {} bytes", told.stderr.len());
        }
    }
    canary
        .host
        .alice("pontoon pod ps -q && pontoon ps -aq && pontoon volume ls -q && rm attack.yaml")
        .ok()
        .prints("");
}

/// 44: labels, variables and words that would be something else where they are written. The texts are read by others: what was
/// written is played, and what becomes a unit is started, and gives the same words.
#[test]
fn words_stay_words_in_what_is_generated() {
    let canary = Canary::new();
    let host = canary.host;
    let nasty = format!(
        "x\n---\nkind: Pod\n[Service]\nExecStart=/bin/touch {PREY}/new %n $HOME ${{HOME}} $(HOME) ] }} \"' \\ # : - &a *a !!x\t\\n; touch {PREY}/new"
    );
    let entry = |script: &str| host.entry("alice").env("NASTY", &nasty).sh(script);
    let made = format!(
        "pontoon create --name nasty --network none --stop-timeout 0 --restart always --label \"l=$NASTY\" --annotation \"example.com/a=$NASTY\" \
         -e \"V=$NASTY\" --health-cmd \"true; : $NASTY\" --health-interval disable {B} sh -c 'trap \"exit 0\" TERM; sleep 1000 & wait' \"$NASTY\""
    );
    entry(&made).ok();
    let looks = |name: &str| {
        let told = host.alice(&format!("pontoon inspect {name}")).ok().json();
        let found = &told[0]["Config"];
        let env: Vec<String> = found["Env"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it.as_str().filter(|it| it.starts_with("V=")).map(str::to_owned))
            .collect();
        let last = found["Cmd"].as_array().unwrap().last().unwrap().clone();
        (env, last)
    };
    let expected = (vec![format!("V={nasty}")], serde_json::Value::from(nasty.as_str()));
    assert_eq!(looks("nasty"), expected);

    // As objects: one document for each, and the same container again.
    let written = host.alice("pontoon kube generate nasty -f nasty.yaml; grep -c ^kind: nasty.yaml").ok();
    assert_eq!(written.stdout, "1\n", "{written:?}");
    host.alice("pontoon kube play --network none nasty.yaml").ok();
    assert_eq!(looks("nasty-pod-nasty"), expected);
    host.alice("pontoon kube down nasty.yaml").ok();

    // As a unit, which systemd reads.
    host.alice(
        "mkdir -p .config/systemd/user && cd .config/systemd/user && pontoon generate systemd --new --files --name nasty && pontoon rm nasty \
         && systemctl --user daemon-reload && systemctl --user start container-nasty",
    )
    .ok();
    assert_eq!(looks("nasty"), expected);
    let unit = host.alice("systemctl --user show -p ExecStartEx --value container-nasty; grep -c '^\\[' .config/systemd/user/container-nasty.service").ok();
    assert!(unit.stdout.ends_with("\n3\n"), "{unit:?}");
    host.alice("systemctl --user stop container-nasty; rm .config/systemd/user/container-nasty.service nasty.yaml; systemctl --user daemon-reload")
        .ok();
    host.alice("pontoon ps -aq; pontoon pod ps -q").ok().prints("");
    canary.unharmed();
}
