//! No request costs more than its length: hostile ones of twice the size take at most 2.2 times the instructions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot run has failed")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    thread,
};

use fuzz::growth::{SIZES, shapes};
use machine::{
    process::{run, without_cargo_variables},
    workspace,
};

/// The function whose instructions are counted.
const COUNTED: &str = "fuzz::growth::handle_hostile";
/// By how much the instructions may grow from one size to the next.
const MOST: f64 = 2.2;

/// The program, built with `[profile.growth]` in the target folder of this test.
fn program() -> PathBuf {
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap());
    without_cargo_variables(&mut cargo);
    cargo.args(["build", "--quiet", "--locked", "--profile", "growth", "--package", "fuzz", "--bin", "growth"]);
    cargo.arg("--target-dir").arg(target).current_dir(workspace::root());
    run(&mut cargo, "Building the program whose instructions are counted").unwrap();
    target.join("growth").join("growth")
}

/// The instructions of each response, in order. Callgrind writes a file whenever it leaves the function that answers.
fn instructions(program: &Path, shapes: &[String], folder: &Path) -> Vec<u64> {
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .args([format!("--toggle-collect={COUNTED}"), format!("--dump-after={COUNTED}")])
        .arg(format!("--callgrind-out-file={}", folder.join("part").display()))
        .arg(program)
        .args(shapes)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "a hostile request is answered otherwise than expected, or valgrind fails");
    let count = |number: usize| {
        let text = fs::read_to_string(folder.join(format!("part.{number}"))).unwrap();
        let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
        totals.unwrap_or_else(|| panic!("part {number} has no totals")).trim().parse().unwrap()
    };
    (1..=shapes.len() * SIZES.len()).map(count).collect()
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The shapes whose instructions grow faster than they do.
#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn too_fast(program: &Path, shapes: &[String]) -> Vec<String> {
    let folder = Folder(env::temp_dir().join(format!("health-growth-{}-{}", process::id(), shapes.len())));
    fs::create_dir(&folder.0).unwrap();
    let counts = instructions(program, shapes, &folder.0);
    let grows_too_fast = |counts: &&[u64]| !counts.is_sorted_by(|one, next| *next as f64 <= *one as f64 * MOST);
    let all = shapes.iter().zip(counts.chunks(SIZES.len()));
    all.filter(|(_, counts)| grows_too_fast(counts)).map(|(shape, counts)| format!("{shape}: {counts:?}")).collect()
}

#[test]
fn no_request_takes_more_instructions_than_its_length_is_worth() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("Instructions are counted by valgrind, which is not here: apt-get install valgrind.");
        return;
    }
    let (program, shapes) = (program(), shapes());
    let halves = shapes.split_at(shapes.len() / 2 - 1);
    let found = thread::scope(|scope| {
        let other = scope.spawn(|| too_fast(&program, halves.1));
        [too_fast(&program, halves.0), other.join().unwrap()].concat()
    });
    assert_eq!(found, [] as [String; 0], "at sizes {SIZES:?}");
}
