//! Facts and what is found in them.

use std::path::PathBuf;
use std::time::Duration;

use pontoon_rootless::helper::Rights;
use pontoon_rootless::subid::Grant;

use super::*;

/// A host where all is well for alice, who asks.
fn sound() -> Facts {
    let grants =
        || Ok(Grants { own: vec![(100_000, 65_536)], shared: Vec::new(), free: Some((300_000, 65_536)) });
    let helper = |program| IdHelper {
        program,
        path: Some(PathBuf::from("/usr/bin").join(program)),
        rights: Rights::SetUserId,
    };
    let all = || ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"].map(str::to_owned).to_vec();
    Facts {
        subject: Subject { uid: 1000, name: Some("alice".to_owned()), asks: true },
        by_root: false,
        subuids: grants(),
        subgids: grants(),
        id_helpers: [helper("newuidmap"), helper("newgidmap")],
        sysctls: Sysctls {
            max_user_namespaces: Some(60_000),
            unprivileged_port_start: Some(80),
            ping_group_range: Some((0, 2_147_483_647)),
            ..Sysctls::default()
        },
        controllers: Some(all()),
        delegated: Some(all()),
        delegation: false,
        session: Session { no_runtime_dir: None, is_usual: true, no_bus: None, lingers: true },
        network: Network {
            pasta: Some("/usr/bin/pasta".into()),
            slirp4netns: None,
            tun: true,
            nft: Some("/usr/sbin/nft".into()),
            no_tables: None,
        },
        own: Some(Own {
            namespace: None,
            overlay: Overlay::Native,
            store: "/home/alice/.local/share/pontoon".into(),
            runtime: Runtime { path: "/run/user/1000/pontoon".into(), ..Runtime::default() },
        }),
        generators: Generators {
            ours: Some("/usr/lib/systemd/user-generators/pontoon-user-generator".into()),
            podmans: None,
        },
    }
}

fn own(facts: &mut Facts) -> &mut Own {
    facts.own.as_mut().unwrap()
}

#[test]
fn a_sound_host_is_good_in_all() {
    for finding in findings(&sound()) {
        assert_eq!((finding.level, &finding.mend), (Level::Good, &None), "{finding:?}");
    }
    let mut root = sound();
    root.subject = Subject { uid: 0, name: Some("root".to_owned()), asks: true };
    assert!(findings(&root).iter().all(|it| it.level == Level::Good), "{:?}", findings(&root));
}

/// A host that is sound but for one thing; what is found; words of it; how it is mended.
type Case = (fn(&mut Facts), Check, Level, &'static str, &'static str);

