//! Tokens.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, value::RawValue};
use shared::domain::{SessionId, UserId};
use testing::{Forged, KEY, NOW};

use crate::functions;

/// The longest life of a token, in seconds.
const LONGEST_LIFE: i64 = 86_400;

/// Nothing passes for a token that we did not sign.
///
/// `TOKEN` stands for one that is good, so that what comes before and behind it is tried too.
pub fn tokens(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    functions::with(|functions| {
        let token = text.replacen("TOKEN", &functions.token, 1);
        if functions.block_on(functions.tokens.verify(&token)).is_ok() {
            assert!(is_signed(&token), "{token:?} is not signed");
        }
    });
}

/// What we signed is a token only if all of it is as it must be.
///
/// The header is the first line, the claims are the rest; `KID` stands for the id of our key.
pub fn claims(input: &[u8]) {
    let Some((header, claims)) = std::str::from_utf8(input).ok().and_then(|text| text.split_once('\n')) else { return };
    functions::with(|functions| {
        let kid = Forged::like(&functions.token).header["kid"].as_str().unwrap().to_owned();
        let header = header.replacen("KID", &kid, 1);
        let token = Forged::text(&header, claims);
        assert!(is_signed(&token));
        if let Ok(who) = functions.block_on(functions.tokens.verify(&token)) {
            assert!(is_as_it_must_be(&header, claims, &kid, who), "{header} {claims}");
        }
    });
}

/// Three segments, of which the last is the HMAC of what stands before it, in the one spelling of base64url.
fn is_signed(token: &str) -> bool {
    let Some((signed, tag)) = token.rsplit_once('.') else { return false };
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), signed.as_bytes());
    signed.matches('.').count() == 1 && tag == URL_SAFE_NO_PAD.encode(expected)
}

fn is_as_it_must_be(header: &str, claims: &str, kid: &str, (user, session): (UserId, SessionId)) -> bool {
    let (Some(header), Some(claims)) = (object(header), object(claims)) else { return false };
    let time = |name: &str| claims[name].as_i64();
    let (Some(iat), Some(exp)) = (time("iat"), time("exp")) else { return false };
    header["alg"] == "HS256"
        && header["typ"] == "JWT"
        && header["kid"] == kid
        && header.get("crit").is_none()
        && ["b64", "zip", "enc", "cty"].iter().all(|member| header.get(member).is_none())
        && claims["iss"] == "healthcare-backend"
        && claims["aud"] == "healthcare-backend-api"
        && claims["sub"].as_str() == Some(&user.to_string())
        && claims["sid"].as_str().is_some_and(|sid| sid == session.to_string())
        && (iat + 1..=iat.saturating_add(LONGEST_LIFE)).contains(&exp)
        && iat <= NOW + 5
        && NOW < exp
        && claims.get("nbf").is_none_or(|nbf| nbf.is_null() || nbf.as_i64().is_some_and(|nbf| nbf <= NOW + 5))
}

/// The fields of an object. One that `Value` cannot hold, a number beyond all numbers for example, is `false` here.
fn object(json: &str) -> Option<Value> {
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(json).ok()?;
    let held = |field: Box<RawValue>| serde_json::from_str(field.get()).unwrap_or(Value::Bool(false));
    Some(fields.into_iter().map(|(name, field)| (name, held(field))).collect())
}
