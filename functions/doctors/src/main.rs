//! Entry point; start reading at `lib.rs`.
fn main() {}
