//! Secrets: kept, shown to containers, and to nobody else.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, TestHost, alone, host_with_busybox};

/// Takes all secrets away at the end of the test.
struct Secrets(&'static TestHost);

impl Secrets {
    fn new() -> Self {
        let it = Self(host_with_busybox());
        it.sh("pontoon secret rm --all");
        it
    }

    fn sh(&self, script: &str) -> pontoon_tests::Output {
        self.0.alice(script)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        let _ = self.0.alice("pontoon rm -f -i -t 0 keeper; pontoon secret rm --all; rm -f ~/s");
    }
}

#[test]
fn secrets_are_kept_listed_replaced_and_removed() {
    let _alone = alone();
    let it = Secrets::new();
    let id = it.sh("printf one | pontoon secret create -l a=b db -").ok().text().to_owned();
    assert_eq!(id.len(), 25);
    let taken = it.sh("printf x | pontoon secret create db -").fails(125);
    assert!(
        taken.stderr.contains("secret name in use") && taken.stderr.contains("--replace"),
        "{}",
        taken.stderr
    );
    it.sh("printf two >~/s; pontoon secret create --replace db ~/s; FROM=three pontoon secret create --env other FROM").ok();
    it.sh("pontoon secret ls --noheading --format '{{.Name}} {{.Driver}}'")
        .ok()
        .prints("db file\nother file");
    it.sh("pontoon secret ls -q --filter name=other | wc -l").ok().prints("1");
    it.sh("pontoon secret inspect --format '{{.Spec.Name}} {{.Spec.Driver.Name}} {{.SecretData}}' --showsecret db other")
        .ok()
        .prints("db file two\nother file three");
    assert!(!it.sh("pontoon secret inspect db").ok().stdout.contains("two"));
    it.sh("pontoon secret exists db").ok();
    it.sh("find ~/.local/share/pontoon/secrets -type f -perm /077").ok().prints("");
    it.sh("pontoon secret rm db").ok();
    it.sh("pontoon secret exists db").fails(1);
    it.sh("pontoon secret rm db").fails(125);
    it.sh("pontoon secret rm --ignore db").ok();
    for (command, reason) in [
        ("true | pontoon secret create empty -", "from 1 to 512000 bytes"),
        ("head -c 512001 /dev/zero | pontoon secret create big -", "from 1 to 512000 bytes"),
        ("printf x | pontoon secret create a/b -", "cannot be a secret's name"),
        ("printf x | pontoon secret create -d vault v -", "the drivers are file"),
        ("pontoon secret create --env v NOT_SET", "`NOT_SET` is not set"),
        ("pontoon secret inspect nothing", "no such secret: `nothing`"),
    ] {
        let refused = it.sh(command).fails(125);
        assert!(refused.stderr.contains(reason), "{command}: {}", refused.stderr);
    }
}

#[test]
fn containers_see_them_in_files_and_variables() {
    let _alone = alone();
    let it = Secrets::new();
    it.sh("printf hunter2 | pontoon secret create pass -").ok();
    let run = |options: &str, script: &str| {
        it.0.entry("alice")
            .env("SCRIPT", script)
            .sh(&format!("pontoon run --rm {options} {B} sh -c \"$SCRIPT\""))
    };
    run("--secret pass", "cat /run/secrets/pass; echo; stat -c '%u:%g %a' /run/secrets/pass")
        .ok()
        .prints("hunter2\n0:0 444");
    // Nor in core files, unless somebody asks for these.
    let limits = "ulimit -c; ulimit -Hc";
    run("--secret pass", limits).ok().prints("0\n0");
    run("--secret pass,type=env --ulimit core=0:4096", limits).ok().prints("0\n8");
    run(
        "--secret pass,target=/etc/db.pass,uid=33,gid=34,mode=0400 -u 33",
        "cat /etc/db.pass; stat -c ' %u:%g %a' /etc/db.pass",
    )
    .ok()
    .prints("hunter2 33:34 400");
    run("--secret pass,target=other --userns keep-id", "cat /run/secrets/other").ok().prints("hunter2");
    run("--secret pass,type=env --secret pass,type=env,target=DB", "echo $pass $DB")
        .ok()
        .prints("hunter2 hunter2");
    let id = it.sh("pontoon secret inspect --format '{{.ID}}' pass").ok();
    run(&format!("--secret {0} --secret {0},type=env", id.text()), "ls /run/secrets; echo $pass")
        .ok()
        .prints("pass\nhunter2");
    for (options, reason) in [
        ("--secret none", "no such secret: `none`"),
        ("--secret pass,type=file", "the type is `mount` or `env`"),
        ("--secret pass,type=env,uid=1", "a variable has no uid"),
        ("--secret pass,colour=red", "`colour` is no key"),
        ("--secret pass,mode=9", "octal"),
    ] {
        let refused = run(options, "true").fails(125);
        assert!(refused.stderr.contains(reason), "{options}: {}", refused.stderr);
    }
}

#[test]
fn a_container_keeps_the_secret_it_was_made_with_and_tells_nobody() {
    let _alone = alone();
    let it = Secrets::new();
    it.sh("printf hunter2 | pontoon secret create pass -").ok();
    it.sh(&format!(
        "pontoon run -d --name keeper --stop-timeout 0 --secret pass --secret pass,type=env,target=DB {B} sleep 10000"
    ))
    .ok();
    it.sh("printf changed | pontoon secret create --replace pass -; pontoon secret rm pass; pontoon restart keeper").ok();
    it.sh("pontoon exec keeper sh -c 'cat /run/secrets/pass; echo \" $DB\"'").ok().prints("hunter2 hunter2");
    let shown = it.sh("pontoon inspect keeper; pontoon ps -a --format json; pontoon commit -q keeper told; pontoon image inspect told").ok();
    assert!(!shown.stdout.contains("hunter2"));
    assert_eq!(
        it.sh("pontoon inspect --format '{{(index .Config.Secrets 0).Name}}' keeper").ok().text(),
        "pass"
    );
    it.sh("pontoon inspect --format '{{.Config.Env}}' keeper").ok().says("DB=*******");
    it.sh("pontoon export keeper | tar xO | grep -c hunter2 || true").ok().prints("0");
    it.sh("pontoon rm -f -t 0 keeper && pontoon rmi told").ok();
    it.sh("grep -r hunter2 ~/.local/share/pontoon /run/user/1000/pontoon || echo gone").ok().prints("gone");
}

#[test]
fn secrets_cannot_be_written_to_in_a_read_only_container_and_leave_nothing_behind() {
    let _alone = alone();
    let it = Secrets::new();
    it.sh("printf hunter2 | pontoon secret create pass -").ok();
    for (options, target) in [("", "/run/secrets/pass"), ("--secret pass,target=/etc/pass", "/etc/pass")] {
        let script = format!("echo leak >{target}; cat {target}; echo; touch /run/secrets/new 2>&1");
        it.0.entry("alice")
            .env("SCRIPT", &script)
            .sh(&format!("pontoon run --rm --read-only --secret pass {options} {B} sh -c \"$SCRIPT\""))
            .fails(1)
            .says("hunter2")
            .says("Read-only file system");
    }
    it.sh(&format!("pontoon run --name keeper --secret pass --secret pass,target=deep/er {B} cat /run/secrets/pass /run/secrets/deep/er"))
        .ok()
        .prints("hunter2hunter2");
    it.sh("pontoon diff keeper | grep -c secrets || true").ok().prints("0");
    it.sh("pontoon export keeper | tar t | grep -c run/secrets/. || true").ok().prints("0");
    it.sh("pontoon commit -q keeper told && pontoon run --rm told ls -A /run/secrets; pontoon rmi told").ok();
    it.sh("pontoon rm keeper && pontoon secret rm pass").ok();
}

/// So that a password is renewed by `secret create --replace` and `restart`.
#[test]
fn variables_are_what_the_secret_is_at_the_start() {
    let _alone = alone();
    let it = Secrets::new();
    it.sh("printf old | pontoon secret create pass -").ok();
    it.sh(&format!(
        "pontoon run -d --name keeper --stop-timeout 0 --secret pass --secret pass,type=env,target=DB {B} \
         sh -c 'echo \"seen $DB\"; exec sleep 10000'"
    ))
    .ok();
    it.sh("printf new | pontoon secret create --replace pass -").ok();
    let see = |options: &str| {
        it.sh(&format!("pontoon exec {options} keeper sh -c 'cat /run/secrets/pass; echo \" $DB\"'"))
    };
    see("").ok().prints("old new");
    see("-e DB=mine").ok().prints("old mine");
    it.sh("pontoon restart keeper && pontoon logs keeper").ok().says("seen old").says("seen new");
    // One that is gone is what it was last.
    it.sh("pontoon secret rm pass && pontoon restart keeper && pontoon logs keeper | tail -n 1")
        .ok()
        .says("seen new");
    see("").ok().prints("old new");
}

#[test]
fn credentials_of_the_unit_are_secrets() {
    let _alone = alone();
    let it = Secrets::new();
    it.sh("pontoon secret create -d systemd-credential cred db-pass").ok();
    let refused = it.sh(&format!("pontoon run --rm --secret cred {B} cat /run/secrets/cred")).fails(125);
    assert!(refused.stderr.contains("LoadCredential="), "{}", refused.stderr);
    it.sh("pontoon secret inspect --showsecret cred").ok().says("systemd-credential");
    // Its files are there without the secret.
    it.sh(&format!(
        "pontoon create --name keeper --secret cred {B} && pontoon cp keeper:/etc/passwd - | tar xO"
    ))
    .ok()
    .says("root:");
    it.sh(&format!(
        "systemd-run --user --wait --collect --pipe -q -p SetCredential=db-pass:sesame \
         $(command -v pontoon) run --rm --secret cred {B} cat /run/secrets/cred"
    ))
    .ok()
    .prints("sesame");
    // In a unit the secret need not be made: the unit's own line is enough, and comes before a secret of that name.
    it.sh("printf stored | pontoon secret create door -").ok();
    it.sh(&format!(
        "systemd-run --user --wait --collect --pipe -q -p SetCredential=door:open-sesame -p Delegate=yes \
         $(command -v pontoon) run --rm --secret door,mode=0400 --secret door,type=env,target=DOOR {B} \
         sh -c 'stat -c %a /run/secrets/door; cat /run/secrets/door; echo \" $DOOR\"'"
    ))
    .ok()
    .prints("400\nopen-sesame open-sesame");
}

#[test]
fn a_units_credential_is_told_to_its_container_and_nobody_else() {
    let _alone = alone();
    let it = Secrets::new();
    let host = it.0;
    let alice = Manager::of(host, "alice");
    host.write("alice", "/home/alice/vault.key", "swordfish-4711");
    alice.add(
        "vault.container",
        &format!(
            "[Container]\nImage={B}\nContainerName=vault\nStopTimeout=0\nSecret=key\nSecret=key,type=env,target=KEY\n\
             Exec=sh -c 'test -n \"$KEY\" && cmp -s /run/secrets/key /run/secrets/key && exec sleep 10000'\n\
             [Service]\nLoadCredential=key:/home/alice/vault.key\n"
        ),
    );
    alice.start("vault");
    it.sh("pontoon exec vault sh -c 'cat /run/secrets/key; echo \" $KEY\"'")
        .ok()
        .prints("swordfish-4711 swordfish-4711");
    // Not in words of processes, units, the journal, inspections, nor in any file on a disk; of variables only in the
    // payload's own.
    // The script's own words must not be what is found.
    let told = host.root(
        "payload=$(su -l alice -c \"XDG_RUNTIME_DIR=/run/user/1000 pontoon inspect -f '{{.State.Pid}}' vault\")
         for process in /proc/[0-9]*; do
             grep -z -l 'swordfis[h]' $process/cmdline 2>/dev/null
             case $process in /proc/$payload) ;; *) grep -z -l 'swordfis[h]' $process/environ 2>/dev/null;; esac
         done
         journalctl --no-pager | grep 'swordfis[h]'
         grep -r -l 'swordfis[h]' /run/user/1000/systemd/generator* /home/alice/.local/share/pontoon
         true",
    );
    told.ok().prints("");
    it.sh("pontoon inspect vault; pontoon ps -a --format json; systemctl --user show vault; systemctl --user cat vault")
        .ok()
        .lacks("swordfish");
    // What it was read from changes: the next start has it.
    host.write("alice", "/home/alice/vault.key", "swordfish-4712");
    alice.systemctl("restart vault").ok();
    it.sh("pontoon exec vault cat /run/secrets/key").ok().prints("swordfish-4712");
    alice.stop("vault");
    alice.remove("vault.container");
    it.sh("rm -f ~/vault.key; grep -r swordfish ~/.local/share/pontoon /run/user/1000/pontoon || echo gone")
        .ok()
        .prints("gone");
}
