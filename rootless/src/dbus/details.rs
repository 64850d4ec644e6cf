//! What a manager knows of units: their states, and which other units they need.

use zbus::{OwnedObjectPath, OwnedVariant};

use super::Bus;
use super::bus::Link;
use super::manager::{Listed, MANAGER, ManagerError, SERVICE, ask};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// Without these a unit does not run (systemd.unit(5)); what it only wants is left out.
const NEEDS: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

/// A unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitDetails {
    /// Its name.
    pub name: String,
    /// `active`, `inactive`, `failed`, ….
    pub active: String,
    /// `running`, `exited`, `dead`, ….
    pub sub: String,
    /// How its last run ended: `success`, `exit-code`, `signal`, …; empty for what is no service.
    pub result: String,
    /// Units that it does not run without, sorted.
    pub needs: Vec<String>,
}

/// Those of the named units that the manager has or can load.
///
/// # Errors
/// [`ManagerError`].
pub fn unit_details(bus: &Bus, names: &[&str]) -> Result<Vec<UnitDetails>, ManagerError> {
    let deed = "ask for units";
    let read = async |link: &Link| {
        let listed: Vec<Listed> =
            link.call(MANAGER, "ListUnitsByNames", &(names,)).await?.body().deserialize()?;
        let mut all = Vec::new();
        for (name, _, load, active, sub, _, object, ..) in listed {
            if load == "not-found" {
                continue;
            }
            let get = async |interface: &str, property: &str| -> zbus::Result<OwnedVariant> {
                let value =
                    link.call((SERVICE, object.as_str(), PROPERTIES), "Get", &(interface, property)).await?;
                value.body().deserialize()
            };
            let mut needs = Vec::new();
            for property in NEEDS {
                let units: Vec<String> = get(UNIT, property).await?.try_into()?;
                needs.extend(units);
            }
            needs.sort_unstable();
            needs.dedup();
            let result = match name.ends_with(".service") {
                true => String::try_from(get("org.freedesktop.systemd1.Service", "Result").await?)?,
                false => String::new(),
            };
            all.push(UnitDetails { name, active, sub, result, needs });
        }
        Ok(all)
    };
    ask(bus, deed, read)?.map_err(|source| ManagerError::Call { deed: deed.to_owned(), source })
}

/// `User=` of a service that the manager has or can load: a name or a number; empty if it says nothing.
///
/// # Errors
/// [`ManagerError`]; a unit that is not there, or is no service, is one.
pub fn service_user(bus: &Bus, unit: &str) -> Result<String, ManagerError> {
    service_property(bus, unit, "User")
}

/// `MainPID` of a service: 0 if none runs.
///
/// # Errors
/// As for [`service_user`].
pub fn service_main_pid(bus: &Bus, unit: &str) -> Result<u32, ManagerError> {
    service_property(bus, unit, "MainPID")
}

fn service_property<T>(bus: &Bus, unit: &str, name: &str) -> Result<T, ManagerError>
where
    T: TryFrom<OwnedVariant, Error = zbus::Error>,
{
    let deed = format!("ask for {name} of `{unit}`");
    let read = async |link: &Link| {
        let object = link.call(MANAGER, "LoadUnit", &(unit,)).await?;
        let object: OwnedObjectPath = object.body().deserialize()?;
        let properties = (SERVICE, object.as_str(), PROPERTIES);
        let value = link.call(properties, "Get", &("org.freedesktop.systemd1.Service", name)).await?;
        let value: OwnedVariant = value.body().deserialize()?;
        T::try_from(value)
    };
    ask(bus, &deed, read)?.map_err(|source| ManagerError::Call { deed, source })
}
