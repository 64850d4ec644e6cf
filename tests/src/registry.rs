//! Debian's docker-registry inside a test host, on loopback, marked insecure where engines look.

use crate::host::TestHost;
use crate::wait;

/// Where it serves plain http.
pub const ADDRESS: &str = "localhost:5000";

/// Starts the registry and tells engines that it speaks plain http.
pub fn serve(host: &TestHost) {
    host.write(
        "root",
        "/etc/docker/registry/config.yml",
        "version: 0.1\n\
         storage:\n  filesystem:\n    rootdirectory: /var/lib/docker-registry\n  delete:\n    enabled: true\n\
         http:\n  addr: :5000\n",
    );
    host.write("root", "/etc/containers/registries.conf.d/testhost.conf", insecure(ADDRESS));
    host.root("systemctl start docker-registry").ok();
    wait::until("the registry to answer", || {
        let answer = host.root("curl -sS http://localhost:5000/v2/");
        if answer.code == 0 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

/// The lines of registries.conf that allow plain http for a registry.
pub fn insecure(address: &str) -> String {
    format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n")
}
