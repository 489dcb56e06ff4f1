//! What a file says once for each function: for the first by hand, for the others as copies of that.
//!
//! ```yaml
//!   # cargo sync: for each function
//!   AuthWarnings: ...         the model, written by hand, for the first function
//!   # cargo sync: copies
//!   PatientsWarnings: ...     the model again for each other function, in the order of the tables
//!   # end
//! ```
//!
//! A copy has the name of its own function wherever the model has that of the first one as a whole word: `Auth` in
//! `AuthRole` and `auth`, but not in `Authorization` or `app_auth`. A model must not name what only the first function
//! has, such as the parameter `AuthThrottlingRateLimit`: where a template refers to it, cfn-lint reports the name that a
//! copy makes of it.

use machine::Error;
use shared::config::Role;
use tables::{TABLES, Table};

/// What each marker line begins with, but for the last one of a region.
const MARKER: &str = "# cargo sync: ";
const MODEL: &str = "# cargo sync: for each function";
const COPIES: &str = "# cargo sync: copies";
const END: &str = "# end";

/// The file at this path with the copies of all its models.
pub(crate) fn with_copies(path: &str, file: &str) -> machine::Result<String> {
    let mut written = String::new();
    let mut lines = file.split_inclusive('\n');
    while let Some(line) = lines.next() {
        written.push_str(line);
        if let Some(selection) = marker(line).strip_prefix(MODEL) {
            let region = region(selection, &mut lines);
            let refused = |why| Error::sentence(format_args!("{path}: the line `{}` {why}.", marker(line)));
            written.push_str(&region.map_err(refused)?);
        }
    }
    Ok(written)
}

/// A region from its model to its end, with the copies that it must have; or what is wrong with its first line.
fn region<'t>(selection: &str, lines: &mut impl Iterator<Item = &'t str>) -> Result<String, String> {
    let functions = selected(selection)?;
    let (model, copies) = up_to(COPIES, lines)?;
    let (_, end) = up_to(END, lines)?;
    let mut written = model.clone() + copies;
    if let [first, others @ ..] = functions.as_slice() {
        if renamed(&model, first, "", "") == model {
            let (pascal, name) = (first.pascal_name(), first.name);
            return Err(format!("needs a model behind it that names `{pascal}` or `{name}`"));
        }
        written.extend(others.iter().map(|other| renamed(&model, first, &other.pascal_name(), other.name)));
    }
    Ok(written + end)
}

/// The functions of a selection: all, or those that work as one role.
fn selected(selection: &str) -> Result<Vec<Table>, String> {
    let role = match selection {
        "" => None,
        " as app_auth" => Some(Role::Auth),
        " as app_api" => Some(Role::Api),
        _ => return Err(format!("must be `{MODEL}`, or go on with ` as app_auth` or ` as app_api`")),
    };
    Ok(TABLES.into_iter().filter(|table| role.is_none_or(|role| table.role == role)).collect())
}

/// What a line says as a marker, which may stand behind the dashes of a list.
fn marker(line: &str) -> &str {
    line.trim_start_matches([' ', '-']).trim_end()
}

/// The lines before the one with this marker, and that line.
fn up_to<'t>(wanted: &str, lines: &mut impl Iterator<Item = &'t str>) -> Result<(String, &'t str), String> {
    let mut text = String::new();
    for line in lines {
        match marker(line) {
            found if found == wanted => return Ok((text, line)),
            other if other == END || other.starts_with(MARKER) => break,
            _ => text.push_str(line),
        }
    }
    Err(format!("has no line `{wanted}` behind it"))
}

/// The text with other names in the place of this function's.
fn renamed(text: &str, function: &Table, pascal: &str, name: &str) -> String {
    let text = with_words(text, &function.pascal_name(), pascal, |before, after| {
        !before.is_ascii_uppercase() && !after.is_ascii_lowercase() && !after.is_ascii_digit()
    });
    with_words(&text, function.name, name, |before, after| {
        [before, after].iter().all(|next| !next.is_ascii_alphanumeric() && *next != '_')
    })
}

