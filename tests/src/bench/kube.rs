//! Kubernetes objects.

use super::Bench;
use super::life::Deed;

/// About a pod `ten` of ten containers.
const DEEDS: [Deed<'static>; 1] = [("kube generate, ten containers", 0.1, "", "$e kube generate ten")];

impl Bench {
    /// Everything about them.
    pub(super) fn kube(&mut self) {
        self.script(
            "for e in pontoon podman; do $e pod create --name ten -p 8094:80
             for n in $(seq 10); do $e create --pod ten -e N=$n -v ten$n:/data --read-only $i sleep 10000; done; done",
        );
        for deed in DEEDS {
            self.deed(self.rounds, deed);
        }
        self.script(
            "for e in pontoon podman; do $e pod rm -f -t 0 ten; $e volume rm -f $(seq -f ten%g 10); done",
        );
        self.play();
    }

    /// A pod of ten containers, until all of them run.
    fn play(&mut self) {
        self.script(
            "{ printf 'apiVersion: v1\\nkind: Pod\\nmetadata: {name: ten}\\nspec:\\n  terminationGracePeriodSeconds: 0\\n  containers:\\n'
             for n in $(seq 10); do echo \"  - {name: c$n, image: $i, imagePullPolicy: Never, command: [sleep, '10000']}\"; done; } >/tmp/ten.yaml",
        );
        let (before, deed) = ("$e kube down /tmp/ten.yaml", "$e kube play /tmp/ten.yaml");
        self.deed(self.rounds.min(10), ("kube play, ten containers", 0.2, before, deed));
        self.script("for e in pontoon podman; do $e kube down /tmp/ten.yaml; done; rm /tmp/ten.yaml");
    }
}
