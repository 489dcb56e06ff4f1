//! Requests, as a client writes them.

use testing::event::{Call, Form};

use crate::functions::{self, BASE_PATH};

/// A request is answered the same through every kind of gateway.
///
/// It is written as in HTTP, but for its version: `GET /api/patients`, a line for each header, an empty line, the body.
/// `TOKEN` in a header stands for a good token.
pub fn requests(input: &[u8]) {
    let Some(call) = std::str::from_utf8(input).ok().and_then(read) else { return };
    functions::with(|functions| {
        let call = Call {
            headers: call
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.replacen("TOKEN", &functions.token, 1)))
                .collect(),
            ..call
        };
        let [first, others @ ..] = Form::ALL.map(|form| functions.send(&call.path, &form.event(&call)).observable());
        for (other, form) in others.iter().zip(&Form::ALL[1..]) {
            assert_eq!(*other, first, "{call:?} through {form:?}");
        }
    });
}

/// `None` for what is no request, one that the gateways' own prefixes make another one, or one with a header in two
/// spellings: a REST API does not say which came first.
fn read(text: &str) -> Option<Call> {
    let (head, body) = text.split_once("\n\n").map_or((text, None), |(head, body)| (head, Some(body)));
    let mut lines = head.split('\n');
    let (method, path) = lines.next()?.split_once(' ')?;
    if [BASE_PATH, "prod"].iter().any(|prefix| path.trim_start_matches('/').starts_with(prefix)) {
        return None;
    }
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let is_respelled =
        |(name, _): &(&str, &str)| headers.iter().any(|(other, _)| other != name && other.eq_ignore_ascii_case(name));
    if headers.iter().any(is_respelled) {
        return None;
    }
    Some(Call {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.map(str::to_owned),
    })
}
