//! Child processes: each in its own process group, so that the terminal's Ctrl-C reaches them only through this process
//! and in order, and each under a [`Guard`].

use std::{
    env,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use uuid::Uuid;

use crate::{
    error::{About, Error, Result},
    guard::Guard,
    interrupt,
};

/// A running child, the leader of its own process group.
pub struct Process {
    child: Child,
    signal: Signal,
    timeout: Duration,
}

impl Process {
    /// Starts `command`; `signal` asks it to stop, and after `timeout` it is killed.
    pub fn start(command: &mut Command, signal: Signal, timeout: Duration) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child =
            command.stdin(Stdio::null()).process_group(0).spawn().about(format_args!("Cannot start {program}"))?;
        Ok(Self { child, signal, timeout })
    }

    /// The number of its process group.
    pub fn group(&self) -> u32 {
        self.child.id()
    }

    /// Its stdout, if it was piped and has not been taken yet.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().about("Cannot ask for a child process")
    }

    /// Sends a signal to the whole group.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        match i32::try_from(self.group()).ok().and_then(Pid::from_raw) {
            Some(group) => kill_process_group(group, signal).map_err(Into::into).about("Cannot signal a child process"),
            None => Ok(()),
        }
    }

    /// Stops it and waits for its end; does nothing when it has already ended.
    ///
    /// Ignores interrupts on purpose: a second Ctrl-C must not cut the clean-up short.
    pub fn stop(&mut self) -> Result<()> {
        self.stop_by(self.signal)
    }

    /// Like [`Process::stop`], with another signal.
    pub fn stop_by(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        self.signal(signal)?;
        self.signal(Signal::CONT)?;
        if interrupt::poll(self.timeout, || self.ended())?.is_none() {
            self.signal(Signal::KILL)?;
            self.child.wait().about("Cannot wait for a child process")?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If this fails, the guard stops it.
        let _ = self.stop();
    }
}

/// A child that ends when this process does, in whatever way.
pub struct Guarded {
    /// The child; dropped, and so stopped, before its guard.
    pub process: Process,
    _guard: Guard,
}

impl Guarded {
    /// Starts `command` as [`Process::start`] does.
    pub fn start(command: &mut Command, signal: Signal, timeout: Duration) -> Result<Self> {
        let mut guard = Guard::new(signal, None)?;
        let process = Process::start(command, signal, timeout)?;
        guard.watch(process.group())?;
        Ok(Self { process, _guard: guard })
    }
}

/// Runs `command` to its end; its messages go to the terminal.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let mut child = Guarded::start(command, Signal::TERM, Duration::from_secs(5))?;
    loop {
        interrupt::check()?;
        let ended = interrupt::poll(Duration::from_millis(200), || child.process.ended())?;
        match ended {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                return Err(Error::sentence(format_args!("{what} failed ({status}); see above.")));
            }
            None => {}
        }
    }
}

/// The stdout of a program, or `None` when it cannot be run or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Removes the variables that cargo sets for the programs it runs: a nested cargo would take them for a change and
/// build again.
pub fn without_cargo_variables(command: &mut Command) {
    const SET_BY_CARGO: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in env::vars_os() {
        if SET_BY_CARGO.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env_remove("CARGO").env_remove("CARGO_PRIMARY_PACKAGE").env_remove("OUT_DIR");
}

/// A free port of 127.0.0.1 outside the range of outgoing connections, which could take it while a server restarts.
pub fn free_port() -> Result<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;

    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut ports = (0..100).map(|_| FIRST + Uuid::new_v4().as_fields().1 % COUNT);
    ports.find(is_free).ok_or_else(|| Error::sentence("Cannot find a free port."))
}

#[cfg(test)]
mod tests {
    use super::*;

    // An outgoing connection would block the port of a restarting server, for a minute after it is closed.
    #[cfg(target_os = "linux")]
    #[test]
    fn no_outgoing_connection_is_given_the_port_of_a_server() {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let lowest: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        for _ in 0..100 {
            let port = free_port().unwrap();
            assert!(port < lowest, "{port}");
        }
    }
}
