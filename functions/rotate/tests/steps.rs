//! Each of the four steps: the real binary against a Secrets Manager API and a PostgreSQL with TLS.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot run has failed")]

use serde_json::{Value, json};
use shared::config::Role;
use testing::{
    Cloud, Rotator,
    cloud::{FIRST_KEY, FIRST_PASSWORD, credentials},
    rotator::{STEPS, new_version},
};
use tokio_postgres::NoTls;

/// User and password in the version with this label.
async fn login(cloud: &Cloud, label: &str) -> (String, String) {
    let secret: Value = serde_json::from_str(&cloud.moto.text(&cloud.database_secret, label).await).unwrap();
    assert_eq!(secret["engine"], "postgres", "what else the secret holds stays");
    let text = |name: &str| secret[name].as_str().unwrap().to_owned();
    (text("username"), text("password"))
}

async fn can_log_in(cloud: &Cloud, (user, password): &(String, String)) -> bool {
    let (port, name) = (cloud.db.cluster.port(), &cloud.db.name);
    let url = format!("postgres://{user}:{}@127.0.0.1:{port}/{name}", password.replace(' ', "%20"));
    tokio_postgres::connect(&url, NoTls).await.is_ok()
}

/// The version that has this label.
async fn version_of(cloud: &Cloud, arn: &str, label: &str) -> Option<String> {
    let labels = cloud.moto.labels(arn).await;
    labels.into_iter().find(|(_, labels)| labels.iter().any(|it| it == label)).map(|(version, _)| version)
}

#[tokio::test]
async fn a_login_takes_turns_with_its_clone_and_each_step_may_be_repeated() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    let arn = &cloud.database_secret;
    let clone = format!("{}_clone", cloud.login);

    for (before, after) in [(&cloud.login, &clone), (&clone, &cloud.login), (&cloud.login, &clone)] {
        let old = login(&cloud, "AWSCURRENT").await;
        let old_version = version_of(&cloud, arn, "AWSCURRENT").await;
        assert_eq!(&old.0, before);
        let version = rotator.begin(arn).await;
        let mut texts = Vec::new();
        for step in STEPS {
            for _ in 0..2 {
                rotator.step(arn, &version, step).await.unwrap();
                texts.push(cloud.moto.text(arn, "AWSPENDING").await);
            }
        }

        assert!(texts.windows(2).all(|two| two.first() == two.last()), "a repeated step made another password");
        let new = login(&cloud, "AWSCURRENT").await;
        assert_eq!((&new.0, new.1.len()), (after, 64));
        assert_ne!(new.1, old.1);
        assert_eq!(version_of(&cloud, arn, "AWSCURRENT").await, Some(version));
        assert_eq!(version_of(&cloud, arn, "AWSPREVIOUS").await, old_version);
        assert!(can_log_in(&cloud, &new).await && can_log_in(&cloud, &old).await, "the old one stays valid");
        assert!(!can_log_in(&cloud, &(new.0, old.1)).await);
    }
}

#[tokio::test]
async fn a_restart_recovers_from_a_crash_between_any_two_steps() {
    let cloud = Cloud::new(Role::Api).await;
    for arn in [&cloud.database_secret, &cloud.jwt_secret] {
        for done in 0..=STEPS.len() {
            let version = {
                let crashed = Rotator::new(&cloud).await;
                let version = crashed.begin(arn).await;
                for step in STEPS.iter().take(done) {
                    crashed.step(arn, &version, step).await.unwrap();
                }
                version
            };
            let rotator = Rotator::new(&cloud).await;
            for step in STEPS {
                rotator.step(arn, &version, step).await.unwrap();
            }

            assert_eq!(version_of(&cloud, arn, "AWSCURRENT").await, Some(version), "after {done} steps");
            assert!(can_log_in(&cloud, &login(&cloud, "AWSCURRENT").await).await);
        }
    }
}

