//! The CPU quota and the memory limit of a function's memory size, by control groups (version 1 or 2) where the machine
//! allows it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
};

use machine::{About, Error, Result, guard::Guard, progress, workspace};

/// Lambda gives one whole processor for this memory size, and proportionally less for smaller ones.
const MEGABYTES_PER_PROCESSOR: u32 = 1769;
/// The period of the quota in microseconds, the same as Lambda's.
const PERIOD: u32 = 20_000;

/// Joins the groups before `--`, then becomes the program after it, so that the program never runs outside of them.
const JOIN: &str = r#"while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 126; shift; done; shift; exec "$@""#;

/// Control groups for the processes of one environment. When this is dropped, the processes in them are killed.
pub struct CpuQuota {
    groups: Vec<PathBuf>,
    /// Removes the groups, also if this process is killed.
    _guard: Guard,
}

impl CpuQuota {
    /// The quota of a function with so many MB.
    ///
    /// # Errors
    /// A sentence, to be printed, that says why this machine does not allow it: without a quota, measurements and tests
    /// have the whole machine.
    pub fn new(megabytes: u32) -> Result<Self> {
        let name = format!("health-{}", workspace::random_hex()?);
        let made = Controller::ALL.map(|controller| controller.group(&name, megabytes));
        let mut groups: Vec<_> = made.iter().filter_map(|group| group.as_ref().ok().cloned()).collect();
        // Both controllers in one hierarchy share one group.
        groups.dedup();
        let quota = Self { _guard: Guard::of_control_groups(&groups)?, groups };
        match made.into_iter().find_map(Result::err) {
            None => Ok(quota),
            Some(why) => Err(Error::sentence(format_args!(
                "CPU and memory are not limited as Lambda limits them, because this machine does not allow it. {why}"
            ))),
        }
    }

    /// The quota, or `None` after a note, which is printed once.
    #[must_use]
    pub fn or_note(megabytes: u32) -> Option<Self> {
        static SAID: Once = Once::new();
        Self::new(megabytes).inspect_err(|note| SAID.call_once(|| progress::say(note))).ok()
    }

    /// A command that starts this program under the quota. (Add variables, arguments and so on as usual.)
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", JOIN, "quota"]).args(&self.groups).arg("--").arg(program);
        command
    }
}

/// A controller of the kernel's control groups.
#[derive(Clone, Copy)]
enum Controller {
    Cpu,
    Memory,
}

impl Controller {
    const ALL: [Self; 2] = [Self::Cpu, Self::Memory];

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    /// Makes a group of this name (or reuses the one made for another controller) with the limit set: below this
    /// process's own group if the system allows it, else as near as possible.
    fn group(self, name: &str, megabytes: u32) -> Result<PathBuf> {
        let hierarchy = Hierarchy::of(self)?;
        let mut refused = None;
        for parent in hierarchy.own.ancestors().take_while(|parent| parent.starts_with(&hierarchy.mount)) {
            let group = parent.join(name);
            match self.limit(&group, hierarchy.version, megabytes) {
                Ok(()) => return Ok(group),
                Err(why) => {
                    // It is empty; if it could not be made, there is nothing to remove.
                    let _ = fs::remove_dir(&group);
                    refused.get_or_insert(why);
                }
            }
        }
        Err(refused.unwrap_or_else(|| Error::sentence("It has no control groups.")))
    }

