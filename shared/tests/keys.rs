//! Rotation of keys, on the real binaries under the rig's Lambda: which keys verify, and which one signs.

use std::collections::HashSet;

use serde_json::json;
use shared::config::Role;
use testing::{
    Cloud, Environment, Response,
    cloud::{FIRST_KEY, key},
};

const KEY_B: &str = "key B of these tests: Vb7qXz0pWnR4kd2s";
const KEY_C: &str = "key C of these tests: Vb7qXz0pWnR4kd2s";
const KEY_D: &str = "key D of these tests: Vb7qXz0pWnR4kd2s";

async fn list(function: &Environment, token: &str) -> Response {
    function.call("GET", "/api/patients", Some(token), None).await
}

fn assert_empty_list(response: &Response) {
    assert_eq!((response.status, response.text.as_str()), (200, "[]"), "{response:?}");
}

#[tokio::test]
async fn tokens_are_verified_with_the_keys_before_and_after_the_current_one_and_no_others() {
    let cloud = Cloud::new(Role::Api).await;
    let tokens = [cloud.token(FIRST_KEY).await, cloud.token(KEY_B).await, cloud.token(KEY_C).await];
    let [a, b, c] = tokens.each_ref().map(String::as_str);
    let early = cloud.start("patients").await;
    assert_empty_list(&list(&early, a).await);

    // Rotated while an environment knows only the old key.
    cloud.moto.put(&cloud.jwt_secret, key(KEY_B)).await;
    assert_empty_list(&list(&early, b).await);
    assert_empty_list(&list(&early, a).await);

    // An environment that starts during the next rotation.
    cloud.moto.put_pending(&cloud.jwt_secret, key(KEY_C)).await;
    let late = cloud.start("patients").await;
    for token in [c, b, a] {
        assert_empty_list(&list(&late, token).await);
    }
    assert_eq!(list(&late, &cloud.token(KEY_D).await).await.status, 401);

    // An environment that starts after a second rotation does not know the first key.
    cloud.moto.put(&cloud.jwt_secret, key(KEY_D)).await;
    let last = cloud.start("patients").await;
    assert_eq!(list(&last, a).await.status, 401);
    assert_empty_list(&list(&last, b).await);
}

#[tokio::test]
async fn any_number_of_unknown_keys_causes_one_fetch() {
    let cloud = Cloud::new(Role::Api).await;
    let token = cloud.token(FIRST_KEY).await;
    let function = cloud.start("patients").await;
    let _ = cloud.take_stages();

    for i in 0..300 {
        let stranger = cloud.token(&format!("a stranger's key {i:08} Zq7vT4wLx9 Kp2mDr8s")).await;
        assert_eq!(list(&function, &stranger).await.status, 401);
    }
    assert_empty_list(&list(&function, &token).await);

    let (_, stages) = cloud.take_stages();
    assert_eq!(stages, ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"]);
}

// The token's key id is read before the signature; in a token that is too long it is not.
#[tokio::test]
async fn a_token_of_more_than_four_kilobytes_causes_no_fetch_of_its_key() {
    let cloud = Cloud::new(Role::Api).await;
    let function = cloud.start("patients").await;
    let unknown = cloud.token("a stranger's key Zq7vT4wLx9 Kp2mDr8sHn abcdef").await;
    let _ = cloud.take_stages();

    for length in [4_097, 5_000, 100_000, 4 << 20] {
        // Its header is valid, so that reading it would force a fetch.
        let long = format!("{unknown}{}", "x".repeat(length - unknown.len()));
        assert_eq!(list(&function, &long).await.status, 401);
    }
    assert_eq!(cloud.take_stages().1, [] as [&str; 0]);

    let longest = format!("{unknown}{}", "x".repeat(4_096 - unknown.len()));
    assert_eq!(list(&function, &longest).await.status, 401);
    assert_eq!(cloud.take_stages().1, ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"]);
}

#[tokio::test]
async fn tokens_are_signed_with_the_current_key_and_no_other() {
    let cloud = Cloud::new(Role::Auth).await;
    cloud.moto.put(&cloud.jwt_secret, key(KEY_B)).await;
    cloud.moto.put_pending(&cloud.jwt_secret, key(KEY_C)).await;
    let function = cloud.start("auth").await;
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    // It knows all three keys now.
    let me = function.call("GET", "/api/auth/me", Some(&cloud.token(KEY_C).await), None).await;
    assert_eq!(me.status, 200);

    let account = json!({"name": "A", "email": "a@example.com", "password": "securePassword123"});
    let login = json!({"email": "a@example.com", "password": "securePassword123"});
    let mut headers = HashSet::new();
    for (path, body) in [("register", &account), ("login", &login), ("login", &login)] {
        let response = function.call("POST", &format!("/api/auth/{path}"), None, Some(body)).await;
        headers.insert(header(response.json()["token"].as_str().unwrap()));
    }

    assert_eq!(headers, HashSet::from([header(&cloud.token(KEY_B).await)]));
}
