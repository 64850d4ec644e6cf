//! Whole outputs, beside which Podman's were laid.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use pontoon_lifecycle::request::{CreateRequest, NetworkMode, UserNsMode};
use pontoon_network::{PortMapping, Protocol};

use super::*;
use crate::args::{ImageSort, PsSort};
use crate::format::{NullIfEmpty, OmitEmpty};
use crate::time::from_nanos;

/// 2026-11-21T02:33:40.833988111Z
const CREATED: u64 = 1_795_228_420_833_988_111;

fn now() -> SystemTime {
    from_nanos(CREATED) + Duration::from_secs(300)
}

fn options(format: Option<&str>) -> ListOptions<'_> {
    ListOptions { format, quiet: false, no_trunc: false, noheading: false, now: now() }
}

fn port(
    host_ip: Option<&str>,
    host_port: u16,
    container_port: u16,
    range: u16,
    protocol: Protocol,
) -> PortMapping {
    let host_ip = host_ip.map(|text| text.parse().unwrap());
    PortMapping { host_ip, host_port, container_port, range, protocol }
}

fn web() -> ps::Row {
    ps::Row {
        id: "4d32b396b9e64867dc36bc288d0ceeabfc42fd32a0748842d9029bf7710daa08".to_owned(),
        image: "localhost/full:latest".to_owned(),
        image_id: "5a86b01a01332f73fab5fb330bc29285444fa80915da53222a397e3d2f510a2b".to_owned(),
        command: ["sh", "-c", "echo out; echo err >&2; exec sleep 1000"].map(str::to_owned).to_vec(),
        created: from_nanos(CREATED),
        started_at: Some(from_nanos(CREATED) + Duration::from_secs(1)),
        finished_at: None,
        state: ps::State::Running,
        exit_code: 0,
        pid: 3781,
        names: vec!["web".to_owned()],
        ports: vec![
            port(None, 8099, 80, 1, Protocol::Tcp),
            port(Some("127.0.0.1"), 8100, 81, 1, Protocol::Udp),
        ],
        exposed: vec!["80/tcp".to_owned(), "90/tcp".to_owned()],
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned()), ("l".to_owned(), "1".to_owned())]),
        mounts: vec!["/mnt".to_owned(), "/data".to_owned()],
        sources: vec![("vol1".to_owned(), "/mnt".to_owned())],
        networks: vec![],
        annotations: BTreeMap::new(),
        health: String::new(),
        restarts: 0,
        restart_policy: "no",
        starts_on_boot: false,
        auto_remove: false,
        cidfile: String::new(),
        size: None,
        namespaces: ps::Namespaces::default(),
        network_of: String::new(),
        pod: String::new(),
        pod_name: String::new(),
        is_infra: false,
        unit: None,
    }
}

fn ended() -> ps::Row {
    ps::Row {
        id: "b0ebbd93c3056f9beb4e6e69870605f7204c8d17444656160d12819e6d3487f4".to_owned(),
        image: "localhost/busybox:latest".to_owned(),
        command: vec!["true".to_owned()],
        created: from_nanos(CREATED) - Duration::from_secs(7200),
        started_at: Some(from_nanos(CREATED)),
        finished_at: Some(now() - Duration::from_secs(2)),
        state: ps::State::Exited,
        exit_code: 137,
        pid: 0,
        names: vec!["r1".to_owned()],
        ports: vec![],
        exposed: vec![],
        labels: BTreeMap::new(),
        mounts: vec![],
        sources: vec![],
        ..web()
    }
}

#[test]
fn ps_lists_containers_in_columns() {
    let text = ps::text(&[web(), ended()], &options(None), ps::Columns::default()).unwrap();
    assert_eq!(
        text,
        "CONTAINER ID  IMAGE                     COMMAND               CREATED        STATUS                      PORTS                                                 NAMES\n\
         4d32b396b9e6  localhost/full:latest     sh -c echo out; e...  5 minutes ago  Up 4 minutes                0.0.0.0:8099->80/tcp, 127.0.0.1:8100->81/udp, 90/tcp  web\n\
         b0ebbd93c305  localhost/busybox:latest  true                  2 hours ago    Exited (137) 2 seconds ago                                                        r1\n"
    );
}

#[test]
fn an_empty_list_of_containers_has_headings_only() {
    let text = ps::text(&[], &options(None), ps::Columns::default()).unwrap();
    assert_eq!(text, "CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES\n");
    assert_eq!(ps::text(&[], &options(Some("json")), ps::Columns::default()).unwrap(), "[]\n");
    assert_eq!(
        ps::text(&[], &ListOptions { noheading: true, ..options(None) }, ps::Columns::default()).unwrap(),
        ""
    );
}

#[test]
fn ps_prints_ids_only_if_told_to_be_quiet() {
    let quiet = ListOptions { quiet: true, ..options(None) };
    assert_eq!(ps::text(&[web()], &quiet, ps::Columns::default()).unwrap(), "4d32b396b9e6\n");
    let whole = ListOptions { no_trunc: true, ..quiet };
    assert_eq!(ps::text(&[web()], &whole, ps::Columns::default()).unwrap(), format!("{}\n", web().id));
}

