//! Which requests count as signed in.

use ring::hmac;
use serde_json::{Value, json};
use testing::{
    Forged, NOW, Response, TestApp,
    event::{Call, Form},
    log,
};
use tokio_postgres::types::Type;

use crate::{event, everything, good_body, name, path, routes};

/// Lists patients with these headers.
async fn list(app: &TestApp, form: Form, headers: &[(&str, &str)]) -> Response {
    let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let call = Call { method: "GET".to_owned(), path: "/api/patients".to_owned(), headers, body: None };
    app.send("/api/patients", &form.event(&call)).await
}

const NO_TOKEN: &str = "Bearer";
const BAD_TOKEN: &str = r#"Bearer error="invalid_token""#;

#[tokio::test]
async fn a_token_is_sent_in_one_way_and_its_lack_is_told_from_a_bad_one() {
    let app = everything().await;
    let token = app.user().await.token.unwrap();

    for form in Form::ALL {
        for accepted in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER {token}")] {
            for name in ["authorization", "Authorization", "AUTHORIZATION"] {
                let response = list(&app, form, &[(name, &accepted)]).await;
                assert_eq!(response.expect(200), json!([]), "{name} through {form:?}");
            }
        }

        // RFC 6750 §3.1: no error where no token was sent, or another scheme was tried.
        for (header, challenge) in [
            ("", NO_TOKEN),
            (" ", NO_TOKEN),
            ("Bearer", NO_TOKEN),
            ("Bearer ", NO_TOKEN),
            ("Basic dXNlcjpwYXNzd29yZA==", NO_TOKEN),
            ("Basic", NO_TOKEN),
            ("Negotiate x", NO_TOKEN),
            (&format!("Basic {token}"), NO_TOKEN),
            (&format!("Token {token}"), NO_TOKEN),
            (&format!("JWT {token}"), NO_TOKEN),
            ("Bearer x", BAD_TOKEN),
            ("Bearer é", BAD_TOKEN),
            ("Bearer a b", BAD_TOKEN),
            ("Bearer null", BAD_TOKEN),
            (&format!("Bearer  {token}"), BAD_TOKEN),
            (&format!("Bearer {token},"), BAD_TOKEN),
            (&format!("Bearer {token} {token}"), BAD_TOKEN),
            (&format!("Bearer {token}, Bearer {token}"), BAD_TOKEN),
            (&format!("Bearer \"{token}\""), BAD_TOKEN),
            (&format!("Bearer Bearer {token}"), BAD_TOKEN),
        ] {
            let response = list(&app, form, &[("authorization", header)]).await;
            response.expect(401);
            assert_eq!(response.headers["www-authenticate"], challenge, "{header:?} through {form:?}");
        }
        let response = list(&app, form, &[]).await;
        assert_eq!(response.expect(401)["message"], "A token is required");
        assert_eq!(response.headers["www-authenticate"], NO_TOKEN);
    }
}

#[tokio::test]
async fn two_authorization_headers_are_none() {
    let app = everything().await;
    let (alice, bob) = (app.user().await.token.unwrap(), app.user().await.token.unwrap());
    let (alice, bob) = (format!("Bearer {alice}"), format!("Bearer {bob}"));

    for form in Form::ALL {
        for two in [[&alice, &bob], [&bob, &alice], [&alice, &alice]] {
            let [first, second] = two.map(String::as_str);
            let response = list(&app, form, &[("authorization", first), ("authorization", second)]).await;
            assert_eq!(response.expect(401)["message"], "The token is not valid", "{form:?}");
            assert_eq!(response.headers["www-authenticate"], BAD_TOKEN);
        }
    }
    // Payload 1.0 keeps the names as they were sent.
    let response = list(&app, Form::RestApi, &[("Authorization", &alice), ("authorization", &bob)]).await;
    assert_eq!(response.headers["www-authenticate"], BAD_TOKEN);
}

#[tokio::test]
async fn headers_of_one_name_are_one_through_every_gateway() {
    let app = everything().await;
    let token = format!("Bearer {}", app.user().await.token.unwrap());

    for (first, second, challenge) in [
        ("Basic x", &*token, NO_TOKEN),
        ("Bearer", &token, NO_TOKEN),
        ("Bearer ", &token, BAD_TOKEN),
        (&token, "é", BAD_TOKEN),
    ] {
        for form in Form::ALL {
            let response = list(&app, form, &[("authorization", first), ("authorization", second)]).await;
            response.expect(401);
            assert_eq!(response.headers["www-authenticate"], challenge, "{first:?} through {form:?}");
        }
    }
    for form in Form::ALL {
        let headers =
            [("authorization", &*token), ("content-type", "application/json"), ("content-type", "text/plain")];
        let call = Call {
            method: "POST".to_owned(),
            path: "/api/patients".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Some(crate::jane().to_string()),
        };
        app.send("/api/patients", &form.event(&call)).await.expect(415);
    }
}

