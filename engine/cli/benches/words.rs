//! How long the words take: from a command line to a request, and from rows to a table. Prints microseconds.
//!
//! `cargo bench -p pontoon-cli`. The budget of `run` as a whole leaves 300 microseconds for its command line.

use std::ffi::OsString;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use pontoon_cli::args::{Command, parse};
use pontoon_cli::run_options::Host;

/// Repetitions: enough to see past the first, cold one.
const TIMES: u32 = 2000;

fn measure(name: &str, mut deed: impl FnMut()) -> std::io::Result<()> {
    let start = Instant::now();
    deed();
    let first = start.elapsed();
    let start = Instant::now();
    for _ in 0..TIMES {
        deed();
    }
    let mean = start.elapsed() / TIMES;
    writeln!(std::io::stdout(), "{name:<28} first {:>7.1} us   mean {:>7.1} us", micros(first), micros(mean))
}

fn micros(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

fn main() -> std::io::Result<()> {
    let unit = words(
        "run --name web --replace --rm --cgroups=split --sdnotify=conmon -d --cidfile=/run/web.cid -v data:/data:ro \
         -e A=1 -e B=2 --label x=y --publish 8080:80 --network pasta --user 33 localhost/web:latest nginx -g daemon",
    );
    let host = Host::read();
    measure("run, a unit's line", || {
        if let Ok(Command::Run(args)) = parse(black_box(unit.clone())).map(|it| it.command) {
            let _ = black_box(args.lower(Vec::new(), &host));
        }
    })?;
    for line in
        ["run --rm --network none image true", "exec web true", "ps", "--log-level debug ps -a", "volume ls"]
    {
        let line_words = words(line);
        measure(line, || drop(black_box(parse(black_box(line_words.clone())))))?;
    }
    Ok(())
}
