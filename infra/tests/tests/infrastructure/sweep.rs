//! The handbook's command that deletes what a stack leaves behind, against moto.

use testing::Moto;

use crate::runbook::{block, said};

const TAGS: &str = "Key=project,Value=healthcare Key=environment,Value=dev";

/// A resource of each kind that outlives its stack, and a secret of prod.
const KEPT_BY_STACKS: &str = "
    aws logs create-log-group --log-group-name /aws/rds/swept --tags project=healthcare,environment=dev
    aws secretsmanager create-secret --name swept --secret-string x --tags TAGS
    aws secretsmanager create-secret --name kept --secret-string x --tags Key=project,Value=healthcare Key=environment,Value=prod
    aws kms create-key --description swept --tags TagKey=project,TagValue=healthcare TagKey=environment,TagValue=dev
    aws rds create-db-instance --db-instance-identifier swept --engine postgres --db-instance-class db.t4g.micro --allocated-storage 20
    aws rds create-db-snapshot --db-instance-identifier swept --db-snapshot-identifier swept --tags TAGS
    aws rds delete-db-instance --db-instance-identifier swept --skip-final-snapshot";

/// The resources that are left, a word each.
const LEFT: &str = "
    aws logs describe-log-groups --log-group-name-prefix /aws/rds/swept --query 'logGroups[].logGroupName' --output text
    aws secretsmanager list-secrets --query 'SecretList[].Name' --output text
    aws rds describe-db-snapshots --query 'DBSnapshots[].DBSnapshotIdentifier' --output text
    for key in $(aws kms list-keys --query 'Keys[].KeyId' --output text); do
      aws kms describe-key --key-id $key --query \"KeyMetadata.[Description, KeyState] | join(':', @)\" --output text
    done";

#[tokio::test]
async fn the_sweep_deletes_the_remains_of_deleted_stacks_only() {
    let moto = Moto::open().await.server();
    tokio::task::spawn_blocking(move || {
        let run = |script: &str| said(script, &moto);
        let left = || -> Vec<String> {
            let ours = ["/aws/rds/swept", "swept", "kept", "swept:Enabled", "swept:PendingDeletion"];
            run(LEFT).split_whitespace().filter(|word| ours.contains(word)).map(str::to_owned).collect()
        };
        run(&KEPT_BY_STACKS.replace("TAGS", TAGS));
        let sweep = block("Delete", "resourcegroupstaggingapi");
        let all = ["/aws/rds/swept", "swept", "kept", "swept", "swept:Enabled"];
        assert_eq!(left(), all);

        run(r#"aws cloudformation create-stack --stack-name healthcare-dev --template-body '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'"#);
        let refusal = run(&sweep);
        assert!(refusal.starts_with("nothing was deleted") && refusal.contains(":stack/healthcare-dev/"), "{refusal}");
        assert_eq!(left(), all);

        run("aws cloudformation delete-stack --stack-name healthcare-dev");
        run(&sweep);
        assert_eq!(left(), ["kept", "swept:PendingDeletion"]);
    })
    .await
    .unwrap();
}
