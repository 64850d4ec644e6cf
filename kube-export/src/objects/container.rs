//! What a container is.

use serde::{Deserialize, Serialize};

use super::{IntOrText, Texts};

object! {
    /// A container of a pod.
    Container {
        /// Words after the image's entry point, or after `command`.
        args: Vec<String>,
        /// In place of the image's entry point.
        command: Vec<String>,
        /// Variables of the environment.
        env: Vec<EnvVar>,
        /// Many of them at once; those of `env` are stronger.
        env_from: Vec<EnvFrom>,
        /// The image.
        image: String,
        /// `Always`, `IfNotPresent` or `Never`.
        image_pull_policy: String,
        /// What happens at its start and end.
        lifecycle: Option<Lifecycle>,
        /// What starts it anew.
        liveness_probe: Option<Probe>,
        /// Its name.
        name: String,
        /// Ports that it listens on.
        ports: Vec<ContainerPort>,
        /// What tells that it serves.
        readiness_probe: Option<Probe>,
        /// What it may use.
        resources: Option<Resources>,
        /// `Always`, of an init container: it goes on beside the others.
        restart_policy: String,
        /// How it is confined.
        security_context: Option<SecurityContext>,
        /// What the other probes wait for.
        startup_probe: Option<Probe>,
        /// Standard input stays open.
        stdin: bool,
        /// It has a terminal.
        tty: bool,
        /// What is mounted.
        volume_mounts: Vec<VolumeMount>,
        /// Its working directory.
        working_dir: String,
    }
}

object! {
    /// A variable of the environment.
    EnvVar {
        /// Its name.
        name: String,
        /// Its value, with `$(NAME)` of the ones before.
        value: Option<String>,
        /// Where its value is.
        value_from: Option<EnvSource>,
    }
}

object! {
    /// Where the value of a variable is.
    EnvSource {
        /// In a ConfigMap.
        config_map_key_ref: Option<KeySelector>,
        /// In the pod itself.
        field_ref: Option<FieldSelector>,
        /// In the limits of a container.
        resource_field_ref: Option<ResourceSelector>,
        /// In a Secret.
        secret_key_ref: Option<KeySelector>,
    }
}

object! {
    /// A key of an object.
    KeySelector {
        /// The key.
        key: String,
        /// The object.
        name: String,
        /// It need not be there.
        optional: Option<bool>,
    }
}

object! {
    /// A field of the pod.
    FieldSelector {
        /// The version of its path.
        api_version: String,
        /// Its path.
        field_path: String,
    }
}

object! {
    /// An amount that a container may use.
    ResourceSelector {
        /// The container; this one if nothing is said.
        container_name: String,
        /// The unit.
        divisor: String,
        /// Which one, as `limits.memory`.
        resource: String,
    }
}

object! {
    /// All keys of an object as variables.
    EnvFrom {
        /// The ConfigMap.
        config_map_ref: Option<ObjectReference>,
        /// What is put before their names.
        prefix: String,
        /// The Secret.
        secret_ref: Option<ObjectReference>,
    }
}

object! {
    /// An object that is named, and may be missing.
    ObjectReference {
        /// Its name.
        name: String,
        /// It need not be there.
        optional: Option<bool>,
    }
}

object! {
    /// A port that a container listens on.
    ContainerPort {
        /// Its number.
        container_port: u16,
        /// The address of the host.
        #[serde(rename = "hostIP")]
        host_ip: String,
        /// The port of the host.
        host_port: Option<u16>,
        /// Its name.
        name: String,
        /// `TCP`, `UDP` or `SCTP`.
        protocol: String,
    }
}

object! {
    /// What a container may use: amounts by name (`cpu`, `memory`).
    Resources {
        /// At most.
        limits: Texts,
        /// At least.
        requests: Texts,
    }
}

