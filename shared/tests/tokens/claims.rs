//! The claims of a token, and the time when it is valid.

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use serde_json::{Value, json};
use shared::{
    auth::{KeySet, Tokens},
    clock::Clock,
    secrets::Cached,
};
use testing::{KEY, NOW};

use crate::{Fixture, SESSION};

#[tokio::test]
async fn every_claim_must_be_present_and_unchanged() {
    let fixture = Fixture::new().await;
    let wrong = |own: &Value| {
        let mut values = vec![json!(null), json!(true), json!([]), json!({}), json!([own]), json!(""), json!("x")];
        // The same value as another type.
        values.push(own.as_str().map_or_else(|| json!(own.to_string()), |_| json!(7)));
        values
    };

    for claim in ["iss", "aud", "sub", "sid", "iat", "exp", "jti"] {
        assert!(!fixture.accepts(&fixture.forged().without(claim).signed()).await, "without {claim}");
        for value in wrong(&fixture.forged().claims[claim]) {
            let token = fixture.forged().claim(claim, value.clone()).signed();
            assert!(!fixture.accepts(&token).await, "{claim} = {value}");
        }
    }
    for (claim, value) in [
        ("iss", json!("healthcare-backend ")),
        ("iss", json!("Healthcare-Backend")),
        ("aud", json!("another-service")),
        ("aud", json!(["another-service", "healthcare-backend-api"])),
        ("sub", json!("0")),
        ("sub", json!("-7")),
        ("sub", json!("07")),
        ("sub", json!("7 ")),
        ("sub", json!("9223372036854775808")),
        ("sid", json!("7")),
        ("sid", json!("' OR true --")),
        ("sid", json!("1A2B3C4D-0000-4000-8000-123456789ABC")),
        ("sid", json!("1a2b3c4d000040008000123456789abc")),
        ("sid", json!("{1a2b3c4d-0000-4000-8000-123456789abc}")),
        ("sid", json!("urn:uuid:1a2b3c4d-0000-4000-8000-123456789abc")),
        ("jti", json!("1A2B3C4D-0000-4000-8000-123456789ABC")),
        ("exp", json!(1e300)),
        ("exp", json!(NOW + 60).as_f64().unwrap().into()),
        ("exp", json!(-1)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("iat", json!(i64::MIN)),
        ("nbf", json!("0")),
        ("nbf", json!(1.5)),
    ] {
        let token = fixture.forged().claim(claim, value.clone()).signed();
        assert!(!fixture.accepts(&token).await, "{claim} = {value}");
    }
    assert!(fixture.accepts(&fixture.forged().claim("name", "ignored").signed()).await);
}

#[tokio::test]
async fn a_token_is_in_force_up_to_but_not_at_its_expiry() {
    let fixture = Fixture::new().await;
    let end = NOW + 3600;

    for (now, accepted) in [(NOW, true), (end - 1, true), (end, false), (end + 1, false), (end + 59, false)] {
        assert_eq!(fixture.accepts_at(now, &fixture.good).await, accepted, "{}", now - end);
    }
}

#[tokio::test]
async fn no_token_lives_longer_than_a_day() {
    let fixture = Fixture::new().await;

    for (ttl, accepted) in [
        (3600, true),
        (3601, true),
        (86_400, true),
        (86_401, false),
        (100 * 365 * 86400, false),
        (i64::MAX - NOW, false),
    ] {
        let token = fixture.forged().claim("exp", NOW + ttl).signed();
        assert_eq!(fixture.accepts(&token).await, accepted, "{ttl}");
    }
    let old = fixture.forged().claim("iat", NOW - 86_400).claim("exp", NOW + 1).signed();
    assert!(!fixture.accepts(&old).await);
}

// During a deployment, each release verifies what the other signed.
#[tokio::test]
async fn a_token_is_valid_whatever_lifetime_the_verifier_gives_its_own() {
    let clock = Clock::Manual(Arc::new(AtomicI64::new(NOW)));
    let tokens = [60, 1800, 3600, 7200, 86_400]
        .map(|ttl| Tokens::new(Cached::fixed(KeySet::of(KEY).unwrap()), clock.clone(), Duration::from_secs(ttl)));

    for signer in &tokens {
        let token = signer.sign("7".parse().unwrap(), SESSION.parse().unwrap()).await.unwrap();
        for verifier in &tokens {
            assert!(verifier.verify(&token).await.is_ok());
        }
    }
}

#[tokio::test]
async fn no_token_ends_before_it_begins() {
    let fixture = Fixture::new().await;

    for (iat, exp, accepted) in [(3, 4, true), (4, 4, false), (4, 3, false), (5, 1, false)] {
        let token = fixture.forged().claim("iat", NOW + iat).claim("exp", NOW + exp).signed();
        assert_eq!(fixture.accepts(&token).await, accepted, "{iat} {exp}");
    }
}

#[tokio::test]
async fn another_machines_clock_may_be_five_seconds_ahead() {
    let fixture = Fixture::new().await;

    for (ahead, accepted) in [(0, true), (5, true), (6, false), (3600, false)] {
        let issued = fixture.forged().claim("iat", NOW + ahead).claim("exp", NOW + ahead + 60).signed();
        assert_eq!(fixture.accepts(&issued).await, accepted, "iat {ahead} s ahead");
        let not_before = fixture.forged().claim("nbf", NOW + ahead).signed();
        assert_eq!(fixture.accepts(&not_before).await, accepted, "nbf {ahead} s ahead");
    }
}
