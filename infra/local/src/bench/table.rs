//! What is printed.

use std::io::{Write, stdout};

use crate::error::{About, Result};

/// All rows, in the order they were measured.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

/// One figure, a value for each round.
pub(super) struct Row {
    name: &'static str,
    unit: Unit,
    limit: Limit,
    pub(super) ours: Vec<f64>,
    /// Empty when there is none.
    pub(super) floor: Vec<f64>,
}

#[derive(Clone, Copy)]
pub(super) enum Unit {
    Milliseconds,
    Mebibytes,
}

/// What the median may be at most.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// So many times the floor.
    Ratio(f64),
    /// So much.
    Value(f64),
    /// Anything: it is shown for what it tells about another row.
    None,
}

impl Table {
    /// Prints everything, and below it how it was measured.
    pub(super) fn print(&self, how: &str) -> Result<()> {
        let head = format!(
            "\n{:47} {:>10} {:>8} {:>9} {:>8} {:>7}  {:10}\n",
            "", "ours", "min", "floor", "min", "ratio", "target"
        );
        let rows: String = self.rows.iter().map(Row::line).collect();
        let text = format!("{head}{rows}\nMedians of the rounds; {how}.\n");
        stdout().lock().write_all(text.as_bytes()).about("Cannot print")
    }
}

impl Row {
    pub(super) fn new(name: &'static str, unit: Unit, limit: Limit) -> Self {
        Self { name, unit, limit, ours: Vec::new(), floor: Vec::new() }
    }

    fn line(&self) -> String {
        let unit = match self.unit {
            Unit::Milliseconds => "ms",
            Unit::Mebibytes => "MiB",
        };
        let ratios: Vec<f64> = self.ours.iter().zip(&self.floor).map(|(ours, floor)| ours / floor).collect();
        let (ours, ratio) = (median(&self.ours), median(&ratios));
        let (target, holds) = match self.limit {
            Limit::Ratio(limit) => (format!("<= {limit:.1}x"), ratio.map(|ratio| ratio <= limit)),
            Limit::Value(limit) => (format!("<= {limit} {unit}"), ours.map(|ours| ours <= limit)),
            Limit::None => (String::new(), None),
        };
        let verdict = holds.map_or("", |holds| if holds { "ok" } else { "over" });
        let line = format!(
            "{:47} {:>6} {unit:3} {:>8} {:>9} {:>8} {:>7}  {target:10} {verdict}",
            self.name,
            number(ours),
            number(least(&self.ours)),
            number(median(&self.floor)),
            number(least(&self.floor)),
            number(ratio),
        );
        line.trim_end().to_owned() + "\n"
    }
}

/// Three digits that count.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value < 1.0 => format!("{value:.3}"),
        Some(value) if value < 100.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_judged_by_the_median_of_its_rounds() {
        let mut row = Row::new("it", Unit::Milliseconds, Limit::Ratio(2.0));
        row.ours = vec![3.0, 9.0, 3.8];
        row.floor = vec![2.0, 2.0, 2.0];
        assert!(row.line().contains("3.80 ms") && row.line().ends_with("1.90  <= 2.0x    ok\n"), "{}", row.line());

        row.limit = Limit::Value(3.0);
        assert!(row.line().ends_with("<= 3 ms    over\n"), "{}", row.line());

        row.ours.clear();
        assert!(row.line().ends_with("<= 3 ms\n"), "what was not measured is not judged: {}", row.line());
    }
}
