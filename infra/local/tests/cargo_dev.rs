//! `cargo dev` as a user calls it, in minimal checkouts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    env,
    ffi::OsStr,
    fs::{self, File, Permissions},
    net::TcpListener,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{self, Command, Output},
};

/// A checkout for one test, removed when dropped.
struct Checkout(PathBuf);

impl Checkout {
    fn new(name: &str) -> Self {
        let root = env::temp_dir().join(format!("health-cargo-dev-{}-{name}", process::id()));
        fs::create_dir_all(root.join("infra/local")).unwrap();
        // For root's tests: the account of PostgreSQL has to enter it.
        fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("infra/local/Cargo.toml"), "[package]").unwrap();
        fs::write(root.join("Cargo.toml"), "[workspace]").unwrap();
        let checkout = Self(root.canonicalize().unwrap());
        for file in ["jwt-secret", "postgres/dev-15/data/PG_VERSION", "postgres/dev-18/log", "postgres/other-18/log"] {
            let file = checkout.local(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "0123456789abcdef".repeat(4)).unwrap();
        }
        checkout
    }

    fn local(&self, name: &str) -> PathBuf {
        self.0.join(".local").join(name)
    }

    /// The content of `.local/`, without locks.
    fn kept(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.local(""), &mut files);
        let names = files.iter().map(|file| file.strip_prefix(self.local("")).unwrap().to_str().unwrap().to_owned());
        let mut names: Vec<_> = names.filter(|name| !name.ends_with(".lock")).collect();
        names.sort_unstable();
        names
    }

    /// The command as cargo runs it, from any folder.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
        command.args(arguments).env_clear().env("PATH", env::var_os("PATH").unwrap()).current_dir("/");
        command.env("CARGO_MANIFEST_DIR", self.0.join("infra/local"));
        command
    }

    fn call(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments).envs(variables.iter().copied()).output().unwrap()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => collect(&entry.path(), files),
            false => files.push(entry.path()),
        }
    }
}

/// The error message of a call that failed.
fn refusal(output: &Output) -> String {
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn reset_empties_the_data_of_its_own_checkout_and_nothing_else() {
    let (one, other) = (Checkout::new("one"), Checkout::new("other"));
    let before = other.kept();

    let output = one.call(&["dev", "reset"], &[("DATABASE_URL", "postgres://o:p@127.0.0.1:1/d")]);

    assert!(output.status.success(), "{output:?}");
    let said = "The local data is gone; the next `cargo dev` starts with an empty database.\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    assert_eq!(one.kept(), ["jwt-secret", "postgres/other-18/log"]);
    assert_eq!(other.kept(), before);
}

#[test]
fn a_second_cargo_dev_is_refused() {
    let checkout = Checkout::new("twice");
    let before = checkout.kept();
    let lock = File::create(checkout.local("dev.lock")).unwrap();
    lock.lock().unwrap();

    for (arguments, sentence) in [
        (&["dev"][..], "cargo dev is already running in this checkout: stop it first, with Ctrl-C.\n"),
        (&["dev", "reset"], "cargo dev is running: stop it first, with Ctrl-C, and then reset.\n"),
    ] {
        assert_eq!(refusal(&checkout.call(arguments, &[])), sentence);
    }
    assert_eq!(checkout.kept(), before);
}

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_built() {
    let checkout = Checkout::new("port");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let said = refusal(&checkout.call(&["dev"], &[("PORT", &port)]));

    let expected = [
        &format!("Port {port} cannot be used (Address "),
        "): stop what uses it, or choose another with PORT=3001 cargo dev.\n",
    ];
    assert!(said.starts_with(expected[0]) && said.ends_with(expected[1]) && said.lines().count() == 1, "{said}");
    assert!(!checkout.local("target").exists());
}

#[test]
fn an_invalid_setting_is_named_before_anything_is_built() {
    let checkout = Checkout::new("settings");
    for (file, sentence) in [
        ("PORT=0\n", "PORT is not a port number: set it to a number from 1 to 65535, such as 3000.\n"),
        (
            "# mine\nPORT 3000\n",
            "Line 2 of .env is not NAME=value, with a name of letters, digits and _: correct it.\n",
        ),
        (
            "JWT_SECRET=\"short\n",
            "Line 1 of .env has a quote that does not end, or something behind its end: correct it.\n",
        ),
    ] {
        fs::write(checkout.0.join(".env"), file).unwrap();
        assert_eq!(refusal(&checkout.call(&["dev"], &[])), sentence);
        assert!(!checkout.local("target").exists());
    }
}

#[test]
fn a_variable_that_is_no_text_is_named_and_not_replaced() {
    let checkout = Checkout::new("text");
    let mut command = checkout.command(&["dev"]);
    command.env("JWT_SECRET", OsStr::from_bytes(b"Vb7qXz0pWnR4kd2sVb7qXz0pWnR4kd2s\xff"));

    let said = refusal(&command.output().unwrap());

    assert_eq!(said, "JWT_SECRET must be text in UTF-8. It is set in .env or in the environment.\n");
}

#[test]
fn outside_of_a_checkout_it_says_where_to_call_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["dev", "reset"]).env_clear().current_dir("/");

    let said = refusal(&command.output().unwrap());

    assert!(said.starts_with("This is no checkout of the project: call it in the folder"), "{said}");
}
