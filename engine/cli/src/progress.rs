//! The progress of a pull: one line for each layer, redrawn on a terminal, written once elsewhere.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pontoon_image::{Digest, Progress, ResolvedImage};

use pontoon_runtime::plan::Window;

use crate::terminal;
use crate::time::size_words;

/// Time between two drawings: fast enough for the eye, slow enough for a terminal over a network.
const INTERVAL: Duration = Duration::from_millis(100);
/// How many digits of a digest are shown.
const SHORT_DIGEST: usize = 12;
/// Size of a terminal that does not tell.
const USUAL_SIZE: Window = Window { rows: 24, columns: 80 };

/// Shows on standard error how a pull goes on.
#[derive(Debug)]
pub struct PullProgress {
    on_terminal: bool,
    drawing: Mutex<Drawing>,
}

#[derive(Debug)]
struct Drawing {
    layers: Vec<Layer>,
    lines_drawn: usize,
    last: Option<Instant>,
}

/// A layer on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layer {
    name: String,
    size: u64,
    received: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Present,
    Coming,
    Done,
}

impl PullProgress {
    /// Draws on standard error if it is a terminal, and writes plain lines if not.
    pub fn new() -> Self {
        let on_terminal = terminal::is_terminal(std::io::stderr().as_fd());
        Self { on_terminal, drawing: Mutex::new(Drawing { layers: Vec::new(), lines_drawn: 0, last: None }) }
    }

    /// Draws a last time; what is written from now on stands below.
    pub fn finish(&self) {
        self.change(true, |_| {});
        // After this, nothing may move the cursor up again.
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner).lines_drawn = 0;
    }

    fn change(&self, at_once: bool, change: impl FnOnce(&mut Vec<Layer>)) {
        // A panic elsewhere leaves at worst an odd picture.
        let mut drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut drawing.layers);
        let due = drawing.last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if !self.on_terminal || !(at_once || due) {
            return;
        }
        drawing.last = Some(Instant::now());
        let size = Window::of(std::io::stderr().as_fd()).unwrap_or(USUAL_SIZE);
        let lines = lines(&drawing.layers, size);
        let text = redrawing(drawing.lines_drawn, &lines);
        drawing.lines_drawn = lines.len();
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    fn say(&self, text: &str) {
        if !self.on_terminal {
            crate::output::err(&format!("{text}\n"));
        }
    }

    fn layer(&self, digest: &Digest, at_once: bool, change: impl FnOnce(&mut Layer)) {
        self.change(at_once, |layers| {
            let name = short(digest);
            let known = layers.iter().position(|layer| layer.name == name);
            let index = known.unwrap_or_else(|| {
                layers.push(Layer { name, size: 0, received: 0, phase: Phase::Waiting });
                layers.len() - 1
            });
            if let Some(layer) = layers.get_mut(index) {
                change(layer);
            }
        });
    }
}

impl Default for PullProgress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for PullProgress {
    fn resolved(&self, image: &ResolvedImage) {
        self.change(true, |layers| {
            for layer in &image.layers {
                let name = short(&layer.digest);
                if layers.iter().all(|known| known.name != name) {
                    layers.push(Layer { name, size: layer.size, received: 0, phase: Phase::Waiting });
                }
            }
        });
    }

    fn layer_present(&self, digest: &Digest) {
        self.say(&format!("Copying blob {} skipped: already exists", short(digest)));
        self.layer(digest, true, |layer| layer.phase = Phase::Present);
    }

    fn layer_started(&self, digest: &Digest, size: u64) {
        self.say(&format!("Copying blob {}", short(digest)));
        self.layer(digest, true, |layer| {
            layer.size = size;
            layer.received = 0;
            layer.phase = Phase::Coming;
        });
    }

    fn layer_bytes(&self, digest: &Digest, bytes: u64) {
        self.layer(digest, false, |layer| layer.received = layer.received.saturating_add(bytes));
    }

    fn layer_done(&self, digest: &Digest) {
        self.layer(digest, true, |layer| layer.phase = Phase::Done);
    }

    fn retrying(&self, what: &str, reason: &str) {
        let text = format!("warning: {what} is tried again: {reason}");
        if self.on_terminal {
            // The warning stays above; the lines are drawn anew below it.
            self.drawing.lock().unwrap_or_else(PoisonError::into_inner).lines_drawn = 0;
        }
        let clean: String =
            text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        crate::output::err(&format!("{clean}\n"));
    }
}

