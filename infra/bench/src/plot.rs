//! The picture: each figure as a bar, as a multiple of its floor, with a mark at its target.

use std::fmt::Write;

use super::figure::{Figure, Floor, Target, Unit, number};

const LEFT: f64 = 330.0;
const WIDTH: f64 = 380.0;
const TOTAL: f64 = 1040.0;
const ROW: f64 = 22.0;
const TOP: f64 = 64.0;
/// Longer bars are cut off at this multiple of the floor.
const MOST: f64 = 4.0;

const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-size: 16px; font-weight: 600 } .faint { fill: #59636e }
  .ours { fill: #2f81f7 } .over { fill: #d4720b }
  .floor { stroke: #8c959f; stroke-dasharray: 3 3 } .target { stroke: #1a7f37; stroke-width: 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9198a1 } .floor { stroke: #656c76 } .target { stroke: #3fb950 }
  }";

/// Draws all figures that have a target and a scale: a floor, or the target itself.
pub(super) fn draw(figures: &[Figure]) -> String {
    let shown: Vec<_> = figures.iter().filter_map(|figure| Some((figure, Bar::of(figure)?))).collect();
    let height = TOP + ROW * shown.len() as f64 + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{TOTAL}\" height=\"{height}\" viewBox=\"0 0 {TOTAL} {height}\" \
         role=\"img\">\n<title>Each figure beside its floor</title>\n<style>{STYLE}\n</style>\n"
    );
    svg += "<text class=\"head\" x=\"12\" y=\"24\">Each figure beside its floor, measured in the same run \
            <tspan class=\"faint\" font-size=\"13\" font-weight=\"400\">(the green mark: its target; orange: over it)</tspan></text>\n";
    let at = |times: f64| LEFT + times.min(MOST) / MOST * WIDTH;
    for times in 0..=4 {
        let x = at(f64::from(times));
        let label = if times == 1 { "1\u{d7} floor".to_owned() } else { format!("{times}\u{d7}") };
        line(&mut svg, "floor", x, TOP - 8.0, height - 12.0);
        let _ = writeln!(svg, "<text class=\"faint\" x=\"{x:.1}\" y=\"50\" text-anchor=\"middle\">{label}</text>");
    }
    for (number, (figure, bar)) in (0_u32..).zip(&shown) {
        bar.draw(&mut svg, figure, TOP + ROW * f64::from(number), &at);
    }
    svg + "</svg>\n"
}

/// A figure as a multiple of its floor; one without a floor, as a multiple of its target.
struct Bar {
    times: f64,
    target: f64,
    beside: String,
}

impl Bar {
    fn of(figure: &Figure) -> Option<Self> {
        let amount = |value| format!("{} {}", number(value), figure.unit.name()).trim_end().to_owned();
        let beside = |floor: &Floor| format!("{}, {} {}", amount(figure.ours), floor.name, amount(floor.median));
        match (figure.target, &figure.floor) {
            (Target::Ratio(target), Some(floor)) => Some(Self { times: floor.ratio, target, beside: beside(floor) }),
            // A count is printed, not drawn.
            (Target::AtMost(most), Some(floor)) if figure.unit != Unit::Count => {
                Some(Self { times: floor.ratio, target: most / floor.median, beside: beside(floor) })
            }
            _ => None,
        }
    }

    fn draw(&self, svg: &mut String, figure: &Figure, y: f64, at: &dyn Fn(f64) -> f64) {
        let class = if figure.holds == Some(false) { "over" } else { "ours" };
        let (name, end, middle) = (escape(&figure.name), at(self.times), y + 15.0);
        let cut = if self.times > MOST { " \u{2192}" } else { "" };
        let beside = escape(&self.beside);
        let (ratio, after) = (number(self.times), LEFT + WIDTH + 12.0);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{name}</text>\n\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>\n\
             <text x=\"{after}\" y=\"{middle:.1}\">{ratio}\u{d7}{cut} <tspan class=\"faint\">{beside}</tspan></text>",
            LEFT - 10.0,
            y + 4.0,
            end - LEFT,
            ROW - 8.0,
        );
        if self.target <= MOST {
            line(svg, "target", at(self.target), y + 2.0, y + ROW - 2.0);
        }
    }
}

fn line(svg: &mut String, class: &str, x: f64, from: f64, to: f64) {
    let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
