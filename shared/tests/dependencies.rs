//! What must not be linked.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{collections::BTreeSet, process::Command};

/// Every package of the workspace's builds on this machine, as `name vVersion`.
fn packages() -> BTreeSet<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap());
    cargo.args(["tree", "--offline", "--locked", "--workspace", "--edges", "normal,build,dev", "--prefix", "none"]);
    let output = cargo.args(["--format", "{p}"]).current_dir(machine::workspace::root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

// A second provider costs every process 55 ms at its start, and would have to be trusted, too.
#[test]
fn there_is_one_tls_library_with_one_provider() {
    let packages = packages();
    let versions = |name: &str| packages.iter().filter(|package| package.split(' ').next() == Some(name)).count();

    for name in ["rustls", "rustls-webpki", "ring", "tokio-rustls"] {
        assert_eq!(versions(name), 1, "{name}: {packages:?}");
    }
    for name in ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "openssl", "openssl-sys", "native-tls", "boring"] {
        assert_eq!(versions(name), 0, "{name}: {packages:?}");
    }
}