#[test]
fn ps_shows_sizes_and_whole_commands_when_asked() {
    let row = ps::Row { size: Some(ps::Size { root_fs_size: 2_194_000, rw_size: 11_800 }), ..web() };
    let text = ps::text(
        &[row],
        &ListOptions { no_trunc: true, noheading: true, ..options(None) },
        ps::Columns { size: true, ..ps::Columns::default() },
    )
    .unwrap();
    assert!(text.contains("  sh -c echo out; echo err >&2; exec sleep 1000  "), "{text}");
    assert!(text.ends_with("  web         11.8kB (virtual 2.19MB)\n"), "{text}");
}

#[test]
fn ps_templates_see_podmans_fields() {
    let template = "{{.ID}} {{.Names}} {{.Image}} {{.Status}} {{.Ports}} {{.Command}} {{.State}} {{.RunningFor}} {{.Mounts}} \
                    {{.Networks}} {{.Pid}} {{.Exited}} {{.ExitCode}} {{.Labels}} {{.Label}}";
    let err = ps::text(&[web()], &options(Some(template)), ps::Columns::default()).unwrap_err();
    assert_eq!(err.hint().as_deref(), Some("did you mean `.Labels`?"));
    let text = ps::text(
        &[web()],
        &options(Some(template.strip_suffix(" {{.Label}}").unwrap())),
        ps::Columns::default(),
    )
    .unwrap();
    assert_eq!(
        text,
        "4d32b396b9e6 web localhost/full:latest Up 4 minutes 0.0.0.0:8099->80/tcp, 127.0.0.1:8100->81/udp, 90/tcp \
         sh -c echo out; e... running 5 minutes ago [/mnt /data]  3781 false 0 map[a:b l:1]\n"
    );
}

/// Each field can be a column: the headings and the fields are the same set.
#[test]
fn every_field_of_a_list_has_a_heading() {
    for format in
        ["ID", "CreatedAt", "ExposedPorts", "CIDFile", "StartedAt", "Namespaces", "PodName", "IsInfra"]
    {
        ps::text(&[web()], &options(Some(&format!("table {{{{.{format}}}}}"))), ps::Columns::default())
            .unwrap();
    }
    for format in ["ID", "RepoTags", "CreatedTime", "ReadOnly", "Digest", "History"] {
        images::text(
            &[busybox()],
            &options(Some(&format!("table {{{{.{format}}}}}"))),
            images::Columns::default(),
        )
        .unwrap();
    }
    for format in ["Name", "CreatedAt", "MountCount", "NeedsCopyUp", "Scope"] {
        volume::list_text(&[vol1()], &options(Some(&format!("table {{{{.{format}}}}}")))).unwrap();
    }
}

#[test]
fn ps_json_has_podmans_fields_in_podmans_order() {
    let text = ps::text(&[web()], &options(Some("json")), ps::Columns::default()).unwrap();
    let expected = r#"[
  {
    "AutoRemove": false,
    "Command": [
      "sh",
      "-c",
      "echo out; echo err >&2; exec sleep 1000"
    ],
    "CreatedAt": "5 minutes ago",
    "CIDFile": "",
    "Exited": false,
    "ExitedAt": -62135596800,
    "ExitCode": 0,
    "ExposedPorts": {
      "80": [
        "tcp"
      ],
      "90": [
        "tcp"
      ]
    },
    "Id": "4d32b396b9e64867dc36bc288d0ceeabfc42fd32a0748842d9029bf7710daa08",
    "Image": "localhost/full:latest",
    "ImageID": "5a86b01a01332f73fab5fb330bc29285444fa80915da53222a397e3d2f510a2b",
    "IsInfra": false,
    "Labels": {
      "a": "b",
      "l": "1"
    },
    "Mounts": [
      "/mnt",
      "/data"
    ],
    "Names": [
      "web"
    ],
    "Namespaces": {},
    "Networks": [],
    "Pid": 3781,
    "Pod": "",
    "PodName": "",
    "Ports": [
      {
        "host_ip": "",
        "container_port": 80,
        "host_port": 8099,
        "range": 1,
        "protocol": "tcp"
      },
      {
        "host_ip": "127.0.0.1",
        "container_port": 81,
        "host_port": 8100,
        "range": 1,
        "protocol": "udp"
      }
    ],
    "Restarts": 0,
    "Size": null,
    "StartedAt": 1795228421,
    "State": "running",
    "Status": "Up 4 minutes",
    "Created": 1795228420
  }
]
"#;
    assert_eq!(text, expected);
    let bare: serde_json::Value =
        serde_json::from_str(&ps::text(&[ended()], &options(Some("json")), ps::Columns::default()).unwrap())
            .unwrap();
    assert_eq!(bare[0]["Ports"], serde_json::Value::Null);
    assert_eq!(bare[0]["Labels"], serde_json::Value::Null);
    assert_eq!(bare[0]["ExitedAt"], 1_795_228_718);
}