#[tokio::test]
async fn an_abandoned_rotation_does_not_block_the_next() {
    let cloud = Cloud::new(Role::Auth).await;
    let rotator = Rotator::new(&cloud).await;
    let arn = &cloud.database_secret;
    let given_up = rotator.begin(arn).await;
    rotator.step(arn, &given_up, "createSecret").await.unwrap();
    rotator.step(arn, &given_up, "setSecret").await.unwrap();

    rotator.rotate(arn).await;

    assert!(can_log_in(&cloud, &login(&cloud, "AWSCURRENT").await).await);
    assert!(rotator.step(arn, &given_up, "finishSecret").await.is_err());
}

#[tokio::test]
async fn an_event_outside_of_a_running_rotation_is_refused_and_changes_nothing() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    let arn = &cloud.database_secret;
    let not_enabled = rotator.step(arn, &new_version(), "createSecret").await.unwrap_err();
    assert_eq!(not_enabled, "the secret is not set up to be rotated");
    rotator.rotate(arn).await;
    let version = rotator.begin(arn).await;
    let labels = cloud.moto.labels(arn).await;
    let previous = version_of(&cloud, arn, "AWSPREVIOUS").await.unwrap();

    for step in STEPS {
        let unknown = rotator.step(arn, &new_version(), step).await.unwrap_err();
        assert_eq!(unknown, "the secret has no such version", "{step}");
        let over = rotator.step(arn, &previous, step).await.unwrap_err();
        assert_eq!(over, "this version of the secret is not being rotated in", "{step}");
        let foreign = rotator.step(&cloud.owner_secret, &version, step).await.unwrap_err();
        assert_eq!(foreign, "the secret is none of those that are rotated here", "{step}");
    }
    for step in ["setSecret", "testSecret", "finishSecret"] {
        let early = rotator.step(arn, &version, step).await.unwrap_err();
        assert!(early.contains("createSecret comes first"), "{step}: {early}");
    }
    for event in [json!(null), json!({}), json!({"SecretId": arn, "ClientRequestToken": version, "Step": "dropSecret"})]
    {
        let error = rotator.function.invoke(event).await.unwrap_err();
        assert_eq!(error["errorMessage"], "the event is none of a rotation");
    }

    assert_eq!(cloud.moto.labels(arn).await, labels);
    assert!(can_log_in(&cloud, &login(&cloud, "AWSCURRENT").await).await);
}

// When rotation is enabled without an immediate one, Secrets Manager runs the test step with the current version.
#[tokio::test]
async fn the_current_version_passes_the_test_step() {
    let cloud = Cloud::new(Role::Auth).await;
    let rotator = Rotator::new(&cloud).await;
    for arn in cloud.logins.iter().chain([&cloud.jwt_secret]) {
        let version = rotator.begin(arn).await;
        cloud.moto.fill(arn, &version, cloud.moto.text(arn, "AWSCURRENT").await).await;

        rotator.step(arn, &version, "testSecret").await.unwrap();
    }
}

#[tokio::test]
async fn a_version_that_would_change_the_password_in_force_is_refused() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    let arn = &cloud.database_secret;
    let version = rotator.begin(arn).await;
    cloud.moto.fill(arn, &version, credentials(&cloud.login, "by hand")).await;

    let error = rotator.step(arn, &version, "setSecret").await.unwrap_err();

    assert_eq!(error, "the version is not a login of the other user");
    assert!(can_log_in(&cloud, &(cloud.login.clone(), FIRST_PASSWORD.to_owned())).await);
}

