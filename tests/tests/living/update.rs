//! A service that follows its image, whose next version never gets well.

use pontoon_tests::Uml;
use pontoon_tests::uml::Fresh;

fn runs_what_is_well(uml: &Uml) {
    uml.alice("systemctl --user is-active fresh").ok().prints("active");
    Fresh(uml).version().ok().prints("well");
}

/// The update is undone by itself.
pub fn that_fails(uml: &Uml) {
    let fresh = Fresh(uml);
    fresh.publish("well");
    fresh.start("HealthCmd=test $VERSION = well\nHealthRetries=2\nNotify=healthy");
    assert_eq!(fresh.updated(), "fresh false");
    fresh.publish("ill");
    assert_eq!(fresh.updated(), "fresh rolled back");
    runs_what_is_well(uml);
}

/// It is not tried again, nor is it what a boot starts, though the image's name leads there.
pub fn is_remembered(uml: &Uml) {
    runs_what_is_well(uml);
    assert_eq!(Fresh(uml).updated(), "fresh false");
    runs_what_is_well(uml);
}