#[test]
fn a_table_survives_a_hostile_command() {
    let row = ps::Row { command: vec!["a\nb\t\u{1b}[2Jc".to_owned()], ..web() };
    let text =
        ps::text(&[row], &ListOptions { noheading: true, ..options(None) }, ps::Columns::default()).unwrap();
    assert!(text.contains("  a b  [2Jc  "), "{text:?}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn containers_are_sorted() {
    let order = |sort: PsSort| {
        let mut rows = [web(), ended()];
        ps::sort(&mut rows, sort);
        rows.map(|row| row.names.concat()).join(" ")
    };
    assert_eq!(order(PsSort::Created), "r1 web");
    assert_eq!(order(PsSort::Id), "web r1");
    assert_eq!(order(PsSort::Names), "r1 web");
    assert_eq!(order(PsSort::Status), "r1 web");
    assert_eq!(order(PsSort::Command), "web r1");
}

#[track_caller]
fn check_filter(filters: &[&str], expected: &str) {
    let filters: Vec<String> = filters.iter().map(|filter| (*filter).to_owned()).collect();
    let kept =
        Filter::parse_all(&filters).and_then(|filters| filter::containers(vec![web(), ended()], &filters));
    let names = kept.map(|rows| rows.iter().map(|row| row.names.concat()).collect::<Vec<_>>().join(" "));
    assert_eq!(names.as_deref(), Ok(expected), "{filters:?}");
}

#[test]
fn a_wrong_value_of_a_filter_says_what_is_taken_also_where_there_is_no_row() {
    let refusal = |filter: &str, rows: Vec<ps::Row>| {
        let filters = Filter::parse_all(&[filter.to_owned()]).unwrap();
        let error = filter::containers(rows, &filters).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    };
    for rows in [vec![], vec![web()]] {
        let (text, hint) = refusal("status=odd", rows.clone());
        assert_eq!(text, "invalid value `odd` for the filter `status`");
        assert!(hint.starts_with("it is one of created, initialized, running,"), "{hint}");
        assert!(refusal("health=odd", rows.clone()).1.contains("unhealthy"));
        let (text, _) = refusal("exited=x", rows.clone());
        assert_eq!(text, "invalid value `x` for the filter `exited`: it must be a number");
        assert!(refusal("until=x", rows.clone()).0.contains("a duration before now"));
        assert!(refusal("name=(", rows.clone()).0.contains("a regular expression"));
        let (text, _) = refusal("since=nothere", rows);
        assert_eq!(text, "the filter `since` names `nothere`, and there is no such container");
    }
}

#[test]
fn containers_are_filtered() {
    check_filter(&[], "web r1");
    check_filter(&["name=we"], "web");
    check_filter(&["name=^r1$"], "r1");
    check_filter(&["name=web", "name=r1"], "web r1");
    check_filter(&["name=web", "status=exited"], "");
    check_filter(&["status=running"], "web");
    check_filter(&["name=^/r1$"], "r1");
    check_filter(&["name=/we"], "web");
    for id in ["4d32", "4D32", "^4d3", "4d3.*"] {
        check_filter(&[&format!("id={id}")], "web");
    }
    check_filter(&["id=d32"], "");
    check_filter(&["id=."], "web r1");
    check_filter(&["label=a"], "web");
    check_filter(&["label=a=b", "label=l=2"], "");
    check_filter(&["label!=a"], "r1");
    check_filter(&["exited=137"], "r1");
    check_filter(&["ancestor=busybox"], "r1");
    check_filter(&["ancestor=localhost/full:latest"], "web");
    check_filter(&["volume=vol1"], "web");
    check_filter(&["volume=/mnt"], "web");
    check_filter(&["volume=vol1:/mnt"], "web");
    check_filter(&["volume=vol1:/other"], "");
    check_filter(&["label=a="], "web");
    check_filter(&["label=*"], "web");
    check_filter(&["label=*=b"], "web");
    check_filter(&["label!=a*"], "r1");
    check_filter(&["before=web"], "r1");
    check_filter(&["since=r1", "since=web"], "web");
    check_filter(&["since=r1"], "web");
    let refused = |text: &str| {
        Filter::parse_all(&[text.to_owned()])
            .and_then(|filters| filter::containers(vec![], &filters).map(drop))
            .map_err(|err| err.to_string())
    };
    let twice = ["until=1h".to_owned(), "until=2h".to_owned()];
    let twice = filter::containers(vec![], &Filter::parse_all(&twice).unwrap()).unwrap_err().to_string();
    assert_eq!(twice, "the filter `until` is there with the values `1h` and `2h`, and takes one");
    assert_eq!(refused("nosuch=1"), Err("`nosuch` is no filter of this list".to_owned()));
    assert_eq!(refused("name"), Err("invalid value `name` for `--filter`: it must be KEY=VALUE".to_owned()));
    assert_eq!(refused("=x"), Err("invalid value `=x` for `--filter`: it must be KEY=VALUE".to_owned()));
}

#[test]
fn references_match_with_and_without_registry_and_tag() {
    for (full, wanted, expected) in [
        ("localhost/full:latest", "full", true),
        ("localhost/full:latest", "localhost/full", true),
        ("localhost/full:latest", "full:latest", true),
        ("localhost/full:latest", "full:v2", false),
        ("localhost/full:latest", "ull", false),
        ("localhost:5000/a/b:v1", "b:v*", true),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b", true),
        ("localhost/full:latest", "*", true),
        ("localhost/full:latest", "f?ll", true),
        ("localhost/full:latest", "f[^a-t]ll", true),
        ("localhost/full:latest", "f[a-t]ll", false),
        ("quay.io/x/full:1", "quay.io/*/full", true),
        ("quay.io/x/full:1", "quay.io/*", false),
        ("quay.io/x/full:1", "quay*full", false),
        ("quay.io/x/full:1", "*:1", true),
        ("quay.io/x/full:1", "a/quay.io/x/full", false),
    ] {
        assert_eq!(filter::is_reference(full, wanted), expected, "{full} {wanted}");
    }
}

fn busybox() -> images::Row {
    images::Row {
        id: "9325fbdc1ca63650108bb857343fdd55c1cd9340e6f3bc2c9f996c2976bf0589".to_owned(),
        digest: "sha256:148fe0a80a7bc0455da5bda18f4d927bda0cce44425f6b3236c55885055da11e".to_owned(),
        names: vec!["localhost/busybox:latest".to_owned(), "localhost:5000/b:v1".to_owned()],
        repo_digests: vec![],
        created: Some(from_nanos(CREATED)),
        size: 2_182_215,
        labels: BTreeMap::new(),
        containers: 0,
        read_only: false,
    }
}

fn nameless() -> images::Row {
    images::Row { id: "5a86b01a0133".repeat(5), names: vec![], created: None, size: 12, ..busybox() }
}

#[test]
fn images_are_listed_by_name() {
    let text = images::text(&[busybox(), nameless()], &options(None), images::Columns::default()).unwrap();
    assert_eq!(
        text,
        "REPOSITORY         TAG         IMAGE ID      CREATED        SIZE\n\
         localhost/busybox  latest      9325fbdc1ca6  5 minutes ago  2.18 MB\n\
         localhost:5000/b   v1          9325fbdc1ca6  5 minutes ago  2.18 MB\n\
         <none>             <none>      5a86b01a0133  N/A            12 B\n"
    );
    assert_eq!(
        images::text(&[], &options(None), images::Columns::default()).unwrap(),
        "REPOSITORY  TAG         IMAGE ID    CREATED     SIZE\n"
    );
    let quiet = ListOptions { quiet: true, ..options(None) };
    assert_eq!(images::text(&[busybox()], &quiet, images::Columns::default()).unwrap(), "9325fbdc1ca6\n");
    let whole = ListOptions { no_trunc: true, ..quiet };
    assert_eq!(
        images::text(&[busybox()], &whole, images::Columns::default()).unwrap(),
        format!("sha256:{}\n", busybox().id)
    );
    let template = options(Some("{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}} {{.CreatedSince}} {{.Digest}}"));
    let both = options(Some("{{.Id}} {{.ID}}"));
    assert_eq!(
        images::text(&[nameless()], &both, images::Columns::default()).unwrap(),
        format!("{} 5a86b01a0133\n", nameless().id)
    );
    let first = "localhost/busybox:latest 9325fbdc1ca6 2.18 MB 5 minutes ago sha256:148f";
    assert!(images::text(&[busybox()], &template, images::Columns::default()).unwrap().starts_with(first));
}

#[test]
fn images_are_told_in_json() {
    let text = images::text(&[busybox()], &options(Some("json")), images::Columns::default()).unwrap();
    assert!(text.starts_with("[\n    {\n        \"Id\": \"9325fbdc"), "{text}");
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read[0]["CreatedAt"], "2026-11-21T02:33:40Z");
    assert_eq!(read[0]["Created"], 1_795_228_420);
    assert_eq!(read[0]["Names"][1], "localhost:5000/b:v1");
    assert_eq!(read[0]["Labels"], serde_json::Value::Null);
}