#[tokio::test]
async fn a_token_anywhere_else_is_not_seen() {
    let app = everything().await;
    let token = app.user().await.token.unwrap();

    for form in [Form::HttpApi, Form::RestApi] {
        let mut event = event(form, "GET", "/api/patients", None);
        event["rawQueryString"] = format!("access_token={token}").into();
        event["queryStringParameters"] = json!({"access_token": token, "authorization": token});
        event["multiValueQueryStringParameters"] = json!({"access_token": [token]});
        event["cookies"] = json!([format!("access_token={token}"), format!("authorization=Bearer {token}")]);
        event["headers"]["cookie"] = format!("token={token}").into();
        event["headers"]["x-authorization"] = format!("Bearer {token}").into();
        event["headers"]["proxy-authorization"] = format!("Bearer {token}").into();
        event["stageVariables"] = json!({"authorization": format!("Bearer {token}")});
        event["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": "1"}, "scopes": null}});
        event["body"] = json!({"access_token": token}).to_string().into();
        let response = app.send("/api/patients", &event).await;
        assert_eq!(response.expect(401)["message"], "A token is required", "{form:?}");
        assert_eq!(response.headers["www-authenticate"], NO_TOKEN);
    }
}

#[tokio::test]
async fn a_token_of_more_than_four_kilobytes_is_not_looked_at() {
    let app = everything().await;
    let good = app.user().await.token.unwrap();
    // Good in all but its length: an unknown claim is ignored.
    let padded = |more: usize| Forged::like(&good).claim("pad", "x".repeat(more)).signed();
    let most = (0..4096).rev().find(|&more| padded(more).len() <= 4096).unwrap();

    let longest = padded(most);
    let too_long = padded(most + 3);
    assert!(longest.len() > 4090 && too_long.len() > 4096, "{} {}", longest.len(), too_long.len());

    let response = list(&app, Form::HttpApi, &[("authorization", &format!("Bearer {longest}"))]).await;
    assert_eq!(response.expect(200), json!([]));
    for long in [too_long, padded(5_000), padded(1 << 20), "x".repeat(6 << 20)] {
        let response = list(&app, Form::HttpApi, &[("authorization", &format!("Bearer {long}"))]).await;
        assert_eq!((response.status, response.headers["www-authenticate"].as_str()), (401, BAD_TOKEN));
    }
}

#[tokio::test]
async fn a_token_of_the_auth_function_opens_all_others_and_another_services_none() {
    let app = everything().await;
    let ann = json!({"name": "Ann", "email": "ann@example.com", "password": "securePassword123"});
    let token = app.anonymous().post("/api/auth/register", ann).await.expect(201)["token"].as_str().unwrap().to_owned();
    let others = [
        Forged::like(&token).claim("aud", "another-service").signed(),
        Forged::like(&token).claim("iss", "another-service").signed(),
        Forged::like(&token).signed_with(hmac::HMAC_SHA256, b"the key of another service, 0123456789"),
    ];

    for path in ["/api/auth/me", "/api/patients", "/api/doctors", "/api/mappings"] {
        app.with_token(Some(token.clone())).get(path).await.expect(200);
        for other in &others {
            let response = app.with_token(Some(other.clone())).get(path).await;
            assert_eq!((response.status, response.headers["www-authenticate"].as_str()), (401, BAD_TOKEN), "{path}");
        }
    }
    assert_eq!(Forged::like(&token).claims["exp"], NOW + 3600);
}

