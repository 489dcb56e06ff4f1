//! The settings that a server is started with, besides its address.

/// Throw-away data need not survive a crash of the machine; every statement is logged, without its values.
pub(super) const TEMPORARY: [&str; 11] = [
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=200",
    "log_statement=none",
    "log_min_duration_statement=0",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_error_verbosity=terse",
    "log_line_prefix=%m [%p] %u@%d ",
];

/// As durable as in AWS: all other settings keep PostgreSQL's defaults.
pub(super) const DURABLE: [&str; 3] =
    ["max_connections=200", "log_parameter_max_length_on_error=0", "log_error_verbosity=terse"];

pub(super) const PERSISTENT: [&str; 2] = ["log_parameter_max_length_on_error=0", "log_error_verbosity=terse"];
