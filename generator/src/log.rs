//! Where faults are told: the kernel's log, which is there before the journal is, or standard error.
//!
//! Never fails: what cannot be told is lost, since there is nobody left to tell.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Write;

use pontoon_generator::Listener;
use rustix::fs::{Mode, OFlags, open};

use crate::options::Options;

/// The kernel takes no longer line.
const KERNEL_LINE: usize = 900;

/// The way to whoever reads faults.
#[derive(Debug)]
pub struct Log {
    kernel: Option<File>,
    verbose: bool,
    failed: bool,
}

impl Log {
    /// As the command line says.
    pub fn new(options: &Options) -> Self {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let kernel = options.kernel_log.then(|| open("/dev/kmsg", flags, Mode::empty()).ok()).flatten();
        Self { kernel: kernel.map(File::from), verbose: options.verbose, failed: false }
    }

    /// Standard error alone, before the command line is understood.
    pub fn to_stderr() -> Self {
        Self { kernel: None, verbose: false, failed: false }
    }

    /// Notes an error that was told elsewhere.
    pub fn fails_if(&mut self, failed: bool) {
        self.failed |= failed;
    }

    /// Whether an error was told.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Text as it is.
    pub fn plain(&mut self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    fn line(&mut self, level: u8, text: &str) {
        let mut line = format!("pontoon-generator[{}]: ", std::process::id());
        // A path may hold anything; one fault stays one line.
        for part in text.chars() {
            let _ = if part.is_control() {
                write!(line, "{}", part.escape_default())
            } else {
                line.write_char(part)
            };
        }
        if let Some(kernel) = &mut self.kernel {
            let end =
                (0..=KERNEL_LINE.min(line.len())).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
            let short = line.get(..end).unwrap_or("");
            if kernel.write_all(format!("<{level}>{short}").as_bytes()).is_ok() {
                return;
            }
        }
        self.plain(&line);
    }
}

impl Listener for Log {
    fn error(&mut self, text: &str) {
        self.failed = true;
        self.line(3, text);
    }

    fn warning(&mut self, text: &str) {
        self.line(4, text);
    }

    fn debug(&mut self, text: fmt::Arguments<'_>) {
        if self.verbose {
            self.line(7, &text.to_string());
        }
    }
}
