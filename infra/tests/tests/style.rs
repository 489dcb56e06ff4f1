//! The style of all Rust files: modules, imports, length, words. Each test names every violation.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
    sync::LazyLock,
};

use machine::workspace;
use regex::Regex;

const MAX_LINES: usize = 300;
/// Persons for machines: name the function, the client, the server, the caller.
const WORDS: [&str; 4] = ["anybody", "nobody", "somebody", "whoever"];

static IMPORT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^( *)((?:pub(?:\([a-z]+\))? )?)use (:{0,2}\w+)").unwrap());
/// A raw string, a string, a character (in contrast to a lifetime), or a comment.
static LITERAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r##"(?s)\bb?r#{2}".*?"#{2}|\bb?r#".*?"#|\bb?r".*?"|"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'|//[^\n]*"##)
        .unwrap()
});
/// A code span of a comment.
static SPAN: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`\n]*`").unwrap());
/// A word, or a part of an identifier.
static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new("[A-Z]?[a-z]+|[A-Z]+").unwrap());

/// The path and the text of each file that git tracks or would add.
fn files() -> BTreeMap<String, String> {
    let root = workspace::root();
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.rs"];
    let output = Command::new("git").current_dir(&root).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let paths = String::from_utf8(output.stdout).unwrap();
    // A deleted file is tracked until its deletion is staged.
    let files = paths
        .split_terminator('\0')
        .filter_map(|path| Some((path.to_owned(), fs::read_to_string(root.join(path)).ok()?)));
    let files: BTreeMap<_, _> = files.collect();
    assert!(files.len() > 100, "{} files are no proof", files.len());
    files
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The violations in all files: `check` returns the line and the message of each.
fn violations(check: impl Fn(&str) -> Vec<(usize, String)>) -> Vec<String> {
    let found = |(path, text): (String, String)| {
        check(&text).into_iter().map(move |(line, message)| format!("{path}:{line}: {message}")).collect::<Vec<_>>()
    };
    files().into_iter().flat_map(found).collect()
}

/// The imports whose crate root an earlier one of the same scope and visibility has, too.
fn repeated_imports(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut seen = BTreeSet::new();
    let mut repeated = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(parts) = IMPORT.captures(line) else { continue };
        let before = lines.get(..index).unwrap_or_default();
        // An attribute belongs to one import only.
        if before.last().is_some_and(|line| line.trim_start().starts_with("#[")) {
            continue;
        }
        let scope = before.iter().rposition(|other| !other.trim().is_empty() && indent(other) < indent(line));
        let (visibility, root) = (parts[2].trim(), &parts[3]);
        if !seen.insert((scope, visibility.to_owned(), root.to_owned())) {
            repeated.push((index + 1, format!("another `use {root}` of this scope: nest them in one")));
        }
    }
    repeated
}

/// The code and comments of a file, without string literals and code spans.
fn without_strings(text: &str) -> String {
    let blank = |part: &regex::Captures<'_>| match &part[0] {
        comment if comment.starts_with("//") => SPAN.replace_all(comment, "").into_owned(),
        string => "\n".repeat(string.matches('\n').count()),
    };
    LITERAL.replace_all(text, blank).into_owned()
}

/// The lines with one of [`WORDS`], also as a part of an identifier.
fn forbidden_words(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in without_strings(text).lines().enumerate() {
        let words = WORD.find_iter(line).map(|word| word.as_str().to_lowercase());
        found.extend(words.filter(|word| WORDS.contains(&word.as_str())).map(|word| (index + 1, word)));
    }
    found
}

#[test]
fn a_module_with_a_folder_is_its_mod_rs() {
    let files = files();
    let beside = |path: &&String| {
        let folder = format!("{}/", path.trim_end_matches(".rs"));
        files.keys().any(|other| other.starts_with(&folder))
    };

    let found = files.keys().filter(beside).map(|path| format!("{path}:1: move it to mod.rs in its folder"));

    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn each_scope_has_one_import_of_a_crate() {
    assert_none(&violations(repeated_imports));
}

#[test]
fn no_file_is_longer_than_300_lines() {
    let long = |text: &str| match text.lines().count() {
        count if count > MAX_LINES => vec![(MAX_LINES + 1, format!("{count} lines: split the file"))],
        _ => vec![],
    };

    assert_none(&violations(long));
}

#[test]
fn no_comment_or_identifier_has_a_person_for_a_machine() {
    assert_none(&violations(forbidden_words));
}

#[test]
fn the_checks_find_what_they_look_for() {
    let imports = "use a::b;\npub use a::c;\n#[cfg(unix)]\nuse a::d;\nmod e {\n    use a::b;\n}\nmod f {\n    use a::b;\n    use a::c;\n}\nuse a::g;\n";
    let lines: Vec<usize> = repeated_imports(imports).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [10, 12]);

    let words = "// Nobody.\nlet a = \"nobody \\\" nobody\";\nlet b = r#\"\nnobody\"#; // `nobody`\nfn is_nobody<'a>() {}\nstruct ByNobody; // it's '\"'\nlet no_body = '\"'; // whoever\n";
    let lines: Vec<usize> = forbidden_words(words).into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [1, 5, 6, 7]);
}
