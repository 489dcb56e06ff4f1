//! What production does to the functions, on its worst day.
//!
//! - [`Share`]: the CPU share and the memory that a function's memory size comes with

mod share;

pub use share::Share;