/// The text with one word in the place of another, where the characters around it make it a whole one.
fn with_words(text: &str, from: &str, to: &str, is_whole: fn(char, char) -> bool) -> String {
    let mut parts = text.split(from);
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let around = (written.chars().next_back().unwrap_or(' '), part.chars().next().unwrap_or(' '));
        written.push_str(if is_whole(around.0, around.1) { to } else { from });
        written.push_str(part);
    }
    written
}

#[cfg(test)]
mod tests {
    use shared::config::Role;
    use tables::TABLES;

    use super::with_copies;

    const BEGIN: &str = "# cargo sync: for each function";
    const COPIES: &str = "# cargo sync: copies\n";
    const END: &str = "# end\n";

    /// The lines of all functions, the first of which is the model.
    fn region(selection: &str, lines: &[String]) -> String {
        let (model, copies) = lines.split_at(1);
        [BEGIN, selection, "\n", &model.concat(), COPIES, &copies.concat(), END].concat()
    }

    fn lines(line: fn(pascal: &str, name: &str) -> String) -> Vec<String> {
        TABLES.iter().map(|table| line(&table.pascal_name(), table.name)).collect()
    }

    #[test]
    fn each_other_function_gets_a_copy_in_the_place_of_what_was_there() {
        let all = lines(|pascal, name| format!("  {pascal}Role: {name}\n"));
        let wanted = format!("a: 1\n  {}b: 2\n", region("", &all));
        let old = format!("a: 1\n  {}b: 2\n", region("", &[all[0].clone(), "  Old: 1\n".to_owned()]));
        assert_eq!(with_copies("t.yaml", &old).unwrap(), wanted);
        assert_eq!(with_copies("t.yaml", &wanted).unwrap(), wanted);
    }

    #[test]
    fn a_role_selects_its_functions_and_a_marker_may_stand_behind_a_dash() {
        for (role, selection) in [(Role::Auth, " as app_auth"), (Role::Api, " as app_api")] {
            let tables = TABLES.iter().filter(|table| table.role == role);
            let all: Vec<_> = tables.map(|table| format!("  - {}\n", table.pascal_name())).collect();
            let wanted = format!("- {}", region(selection, &all));
            let old = format!("- {}", region(selection, &all[..1]));
            assert_eq!(with_copies("t.yaml", &old).unwrap(), wanted);
        }
    }

    #[test]
    fn only_whole_words_are_names() {
        let all = lines(|pascal, name| {
            format!(
                "Authorization Auths Auth2 HTTPAuth app_auth auth2 authors reauth \
                 {pascal}Role !Ref {pascal} \"${{{pascal}Role}}\" the {name}, /{name}/ {name}'s On{pascal}\n"
            )
        });
        assert_eq!(with_copies("t.yaml", &region("", &all[..1])).unwrap(), region("", &all));
    }

    #[test]
    fn what_is_no_region_is_refused_with_a_sentence() {
        let model = "Auth: 1\n";
        let cases = [
            ([BEGIN, "\nAuthor: 1\n", COPIES, END].concat(), "` needs a model behind it that names `Auth` or `auth`."),
            ([BEGIN, "\n", model, END].concat(), "` has no line `# cargo sync: copies` behind it."),
            ([BEGIN, "\n", model, COPIES].concat(), "` has no line `# end` behind it."),
            ([BEGIN, "\n", model, COPIES, BEGIN].concat(), "` has no line `# end` behind it."),
            (
                [BEGIN, " as owner\n"].concat(),
                " as owner` must be `# cargo sync: for each function`, or go on with ` as app_auth` or ` as app_api`.",
            ),
        ];
        for (template, why) in cases {
            let refusal = with_copies("t.yaml", &template).unwrap_err().to_string();
            assert_eq!(refusal, format!("t.yaml: the line `{BEGIN}{why}"));
        }
    }
}
