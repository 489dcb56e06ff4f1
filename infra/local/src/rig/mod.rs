//! The rig: what production does to the functions, on its worst day.
//!
//! - [`proxy`]: the network, a TCP proxy with faults that counts flights

pub mod proxy;
