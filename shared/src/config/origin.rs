//! Origins as browsers write them: scheme, host in lower case, and a port unless it is the scheme's own. In AWS they are
//! compared byte by byte with what a browser sends, so any other spelling would never match.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::ConfigError;

/// The origins of a list with commas.
pub(super) fn list(text: &str) -> Result<Vec<String>, ConfigError> {
    const FORM: &str = "origins as browsers send them, such as https://app.example.com, separated by commas: scheme, \
                        host in lower case, a port unless it is 80 of http or 443 of https, and no path or wildcard";

    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| origin(item).ok_or(ConfigError::Wrong("CORS_ALLOWED_ORIGINS", FORM))).collect()
}

/// The origin, if a browser sends it in these very words. One slash at the end is forgiven.
fn origin(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (scheme, rest) = text.split_once("://")?;
    let usual_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            number(port).filter(|port| *port != usual_port)?;
            host
        }
        _ => rest,
    };
    is_host(host).then(|| text.to_owned())
}

/// A port as it is written: no sign, no zero in front.
fn number(port: &str) -> Option<u16> {
    port.parse().ok().filter(|number: &u16| *number > 0 && number.to_string() == port)
}

/// Browsers send a host's name in lower case, one of other letters in its ASCII form (`xn--…`), and an address in its
/// shortest form: whatever ends in a number is one.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse().is_ok_and(|parsed| written(parsed) == address);
    }
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.bytes().all(is_plain)
    };
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    host.split('.').all(is_label) && (!is_number || host.parse::<Ipv4Addr>().is_ok())
}

/// An address as browsers write it: also one of version 4 within it in hexadecimal.
fn written(address: Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("::ffff:{high:x}:{low:x}"),
        (None, _) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for (given, expected) in [
            ("", &[] as &[&str]),
            ("http://localhost:5173", &["http://localhost:5173"]),
            ("http://localhost:5173/", &["http://localhost:5173"]),
            (" http://localhost:5173 , http://127.0.0.1:5173,", &["http://localhost:5173", "http://127.0.0.1:5173"]),
            ("https://app.example.com:80", &["https://app.example.com:80"]),
            ("http://app.example.com:443", &["http://app.example.com:443"]),
            ("http://[::1]:3000", &["http://[::1]:3000"]),
            ("http://[2001:db8::7]", &["http://[2001:db8::7]"]),
            ("http://[::ffff:7f00:1]:5173", &["http://[::ffff:7f00:1]:5173"]),
            ("http://1a.2b", &["http://1a.2b"]),
            ("http://1.example", &["http://1.example"]),
            ("http://0x7g", &["http://0x7g"]),
            ("https://xn--mller-kva.example", &["https://xn--mller-kva.example"]),
        ] {
            assert_eq!(list(given).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for given in [
            "*",
            "null",
            "localhost:5173",
            "http://LOCALHOST:5173",
            "HTTP://localhost:5173",
            "http://a:1;http://b:2",
            "http://a:1 http://b:2",
            "http://*.example.com",
            "http://a:1//",
            "http://a:1/path",
            "http://a:1?q",
            "http://a:1#f",
            "http://user@a:1",
            "http://müller.example",
            "http://a:0",
            "http://a:080",
            "http://a:80",
            "http://a:80/",
            "https://a:443",
            "http://[::1]:80",
            "http://127.1",
            "http://127.0.0.01",
            "http://127.0.0.256",
            "http://1.2.3.4.5",
            "http://2130706433",
            "http://a.1",
            "http://0x7f000001",
            "http://127.0.0.0x1",
            "http://a.0x",
            "http://a:+80",
            "http://a:65536",
            "http://a:",
            "http://",
            "http://a..b",
            "http://[::1",
            "http://[0:0::1]",
            "http://[::FFFF:7f00:1]",
            "http://[::ffff:127.0.0.1]",
            "http://[::0001]",
            "http://[1:0::2:3:4:5:6:7]",
            "http://[fe80::1%25eth0]",
            "http://[]",
            "http://::1",
            "http://.",
            "http://a.",
            "http://.a",
            "ftp://a",
            "file://",
        ] {
            for list in [list(given), list(&format!("http://good:1,{given}"))] {
                assert!(matches!(list, Err(ConfigError::Wrong("CORS_ALLOWED_ORIGINS", _))), "{given}");
            }
        }
    }
}
