//! A token that differs from ours in any byte is refused.

use ring::hmac;
use testing::{Forged, KEY};

use crate::Fixture;

#[tokio::test]
async fn another_key_signs_nothing_even_under_our_keys_name() {
    let fixture = Fixture::new().await;

    for key in ["", "another key of at least 32 different characters", &KEY[..KEY.len() - 1], &format!("{KEY}x")] {
        let token = fixture.forged().signed_with(hmac::HMAC_SHA256, key.as_bytes());
        assert!(!fixture.accepts(&token).await, "{key:?}");
    }
}

#[tokio::test]
async fn no_bit_of_a_token_can_be_flipped() {
    let fixture = Fixture::new().await;

    for at in 0..fixture.good.len() {
        for bit in 0..8 {
            let mut bytes = fixture.good.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            // Bytes that are not UTF-8 do not reach the verification.
            if let Ok(flipped) = String::from_utf8(bytes) {
                assert!(!fixture.accepts(&flipped).await, "byte {at}, bit {bit}: {flipped}");
            }
        }
    }
}

/// The same members as an array, in the order in which a program may have declared them.
fn in_order(object: &str, names: &[&str]) -> String {
    let object: serde_json::Value = serde_json::from_str(object).unwrap();
    serde_json::Value::from_iter(names.iter().map(|name| object.get(*name).unwrap().clone())).to_string()
}

#[tokio::test]
async fn a_token_has_one_spelling() {
    let fixture = Fixture::new().await;
    let good = &fixture.good;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = fixture.forged().header.to_string();
    let claims = fixture.forged().claims.to_string();
    let twice = |claim: &str, value: &str| claims.replacen('{', &format!(r#"{{"{claim}":{value},"#), 1);
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));

    for other in [
        "",
        ".",
        "..",
        "...",
        signed,
        signature,
        &format!("{good}."),
        &format!(".{good}"),
        &format!("{good}.{signature}"),
        &format!("{good}="),
        &format!("{good} "),
        &format!("{signed}=.{signature}"),
        &format!("{signed}."),
        &good[..good.len() - 1],
        &good.replacen('.', "..", 1),
        &Forged::text(&header, &twice("sub", "\"7\"")),
        &Forged::text(&header, &twice("exp", "1")),
        &Forged::text(&header.replacen('{', r#"{"alg":"HS256","#, 1), &claims),
        &Forged::text(&header.replacen('{', r#"{"typ":"JWT","#, 1), &claims),
        &Forged::text(&header, &nested),
        &Forged::text(&header, &claims.replacen("\"7\"", &nested, 1)),
        &Forged::text(&nested, &claims),
        &Forged::text(&header.replacen("\"JWT\"", &nested, 1), &claims),
        &Forged::text(&header, &format!("{claims} x")),
        &Forged::text(&header, "null"),
        &Forged::text("[]", &claims),
        &Forged::text(&in_order(&header, &["typ", "alg", "kid"]), &claims),
        &Forged::text(&header, &in_order(&claims, &["iss", "aud", "sub", "sid", "iat", "exp", "jti"])),
        &Forged::text(&header, &format!("[{claims}]")),
        &Forged::text("", ""),
    ] {
        assert!(!fixture.accepts(other).await, "{other}");
    }
    assert!(fixture.accepts(&Forged::text(&header, &claims)).await);
}
