//! A program that ends by itself, and what it says meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use crate::program::PATIENCE;

/// See the module's head.
pub(crate) struct Watched {
    child: Child,
    lines: Receiver<String>,
    /// What it wrote on standard error until now.
    said: String,
}

impl Watched {
    pub(crate) fn begin(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (heard, lines) = channel();
        std::thread::spawn(move || {
            let mut lines = stderr.lines().map_while(Result::ok);
            // Nobody listens any more when the test is over.
            lines.try_for_each(|line| heard.send(line))
        });
        let said = String::new();
        Watched { child, lines, said }
    }

    /// Waits until it says something with `word` in it, on standard error.
    #[track_caller]
    pub(crate) fn says(&mut self, word: &str) {
        while let Some(line) = self.next_line() {
            if line.contains(word) {
                return;
            }
        }
        panic!("it never says {word:?}: {}", self.said);
    }

    /// Waits for its end: how it was, and all that it said.
    #[track_caller]
    pub(crate) fn ends(mut self) -> (ExitStatus, String) {
        while self.next_line().is_some() {}
        let status = self.child.wait().expect("it ends");
        (status, std::mem::take(&mut self.said))
    }

    /// None when it says nothing any more.
    #[track_caller]
    fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.said += &format!("{line}\n");
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("silent for {PATIENCE:?} and not ended: {}", self.said)
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
