//! What makes pods, and what leads to them.

use serde::{Deserialize, Serialize};

use super::{IntOrText, LabelSelector, Metadata, PodSpec, PodTemplate, Texts};

object! {
    /// Containers that are together.
    Pod {
        /// `v1`.
        api_version: String,
        /// `Pod`.
        kind: String,
        /// Its name.
        metadata: Metadata,
        /// What it is.
        spec: PodSpec,
    }
}

object! {
    /// Pods that are all alike.
    Deployment {
        /// `apps/v1`.
        api_version: String,
        /// `Deployment`.
        kind: String,
        /// Its name.
        metadata: Metadata,
        /// What it is.
        spec: DeploymentSpec,
    }
}

object! {
    /// `spec` of a Deployment.
    DeploymentSpec {
        /// How many.
        replicas: Option<i64>,
        /// By which its pods are found.
        selector: LabelSelector,
        /// One of them.
        template: PodTemplate,
    }
}

object! {
    /// A pod on each machine.
    DaemonSet {
        /// `apps/v1`.
        api_version: String,
        /// `DaemonSet`.
        kind: String,
        /// Its name.
        metadata: Metadata,
        /// What it is.
        spec: DaemonSetSpec,
    }
}

object! {
    /// `spec` of a DaemonSet.
    DaemonSetSpec {
        /// By which its pods are found.
        selector: LabelSelector,
        /// One of them.
        template: PodTemplate,
    }
}

object! {
    /// A pod that ends.
    Job {
        /// `batch/v1`.
        api_version: String,
        /// `Job`.
        kind: String,
        /// Its name.
        metadata: Metadata,
        /// What it is.
        spec: JobSpec,
    }
}

object! {
    /// `spec` of a Job.
    JobSpec {
        /// Seconds after which it is ended.
        active_deadline_seconds: Option<i64>,
        /// How often it is tried.
        backoff_limit: Option<i64>,
        /// How many must succeed.
        completions: Option<i64>,
        /// How many run at once.
        parallelism: Option<i64>,
        /// Its pod.
        template: PodTemplate,
    }
}

object! {
    /// What leads to pods.
    Service {
        /// `v1`.
        api_version: String,
        /// `Service`.
        kind: String,
        /// Its name.
        metadata: Metadata,
        /// What it is.
        spec: ServiceSpec,
    }
}

object! {
    /// `spec` of a Service.
    ServiceSpec {
        /// Its ports.
        ports: Vec<ServicePort>,
        /// Which pods.
        selector: Texts,
        /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
        #[serde(rename = "type")]
        kind: String,
    }
}

object! {
    /// A port of a Service.
    ServicePort {
        /// Its name.
        name: String,
        /// The port of each machine; the cluster chooses it if nothing is said.
        node_port: Option<u16>,
        /// Its number.
        port: u16,
        /// `TCP`, `UDP` or `SCTP`.
        protocol: String,
        /// The port of the pod.
        target_port: Option<IntOrText>,
    }
}
