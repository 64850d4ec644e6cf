//! What of a plan may change while its container runs.

use pontoon_monitor::health::HealthPlan;
use pontoon_monitor::limits::Limit;
use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::restart::RestartPolicy;
use pontoon_network::join::Join;

/// What the next run is to be like, as far as that may be another way than the plan says.
#[derive(Debug, Clone)]
pub struct Course {
    /// Whether there is to be one.
    pub policy: RestartPolicy,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// How its health is checked.
    pub health: Option<HealthPlan>,
    /// Its environment.
    pub environment: Vec<String>,
    /// Its networks with names.
    pub join: Option<Join>,
    /// What its resolver is told; `None` is what the plan says.
    pub resolv_conf: Option<String>,
    /// A check has passed, so that a service manager that waits for that was told.
    pub was_healthy: bool,
}

impl Course {
    /// As the plan has it.
    pub fn of(plan: &MonitorPlan) -> Self {
        Self {
            policy: plan.restart,
            limits: plan.cgroup.limits.clone(),
            health: plan.health.clone(),
            environment: plan.container.process.env.clone(),
            join: plan.network.join.clone(),
            resolv_conf: None,
            was_healthy: false,
        }
    }
}
