//! What commands tell programs, field by field beside Podman's: each difference has a reason, each reason a difference.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

#[path = "options/compare.rs"]
mod compare;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use compare::{Difference, compare, differs, ours_is};
use pontoon_tests::B;
use pontoon_tests::shared::{alone, host_with_podman};
use serde_json::Value;

/// An output, and what differs in it.
struct Told {
    /// The words after the engine's name; a `format` of lines gives an object in each line.
    words: &'static str,
    differences: &'static [Difference],
}

const MOMENT: &str = "a moment";
const ID: &str = "an id is drawn";
const STORE: &str = "each engine has its store in a place and a shape of its own";
const SIZE: &str = "Podman counts the archive of a layer; ours the files in it";
const OWN_FILES: &str = "Podman counts files that it puts into the container itself";

const TAGS: &str = "Podman leaves it null here; a list harms nobody and helps Docker's users";
const NO_LOCKS: &str = "locks of ours are files without numbers";
const NO_SERVICE: &str = "there is no service";
const NO_NETAVARK: &str = "ours sets networks up by itself";
const OWN_NAME: &str = "ours is its own runtime and monitor";
const VERSION: &str = "each engine has a version of its own";
const SLICES: &str = "a user's containers are in app.slice, as systemd has it; Podman's in user.slice";
const MEASURED: &str = "a measurement";

const PS: &[Difference] = &[
    differs("*.Id", ID),
    differs("*.CreatedAt", MOMENT),
    differs("*.Created", MOMENT),
    differs("*.StartedAt", MOMENT),
    differs("*.ExitedAt", MOMENT),
    differs("*.Pid", MEASURED),
    differs("*.Status", MOMENT),
];

