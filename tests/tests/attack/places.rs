//! Places: links of an image in the way of what is mounted, masked, made or entered.

use pontoon_tests::tar::Tar;

use crate::canary::Canary;

/// 2: CVE-2024-21626.
#[test]
fn no_working_directory_leads_outside() {
    let canary = Canary::new("cwd");
    let link = Tar::new().symlink("link", "/proc/self/fd/7").symlink("cwd", "/proc/self/cwd").done();
    let reference = canary.image("cwd", &[link], "");
    canary.pontoon(&format!("pull -q {reference}")).ok();
    canary.pontoon(&format!("run -d --replace --name cwd --stop-timeout 0 {reference} sh -c 'while :; do busybox sleep 1; done'")).ok();
    let paths = (3..40)
        .map(|fd| format!("/proc/self/fd/{fd}"))
        .chain(["/link".to_owned(), "/proc/1/cwd/../../..".to_owned()]);
    for path in paths {
        for words in [format!("run --rm -w {path} {reference}"), format!("exec -w {path} cwd")] {
            let output = canary.pontoon(&format!("{words} sh -c 'pwd -P; ls -a . | busybox tr \"\\n\" \" \"; test -e ./etc/subuid && echo HOST'"));
            assert!(
                !output.stdout.contains("HOST") && !output.stdout.contains("(unreachable)"),
                "{path}: {output:?}"
            );
        }
    }
    canary.pontoon("rm -f -t 0 cwd").ok();
    canary.unharmed();
}

/// 8, 12, 17: /proc, /sys and /dev of the image are links to elsewhere.
#[test]
fn special_directories_that_are_links_lead_nowhere() {
    let canary = Canary::new("links");
    for (number, (name, target)) in [
        ("proc", "/srv/canary/links"),
        ("proc", "../../../../../../srv/canary/links"),
        ("sys", "/srv/canary/links"),
        ("sys", "../../../srv/canary/links"),
        ("dev", "/srv/canary/links"),
        ("dev", "../../../../../../srv/canary/links"),
        ("etc", "/srv/canary/links"),
        ("run", "/srv/canary/links"),
        ("tmp", "/srv/canary/links"),
        ("var", "/srv/canary/links"),
    ]
    .into_iter()
    .enumerate()
    {
        // The same path exists inside as well, so that a link that is followed inside the root has a target there.
        for inside in [false, true] {
            let mut tar = Tar::new().symlink(name, target);
            if inside {
                tar = tar.dir("srv", 0o755).dir("srv/canary", 0o755).dir("srv/canary/links", 0o777);
            }
            let reference = canary.image(&format!("links{number}{inside}"), &[tar.done()], "");
            for options in ["", "--read-only", "-t"] {
                let output = canary.pontoon(&format!(
                    "run --rm {options} {reference} sh -c 'stat -f -c %t /proc; stat -c %t:%T /dev/null; cat /proc/keys; echo alive'"
                ));
                // Either refused, or with the real thing in its place.
                if output.code == 0 {
                    output.says("9fa0").says("1:3").says("alive");
                }
            }
            let _ = canary.pontoon(&format!("rmi -f {reference}"));
        }
    }
    canary.unharmed();
}

/// 8: a volume over /proc.
#[test]
fn nothing_is_mounted_over_proc_by_an_image() {
    let canary = Canary::new("volume");
    for place in ["/proc", "/sys", "/dev", "/proc/self", "/"] {
        let reference = canary.image("procvolume", &[], &format!("--config.volume {place}"));
        let output = canary.pontoon(&format!("run --rm --pull=always {reference} stat -f -c %t /proc"));
        if output.code == 0 {
            output.says("9fa0");
        }
    }
    canary.pontoon("run --rm -v /srv/canary/volume:/proc $B true").refused();
    canary.unharmed();
}

