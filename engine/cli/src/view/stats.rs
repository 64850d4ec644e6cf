//! What containers use, in Podman's columns.

use std::collections::BTreeMap;
use std::time::Duration;

use pontoon_lifecycle::usage::Traffic;
use serde::Serialize;

use super::{is_json, is_json_lines, json_lines, shown_id};
use crate::format::{Headings, Hidden, NullIfEmpty, TemplateError, json, render_list};
use crate::time::{binary_size_words, go_duration, precise_size_words};

/// One container at one moment.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whole id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Percent of one processor since the last look; since the start at the first.
    pub cpu: f64,
    /// Percent of one processor since the start.
    pub average_cpu: f64,
    /// Processor time, in nanoseconds.
    pub cpu_nanos: u64,
    /// When it was looked at, in nanoseconds since 1970; 0 for one that does not run.
    pub looked_at: u64,
    /// Bytes in use, and the most there may be.
    pub memory: (u64, u64),
    /// What went through its network interfaces.
    pub network: BTreeMap<String, Traffic>,
    /// Bytes read and written.
    pub block: (u64, u64),
    /// Processes and threads.
    pub pids: u64,
}

const HEADINGS: &Headings = &[
    ("AVGCPU", "AVG CPU %"),
    ("AvgCPU", "AVG CPU"),
    ("BlockIO", "BLOCK IO"),
    ("BlockInput", "BLOCK INPUT"),
    ("BlockOutput", "BLOCK OUTPUT"),
    ("CPU", "CPU"),
    ("CPUNano", "CPU NANO"),
    ("CPUPerc", "CPU %"),
    ("CPUSystemNano", "CPU SYSTEM NANO"),
    ("ContainerID", "CONTAINER ID"),
    ("ContainerStats", "CONTAINER STATS"),
    ("Duration", "DURATION"),
    ("ID", "ID"),
    ("MemLimit", "MEM LIMIT"),
    ("MemPerc", "MEM %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemUsageBytes", "MEM USAGE / LIMIT"),
    ("Name", "NAME"),
    ("NetIO", "NET IO"),
    ("Network", "NETWORK"),
    ("PIDS", "PIDS"),
    ("PIDs", "PIDS"),
    ("PerCPU", "PER CPU"),
    ("SystemNano", "SYSTEM NANO"),
    ("Up", "CPU TIME"),
    ("UpTime", "CPU TIME"),
];

const USUAL: &str = "table {{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDS}}\\t{{.UpTime}}\\t{{.AVGCPU}}";

/// A container for templates, with Podman's field names.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Name")]
    name: &'a str,
    #[serde(rename = "CPUPerc")]
    cpu: String,
    #[serde(rename = "MemUsage")]
    memory: String,
    #[serde(rename = "MemUsageBytes")]
    memory_bytes: String,
    #[serde(rename = "MemPerc")]
    memory_percent: String,
    #[serde(rename = "NetIO")]
    network: String,
    #[serde(rename = "BlockIO")]
    block: String,
    #[serde(rename = "PIDS")]
    pids: String,
    #[serde(rename = "UpTime")]
    cpu_time: String,
    #[serde(rename = "Up")]
    same_cpu_time: String,
    #[serde(rename = "AVGCPU")]
    average_cpu: String,
    // Podman's numbers behind the words; those that its own words do not hide.
    #[serde(rename = "AvgCPU")]
    average: f64,
    #[serde(rename = "ContainerID")]
    whole_id: &'a str,
    #[serde(rename = "CPU")]
    raw_cpu: f64,
    #[serde(rename = "PerCPU")]
    per_cpu: NullIfEmpty<Vec<u64>>,
    #[serde(rename = "CPUNano")]
    cpu_nanos: u64,
    #[serde(rename = "CPUSystemNano")]
    system_nanos: u64,
    #[serde(rename = "SystemNano")]
    looked_at: u64,
    #[serde(rename = "MemLimit")]
    memory_limit: u64,
    #[serde(rename = "Network")]
    interfaces: Interfaces<'a>,
    #[serde(rename = "BlockInput")]
    block_input: u64,
    #[serde(rename = "BlockOutput")]
    block_output: u64,
    #[serde(rename = "PIDs")]
    processes: u64,
    #[serde(rename = "Duration")]
    duration: u64,
    // All of them together.
    #[serde(rename = "ContainerStats")]
    whole: Hidden<Line<'a>>,
}

