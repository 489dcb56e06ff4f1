//! The payload versions and event sources in which API Gateway delivers a request to a function.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A request, independent of the event's form.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as the function should see it.
    pub path: String,
    /// The headers in order; a name may occur twice.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<String>,
}

/// The form of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// HTTP API, payload 2.0, stage `$default`.
    HttpApi,
    /// HTTP API, payload 2.0, a named stage, which is part of the path.
    HttpApiStage,
    /// REST API, payload 1.0, a named stage, which is not part of the path.
    RestApi,
    /// REST API behind a custom domain with a base path, which is part of the path.
    RestApiBasePath,
    /// A function URL.
    FunctionUrl,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::HttpApi, Self::HttpApiStage, Self::RestApi, Self::RestApiBasePath, Self::FunctionUrl];

    /// The base path that [`Form::RestApiBasePath`] puts before the path.
    pub const BASE_PATH: &str = "clinic";

    /// The event.
    #[must_use]
    pub fn event(self, call: &Call) -> Value {
        self.event_of(&Received {
            method: &call.method,
            path: &call.path,
            query: "",
            headers: &call.headers,
            body: call.body.as_deref(),
            is_base64: false,
            request_id: "JKJaXmPLvHcESHA=",
            source_ip: "203.0.113.7",
        })
    }

    /// The event of a request that came over the network.
    pub(super) fn event_of(self, received: &Received<'_>) -> Value {
        const DOMAIN: &str = "abc123.execute-api.eu-central-1.amazonaws.com";

        let path = received.path;
        match self {
            Self::HttpApi => v2(received, "$default", path, DOMAIN),
            Self::HttpApiStage => v2(received, "prod", &format!("/prod{path}"), DOMAIN),
            Self::FunctionUrl => v2(received, "$default", path, "abc123.lambda-url.eu-central-1.on.aws"),
            Self::RestApi => v1(received, path, &format!("/prod{path}")),
            Self::RestApiBasePath => {
                let path = format!("/{}{path}", Self::BASE_PATH);
                v1(received, &path, &path)
            }
        }
    }
}

/// A request that a gateway has received.
pub(super) struct Received<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(String, String)],
    pub(super) body: Option<&'a str>,
    pub(super) is_base64: bool,
    pub(super) request_id: &'a str,
    pub(super) source_ip: &'a str,
}

// The times in the events are constant, because no function reads them.

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn v2(received: &Received<'_>, stage: &str, raw_path: &str, domain: &str) -> Value {
    let (mut headers, mut cookies) = (BTreeMap::new(), Vec::new());
    for (name, value) in received.headers {
        match name.to_ascii_lowercase() {
            name if name == "cookie" => cookies.extend(value.split(';').map(str::trim)),
            // Values of one header are joined with a comma.
            name => join(&mut headers, name, value),
        }
    }
    let mut query = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(received.query.as_bytes()) {
        join(&mut query, name.into_owned(), &value);
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": received.query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": domain,
            "domainPrefix": "abc123",
            "http": {
                "method": received.method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": received.source_ip,
                "userAgent": headers.get("user-agent").map_or("a client of the tests", String::as_str)
            },
            "requestId": received.request_id,
            "routeKey": "$default",
            "stage": stage,
            "time": "23/Nov/2026:11:44:41 +0000",
            "timeEpoch": 1_795_434_281_000_i64
        },
        "body": received.body,
        "isBase64Encoded": received.is_base64
    });
    // Absent, not empty, when there are none.
    for (key, value) in [("cookies", json!(cookies)), ("queryStringParameters", json!(query))] {
        if let (true, Some(event)) = (value != json!([]) && value != json!({}), event.as_object_mut()) {
            event.insert(key.to_owned(), value);
        }
    }
    event
}

fn join(values: &mut BTreeMap<String, String>, name: String, value: &str) {
    let joined = values.entry(name).and_modify(|joined| joined.push(',')).or_default();
    joined.push_str(value);
}

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
fn v1(received: &Received<'_>, path: &str, context_path: &str) -> Value {
    let headers = Multi::of(received.headers.iter().cloned());
    let query = form_urlencoded::parse(received.query.as_bytes());
    let query = Multi::of(query.map(|(name, value)| (name.into_owned(), value.into_owned())));
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": received.method,
        "headers": headers.last(),
        "multiValueHeaders": headers.all(),
        "queryStringParameters": query.last(),
        "multiValueQueryStringParameters": query.all(),
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-central-1.amazonaws.com",
            "httpMethod": received.method,
            "identity": { "sourceIp": received.source_ip, "userAgent": "a client of the tests" },
            "path": context_path,
            "protocol": "HTTP/1.1",
            "requestId": received.request_id,
            "requestTimeEpoch": 1_795_434_281_000_i64,
            "resourceId": "abcdef",
            "resourcePath": "/{proxy+}",
            "stage": "prod"
        },
        "body": received.body,
        "isBase64Encoded": received.is_base64
    })
}

/// Names that may have several values.
struct Multi(BTreeMap<String, Vec<String>>);

impl Multi {
    fn of(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let mut all = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in pairs {
            all.entry(name).or_default().push(value);
        }
        Self(all)
    }

    /// Every value of each; null when there are none.
    fn all(&self) -> Value {
        if self.0.is_empty() { Value::Null } else { json!(self.0) }
    }

    /// The last value of each.
    fn last(&self) -> Value {
        let last = self.0.iter().map(|(name, values)| (name, values.last()));
        if self.0.is_empty() { Value::Null } else { json!(last.collect::<BTreeMap<_, _>>()) }
    }
}