const TABLE: &[Told] = &[
    Told { words: "ps -a --sort names --format json", differences: PS },
    Told {
        words: "ps -a --sort names --ns --format json",
        differences: &[
            differs("*.Id", ID),
            differs("*.CreatedAt", MOMENT),
            differs("*.Created", MOMENT),
            differs("*.StartedAt", MOMENT),
            differs("*.ExitedAt", MOMENT),
            differs("*.Pid", MEASURED),
            differs("*.Status", MOMENT),
            differs("*.Namespaces.*", MEASURED),
        ],
    },
    Told {
        words: "ps -a --sort names --size --format json",
        differences: &[
            differs("*.Id", ID),
            differs("*.CreatedAt", MOMENT),
            differs("*.Created", MOMENT),
            differs("*.StartedAt", MOMENT),
            differs("*.ExitedAt", MOMENT),
            differs("*.Pid", MEASURED),
            differs("*.Status", MOMENT),
            differs("*.Size.rootFsSize", SIZE),
            differs("*.Size.rwSize", OWN_FILES),
        ],
    },
    Told { words: "ps -a --sort names --format '{{json .}}'", differences: PS },
    Told {
        words: "images --format json",
        differences: &[differs("*.RepoTags", TAGS), differs("*.Size", SIZE), differs("*.VirtualSize", SIZE)],
    },
    Told {
        words: "images --format '{{json .}}'",
        differences: &[
            differs("*.Size", SIZE),
            differs("*.VirtualSize", SIZE),
            differs("*.CreatedAt", "ours tells it as in the other form"),
        ],
    },
    Told {
        words: "image inspect localhost/second:v1",
        differences: &[
            differs("0.Size", SIZE),
            differs("0.VirtualSize", SIZE),
            differs("0.GraphDriver.Data.*", STORE),
        ],
    },
    Told {
        words: "history --format json localhost/second:v1",
        differences: &[
            differs("*.size", SIZE),
            differs("1.tags", "Podman tells the names of the image a step too far"),
        ],
    },
    Told {
        words: "volume ls --filter name=empty --format json",
        differences: &[differs("*.Mountpoint", STORE), differs("*.CreatedAt", MOMENT)],
    },
    Told {
        words: "volume ls --filter name=empty --format '{{json .}}'",
        differences: &[differs("*.Mountpoint", STORE), differs("*.CreatedAt", MOMENT)],
    },
    Told {
        words: "pod ps --format json",
        differences: &[differs("*.Id", ID), differs("*.Created", MOMENT), differs("*.Cgroup", SLICES)],
    },
    Told {
        words: "pod ps --format '{{json .}}'",
        differences: &[differs("*.Id", ID), differs("*.Created", MOMENT), differs("*.Cgroup", SLICES)],
    },
    Told {
        words: "pod inspect shop",
        differences: &[
            differs("*.Id", ID),
            differs("*.Created", MOMENT),
            differs("*.CreateCommand.0", "the engine's own name"),
            differs("*.CgroupParent", SLICES),
            differs("*.CgroupPath", SLICES),
            differs("*.LockNumber", NO_LOCKS),
        ],
    },
    Told {
        words: "volume inspect data",
        differences: &[
            differs("*.Mountpoint", STORE),
            differs("*.CreatedAt", MOMENT),
            differs("*.LockNumber", NO_LOCKS),
        ],
    },
    Told {
        words: "secret inspect --showsecret key",
        differences: &[
            differs("*.ID", ID),
            differs("*.CreatedAt", MOMENT),
            differs("*.UpdatedAt", MOMENT),
            differs("*.Spec.Driver.Options.path", STORE),
        ],
    },
    Told {
        words: "secret ls --format '{{json .}}'",
        differences: &[differs("*.ID", ID), differs("*.CreatedAt", MOMENT), differs("*.UpdatedAt", MOMENT)],
    },
    Told { words: "version --format json", differences: &[differs("Client.*", VERSION)] },
    Told {
        words: "info --format json",
        differences: &[
            ours_is("\"\"", "host.buildahVersion", "ours does not build yet"),
            differs("host.conmon.*", OWN_NAME),
            differs("host.ociRuntime.*", OWN_NAME),
            differs("host.cpuUtilization.*", MEASURED),
            differs("host.memFree", MEASURED),
            differs("host.uptime", MEASURED),
            ours_is("\"\"", "host.databaseBackend", "there is no database"),
            differs("host.freeLocks", NO_LOCKS),
            differs("host.security.deviceFilter", "Podman does not tell why devices cannot be filtered"),
            differs("host.networkBackend", NO_NETAVARK),
            differs("host.networkBackendInfo.*", NO_NETAVARK),
            differs("host.networkBackendInfo.dns.*", NO_NETAVARK),
            differs("host.remoteSocket.exists", NO_SERVICE),
            differs("host.remoteSocket.path", NO_SERVICE),
            differs("host.pasta.package", "ours names the package, Podman its version, too"),
            differs("host.slirp4netns.package", "ours names the package, Podman its version, too"),
            differs("host.slirp4netns.version", "ours does not run it to ask"),
            differs("store.configFile", "ours tells the file that was read; without one, none"),
            differs("store.graphRoot", STORE),
            differs("store.graphRootUsed", MEASURED),
            differs("store.runRoot", STORE),
            differs("store.volumePath", STORE),
            differs("store.graphStatus.Root file systems", "which way of mounting was chosen"),
            differs(
                "store.graphStatus.Supports shifting",
                "ours shifts ids by itself where the kernel does not",
            ),
            differs(
                "store.graphStatus.Supports volatile",
                "ours syncs once, and mounts the same way everywhere",
            ),
            differs("version.*", VERSION),
        ],
    },
    Told {
        words: "stats --no-stream --format json web 2>/dev/null",
        differences: &[
            differs("0.id", ID),
            differs("0.cpu_time", MEASURED),
            differs("0.cpu_percent", MEASURED),
            differs("0.avg_cpu", MEASURED),
            differs(
                "0.mem_usage",
                "Podman counts nothing where the controller is missing; ours asks the processes",
            ),
            differs(
                "0.mem_percent",
                "Podman counts nothing where the controller is missing; ours asks the processes",
            ),
            differs("0.net_io", MEASURED),
            differs(
                "0.pids",
                "Podman counts nothing where the controller is missing; ours asks the processes",
            ),
        ],
    },
    Told { words: "network inspect shop", differences: &[differs("0.id", ID), differs("0.created", MOMENT)] },
    Told {
        words: "network ls --format json --filter name=shop",
        differences: &[differs("0.id", ID), differs("0.created", MOMENT)],
    },
    Told { words: "diff --format json done", differences: &[] },
    Told { words: "image diff --format json localhost/second:v1", differences: &[] },
    Told {
        words: "events --stream=false --since 10m --format json --filter volume=empty",
        differences: &[differs("*.time", MOMENT), differs("*.timeNano", MOMENT)],
    },
    Told {
        words: "events --stream=false --since 10m --format '{{json .}}' --filter container=done --filter event=died",
        differences: &[differs("*.ID", ID), differs("*.time", MOMENT), differs("*.timeNano", MOMENT)],
    },
    Told {
        words: "inspect --size web",
        differences: &[
            differs("0.Id", ID),
            differs("0.Created", MOMENT),
            differs("0.State.Pid", MEASURED),
            differs("0.State.ConmonPid", MEASURED),
            differs("0.State.StartedAt", MOMENT),
            differs("0.State.CgroupPath", "scopes of ours have names of their own"),
            differs("0.ResolvConfPath", STORE),
            differs("0.HostnamePath", STORE),
            differs("0.HostsPath", STORE),
            differs("0.StaticDir", STORE),
            differs("0.GraphDriver.Data.*", STORE),
            differs("0.Mounts.0.Source", STORE),
            differs("0.SizeRootFs", SIZE),
            differs("0.SizeRw", OWN_FILES),
            differs("0.OCIConfigPath", "ours hands no configuration to another runtime"),
            differs("0.OCIRuntime", OWN_NAME),
            ours_is("\"\"", "0.ConmonPidFile", "ours writes none unless it is asked to"),
            ours_is("\"\"", "0.PidFile", "ours writes none unless it is asked to"),
            differs("0.NetworkSettings.SandboxKey", "ours gives no name to the network namespace"),
            differs("0.lockNumber", NO_LOCKS),
            differs("0.Config.Hostname", ID),
            differs("0.Config.Env", ID),
            ours_is("null", "0.Config.Annotations", "Podman keeps notes for itself in annotations"),
            ours_is("null", "0.HostConfig.Annotations", "Podman keeps notes for itself in annotations"),
            differs("0.Config.CreateCommand.0", "the engine's own name"),
            ours_is("\"\"", "0.HostConfig.CgroupParent", "ours has no slice for all containers"),
            differs("0.HostConfig.Ulimits", "Podman tells limits that nobody asked for"),
        ],
    },
];

