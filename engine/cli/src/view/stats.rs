//! What containers use, in Podman's columns.

use serde::Serialize;

use super::{is_json, shown_id};
use crate::format::{Headings, TemplateError, json, render_list};
use crate::time::precise_size_words;
use crate::view::top::go_duration;

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
    /// Processor time, in seconds.
    pub cpu_seconds: f64,
    /// Bytes in use, and the most there may be.
    pub memory: (u64, u64),
    /// Bytes received and sent.
    pub network: (u64, u64),
    /// Bytes read and written.
    pub block: (u64, u64),
    /// Processes and threads.
    pub pids: u64,
}

const HEADINGS: &Headings = &[
    ("AvgCPU", "AVG CPU %"),
    ("BlockIO", "BLOCK IO"),
    ("CPUPerc", "CPU %"),
    ("ID", "ID"),
    ("MemPerc", "MEM %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemUsageBytes", "MEM USAGE / LIMIT"),
    ("Name", "NAME"),
    ("NetIO", "NET IO"),
    ("PIDS", "PIDS"),
    ("UpTime", "CPU TIME"),
];

const USUAL: &str = "table {{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDS}}\\t{{.UpTime}}\\t{{.AvgCPU}}";

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
    #[serde(rename = "AvgCPU")]
    average_cpu: String,
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
    let of_limit = match row.memory {
        (_, 0) => 0.0,
        (used, limit) => 100.0 * used as f64 / limit as f64,
    };
    Shown {
        id: shown_id(&row.id, no_trunc),
        name: &row.name,
        cpu: percent(row.cpu),
        memory: pair(row.memory),
        memory_bytes: format!("{}B / {}B", row.memory.0, row.memory.1),
        memory_percent: percent(of_limit),
        network: pair(row.network),
        block: pair(row.block),
        pids: row.pids.to_string(),
        cpu_time: go_duration(row.cpu_seconds),
        average_cpu: percent(row.average_cpu),
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

    fn row() -> Row {
        Row {
            id: "0123456789abcdef".repeat(4),
            name: "web".to_owned(),
            cpu: 12.345,
            average_cpu: 1.0,
            cpu_seconds: 61.5,
            memory: (1_500_000, 3_000_000),
            network: (0, 0),
            block: (0, 2048),
            pids: 3,
        }
    }

    #[test]
    fn fields_are_podman_s() {
        let format = "{{.ID}} {{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDS}} {{.UpTime}} {{.AvgCPU}}";
        assert_eq!(
            text(&[row()], Some(format), false).unwrap(),
            "0123456789ab web 12.35% 1.5MB / 3MB 50.00% 0B / 0B 0B / 2.048kB 3 1m1.5s 1.00%\n"
        );
        let json = text(&[row()], Some("json"), false).unwrap();
        assert!(
            json.contains("\"cpu_percent\": \"12.35%\"") && json.contains("\"net_io\": \"0B / 0B\""),
            "{json}"
        );
    }
}
