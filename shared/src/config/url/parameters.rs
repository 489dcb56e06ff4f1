//! Names of parameters that are known, by what becomes of them.

/// Parameters that say where the tables are.
pub(super) const SCHEMAS: [&str; 3] = ["currentSchema", "schema", "search_path"];

/// Whether its value may be a text with an `@` in it. Behind any other name an `@` is the end of a password.
pub(super) fn may_hold_an_at(name: &str) -> bool {
    TEXTS.contains(&name) || UNSUPPORTED.contains(&name)
}

const TEXTS: [&str; 9] = [
    "ApplicationName",
    "application_name",
    "dbname",
    "fallback_application_name",
    "host",
    "hostaddr",
    "password",
    "sslrootcert",
    "user",
];

/// Texts that ask for something that is not done.
const UNSUPPORTED: [&str; 11] = [
    "gsslib",
    "krbsrvname",
    "options",
    "passfile",
    "requirepeer",
    "service",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslpassword",
];

/// Parameters that change nothing here: what they ask for is done anyway, is for another client's pool, or is a time
/// limit, of which the functions have their own.
pub(super) const IGNORED: [&str; 26] = [
    "ApplicationName",
    "application_name",
    "channel_binding",
    "client_encoding",
    "connectTimeout",
    "connect_timeout",
    "connection_limit",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "pgbouncer",
    "pool_timeout",
    "prepareThreshold",
    "socket_timeout",
    "ssl_min_protocol_version",
    "sslcompression",
    "sslnegotiation",
    "sslsni",
    "statement_cache_size",
    "target_session_attrs",
    "tcp_user_timeout",
];
