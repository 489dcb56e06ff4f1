//! The GitHub workflows.

use std::fs;

use machine::workspace;

fn workflow(name: &str) -> String {
    fs::read_to_string(workspace::root().join(".github/workflows").join(name)).unwrap()
}

#[test]
fn a_pipeline_runs_only_actions_of_a_commit_that_was_read() {
    let mut actions = 0;
    for entry in fs::read_dir(workspace::root().join(".github/workflows")).unwrap() {
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let Some((_, action)) = line.split_once("uses:") else { continue };
            if action.trim().starts_with("./") {
                continue;
            }
            let (_, commit) = action.trim().split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # v").unwrap_or_else(|| panic!("{line}"));
            assert!(
                commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()) && version.contains('.'),
                "{line}"
            );
            actions += 1;
        }
    }
    assert!(actions >= 4);
}

// An artifact does not preserve the executable bit, and prod may wait for its approval as long as this one is kept.
#[test]
fn the_build_goes_from_job_to_job_as_one_tar_that_is_kept_for_thirty_days() {
    let (deploy, release) = (workflow("deploy.yml"), workflow("release.yml"));
    let (_, upload) = deploy.split_once("actions/upload-artifact@").unwrap();
    for line in ["name: build", "path: build.tar", "if-no-files-found: error", "retention-days: 30"] {
        assert!(upload.lines().any(|found| found.trim() == line), "{line}");
    }
    let (packs, unpacks) = ("tar --create --file build.tar .aws-sam/build", "tar --extract --file build.tar");
    assert!(deploy.lines().any(|line| line.trim().starts_with(packs)), "{packs}");
    assert!(release.lines().any(|line| line.trim() == unpacks), "{unpacks}");
    let (_, download) = release.split_once("actions/download-artifact@").unwrap();
    assert!(download.lines().nth(2).is_some_and(|line| line.trim() == "name: build"), "{download}");
}
