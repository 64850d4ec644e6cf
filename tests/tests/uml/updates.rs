//! A power cut in the middle of an update of a service.

use std::time::Duration;

use pontoon_tests::{Uml, wait};

use super::B;

/// A service whose image has another version, of whose health nothing is known yet when the power goes.
pub fn before_the_cut(uml: &Uml) {
    let version = |name: &str| {
        uml.alice(&format!(
            "pontoon run --name make --network none {B} true && \
             pontoon commit -q -c 'ENV VERSION={name}' -c 'CMD sleep 10000' make localhost/fresh:latest && pontoon rm make"
        ))
        .ok();
    };
    version("one");
    uml.alice(
        "mkdir -p ~/.config/containers/systemd && cat >~/.config/containers/systemd/fresh.container <<'END'
[Container]
Image=localhost/fresh:latest
ContainerName=fresh
Network=none
StopTimeout=0
AutoUpdate=local
HealthCmd=test $VERSION != slow
HealthInterval=1s
HealthStartPeriod=1h

[Service]
TimeoutStartSec=300

[Install]
WantedBy=default.target
END
systemctl --user daemon-reload && systemctl --user start fresh && pontoon auto-update",
    )
    .ok()
    .says("false");
    version("slow");
    uml.alice("systemd-run --user --quiet --unit update pontoon auto-update").ok();
    wait::until_within("the new version to run", Duration::from_secs(240), || {
        let now = uml.alice("pontoon exec fresh sh -c 'echo $VERSION'");
        if now.text() == "slow" { Ok(()) } else { Err(format!("{now:?}")) }
    });
    uml.alice("pontoon history fresh.service --format '{{.State}}'").ok().says("trying");
}

/// The machine is up again, and the service with what was well.
pub fn after_the_cut(uml: &Uml) {
    wait::until_within("the old version to run", Duration::from_secs(240), || {
        let now = uml.alice("pontoon exec fresh sh -c 'echo $VERSION'");
        if now.text() == "one" {
            Ok(())
        } else {
            Err(format!("{now:?}\n{:?}", uml.alice("systemctl --user status --no-pager fresh")))
        }
    });
    uml.alice(
        "systemctl --user stop fresh; rm ~/.config/containers/systemd/fresh.container; systemctl --user daemon-reload",
    )
    .ok();
}