// The test step finds what is wrong with the clone; the step before it repairs what it can.
#[tokio::test]
async fn a_clone_with_other_privileges_or_limits_never_becomes_current() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    let arn = &cloud.database_secret;
    let version = rotator.begin(arn).await;
    rotator.step(arn, &version, "createSecret").await.unwrap();
    rotator.step(arn, &version, "setSecret").await.unwrap();
    let clone = format!("{}_clone", cloud.login);

    for (break_it, mend_it) in [
        ("ALTER ROLE {} RESET statement_timeout", ""),
        ("ALTER ROLE {} SET statement_timeout = '1h'", ""),
        ("ALTER ROLE {} SET work_mem = '1GB'", ""),
        ("ALTER ROLE {} PASSWORD 'another'", ""),
        ("ALTER ROLE {} NOLOGIN", ""),
        ("REVOKE app_api FROM {} GRANTED BY MASTER", ""),
        ("ALTER ROLE {} BYPASSRLS", "ALTER ROLE {} NOBYPASSRLS"),
        ("ALTER ROLE {} CREATEROLE", "ALTER ROLE {} NOCREATEROLE"),
        ("GRANT app_auth TO {}", "REVOKE app_auth FROM {}"),
    ] {
        cloud.sql(&break_it.replace("{}", &clone).replace("MASTER", &cloud.owner())).await;
        assert!(rotator.step(arn, &version, "testSecret").await.is_err(), "{break_it}");
        if mend_it.is_empty() {
            rotator.step(arn, &version, "setSecret").await.unwrap();
        } else {
            cloud.sql(&mend_it.replace("{}", &clone)).await;
        }
        rotator.step(arn, &version, "testSecret").await.expect(break_it);
    }
}

// An intruder may have the login, which is a reason to rotate it.
#[tokio::test]
async fn no_lock_that_a_login_can_take_blocks_a_rotation() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    let intruder = cloud.connect(&cloud.database_secret).await;
    let locks = "SET idle_in_transaction_session_timeout = 0; SET transaction_timeout = 0;
                 SELECT pg_advisory_lock(n) FROM unnest(ARRAY[0, 1, 4711001]) n";
    intruder.batch_execute(locks).await.unwrap();
    intruder.batch_execute("BEGIN; LOCK TABLE refinery_schema_history IN ACCESS SHARE MODE").await.unwrap_err();
    intruder.batch_execute("ROLLBACK; BEGIN; SELECT FROM patients, doctors, mappings").await.unwrap();

    rotator.rotate(&cloud.database_secret).await;

    assert!(can_log_in(&cloud, &login(&cloud, "AWSCURRENT").await).await);
    assert!(intruder.batch_execute("COMMIT").await.is_ok(), "it held its locks to the end");
}

#[tokio::test]
async fn errors_name_the_failure_without_content_of_secrets() {
    let cloud = Cloud::new(Role::Api).await;
    let rotator = Rotator::new(&cloud).await;
    let arn = &cloud.database_secret;
    let version = rotator.begin(arn).await;
    rotator.step(arn, &version, "createSecret").await.unwrap();
    let (_, password) = login(&cloud, "AWSPENDING").await;

    let untested = rotator.step(arn, &version, "testSecret").await.unwrap_err();
    assert_eq!(untested, "db error sqlstate=28P01");
    cloud.sql(&format!("ALTER ROLE {} NOLOGIN", cloud.owner())).await;
    let no_owner = rotator.step(arn, &version, "setSecret").await.unwrap_err();
    assert_eq!(no_owner, "db error sqlstate=28000");
    cloud.sql(&format!("ALTER ROLE {} LOGIN", cloud.owner())).await;
    cloud.moto.stop().await;
    let no_secrets = rotator.step(arn, &version, "setSecret").await.unwrap_err();
    assert_eq!(no_secrets, "Secrets Manager does not give the secret: it cannot be reached, or no credentials");
    cloud.moto.start().await;
    let nowhere = cloud.start_for_owner_with("rotate", &[("DATABASE_PORT", "1".to_owned())]).await;
    let event = json!({"SecretId": arn, "ClientRequestToken": version, "Step": "setSecret"});
    let unreachable = nowhere.invoke(event).await.unwrap_err();
    assert_eq!(unreachable["errorMessage"], "the database cannot be reached (connection refused)");
    for step in STEPS {
        rotator.step(arn, &version, step).await.unwrap();
    }

    rotator.function.printed("rotation_failed", 3).await;
    nowhere.printed("rotation_failed", 1).await;
    let printed = rotator.function.log() + &nowhere.log();
    for secret in [FIRST_PASSWORD, FIRST_KEY, &password] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert_eq!(printed.matches("rotation_failed").count(), 4, "{printed}");
}
