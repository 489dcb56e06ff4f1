//! The page in a real browser, as a newcomer uses it; `browser.mjs` says what must hold.

use std::process::Command;

use machine::{tools, workspace};

use tests::running::Running;

/// What drives the browser, and what judges whether everyone can use the page. Of the first, the newest that Node 20 runs.
const PACKAGES: [&str; 2] = ["puppeteer-core@24.43.1", "axe-core@4.14.1"];

/// The browser on this machine; `.ci/run` installs it.
fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_registers_adds_a_patient_and_signs_out_in_a_page_that_everyone_can_use() {
    let Some(chromium) = chromium() else {
        println!("The page is not tried in a browser, which is not here: apt-get install chromium.");
        return;
    };
    let (packages, running) = (tools::npm("browser", &PACKAGES).unwrap(), Running::start(&[]).await);
    let path = Command::new("sh").args(["-c", &format!("command -v {chromium}")]).output().unwrap().stdout;

    let script = workspace::root().join("infra/tests/tests/end_to_end/browser.mjs");
    let mut node = Command::new("node");
    node.arg(script).args([&running.base, String::from_utf8(path).unwrap().trim()]).current_dir(packages);
    let output = tokio::task::spawn_blocking(move || node.output().unwrap()).await.unwrap();

    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.lines().count() >= 14, "{printed}");
    let log = running.stop();
    for personal in ["@example.com", "Bearer ", "eyJ"] {
        assert!(!log.contains(personal), "the log holds {personal}");
    }
}
