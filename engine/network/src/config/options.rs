//! The options of a network's driver, understood (podman-network-create(1), `--opt`).

use std::collections::BTreeMap;

use super::Driver;

/// What the options of a network say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Largest packet; the driver's own if there is none.
    pub mtu: Option<u32>,
    /// Tag of the bridge's port (802.1Q).
    pub vlan: Option<u16>,
    /// Which other bridges' containers cannot be reached.
    pub isolate: Isolation,
    /// Metric of the containers' default route.
    pub metric: Option<u32>,
    /// Whether containers get no default route by it.
    pub no_default_route: bool,
    /// The VRF that the bridge is put into.
    pub vrf: Option<String>,
    /// Whether the bridge is ours.
    pub bridge_mode: BridgeMode,
    /// How macvlan passes packets between its interfaces.
    pub macvlan_mode: MacvlanMode,
    /// At which layer ipvlan works.
    pub ipvlan_mode: IpvlanMode,
    /// macvlan's limit for broadcasts.
    pub broadcast_limit: Option<i32>,
}

/// Which networks are kept apart from a bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// None.
    #[default]
    No,
    /// Those that are isolated, too.
    Yes,
    /// All others.
    Strict,
}

/// Whether a bridge is ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BridgeMode {
    /// We make it, give it addresses and a way to the outside.
    #[default]
    Managed,
    /// Somebody else made it and looks after it.
    Unmanaged,
}

/// How macvlan passes packets between its interfaces (ip-link(8)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kernel's own words")]
pub enum MacvlanMode {
    #[default]
    Bridge,
    Private,
    Vepa,
    Passthru,
}

/// At which layer ipvlan works (ip-link(8)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kernel's own words")]
pub enum IpvlanMode {
    #[default]
    L2,
    L3,
    L3s,
}

/// An option that a driver cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is none of that name.
    #[error("networks of the driver {driver} have no option `{option}`")]
    Unknown {
        /// The driver.
        driver: Driver,
        /// The option.
        option: String,
    },
    /// It cannot have that value.
    #[error("`{value}` cannot be the value of a network's option {option}: it is {expected}")]
    Value {
        /// The option.
        option: String,
        /// The value.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
}

impl OptionError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { driver, .. } => names(driver).map(|it| format!("there are: {}", it.join(", "))),
            Self::Value { .. } => None,
        }
    }
}

const BRIDGE: &[&str] = &["mtu", "metric", "no_default_route", "vlan", "isolate", "vrf", "mode"];
const MACVLAN: &[&str] = &["mtu", "metric", "no_default_route", "mode", "bclim"];
const IPVLAN: &[&str] = &["mtu", "metric", "no_default_route", "mode"];

/// The options of a driver; nothing is known of those that we do not have.
fn names(driver: &Driver) -> Option<&'static [&'static str]> {
    match driver {
        Driver::Bridge => Some(BRIDGE),
        Driver::Macvlan => Some(MACVLAN),
        Driver::Ipvlan => Some(IPVLAN),
        Driver::Other(_) => None,
    }
}

/// The highest tag that is no reserved one.
const MAX_VLAN: u16 = 4094;

impl Options {
    /// Reads the options of a driver.
    pub(super) fn read(driver: &Driver, options: &BTreeMap<String, String>) -> Result<Self, OptionError> {
        let mut read = Self::default();
        for (option, value) in options {
            if let Some(names) = names(driver)
                && !names.contains(&option.as_str())
            {
                return Err(OptionError::Unknown { driver: driver.clone(), option: option.clone() });
            }
            read.take(driver, option, value).map_err(|expected| OptionError::Value {
                option: option.clone(),
                value: value.clone(),
                expected,
            })?;
        }
        Ok(read)
    }

    fn take(&mut self, driver: &Driver, option: &str, value: &str) -> Result<(), &'static str> {
        match option {
            "mtu" => self.mtu = Some(number(value)?).filter(|it| *it != 0),
            "metric" => self.metric = Some(number(value)?),
            "vlan" => {
                let tag = value.parse().ok().filter(|it| *it <= MAX_VLAN).ok_or("a number from 0 to 4094")?;
                self.vlan = Some(tag).filter(|it| *it != 0);
            }
            "isolate" => {
                self.isolate = match value {
                    "strict" => Isolation::Strict,
                    _ if truth(value).ok_or("true, false or strict")? => Isolation::Yes,
                    _ => Isolation::No,
                }
            }
            "no_default_route" => self.no_default_route = truth(value).ok_or("true or false")?,
            "vrf" if value.is_empty() => return Err("the name of a VRF"),
            "vrf" => self.vrf = Some(value.to_owned()),
            "bclim" => self.broadcast_limit = Some(value.parse().map_err(|_| "a whole number")?),
            "mode" => self.take_mode(driver, value)?,
            // A driver that we do not have.
            _ => {}
        }
        Ok(())
    }

    fn take_mode(&mut self, driver: &Driver, value: &str) -> Result<(), &'static str> {
        match driver {
            Driver::Bridge => {
                self.bridge_mode = match value {
                    "managed" => BridgeMode::Managed,
                    "unmanaged" => BridgeMode::Unmanaged,
                    _ => return Err("managed or unmanaged"),
                }
            }
            Driver::Macvlan => {
                self.macvlan_mode = match value {
                    "bridge" => MacvlanMode::Bridge,
                    "private" => MacvlanMode::Private,
                    "vepa" => MacvlanMode::Vepa,
                    "passthru" => MacvlanMode::Passthru,
                    _ => return Err("bridge, private, vepa or passthru"),
                }
            }
            Driver::Ipvlan => {
                self.ipvlan_mode = match value {
                    "l2" => IpvlanMode::L2,
                    "l3" => IpvlanMode::L3,
                    "l3s" => IpvlanMode::L3s,
                    _ => return Err("l2, l3 or l3s"),
                }
            }
            Driver::Other(_) => {}
        }
        Ok(())
    }
}

fn number(value: &str) -> Result<u32, &'static str> {
    value.parse().map_err(|_| "a number that is not negative")
}

/// A truth value, in all of Go's ways to write one.
pub(super) fn truth(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