#[test]
fn images_are_sorted_and_filtered() {
    let mut rows = vec![nameless(), busybox()];
    images::sort(&mut rows, ImageSort::Created);
    assert_eq!(rows.first().map(|row| row.names.len()), Some(2));
    images::sort(&mut rows, ImageSort::Size);
    assert_eq!(rows.first().map(|row| row.size), Some(12));
    let kept = |filter: &str| {
        let filters = Filter::parse_all(&[filter.to_owned()]).unwrap();
        filter::images(vec![busybox(), nameless()], &filters).unwrap().len()
    };
    assert_eq!(
        (kept("dangling=true"), kept("dangling=false"), kept("reference=busybox"), kept("id=5a86")),
        (1, 1, 1, 1)
    );
    // Two images; what is not so is the rest.
    for (filter, expected) in [
        ("reference!=busybox", 1),
        ("reference!=nothing", 2),
        ("dangling!=true", 1),
        ("id!=5a86", 1),
        ("label!=a", 2),
        ("containers!=true", 2),
        ("until!=1h", 1),
        ("before!=busybox", 1),
        ("digest!=sha256:148f", 0),
        ("reference=9325fbdc1ca6", 1),
    ] {
        assert_eq!(kept(filter), expected, "{filter}");
    }
    let refused = |filters: &[&str]| {
        let filters: Vec<String> = filters.iter().map(|it| (*it).to_owned()).collect();
        filter::images(vec![], &Filter::parse_all(&filters).unwrap()).unwrap_err().to_string()
    };
    assert_eq!(refused(&["odd!=1"]), "`odd` is no filter of this list");
    assert!(refused(&["digest=148f"]).ends_with("it must be a digest as sha256:…"));
    assert!(refused(&["dangling=true", "dangling=false"]).ends_with("and takes one"));
}