/// Network interfaces by their names; null if there are none.
type Interfaces<'a> = NullIfEmpty<BTreeMap<&'a str, Interface>>;

/// What went through one of them, with Podman's names in Podman's order.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Interface {
    rx_bytes: u64,
    rx_dropped: u64,
    rx_errors: u64,
    rx_packets: u64,
    tx_bytes: u64,
    tx_dropped: u64,
    tx_errors: u64,
    tx_packets: u64,
}

impl From<&Traffic> for Interface {
    fn from(it: &Traffic) -> Self {
        Self {
            rx_bytes: it.received.bytes,
            rx_dropped: it.received.dropped,
            rx_errors: it.received.errors,
            rx_packets: it.received.packets,
            tx_bytes: it.sent.bytes,
            tx_dropped: it.sent.dropped,
            tx_errors: it.sent.errors,
            tx_packets: it.sent.packets,
        }
    }
}

fn interfaces(row: &Row) -> Interfaces<'_> {
    NullIfEmpty(row.network.iter().map(|(name, it)| (name.as_str(), it.into())).collect())
}

/// Bytes received and sent.
fn traffic(row: &Row) -> (u64, u64) {
    let sum = |of: fn(&Traffic) -> u64| row.network.values().map(of).sum();
    (sum(|it| it.received.bytes), sum(|it| it.sent.bytes))
}

/// A container as a line of JSON: numbers only, with Podman's names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    #[serde(rename = "AvgCPU")]
    average_cpu: f64,
    #[serde(rename = "ContainerID")]
    id: &'a str,
    name: &'a str,
    #[serde(rename = "PerCPU")]
    per_cpu: Option<()>,
    #[serde(rename = "CPU")]
    cpu: f64,
    #[serde(rename = "CPUNano")]
    cpu_nanos: u64,
    #[serde(rename = "CPUSystemNano")]
    system_nanos: u64,
    system_nano: u64,
    mem_usage: u64,
    mem_limit: u64,
    mem_perc: f64,
    network: Interfaces<'a>,
    block_input: u64,
    block_output: u64,
    #[serde(rename = "PIDs")]
    pids: u64,
    up_time: u64,
    duration: u64,
}

impl<'a> Line<'a> {
    fn new(row: &'a Row) -> Self {
        Self {
            average_cpu: row.average_cpu,
            id: &row.id,
            name: &row.name,
            per_cpu: None,
            cpu: row.cpu,
            cpu_nanos: row.cpu_nanos,
            system_nanos: 0,
            system_nano: row.looked_at,
            mem_usage: row.memory.0,
            mem_limit: row.memory.1,
            mem_perc: of_limit(row),
            network: interfaces(row),
            block_input: row.block.0,
            block_output: row.block.1,
            pids: row.pids,
            up_time: row.cpu_nanos,
            duration: row.cpu_nanos,
        }
    }
}

/// The same for programs.
#[derive(Serialize)]
struct Wire<'a> {
    id: String,
    name: &'a str,
    cpu_time: String,
    cpu_percent: String,
    avg_cpu: String,
    mem_usage: String,
    mem_percent: String,
    net_io: String,
    block_io: String,
    pids: String,
}

/// The text of `stats` at one moment.
pub fn text(rows: &[Row], format: Option<&str>, no_trunc: bool) -> Result<String, TemplateError> {
    let shown: Vec<Shown<'_>> = rows.iter().map(|row| shown(row, no_trunc)).collect();
    if is_json(format) {
        let wire: Vec<Wire<'_>> = shown.into_iter().map(wire).collect();
        return Ok(format!("{}\n", json::pretty(&wire, 1)));
    }
    if is_json_lines(format) {
        return Ok(json_lines(rows.iter().map(Line::new)));
    }
    render_list(format.unwrap_or(USUAL), &shown, HEADINGS, false)
}

