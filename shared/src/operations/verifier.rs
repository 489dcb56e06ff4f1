//! What the server keeps of a password, to verify logins with: RFC 5802, in the form of RFC 5803.
//!
//! A login costs the client as many rounds of HMAC as the verifier says, and a cold start waits for them. Rounds make
//! guessing dear. A password out of the random generator cannot be guessed anyway.

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use postgres_protocol::password::scram_sha_256;
use ring::{
    digest, hmac,
    rand::{SecureRandom, SystemRandom},
};

/// The shortest password that is taken for a generated one, which has more than 256 random bits then: Secrets Manager's
/// has 48 letters and digits, that of a rotation 64.
const GENERATED: usize = 48;

/// The verifier of a password: with one round if it was generated, with PostgreSQL's 4,096 if people may have made it up.
pub(super) fn verifier(password: &str) -> String {
    let is_random = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_generated = password.len() >= GENERATED && password.bytes().all(is_random);
    let mut salt = [0; 16];
    if is_generated && SystemRandom::new().fill(&mut salt).is_ok() {
        of_one_round(password.as_bytes(), salt)
    } else {
        scram_sha_256(password.as_bytes())
    }
}

/// RFC 5802, section 3, for a password that needs no preparation: `Hi` of one round is its first HMAC.
fn of_one_round(password: &[u8], salt: [u8; 16]) -> String {
    let hmac = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);

    let salted = hmac(password, &[&salt[..], &1_u32.to_be_bytes()].concat());
    let stored_key = digest::digest(&digest::SHA256, hmac(salted.as_ref(), b"Client Key").as_ref());
    let server_key = hmac(salted.as_ref(), b"Server Key");

    let [salt, stored_key, server_key] =
        [&salt[..], stored_key.as_ref(), server_key.as_ref()].map(|bytes| Base64Display::new(bytes, &STANDARD));
    format!("SCRAM-SHA-256$1:{salt}${stored_key}:{server_key}")
}
