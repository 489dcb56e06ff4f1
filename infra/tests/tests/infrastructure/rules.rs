//! The combinations that CloudFormation refuses before it creates anything, with their messages.

use std::collections::BTreeSet;

use crate::model::{ENVIRONMENTS, broken_rules, documents, list, text};

#[test]
fn every_environment_keeps_all_rules() {
    for environment in ENVIRONMENTS {
        assert_eq!(broken_rules(environment, &[]), Vec::<String>::new(), "{environment}");
    }
}

#[test]
fn an_invalid_combination_is_refused_with_a_message() {
    for (environment, overrides, sentence) in [
        ("dev", [("DomainName", "api.example.com")].as_slice(), "DomainName needs CertificateArn"),
        ("dev", &[("DeletionProtection", "true")], "keeps backups of 7 days or more; raise BackupRetentionDays"),
        ("staging", &[("BackupRetentionDays", "6")], "keeps backups of 7 days or more; raise BackupRetentionDays"),
        ("prod", &[("BackupRetentionDays", "34")], "set BackupRetentionDays=35"),
        ("staging", &[("AwsBackup", "true")], "set BackupRetentionDays=35"),
        ("prod", &[("AWS::Region", "us-west-1")], "us-west-1 gives an account two zones; set ZoneCount=2"),
        ("staging", &[("BackupCopyVaultArn", "arn:aws:backup:x")], "BackupCopyVaultArn needs AwsBackup=true"),
    ] {
        let said = broken_rules(environment, overrides);
        assert!(said.len() == 1 && said[0].contains(sentence), "{overrides:?}: {said:?}");
    }
}

#[test]
fn a_region_is_known_to_the_rule_and_to_the_network_or_to_neither() {
    let documents = documents("prod");
    let rule = &documents["stacks"][""]["Rules"]["RegionIsKnown"]["Assertions"][0]["Assert"]["Fn::Contains"];
    assert_eq!(rule[1]["Ref"], "AWS::Region");
    let allowed: BTreeSet<_> = list(&rule[0]).iter().map(text).collect();
    let prepared: BTreeSet<_> =
        documents["stacks"]["network"]["Mappings"]["S3Addresses"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(allowed, prepared);
}
