//! The header of a token: only HS256, with one of our keys by its id.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::json;
use shared::{auth::KeySet, clock::Clock, secrets::Cached};
use testing::{KEY, NOW};

use crate::Fixture;

#[tokio::test]
async fn no_algorithm_but_hs256_counts() {
    let fixture = Fixture::new().await;

    for name in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("NONE"),
        json!(""),
        json!("hs256"),
        json!("HS256 "),
        json!("HS384"),
        json!("HS512"),
        json!("RS256"),
        json!("PS256"),
        json!("ES256"),
        json!("EdDSA"),
        json!(null),
        json!(256),
        json!(["HS256"]),
    ] {
        let forged = fixture.forged().header("alg", name.clone());
        for algorithm in [hmac::HMAC_SHA256, hmac::HMAC_SHA384, hmac::HMAC_SHA512] {
            assert!(!fixture.accepts(&forged.signed_with(algorithm, KEY.as_bytes())).await, "{name}");
        }
        let unsigned = forged.signed();
        let unsigned = unsigned.trim_end_matches(|c| c != '.');
        assert!(!fixture.accepts(unsigned).await, "{name}");
        assert!(!fixture.accepts(unsigned.trim_end_matches('.')).await, "{name}");
    }
    assert!(!fixture.accepts(&fixture.forged().without("alg").signed()).await);
    for algorithm in [hmac::HMAC_SHA384, hmac::HMAC_SHA512] {
        assert!(!fixture.accepts(&fixture.forged().signed_with(algorithm, KEY.as_bytes())).await);
    }
}

#[tokio::test]
async fn a_header_that_asks_for_more_than_we_understand_is_refused() {
    let fixture = Fixture::new().await;

    for (name, value) in [
        ("crit", json!(["x"])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("x")),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("b64", json!(null)),
        ("zip", json!("DEF")),
        ("zip", json!(null)),
        ("enc", json!("A128GCM")),
        ("cty", json!("JWT")),
        ("typ", json!("refresh+jwt")),
        ("typ", json!("at+jwt")),
        ("typ", json!("jwt")),
        ("typ", json!("JWT ")),
        ("typ", json!("")),
        ("typ", json!(null)),
        ("typ", json!(1)),
    ] {
        assert!(!fixture.accepts(&fixture.forged().header(name, value.clone()).signed()).await, "{name} = {value}");
    }
    assert!(!fixture.accepts(&fixture.forged().without("typ").signed()).await);
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_is_not_used() {
    let fixture = Fixture::new().await;
    let mine = b"a key that the attacker chose, long enough";

    for (name, value) in [
        ("jwk", json!({"kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(mine)})),
        ("jku", json!("https://attacker.invalid/keys.json")),
        ("x5u", json!("file:///dev/null")),
        ("x5c", json!([URL_SAFE_NO_PAD.encode(mine)])),
        ("x5t", json!("AAAA")),
    ] {
        let forged = fixture.forged().header(name, value);
        assert!(!fixture.accepts(&forged.signed_with(hmac::HMAC_SHA256, mine)).await, "{name}");
        // Ours stays ours: nothing is looked up.
        assert!(fixture.accepts(&forged.signed()).await, "{name}");
    }
}

#[tokio::test]
async fn a_token_must_name_one_of_our_keys() {
    let fixture = Fixture::new().await;

    for kid in [
        json!("AAAAAAAAAAA"),
        json!(""),
        json!("../../../dev/null"),
        json!("' UNION SELECT 'x' --"),
        json!("k".repeat(10_000)),
        json!("\0"),
        json!(format!("{}\0", fixture.forged().header["kid"].as_str().unwrap())),
        json!(null),
        json!(1),
        json!([fixture.forged().header["kid"]]),
    ] {
        assert!(!fixture.accepts(&fixture.forged().header("kid", kid.clone()).signed()).await, "{kid}");
    }
    assert!(!fixture.accepts(&fixture.forged().without("kid").signed()).await);
}

#[tokio::test]
async fn ten_thousand_tokens_with_unknown_keys_cost_one_fetch() {
    let fetched = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetched);
    let keys = Cached::fetched(Clock::Manual(Arc::new(AtomicI64::new(NOW))), Duration::from_secs(60), move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(KeySet::of(KEY).unwrap()) })
    });
    let fixture = Fixture::with(keys).await;
    assert_eq!(fetched.load(Ordering::Relaxed), 1);

    for n in 0..10_000 {
        let token = fixture.forged().header("kid", format!("kid{n}")).signed();
        assert!(!fixture.accepts(&token).await);
    }

    assert_eq!(fetched.load(Ordering::Relaxed), 2);
    assert!(fixture.accepts(&fixture.good).await);
}
