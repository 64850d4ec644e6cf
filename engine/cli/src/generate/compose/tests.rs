use std::path::Path;

use super::*;
use crate::generate::quadlet;

fn surroundings() -> Surroundings {
    Surroundings {
        project: "shop".to_owned(),
        project_name: None,
        rootless: true,
        variables: BTreeMap::from([
            ("TAG".to_owned(), "1.2".to_owned()),
            ("HOME".to_owned(), "/home/me".to_owned()),
        ]),
        profiles: Vec::new(),
    }
}

fn project(text: &str) -> Project {
    read(text, &surroundings())
}

/// The file of that name which a compose file becomes.
#[track_caller]
fn file(text: &str, name: &str) -> String {
    let project = project(text);
    let refused: Vec<&Finding> =
        project.findings.iter().filter(|it| matches!(it.verdict, Verdict::Refused(_))).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let files = quadlet::files(&project.subjects, Path::new("/srv/shop"), true).unwrap();
    files.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("{name}: {files:?}")).text()
}

/// A service's own lines, without its image and its network.
#[track_caller]
fn check(fields: &str, expected: &[&str]) {
    let text = file(
        &format!("services:\n  a:\n    image: i\n    {}\n", fields.replace('\n', "\n    ")),
        "a.container",
    );
    let usual = ["Image=i", "ContainerName=a", "Network=shop_default.network", "WantedBy=default.target"];
    let own: Vec<&str> =
        text.lines().filter(|it| !it.is_empty() && !it.starts_with('[') && !usual.contains(it)).collect();
    assert_eq!(own, expected, "{fields}");
}

