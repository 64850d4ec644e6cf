//! One host for all tests of a test program: booted at the first use, with the product installed and the registry serving.

use std::cell::RefCell;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;

use crate::host::{BootOptions, TestHost};
use crate::root::Kind;
use crate::{image, registry, stage};

static HOST: OnceLock<TestHost> = OnceLock::new();

/// The host that the tests of this program share. It ends with the process.
pub fn host() -> &'static TestHost {
    be_among();
    HOST.get_or_init(fresh)
}

/// The shared host, with busybox pulled by alice.
pub fn host_with_busybox() -> &'static TestHost {
    static PULLED: OnceLock<()> = OnceLock::new();
    let host = host();
    PULLED.get_or_init(|| {
        host.alice(&format!("pontoon pull -q {B}")).ok();
    });
    host
}

/// A shell script in a new container of busybox, of alice's, that goes when it ends.
pub fn in_busybox(options: &str, script: &str) -> crate::Output {
    host_with_busybox()
        .entry("alice")
        .env("SCRIPT", script)
        .sh(&format!("pontoon run --rm {options} {B} sh -c \"$SCRIPT\""))
}

/// Runs a script of the host as alice, with a file in `~/.config/containers` that goes again.
pub fn with_configuration(name: &str, text: &str, script: &str) -> crate::Output {
    host_with_busybox()
        .entry("alice")
        .env("CONF", text)
        .env("B", B)
        .env("RUN", "pontoon run --rm --network none")
        .sh(&format!(
            "mkdir -p .config/containers && printf %s \"$CONF\" >.config/containers/{name}
             {script}
             code=$?; rm -r .config/containers; exit $code"
        ))
}

/// Held by tests that look at, or change, everything that somebody has: no other test that uses a shared host runs meanwhile.
#[must_use]
pub fn alone() -> Alone {
    STAY.replace(Stay::Outside);
    let guard = USED.write().unwrap_or_else(PoisonError::into_inner);
    STAY.replace(Stay::Alone);
    Alone { _guard: guard }
}

/// See [`alone`].
pub struct Alone {
    _guard: RwLockWriteGuard<'static, ()>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        STAY.replace(Stay::Outside);
    }
}

static USED: RwLock<()> = RwLock::new(());

thread_local! {
    static STAY: RefCell<Stay> = const { RefCell::new(Stay::Outside) };
}

/// How a test, which is a thread, uses the shared hosts.
enum Stay {
    Outside,
    /// Among others, until it ends.
    Among {
        _guard: RwLockReadGuard<'static, ()>,
    },
    Alone,
}

/// From its first use of a shared host on a test is on it until it ends.
fn be_among() {
    // Threads that tests make have no name. They are where their test is.
    if thread::current().name().is_none() {
        return;
    }
    STAY.with_borrow_mut(|stay| {
        if matches!(stay, Stay::Outside) {
            *stay = Stay::Among { _guard: USED.read().unwrap_or_else(PoisonError::into_inner) };
        }
    });
}

/// The busybox image, as it is called in the host's registry.
pub const B: &str = "localhost:5000/busybox";

/// A host of the test's own, furnished like the shared one: for tests that break things.
pub fn fresh() -> TestHost {
    let images = image::provide(&[image::BUSYBOX, image::NGINX, image::MARIADB]);
    let kind = if stage::is_original() { Kind::WithPodman } else { Kind::Product };
    let host = TestHost::boot(BootOptions { kind, binds: vec![(images, image::INSIDE.into())] });
    stage::install(&host);
    host.copy_in(&stage::payload(), "/srv/payload");
    registry::serve(&host);
    image::push(&host, image::BUSYBOX);
    image::push(&host, image::NGINX);
    image::push(&host, image::MARIADB);
    host
}

/// A host that has Podman beside the product, with busybox pulled by alice with both; the tests of a program share it.
pub fn host_with_podman() -> &'static TestHost {
    static BOTH: OnceLock<TestHost> = OnceLock::new();
    be_among();
    BOTH.get_or_init(|| {
        let images = image::provide(&[image::BUSYBOX]);
        let binds = vec![(images, image::INSIDE.into())];
        let host = TestHost::boot(BootOptions { kind: Kind::WithPodman, binds });
        stage::install(&host);
        registry::serve(&host);
        image::push(&host, image::BUSYBOX);
        host.alice(&format!("pontoon pull -q {B} && podman pull -q {B}")).ok();
        host
    })
}

/// Removes a container of alice's at the end of a test, and those that need it.
pub struct Gone<'h>(pub &'h TestHost, pub &'static str);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let _ = self.0.alice(&format!("pontoon rm -f -i -t 0 --depend {}", self.1));
    }
}
