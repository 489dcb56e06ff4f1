//! The migrations are embedded by a macro that Cargo does not see through: a new file must rebuild the crate.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