#[test]
fn volumes_are_filtered() {
    let anonymous = || volume::Row {
        name: "0123".to_owned(),
        anonymous: true,
        containers: 1,
        created: from_nanos(CREATED + 1),
        ..vol1()
    };
    let kept = |filters: &[&str]| {
        let filters: Vec<String> = filters.iter().map(|it| (*it).to_owned()).collect();
        let kept = filter::volumes(vec![vol1(), anonymous()], &Filter::parse_all(&filters).unwrap());
        kept.map(|rows| rows.into_iter().map(|it| it.name).collect::<Vec<_>>().join(" "))
    };
    for (filters, expected) in [
        (&["name=v"][..], "v1"),
        (&["name=v", "name=0"], "v1 0123"),
        (&["name=v", "dangling=false"], ""),
        (&["dangling=true"], "v1"),
        (&["anonymous=true"], "0123"),
        (&["all=false"], "0123"),
        (&["all=true"], "v1 0123"),
        (&["driver=local"], "v1 0123"),
        (&["scope=global"], ""),
        (&["since=v1"], "0123"),
        (&["after=v"], "0123"),
        (&["since=v1", "since=0123"], "0123"),
        (&["label=a=b", "label!=c"], "v1 0123"),
    ] {
        assert_eq!(kept(filters).as_deref(), Ok(expected), "{filters:?}");
    }
    assert!(kept(&["since="]).is_err());
    assert!(kept(&["dangling=x"]).is_err());
    assert!(kept(&["name!=v"]).is_err());
}

fn vol1() -> volume::Row {
    volume::Row {
        name: "v1".to_owned(),
        mountpoint: "/srv/v1/_data".to_owned(),
        created: from_nanos(CREATED),
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        options: BTreeMap::new(),
        anonymous: false,
        containers: 0,
        mounted: 0,
        uid: 0,
        gid: 0,
        needs_chown: false,
        needs_copy_up: true,
    }
}

#[test]
fn volumes_are_listed_and_inspected() {
    assert_eq!(
        volume::list_text(&[vol1()], &options(None)).unwrap(),
        "DRIVER      VOLUME NAME\nlocal       v1\n"
    );
    assert_eq!(volume::list_text(&[], &options(None)).unwrap(), "");
    assert_eq!(volume::list_text(&[], &options(Some("json"))).unwrap(), "[]\n");
    assert_eq!(volume::list_text(&[vol1()], &ListOptions { quiet: true, ..options(None) }).unwrap(), "v1\n");
    let text = volume::inspect_text(&[vol1()], None).unwrap();
    // In the zone of the host, whatever that is here.
    let created = crate::time::rfc3339_local(vol1().created);
    let beginning = format!(
        "[\n     {{\n          \"Name\": \"v1\",\n          \"Driver\": \"local\",\n          \"Mountpoint\": \
         \"/srv/v1/_data\",\n          \"CreatedAt\": \"{created}\",\n"
    );
    assert!(text.starts_with(&beginning), "{text}");
    let template = volume::inspect_text(&[vol1()], Some("{{.Name}} {{.CreatedAt.UTC}} {{.Labels.a}}"));
    assert_eq!(template.as_deref(), Ok("v1 2026-11-21 02:33:40.833988111 +0000 UTC b\n"));
}

