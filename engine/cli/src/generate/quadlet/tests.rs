use super::*;
use proptest::prelude::*;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn subject(kind: UnitKind, name: &str, line: &[String]) -> Subject {
    Subject::new(kind, name, line.to_vec())
}

fn made(subjects: &[Subject]) -> Result<Vec<File>, QuadletError> {
    files(subjects, Path::new("/home/me/dir"), true)
}

#[track_caller]
fn text(kind: UnitKind, line: &[String]) -> String {
    made(&[subject(kind, "web", line)]).unwrap_or_else(|err| panic!("{line:?}: {err}"))[0].text()
}

/// The lines of the type's own section, and those of `[Service]`.
#[track_caller]
fn check(kind: UnitKind, line: &str, expected: &[&str]) {
    let text = text(kind, &words(line));
    let own: Vec<&str> = text
        .lines()
        .filter(|it| !it.is_empty() && !it.starts_with('[') && *it != "WantedBy=default.target")
        .collect();
    assert_eq!(own, expected, "{line}");
}

#[test]
fn options_become_keys() {
    let check = |line: &str, expected: &[&str]| check(UnitKind::Container, line, expected);
    check(
        "podman run -d --rm --name web -p 8080:80 i",
        &["Image=i", "ContainerName=web", "PublishPort=8080:80"],
    );
    check("podman run -dit i", &["Image=i", "PodmanArgs=--interactive", "PodmanArgs=--tty"]);
    check(
        "podman run -e A=b -e A=c --label x=y i sleep 1",
        &["Image=i", "Environment=A=b", "Environment=A=c", "Label=x=y", "Exec=sleep 1"],
    );
    check(
        "p run -v data:/data -v ./x:/x:ro --tmpfs /t i",
        &["Image=i", "Volume=data:/data", "Volume=/home/me/dir/x:/x:ro", "Tmpfs=/t"],
    );
    check("p run --user 1:2 --userns keep-id i", &["Image=i", "User=1", "Group=2", "UserNS=keep-id"]);
    check(
        "p run --init --read-only --read-only-tmpfs=false i",
        &["Image=i", "RunInit=true", "ReadOnly=true", "ReadOnlyTmpfs=false"],
    );
    check(
        "p run --security-opt no-new-privileges --security-opt label=disable i",
        &["Image=i", "NoNewPrivileges=true", "SecurityLabelDisable=true"],
    );
    check(
        "p run --cap-add NET_ADMIN --cap-drop ALL i",
        &["Image=i", "AddCapability=NET_ADMIN", "DropCapability=ALL"],
    );
    check(
        "p run --restart on-failure:3 --sdnotify healthy i",
        &["StartLimitBurst=3", "Image=i", "Notify=healthy", "Restart=on-failure"],
    );
    check(
        "p run --network shop:ip=10.0.0.2 --network-alias db i",
        &["Image=i", "Network=shop:ip=10.0.0.2", "NetworkAlias=db"],
    );
    check("p run --label io.containers.autoupdate=registry i", &["Image=i", "AutoUpdate=registry"]);
    check(
        "p run --entrypoint= --health-cmd none --no-healthcheck i",
        &["Image=i", "Entrypoint=", "HealthCmd=none", "PodmanArgs=--no-healthcheck"],
    );
    check(
        "p --root /r run --cgroups=disabled i",
        &["Image=i", "CgroupsMode=disabled", "GlobalArgs=--root /r"],
    );
    check("p run --pod shop --cpus 2 i", &["Image=i", "PodmanArgs=--pod=shop", "PodmanArgs=--cpus=2"]);
    check(
        "p run --env-file a.env --mount type=tmpfs,dst=/x --device /dev/fuse i",
        &["Image=i", "EnvironmentFile=/home/me/dir/a.env", "Mount=type=tmpfs,dst=/x", "AddDevice=/dev/fuse"],
    );
    check("p run --rootfs root sh", &["Rootfs=/home/me/dir/root", "Exec=sh"]);
    check(
        "p run -v x.volume:/x --expose 80,81 i",
        &["Image=i", "PodmanArgs=--volume=x.volume:/x", "PodmanArgs=--expose=80,81"],
    );
}

