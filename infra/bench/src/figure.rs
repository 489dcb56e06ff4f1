//! A figure, its floor from the same run, and its target.

use serde::{Deserialize, Serialize};

/// The measurements of a figure, a value for each round.
pub(super) struct Rounds {
    name: String,
    unit: Unit,
    target: Target,
    pub(super) ours: Vec<f64>,
    /// The name of its floor, if it has one.
    beside: &'static str,
    pub(super) floor: Vec<f64>,
}

/// A figure as it is printed, drawn and saved.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) unit: Unit,
    /// The median of the rounds, and the minimum.
    pub(super) ours: f64,
    pub(super) least: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) floor: Option<Floor>,
    pub(super) target: Target,
    /// Whether the target is met, if there is one.
    pub(super) holds: Option<bool>,
}

/// The floor of a figure.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Floor {
    pub(super) name: String,
    pub(super) median: f64,
    pub(super) least: f64,
    /// The median of the ratios between ours and the floor, round by round.
    pub(super) ratio: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "")]
    Count,
    #[serde(rename = "/s")]
    PerSecond,
}

impl Unit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Mebibytes => "MiB",
            Self::Count => "",
            Self::PerSecond => "/s",
        }
    }
}

/// The target of the median.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Target {
    /// At most this many times the floor.
    Ratio(f64),
    /// At most this.
    AtMost(f64),
    /// Exactly this.
    Exactly(f64),
    /// No target: the figure explains another one.
    None,
}

impl Rounds {
    pub(super) fn new(name: impl Into<String>, unit: Unit, target: Target) -> Self {
        Self { name: name.into(), unit, target, ours: Vec::new(), beside: "", floor: Vec::new() }
    }

    pub(super) fn beside(self, floor: &'static str) -> Self {
        Self { beside: floor, ..self }
    }

    /// A figure without rounds, which is the same in each run.
    pub(super) fn once(name: impl Into<String>, unit: Unit, target: Target, value: f64) -> Self {
        Self { ours: vec![value], ..Self::new(name, unit, target) }
    }

    /// The figure; `None` when nothing was measured.
    pub(super) fn figure(self) -> Option<Figure> {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.floor).map(|(ours, floor)| ours / floor).collect();
        let ours = median(&self.ours)?;
        let floor = median(&ratios).zip(median(&self.floor)).map(|(ratio, median)| Floor {
            name: self.beside.to_owned(),
            median,
            least: least(&self.floor),
            ratio,
        });
        let holds = match self.target {
            Target::Ratio(limit) => floor.as_ref().map(|floor| floor.ratio <= limit),
            Target::AtMost(limit) => Some(ours <= limit),
            // Counts are whole numbers.
            Target::Exactly(value) => Some((ours - value).abs() < 0.5),
            Target::None => None,
        };
        let least = least(&self.ours);
        Some(Figure { name: self.name, unit: self.unit, ours, least, floor, target: self.target, holds })
    }
}

impl Figure {
    /// Its line of the table.
    pub(super) fn line(&self) -> String {
        let (unit, floor) = (self.unit.name(), self.floor.as_ref());
        let target = match self.target {
            Target::Ratio(limit) => format!("<= {limit}x"),
            Target::AtMost(limit) => format!("<= {limit} {unit}"),
            Target::Exactly(value) => format!("= {value}"),
            Target::None => String::new(),
        };
        let verdict = self.holds.map_or("", |holds| if holds { "ok" } else { "over" });
        let line = format!(
            "{:54} {:>8} {unit:3} {:>8} {:>9} {:>8} {:>6}  {:9} {target:11} {verdict}",
            self.name,
            number(self.ours),
            number(self.least),
            floor.map_or_else(|| "-".to_owned(), |floor| number(floor.median)),
            floor.map_or_else(|| "-".to_owned(), |floor| number(floor.least)),
            floor.map_or_else(|| "-".to_owned(), |floor| number(floor.ratio)),
            floor.map_or("", |floor| &floor.name),
        );
        line.trim_end().to_owned() + "\n"
    }
}

/// The table's header.
pub(super) fn head() -> String {
    format!(
        "\n{:54} {:>12} {:>8} {:>9} {:>8} {:>6}  {:9} target\n",
        "", "ours", "min", "floor", "min", "ratio", "which is"
    )
}

/// Three significant digits; whole numbers in full.
pub(super) fn number(value: f64) -> String {
    match value {
        _ if value.fract() == 0.0 => value.to_string(),
        _ if value < 1.0 => format!("{value:.3}"),
        _ if value < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_judged_by_the_median_of_its_rounds() {
        let line = |target| {
            let mut rounds = Rounds::new("it", Unit::Milliseconds, target).beside("pgbench");
            rounds.ours = vec![3.0, 9.0, 3.8];
            rounds.floor = vec![2.0, 2.0, 2.0];
            rounds.figure().unwrap().line()
        };

        let judged = line(Target::Ratio(2.0));
        assert!(judged.contains("3.80 ms") && judged.ends_with("1.90  pgbench   <= 2x       ok\n"), "{judged}");
        assert!(line(Target::AtMost(3.0)).ends_with("<= 3 ms     over\n"), "{}", line(Target::AtMost(3.0)));
        assert!(Rounds::new("it", Unit::Count, Target::Exactly(1.0)).figure().is_none(), "nothing was measured");
        let once = |value| Rounds::once("it", Unit::Count, Target::Exactly(1.0), value).figure().unwrap().holds;
        assert_eq!((once(1.0), once(2.0)), (Some(true), Some(false)));
    }
}
