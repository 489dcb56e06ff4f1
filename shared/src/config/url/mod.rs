//! `postgres://user:password@host:port/database?parameter=value&…`, as people copy it from wherever their database is.
//!
//! The driver's own parser is not used: it splits a password with an `@` at another place than `psql` does, and does not
//! report what it does not understand.

mod parameters;

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use self::parameters::{IGNORED, SCHEMAS, may_hold_an_at};

/// Why a text is no URL of a database that can be used. It never holds a value, only the name of a parameter.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It does not begin as one.
    #[error("must be postgres://user:password@host:port/database")]
    Form,
    /// A character of user or password ends that part of the URL.
    #[error("has a /, a ? or an @ in its user or password: write it as %2F, %3F or %40")]
    NotEncoded,
    /// A part is missing, or cannot be what it is.
    #[error("{0}")]
    Part(&'static str),
    /// A parameter has a value that it cannot have here.
    #[error("has the parameter {0}, which must be {1}")]
    Value(&'static str, &'static str),
    /// A parameter asks for something that is not done.
    #[error("has the parameter {0}, which is not supported: leave it out")]
    Unsupported(String),
}

/// A database and the login to it.
pub struct DatabaseUrl {
    /// The host's name or address.
    pub host: String,
    /// The port; 5432 unless the URL says another.
    pub port: u16,
    /// The name of the database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password; empty when there is none.
    pub password: String,
    /// The file with the authorities that sign the server's certificate (`sslrootcert`).
    pub ca_file: Option<String>,
    tls: Tls,
}

/// How much TLS is wanted (`sslmode`). Certificates are always verified in full, whatever the mode asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    Off,
    /// Unless the server is on this machine.
    Usual,
    On,
}