/// 9: CVE-2025-31133.
#[test]
fn a_false_null_device_masks_nothing() {
    let canary = Canary::new("null");
    for (name, layer) in [
        ("nullfile", Tar::new().dir("dev", 0o755).file("dev/null", 0o666, b"FALSE")),
        ("nulllink", Tar::new().dir("dev", 0o755).symlink("dev/null", "/srv/canary/null/file")),
        ("nullproc", Tar::new().dir("dev", 0o755).symlink("dev/null", "/proc/sys/kernel/core_pattern")),
    ] {
        let reference = canary.image(name, &[layer.done()], "");
        canary
            .pontoon(&format!("run --rm {reference} sh -c 'stat -c %t:%T /dev/null; stat -c %t:%T /proc/keys; cat /proc/keys /proc/timer_list'"))
            .ok()
            .prints("1:3\n1:3");
    }
    canary.unharmed();
}

/// 10: CVE-2025-52565.
#[test]
fn the_console_of_a_terminal_is_the_terminal() {
    let canary = Canary::new("console");
    for (name, layer) in [
        ("consolelink", Tar::new().dir("dev", 0o755).symlink("dev/console", "/srv/canary/console/file")),
        ("ptslink", Tar::new().dir("dev", 0o755).symlink("dev/pts", "/srv/canary/console")),
        ("ptmxlink", Tar::new().dir("dev", 0o755).symlink("dev/ptmx", "/srv/canary/console/file")),
    ] {
        let reference = canary.image(name, &[layer.done()], "");
        canary
            .host
            .alice(&format!("script -qec \"pontoon run --rm -it {reference} sh -c 'test -c /dev/console && test -c /dev/pts/0 && echo fine >/dev/console'\" /dev/null"))
            .ok()
            .says("fine");
    }
    canary.unharmed();
}

/// 14: what is masked elsewhere is masked here.
#[test]
fn sensitive_files_of_the_kernel_are_masked() {
    let canary = Canary::new("masks");
    let script = "for path in /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug \
         /proc/acpi /proc/scsi /proc/asound /proc/interrupts /sys/firmware /sys/devices/virtual/powercap \
         /sys/fs/selinux /sys/devices/system/cpu/cpu0/thermal_throttle; do \
         if [ -d $path ]; then ls -A $path; else busybox head -c 10 $path 2>/dev/null; fi; done; true";
    let seen = canary.pontoon(&format!("run --rm $B sh -c '{script}'")).ok();
    assert_eq!(seen.text(), "", "{seen:?}");
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/proc/irq/0/smp_affinity",
        "/sys/power/state",
    ] {
        canary.pontoon(&format!("run --rm $B sh -c 'echo x >{path}'")).refused();
    }
    canary.unharmed();
}

/// 16: CVE-2021-30465.
#[test]
fn mount_targets_that_change_under_our_hands_stay_inside() {
    let canary = Canary::new("race");
    canary.pontoon("run --rm -v race:/race $B sh -c 'mkdir -p /race/dir; ln -sfn / /race/link; ln -sfn /../../../srv/canary/race /race/out'").ok();
    for link in ["link", "out"] {
        canary
            .pontoon(&format!(
                "run -d --replace --name swapper --stop-timeout 0 -v race:/race -v /srv/payload:/payload:ro $B /payload swap /race/dir /race/{link}"
            ))
            .ok();
        for _ in 0..40 {
            let output = canary.pontoon("run --rm -v race:/race --tmpfs /race/dir/sub $B sh -c 'grep /sub /proc/self/mountinfo; ls -d /etc/subuid 2>/dev/null'");
            assert!(!output.stdout.contains("/etc/subuid"), "{output:?}");
        }
        canary.pontoon("rm -f -t 0 swapper").ok();
    }
    canary.pontoon("volume rm -f race").ok();
    canary.unharmed();
}

