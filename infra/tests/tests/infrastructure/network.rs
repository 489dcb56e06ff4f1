//! The network: no route to the internet, and which part may connect to which.

use std::collections::BTreeSet;

use crate::{
    model::{ENVIRONMENTS, Resources, list, of_kind, resources, resources_with, text},
    names,
};

fn short(group: &str) -> String {
    group.trim_start_matches("Network.").trim_end_matches(".GroupId").trim_end_matches("SecurityGroup").to_owned()
}

/// `from → to : port`, of all egress or all ingress rules.
fn rules(resources: &Resources, inward: bool) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    let mut add = |from: String, to: String, rule: &serde_json::Value| {
        assert!(text(&rule["Description"]).len() > 5, "{rule}");
        assert_eq!((&rule["IpProtocol"], &rule["FromPort"]), (&"tcp".into(), &rule["ToPort"]), "{rule}");
        rules.insert(format!("{from} → {to} : {}", rule["ToPort"]));
    };
    if inward {
        for (_, rule) in of_kind(resources, "AWS::EC2::SecurityGroupIngress") {
            let rule = &rule.properties;
            assert!(rule.get("CidrIp").is_none() && rule.get("CidrIpv6").is_none(), "{rule}");
            add(short(rule["SourceSecurityGroupId"].as_str().unwrap()), short(rule["GroupId"].as_str().unwrap()), rule);
        }
        return rules;
    }
    assert!(of_kind(resources, "AWS::EC2::SecurityGroupEgress").is_empty());
    for (name, group) in of_kind(resources, "AWS::EC2::SecurityGroup") {
        assert!(group.properties.get("SecurityGroupIngress").is_none(), "{name}");
        let out = list(&group.properties["SecurityGroupEgress"]);
        assert!(!out.is_empty(), "{name} would be let out to everywhere");
        for rule in out {
            match (rule.get("CidrIp"), rule.get("DestinationPrefixListId")) {
                (Some(address), _) => assert_eq!(address, "127.0.0.1/32", "{name}"),
                (_, Some(list)) => add(short(name), format!("S3 ({})", text(list)), &rule),
                _ => add(short(name), short(rule["DestinationSecurityGroupId"].as_str().unwrap()), &rule),
            }
        }
    }
    rules
}

#[test]
fn only_the_functions_and_the_proxy_reach_the_database() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let expected = [
            "Function → Database : 5432",
            "Function → Endpoint : 443",
            "Function → Proxy : 5432",
            "Operations → Database : 5432",
            "Operations → Endpoint : 443",
            "Proxy → Database : 5432",
        ];
        let mut expected: BTreeSet<_> = expected.map(str::to_owned).into();
        assert_eq!(rules(&resources, true), expected, "{environment}: in");
        // migrate sends its response to CloudFormation there.
        expected.insert("Operations → S3 (pl-6ea54007) : 443".to_owned());
        assert_eq!(rules(&resources, false), expected, "{environment}: out");
        let instance = &resources["Database.Instance"].properties;
        assert_eq!(list(&instance["VPCSecurityGroups"]), ["Network.DatabaseSecurityGroup.GroupId"]);
    }
}

#[test]
fn there_is_no_way_to_or_from_the_internet() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        for kind in [
            "InternetGateway",
            "VPCGatewayAttachment",
            "NatGateway",
            "EgressOnlyInternetGateway",
            "Route",
            "EIP",
            "TransitGatewayAttachment",
            "VPCPeeringConnection",
            "NetworkInterface",
            "Instance",
        ] {
            assert!(of_kind(&resources, &format!("AWS::EC2::{kind}")).is_empty(), "{kind}");
        }
        let subnets = of_kind(&resources, "AWS::EC2::Subnet");
        assert_eq!(subnets.len(), if environment == "prod" { 6 } else { 4 });
        let mut blocks = BTreeSet::new();
        for (name, subnet) in &subnets {
            assert!(subnet.properties.get("MapPublicIpOnLaunch").is_none_or(|public| public == false), "{name}");
            assert!(blocks.insert(text(&subnet.properties["CidrBlock"])), "{name}");
        }
        let zones = |tier: &str| -> BTreeSet<String> {
            let of_tier = subnets.iter().filter(|(name, _)| name.contains(tier));
            of_tier.map(|(_, subnet)| text(&subnet.properties["AvailabilityZone"])).collect()
        };
        assert_eq!((zones("Function").len(), zones("Database").len()), (subnets.len() / 2, subnets.len() / 2));
    }
}

