//! A power cut in the middle of an update of a service.

use std::time::Duration;

use pontoon_tests::uml::Fresh;
use pontoon_tests::{Uml, wait};

/// A service whose image has another version, of whose health nothing is known yet when the power goes.
pub fn before_the_cut(uml: &Uml) {
    let fresh = Fresh(uml);
    fresh.publish("one");
    fresh.start("HealthCmd=test $VERSION != slow\nHealthStartPeriod=1h");
    assert_eq!(fresh.updated(), "fresh false");
    fresh.publish("slow");
    uml.alice("systemd-run --user --quiet --unit update pontoon auto-update").ok();
    wait::until_within("the new version to run", Duration::from_secs(240), || {
        let now = fresh.version();
        if now.text() == "slow" { Ok(()) } else { Err(format!("{now:?}")) }
    });
    uml.alice("pontoon history fresh.service --format '{{.State}}'").ok().says("trying");
}

/// The machine is up again, and the service with what was well.
pub fn after_the_cut(uml: &Uml) {
    wait::until_within("the old version to run", Duration::from_secs(240), || {
        let now = Fresh(uml).version();
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