/// Makes the same things with both engines, whose ports must differ; once for all tests.
fn furnish() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(make);
}

fn make() {
    let script = "set -e
        E network create --subnet 10.145.0.0/24 --ip-range 10.145.0.64/26 --route 10.146.0.0/16,10.145.0.2,7 --label a=b --dns 9.9.9.9 -o mtu=1400 -o isolate=true --interface-name shop0 shop
        E pull -q IMAGE; E tag IMAGE localhost/second:v1
        printf hidden | E secret create --label a=b key -
        E volume create --label a=b empty
        E run -d --name web --label a=b -p PORT:80 --expose 90 -v data:/data --stop-timeout 0 IMAGE sleep 10000
        E create --name cold IMAGE true
        E pod create --infra=false --label a=b --name shop
        E run --name done IMAGE sh -c 'echo hi >/x; exit 3' || test $? = 3
        # Podman calls it stopped until what comes after its end is done.
        until E inspect --format '{{.State.Status}}' done | grep -q exited; do sleep 0.1; done";
    for (engine, port) in [("pontoon", "18091"), ("podman", "18092")] {
        let script = script.replace("IMAGE", &format!("{B}:latest")).replace("E ", &format!("{engine} "));
        host_with_podman().alice(&script.replace("PORT", port)).ok();
    }
}

