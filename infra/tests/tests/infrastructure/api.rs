//! The API as it is deployed to API Gateway.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::model::{ENVIRONMENTS, Resources, documents, list, number, of_kind, resources, resources_with, text};

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
            assert_eq!(route.get("isDefaultRoute").is_some(), path == "$default", "{path}");
            routes.insert(format!("{function} {method} {path}"));
        }
    }
    routes
}

#[test]
fn the_routes_are_those_of_the_code_and_a_function_handles_every_unknown_one() {
    let mut expected = BTreeSet::from(["Doctors ANY $default".to_owned()]);
    for (function, routes) in tables::published() {
        let function = tables::pascal_case(function);
        for route in routes {
            expected.insert(format!("{function} {} {}", route.method, route.path));
            expected.insert(format!("{function} ANY {}", route.path));
        }
    }
    for environment in ENVIRONMENTS {
        assert_eq!(routes(&resources(environment)["Api"].properties["Body"]), expected, "{environment}");
    }
}

#[test]
fn every_route_is_throttled_and_most_of_all_what_costs_without_a_token() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let stages = of_kind(&resources, "AWS::ApiGatewayV2::Stage");
        assert_eq!(stages.len(), 1);
        let stage = &stages[0].1.properties;
        let all = &stage["DefaultRouteSettings"];
        assert!(number(&all["ThrottlingRateLimit"]) >= 1.0 && number(&all["ThrottlingBurstLimit"]) >= 1.0);
        assert_eq!(all["DetailedMetricsEnabled"], false, "a figure for each route would be billed, and none is read");
        let settings = stage["RouteSettings"].as_object().unwrap();
        let expected = ["GET /api/health/ready", "POST /api/auth/login", "POST /api/auth/register"];
        assert_eq!(settings.keys().collect::<Vec<_>>(), expected);
        for own in settings.values() {
            assert_eq!(own["DetailedMetricsEnabled"], false);
            for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
                assert!(number(&own[limit]) <= number(&all[limit]) / 4.0, "{environment} {limit}");
            }
        }
        assert!(number(&settings["POST /api/auth/login"]["ThrottlingRateLimit"]) >= 1.0);
    }
}

// `FailOnWarnings` makes API Gateway's warnings end a deployment; without a warning the document would need a server's
// address, which SAM does not write.
#[test]
fn no_warning_of_the_import_ends_a_deployment() {
    for environment in ENVIRONMENTS {
        let api = &resources(environment)["Api"].properties;
        let servers = list(&api["Body"]["servers"]);
        let whole = servers.iter().all(|server| server.get("url").is_some());
        assert!(whole || api.get("FailOnWarnings").is_none_or(|fails| text(fails) == "false"), "{environment}");
    }
}

// Neither query nor path, header or body; the route has the path without its id.
#[test]
fn the_security_log_has_the_address_and_nothing_else_about_a_person() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let log = &resources["ApiApiGatewayDefaultStage"].properties["AccessLogSettings"];
        assert_eq!(log["DestinationArn"], "ApiLogGroup.Arn");
        let format: Value = serde_json::from_str(&text(&log["Format"])).unwrap();
        let fields: Vec<_> = format.as_object().unwrap().values().map(text).collect();
        let allowed = [
            "$context.requestId",
            "$context.requestTimeEpoch",
            "$context.identity.sourceIp",
            "$context.routeKey",
            "$context.status",
            "$context.responseLatency",
            "$context.responseLength",
            "$context.integration.status",
            "$context.integration.latency",
            "$context.integration.requestId",
        ];
        assert_eq!(fields.iter().collect::<BTreeSet<_>>(), allowed.map(str::to_owned).iter().collect());

        // For any other name, API Gateway extends the account's resource policy of logs until that is full.
        let name = text(&resources["ApiLogGroup"].properties["LogGroupName"]);
        assert!(name.starts_with("/aws/vendedlogs/healthcare-api-"), "{name}");

        // It has its own retention, shorter than that of other logs and at most 90 days.
        let group = &resources["ApiLogGroup"].properties;
        assert_eq!(
            (text(&group["RetentionInDays"]), text(&group["KmsKeyId"])),
            ("30".to_owned(), "LogsKey.Arn".to_owned())
        );
    }
    let other = resources_with("prod", &[("SecurityLogRetentionDays", "7")]);
    assert_eq!(other["ApiLogGroup"].properties["RetentionInDays"], "7");
    let longest = documents("prod")["stacks"][""]["Parameters"]["SecurityLogRetentionDays"]["AllowedValues"].clone();
    assert!(list(&longest).iter().all(|days| number(days) <= 90.0), "{longest}");
}

/// No other log may contain addresses: the functions' log lines have no field for one.
#[test]
fn no_other_log_has_an_address() {
    let line = fs::read_to_string(machine::workspace::root().join("shared/src/telemetry.rs")).unwrap();
    for word in ["sourceIp", "source_ip", "user_agent", "userAgent"] {
        assert!(!line.contains(word), "{word}");
    }
}

#[test]
fn a_custom_domain_requires_modern_tls_and_is_the_only_endpoint() {
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