const POD_HEADINGS: &Headings = &[
    ("BlockIO", "BLOCK IO"),
    ("CID", "CID"),
    ("CPU", "CPU %"),
    ("Mem", "MEM %"),
    ("MemUsage", "MEM USAGE/ LIMIT"),
    ("MemUsageBytes", "MEM USAGE/ LIMIT"),
    ("Name", "NAME"),
    ("NetIO", "NET IO"),
    ("PIDS", "PIDS"),
    ("Pod", "POD"),
];

const POD_USUAL: &str = "table {{.Pod}}\\t{{.CID}}\\t{{.Name}}\\t{{.CPU}}\\t{{.MemUsage}}\\t{{.Mem}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDS}}";

/// A container of a pod for templates and programs, with Podman's field names.
#[derive(Serialize)]
struct ShownOfPod<'a> {
    #[serde(rename = "CPU")]
    cpu: String,
    #[serde(rename = "MemUsage")]
    memory: String,
    #[serde(rename = "MemUsageBytes")]
    memory_bytes: String,
    #[serde(rename = "Mem")]
    memory_percent: String,
    #[serde(rename = "NetIO")]
    network: String,
    #[serde(rename = "BlockIO")]
    block: String,
    #[serde(rename = "PIDS")]
    pids: String,
    #[serde(rename = "Pod")]
    pod: String,
    #[serde(rename = "CID")]
    id: String,
    #[serde(rename = "Name")]
    name: &'a str,
}

impl<'a> ShownOfPod<'a> {
    fn new(pod: &str, row: &'a Row) -> Self {
        let it = shown(row, false);
        Self {
            cpu: it.cpu,
            memory: it.memory,
            memory_bytes: it.memory_bytes,
            memory_percent: it.memory_percent,
            network: it.network,
            block: it.block,
            pids: it.pids,
            pod: shown_id(pod, false),
            id: it.id,
            name: it.name,
        }
    }
}

/// The text of `pod stats` at one moment; each row with the pod's id.
///
/// # Errors
/// If the template cannot be used.
pub fn pod_text(rows: &[(String, Row)], format: Option<&str>) -> Result<String, TemplateError> {
    let shown: Vec<ShownOfPod<'_>> = rows.iter().map(|(pod, row)| ShownOfPod::new(pod, row)).collect();
    if is_json(format) {
        return Ok(format!("{}\n", json::pretty(&shown, 5)));
    }
    render_list(format.unwrap_or(POD_USUAL), &shown, POD_HEADINGS, false)
}

fn shown(row: &Row, no_trunc: bool) -> Shown<'_> {
    let cpu_time = go_duration(Duration::from_nanos(row.cpu_nanos));
    Shown {
        id: shown_id(&row.id, no_trunc),
        name: &row.name,
        cpu: percent(row.cpu),
        memory: pair(row.memory),
        memory_bytes: format!("{} / {}", binary_size_words(row.memory.0), binary_size_words(row.memory.1)),
        memory_percent: percent(of_limit(row)),
        network: pair(traffic(row)),
        block: pair(row.block),
        pids: row.pids.to_string(),
        cpu_time: cpu_time.clone(),
        same_cpu_time: cpu_time,
        average_cpu: percent(row.average_cpu),
        average: row.average_cpu,
        whole_id: &row.id,
        raw_cpu: row.cpu,
        per_cpu: NullIfEmpty(Vec::new()),
        cpu_nanos: row.cpu_nanos,
        // The kernel's part is not told apart.
        system_nanos: 0,
        looked_at: row.looked_at,
        memory_limit: row.memory.1,
        interfaces: interfaces(row),
        block_input: row.block.0,
        block_output: row.block.1,
        processes: row.pids,
        duration: row.cpu_nanos,
        whole: Hidden(Line::new(row)),
    }
}

/// Percent of the memory that there may be.
fn of_limit(row: &Row) -> f64 {
    match row.memory {
        (_, 0) => 0.0,
        (used, limit) => 100.0 * used as f64 / limit as f64,
    }
}

