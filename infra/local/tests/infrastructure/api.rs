//! The API as API Gateway gets it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::{ENVIRONMENTS, Resources, number, of_kind, resources, resources_with, text};

/// `Function METHOD path` of every route.
fn routes(body: &Value) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for (path, methods) in body["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            let integration = &route["x-amazon-apigateway-integration"];
            assert_eq!(integration["payloadFormatVersion"], "2.0", "{path}");
            let uri = text(&integration["uri"]);
            let function = uri.rsplit("functions/").next().unwrap().split("FunctionAliaslive").next().unwrap();
            assert!(uri.contains("FunctionAliaslive"), "{path} goes past the alias: {uri}");
            let method = method.replace("x-amazon-apigateway-any-method", "any").to_uppercase();
            assert_eq!(route.get("isDefaultRoute").is_some(), path == "/$default", "{path}");
            routes.insert(format!("{function} {method} {}", path.replace("/$default", "$default")));
        }
    }
    routes
}

// IN-07
#[test]
fn the_routes_are_those_of_the_code_and_every_wrong_one_is_answered_by_us() {
    let mut expected = BTreeSet::from(["Doctors ANY $default".to_owned()]);
    let tables = [
        ("Auth", auth::ROUTES),
        ("Patients", patients::ROUTES),
        ("Doctors", doctors::ROUTES),
        ("Mappings", mappings::ROUTES),
    ];
    for (function, table) in tables {
        for route in table {
            expected.insert(format!("{function} {} {}", route.method, route.path));
            expected.insert(format!("{function} ANY {}", route.path));
        }
    }
    for environment in ENVIRONMENTS {
        assert_eq!(routes(&resources(environment)["Api"].properties["Body"]), expected, "{environment}");
    }
}

// IN-07
#[test]
fn every_route_is_throttled_and_guessing_passwords_most() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let stages = of_kind(&resources, "AWS::ApiGatewayV2::Stage");
        assert_eq!(stages.len(), 1);
        let stage = &stages[0].1.properties;
        let all = &stage["DefaultRouteSettings"];
        assert!(number(&all["ThrottlingRateLimit"]) >= 1.0 && number(&all["ThrottlingBurstLimit"]) >= 1.0);
        assert_eq!(all["DetailedMetricsEnabled"], true);
        let settings = stage["RouteSettings"].as_object().unwrap();
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["POST /api/auth/login", "POST /api/auth/register"]);
        for own in settings.values() {
            for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
                assert!(number(&own[limit]) <= number(&all[limit]) / 4.0, "{environment} {limit}");
            }
        }
        assert!(number(&settings["POST /api/auth/login"]["ThrottlingRateLimit"]) >= 1.0);
    }
}

// IN-07, LG-01, LG-03: neither query nor path, header or body; the route says which path, without its id.
#[test]
fn the_access_log_says_nothing_about_a_person() {
    let resources = resources("prod");
    let log = &resources["ApiApiGatewayDefaultStage"].properties["AccessLogSettings"];
    assert_eq!(log["DestinationArn"], "ApiLogGroup.Arn");
    let format: Value = serde_json::from_str(&text(&log["Format"])).unwrap();
    let fields: Vec<_> = format.as_object().unwrap().values().map(text).collect();
    let allowed = [
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.integration.status",
        "$context.integration.latency",
        "$context.integration.requestId",
    ];
    assert_eq!(fields.iter().collect::<BTreeSet<_>>(), allowed.map(str::to_owned).iter().collect());
}

// IN-07
#[test]
fn a_domain_of_its_own_speaks_modern_tls_and_is_the_only_door() {
    let closed = |resources: &Resources| {
        let server = &resources["Api"].properties["Body"]["servers"][0];
        server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"].clone()
    };
    assert_eq!(closed(&resources("prod")), false);
    let certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/1";
    let resources = resources_with("prod", &[("DomainName", "api.example.com"), ("CertificateArn", certificate)]);
    assert_eq!(closed(&resources), true);
    let domain = &resources["Domain.Domain"].properties["DomainNameConfigurations"];
    let expected = json!([{"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}]);
    assert_eq!(*domain, expected);
    assert_eq!(resources["Domain.Mapping"].properties["Stage"], "ApiApiGatewayDefaultStage");
    assert!(!resources.contains_key("Domain.Records"), "the zone is elsewhere");
}

#[test]
fn browsers_of_other_origins_are_let_in_by_name_only() {
    assert!(resources("prod")["Api"].properties["Body"].get("x-amazon-apigateway-cors").is_none());
    let resources = resources_with("prod", &[("CorsAllowedOrigins", "https://app.example.com,https://b.example.com")]);
    let cors = &resources["Api"].properties["Body"]["x-amazon-apigateway-cors"];
    assert_eq!(cors["allowOrigins"], json!(["https://app.example.com", "https://b.example.com"]));
    assert_eq!(cors["exposeHeaders"], json!(["location", "retry-after", "x-request-id"]));
    assert_eq!(cors["allowHeaders"], json!(["authorization", "content-type"]));
    assert!(cors.get("allowCredentials").is_none());
}
