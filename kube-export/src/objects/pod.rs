//! What a pod is.

use serde::{Deserialize, Serialize};

use super::{Container, Metadata, Profile, SeLinuxOptions, Texts, Volume};

object! {
    /// `spec` of a pod.
    PodSpec {
        /// Seconds after which it is ended.
        active_deadline_seconds: Option<i64>,
        /// Whether a token for the API is mounted; there is none on one machine.
        automount_service_account_token: Option<bool>,
        /// The containers.
        containers: Vec<Container>,
        /// Name servers.
        dns_config: Option<DnsConfig>,
        /// Whose name servers are used.
        dns_policy: String,
        /// Whether variables tell of services; there are none on one machine.
        enable_service_links: Option<bool>,
        /// Lines of `/etc/hosts`.
        host_aliases: Vec<HostAlias>,
        /// The host's IPC namespace.
        #[serde(rename = "hostIPC")]
        host_ipc: bool,
        /// The host's network.
        host_network: bool,
        /// The host's processes.
        #[serde(rename = "hostPID")]
        host_pid: bool,
        /// `false`: ids of its own.
        host_users: Option<bool>,
        /// Its host name.
        hostname: String,
        /// Secrets for registries.
        image_pull_secrets: Vec<LocalReference>,
        /// Containers that run before the others, one after the other.
        init_containers: Vec<Container>,
        /// `Always`, `OnFailure` or `Never`.
        restart_policy: String,
        /// What holds for all containers.
        security_context: Option<PodSecurityContext>,
        /// The containers see each other's processes.
        share_process_namespace: Option<bool>,
        /// Seconds between being asked to end and being killed.
        termination_grace_period_seconds: Option<i64>,
        /// What can be mounted.
        volumes: Vec<Volume>,
    }
}

object! {
    /// A line of `/etc/hosts`.
    HostAlias {
        /// The names.
        hostnames: Vec<String>,
        /// The address.
        ip: String,
    }
}

object! {
    /// A resolver.
    DnsConfig {
        /// Addresses of name servers.
        nameservers: Vec<String>,
        /// Its options.
        options: Vec<DnsOption>,
        /// Domains in which names are looked for.
        searches: Vec<String>,
    }
}

object! {
    /// An option of a resolver.
    DnsOption {
        /// Its name.
        name: String,
        /// Its value.
        value: Option<String>,
    }
}

object! {
    /// An object that is named.
    LocalReference {
        /// Its name.
        name: String,
    }
}

object! {
    /// What holds for all containers of a pod.
    PodSecurityContext {
        /// What AppArmor allows.
        app_armor_profile: Option<Profile>,
        /// Whose group volumes are.
        fs_group: Option<i64>,
        /// When volumes are given to that group.
        fs_group_change_policy: String,
        /// The group.
        run_as_group: Option<i64>,
        /// Refuses to run as root.
        run_as_non_root: Option<bool>,
        /// The user.
        run_as_user: Option<i64>,
        /// SELinux label.
        se_linux_options: Option<SeLinuxOptions>,
        /// System calls.
        seccomp_profile: Option<Profile>,
        /// More groups.
        supplemental_groups: Vec<i64>,
        /// Kernel parameters.
        sysctls: Vec<Sysctl>,
    }
}

object! {
    /// A kernel parameter.
    Sysctl {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    }
}

object! {
    /// A pod that something else makes.
    PodTemplate {
        /// Its labels and annotations.
        metadata: Metadata,
        /// What it is.
        spec: PodSpec,
    }
}

object! {
    /// What objects are chosen by.
    LabelSelector {
        /// Labels that they have.
        match_labels: Texts,
    }
}
