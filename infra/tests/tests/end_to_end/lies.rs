//! Responses with one wrong fact.

use tests::running::HttpResponse;

/// The gateway's own response to a throttled request.
pub(crate) fn throttled() -> HttpResponse {
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    HttpResponse { status: 429, headers: headers.into(), text: r#"{"message":"Too Many Requests"}"#.to_owned() }
}

/// A response with one wrong fact.
pub(crate) struct Lie {
    /// Where: in the response of this route with this status …
    pub(crate) on: (&'static str, u16),
    /// … after this many unchanged responses of this kind.
    pub(crate) after: usize,
    pub(crate) tell: fn(&mut HttpResponse),
    /// The lines that the walk must print.
    pub(crate) found: &'static [&'static str],
}

/// Each kind of fact, wrong once.
pub(crate) const LIES: &[Lie] = &[
    Lie {
        on: ("POST /api/patients", 201),
        after: 0,
        tell: |response| response.status = 200,
        found: &["wrong:    status", "expected: 201", "came:     200 with {"],
    },
    Lie {
        on: ("POST /api/auth/register", 201),
        after: 0,
        tell: |response| response.status = 200,
        found: &["expected: 201", r#"came:     200 with {"token":"…"}"#],
    },
    Lie {
        on: ("GET /api/patients", 200),
        after: 0,
        tell: |response| drop(response.headers.remove("x-content-type-options")),
        found: &["wrong:    header x-content-type-options", "expected: nosniff", "came:     no such header"],
    },
    Lie {
        on: ("DELETE /api/doctors/{id}", 200),
        after: 0,
        tell: |response| drop(response.headers.insert("cache-control".to_owned(), "max-age=60".to_owned())),
        found: &["wrong:    header cache-control", "expected: no-store", "came:     max-age=60"],
    },
    Lie {
        on: ("GET /api/auth/me", 200),
        after: 0,
        tell: |response| drop(response.headers.remove("x-request-id")),
        found: &["wrong:    header x-request-id"],
    },
    Lie {
        on: ("POST /api/mappings", 201),
        after: 0,
        tell: |response| drop(response.headers.insert("location".to_owned(), "/api/mappings".to_owned())),
        found: &["wrong:    header location", "came:     /api/mappings"],
    },
    Lie {
        on: ("GET /api/patients/{id}", 404),
        after: 0,
        tell: |response| drop(response.headers.insert("content-type".to_owned(), "application/json".to_owned())),
        found: &["wrong:    header content-type", "expected: application/problem+json"],
    },
    Lie {
        on: ("GET /api/doctors", 200),
        after: 0,
        tell: |response| response.text = response.text.replace("Z\"", "+00:00\""),
        found: &["wrong:    body[0].createdAt", "expected: \"<RFC 3339 in UTC with milliseconds>\""],
    },
    Lie {
        on: ("PUT /api/patients/{id}", 200),
        after: 0,
        tell: |response| response.text = response.text.replace("\"version\":2", "\"version\":1"),
        found: &["wrong:    body.version", "expected: 2", "came:     1"],
    },
    Lie {
        on: ("POST /api/patients", 400),
        after: 0,
        tell: |response| response.text = response.text.replace("\"field\":\"dob\"", "\"field\":\"date\""),
        found: &["wrong:    body.errors[1].field", "expected: \"dob\"", "came:     \"date\""],
    },
    Lie {
        on: ("GET /api/mappings", 401),
        after: 0,
        tell: |response| drop(response.headers.remove("www-authenticate")),
        found: &["wrong:    header www-authenticate", "expected: Bearer"],
    },
    Lie {
        on: ("GET /api/auth/register", 405),
        after: 0,
        tell: |response| drop(response.headers.remove("allow")),
        found: &["wrong:    header allow", "expected: POST"],
    },
    Lie {
        on: ("DELETE /api/mappings/{id}", 404),
        after: 0,
        tell: |response| *response = HttpResponse { status: 502, text: "<p>Bad gateway</p>".to_owned(), ..throttled() },
        found: &["wrong:    status", "expected: 404", "came:     502 with <p>Bad gateway</p>"],
    },
    Lie {
        on: ("GET /api/doctors", 401),
        after: 0,
        tell: |response| *response = HttpResponse { status: 200, text: "[]".to_owned(), ..throttled() },
        found: &["refuses a token that was logged out", "wrong:    status", "expected: 401", "came:     200 with []"],
    },
    Lie {
        on: ("POST /api/auth/login", 401),
        after: 1,
        tell: |response| response.text = response.text.replace("password", "e-mail"),
        found: &["wrong:    body, byte for byte but for the requestId"],
    },
    Lie {
        on: ("DELETE /api/patients/{id}", 404),
        after: 2,
        tell: |response| response.text.push(' '),
        found: &["cannot delete a patient of another user", "wrong:    body, byte for byte but for the requestId"],
    },
    Lie {
        on: ("GET /api/mappings/{id}", 404),
        after: 2,
        tell: |response| *response = HttpResponse { status: 200, text: "[]".to_owned(), ..throttled() },
        found: &["cannot list the doctors of a patient of another user", "expected: 404", "came:     200 with []"],
    },
    Lie {
        on: ("POST /api/patients", 400),
        after: 0,
        tell: |response| response.text = response.text.replace("must be a date in the form YYYY-MM-DD", "1990-02-30?"),
        found: &["wrong:    body, which must not repeat what was sent"],
    },
];
