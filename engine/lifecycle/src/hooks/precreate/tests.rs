use pontoon_runtime::devices::DeviceRule;
use pontoon_runtime::hooks::Stage;
use pontoon_runtime::plan::{MountSource, Plan};
use serde_json::json;

use super::*;

fn plan() -> Plan {
    let capabilities =
        json!({"bounding": 33, "effective": 33, "permitted": 33, "inheritable": 0, "ambient": 0});
    let none = json!({"bounding": 33, "effective": 0, "permitted": 0, "inheritable": 0, "ambient": 0});
    serde_json::from_value(json!({
        "rootfs": {"source": {"directory": {"path": "/r", "ids": null, "userxattr": true}}, "mount_point": "/m", "read_only": false},
        "namespaces": {"user": {"uids": [{"container": 0, "host": 1000, "size": 1}], "gids": [{"container": 0, "host": 1000, "size": 1}]},
            "network": true, "loopback_up": true, "cgroup": true},
        "hostname": "h",
        "mounts": [
            {"target": "/proc", "source": "proc", "nosuid": true},
            {"target": "/t", "source": {"tmpfs": {"options": [["size", "1m"]], "copy_up": true}}},
            {"target": "/b", "source": {"bind": {"path": "/srv", "recursive": true, "first_copy": null}}, "read_only": true}
        ],
        "masked_paths": ["/proc/keys"],
        "readonly_paths": ["/proc/sys"],
        "sysctls": [],
        "process": {"args": ["sh"], "env": ["A=1"], "cwd": "/", "create_cwd": false, "user": "dave", "groups": ["7"], "entry": null,
            "root_capabilities": capabilities, "user_capabilities": none, "no_new_privileges": false,
            "rlimits": [{"resource": 7, "soft": 10, "hard": null}], "umask": 18, "oom_score_adj": null, "terminal": false, "init": false}
    }))
    .unwrap()
}

/// The plan after a change of its configuration.
fn changed(change: impl FnOnce(&mut Value)) -> Result<(Plan, Option<Vec<DeviceRule>>), String> {
    let (mut plan, mut rules) = (plan(), Some(Vec::new()));
    let before = config::of(&plan);
    let mut after = before.clone();
    change(&mut after);
    apply::changes(&mut plan, &mut rules, before, after).map_err(|err| err.to_string())?;
    Ok((plan, rules))
}

