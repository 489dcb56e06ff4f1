//! Filter patterns of CloudWatch Logs for JSON lines, as far as the templates use them.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

use serde_json::Value;

/// Whether a line is counted. Panics on syntax that it does not support.
pub(crate) fn matches(pattern: &str, line: &Value) -> bool {
    let inside =
        pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_else(|| panic!("{pattern}"));
    assert!(!inside.contains("||") && !inside.contains('('), "{pattern}");
    inside.split("&&").all(|condition| holds(condition.trim(), line))
}

fn holds(condition: &str, line: &Value) -> bool {
    let (selector, rest) = condition.split_once(' ').unwrap();
    let field = selector.strip_prefix("$.").unwrap_or_else(|| panic!("{condition}"));
    assert!(field.chars().all(char::is_alphanumeric), "{condition}");
    let value = line.get(field);
    if rest == "IS TRUE" {
        return value == Some(&Value::Bool(true));
    }
    let (operator, wanted) = rest.split_once(' ').unwrap_or_else(|| panic!("{condition}"));
    let Some(value) = value else { return false };
    if wanted == "*" {
        assert_eq!(operator, "=", "{condition}");
        return true;
    }
    if let Some(text) = wanted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        assert_eq!(operator, "=", "{condition}");
        return value.as_str().is_some_and(|value| is_like(value, text));
    }
    let wanted: f64 = wanted.parse().unwrap_or_else(|_| panic!("{condition}"));
    let Some(value) = value.as_f64() else { return false };
    match operator {
        "=" => value == wanted,
        "!=" => value != wanted,
        ">" => value > wanted,
        ">=" => value >= wanted,
        "<" => value < wanted,
        "<=" => value <= wanted,
        _ => panic!("{condition}"),
    }
}

/// Whether a value is a text that matches the pattern; `*` matches anything.
fn is_like(value: &str, text: &str) -> bool {
    let Some((first, mut rest)) = text.split_once('*') else { return value == text };
    let Some(mut value) = value.strip_prefix(first) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = value.find(part) else { return false };
        (value, rest) = (&value[at + part.len()..], after);
    }
    value.ends_with(rest)
}

#[test]
fn a_pattern_is_read_as_cloudwatch_reads_it() {
    let line =
        serde_json::json!({"event": "request", "status": 401, "coldStart": true, "error": "db sqlstate=42501 x"});
    for (pattern, expected) in [
        (r#"{ $.event = "request" }"#, true),
        (r#"{ $.event = "req" }"#, false),
        (r#"{ $.event = "re*st" && $.status = 401 }"#, true),
        (r#"{ $.event = "request" && $.status != 401 }"#, false),
        (r#"{ $.status >= 401 && $.status < 402 }"#, true),
        (r#"{ $.status = "401" }"#, false),
        (r#"{ $.coldStart IS TRUE }"#, true),
        (r#"{ $.event IS TRUE }"#, false),
        (r#"{ $.error = "*sqlstate=42501*" }"#, true),
        (r#"{ $.error = "*sqlstate=42501" }"#, false),
        (r#"{ $.missing = * }"#, false),
        (r#"{ $.missing != 1 }"#, false),
    ] {
        assert_eq!(matches(pattern, &line), expected, "{pattern}");
    }
}
