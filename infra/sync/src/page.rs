//! The table of routes that people read.

use machine::Result;
use shared::{Route, domain::Schema};

use crate::{marked::replaced, no_markers};

const BEGIN: &str = "<!-- cargo sync: routes -->\n";
const END: &str = "<!-- end -->";
/// The page that holds the table.
pub(crate) const PAGE: &str = "README.md";

/// The page with the table.
pub(crate) fn with_routes(page: &str) -> Result<String> {
    let rows: String =
        tables::published().iter().flat_map(|(_, routes)| *routes).filter(|route| !route.is_asset()).map(row).collect();
    let table = format!("| Route | Does | Success |\n|---|---|---|\n{rows}\n");
    replaced(page, BEGIN, END, &table).ok_or_else(|| no_markers(PAGE, BEGIN))
}

fn row(route: &Route) -> String {
    let does = route.summary.trim().trim_end_matches('.');
    let (first, rest) = does.split_at(does.chars().next().map_or(0, char::len_utf8));
    format!(
        "| `{} {}` | {}{rest} | {}{} |\n",
        route.method,
        route.path,
        first.to_lowercase(),
        route.gives.status,
        noun(route.gives.schema.as_ref())
    )
}

/// ` patient`, ` array`, or nothing.
fn noun(schema: Option<&Schema>) -> String {
    let name = match schema {
        None => return String::new(),
        Some(Schema::Object(object)) => object.name,
        Some(Schema::List(_)) => "array",
        Some(_) => "value",
    };
    let mut noun = String::from(" ");
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            noun.push(' ');
        }
        noun.extend(letter.to_lowercase());
    }
    noun
}