#[test]
fn two_aws_apis_are_reached_and_only_for_what_is_needed() {
    let resources = resources("prod");
    let mut endpoints = BTreeSet::new();
    for (name, endpoint) in of_kind(&resources, "AWS::EC2::VPCEndpoint") {
        let facts = &endpoint.properties;
        match text(&facts["VpcEndpointType"]).as_str() {
            "Interface" => assert_eq!(facts["PrivateDnsEnabled"], true, "{name}"),
            _ => assert_eq!(list(&facts["RouteTableIds"]), ["Network.FunctionRoutes"], "{name}"),
        }
        let statements = list(&facts["PolicyDocument"]["Statement"]);
        assert_eq!(statements.len(), 1, "{name}");
        let service = text(&facts["ServiceName"]).rsplit('.').next().unwrap().to_owned();
        let condition = text(&statements[0]["Condition"]["StringEquals"]["aws:PrincipalAccount"]);
        for action in list(&statements[0]["Action"]) {
            endpoints.insert(format!(
                "{service}: {} on {} if {condition}",
                text(&action),
                text(&statements[0]["Resource"])
            ));
        }
    }
    let secrets = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:* if 123456789012";
    let expected = [
        // The pre-signed URL has CloudFormation's signature, so the request is CloudFormation's.
        "s3: s3:PutObject on arn:aws:s3:::cloudformation-custom-resource-response-eucentral1/* if null".to_owned(),
        format!("secretsmanager: secretsmanager:DescribeSecret on {secrets}"),
        format!("secretsmanager: secretsmanager:GetSecretValue on {secrets}"),
        format!("secretsmanager: secretsmanager:PutSecretValue on {secrets}"),
        format!("secretsmanager: secretsmanager:UpdateSecretVersionStage on {secrets}"),
    ];
    assert_eq!(endpoints, expected.into());
}

#[test]
fn the_endpoint_has_an_address_in_each_zone_but_for_dev_which_pays_for_one() {
    let zones = |resources: &Resources| list(&resources["Network.SecretsEndpoint"].properties["SubnetIds"]).len();
    assert_eq!(ENVIRONMENTS.map(|environment| zones(&resources(environment))), [1, 2, 3]);
    assert_eq!(zones(&resources_with("prod", &[("EndpointZones", "1")])), 1);
}

#[test]
fn zones_can_be_named_where_a_regions_first_ones_do_not_work() {
    let resources = resources_with("prod", &[("Zones", "us-east-1b,us-east-1d,us-east-1f")]);
    for (name, subnet) in of_kind(&resources, "AWS::EC2::Subnet") {
        let zone = text(&subnet.properties["AvailabilityZone"]);
        let expected = match name.chars().last() {
            Some('A') => "us-east-1b",
            Some('B') => "us-east-1d",
            _ => "us-east-1f",
        };
        assert_eq!(zone, expected, "{name}");
    }
}

#[test]
fn network_flows_are_logged() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let log = &resources["Network.FlowLog"].properties;
        assert_eq!((&log["ResourceId"], &log["TrafficType"]), (&"Network.Vpc".into(), &"ALL".into()));
        assert_eq!(log["LogGroupName"], "Network.FlowLogGroup");
    }
}

#[test]
fn every_log_is_encrypted_ends_some_day_and_outlives_its_stack() {
    for environment in ENVIRONMENTS {
        let resources = resources(environment);
        let groups = of_kind(&resources, "AWS::Logs::LogGroup");
        let expected = names::all().len() + 4;
        assert_eq!(groups.len(), expected, "{environment}: the functions, the API, the network, two of the database");
        for (name, group) in groups {
            assert_eq!(group.properties["KmsKeyId"], "LogsKey.Arn", "{name}");
            let days = match environment {
                _ if name == "ApiLogGroup" => "30",
                "prod" => "365",
                "staging" => "30",
                _ => "14",
            };
            assert_eq!(text(&group.properties["RetentionInDays"]), days, "{name}");
            assert_eq!(
                (&group.whole["DeletionPolicy"], &group.whole["UpdateReplacePolicy"]),
                (&"RetainExceptOnCreate".into(), &"Retain".into())
            );
        }
    }
}
