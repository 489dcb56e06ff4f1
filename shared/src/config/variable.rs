//! One variable of the environment.

use std::{env, ffi::OsString, ops::RangeInclusive, str::FromStr};

use super::ConfigError;

/// The trimmed value of a variable; `None` if it is not set or empty.
///
/// # Errors
/// When it is not UTF-8: a lossy conversion would change the value.
pub(super) fn text(name: &'static str) -> Result<Option<String>, ConfigError> {
    decoded(name, env::var_os(name))
}

/// The value of a variable that must be set.
pub(crate) fn required(name: &'static str) -> Result<String, ConfigError> {
    text(name)?.ok_or(ConfigError::Missing(name))
}

fn decoded(name: &'static str, value: Option<OsString>) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let value = value.into_string().map_err(|_| ConfigError::Wrong(name, "text in UTF-8"))?;
    Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty()))
}

/// A number of the environment, or `default` if it is not set.
///
/// # Errors
/// When the variable holds something else.
pub fn number<T: FromStr>(name: &'static str, default: T) -> Result<T, ConfigError> {
    parsed(name, text(name)?, default)
}

pub(super) fn parsed<T: FromStr>(name: &'static str, value: Option<String>, default: T) -> Result<T, ConfigError> {
    match value {
        None => Ok(default),
        Some(value) => value.trim().parse().map_err(|_| ConfigError::Wrong(name, "a whole number")),
    }
}

pub(super) fn number_within(
    name: &'static str,
    value: Option<String>,
    default: u64,
    limits: RangeInclusive<u64>,
) -> Result<u64, ConfigError> {
    let wrong = ConfigError::Range(name, *limits.start(), *limits.end());
    parsed(name, value, default).ok().filter(|number| limits.contains(number)).ok_or(wrong)
}

pub(super) fn switch(name: &'static str, value: Option<&str>) -> Result<bool, ConfigError> {
    match value.map(str::trim) {
        None | Some("off" | "false" | "0") => Ok(false),
        Some("on" | "true" | "1") => Ok(true),
        Some(_) => Err(ConfigError::Wrong(name, "on or off")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_variable_holds_a_trimmed_text_or_nothing() {
        for (value, text) in [(" a b \n", Some("a b")), ("ä", Some("ä")), (" ", None), ("", None)] {
            assert_eq!(decoded("X", Some(value.into())).unwrap().as_deref(), text, "{value:?}");
        }
        assert_eq!(decoded("X", None).unwrap(), None);
    }

    #[test]
    fn what_is_no_text_is_said_and_not_changed_into_one() {
        for bytes in [&b"\xff"[..], b"key \xc3(", b"\xed\xa0\x80"] {
            let said = decoded("JWT_SECRET", Some(OsString::from_vec(bytes.to_vec()))).unwrap_err();
            assert_eq!(said.to_string(), "JWT_SECRET must be text in UTF-8");
        }
    }
}