    fn limit(self, group: &Path, version: Version, megabytes: u32) -> Result<()> {
        if !group.is_dir() {
            fs::create_dir(group).about_path("create", group)?;
        }
        let quota = PERIOD * megabytes / MEGABYTES_PER_PROCESSOR;
        let bytes = (u64::from(megabytes) << 20).to_string();
        // The last file is missing where the kernel does not count swap; then there is nothing to limit.
        let (settings, swap) = match (self, version) {
            (Self::Cpu, Version::One) => {
                (vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())], None)
            }
            (Self::Cpu, Version::Two) => (vec![("cpu.max", format!("{quota} {PERIOD}"))], None),
            (Self::Memory, Version::One) => {
                (vec![("memory.limit_in_bytes", bytes.clone())], Some(("memory.memsw.limit_in_bytes", bytes)))
            }
            (Self::Memory, Version::Two) => (vec![("memory.max", bytes)], Some(("memory.swap.max", "0".to_owned()))),
        };
        let swap = swap.filter(|(file, _)| group.join(file).exists());
        for (file, value) in settings.into_iter().chain(swap) {
            let path = group.join(file);
            fs::write(&path, value).about_path("write", &path)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The hierarchy of groups that a controller works on.
struct Hierarchy {
    version: Version,
    mount: PathBuf,
    /// The group of this process, as a path in the file system.
    own: PathBuf,
}

impl Hierarchy {
    fn of(controller: Controller) -> Result<Self> {
        let read = |path| fs::read_to_string(path).about_path("read", Path::new(path));
        let (mounts, groups) = (read("/proc/self/mounts")?, read("/proc/self/cgroup")?);
        let missing = || Error::sentence(format_args!("It has no control groups for {}.", controller.name()));
        Self::find(controller.name(), &mounts, &groups).ok_or_else(missing)
    }

    /// The mount of a controller: a hierarchy of version 1 that names it, else the one of version 2.
    fn find(controller: &str, mounts: &str, groups: &str) -> Option<Self> {
        let place = |version| {
            mounts.lines().find_map(|line| {
                let mut fields = line.split(' ').skip(1);
                let (mount, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
                let fits = match version {
                    Version::One => kind == "cgroup" && options.split(',').any(|option| option == controller),
                    Version::Two => kind == "cgroup2",
                };
                fits.then(|| PathBuf::from(mount))
            })
        };
        let (version, mount) = match place(Version::One) {
            Some(mount) => (Version::One, mount),
            None => (Version::Two, place(Version::Two)?),
        };
        let own = groups.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let fits = match version {
                Version::One => controllers.split(',').any(|other| other == controller),
                Version::Two => controllers.is_empty(),
            };
            fits.then_some(path.trim_start_matches('/'))
        })?;
        Some(Self { version, own: mount.join(own), mount })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::ExitStatusExt,
        process::{Child, Stdio},
        time::{Duration, Instant},
    };

    use super::*;
    use machine::interrupt;

    /// Lambda's smallest: 7.2 % of a processor.
    const SMALLEST: u32 = 128;

    /// The processor time of a process in seconds.
    fn cpu(child: &Child) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/schedstat", child.id())).unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    }

    #[test]
    fn a_process_gets_the_processor_time_of_its_memory_size() {
        let Some(quota) = CpuQuota::or_note(SMALLEST) else { return };
        let spin = ["-c", "while :; do :; done"];
        let shell = Path::new("/bin/sh");
        let (mut free, mut limited) =
            (Command::new(shell).args(spin).spawn().unwrap(), quota.command(shell).args(spin).spawn().unwrap());

        let started = Instant::now();
        interrupt::poll(Duration::from_secs(60), || Ok((cpu(&limited) > 0.15).then_some(()))).unwrap();
        let (wall, free_cpu, limited_cpu) = (started.elapsed().as_secs_f64(), cpu(&free), cpu(&limited));
        for child in [&mut free, &mut limited] {
            child.kill().unwrap();
            child.wait().unwrap();
        }

        let got = limited_cpu / wall;
        assert!(got < 0.12, "{got} of a processor instead of 0.072");
        assert!(free_cpu > limited_cpu, "{free_cpu} s without a quota, {limited_cpu} s with one");
    }

    #[test]
    fn a_process_above_its_memory_limit_is_killed() {
        let Some(quota) = CpuQuota::or_note(SMALLEST) else { return };
        // `tail` keeps everything until a line ends: twice the limit.
        let run = |mut tail: Command| {
            let bytes = (SMALLEST << 21).to_string();
            let mut zeros =
                Command::new("head").args(["-c", &bytes, "/dev/zero"]).stdout(Stdio::piped()).spawn().unwrap();
            tail.args(["-n", "1"]).stdin(zeros.stdout.take().unwrap()).stdout(Stdio::null());
            let status = tail.status().unwrap();
            // It holds the end of the pipe that `head` writes to.
            drop(tail);
            zeros.wait().unwrap();
            status
        };

        assert!(run(Command::new("tail")).success());
        assert_eq!(run(quota.command(Path::new("tail"))).signal(), Some(9));
    }

    #[test]
    fn a_quota_ends_with_all_that_runs_in_it() {
        let Some(quota) = CpuQuota::or_note(SMALLEST) else { return };
        let mut child = quota.command(Path::new("sleep")).arg("60").spawn().unwrap();
        let groups = quota.groups.clone();
        let inside = |group: &PathBuf| {
            let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap();
            Ok(processes.lines().any(|line| line == child.id().to_string()).then_some(()))
        };
        for group in &groups {
            assert!(interrupt::poll(Duration::from_secs(10), || inside(group)).unwrap().is_some());
        }

        drop(quota);

        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert!(!groups.is_empty() && groups.iter().all(|group| !group.exists()));
    }

    #[test]
    fn both_versions_of_control_groups_are_found() {
        let first = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n\
                     cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let second = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";

        let found = Hierarchy::find("cpu", first, "5:memory:/m\n4:cpu,cpuacct:/a/b\n0::/c\n").unwrap();
        assert!(found.version == Version::One && found.own == Path::new("/sys/fs/cgroup/cpu,cpuacct/a/b"));
        let found = Hierarchy::find("cpu", second, "0::/user.slice/a.scope\n").unwrap();
        assert!(found.version == Version::Two && found.own == Path::new("/sys/fs/cgroup/user.slice/a.scope"));
        assert!(Hierarchy::find("cpu", "proc /proc proc rw 0 0\n", "").is_none());
    }
}
