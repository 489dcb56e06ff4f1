//! What the values of settings may be. The parameters of `template.yaml` allow the same, which a test compares.

use std::ops::RangeInclusive;

use super::ConfigError;
use crate::auth::LONGEST_LIFE;

/// How many seconds a token may live.
pub const TOKEN_TTL_SECONDS: RangeInclusive<u64> = 60..=LONGEST_LIFE.as_secs();
/// How many characters the shortest password may have: no fewer than the contract's, no more than a password may have.
pub const PASSWORD_MIN_LENGTH: RangeInclusive<u64> = SHORTEST_PASSWORD as u64..=128;
/// The fewest characters of a new password, unless the setting asks for more.
pub const SHORTEST_PASSWORD: usize = 8;
/// The longest base path, with its slash.
pub const BASE_PATH_LENGTH: usize = 32;

/// A base path without the slashes around it: one word, or nothing.
pub(super) fn base_path(given: &str) -> Result<&str, ConfigError> {
    const FORM: &str = "a slash and one word of letters, digits, - and _, of 32 characters at most, or empty";

    let path = given.strip_prefix('/').unwrap_or(given);
    let path = path.strip_suffix('/').unwrap_or(path);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match path.len() < BASE_PATH_LENGTH && path.bytes().all(is_plain) {
        true => Ok(path),
        false => Err(ConfigError::Wrong("API_BASE_PATH", FORM)),
    }
}