#[test]
fn what_is_amiss_is_told_with_what_mends_it() {
    let cases: &[Case] = &[
        (
            |it| it.subuids = Ok(Grants::default()),
            Check::SubordinateIds,
            Level::Broken,
            "/etc/subuid",
            "pontoon doctor --fix --user alice",
        ),
        (
            |it| it.subgids = Ok(Grants::default()),
            Check::SubordinateIds,
            Level::Broken,
            "/etc/subgid",
            "pontoon doctor --fix --user alice",
        ),
        (
            |it| it.subgids = Ok(Grants { own: vec![(1, 5)], free: Some((9, 3)), ..Grants::default() }),
            Check::SubordinateIds,
            Level::Limited,
            "5 group ids",
            "usermod --add-subgids 9-11 alice",
        ),
        (
            |it| it.subuids = Err("cannot read /etc/subuid: no".to_owned()),
            Check::SubordinateIds,
            Level::Broken,
            "cannot read",
            "",
        ),
        (
            |it| {
                let bob = Grant { owner: "bob".to_owned(), range: (165_535, 10) };
                it.subgids.as_mut().unwrap().shared = vec![((100_000, 65_536), bob)];
            },
            Check::IdOverlaps,
            Level::Broken,
            "165535-165544 of bob",
            "usermod --del-subgids 100000-165535 --add-subgids 300000-365535 alice",
        ),
        (|it| it.id_helpers[0].path = None, Check::IdHelpers, Level::Broken, "not installed", "uidmap"),
        (
            |it| it.id_helpers[1].rights = Rights::None,
            Check::IdHelpers,
            Level::Broken,
            "/usr/bin/newgidmap is neither",
            "chmod u+s /usr/bin/newgidmap",
        ),
        (
            |it| it.sysctls.max_user_namespaces = Some(0),
            Check::UserNamespaces,
            Level::Broken,
            "nobody",
            "user.max_user_namespaces=15000",
        ),
        (
            |it| it.sysctls.unprivileged_userns_clone = Some(0),
            Check::UserNamespaces,
            Level::Broken,
            "only root",
            "kernel.unprivileged_userns_clone=1",
        ),
        (
            |it| {
                it.sysctls.apparmor_restrict_unprivileged_userns = Some(1);
                own(it).namespace = Some("cannot make a user namespace: EACCES".to_owned());
            },
            Check::UserNamespaces,
            Level::Broken,
            "AppArmor",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            |it| {
                it.sysctls.apparmor_restrict_unprivileged_userns = Some(1);
                it.own = None;
            },
            Check::UserNamespaces,
            Level::Limited,
            "AppArmor",
            "",
        ),
        (
            |it| own(it).namespace = Some("cannot map".to_owned()),
            Check::UserNamespaces,
            Level::Broken,
            "cannot map",
            "",
        ),
        (
            |it| it.controllers = None,
            Check::Cgroups,
            Level::Broken,
            "no cgroup v2",
            "unified_cgroup_hierarchy",
        ),
        (
            |it| it.delegated = Some(vec!["memory".to_owned(), "pids".to_owned()]),
            Check::Cgroups,
            Level::Limited,
            "cpu, cpuset, io",
            "pontoon doctor --fix --user alice",
        ),
        (
            |it| {
                it.delegated = Some(vec!["memory".to_owned(), "pids".to_owned()]);
                it.delegation = true;
            },
            Check::Cgroups,
            Level::Limited,
            "starts next",
            "systemctl restart user@1000.service",
        ),
        (
            |it| it.controllers = Some(vec!["hugetlb".to_owned()]),
            Check::Cgroups,
            Level::Limited,
            "does not offer cpu, cpuset, io, memory, pids",
            "",
        ),
        (|it| it.delegated = None, Check::Cgroups, Level::Limited, "manager runs", ""),
        (
            |it| it.session.no_bus = Some("cannot reach".to_owned()),
            Check::Manager,
            Level::Broken,
            "cannot reach",
            "systemctl start user@1000.service",
        ),
        (
            |it| {
                let no_bus = Some("cannot reach".to_owned());
                it.session = Session { no_bus, is_usual: false, ..it.session.clone() };
            },
            Check::Manager,
            Level::Broken,
            "cannot reach",
            "export XDG_RUNTIME_DIR=/run/user/1000",
        ),
        (
            |it| {
                it.session = Session {
                    no_runtime_dir: Some("not there".to_owned()),
                    is_usual: false,
                    no_bus: None,
                    lingers: false,
                };
            },
            Check::Manager,
            Level::Broken,
            "not there",
            "pontoon doctor --fix --user alice",
        ),
        (|it| it.session.lingers = false, Check::Linger, Level::Limited, "last", "pontoon linger enable"),
        (
            |it| {
                it.session.lingers = false;
                it.subject.asks = false;
            },
            Check::Linger,
            Level::Limited,
            "alice",
            "pontoon linger enable alice",
        ),
        (|it| it.network.pasta = None, Check::Network, Level::Broken, "neither", "apt-get install passt"),
        (
            |it| {
                it.network.pasta = None;
                it.network.slirp4netns = Some("/usr/bin/slirp4netns".into());
            },
            Check::Network,
            Level::Limited,
            "slirp4netns",
            "apt-get install passt",
        ),
        (|it| it.network.tun = false, Check::Network, Level::Broken, "/dev/net/tun", "modprobe tun"),
        (|it| it.network.nft = None, Check::Network, Level::Limited, "nftables", "apt-get install nftables"),
        (
            |it| it.sysctls.unprivileged_port_start = Some(1024),
            Check::Ports,
            Level::Limited,
            "below 1024",
            "net.ipv4.ip_unprivileged_port_start=80",
        ),
        (
            |it| it.sysctls.ping_group_range = Some((1, 0)),
            Check::Ping,
            Level::Limited,
            "empty",
            "net.ipv4.ping_group_range=0 2147483647",
        ),
        (
            |it| own(it).overlay = Overlay::Fuse("/usr/bin/fuse-overlayfs".into()),
            Check::Overlay,
            Level::Limited,
            "/usr/bin/fuse-overlayfs",
            "",
        ),
        (
            |it| own(it).overlay = Overlay::None("the kernel refuses".to_owned()),
            Check::Overlay,
            Level::Broken,
            "refuses",
            "fuse-overlayfs",
        ),
        (
            |it| own(it).runtime.before_boot = Some(Duration::from_secs(77)),
            Check::RuntimeState,
            Level::Limited,
            "77 seconds before this boot",
            "pontoon doctor --fix",
        ),
        (
            |it| own(it).runtime.abandoned = vec!["web".to_owned()],
            Check::RuntimeState,
            Level::Limited,
            "web",
            "pontoon doctor --fix",
        ),
        (|it| it.generators.ours = None, Check::Generator, Level::Broken, "no generator", "make install"),
        (
            |it| it.generators.podmans = Some(Neighbour { path: "/usr/p".into(), at_work: true }),
            Check::Generator,
            Level::Limited,
            "/usr/p",
            "pontoon quadlet adopt",
        ),
    ];
    for (number, (change, check, level, words, command)) in cases.iter().enumerate() {
        let mut facts = sound();
        change(&mut facts);
        let all = findings(&facts);
        let found = all.iter().find(|it| it.check == *check).unwrap();
        assert_eq!(found.level, *level, "case {number}: {found:?}");
        assert!(found.says.contains(words), "case {number}: {found:?}");
        let mend = found.mend.as_ref().map_or("", |it| &it.command);
        assert!(mend.contains(command) && mend.is_empty() == command.is_empty(), "case {number}: {found:?}");
        // Nothing else is said to be worse for it, but for what follows from it.
        let others = all.iter().filter(|it| it.check != *check && it.level == Level::Broken);
        assert_eq!(others.count(), 0, "case {number}: {all:?}");
    }
}