const WORDPRESS: &str = "\
services:
  wordpress:
    image: wordpress
    restart: always
    ports:
      - 8080:80
    depends_on:
      db:
        condition: service_healthy
    environment:
      WORDPRESS_DB_HOST: db
      WORDPRESS_DB_USER: ${DB_USER:-exampleuser}
    volumes:
      - wordpress:/var/www/html

  db:
    image: mariadb:${TAG}
    restart: always
    environment:
      - MARIADB_RANDOM_ROOT_PASSWORD=1
    healthcheck:
      test: [\"CMD\", \"healthcheck.sh\", \"--connect\"]
      interval: 10s
    volumes:
      - db:/var/lib/mysql

volumes:
  wordpress:
  db:
";

#[test]
fn wordpress_becomes_units() {
    assert_eq!(
        file(WORDPRESS, "wordpress.container"),
        "\
[Unit]
Requires=db.service
After=db.service

[Container]
Image=wordpress
ContainerName=wordpress
PublishPort=8080:80
Environment=WORDPRESS_DB_HOST=db
Environment=WORDPRESS_DB_USER=exampleuser
Volume=shop_wordpress.volume:/var/www/html
Network=shop_default.network

[Service]
Restart=always

[Install]
WantedBy=default.target
"
    );
    let db = file(WORDPRESS, "db.container");
    assert!(db.contains("Image=mariadb:1.2\n") && db.contains("\nNotify=healthy\n"), "{db}");
    assert!(db.contains("\nHealthCmd=[\"healthcheck.sh\",\"--connect\"]\n"), "{db}");
    assert_eq!(file(WORDPRESS, "shop_db.volume"), "[Volume]\nVolumeName=shop_db\n");
    assert_eq!(file(WORDPRESS, "shop_default.network"), "[Network]\nNetworkName=shop_default\n");
}

#[test]
fn fields_become_keys() {
    check("command: nginx -g 'daemon off;'", &["Exec=nginx -g \"daemon off;\""]);
    check("entrypoint: [a, b c]\ncommand: [d]", &["Entrypoint=[\"a\",\"b c\"]", "Exec=d"]);
    check(
        "ports:\n- {target: 80, published: 8080, host_ip: 127.0.0.1, protocol: udp}\n- {target: 81}",
        &["PublishPort=127.0.0.1:8080:80/udp", "PublishPort=81"],
    );
    check(
        "volumes:\n- ./x:/x:ro\n- {type: tmpfs, target: /t, tmpfs: {size: 1m}}\n- /anonymous",
        &["Volume=/srv/shop/x:/x:ro", "Tmpfs=/t:size=1m", "Volume=/anonymous"],
    );
    check(
        "environment: {A: 1, B: $TAG, C: '$$x'}",
        &["Environment=A=1", "Environment=B=1.2", "Environment=C=$$x"],
    );
    check("stop_grace_period: 1m30s\ninit: true\ntty: false", &["StopTimeout=90", "RunInit=true"]);
    check("ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}", &["Ulimit=nofile=1:2", "Ulimit=nproc=3"]);
    check("extra_hosts: {h: 10.0.0.1}\ndns: 192.0.2.1", &["AddHost=h:10.0.0.1", "DNS=192.0.2.1"]);
    check(
        "deploy: {resources: {limits: {cpus: '0.5', memory: 50M}}}",
        &["Memory=50M", "PodmanArgs=--cpus=0.5"],
    );
    check(
        "user: '1000:1000'\nread_only: true\ncap_drop: [ALL]",
        &["User=1000", "Group=1000", "ReadOnly=true", "DropCapability=ALL"],
    );
    check(
        "security_opt: ['no-new-privileges:true', 'seccomp:unconfined']",
        &["SeccompProfile=unconfined", "PodmanArgs=--security-opt=no-new-privileges=true"],
    );
    check("container_name: a\nhealthcheck: {disable: true}", &["PodmanArgs=--no-healthcheck"]);
    check(
        "environment: {A: yes, B: 'off', C: true, D: }",
        &["Environment=A=yes", "Environment=B=off", "Environment=C=true"],
    );
    check("command:\nentrypoint: '[x]'", &["Entrypoint=[\"[x]\"]"]);
    check("volumes: [{type: bind, source: x, target: /y, read_only: true}]", &["Volume=/srv/shop/x:/y:ro"]);
    check("user:\nhostname:", &[]);
    check("restart: no", &["Restart=no"]);
    check("restart: on-failure:3", &["StartLimitBurst=3", "Restart=on-failure"]);
}

#[test]
fn networks_secrets_and_namespaces() {
    let text = "\
services:
  a:
    image: i
    container_name: other
    networks: {back: {aliases: [x], ipv4_address: 10.9.0.5}, out: }
    secrets: [s, {source: e, target: /e}]
  b: {image: i, network_mode: 'service:a'}
networks:
  back: {ipam: {config: [{subnet: 10.9.0.0/24}]}, internal: true}
  out: {external: true}
secrets: {s: {file: s.txt}, e: {external: true}}
";
    let a = file(text, "other.container");
    for line in [
        "Network=shop_back.network:alias=x,ip=10.9.0.5,alias=a\n",
        "Network=out:alias=a\n",
        "Volume=/srv/shop/s.txt:/run/secrets/s:ro\n",
        "Secret=e,target=/e\n",
    ] {
        assert!(a.contains(line), "{line}\n{a}");
    }
    let b = file(text, "b.container");
    assert!(b.contains("Requires=other.service\n") && b.contains("Network=container:other\n"), "{b}");
    let network = file(text, "shop_back.network");
    assert_eq!(network, "[Network]\nNetworkName=shop_back\nSubnet=10.9.0.0/24\nInternal=true\n");
}

#[test]
fn what_is_waited_for_until_it_has_ended_runs_once() {
    let text = "\
services:
  web: {image: i, depends_on: {migrate: {condition: service_completed_successfully}}, links: [db]}
  migrate: {image: i, command: [make, tables], restart: on-failure}
  db: {image: i}
";
    let web = file(text, "web.container");
    assert!(
        web.starts_with(
            "[Unit]\nRequires=migrate.service\nAfter=migrate.service\nRequires=db.service\nAfter=db.service\n"
        ),
        "{web}"
    );
    let migrate = file(text, "migrate.container");
    for line in ["Type=oneshot\n", "RemainAfterExit=yes\n", "Restart=on-failure\n"] {
        assert!(migrate.contains(line), "{line}: {migrate}");
    }
}

#[test]
fn gpus_are_devices() {
    let of =
        |devices: &str| format!("deploy: {{resources: {{reservations: {{cpus: 1, devices: [{devices}]}}}}}}");
    check(&of("{driver: nvidia, count: all, capabilities: [gpu]}"), &["AddDevice=nvidia.com/gpu=all"]);
    check(
        &of("{count: 2, capabilities: [gpu]}"),
        &["AddDevice=nvidia.com/gpu=0", "AddDevice=nvidia.com/gpu=1"],
    );
    check(&of("{device_ids: ['3'], capabilities: [gpu, utility]}"), &["AddDevice=nvidia.com/gpu=3"]);
}

#[test]
fn every_field_is_accounted_for() {
    let of = |text: &str| -> Vec<String> {
        let told = project(text).findings;
        told.iter().map(|it| format!("{} {} {}", it.place, it.field, it.verdict.word())).collect()
    };
    assert_eq!(
        of(
            "services:\n  a:\n    image: i\n    build: .\n    bogus: 1\n    restart: unless-stopped\n    x-own: 1\n"
        ),
        [
            "3:5 services.a.image exact",
            "4:5 services.a.build approximated",
            "5:5 services.a.bogus refused",
            "6:5 services.a.restart approximated",
        ]
    );
    for (text, field) in [
        ("services: {a: {image: i, depends_on: [b]}}", "services.a.depends_on.b"),
        ("services: {a: {image: i, networks: [b]}}", "services.a.networks"),
        ("services: {a: {image: i, volumes: ['b:/x']}}", "services.a.volumes"),
        ("services: {a: {image: i, secrets: [b]}}", "services.a.secrets"),
        ("services: {a: {image: i, tty: perhaps}}", "services.a.tty"),
        ("services: {a: {image: '${X:?no}'}}", "services.a.image"),
        ("services: {a: {command: x}}", "services.a"),
        ("services: {a: {build: .}}", "services.a.build"),
        ("services: {a: {image: i, links: ['b:c']}, b: {image: i}}", "services.a.links"),
        ("services: {a: {image: i, links: [b]}}", "services.a.links"),
        (
            "services: {a: {image: i, depends_on: {b: {condition: service_completed_successfully}}}, b: {image: i, restart: always}}",
            "services.b.restart",
        ),
        (
            "services: {a: {image: i, depends_on: {b: {condition: done}}}, b: {image: i}}",
            "services.a.depends_on.b.condition",
        ),
        (
            "services: {a: {image: i, deploy: {resources: {reservations: {devices: [{driver: x, capabilities: [gpu]}]}}}}}",
            "services.a.deploy.resources.reservations.devices",
        ),
        ("services: {}", "services"),
        ("services: {a: {image: '--privileged', command: x}}", "services.a.image"),
        ("services: {'a,ip=1': {image: i, container_name: b}}", "services.a,ip=1"),
        ("services: {a: {image: i, command: []}}", "services.a.command"),
        ("services: {a: {image: i, ports: ['99999:80']}}", "services.a.ports"),
        ("services: {a: {image: i, mem_limit: much}}", "services.a.mem_limit"),
        ("services: {a: {image: i, healthcheck: {test: x, interval: often}}}", "services.a.healthcheck"),
        ("services: {a: {image: i, healthcheck: x}}", "services.a.healthcheck"),
        ("services: {a: {image: i, ulimits: 5}}", "services.a.ulimits"),
        ("services: {a: {image: i, logging: {drivr: x}}}", "services.a.logging"),
        ("services: {a: {image: i, deploy: {resuorces: {}}}}", "services.a.deploy.resuorces"),
        ("services: {a: {image: i, depends_on: b}}", "services.a.depends_on"),
        (
            "services: {a: {image: i, networks: {default: {aliases: ['x,ip=1']}}}}",
            "services.a.networks.default.aliases",
        ),
        (
            "services: {a: {image: i, secrets: [{source: s, mode: 0440}]}}\nsecrets: {s: {external: true}}",
            "services.a.secrets",
        ),
        ("services: {a: {image: i}}\nvolumes: {v: {external: {name: x}}}", "volumes.v.external"),
        ("services: {a: {image: i}}\nvolumes: {v: 5}", "volumes.v"),
        ("services: {a: {image: i}}\nname: Big Shop", "name"),
        (
            "services: {a: {image: i, depends_on: [b]}, b: {image: i, profiles: [p]}}",
            "services.a.depends_on.b",
        ),
        ("include: [x]\nservices: {a: {image: i}}", "include"),
        ("services: [", ""),
        ("- a", ""),
    ] {
        let found = project(text).findings;
        let refused = found.iter().any(|it| it.field == field && matches!(it.verdict, Verdict::Refused(_)));
        assert!(refused, "{text}: {found:?}");
    }
    // What is named in an extension field, or need not be there, is nobody's fault.
    let text = "x-own: &own {image: i}\nservices: {a: {<<: *own, depends_on: {b: {condition: service_started, required: false}}}}";
    let found = project(text).findings;
    assert!(found.iter().all(|it| !matches!(it.verdict, Verdict::Refused(_))), "{found:?}");
    // One wrong value does not hide another.
    let found = project("services:\n  a:\n    image: i\n    mac_address: x\n    tty: true\n    volumes: [x]\n    environment: [NOSUCH]").findings;
    let found: Vec<String> = found.iter().map(|it| format!("{} {}", it.place, it.verdict.word())).collect();
    assert_eq!(found, ["3:5 exact", "4:5 refused", "5:5 exact", "6:5 refused", "7:5 approximated"]);
    // What belongs to a profile is there when it is asked for.
    let text = "services: {a: {image: i}, b: {image: i, profiles: [debug]}}";
    assert_eq!(project(text).subjects.len(), 2);
    let asked = Surroundings { profiles: vec!["debug".to_owned()], ..surroundings() };
    assert_eq!(read(text, &asked).subjects.len(), 3);
    // A name that is asked for goes before the file's.
    let asked = Surroundings { project_name: Some("mine".to_owned()), ..surroundings() };
    assert_eq!(read("name: x\nservices: {a: {image: i}}", &asked).subjects[0].name, "mine_default");
}

#[test]
fn a_port_that_is_none_is_told_what_is_allowed() {
    let text = |port: &str| format!("services: {{a: {{image: i, ports: [{port}]}}}}");
    for wrong in
        ["'80:http'", "'70000'", "'1-3:1-2'", "'80/icmp'", "{target: web}", "{target: 80, host_ip: here}"]
    {
        let said = project(&text(wrong)).findings;
        let is_told = |it: &Finding| match &it.verdict {
            Verdict::Refused(why) => {
                it.field == "services.a.ports"
                    && why.contains("from 1 to 65535")
                    && why.contains("`HOSTPORT:PORT`")
            }
            _ => false,
        };
        assert!(said.iter().any(is_told), "{wrong}: {said:?}");
    }
    let right = file(
        &text("'127.0.0.1:8080:80/tcp', 53:53/udp, 8000-8002:9000-9002, {target: 80, published: 81}"),
        "a.container",
    );
    for line in ["127.0.0.1:8080:80/tcp", "53:53/udp", "8000-8002:9000-9002", "81:80"] {
        assert!(right.contains(&format!("PublishPort={line}\n")), "{line}: {right}");
    }
}
