//! A health check, as `inspect` shows it: durations are numbers in JSON, and Go's in templates.

use pontoon_image::HealthConfig;
use serde::Serialize;

use crate::format::{OmitEmpty, WireDuration};

/// A check of an image or of a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Check<'a> {
    test: OmitEmpty<&'a [String]>,
    interval: OmitEmpty<WireDuration>,
    timeout: OmitEmpty<WireDuration>,
    start_period: OmitEmpty<WireDuration>,
    start_interval: OmitEmpty<WireDuration>,
    retries: OmitEmpty<i64>,
}

impl<'a> From<&'a HealthConfig> for Check<'a> {
    fn from(config: &'a HealthConfig) -> Self {
        let duration = |nanos: i64| OmitEmpty(WireDuration(nanos));
        Self {
            test: OmitEmpty(&config.test),
            interval: duration(config.interval),
            timeout: duration(config.timeout),
            start_period: duration(config.start_period),
            start_interval: duration(config.start_interval),
            retries: OmitEmpty(config.retries),
        }
    }
}
