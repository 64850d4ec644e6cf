//! What systemd's own checker says of the units that we ship, and of those that files become.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, host};

/// `systemd-analyze verify`, which has nothing to say. Units of others that these need are not looked at.
const VERIFY: &str = "verify --man=no --recursive-errors=no";

#[test]
fn shipped_units_are_without_fault() {
    let host = host();
    let check = |user: &str, scope: &str, kind: &str| {
        let output = host.sh_as(
            user,
            &format!(
                "cd /usr/lib/systemd/{kind} && ls pontoon-*.* | grep -c . && systemd-analyze {scope} {VERIFY} pontoon-*.*"
            ),
        );
        let output = output.ok();
        assert_eq!(output.stderr, "", "{output:?}");
        assert!(output.text().parse::<u32>().unwrap() >= 3, "{output:?}");
    };
    check("alice", "--user", "user");
    check("root", "--system", "system");
}

#[test]
fn units_made_of_files_are_without_fault() {
    let host = host();
    for user in ["alice", "root"] {
        let manager = Manager::of(host, user);
        let files = [
            ("an.volume", "[Volume]\nLabel=a=b\n".to_owned()),
            ("an.network", "[Network]\nSubnet=10.77.0.0/24\n".to_owned()),
            ("an.image", format!("[Image]\nImage={B}\n")),
            ("an.pod", "[Pod]\nPublishPort=8099:80\n".to_owned()),
            (
                "member.container",
                format!(
                    "[Container]\nImage={B}\nPod=an.pod\nVolume=an.volume:/v\nExec=sh -c \"a $$b %%c\"\n"
                ),
            ),
            (
                "lone.container",
                "[Unit]\nAfter=an-volume.service\n[Container]\nImage=an.image\nNetwork=an.network\nHealthCmd=true\n\
                 Notify=healthy\n[Service]\nRestart=always\n[Install]\nWantedBy=default.target\n"
                    .to_owned(),
            ),
            ("many@.container", format!("[Container]\nImage={B}\nExec=echo %i\n")),
            // What cannot be converted is a service all the same.
            ("broken.container", "[Container]\nNonsense=1\n".to_owned()),
        ];
        for (name, text) in &files {
            host.write(user, &format!("{}/{name}", manager.dir()), text);
        }
        manager.reload();
        let (scope, place) = match user {
            "root" => ("--system", "/run/systemd/generator"),
            _ => ("--user", "/run/user/1000/systemd/generator"),
        };
        let output = host.sh_as(
            user,
            &format!("cd {place} && ls *.service && systemd-analyze {scope} {VERIFY} *.service"),
        );
        let output = output.ok().says("broken.service").says("many@.service").says("an-network.service");
        assert_eq!(output.stderr, "", "{output:?}");
        for (name, _) in &files {
            host.sh_as(user, &format!("rm {}/{name}", manager.dir())).ok();
        }
        manager.reload();
    }
}

#[test]
fn a_service_that_needs_little_has_little() {
    // The other ones start containers, or make namespaces by programs with rights of their own: what they may not do, those
    // could not do either. The number is ten times the exposure that is told.
    let host = host();
    let unit = "/usr/lib/systemd/user/pontoon-user-wait-network-online.service";
    let told = host
        .alice(&format!("systemd-analyze --user security --no-pager --offline=yes --threshold=65 {unit}"));
    told.ok().says("NoNewPrivileges=");
    // And it still does what it is for.
    host.alice("systemctl --user restart pontoon-user-wait-network-online").ok();
    let alice = Manager::of(host, "alice");
    assert_eq!(alice.property("pontoon-user-wait-network-online", "Result"), "success");
}
