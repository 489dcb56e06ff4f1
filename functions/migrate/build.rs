//! The migrations are embedded by a macro that Cargo does not see through: a new file must rebuild the crate.

#![expect(clippy::print_stdout, reason = "this is how a build script talks to Cargo")]

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
