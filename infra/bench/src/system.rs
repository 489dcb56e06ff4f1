//! One processor, and what the system says about a process.

use std::{fs, path::Path, process::Command, time::Duration};

use machine::process;

/// Pins this process and its children to one processor: waking up another one costs more than a request, and varies.
/// `None` without `taskset`.
pub(super) fn pin_to_one_processor() -> Option<u32> {
    let number: u32 = status("self", "Cpus_allowed_list")?.rsplit([',', '-']).next()?.parse().ok()?;
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &number.to_string(), &std::process::id().to_string()]);
    process::output(&mut taskset).map(|_| number)
}

/// The processor time of a process so far; zero where the system does not say.
pub(super) fn cpu_time(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Resident memory in MiB: now (`VmRSS`) or its maximum so far (`VmHWM`).
pub(super) fn memory(process: u32, which: &str) -> Option<f64> {
    let kibibytes = status(&process.to_string(), which)?;
    Some(kibibytes.strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
}

fn status(process: &str, field: &str) -> Option<String> {
    let text = fs::read_to_string(Path::new("/proc").join(process).join("status")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}