fn wire(shown: Shown<'_>) -> Wire<'_> {
    Wire {
        id: shown.id,
        name: shown.name,
        cpu_time: shown.cpu_time,
        cpu_percent: shown.cpu,
        avg_cpu: shown.average_cpu,
        mem_usage: shown.memory,
        mem_percent: shown.memory_percent,
        net_io: shown.network,
        block_io: shown.block,
        pids: shown.pids,
    }
}

fn percent(value: f64) -> String {
    format!("{value:.2}%")
}

fn pair((one, other): (u64, u64)) -> String {
    format!("{} / {}", precise_size_words(one), precise_size_words(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pontoon_lifecycle::usage::Counts;

    fn row() -> Row {
        Row {
            id: "0123456789abcdef".repeat(4),
            name: "web".to_owned(),
            cpu: 12.345,
            average_cpu: 1.0,
            cpu_nanos: 61_500_000_000,
            looked_at: 1_795_884_568_361_499_903,
            memory: (1_500_000, 3_000_000),
            network: BTreeMap::new(),
            block: (0, 2048),
            pids: 3,
        }
    }

    #[test]
    fn fields_are_podman_s() {
        let format = "{{.ID}} {{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDS}} {{.UpTime}} {{.AVGCPU}}";
        assert_eq!(
            text(&[row()], Some(format), false).unwrap(),
            "0123456789ab web 12.35% 1.5MB / 3MB 50.00% 0B / 0B 0B / 2.048kB 3 1m1.5s 1.00%\n"
        );
        let format = "{{.PIDs}} {{.CPU}} {{.CPUNano}} {{.CPUSystemNano}} {{.SystemNano}} {{.MemLimit}} {{.BlockInput}} {{.BlockOutput}} {{.Duration}} {{.Up}} {{.AvgCPU}} {{.PerCPU}} {{.MemUsageBytes}}";
        assert_eq!(
            text(&[row()], Some(format), false).unwrap(),
            "3 12.345 61500000000 0 1795884568361499903 3000000 0 2048 61500000000 1m1.5s 1 [] 1.431MiB / 2.861MiB\n"
        );
        let whole = text(&[row()], Some("{{.ContainerID}}"), false).unwrap();
        assert_eq!(whole.trim(), row().id);
        let line = text(&[row()], Some("{{json .}}"), false).unwrap();
        assert!(line.contains("\"MemUsage\":1500000,\"MemLimit\":3000000,\"MemPerc\":50.0,"), "{line}");
        assert!(line.contains("\"PIDs\":3,\"UpTime\":61500000000,"), "{line}");
        let json = text(&[row()], Some("json"), false).unwrap();
        assert!(
            json.contains("\"cpu_percent\": \"12.35%\"") && json.contains("\"net_io\": \"0B / 0B\""),
            "{json}"
        );
    }

    #[test]
    fn interfaces_are_told_one_by_one() {
        let told = |row: &Row, format: &str| text(std::slice::from_ref(row), Some(format), false).unwrap();
        assert_eq!(told(&row(), "{{json .Network}} {{.NetIO}}"), "null 0B / 0B\n");
        let counts = |bytes, packets| Counts { bytes, packets, ..Counts::default() };
        let one = Traffic { received: counts(10, 1), sent: counts(2000, 20) };
        let row = Row { network: [("eth0".to_owned(), one), ("eth1".to_owned(), one)].into(), ..row() };
        assert_eq!(told(&row, "{{.NetIO}}"), "20B / 4kB\n");
        assert_eq!(
            told(&row, "{{.Network}}"),
            "map[eth0:{10 0 0 1 2000 0 0 20} eth1:{10 0 0 1 2000 0 0 20}]\n"
        );
        assert_eq!(
            told(&row, "{{range $name, $it := .Network}}{{$name}}={{$it.TxBytes}} {{end}}"),
            "eth0=2000 eth1=2000 \n"
        );
        assert_eq!(told(&row, "{{.ContainerStats.Name}} {{.ContainerStats.PIDs}}"), "web 3\n");
        let line = told(&row, "{{json .}}");
        assert!(line.contains("\"Network\":{\"eth0\":{\"RxBytes\":10,\"RxDropped\":0,"), "{line}");
        assert_eq!(told(&row, "{{json .ContainerStats}}"), line);
    }
}
