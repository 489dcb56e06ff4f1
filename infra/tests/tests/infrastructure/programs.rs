//! The programs that the handbook's commands call, compared with its list of what to install.

use std::{collections::BTreeSet, fs};

use machine::workspace;

use crate::runbook::blocks;

/// Shell keywords before a command, and those that no command follows.
const BEFORE_A_COMMAND: [&str; 7] = ["do", "elif", "else", "if", "then", "until", "while"];
const OF_THE_SHELL: [&str; 10] = ["case", "done", "echo", "esac", "export", "fi", "for", "read", "return", "test"];
/// The programs of every POSIX system.
const OF_POSIX: [&str; 4] = ["grep", "sleep", "sort", "tail"];

/// The programs that a script calls, and the functions that it defines.
#[derive(Default)]
struct Script {
    called: BTreeSet<String>,
    made: BTreeSet<String>,
}

impl Script {
    /// Reads up to the end sign, and returns the text after it.
    fn read<'t>(&mut self, mut text: &'t str, end: Option<char>) -> &'t str {
        let mut first = true; // the next word is that of a command
        while let Some(sign) = text.chars().next() {
            let rest = &text[sign.len_utf8()..];
            if Some(sign) == end {
                return rest;
            }
            (text, first) = match sign {
                '\'' => (after(rest, "'"), false),
                '"' => (self.quoted(rest), false),
                '\\' => (&rest[1..], first),
                '$' if rest.starts_with("((") => (after(rest, "))"), false),
                '$' if rest.starts_with('(') => (self.read(&rest[1..], Some(')')), false),
                '#' if first => (after(rest, "\n"), true),
                '\n' | ';' | '|' | '&' | '(' | ')' => (rest, true),
                ' ' | '{' => (rest, first),
                _ => self.word(text, first),
            };
        }
        text
    }

    fn quoted<'t>(&mut self, mut text: &'t str) -> &'t str {
        loop {
            let at = text.find(['"', '\\', '$']).unwrap();
            let rest = &text[at + 1..];
            text = match text.as_bytes()[at] {
                b'"' => return rest,
                b'\\' => &rest[1..],
                _ if rest.starts_with('(') => self.read(&rest[1..], Some(')')),
                _ => rest,
            };
        }
    }

    /// One word, and whether a command may still follow.
    fn word<'t>(&mut self, text: &'t str, first: bool) -> (&'t str, bool) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let end = text.find(|c| !plain(c)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        if word.is_empty() {
            return (&rest[rest.chars().next().map_or(0, char::len_utf8)..], false);
        }
        if first && rest.starts_with("()") {
            self.made.insert(word.to_owned());
        } else if first
            && word.starts_with(char::is_alphabetic)
            && rest.starts_with([' ', '\n', ';', ')'])
            && !BEFORE_A_COMMAND.contains(&word)
        {
            self.called.insert(word.to_owned());
        }
        (rest, first && BEFORE_A_COMMAND.contains(&word))
    }
}

fn after<'t>(text: &'t str, end: &str) -> &'t str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

#[test]
fn the_handbook_lists_every_program_that_its_commands_call() {
    let mut script = Script::default();
    for (_, block) in blocks() {
        assert_eq!(script.read(&block, None), "", "{block}");
    }
    let others = |word: &String| !script.made.contains(word) && !OF_THE_SHELL.contains(&word.as_str());
    let called: BTreeSet<_> = script.called.iter().filter(|word| others(word)).map(String::as_str).collect();
    let listed = ["aws", "cargo", "gh", "git", "psql", "python3", "sam"];
    assert_eq!(called, listed.into_iter().chain(OF_POSIX).collect());

    let handbook = fs::read_to_string(workspace::root().join("infra/README.md")).unwrap();
    let (_, table) = handbook.split_once("| Program | What for |\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    for program in listed {
        let row =
            table.lines().find(|row| row.split('|').nth(1).is_some_and(|of| of.contains(&format!("`{program}`"))));
        assert!(row.is_some(), "{program}");
    }
}

#[test]
fn commands_are_found_wherever_a_script_may_have_them() {
    let mut script = Script::default();
    let text = "a 'b c' \"$(d -- \"$(e)\")\" | f && g # h\nif i; then j; fi\nK=$(l m | n) o\np() { q; }\ncase $r in\n  *:s:*) t \"${u#*:v}\" ;;\nesac\nx=$((y - 1))\n";
    assert_eq!(script.read(text, None), "");
    let called: Vec<_> = script.called.iter().map(String::as_str).collect();
    assert_eq!(called, ["a", "case", "d", "e", "esac", "f", "fi", "g", "i", "j", "l", "n", "q", "t"]);
    assert_eq!(script.made, ["p".to_owned()].into());
}