/// What an engine tells: a list of objects if there is one in each line. Ports of the engines' own are the same.
fn told(engine: &str, words: &str) -> Value {
    let output = host_with_podman().alice(&format!("{engine} {words}")).no_panic();
    let text = output.stdout.replace("18091", "PORT").replace("18092", "PORT").replace(": PORT", ": 1");
    let text = text.replace(":PORT", ":1");
    let told = if words.contains("{{json .}}") || words.starts_with("events") {
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map(Value::Array)
    } else {
        serde_json::from_str(&text)
    };
    told.unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn programs_find_podman_s_fields() {
    furnish();
    let mut faults = Vec::new();
    for Told { words, differences } in TABLE {
        let (ours, theirs) = (told("pontoon", words), told("podman", words));
        let mut seen = BTreeSet::new();
        for found in compare(
            &ours,
            &theirs,
            &[
                "*.EffectiveCaps",
                "*.BoundingCaps",
                "*.Mounts.*.Options",
                "*.Names",
                "*.NamesHistory",
                "*.History",
                "*.Config.Env",
            ],
        ) {
            match differences.iter().position(|it| it.covers(&found)) {
                Some(index) => drop(seen.insert(index)),
                None => faults.push(format!("`{words}`: {found}")),
            }
        }
        // What is measured or drawn may be the same by chance.
        let lasting = |it: &&Difference| {
            ![MOMENT, MEASURED].iter().any(|why| it.to_string().ends_with(&format!("({why})")))
        };
        let gone = differences.iter().enumerate().filter(|(index, _)| !seen.contains(index));
        faults.extend(
            gone.filter(|(_, it)| lasting(it))
                .map(|(_, it)| format!("`{words}`: no difference any more in {it}")),
        );
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Templates that both engines fill with the same words.
const TEMPLATES: &[&str] = &[
    "ps -a --sort names --format '{{.Names}}\\t{{.ImageID}}'",
    "ps -a --sort names --format 'table {{.Names}}\\t{{.ImageID}}'",
    "images --sort tag --format '{{.ID}}\\t{{.Tag}}'",
    "images --sort tag --format '{{.Id}}\\t{{.Tag}}'",
    "volume ls --format '{{.Name}}\\t{{.Driver}}' --filter name=empty",
    "network ls --format '{{.Name}}\\t{{.Driver}}' --filter name=shop",
    "secret ls --format '{{.Name}}\\t{{.Driver}}'",
    "pod ps --format '{{.Name}}\\t{{.Status}}'",
    "history --format '{{.ID}}\\t{{.CreatedBy}}' localhost/second:v1",
    "stats --no-stream --format '{{.Name}}\\t{{.Name}}' web 2>/dev/null",
    "inspect --format '{{.Name}}\\t{{.State.Status}}' web",
    "info --format '{{.Host.OS}}\\t{{.Host.Arch}}'",
    "version --format '{{.Client.Os}}\\t{{.Client.Os}}'",
    "inspect --format '{{.State.Health}} {{.State.Healthcheck}} {{.State.CheckpointLog}}|{{.State.Checkpointed}}' web",
    "inspect --format '{{range .Mounts}}{{.Name}}|{{.SubPath}}|{{end}}' web",
    "inspect --format '{{.Config.Timezone}}|{{.Config.SystemdMode}} {{.Config.Secrets}} {{.Config.ChrootDirs}}' web",
    "inspect --format '{{.Config.Volumes}} {{.Config.Entrypoint}} {{.Config.OnBuild}} {{.Config.SdNotifyMode}}' web",
    "inspect --format '{{json .Config.Volumes}} {{json .Config.Entrypoint}} {{json .Config.Secrets}}' web",
    "inspect --format '{{if eq .Config.SystemdMode false}}no{{end}} {{len .Config.Secrets}}' web",
    "inspect --format '{{.HostConfig.Links}} {{.HostConfig.VolumesFrom}} {{.HostConfig.BlkioWeightDevice}}' web",
    "inspect --format '{{.HostConfig.Init}} {{.HostConfig.IDMappings}} {{.SizeRootFs}} {{.SizeRw}}' web",
    "inspect --format '{{.NetworkSettings.SecondaryIPAddresses}} {{json .NetworkSettings.SecondaryIPAddresses}}' web",
    "image inspect --format '{{.HealthCheck}} {{.Config.Healthcheck}} {{.Config.Volumes}}' localhost/second:v1",
    "image inspect --format '{{json .Config}}' localhost/second:v1",
    "image inspect --format '{{range .History}}{{.Comment}}|{{.Author}}|{{.EmptyLayer}} {{end}}' localhost/second:v1",
    "pod inspect --format '{{.Namespace}}|{{.VolumesFrom}} {{.InfraConfig}} {{.CPUPeriod}}' shop",
    "secret inspect --format '{{.SecretData}}|{{.Spec.Labels}}' key",
    "stats --no-stream --format '{{.Name}} {{len .ContainerID}} {{.PerCPU}} {{.MemLimit}}' web 2>/dev/null",
    "stats --no-stream --format '{{json .Network}} {{.ContainerStats.Name}} {{.ContainerStats.PIDs}}' cold 2>/dev/null",
    "pod inspect --format '{{json .Devices}} {{json .SecurityOpts}}' shop",
    "stats --no-stream --format '{{.PIDs}} {{.CPU}} {{.CPUNano}} {{.SystemNano}} {{.BlockInput}} {{.BlockOutput}}' cold",
    "stats --no-stream --format '{{.Duration}} {{.Up}} {{.UpTime}} {{.AVGCPU}} {{.AvgCPU}} {{.MemUsageBytes}}' cold",
    "ps -a --filter name=web --format '{{.Cgroup}}|{{.User}}|{{.Created.IsZero}} {{.Created.Year}} {{.Namespaces.MNT}}'",
    "ps --last 2 --format '{{.Names}}'",
    "ps --last 2 --sort names --format '{{.Names}}'",
    "pod ps --format '{{.Restarts}} {{len .Containers}}'",
    "images --format '{{.Arch}}|{{.Os}}|{{.IsManifestList}}'",
    "network inspect --format '{{json .Subnets}} {{json .Routes}} {{json .NetworkDNSServers}} {{json .Labels}}' shop",
    "network inspect --format '{{range .Subnets}}{{.Gateway}} {{.LeaseRange.StartIP}}{{end}} {{.DNSEnabled}}' shop",
    "info --format '{{.Plugins.Authorization}} {{json .Host.Security.Rootless}}'",
];

#[test]
fn templates_see_podman_s_fields() {
    furnish();
    let mut faults = Vec::new();
    for words in TEMPLATES {
        let [ours, theirs] = ["pontoon", "podman"]
            .map(|engine| host_with_podman().alice(&format!("{engine} {words}")).ok().stdout);
        if ours != theirs {
            faults.push(format!("`{words}`\nours:   {ours:?}\nPodman: {theirs:?}"));
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_container_is_told_with_its_pod_and_its_names_and_its_ports_in_order() {
    let _alone = alone();
    furnish();
    let host = host_with_podman();
    let both = |words: &str| {
        ["pontoon", "podman"]
            .map(|engine| host.alice(&words.replace("E ", &format!("{engine} "))).ok().stdout)
    };
    both(&format!(
        "E pod create --infra=false --name fleet && E create --pod fleet --name ship {B}:latest true \
         && E network create sea && E create --name boat --hostname tug --network sea:alias=www {B}:latest true"
    ));
    let [ours, theirs] = both("E ps -a --filter name=ship --format '{{.Names}} {{.PodName}}'");
    assert_eq!((ours.as_str(), theirs.as_str()), ("ship fleet\n", "ship fleet\n"));
    let names = "E inspect --format '{{with .NetworkSettings.Networks.sea.Aliases}}{{index . 0}} {{index . 2}}{{end}}' boat";
    let [ours, theirs] = both(names);
    assert_eq!((ours.as_str(), theirs.as_str()), ("www tug\n", "www tug\n"));

    // Podman's order is another each time; ours is its most frequent one.
    let ports = "-p 18095:81/udp -p 127.0.0.1:18096:80 -p 18094:80";
    host.alice(&format!("pontoon create --name pier {ports} {B}:latest true")).ok();
    assert_eq!(
        host.alice("pontoon ps -a --filter name=pier --format '{{.Ports}}'").ok().stdout,
        "0.0.0.0:18094->80/tcp, 0.0.0.0:18095->81/udp, 127.0.0.1:18096->80/tcp\n"
    );
    assert_eq!(
        host.alice("pontoon port pier").ok().stdout,
        "80/tcp -> 0.0.0.0:18094\n81/udp -> 0.0.0.0:18095\n80/tcp -> 127.0.0.1:18096\n"
    );
    host.alice("pontoon rm pier").ok();
    both("E rm ship boat && E pod rm fleet && E network rm sea");
}

#[test]
fn info_has_all_of_podman_s_fields() {
    let host = host_with_podman();
    for words in [
        "--format '{{.Host.BuildahVersion}}{{.Host.DatabaseBackend}}{{.Host.FreeLocks}}'",
        "--format '{{.Host.NetworkBackendInfo.Path}}{{.Host.NetworkBackendInfo.DNS.Path}}'",
        "-D",
        "--debug --format json",
    ] {
        for engine in ["pontoon", "podman"] {
            assert!(
                !host.alice(&format!("{engine} info {words}")).ok().text().is_empty(),
                "{engine} {words}"
            );
        }
    }
}

#[test]
fn people_find_podman_s_columns() {
    let host = host_with_podman();
    let both = |words: &str| {
        ["pontoon", "podman"].map(|engine| host.alice(&format!("{engine} {words}")).ok().stdout)
    };
    for words in [
        "ps --filter name=nothing",
        "ps --ns --filter name=nothing",
        "ps --pod --filter name=nothing",
        "ps --pod --size --filter name=nothing",
        "ps --external --all --filter name=nothing",
        "images --filter reference=nothing",
        "images --history --digests --filter reference=nothing",
        "volume ls --filter name=nothing --format 'table {{.Name}} {{.MountCount}} {{.Anonymous}}'",
        "secret ls --filter name=nothing",
        "pod ps --filter name=nothing",
        "pod ps --ns --filter name=nothing",
        "pod ps --ctr-ids --ctr-names --ctr-status --ns --filter name=nothing",
    ] {
        let [ours, theirs] = both(words);
        assert_eq!(ours, theirs, "{words}");
    }
}
