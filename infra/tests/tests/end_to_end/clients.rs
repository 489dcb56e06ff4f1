//! Clients that tools make of the description walk the whole story.

use std::{fs, path::Path, process::Command};

use machine::{tools, workspace};

use tests::running::Running;

/// What makes and runs the client in TypeScript. Of the compiler, the newest that the generator works with.
const TYPESCRIPT: [&str; 3] = ["openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3"];
/// What runs collections for Postman.
const NEWMAN: [&str; 1] = ["newman@6.2.2"];

/// A program of these packages that must succeed; what it prints.
fn run(packages: &Path, program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(packages.join("node_modules/.bin").join(program))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {printed}");
    printed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_in_typescript_is_generated_and_walks_the_whole_story() {
    let packages = tools::npm("typescript-client", &TYPESCRIPT).unwrap();
    let running = Running::start(&[]).await;
    // Below the packages, where the compiler and Node find them.
    let folder = packages.join(format!("story-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let description = workspace::root().join("functions/openapi.json");
    fs::write(folder.join("base.ts"), format!("export const base = {:?};\n", running.base)).unwrap();
    fs::write(folder.join("package.json"), r#"{"type": "module"}"#).unwrap();
    fs::write(folder.join("client.ts"), include_str!("client.ts")).unwrap();

    run(&packages, "openapi-typescript", &folder, &[description.to_str().unwrap(), "--output", "api.ts"]);
    let strict = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext"];
    run(&packages, "tsc", &folder, &[&strict[..], &["--skipLibCheck", "client.ts"]].concat());
    let walked = Command::new("node").arg("client.js").current_dir(&folder).output().unwrap();

    assert!(walked.status.success(), "{}", String::from_utf8_lossy(&walked.stderr));
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collection_for_postman_runs_from_top_to_bottom_and_again() {
    let packages = tools::npm("newman", &NEWMAN).unwrap();
    let running = Running::start(&[]).await;
    let base = format!("baseUrl={}", running.base);
    for _ in 0..2 {
        let collection = "functions/postman_collection.json";
        let arguments = ["run", collection, "--env-var", &base, "--bail", "--color", "off"];
        let printed = run(&packages, "newman", &workspace::root(), &arguments);
        let counted = printed.lines().find(|line| line.contains("assertions")).unwrap();
        let counts: Vec<u32> = counted.split(|c: char| !c.is_ascii_digit()).filter_map(|it| it.parse().ok()).collect();
        assert!(counts[0] >= 20 && counts[1] == 0, "{printed}");
    }
}