#[test]
fn ports_are_told_one_by_one() {
    let ports = [port(None, 8099, 80, 1, Protocol::Tcp), port(Some("::1"), 9000, 90, 2, Protocol::Udp)];
    assert_eq!(
        port::text(&ports, None, None).as_deref(),
        Ok("80/tcp -> 0.0.0.0:8099\n90/udp -> [::1]:9000\n91/udp -> [::1]:9001\n")
    );
    assert_eq!(port::text(&ports, Some("80"), None).as_deref(), Ok("0.0.0.0:8099\n"));
    assert_eq!(port::text(&ports, Some("91/UDP"), None).as_deref(), Ok("[::1]:9001\n"));
    let all = port::text(&ports[..1], None, Some("4d32b396b9e64867dc36")).unwrap();
    assert_eq!(all, "4d32b396b9e6\t80/tcp -> 0.0.0.0:8099\n");
    let err = port::text(&ports, Some("99"), None).unwrap_err();
    assert_eq!(err.to_string(), "the container publishes no port `99`");
}

fn facts(request: &CreateRequest) -> container::Facts<'_> {
    container::Facts {
        contexts: None,
        id: "4d32b396b9e64867dc36",
        name: "web",
        created: from_nanos(CREATED),
        image_id: "5a86",
        image_digest: "sha256:660b".to_owned(),
        image_name: "localhost/full:latest",
        request,
        command: vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()],
        entrypoint: None,
        words: Some(vec!["sh".to_owned()]),
        env: vec!["X=1".to_owned()],
        workdir: "/data".to_owned(),
        user: String::new(),
        hostname: "4d32b396b9e6".to_owned(),
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        exposed: vec!["80/tcp".to_owned()],
        stop_signal: 10,
        stop_timeout: 10,
        secrets: Vec::new(),
        healthcheck: None,
        id_maps: None,
        needed: Vec::new(),
        systemd: false,
        state: container::StateFacts {
            health: None,
            restarts: 0,
            stopped: false,
            state: ps::State::Running,
            pid: 3781,
            monitor_pid: 3779,
            exit_code: 0,
            oom_killed: false,
            error: String::new(),
            started_at: Some(from_nanos(CREATED)),
            finished_at: None,
            sessions: vec!["5e".repeat(32)],
            cgroup_path: "/x".to_owned(),
        },
        mounts: vec![container::Mount {
            kind: "volume".to_owned(),
            name: OmitEmpty("vol1".to_owned()),
            source: "/srv/vol1/_data".to_owned(),
            destination: "/data2".to_owned(),
            driver: "local".to_owned(),
            mode: String::new(),
            options: NullIfEmpty(Some(vec!["nosuid".to_owned()])),
            rw: true,
            propagation: "rprivate".to_owned(),
            sub_path: OmitEmpty::default(),
            bind: Some("vol1:/data2:rw,rprivate,nosuid".to_owned()),
        }],
        effective_caps: vec!["CAP_CHOWN".to_owned()],
        bounding_caps: vec!["CAP_CHOWN".to_owned()],
        network_mode: "pasta",
        networks: Vec::new(),
        network_holder: None,
        directory: "/d".to_owned(),
        files: container::MadeFiles::default(),
        log_driver: "journald",
        log_path: String::new(),
        graph: container::GraphDriver { name: "overlay".to_owned(), data: BTreeMap::new() },
        cgroup_manager: "systemd",
        size: None,
    }
}

#[test]
fn an_inspected_container_has_podmans_fields() {
    let request = CreateRequest {
        publish: vec![
            port(None, 8099, 80, 1, Protocol::Tcp),
            port(Some("127.0.0.1"), 8100, 81, 1, Protocol::Udp),
        ],
        userns: UserNsMode::KeepId { uid: None, gid: None, size: None },
        ulimits: vec![("nofile".to_owned(), Some(5), None)],
        ..CreateRequest::default()
    };
    let text = container::text(&[facts(&request)], None).unwrap();
    assert!(text.starts_with("[\n     {\n          \"Id\": \"4d32b396b9e64867dc36\",\n"), "{text}");
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = |pointer: &str| {
        read.pointer(&format!("/0{pointer}")).cloned().unwrap_or_else(|| panic!("no {pointer}"))
    };
    assert_eq!(at("/Path"), "sh");
    assert_eq!(at("/State/ConmonPid"), 3779);
    assert_eq!(at("/State/OOMKilled"), false);
    assert_eq!(at("/State/FinishedAt"), "0001-01-01T00:00:00Z");
    assert_eq!(at("/NetworkSettings/Ports/80~1tcp/0/HostPort"), "8099");
    assert_eq!(at("/NetworkSettings/IPAddress"), "");
    assert_eq!(at("/Config/StopSignal"), "SIGUSR1");
    assert_eq!(at("/Config/sdNotifyMode"), "container");
    assert_eq!(at("/Config/Umask"), "0022");
    assert_eq!(at("/Config/ExposedPorts/81~1udp"), serde_json::json!({}));
    assert_eq!(at("/HostConfig/Binds/0"), "vol1:/data2:rw,rprivate,nosuid");
    assert_eq!(at("/HostConfig/Cgroups"), "default");
    assert_eq!(at("/HostConfig/UsernsMode"), "private");
    assert_eq!(at("/HostConfig/Ulimits/0/Hard"), -1);
    assert_eq!(at("/HostConfig/LogConfig/Type"), "journald");
    assert_eq!(at("/HostConfig/ShmSize"), 65_536_000);
    assert_eq!(at("/Mounts/0/Type"), "volume");
    assert_eq!(at("/Mounts/0/RW"), true);
}