#[test]
fn other_things_have_files_too() {
    check(
        UnitKind::Volume,
        "p volume create --label a=b --opt type=tmpfs --opt device=tmpfs --opt o=size=1m,uid=3 --uid 4 web",
        &["VolumeName=web", "Label=a=b", "Type=tmpfs", "Device=tmpfs", "Options=size=1m,uid=3", "UID=4"],
    );
    check(
        UnitKind::Network,
        "p network create --subnet 10.1.0.0/24 --gateway 10.1.0.9 --internal --opt mtu=9000 --disable-dns web",
        &[
            "NetworkName=web",
            "Subnet=10.1.0.0/24",
            "Gateway=10.1.0.9",
            "Internal=true",
            "Options=mtu=9000",
            "DisableDNS=true",
        ],
    );
    check(
        UnitKind::Pod,
        "p pod create -p 80:80 --infra-conmon-pidfile /x --memory 1g web",
        &["PodName=web", "PublishPort=80:80", "PodmanArgs=--memory=1g"],
    );
    let refused = made(&[subject(UnitKind::Pod, "web", &words("p pod create --infra=false web"))]);
    assert!(matches!(refused, Err(QuadletError::Refused { .. })), "{refused:?}");
}

#[test]
fn things_that_are_made_together_refer_to_each_other() {
    let all = [
        subject(UnitKind::Pod, "shop", &words("p pod create --network back --name shop")),
        subject(UnitKind::Volume, "data", &words("p volume create data")),
        subject(UnitKind::Network, "back", &words("p network create back")),
        subject(UnitKind::Container, "db", &words("p run --pod shop --name db -v data:/d i")),
        subject(UnitKind::Container, "lone", &words("p run --network back:alias=x -v data:/d:ro i")),
    ];
    let files = made(&all).unwrap();
    assert!(files[0].text().contains("Network=back.network\n"));
    assert!(
        files[3].text().contains("Pod=shop.pod\n") && files[3].text().contains("Volume=data.volume:/d\n")
    );
    assert!(!files[3].text().contains("WantedBy"));
    assert!(files[4].text().contains("Network=back.network:alias=x\n"));
    let twice = made(&[all[1].clone(), all[1].clone()]);
    assert!(matches!(twice, Err(QuadletError::SameName { .. })), "{twice:?}");
}

#[test]
fn what_is_no_container_is_refused() {
    let refused = |line: &str| made(&[subject(UnitKind::Container, "web", &words(line))]).unwrap_err();
    assert!(matches!(refused("p ps"), QuadletError::Line { .. }));
    assert!(matches!(refused("p run --rm"), QuadletError::NoImage { .. }));
    assert!(matches!(
        made(&[subject(UnitKind::Container, "a/b", &words("p run i"))]),
        Err(QuadletError::FileName { .. })
    ));
    assert_eq!(name_of_image("localhost:5000/x/nginx:1.2"), "nginx");
    assert_eq!(name_of_image("nginx@sha256:0"), "nginx");
}

/// Values in which everything may be that means something to somebody.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,12}",
        "(\n|\\[Service\\]|Exec=|%n|%%|\\$\\{X\\}|\\$\\$|;|\"|'|\\\\|#| |\t|-d|é|=|,){1,6}"
    ]
}

proptest! {
    /// A key's value reaches the engine as what it was: [`files`] compares, and this is whether it ever has to give up.
    #[test]
    fn any_value_has_a_file(
        option in prop::sample::select(vec![
            "env", "label", "annotation", "health-cmd", "entrypoint", "tmpfs", "hostname", "workdir", "add-host", "log-opt",
            "sysctl", "ulimit", "secret", "user", "dns", "tz", "security-opt", "cap-add", "device", "cpus", "stop-signal",
        ]),
        value in nasty(),
        args in prop::collection::vec(nasty(), 0..3),
    ) {
        let mut line = words("podman run -d --name web");
        line.push(format!("--{option}={value}"));
        line.push("image".to_owned());
        line.extend(args);
        let file = made(&[subject(UnitKind::Container, "web", &line)]);
        prop_assert!(file.is_ok(), "{line:?}: {file:?}");
        let text = file.unwrap()[0].text();
        let sections: Vec<&str> = text.lines().filter(|it| it.starts_with('[')).collect();
        prop_assert_eq!(sections, ["[Container]", "[Install]"]);
    }
}
