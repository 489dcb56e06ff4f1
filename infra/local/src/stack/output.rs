//! The output of the emulator and the functions, line by line, to stdout or a file.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write},
    path::Path,
    thread::{self, JoinHandle},
    time::Duration,
};

use machine::{About, Error, Result, interrupt};

pub(super) struct Output {
    /// The pipe that they write to. It reaches its end when all of them have ended.
    writer: Option<PipeWriter>,
    thread: JoinHandle<()>,
}

impl Output {
    pub(super) fn open(log: Option<&Path>) -> Result<Self> {
        let (reader, writer) = io::pipe().about("Cannot open a pipe")?;
        let to: Box<dyn Write + Send> = match log {
            Some(path) => Box::new(File::create(path).about_path("create", path)?),
            None => Box::new(io::stdout()),
        };
        Ok(Self { writer: Some(writer), thread: thread::spawn(move || forward(reader, to)) })
    }

    /// A writer for one of them.
    pub(super) fn writer(&self) -> Result<PipeWriter> {
        let writer = self.writer.as_ref().ok_or(io::ErrorKind::NotConnected.into()).and_then(PipeWriter::try_clone);
        writer.about("Cannot open a pipe")
    }

    /// Waits until all of them have ended.
    pub(super) fn wait(&mut self) -> Result<()> {
        drop(self.writer.take());
        let gone = interrupt::poll(Duration::from_secs(10), || Ok(self.thread.is_finished().then_some(())))?;
        gone.ok_or_else(|| Error::sentence("A function is still running: see `ps -e` and stop it by its number."))
    }
}

fn forward(from: PipeReader, mut to: Box<dyn Write + Send>) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        // A closed terminal must not stop the reading: the functions would block.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        line.clear();
    }
}
