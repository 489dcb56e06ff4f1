//! Origins as browsers write them: scheme, host in lower case, and a port unless it is the scheme's own.

use super::ConfigError;

/// The origins of a list with commas.
pub(super) fn list(text: &str) -> Result<Vec<String>, ConfigError> {
    const FORM: &str = "origins as browsers send them, such as https://app.example.com, separated by commas: scheme, \
                        host in lower case, perhaps a port, and no path or wildcard";

    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| origin(item).ok_or(ConfigError::Wrong("CORS_ALLOWED_ORIGINS", FORM))).collect()
}

/// What a browser sends for this origin; `None` when it sends no such thing. One slash at the end is forgiven, and so is
/// the port that the scheme stands for.
fn origin(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (scheme, rest) = text.split_once("://")?;
    let usual_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(number(port)?)),
        _ => (rest, None),
    };
    is_host(host).then(|| match port.filter(|port| *port != usual_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// A port as it is written: no sign, no zero in front.
fn number(port: &str) -> Option<u16> {
    port.parse().ok().filter(|number: &u16| *number > 0 && number.to_string() == port)
}

/// Browsers send a host's name in lower case, and one of other letters in its ASCII form (`xn--…`).
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    let is_label = |label: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.bytes().all(is_plain)
    };
    host.split('.').all(is_label)
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
            ("https://app.example.com:443", &["https://app.example.com"]),
            ("https://app.example.com:80", &["https://app.example.com:80"]),
            ("http://[::1]:3000", &["http://[::1]:3000"]),
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
            "http://a:+80",
            "http://a:65536",
            "http://a:",
            "http://",
            "http://a..b",
            "http://[::1",
            "http://[0:0::1]",
            "ftp://a",
            "file://",
        ] {
            for list in [list(given), list(&format!("http://good:1,{given}"))] {
                assert!(matches!(list, Err(ConfigError::Wrong("CORS_ALLOWED_ORIGINS", _))), "{given}");
            }
        }
    }
}