#[test]
fn an_inspected_container_tells_once_what_it_needs() {
    let request = CreateRequest::default();
    let mut facts = facts(&request);
    facts.needed = ["infra", "db", "infra"].map(|name| (name.to_owned(), format!("id-of-{name}"))).into();
    let told = container::text(&[facts], Some("{{.Dependencies}}")).map_err(|err| err.why);
    assert_eq!(told.as_deref(), Ok("[id-of-infra id-of-db]\n"));
}

#[test]
fn what_shares_a_network_shows_the_networks_and_ports_of_its_holder() {
    let request = CreateRequest {
        network: Some(NetworkMode::Container("holder".to_owned())),
        ..CreateRequest::default()
    };
    let holder = |network| container::NetworkHolder {
        id: "1d32b396b9e64867dc36".to_owned(),
        hostname: "holder".to_owned(),
        pid: 17,
        request: CreateRequest {
            publish: vec![port(None, 8099, 80, 1, Protocol::Tcp)],
            network: Some(network),
            ..CreateRequest::default()
        },
        network_mode: "none",
        exposed: vec!["90/tcp".to_owned()],
    };
    let told = |network, template: &str| {
        let facts = container::Facts { network_holder: Some(holder(network)), ..facts(&request) };
        container::text(&[facts], Some(template)).map_err(|err| err.why)
    };
    let named = NetworkMode::Named(Vec::new());
    let ports = "{{.NetworkSettings.SandboxKey}} {{.NetworkSettings.Ports}}";
    assert_eq!(told(named, ports).as_deref(), Ok("/proc/17/ns/net map[80/tcp:[{0.0.0.0 8099}]]\n"));
    let names = "{{range $name, $it := .NetworkSettings.Networks}}{{$name}}{{end}}";
    assert_eq!(told(NetworkMode::None, names).as_deref(), Ok("none\n"));
    assert_eq!(told(NetworkMode::Pasta(Vec::new()), names).as_deref(), Ok("\n"));
}

#[test]
fn an_inspected_container_fills_templates() {
    let request =
        CreateRequest { publish: vec![port(None, 8099, 80, 1, Protocol::Tcp)], ..CreateRequest::default() };
    let told = |template: &str| container::text(&[facts(&request)], Some(template)).map_err(|err| err.why);
    assert_eq!(
        told("{{.State.Status}} {{.State.Pid}} {{.NetworkSettings.Ports}} {{.HostConfig.NetworkMode}}")
            .as_deref(),
        Ok("running 3781 map[80/tcp:[{0.0.0.0 8099}]] pasta\n")
    );
    assert_eq!(told("{{.HostConfig.LogConfig}}").as_deref(), Ok("{journald map[]   0B}\n"));
    assert_eq!(
        told("{{.State.StartedAt.UTC}} {{.ID}}").as_deref(),
        Ok("2026-11-21 02:33:40.833988111 +0000 UTC 4d32b396b9e64867dc36\n")
    );
    assert_eq!(told("{{range .Mounts}}{{.Name}}:{{.Destination}}{{end}}").as_deref(), Ok("vol1:/data2\n"));
    assert_eq!(told("{{index .Config.Labels \"a\"}}{{index .Config.Labels \"z\"}}").as_deref(), Ok("b\n"));
    assert_eq!(told("{{json .Config.Cmd}} {{.Config.Entrypoint}}").as_deref(), Ok("[\"sh\"] []\n"));
    assert_eq!(told("{{.NoSuchField}}"), Err("there is no field `NoSuchField` here".to_owned()));
}

#[test]
fn an_inspected_image_leaves_out_what_is_empty_but_templates_may_ask() {
    let facts = image::Facts {
        id: "9325".to_owned(),
        names: vec!["localhost/busybox:latest".to_owned()],
        created: Some("2026-11-21T02:33:34.058729821Z".to_owned()),
        history: vec![image::HistoryEntry {
            created_by: OmitEmpty("ADD".to_owned()),
            ..image::HistoryEntry::default()
        }],
        ..image::Facts::default()
    };
    let facts = [facts];
    let read: serde_json::Value = serde_json::from_str(&image::text(&facts, None).unwrap()).unwrap();
    assert_eq!(read[0]["Config"], serde_json::json!({}));
    assert_eq!(read[0]["RootFS"]["Type"], "layers");
    assert_eq!(read[0]["History"][0], serde_json::json!({ "created_by": "ADD" }));
    let told =
        image::text(&facts, Some("{{.Id}} {{.Config.Cmd}} {{.Config.User}} {{.Created}} {{json .Config}}"));
    assert!(told.unwrap().starts_with("9325 []  2026-11-21 02:33:34.058729821 +0000 UTC {"));
}

