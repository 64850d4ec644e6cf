//! What goes over networks: bytes, connections, names.

use super::Bench;
use super::life::Deed;

/// About two containers on a network `lan`: `server` with a published port for bytes and one for connections, and `client`. `$e` is
/// the engine, `$i` the image. iperf3 looks whether all bytes are over with each of its reports, so it reports often.
const DEEDS: [Deed<'static>; 6] = [
    ("4 GB from container to container", 1.0, "", "$e exec client /usr/bin/iperf3 -c server -n 4G -i 0.1"),
    ("2 GB in by a published port", 0.67, "", "iperf3 -c 192.0.2.10 -p $(port 1) -n 2G -i 0.1"),
    ("2 GB out by a published port", 0.67, "", "iperf3 -c 192.0.2.10 -p $(port 1) -n 2G -i 0.1 -R"),
    ("1 000 connections to a published port", 1.0, "", "payload ask 192.0.2.10 $(port 2) 1000"),
    ("1 000 connections between containers", 1.0, "", "$e exec client /payload ask server 81 1000"),
    ("10 000 names of containers", 1.0, "", "$e exec client /payload resolve server.dns.podman 10000"),
];

/// The engine's own ports, as both engines serve at once; and the host's programs in a container.
const FURNISH: &str = "port() { case $e in pontoon) echo 880$1;; *) echo 881$1;; esac; }
    programs='-v /usr/bin:/usr/bin:ro -v /usr/lib:/lib:ro -v /usr/local/bin/payload:/payload:ro'
    [ ! -d /usr/lib64 ] || programs=\"$programs -v /usr/lib64:/lib64:ro\"";

impl Bench {
    /// All of it.
    pub(super) fn networks(&mut self) {
        self.script(&format!(
            "set -e; {FURNISH}
             for e in pontoon podman; do $e network create lan
             $e run -d --name server --network lan --stop-timeout 0 -p $(port 1):5201 -p $(port 2):81 $programs $i \\
                 sh -c '/payload peer 81 & exec /usr/bin/iperf3 -s'
             $e run -d --name client --network lan --stop-timeout 0 $programs $i sleep 10000
             until iperf3 -c 192.0.2.10 -p $(port 1) -n 1K && payload ask 192.0.2.10 $(port 2) 1; do sleep 0.1; done
             done >/dev/null 2>&1"
        ));
        for (work, budget, before, deed) in DEEDS {
            // A round takes seconds.
            self.deed(5.min(self.rounds), (work, budget, &format!("{FURNISH}; {before}"), deed));
        }
        self.script("for e in pontoon podman; do $e network rm -f -t 0 lan; done");
    }
}