/// 18: a working directory below a link.
#[test]
fn a_working_directory_below_a_link_is_made_inside() {
    let canary = Canary::new("workdir");
    let reference = canary.image(
        "workdir",
        &[Tar::new()
            .symlink("a", "/srv/canary/workdir")
            .symlink("b", "../../../../../srv/canary/workdir")
            .done()],
        "",
    );
    for dir in ["/a/made", "/b/made", "/a/sub/../../../x"] {
        let image = canary.image(
            "workdirset",
            &[Tar::new()
                .symlink("a", "/srv/canary/workdir")
                .symlink("b", "../../../srv/canary/workdir")
                .done()],
            &format!("--config.workingdir {dir}"),
        );
        let _ = canary.pontoon(&format!("run --rm --pull=always {image} pwd"));
        let _ = canary.pontoon(&format!("run --rm -w {dir} {reference} pwd"));
    }
    let _ = canary.pontoon(&format!("run --rm -v wv:/a/vol --tmpfs /b/tmp -v /tmp:/a/bind {reference} true"));
    let _ = canary.pontoon("volume rm -f wv");
    canary.unharmed();
}

/// 4, 18: descriptors that a process still has while it is set up lead to the host.
#[test]
fn a_working_directory_of_an_image_is_not_made_through_descriptors() {
    let canary = Canary::new("workdir-fd");
    let up = "../".repeat(12);
    for number in 3..20 {
        let path = format!("/proc/self/fd/{number}/{up}{}/fd{number}", canary.dir);
        let reference = canary.image("workdir-fd", &[], &format!("--config.workingdir {path}"));
        let _ = canary.pontoon(&format!("run --rm --pull always -q --network none {reference} id"));
    }
    canary.unharmed();
}

/// 8: a link of the image that leads into /proc.
#[test]
fn nothing_is_mounted_over_proc_by_way_of_a_link() {
    let canary = Canary::new("overproc");
    let reference =
        canary.image("overproc", &[Tar::new().symlink("p", "/proc").symlink("q", "/proc/self").done()], "");
    for target in ["/p", "/q", "/p/self/attr"] {
        for option in [
            format!("-v {}:{target}", canary.dir),
            format!("--tmpfs {target}"),
            format!("-v overproc:{target}"),
        ] {
            let refused =
                canary.pontoon(&format!("run --rm --network none {option} {reference} true")).fails(125);
            assert!(refused.stderr.contains("/proc"), "{option}: {}", refused.stderr);
        }
    }
    canary.pontoon("volume rm overproc").ok();
    canary.unharmed();
}

/// 47: device nodes of an image, and nodes made inside, are none, as root either, but for those that every container has.
#[test]
fn device_nodes_of_an_image_are_no_devices() {
    let canary = Canary::new("nodes");
    let host = canary.host;
    host.root("mkdir -p /srv/nodes/bin && cp /usr/bin/busybox /srv/nodes/bin/ && ln -sf busybox /srv/nodes/bin/sh && \
               mknod /srv/nodes/fuse c 10 229 && mknod /srv/nodes/zero c 1 5; tar c -C /srv/nodes . | pontoon import -q - localhost/nodes").ok();
    let run = |options: &str, script: &str| {
        host.root(&format!("pontoon run --rm --network none {options} localhost/nodes sh -c '{script}'"))
    };
    run("", "exec 3</fuse").fails(1);
    run("--cap-add mknod", "busybox mknod /f c 10 229 && exec 3</f").fails(1);
    run("--cap-add mknod", "busybox mknod /dev/f c 10 229 && exec 3</dev/f").fails(1);
    run("", "busybox head -c 1 /zero; busybox head -c 1 /dev/zero").ok();
    // Where the kernel is asked no rules, none at all are.
    run("--cgroups disabled", "busybox head -c 1 /zero").fails(1);
    run("--privileged", "exec 3</fuse").ok();
    host.root("pontoon rmi localhost/nodes; rm -r /srv/nodes").ok();
    canary.unharmed();
}