#[test]
fn version_has_three_forms() {
    let ours = version::ours("pontoon", None);
    let text = version::text(&ours, None).unwrap();
    let expected = format!(
        "Client:        Pontoon Engine\nVersion:       {0}\nAPI Version:   {0}\n",
        env!("CARGO_PKG_VERSION")
    );
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!(
        version::text(&ours, Some("{{.Client.Version}}")).unwrap(),
        format!("{}\n", env!("CARGO_PKG_VERSION"))
    );
    let json = version::text(&ours, Some("json")).unwrap();
    assert!(json.starts_with("{\"Client\":{\"APIVersion\":"), "{json}");
}

#[test]
fn info_is_told_in_three_forms() {
    let info = info::Info {
        host: info::Host {
            arch: "amd64".to_owned(),
            buildah_version: String::new(),
            cgroup_manager: "systemd".to_owned(),
            cgroup_version: "v2".to_owned(),
            cgroup_controllers: vec!["memory".to_owned(), "pids".to_owned()],
            conmon: info::Program::default(),
            cpus: 2,
            cpu_utilization: info::CpuUtilization::read("cpu  100 0 50 850 0 0 0 0 0 0\ncpu0 1 2\n"),
            remote_socket: info::RemoteSocket::default(),
            database_backend: String::new(),
            free_locks: 1,
            network_backend: String::new(),
            network_backend_info: info::NetworkBackend::default(),
            distribution: info::Distribution {
                distribution: "debian".to_owned(),
                version: "13".to_owned(),
                ..Default::default()
            },
            event_logger: "journald".to_owned(),
            hostname: "vm".to_owned(),
            id_mappings: info::IdMappings {
                gidmap: vec![],
                uidmap: vec![
                    info::IdRange { container_id: 0, host_id: 1000, size: 1 },
                    info::IdRange { container_id: 1, host_id: 100_000, size: 65536 },
                ],
            },
            kernel: "6.18".to_owned(),
            log_driver: "journald".to_owned(),
            mem_free: 1,
            mem_total: 2,
            oci_runtime: info::Runtime { name: "pontoon".to_owned(), ..info::Runtime::default() },
            os: "linux".to_owned(),
            rootless_network_cmd: "pasta".to_owned(),
            service_is_remote: false,
            security: info::Security { rootless: true, ..info::Security::default() },
            slirp4netns: info::Helper::default(),
            pasta: info::Helper { executable: "/usr/bin/pasta".to_owned(), ..info::Helper::default() },
            swap_free: 0,
            swap_total: 0,
            uptime: "0h 24m 51.00s".to_owned(),
            variant: String::new(),
            linkmode: "static".to_owned(),
        },
        store: info::Store { graph_root: "/srv".to_owned(), ..info::Store::default() },
        registries: BTreeMap::new(),
        plugins: info::Plugins::default(),
        version: version::ours("pontoon", None),
    };
    let text = info::text(&info, None).unwrap();
    assert!(text.starts_with("host:\n  arch: amd64\n  buildahVersion: \"\"\n  cgroupManager: systemd\n  cgroupVersion: v2\n  cgroupControllers:\n  - memory\n  - pids\n"), "{text}");
    assert!(
        text.contains(
            "    uidmap:\n    - container_id: 0\n      host_id: 1000\n      size: 1\n    - container_id: 1\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("  uptime: \"0h 24m 51.00s\"\n") || text.contains("  uptime: 0h 24m 51.00s\n"),
        "{text}"
    );
    let read: serde_json::Value = serde_json::from_str(&info::text(&info, Some("json")).unwrap()).unwrap();
    assert_eq!(read["host"]["idMappings"]["uidmap"][1]["host_id"], 100_000);
    let told = |template: &str| info::text(&info, Some(template)).map_err(|err| err.why);
    let told_networks =
        "{{.Host.FreeLocks}} {{.Host.NetworkBackendInfo.DNS.Version}}{{.Host.DatabaseBackend}}.";
    assert_eq!(told(told_networks).as_deref(), Ok("1 .\n"));
    assert_eq!(
        told("{{.Host.Security.Rootless}} {{.Store.GraphRoot}} {{.Host.OCIRuntime.Name}}").as_deref(),
        Ok("true /srv pontoon\n")
    );
    assert_eq!(
        told("{{.Host.CgroupsVersion}} {{.Host.CPUs}} {{.Host.Pasta.Executable}}").as_deref(),
        Ok("v2 2 /usr/bin/pasta\n")
    );
    assert_eq!(
        told("{{.Host.RootlessNetworkCmd}} {{.Version.Version}} {{.Host.IDMappings.GIDMap}}").map(|_| ()),
        Ok(())
    );
    assert!(told("{{.Host.Nothing}}").is_err());
    assert_eq!(read["host"]["cpuUtilization"]["idlePercent"], 85.0);
    assert!(text.contains("  authorization: null\n"), "{text}");
}