#[test]
fn the_configuration_is_that_of_the_specification() {
    let config = config::of(&plan());
    assert_eq!(
        config["process"]["user"],
        json!({"uid": null, "gid": null, "username": "dave", "umask": 18, "additionalGids": [7]})
    );
    assert_eq!(config["process"]["capabilities"]["bounding"], json!(["CAP_CHOWN", "CAP_KILL"]));
    assert_eq!(
        config["process"]["rlimits"],
        json!([{"type": "RLIMIT_NOFILE", "soft": 10, "hard": u64::MAX}])
    );
    assert_eq!(config["root"], json!({"path": "/m", "readonly": false}));
    let bind = json!({"destination": "/b", "type": "bind", "source": "/srv", "options": ["rbind", "ro", "rprivate"]});
    assert_eq!(config["mounts"][2], bind);
    assert_eq!(config["linux"]["uidMappings"], json!([{"containerID": 0, "hostID": 1000, "size": 1}]));
    let kinds: Vec<_> = config["linux"]["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["mount", "user", "network", "pid", "ipc", "uts", "cgroup"]);
}

#[test]
fn a_configuration_written_again_changes_nothing() {
    // As programs do it that leave out what is empty, or say it.
    let sparse = |config: &mut Value| {
        let process = config["process"].as_object_mut().unwrap();
        process.retain(|_, it| !it.is_null());
        config["hooks"] = Value::Null;
        config["linux"]["devices"] = json!([]);
        config["linux"]["resources"] = json!({});
    };
    let (same, rules) = changed(sparse).unwrap();
    assert_eq!((same, rules), (plan(), Some(Vec::new())));
}

#[test]
fn changes_are_taken_over() {
    let edit = |config: &mut Value| {
        config["process"]["args"] = json!(["ls", "-l"]);
        config["process"]["env"] = json!(["B=2"]);
        config["process"]["user"]["uid"] = json!(33);
        config["process"]["rlimits"] = json!([{"type": "RLIMIT_CORE", "hard": 1}]);
        config["process"]["capabilities"]["bounding"] = json!(["CAP_CHOWN"]);
        config["hostname"] = json!("other");
        config["annotations"] = json!({"a": "b"});
        config["root"]["readonly"] = json!(true);
        config["linux"]["sysctl"] = json!({"net.x": "1"});
        config["hooks"] = json!({"poststop": [{"path": "/bin/true"}]});
        config["linux"]["devices"] =
            json!([{"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 438}]);
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.remove(1);
        mounts
            .push(json!({"destination": "/n", "type": "bind", "source": "/opt", "options": ["bind", "ro"]}));
    };
    let (new, rules) = changed(edit).unwrap();
    let process = &new.process;
    assert_eq!(
        (&process.args[..], &process.env[..], process.user.as_str()),
        (&["ls".to_owned(), "-l".to_owned()][..], &["B=2".to_owned()][..], "33")
    );
    assert_eq!(
        (process.rlimits[0].resource, process.rlimits[0].soft, process.rlimits[0].hard),
        (4, Some(0), Some(1))
    );
    assert_eq!((process.user_capabilities.bounding, process.root_capabilities.bounding), (1, 1));
    assert_eq!((new.hostname.as_deref(), new.rootfs.read_only), (Some("other"), true));
    assert_eq!(new.hooks.annotations.get("a").map(String::as_str), Some("b"));
    assert_eq!(new.hooks.all.iter().map(|it| it.stage).collect::<Vec<_>>(), [Stage::Poststop]);
    assert_eq!(new.sysctls, [("net.x".to_owned(), "1".to_owned())]);
    let targets: Vec<_> = new.mounts.iter().map(|it| it.target.as_str()).collect();
    assert_eq!(targets, ["/proc", "/b", "/n", "/dev/null"]);
    assert!(
        new.mounts[2].read_only
            && matches!(&new.mounts[2].source, MountSource::Bind { recursive: false, .. })
    );
    assert_eq!(rules.unwrap().len(), 1);
}

#[test]
fn what_cannot_be_followed_is_named() {
    let set = |pointer: &'static str, value: Value| {
        move |config: &mut Value| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = if parent.is_empty() { config } else { config.pointer_mut(parent).unwrap() };
            parent[name] = value;
        }
    };
    for (pointer, value, field) in [
        ("/linux/seccomp", json!({"defaultAction": "SCMP_ACT_ERRNO"}), "`linux.seccomp.defaultAction`"),
        ("/linux/namespaces", json!([]), "`linux.namespaces`"),
        ("/process/terminal", json!(true), "`process.terminal`"),
        ("/root/path", json!("/else"), "`root.path`"),
        ("/vm", json!({"kernel": 1}), "`vm.kernel`"),
        ("/process/args", json!([]), "`process.args`"),
        ("/process/env", json!({"A": 1}), "`process.env`"),
        ("/mounts", json!([{"destination": "/x", "type": "nfs", "source": "a:/b"}]), "`mounts[0].type`"),
        (
            "/mounts",
            json!([{"destination": "/x", "type": "tmpfs", "options": ["odd"]}]),
            "`mounts[0].options`",
        ),
        (
            "/mounts",
            json!([{"destination": "/proc", "type": "bind", "source": "/x"}]),
            "`mounts[0].destination`",
        ),
        (
            "/linux/devices",
            json!([{"path": "/dev/null", "type": "c", "major": 1, "minor": 5}]),
            "`linux.devices`",
        ),
    ] {
        let err = changed(set(pointer, value)).unwrap_err();
        assert!(err.contains(field), "{pointer}: {err}");
    }
}
