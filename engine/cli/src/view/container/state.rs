//! What a container is doing, and how its checks went.

use pontoon_monitor::health::Outcome;
use serde::Serialize;

use super::StateFacts;
use crate::format::{NullIfEmpty, OmitEmpty, WireTime};
use crate::time::rfc3339_local_or_never;
use crate::view::ps;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    oci_version: &'static str,
    status: &'static str,
    running: bool,
    paused: bool,
    restarting: bool,
    #[serde(rename = "OOMKilled")]
    oom_killed: bool,
    dead: bool,
    pid: i32,
    conmon_pid: OmitEmpty<i32>,
    exit_code: i32,
    error: String,
    started_at: WireTime,
    finished_at: WireTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health>,
    cgroup_path: OmitEmpty<String>,
    checkpointed: OmitEmpty<bool>,
    checkpointed_at: WireTime,
    checkpoint_log: OmitEmpty<&'static str>,
    checkpoint_path: OmitEmpty<&'static str>,
    restored: OmitEmpty<bool>,
    restored_at: WireTime,
    restore_log: OmitEmpty<&'static str>,
    stopped_by_user: OmitEmpty<bool>,
}

/// What health checks have said.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
    failing_streak: u32,
    log: NullIfEmpty<Vec<Outcome>>,
}

/// The state, with its times and codes.
pub(super) fn state(facts: &StateFacts) -> State {
    let never = || WireTime(rfc3339_local_or_never(None));
    State {
        oci_version: "1.2.0",
        status: facts.state.word(),
        running: facts.state == ps::State::Running,
        paused: facts.state == ps::State::Paused,
        restarting: facts.state == ps::State::Restarting,
        oom_killed: facts.oom_killed,
        dead: false,
        pid: facts.pid,
        conmon_pid: OmitEmpty(facts.monitor_pid),
        exit_code: facts.exit_code,
        error: facts.error.clone(),
        started_at: WireTime(rfc3339_local_or_never(facts.started_at)),
        finished_at: WireTime(rfc3339_local_or_never(facts.finished_at)),
        health: facts.health.clone().map(|it| Health {
            status: it.status,
            failing_streak: it.failing_streak,
            log: NullIfEmpty(it.log.into()),
        }),
        cgroup_path: OmitEmpty(facts.cgroup_path.clone()),
        checkpointed: OmitEmpty(false),
        checkpointed_at: never(),
        checkpoint_log: OmitEmpty(""),
        checkpoint_path: OmitEmpty(""),
        restored: OmitEmpty(false),
        restored_at: never(),
        restore_log: OmitEmpty(""),
        stopped_by_user: OmitEmpty(facts.stopped),
    }
}
