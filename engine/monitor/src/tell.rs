//! What a supervisor tells of its container's life, as events.

use std::cell::RefCell;

use pontoon_monitor::event::{Deed, Event, EventLog, HealthNews, Kind};
use pontoon_monitor::health::HealthRecord;
use pontoon_monitor::plan::MonitorPlan;

/// Who tells.
#[derive(Debug)]
pub struct Teller<'a> {
    plan: &'a MonitorPlan,
    /// The container's name, which may change while it runs.
    name: RefCell<String>,
}

impl<'a> Teller<'a> {
    /// Tells of the container of a plan.
    pub fn new(plan: &'a MonitorPlan) -> Self {
        Self { plan, name: RefCell::new(plan.name.clone()) }
    }

    /// The container has another name from now on.
    pub fn renamed(&self, name: String) {
        self.name.replace(name);
    }

    /// Something was done to the container.
    pub fn tell(&self, deed: Deed) {
        self.tell_with(deed, |_| {});
    }

    /// The container, or a process in it, ended.
    pub fn ended(&self, deed: Deed, code: i32) {
        self.tell_with(deed, |event| event.exit_code = Some(code));
    }

    /// A health check said something.
    pub fn health(&self, record: &HealthRecord, to_events: bool) {
        if self.plan.events.without_health {
            return;
        }
        let last = record.log.back().filter(|_| to_events);
        let log = last.and_then(|it| serde_json::to_string(it).ok()).unwrap_or_default();
        let news = HealthNews { status: record.status.clone(), failing_streak: record.failing_streak, log };
        self.tell_with(Deed::HealthStatus, |event| event.health = Some(news));
    }

    /// Something went with the container.
    pub fn removed_with_it(&self, kind: Kind, deed: Deed, id: &str, name: &str) {
        if self.plan.events.log != EventLog::None {
            let event = Event { id: id.to_owned(), name: name.to_owned(), ..Event::now(kind, deed) };
            self.plan.events.log.tell(&event);
        }
    }

    fn tell_with(&self, deed: Deed, more: impl FnOnce(&mut Event)) {
        let events = &self.plan.events;
        if events.log == EventLog::None {
            return;
        }
        let mut event = Event {
            id: self.plan.id.clone(),
            name: self.name.borrow().clone(),
            image: self.plan.image.clone(),
            pod: events.pod.clone(),
            attributes: events.labels.clone(),
            ..Event::now(Kind::Container, deed)
        };
        more(&mut event);
        events.log.tell(&event);
    }
}
