//! What a token must say, and when it is in force.

use local::testing::NOW;
use serde_json::{Value, json};

use crate::Fixture;

// JW-02
#[tokio::test]
async fn every_claim_must_be_there_and_be_what_it_is() {
    let fixture = Fixture::new().await;
    let wrong = |own: &Value| {
        let mut values = vec![json!(null), json!(true), json!([]), json!({}), json!([own]), json!(""), json!("x")];
        // What it says, as another type.
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

// JW-03
#[tokio::test]
async fn a_token_is_in_force_up_to_but_not_at_its_expiry() {
    let fixture = Fixture::new().await;
    let end = NOW + 3600;

    for (now, accepted) in [(NOW, true), (end - 1, true), (end, false), (end + 1, false), (end + 59, false)] {
        assert_eq!(fixture.accepts_at(now, &fixture.good).await, accepted, "{}", now - end);
    }
}

// JW-03
#[tokio::test]
async fn no_token_lives_longer_than_ours_do() {
    let fixture = Fixture::new().await;

    for (life, accepted) in [(3600, true), (3601, false), (100 * 365 * 86400, false), (i64::MAX - NOW, false)] {
        let token = fixture.forged().claim("exp", NOW + life).signed();
        assert_eq!(fixture.accepts(&token).await, accepted, "{life}");
    }
    let old = fixture.forged().claim("iat", NOW - 3601).claim("exp", NOW + 1).signed();
    assert!(!fixture.accepts(&old).await);
}

// JW-03
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