object! {
    /// How a container is confined.
    SecurityContext {
        /// `false`: no program gives it more than it has.
        allow_privilege_escalation: Option<bool>,
        /// What AppArmor allows.
        app_armor_profile: Option<Profile>,
        /// Capabilities.
        capabilities: Option<Capabilities>,
        /// Nothing is kept from it.
        privileged: Option<bool>,
        /// `Unmasked`: all of `/proc`.
        proc_mount: String,
        /// It cannot change its root file system.
        read_only_root_filesystem: Option<bool>,
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
    }
}

object! {
    /// Capabilities, without `CAP_`.
    Capabilities {
        /// Granted.
        add: Vec<String>,
        /// Taken away.
        drop: Vec<String>,
    }
}

object! {
    /// An SELinux label.
    SeLinuxOptions {
        /// Its level.
        level: String,
        /// Its role.
        role: String,
        /// Its type.
        #[serde(rename = "type")]
        kind: String,
        /// Its user.
        user: String,
    }
}

object! {
    /// What AppArmor or seccomp allow.
    Profile {
        /// The profile's name or path, of kind `Localhost`.
        localhost_profile: String,
        /// `RuntimeDefault`, `Unconfined` or `Localhost`.
        #[serde(rename = "type")]
        kind: String,
    }
}

object! {
    /// A check.
    Probe {
        /// A command of the container.
        exec: Option<ExecAction>,
        /// Failures that count.
        failure_threshold: Option<i64>,
        /// A request of gRPC.
        grpc: Option<GrpcAction>,
        /// A request of HTTP.
        http_get: Option<HttpGetAction>,
        /// Seconds before the first check.
        initial_delay_seconds: Option<i64>,
        /// Seconds between two checks.
        period_seconds: Option<i64>,
        /// Successes that count.
        success_threshold: Option<i64>,
        /// A connection.
        tcp_socket: Option<TcpSocketAction>,
        /// Seconds that it has to end in, for this reason.
        termination_grace_period_seconds: Option<i64>,
        /// Seconds that a check may take.
        timeout_seconds: Option<i64>,
    }
}

object! {
    /// A request of gRPC.
    GrpcAction {
        /// The port.
        port: Option<i64>,
        /// What is asked about.
        service: String,
    }
}

object! {
    /// A command.
    ExecAction {
        /// Its words.
        command: Vec<String>,
    }
}

object! {
    /// A request of HTTP.
    HttpGetAction {
        /// The host; the pod if nothing is said.
        host: String,
        /// Lines of the request.
        http_headers: Vec<HttpHeader>,
        /// The path.
        path: String,
        /// The port.
        port: Option<IntOrText>,
        /// `HTTP` or `HTTPS`.
        scheme: String,
    }
}

object! {
    /// A line of a request.
    HttpHeader {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    }
}

object! {
    /// A connection.
    TcpSocketAction {
        /// The host; the pod if nothing is said.
        host: String,
        /// The port.
        port: Option<IntOrText>,
    }
}

object! {
    /// What happens at a container's start and end.
    Lifecycle {
        /// After its start.
        post_start: Option<Handler>,
        /// Before it is asked to end.
        pre_stop: Option<Handler>,
        /// The signal that asks it to end.
        stop_signal: String,
    }
}

object! {
    /// Something that is done.
    Handler {
        /// A command.
        exec: Option<ExecAction>,
        /// A request of HTTP.
        http_get: Option<HttpGetAction>,
        /// A pause.
        sleep: Option<SleepAction>,
        /// A connection.
        tcp_socket: Option<TcpSocketAction>,
    }
}

object! {
    /// A pause.
    SleepAction {
        /// Its seconds.
        seconds: i64,
    }
}

object! {
    /// A volume in a container.
    VolumeMount {
        /// Where, and with Podman `:` and options after it.
        mount_path: String,
        /// How mounts spread.
        mount_propagation: String,
        /// The volume.
        name: String,
        /// It cannot be changed.
        read_only: bool,
        /// The part of it that is mounted.
        sub_path: String,
    }
}
