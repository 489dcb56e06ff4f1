//! The allowed values of settings are the same in the code and in the template's parameters.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot run has failed")]

use std::{fs, ops::RangeInclusive};

use machine::workspace;
use regex::Regex;
use saphyr::{LoadableYamlNode, Yaml};
use shared::config::{ConfigError, Settings, limits};

/// A property of a parameter in the template.
fn parameter(name: &str, key: &str) -> String {
    let text = fs::read_to_string(workspace::root().join("template.yaml")).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let parameters = documents.first().unwrap().as_mapping_get("Parameters").unwrap();
    let value = parameters.as_mapping_get(name).and_then(|parameter| parameter.as_mapping_get(key));
    let value = value.unwrap_or_else(|| panic!("{name} has no {key}"));
    value.as_str().map(str::to_owned).or_else(|| value.as_integer().map(|number| number.to_string())).unwrap()
}

fn range(name: &str) -> RangeInclusive<u64> {
    let number = |key| parameter(name, key).parse().unwrap();
    number("MinValue")..=number("MaxValue")
}

/// The settings with one variable set.
fn with(name: &'static str, value: &str) -> Result<Settings, ConfigError> {
    Settings::from_lookup(|asked| (asked == name).then(|| value.to_owned()))
}

#[test]
fn numbers_have_the_ranges_of_the_template() {
    for (variable, name, limits) in [
        ("TOKEN_TTL_SECONDS", "TokenTtlSeconds", limits::TOKEN_TTL_SECONDS),
        ("PASSWORD_MIN_LENGTH", "PasswordMinLength", limits::PASSWORD_MIN_LENGTH),
    ] {
        assert_eq!(range(name), limits, "{name}");
        let (least, most) = (*limits.start(), *limits.end());
        for good in [least, most] {
            assert!(with(variable, &good.to_string()).is_ok(), "{variable}={good}");
        }
        for bad in [(least - 1).to_string(), (most + 1).to_string(), "1h".to_owned(), "-1".to_owned(), "1e3".to_owned()]
        {
            let said = with(variable, &bad).unwrap_err().to_string();
            assert_eq!(said, format!("{variable} must be a whole number from {least} to {most}"), "{bad}");
        }
    }
    assert!(with("TOKEN_TTL_SECONDS", &u64::MAX.to_string()).is_err());
}

#[test]
fn switches_are_those_of_the_template() {
    for value in ["true", "false", "on", "off", "1", "0"] {
        assert!(with("AUDIT_READS_DURABLE", value).is_ok(), "{value}");
    }
    for value in ["yes", "TRUE", "2"] {
        assert!(with("AUDIT_READS_DURABLE", value).is_err(), "{value}");
    }
}

#[test]
fn a_base_path_is_valid_in_code_when_it_is_valid_in_the_template() {
    let pattern = Regex::new(&parameter("ApiBasePath", "AllowedPattern")).unwrap();
    let longest: usize = parameter("ApiBasePath", "MaxLength").parse().unwrap();
    assert_eq!(longest, limits::BASE_PATH_LENGTH);

    let (fits, too_long) = (format!("/{}", "a".repeat(longest - 1)), format!("/{}", "a".repeat(longest)));
    for path in ["", "/v1", "/A_b-9", fits.as_str(), too_long.as_str(), "/a/b", "//v1", "/v 1", "/v1?", "/ü", "/%61"] {
        let in_template = pattern.is_match(path) && path.len() <= longest;
        assert_eq!(with("API_BASE_PATH", path).is_ok(), in_template, "{path}");
    }
    assert_eq!(with("API_BASE_PATH", "v1/").unwrap().base_path, "v1", "slashes around it are forgiven");
}

#[test]
fn origins_are_valid_in_code_when_they_are_valid_in_the_template() {
    let pattern = Regex::new(&parameter("CorsAllowedOrigins", "AllowedPattern")).unwrap();
    for origins in [
        "",
        "http://localhost:5173",
        "https://app.example.com",
        "https://app.example.com,http://127.0.0.1:5173",
        "http://[::1]:5173",
        "https://xn--mller-kva.example",
        "*",
        "null",
        "localhost:5173",
        "HTTPS://app.example.com",
        "https://app.example.com/path",
        "https://a.example;https://b.example",
        "https://a.example https://b.example",
        "ftp://a.example",
        "https://",
        "https://LOCALHOST:5173",
        "https://*.example.com",
        "https://user@a.example",
        "https://a.example?q",
        "https://a.example#f",
        "https://müller.example",
        "https://a.example:port",
        "https://a.example:8443,http://b_c.example:8080",
        "https://a.example:0",
        "https://a.example:080",
        "https://a.example:100000",
        "https://a.example:",
        "https://a..b",
        "https://.a",
        "https://a.",
        "https://.",
        "https://-_-",
        "http://127.0.0.1",
        "http://[::ffff:7f00:1]:5173",
        "http://[::ffff:127.0.0.1]",
        "http://[::1",
        "http://[]",
        "http://::1",
        "https://xn--mller-kva.example:8443,",
    ] {
        let in_template = pattern.is_match(origins);
        let is_good = with("CORS_ALLOWED_ORIGINS", origins).is_ok();
        // The template's list is split at each comma: a trailing comma, allowed here, would be an empty origin there.
        assert_eq!(is_good && !origins.ends_with(','), in_template, "{origins}");
    }
    // Spellings that a pattern of reasonable length does not exclude; a function with them refuses to start.
    for spelling in [
        "http://a.example:80",
        "https://a.example:443",
        "https://a.example:99999",
        "http://127.1",
        "http://127.0.0.01",
        "http://1.2.3.256",
        "http://0x7f000001",
        "http://[0:0::1]",
        "http://[:]",
    ] {
        assert!(pattern.is_match(spelling), "{spelling}: the template refuses it now, so it belongs above");
        assert!(with("CORS_ALLOWED_ORIGINS", spelling).is_err(), "{spelling}");
    }
}
