//! `cargo dev`: the whole API with its database on a developer's machine.
//!
//! - [`dev`]: the command: settings, database, functions, then waiting for Ctrl-C
//! - [`stack`]: the functions behind the rig's gateway and cargo-lambda's Lambda API

pub mod dev;
pub mod stack;
