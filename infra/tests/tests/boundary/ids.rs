//! Which texts are ids in a path: positive 64-bit integers in plain decimal, and nothing else.

use testing::event::Form;

use crate::{event, everything, good_body, name, path, routes};

/// Numbers that some reader of numbers would take.
const NO_IDS: [&str; 35] = [
    "0",
    "00",
    "-0",
    "-1",
    "−1",
    "+1",
    "01",
    "1.0",
    "1.",
    ".1",
    "1e0",
    "1e3",
    "1E3",
    "1_000",
    "1,000",
    "1'000",
    "0x1",
    "0b1",
    "1n",
    "1L",
    " 1",
    "1 ",
    "1\u{a0}",
    "1\u{200b}",
    "１",
    "١",
    "²",
    "NaN",
    "Infinity",
    "null",
    "true",
    "9223372036854775808",
    "18446744073709551617",
    "99999999999999999999999999999999999999999",
    "1 OR 1=1",
];

/// Ids of records that do not exist.
const IDS: [&str; 4] = ["999999999", "2147483648", "4294967297", "9223372036854775807"];

#[tokio::test]
async fn an_id_in_a_path_is_one_or_a_bad_request_on_every_route() {
    let app = everything().await;
    let alice = app.user().await;

    for route in routes().filter(|route| route.path.contains('{')) {
        let body = good_body(route).map(|body| body.to_string());
        for (ids, status) in [(&NO_IDS[..], 400), (&IDS[..], 404)] {
            for id in ids {
                let response = alice.call(route.method, &path(route, id), body.clone()).await;
                assert_eq!(response.status, status, "{} with {id:?}", name(route));
                if status == 400 {
                    let problem = response.json();
                    assert_eq!(problem["message"], "The id in the path must be a positive integer", "{id:?}");
                }
            }
        }
        // No id at all, and what is no plain text: no path of ours.
        for id in ["", "/", "%31", "1%20", "1\n", "\t1", "1\0", "1;", "1?", "1#", "."] {
            let odd = event(Form::HttpApi, route.method, &path(route, id), alice.token.as_deref());
            assert_eq!(app.send("/api/patients", &odd).await.status, 404, "{} with {id:?}", name(route));
        }
    }
}