#[test]
fn a_podman_generator_that_is_off_is_no_matter() {
    let mut facts = sound();
    facts.generators.podmans = Some(Neighbour { path: "/etc/p".into(), at_work: false });
    let found = findings(&facts).into_iter().find(|it| it.check == Check::Generator).unwrap();
    assert_eq!(found.level, Level::Good);
    assert!(found.says.contains("/etc/p"), "{found:?}");
}

#[test]
fn what_only_root_may_do_is_told_as_that() {
    let mut facts = sound();
    facts.subuids = Ok(Grants::default());
    facts.session.lingers = false;
    let mends: Vec<_> = findings(&facts).into_iter().filter_map(|it| it.mend).collect();
    let ids = Deed::AllotIds { name: "alice".to_owned(), uid: 1000 };
    assert_eq!((mends[0].by, mends[0].deed.as_ref()), (Actor::Root, Some(&ids)));
    assert_eq!((mends[1].by, mends[1].deed.as_ref()), (Actor::User, Some(&Deed::EnableLinger { uid: 1000 })));
}

#[test]
fn root_needs_a_kernel_that_takes_tables() {
    let mut facts = sound();
    facts.subject = Subject { uid: 0, name: Some("root".to_owned()), asks: true };
    let of_network =
        |facts: &Facts| findings(facts).into_iter().find(|it| it.check == Check::Network).unwrap();
    assert_eq!(of_network(&facts).level, Level::Good);
    facts.network.no_tables = Some("Error: Could not process rule: Not supported".to_owned());
    let found = of_network(&facts);
    assert_eq!((found.level, found.mend.unwrap().command.as_str()), (Level::Broken, "modprobe nf_tables"));
    assert!(
        found.says.contains("CONFIG_NF_TABLES_INET") && found.says.contains("Not supported"),
        "{}",
        found.says
    );
    facts.network.nft = None;
    assert!(of_network(&facts).says.contains("nft is not installed"));
}
