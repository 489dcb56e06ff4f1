//! Bodies.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use testing::{
    Response,
    contract::{BODIES, Verdict},
    event::{Call, Form},
};

use crate::functions;

/// A body is taken or refused as the contract says, field by field, by every route that takes one.
pub fn bodies(input: &[u8]) {
    functions::with(|functions| {
        for body in &BODIES {
            let path = body.path.replace("{id}", "7");
            let mut event = Form::HttpApi.event(&Call {
                method: body.method.to_owned(),
                path: path.clone(),
                headers: vec![
                    ("authorization".to_owned(), format!("Bearer {}", functions.token)),
                    ("content-type".to_owned(), "application/json".to_owned()),
                ],
                body: std::str::from_utf8(input).ok().map(str::to_owned),
            });
            if event["body"].is_null() {
                event["body"] = STANDARD.encode(input).into();
                event["isBase64Encoded"] = true.into();
            }
            let response = functions.send(&path, &event);
            check(&response, body.judge(input));
        }
    });
}

fn check(response: &Response, verdict: Option<Verdict>) {
    match verdict {
        None => assert!([400, 503].contains(&response.status), "{response:?}"),
        Some(Verdict::Good(_)) => assert_eq!(response.status, 503, "{response:?}"),
        Some(Verdict::Unreadable | Verdict::Empty) => assert_eq!(response.expect(400).get("errors"), None),
        Some(Verdict::Wrong(fields)) => {
            let wrong = fields.iter().map(|(field, message)| serde_json::json!({"field": field, "message": message}));
            assert_eq!(response.expect(400)["errors"], wrong.collect::<Value>(), "{response:?}");
        }
    }
}
