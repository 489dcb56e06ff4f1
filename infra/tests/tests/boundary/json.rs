//! Bodies that are not quite what they should be.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testing::event::{Call, Form};

use crate::{everything, good_body, jane, name, path, routes};

/// Bodies that no route can read.
fn unreadable() -> Vec<Vec<u8>> {
    let jane = jane().to_string();
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "}",
        "null",
        "true",
        "1",
        "\"text\"",
        "[]",
        "[{}]",
        "{}{}",
        "{} x",
        "{},",
        "{'name':'x'}",
        "{name:\"x\"}",
        "{\"name\":\"x\",}",
        "{\"name\":}",
        "{\"name\":\"x\"",
        "{\"name\":\"x}",
        "{\"name\":undefined}",
        "{\"name\":NaN}",
        "{\"name\":01}",
        "{\"name\":\"\\x\"}",
        "{\"name\":\"\\u12\"}",
        "{\"name\":\"a\nb\"}",
        "{\"name\":\"a\tb\"}",
        "// x\n{}",
        "name=x&dob=1990-05-15",
        "<patient/>",
        // A key twice, whichever of them would win; also when one of them is spelled otherwise.
        "{\"name\":\"x\",\"name\":\"y\"}",
        "{\"name\":\"x\",\"n\\u0061me\":\"y\"}",
        "{\"unknown\":1,\"unknown\":2}",
        // Half a surrogate pair as a key.
        "{\"\\ud800\":1}",
        // U+0000, spelled out and as it is.
        "{\"name\":\"a\\u0000b\"}",
        "{\"unknown\":\"\\u0000\"}",
        "{\"unknown\":[{\"deep\":\"\\u0000\"}]}",
        "{\"\\u0000\":1}",
        "{\"name\":\"a\0b\"}",
        "{\"a\0\":1}",
        "{}\0",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push(format!("{jane}x").into());
    bodies.push(format!("{jane}{jane}").into());
    bodies.push(format!("\u{feff}{jane}").into());
    bodies.push(jane.encode_utf16().flat_map(u16::to_le_bytes).collect());
    // Deep, closed and not.
    bodies.push(format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)).into());
    bodies.push("[".repeat(10_000).into());
    bodies.push("{\"a\":".repeat(10_000).into());
    // Not UTF-8: a stray byte, half a character, an overlong one, an encoded surrogate, one beyond Unicode.
    for bytes in [&b"\xff"[..], b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        bodies.push([b"{\"name\":\"a", bytes, b"b\"}"].concat());
        bodies.push([b"{\"", bytes, b"\":1}"].concat());
    }
    bodies
}

#[tokio::test]
async fn a_body_that_is_no_object_in_json_is_a_bad_request_everywhere() {
    let app = everything().await;
    let alice = app.user().await;

    for route in routes().filter(|route| good_body(route).is_some()) {
        for body in unreadable() {
            let headers = vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("authorization".to_owned(), format!("Bearer {}", alice.token.as_deref().unwrap())),
            ];
            let path = path(route, "1");
            let mut event = Form::HttpApi.event(&Call {
                method: route.method.to_owned(),
                path: path.clone(),
                headers,
                body: Some(STANDARD.encode(&body)),
            });
            event["isBase64Encoded"] = true.into();
            let response = app.send(&path, &event).await;
            let shown = String::from_utf8_lossy(&body).chars().take(100).collect::<String>();
            let problem = response.expect(400);
            assert!(
                problem["message"].as_str().is_some_and(|message| message.starts_with("The body must ")),
                "{} {shown:?}: {problem}",
                name(route)
            );
            assert_eq!(problem.get("errors"), None);
        }
    }
    for list in ["/api/patients", "/api/doctors", "/api/mappings"] {
        assert_eq!(alice.get(list).await.expect(200), json!([]));
    }
}

#[tokio::test]
async fn a_field_of_another_type_is_named_and_no_failure_of_ours() {
    let app = everything().await;
    let alice = app.user().await;
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));

    for route in routes() {
        let Some(good) = good_body(route) else { continue };
        for field in good.as_object().unwrap().keys() {
            for wrong in [
                "null",
                "true",
                "1.5",
                "-0",
                "1e400",
                "[]",
                "{}",
                "[\"x\"]",
                "{\"$ne\":null}",
                "\"\"",
                "\"\\ud800\"",
                "\"\\udc00\\ud800\"",
                "\"a\\ud83d\"",
                &nested,
            ] {
                let body = replaced(&good, field, wrong);
                let response = alice.call(route.method, &path(route, "1"), Some(body)).await;
                assert_eq!(response.wrong_fields(), [field.as_str()], "{} {wrong:.20}", name(route));
            }
        }
    }
}

/// The body with this text in the place of one field's value.
fn replaced(body: &Value, field: &str, json: &str) -> String {
    let members = body.as_object().unwrap().iter().map(|(name, value)| match name == field {
        true => format!("\"{name}\":{json}"),
        false => format!("\"{name}\":{value}"),
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn an_id_in_a_body_is_a_positive_integer_in_plain_decimal() {
    let app = everything().await;
    let alice = app.user().await;

    for id in [
        "\"1\"",
        "1.0",
        "1.5",
        "1e0",
        "1e3",
        "1E3",
        "0",
        "-0",
        "-1",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "true",
        "null",
        "[1]",
        "{\"id\":1}",
        "\"1 OR true\"",
    ] {
        for (field, other) in [("patientId", "doctorId"), ("doctorId", "patientId")] {
            let body = format!("{{\"{field}\":{id},\"{other}\":1}}");
            assert_eq!(alice.post("/api/mappings", body).await.wrong_fields(), [field], "{id}");
        }
    }
    for body in ["{\"patientId\":01,\"doctorId\":1}", "{\"patientId\":+1,\"doctorId\":1}"] {
        assert_eq!(alice.post("/api/mappings", body).await.status, 400, "{body}");
    }
    for id in ["1", " 1 ", "2147483648", "9223372036854775807"] {
        let response = alice.post("/api/mappings", format!("{{\"patientId\":{id},\"doctorId\":{id}}}")).await;
        assert_eq!(response.expect(404)["message"], "Patient not found", "{id}");
    }
}

/// Contract, part 2: keys that are not asked for are ignored, whatever they hold.
#[tokio::test]
async fn an_unknown_key_is_ignored_whatever_it_holds() {
    let app = everything().await;
    let alice = app.user().await;
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));

    for (count, value) in ["null", "1e400", "\"\\ud800\"", "{\"name\":1,\"name\":2}", &deep].into_iter().enumerate() {
        let body = jane().to_string().replacen('{', &format!("{{\"unknown\":{value},"), 1);
        let added = alice.post("/api/patients", body).await.expect(201);
        assert_eq!(added["id"], count + 1);
        assert_eq!(added.get("unknown"), None);
    }
}
