//! The serial line to the guest's agent (`uml/agent.sh`, which has the protocol): a script goes in, its answer comes out.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What comes over the line.
#[derive(Debug)]
enum Said {
    Ready,
    Answer(Answer),
}

/// Exit code, standard output and standard error.
pub type Answer = (i32, String, String);

/// Our end of the line.
#[derive(Debug)]
pub struct Line {
    input: File,
    said: Receiver<Said>,
}

impl Line {
    /// The line whose ends are these. Output's end is the machine's.
    pub fn new(input: File, output: ChildStdout) -> Self {
        let (sender, said) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(word) = read(&mut output) {
                if sender.send(word).is_err() {
                    break;
                }
            }
        });
        Self { input, said }
    }

    /// Waits for the agent's first word.
    pub fn is_ready_within(&mut self, limit: Duration) -> bool {
        matches!(self.said.recv_timeout(limit), Ok(Said::Ready))
    }

    /// Waits for the end of the machine.
    pub fn ended_within(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            match self.said.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    /// Has a script run. None if the agent does not answer, though it ends scripts that go over the limit.
    pub fn ask(&mut self, user: &str, script: &str, limit: Duration) -> Option<Answer> {
        self.send(user, script, limit);
        match self.said.recv_timeout(limit + Duration::from_secs(30)) {
            Ok(Said::Answer(answer)) => Some(answer),
            _ => None,
        }
    }

    /// Has a script run whose answer may not come any more.
    pub fn send(&mut self, user: &str, script: &str, limit: Duration) {
        let script = script.replace('\\', r"\\").replace('\n', r"\n");
        let request = format!("{user} {} {script}\n", limit.as_secs());
        // What does not fit into the guest's terminal at once (N_TTY_BUF_SIZE) may never arrive there.
        assert!(request.len() < 4096, "too long for the line to the UML host:\n{request}");
        self.input.write_all(request.as_bytes()).expect("a fifo that we read ourselves");
    }
}

/// The next word of the agent's. The kernel talks on the same line before the agent has it.
fn read(output: &mut BufReader<ChildStdout>) -> Option<Said> {
    loop {
        let mut header = Vec::new();
        if output.read_until(b'\n', &mut header).ok()? == 0 {
            return None;
        }
        let header = String::from_utf8_lossy(&header).into_owned();
        let Some(header) = header.trim_end().strip_prefix('@') else { continue };
        if header == "ready" {
            return Some(Said::Ready);
        }
        let mut numbers = header.split(' ').map_while(|it| it.parse().ok());
        let (code, out, err): (u32, u32, u32) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let mut text = |length: u32| {
            let mut bytes = Vec::new();
            output.by_ref().take(length.into()).read_to_end(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        return Some(Said::Answer((i32::try_from(code).ok()?, text(out)?, text(err)?)));
    }
}