/// What a URL may say anywhere, before it is known to say enough.
#[derive(Default)]
struct Parts<'u> {
    host: Cow<'u, str>,
    port: Cow<'u, str>,
    database: Cow<'u, str>,
    user: Cow<'u, str>,
    password: Cow<'u, str>,
    ca_file: Option<String>,
    tls: Option<Tls>,
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// When something in it is not understood or cannot be had.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(InvalidUrl::Form)?;
        // As JDBC and Python's libraries name their drivers.
        let scheme = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
        let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _)| scheme);
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(InvalidUrl::Form);
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
        // A password with a slash or a question mark: the `@` behind it is beyond what was taken for the server, and all
        // before it may be a piece of the password.
        let is_cut = |(name, value): (&str, &str)| name.contains('@') || value.contains('@') && !may_hold_an_at(name);
        if path.contains('@') || parameters.clone().any(is_cut) {
            return Err(InvalidUrl::NotEncoded);
        }
        let mut parts = Parts::default();
        match authority.rsplit_once('@') {
            Some((login, server)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (parts.user, parts.password) = (decoded(user)?, decoded(password)?);
                parts.server(server)?;
            }
            None => parts
                .server(authority)
                .map_err(|error| if rest.contains('@') { InvalidUrl::NotEncoded } else { error })?,
        }
        parts.database = decoded(path.strip_prefix('/').unwrap_or(path))?;
        for (name, value) in parameters {
            parts.parameter(name, value)?;
        }
        parts.complete()
    }

    /// Whether the connection must be encrypted: always, unless the URL says otherwise or names this machine.
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        let is_local =
            || self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        match self.tls {
            Tls::Off => false,
            Tls::Usual => !is_local(),
            Tls::On => true,
        }
    }

    /// The URL of the same database with another login.
    #[must_use]
    pub fn with_login(&self, user: &str, password: &str) -> String {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { encoded(&self.host) };
        let mode = match self.tls {
            Tls::Off => "disable",
            Tls::Usual => "prefer",
            Tls::On => "require",
        };
        let (user, password, database) = (encoded(user), encoded(password), encoded(&self.database));
        let ca_file = self.ca_file.as_deref().map(|path| format!("&sslrootcert={}", encoded(path)));
        let ca_file = ca_file.unwrap_or_default();
        format!("postgres://{user}:{password}@{host}:{}/{database}?sslmode={mode}{ca_file}", self.port)
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, InvalidUrl> {
    percent_decode_str(text).decode_utf8().map_err(|_| InvalidUrl::Part("has an escape (%…) that is not UTF-8"))
}

impl<'u> Parts<'u> {
    /// `host`, `host:port`, `[address]` or `[address]:port`.
    fn server(&mut self, server: &'u str) -> Result<(), InvalidUrl> {
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (server, ""),
        };
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_unclear = match address {
            Some(address) => address.parse::<Ipv6Addr>().is_err(),
            None => host.contains([':', '[', ']']) && !server.contains(','),
        };
        if is_unclear {
            return Err(InvalidUrl::Part("has a host with a colon or a bracket: write an address as [::1]"));
        }
        (self.host, self.port) = (decoded(address.unwrap_or(host))?, decoded(port)?);
        if self.host.contains(',') || self.port.contains(',') {
            return Err(InvalidUrl::Part("names several hosts: name one"));
        }
        if !self.port.is_empty() && self.port.parse::<u16>().is_err() {
            return Err(InvalidUrl::Part("has a port that is no number from 1 to 65535"));
        }
        Ok(())
    }

    fn parameter(&mut self, name: &'u str, value: &'u str) -> Result<(), InvalidUrl> {
        let value = decoded(value)?;
        let one_of = |values: &[&str]| values.contains(&&*value);
        match name {
            "host" | "hostaddr" => self.host = value,
            "port" => self.port = value,
            "user" => self.user = value,
            "password" => self.password = value,
            "dbname" => self.database = value,
            "sslmode" => self.tls = Some(mode(&value)?),
            "ssl" if one_of(&["true", "1", ""]) => self.tls = Some(Tls::On),
            "ssl" if one_of(&["false", "0"]) => self.tls = Some(Tls::Off),
            "ssl" => return Err(InvalidUrl::Value("ssl", "true or false")),
            "sslrootcert" if one_of(&["", "system"]) => {
                return Err(InvalidUrl::Value("sslrootcert", "the path of a PEM file"));
            }
            "sslrootcert" => self.ca_file = Some(value.into_owned()),
            "target_session_attrs" if !one_of(&["any", "read-write", "primary"]) => {
                return Err(InvalidUrl::Value("target_session_attrs", "read-write"));
            }
            "gssencmode" if !one_of(&["disable", "prefer"]) => {
                return Err(InvalidUrl::Value("gssencmode", "disable"));
            }
            name if IGNORED.contains(&name) => {}
            name if let Some(known) = SCHEMAS.iter().find(|known| **known == name) => {
                if !one_of(&["public"]) {
                    return Err(InvalidUrl::Value(known, "public, where the tables are"));
                }
            }
            name if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                return Err(InvalidUrl::Unsupported(name.to_owned()));
            }
            _ => return Err(InvalidUrl::Part("has a parameter that is not name=value")),
        }
        Ok(())
    }

    fn complete(self) -> Result<DatabaseUrl, InvalidUrl> {
        let port = if self.port.is_empty() { Some(5432) } else { self.port.parse().ok() };
        let port = port.filter(|port| *port > 0);
        let port = port.ok_or(InvalidUrl::Part("has a port that is no number from 1 to 65535"))?;
        if self.host.starts_with(['/', '@']) {
            return Err(InvalidUrl::Part("names a socket: name a host instead, such as 127.0.0.1"));
        }
        if self.host.contains(',') {
            return Err(InvalidUrl::Part("names several hosts: name one"));
        }
        for (part, missing) in [
            (&self.host, "names no host: add it, such as 127.0.0.1 for a server on this machine"),
            (&self.user, "names no user: add it, as in postgres://user:password@host:port/database"),
            (&self.database, "names no database: add it, as in postgres://user:password@host:port/database"),
        ] {
            if part.is_empty() {
                return Err(InvalidUrl::Part(missing));
            }
        }
        Ok(DatabaseUrl {
            host: self.host.into_owned(),
            port,
            database: self.database.into_owned(),
            user: self.user.into_owned(),
            password: self.password.into_owned(),
            ca_file: self.ca_file,
            tls: self.tls.unwrap_or(Tls::Usual),
        })
    }
}

fn mode(value: &str) -> Result<Tls, InvalidUrl> {
    match value {
        "disable" => Ok(Tls::Off),
        "allow" | "prefer" => Ok(Tls::Usual),
        "require" | "verify-ca" | "verify-full" => Ok(Tls::On),
        _ => Err(InvalidUrl::Value("sslmode", "disable, prefer, require, verify-ca or verify-full")),
    }
}