#[tokio::test]
async fn a_dead_session_opens_no_route_from_the_next_request_on() {
    let app = everything().await;
    let owner = app.db.owner().await;
    let (keeper, stranger) = (app.user().await, app.user().await);
    let (keepers, strangers) = (keeper.token.unwrap(), stranger.token.unwrap());
    let sid = |token: &str| Forged::like(token).claims["sid"].clone();
    let kill = [
        "UPDATE sessions SET revoked_at = now() WHERE user_id = $1",
        "UPDATE sessions SET expires_at = now() WHERE user_id = $1",
        "DELETE FROM sessions WHERE user_id = $1",
        "DELETE FROM users WHERE id = $1",
    ];
    // What a token that never was one of ours gets: a dead one must look the same.
    let bad = app.with_token(Some("bad".to_owned())).get("/api/patients").await.observable();
    assert_eq!((bad.0, bad.1["www-authenticate"].as_str()), (401, BAD_TOKEN));

    for route in routes().filter(|route| !route.is_public()) {
        let (route_name, path, body) = (name(route), path(route, "99"), good_body(route).map(|body| body.to_string()));
        let call =
            async |token: &str| app.with_token(Some(token.to_owned())).call(route.method, &path, body.clone()).await;
        assert_eq!(app.anonymous().call(route.method, &path, body.clone()).await.status, 401, "{route_name}");

        for kill in kill {
            let user = app.user().await;
            let token = user.token.clone().unwrap();
            user.get("/api/auth/me").await.expect(200);
            owner.execute_typed(kill, &[(&user.id, Type::INT8)]).await.unwrap();
            assert_eq!(call(&token).await.observable(), bad, "{route_name} after {kill}");
        }
        for mixed in [
            Forged::like(&keepers).claim("sid", sid(&strangers)).signed(),
            Forged::like(&strangers).claim("sid", sid(&keepers)).signed(),
            Forged::like(&keepers).claim("sid", "00000000-0000-4000-8000-000000000000").signed(),
            Forged::like(&keepers).claim("sub", "9223372036854775807").signed(),
        ] {
            assert_eq!(call(&mixed).await.observable(), bad, "{route_name}");
        }

        // All of that was for the session alone: with a living one the same request gets through.
        let alive = call(app.user().await.token.as_deref().unwrap()).await.status;
        assert!(matches!(alive, 200 | 201 | 204 | 404), "{route_name}: {alive}");
    }
    assert_eq!(app.with_token(Some(keepers)).get("/api/patients").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_caller_with_a_dead_session_changes_nothing() {
    let app = everything().await;
    let owner = app.db.owner().await;
    let alice = app.user().await;
    let doctor = alice.post("/api/doctors", json!({"name": "Dr. A", "specialty": "B"})).await.expect(201);

    alice.post("/api/auth/logout", "").await.expect(204);

    alice.post("/api/doctors", json!({"name": "Dr. C", "specialty": "D"})).await.expect(401);
    alice.put("/api/doctors/1", json!({"name": "Dr. E"})).await.expect(401);
    alice.delete("/api/doctors/1").await.expect(401);
    alice.post("/api/auth/logout", "").await.expect(401);
    let rows = owner.query_typed("SELECT name FROM doctors", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), [doctor["name"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_token_ends_on_the_second() {
    let app = everything().await;
    let alice = app.user().await;
    let clock = |now: i64| app.clock.store(now, std::sync::atomic::Ordering::Relaxed);

    clock(NOW + 3599);
    alice.get("/api/patients").await.expect(200);
    clock(NOW + 3600);
    assert_eq!(alice.get("/api/patients").await.headers["www-authenticate"], BAD_TOKEN);
}

#[tokio::test]
async fn no_token_is_ever_in_the_log() {
    let app = everything().await;
    let token = app.user().await.token.unwrap();
    let bearer = format!("Bearer {token}");

    for form in Form::ALL {
        list(&app, form, &[("authorization", &bearer)]).await.expect(200);
        list(&app, form, &[("authorization", &bearer[..bearer.len() - 1])]).await.expect(401);
        list(&app, form, &[("authorization", &format!("Basic {token}"))]).await.expect(401);
        list(&app, form, &[("authorization", &bearer), ("x\ny", &bearer)]).await.expect(400);
        let mut event = event(form, "GET", &format!("/api/patients/{token}"), Some(&token));
        event["rawQueryString"] = format!("access_token={token}").into();
        app.send("/api/patients", &event).await.expect(400);
        app.send("/api/patients", &Value::String(token.clone())).await.expect(400);
    }

    let log = log();
    assert!(log.contains(r#""route":"GET /api/patients""#));
    // What all our tokens begin with, in any test of this process.
    assert!(!log.contains("eyJ"), "a token is in the log");
    for segment in token.split('.') {
        assert!(!log.contains(segment), "a part of a token is in the log");
    }
}
