//! The conditions of a statement, found in its text: each `WHERE`, `ON` and `AND` introduces one.

use std::{fmt, ops::Range};

/// A statement in which one condition always holds.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// The statement as the store sends it.
    pub(crate) statement: String,
    /// The condition that is taken out.
    pub(crate) condition: String,
    /// The statement without it; its parameters stay as they are.
    pub(crate) mutated: String,
}

impl Mutant {
    /// Every mutant of this statement.
    pub(crate) fn all(statement: &str) -> impl Iterator<Item = Self> {
        conditions(statement).into_iter().map(move |at| {
            let condition = statement[at.clone()].to_owned();
            let (before, after) = (&statement[..at.start], &statement[at.end..]);
            let mutated = format!("{before}({condition} OR true){after}");
            Self { statement: statement.to_owned(), condition, mutated }
        })
    }

    /// Whether the condition says whose record it is.
    pub(crate) fn is_about_ownership(&self) -> bool {
        self.condition.contains("user_id")
    }
}

/// `store::function: the line with the condition that now always holds`
impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.mutated.lines().find(|line| line.contains(" OR true)")).unwrap_or_default();
        write!(f, "{}: {}", name(&self.statement).unwrap_or_default(), line.trim())
    }
}

/// The name that a statement of a store begins with.
pub(crate) fn name(statement: &str) -> Option<&str> {
    statement.strip_prefix("-- ")?.lines().next()
}

/// Where the conditions stand, in order.
fn conditions(statement: &str) -> Vec<Range<usize>> {
    let words: Vec<Range<usize>> = words(statement).collect();
    let introduced = words.windows(2).filter(|pair| {
        let (word, next) = (&statement[pair[0].clone()], &statement[pair[1].clone()]);
        // `ON CONFLICT` introduces none, and what is always true can be taken out of nothing.
        ["WHERE", "ON", "AND"].contains(&word) && next != "CONFLICT" && next != "true"
    });
    introduced.map(|pair| pair[1].start..end(statement, pair[1].start)).collect()
}

/// Where the condition that begins here ends: at a word that goes on with the statement, or a bracket of its outside.
fn end(statement: &str, start: usize) -> usize {
    const GOES_ON: [&str; 10] = ["AND", "WHERE", "ON", "JOIN", "LEFT", "ORDER", "RETURNING", "UNION", "THEN", "FOR"];

    let mut depth = 0;
    let mut last = start;
    for word in words(&statement[start..]) {
        let text = &statement[start..][word.clone()];
        if depth == 0 && GOES_ON.contains(&text) {
            break;
        }
        for (at, c) in text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => return if at == 0 { last } else { start + word.start + at },
                ')' => depth -= 1,
                _ => {}
            }
        }
        last = start + word.end;
    }
    last
}

fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_whitespace().map(|word| {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        start..start + word.len()
    })
}

#[test]
fn each_condition_is_found_as_it_stands() {
    let statement = "-- a::b
        WITH x AS (SELECT id FROM t WHERE id = $1 AND lower(a) = lower($2)), y AS (
            INSERT INTO t (a) SELECT $3 ON CONFLICT (lower(a)) DO NOTHING RETURNING id
        )
        SELECT id FROM x LEFT JOIN (y JOIN z ON y.id = z.id)
               ON x.id = y.id WHERE x.user_id = $4 ORDER BY id";

    let mutants: Vec<_> = Mutant::all(statement).collect();

    let conditions: Vec<_> = mutants.iter().map(|mutant| mutant.condition.as_str()).collect();
    assert_eq!(conditions, ["id = $1", "lower(a) = lower($2)", "y.id = z.id", "x.id = y.id", "x.user_id = $4"]);
    assert_eq!(mutants[4].to_string(), "a::b: ON x.id = y.id WHERE (x.user_id = $4 OR true) ORDER BY id");
    assert_eq!(mutants.iter().filter(|mutant| mutant.is_about_ownership()).count(), 1);
}
