//! Database URLs in the forms of other tools and providers.

#![expect(clippy::panic, reason = "a test that cannot run has failed")]

use shared::config::{DatabaseUrl, InvalidUrl};

/// User, password, host, port, database, and whether TLS is required.
fn read(url: &str) -> (String, String, String, u16, String, bool) {
    let url = DatabaseUrl::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    let tls = url.needs_tls();
    (url.user, url.password, url.host, url.port, url.database, tls)
}

fn refusal(url: &str) -> String {
    DatabaseUrl::parse(url).err().unwrap_or_else(|| panic!("{url} is taken")).to_string()
}

#[test]
fn a_password_may_hold_whatever_does_not_end_it() {
    for (sent, password) in [
        ("secret", "secret"),
        ("pa#ss", "pa#ss"),
        ("pa%ss", "pa%ss"),
        ("pa:ss", "pa:ss"),
        ("pa ss", "pa ss"),
        ("pa@ss", "pa@ss"),
        ("p@:a@ss", "p@:a@ss"),
        ("p%2Fss%20w%40rd%3F%23%25", "p/ss w@rd?#%"),
        ("pässword", "pässword"),
        ("", ""),
    ] {
        let all = read(&format!("postgres://quest:{sent}@127.0.0.1:25432/health"));
        assert_eq!((all.0.as_str(), all.1.as_str()), ("quest", password), "{sent}");
        assert_eq!((all.2.as_str(), all.3, all.4.as_str(), all.5), ("127.0.0.1", 25432, "health", false), "{sent}");
    }
}

#[test]
fn an_unescaped_password_is_reported_without_its_text() {
    for password in [
        "pa/ss",
        "pa?ss",
        "p?a/ss",
        "p@a/ss",
        "p@a?ss",
        "p@a?s=s",
        "p/a@ss",
        "12/ss",
        "12?ss",
        "12?abc=d&ef",
        "12?sslmode=x",
        "12?sslmode=disable&ef",
        "p@a?abc=d&ef",
        "p:a:12/ss",
        "pa?sslmode=x",
        "/",
        "?",
    ] {
        for tail in ["/health", "/health?sslmode=disable"] {
            let error = refusal(&format!("postgres://quest:{password}@127.0.0.1:25432{tail}"));
            assert_eq!(error, InvalidUrl::NotEncoded.to_string(), "{password}");
        }
    }
}

#[test]
fn hosts_are_taken_as_they_are_usually_written() {
    for (url, host, port, tls) in [
        ("postgres://o:p@[::1]:25432/d", "::1", 25432, false),
        ("postgres://o:p@[::1]/d", "::1", 5432, false),
        ("postgresql://o:p@db.example.com/d", "db.example.com", 5432, true),
        ("postgresql+psycopg2://o:p@127.8.8.8/d", "127.8.8.8", 5432, false),
        ("jdbc:postgresql://localhost:1/d?user=o&password=p", "localhost", 1, false),
        ("  postgres://o:p@localhost/d \n", "localhost", 5432, false),
        ("postgres://o:p@/d?host=localhost&port=7", "localhost", 7, false),
    ] {
        let all = read(url);
        assert_eq!(all, ("o".into(), "p".into(), host.into(), port, "d".into(), tls), "{url}");
    }
}

