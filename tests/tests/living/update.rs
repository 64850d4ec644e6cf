//! A service that follows its image, whose next version never gets well.

use pontoon_tests::Uml;

/// The image's name leads to another version from now on.
fn publish(uml: &Uml, version: &str) {
    uml.alice(&format!(
        "pontoon run --name make --network none localhost/busybox true && \
         pontoon commit -q -c 'ENV VERSION={version}' -c 'CMD sleep 10000' make localhost/fresh:latest && pontoon rm make"
    ))
    .ok();
}

/// What became of it, in `auto-update`'s words.
fn updated(uml: &Uml) -> String {
    uml.alice("pontoon auto-update --format '{{.ContainerName}} {{.Updated}}'").ok().text().to_owned()
}

fn runs_what_is_well(uml: &Uml) {
    uml.alice("systemctl --user is-active fresh && pontoon exec fresh sh -c 'echo $VERSION'")
        .ok()
        .prints("active\nwell");
}

/// The update is undone by itself.
pub fn that_fails(uml: &Uml) {
    publish(uml, "well");
    uml.alice(
        "cat >~/.config/containers/systemd/fresh.container <<'END'
[Container]
Image=localhost/fresh:latest
ContainerName=fresh
Network=none
StopTimeout=0
AutoUpdate=local
HealthCmd=test $VERSION = well
HealthInterval=1s
HealthRetries=2
Notify=healthy

[Service]
TimeoutStartSec=300

[Install]
WantedBy=default.target
END
systemctl --user daemon-reload && systemctl --user start fresh",
    )
    .ok();
    assert_eq!(updated(uml), "fresh false");
    publish(uml, "ill");
    assert_eq!(updated(uml), "fresh rolled back");
    runs_what_is_well(uml);
}

/// It is not tried again, nor is it what a boot starts, though the image's name leads there.
pub fn is_remembered(uml: &Uml) {
    runs_what_is_well(uml);
    assert_eq!(updated(uml), "fresh false");
    runs_what_is_well(uml);
}
