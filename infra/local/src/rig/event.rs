//! The forms in which API Gateway delivers a request to a function.

use serde_json::{Map, Value, json};

/// A request before it is put into a form.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as the function should see it.
    pub path: String,
    /// The headers in order; one may stand twice.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<String>,
}

/// One of those forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// HTTP API, payload 2.0, stage `$default`.
    HttpApi,
    /// HTTP API, payload 2.0, a named stage, which stands in the path.
    HttpApiStage,
    /// REST API, payload 1.0, a named stage, which does not.
    RestApi,
    /// REST API behind a custom domain with a base path, which does.
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
        match self {
            Self::HttpApi => v2(call, "$default", &call.path, "abc123.execute-api.eu-central-1.amazonaws.com"),
            Self::HttpApiStage => {
                v2(call, "prod", &format!("/prod{}", call.path), "abc123.execute-api.eu-central-1.amazonaws.com")
            }
            Self::FunctionUrl => v2(call, "$default", &call.path, "abc123.lambda-url.eu-central-1.on.aws"),
            Self::RestApi => v1(call, &call.path, &format!("/prod{}", call.path)),
            Self::RestApiBasePath => {
                let path = format!("/{}{}", Self::BASE_PATH, call.path);
                v1(call, &path, &path)
            }
        }
    }
}

const SOURCE_IP: &str = "203.0.113.7";
const REQUEST_ID: &str = "JKJaXmPLvHcESHA=";

fn v2(call: &Call, stage: &str, raw_path: &str, domain: &str) -> Value {
    let mut headers = Map::new();
    for (name, value) in &call.headers {
        // API Gateway joins headers of one name with a comma.
        let joined = match headers.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.clone(),
        };
        headers.insert(name.to_ascii_lowercase(), joined.into());
    }
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": domain,
            "domainPrefix": "abc123",
            "http": {
                "method": call.method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": SOURCE_IP,
                "userAgent": "a client of the tests"
            },
            "requestId": REQUEST_ID,
            "routeKey": "$default",
            "stage": stage,
            "time": "23/Nov/2026:11:44:41 +0000",
            "timeEpoch": 1_795_434_281_000_i64
        },
        "body": call.body,
        "isBase64Encoded": false
    })
}

fn v1(call: &Call, path: &str, context_path: &str) -> Value {
    let (mut headers, mut multi) = (Map::new(), Map::new());
    for (name, value) in &call.headers {
        headers.insert(name.clone(), value.clone().into());
        match multi.entry(name.clone()).or_insert_with(|| json!([])) {
            Value::Array(values) => values.push(value.clone().into()),
            _ => unreachable!("only arrays are put in"),
        }
    }
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": call.method,
        "headers": headers,
        "multiValueHeaders": multi,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.eu-central-1.amazonaws.com",
            "httpMethod": call.method,
            "identity": { "sourceIp": SOURCE_IP, "userAgent": "a client of the tests" },
            "path": context_path,
            "protocol": "HTTP/1.1",
            "requestId": REQUEST_ID,
            "requestTimeEpoch": 1_795_434_281_000_i64,
            "resourceId": "abcdef",
            "resourcePath": "/{proxy+}",
            "stage": "prod"
        },
        "body": call.body,
        "isBase64Encoded": false
    })
}