#[test]
fn parameters_are_understood_or_named() {
    for (query, tls) in [
        ("sslmode=disable&application_name=x&connect_timeout=10", false),
        ("application_name=a@b", false),
        ("schema=public&currentSchema=public&search_path=public", false),
        ("sslmode=allow", false),
        ("sslmode=prefer", false),
        ("sslmode=require", true),
        ("sslmode=verify-ca", true),
        ("sslmode=verify-full&sslrootcert=/x.pem", true),
        ("ssl=true", true),
        ("schema=public&pgbouncer=true&connection_limit=1", false),
        ("channel_binding=require&target_session_attrs=read-write", false),
        ("pgbouncer", false),
        ("", false),
        ("&", false),
    ] {
        assert_eq!(read(&format!("postgres://o:p@localhost/d?{query}")).5, tls, "{query}");
    }
    for (query, named) in [
        ("sslmode=canary", "the parameter sslmode, which must be disable,"),
        ("ssl=canary", "the parameter ssl, which must be true or false"),
        ("sslrootcert=system", "the parameter sslrootcert, which must be the path of a PEM file"),
        ("schema=canary", "the parameter schema, which must be public"),
        ("currentSchema=canary", "the parameter currentSchema, which must be public"),
        ("search_path=canary", "the parameter search_path, which must be public"),
        ("target_session_attrs=read-only", "the parameter target_session_attrs, which must be read-write"),
        ("options=-c%20canary", "the parameter options, which is not supported: leave it out"),
        ("options=canary@b", "the parameter options, which is not supported: leave it out"),
        ("sslcert=canary", "the parameter sslcert, which is not supported"),
        ("nonsense=canary", "the parameter nonsense, which is not supported"),
        ("host=/var/run/postgresql", "names a socket"),
        ("host=a,b", "names several hosts"),
        ("port=0", "has a port"),
        ("non sense=1", "has a parameter that is not name=value"),
    ] {
        let error = refusal(&format!("postgres://o:p@localhost/d?{query}"));
        assert!(error.contains(named) && !error.contains("canary"), "{query}: {error}");
    }
}

#[test]
fn missing_parts_are_named() {
    for (url, named) in [
        ("", "must be postgres://"),
        ("health", "must be postgres://"),
        ("host=localhost user=o dbname=d", "must be postgres://"),
        ("mysql://o:p@localhost/d", "must be postgres://"),
        ("postgres://o:p@localhost", "names no database"),
        ("postgres://o:p@localhost/", "names no database"),
        ("postgres://o:p@localhost?sslmode=disable", "names no database"),
        ("postgres://localhost/d", "names no user"),
        ("postgres://:p@localhost/d", "names no user"),
        ("postgres://o:p@/d", "names no host"),
        ("postgres:///d", "names no host"),
        ("postgres://o:p@%2Fvar%2Frun%2Fpostgresql/d", "names a socket"),
        ("postgres://o:p@a,b:1/d", "names several hosts"),
        ("postgres://o:p@a:1,b:2/d", "names several hosts"),
        ("postgres://o:p@localhost:port/d", "has a port"),
        ("postgres://o:p@::1/d", "write an address as [::1]"),
        ("postgres://o:p@::1:5432/d", "write an address as [::1]"),
        ("postgres://o:p@[::1/d", "write an address as [::1]"),
        ("postgres://o:p@[::1]]:5432/d", "write an address as [::1]"),
        ("postgres://o:p@[localhost]/d", "write an address as [::1]"),
        ("postgres://o:p@[]/d", "write an address as [::1]"),
        ("postgres://o:p@localhost:65536/d", "has a port"),
    ] {
        let error = refusal(url);
        assert!(error.contains(named), "{url}: {error}");
    }
}

#[test]
fn another_login_reaches_the_same_database_in_the_same_way() {
    for url in [
        "postgres://o:p%40@localhost:7/d?sslmode=disable",
        "postgres://o:p@a@[::1]/a%2Fb",
        "jdbc:postgresql://db.example.com/d?user=o&password=p&sslmode=verify-full&sslrootcert=/a%20b.pem",
        " postgres://o:p@db.example.com/d ",
    ] {
        let before = DatabaseUrl::parse(url).unwrap();
        let after = DatabaseUrl::parse(&before.with_login("me", "se/c@r?et#%: ")).unwrap();

        assert_eq!((after.user.as_str(), after.password.as_str()), ("me", "se/c@r?et#%: "));
        assert_eq!((&after.host, after.port, &after.database), (&before.host, before.port, &before.database));
        assert_eq!((after.needs_tls(), after.ca_file), (before.needs_tls(), before.ca_file));
    }
}