fn short(digest: &Digest) -> String {
    let text = digest.to_string();
    let hex = text.split_once(':').map_or(text.as_str(), |(_, hex)| hex);
    hex.get(..SHORT_DIGEST).unwrap_or(hex).to_owned()
}

/// The text that replaces the lines drawn before.
fn redrawing(drawn: usize, lines: &[String]) -> String {
    let mut text = String::new();
    if drawn > 0 {
        text.push_str(&format!("\u{1b}[{drawn}A"));
    }
    for line in lines {
        text.push_str("\r\u{1b}[2K");
        text.push_str(line);
        text.push('\n');
    }
    // Lines of a longer drawing are wiped.
    text.push_str("\u{1b}[0J");
    text
}

/// The lines to draw. If there are too many for the terminal, those that are done become one.
fn lines(layers: &[Layer], size: Window) -> Vec<String> {
    let rows = usize::from(size.rows).saturating_sub(1).max(1);
    let columns = usize::from(size.columns);
    if layers.len() <= rows {
        return layers.iter().map(|layer| line(layer, columns)).collect();
    }
    let is_done = |layer: &&Layer| matches!(layer.phase, Phase::Done | Phase::Present);
    let done = layers.iter().filter(is_done).count();
    let summary = format!("{done} of {} layers are here", layers.len());
    let coming = layers.iter().filter(|layer| layer.phase == Phase::Coming).take(rows - 1);
    std::iter::once(summary).chain(coming.map(|layer| line(layer, columns))).collect()
}

fn line(layer: &Layer, columns: usize) -> String {
    let head = format!("Copying blob {}", layer.name);
    match layer.phase {
        Phase::Waiting => format!("{head} waiting"),
        Phase::Present => format!("{head} already exists"),
        Phase::Done => format!("{head} done   {}", size_words(layer.size)),
        Phase::Coming => {
            let tail = format!("{} / {}", size_words(layer.received), size_words(layer.size));
            // Two brackets, three blanks, and one column kept free: some terminals wrap at the last.
            let room = columns.saturating_sub(head.len() + tail.len() + 6).min(40);
            if room < 10 {
                return format!("{head} {tail}");
            }
            let part = u128::from(layer.received.min(layer.size)) * u128::try_from(room).unwrap_or(0);
            let filled = usize::try_from(part / u128::from(layer.size.max(1))).unwrap_or(room);
            format!("{head} [{}{}] {tail}", "=".repeat(filled), " ".repeat(room - filled))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, phase: Phase, received: u64, size: u64) -> Layer {
        Layer { name: name.to_owned(), size, received, phase }
    }

    #[test]
    fn each_layer_has_a_line() {
        let layers = [
            layer("aaaaaaaaaaaa", Phase::Present, 0, 0),
            layer("bbbbbbbbbbbb", Phase::Coming, 5_000_000, 10_000_000),
            layer("cccccccccccc", Phase::Waiting, 0, 10),
            layer("dddddddddddd", Phase::Done, 10, 2_180_000),
        ];
        let drawn = lines(&layers, Window { rows: 24, columns: 80 });
        assert_eq!(
            drawn,
            [
                "Copying blob aaaaaaaaaaaa already exists",
                "Copying blob bbbbbbbbbbbb [===================                    ] 5MB / 10MB",
                "Copying blob cccccccccccc waiting",
                "Copying blob dddddddddddd done   2.18MB",
            ]
        );
        assert!(drawn.iter().all(|line| line.len() < 80));
        assert_eq!(
            lines(&layers[1..2], Window { rows: 24, columns: 40 }),
            ["Copying blob bbbbbbbbbbbb 5MB / 10MB"]
        );
    }

    #[test]
    fn a_small_terminal_gets_a_summary() {
        let mut layers = vec![layer("done", Phase::Done, 1, 1); 9];
        layers.push(layer("coming", Phase::Coming, 1, 0));
        let drawn = lines(&layers, Window { rows: 5, columns: 20 });
        assert_eq!(drawn, ["9 of 10 layers are here", "Copying blob coming 1B / 0B"]);
    }

    #[test]
    fn redrawing_replaces_the_lines_before() {
        let text = redrawing(2, &["one".to_owned()]);
        assert_eq!(text, "\u{1b}[2A\r\u{1b}[2Kone\n\u{1b}[0J");
    }
}
