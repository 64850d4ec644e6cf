//! What is asked from systemd and logind over D-Bus: transient scopes, reloads, the state of units, linger.
//!
//! Blocking and in one thread: each deed opens its own connection and closes it before it returns, which costs less than
//! half a millisecond and leaves no helper thread behind in a process that is about to exec. Knows no container: scopes
//! have a name and pids.

mod bus;
mod details;
mod fault;
mod linger;
mod manager;
mod slice;
mod target;
#[cfg(test)]
mod tests;

pub use bus::{Bus, BusError};
pub use details::{UnitDetails, service_main_pid, service_user, unit_details};
pub use fault::Fault;
pub use linger::{LingerError, linger_status, lingers, set_linger};
pub use manager::{
    ManagerError, ScopeRequest, UnitDeed, UnitState, change_units, commands, daemon_reload, loaded_units,
    queue_restarts, reset_failed, start_scope, unit_active_state, units_named,
};
pub use slice::{DeviceRate, SliceLimit, SliceRequest, start_slice};
pub use target::{Target, settled};
