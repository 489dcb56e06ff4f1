//! What a reader sees of a text.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup},
};

use super::{Schema, Text};

/// Characters that Unicode counts as letters, marks or symbols and that are drawn as nothing: the empty cell of Braille,
/// two blanks of hieroglyphs, the null notehead, what joins numbers of Brahmi, what fills Khitan, and the place of an
/// object that text cannot hold.
const BLANK: [char; 7] = ['\u{2800}', '\u{13441}', '\u{13442}', '\u{1d159}', '\u{1107f}', '\u{16fe4}', '\u{fffc}'];

/// Whether a reader sees this character by itself: a letter, a digit, punctuation or a symbol.
pub(super) fn is_visible(c: char) -> bool {
    c.is_ascii_graphic() || is_drawn(c) && !is_mark(c)
}

/// Whether it is drawn at all, if only on top of another one. Spaces, controls, characters that only change how others
/// look, and those that Unicode has not assigned are not.
pub(super) fn is_drawn(c: char) -> bool {
    let drawn = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Mark)
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Punctuation)
        .union(GeneralCategoryGroup::Symbol);
    drawn.contains(category(c)) && !is_ignorable(c) && !BLANK.contains(&c)
}

/// Whether it belongs to the character before it, as an accent does.
fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Whether nothing is drawn where it is not understood: zero-width spaces, joiners, fillers, variation selectors.
#[must_use]
pub fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether a reader sees anything of the text.
#[must_use]
pub fn shows(text: &str) -> bool {
    text.chars().any(is_visible)
}

/// The most characters of a short text.
const LONGEST: usize = 200;

/// What the description of the API says of a short text.
pub const SHORT_TEXT: Schema = Schema::Text(Text {
    min: 1,
    max: LONGEST,
    format: None,
    rule: "At least one visible character, no control characters. Space around it is cut off.",
});

/// The rule of every short text: 1–200 characters after trimming, one of them visible, none a control character or a
/// separator of lines. Joiners stay: scripts need them between letters.
///
/// # Errors
/// What it must be, in words for the client.
pub fn trimmed_text(raw: &str) -> Result<&str, &'static str> {
    let text = raw.trim();
    match text.chars().count() {
        0 => Err("must not be empty"),
        count if count > LONGEST => Err("must be at most 200 characters"),
        _ if text.contains(is_control) => Err("must not contain control characters"),
        _ if !shows(text) => Err("must contain a visible character"),
        _ => Ok(text),
    }
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_nothing_that_is_visible_is_refused() {
        for nothing in [
            "\u{200b}",
            "\u{feff}",
            "\u{2060}",
            "\u{3164}",
            "\u{2800}",
            "\u{ad}",
            "\u{200e}",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{301}",
            "\u{115f}",
            "\u{1160}",
            "\u{17b4}",
            "\u{34f}",
            "\u{180e}",
            "\u{ffa0}",
            "\u{1d159}",
            "\u{200d}",
            "\u{202e}\u{2066}",
            "\u{61c}",
            "\u{1d173}",
            "\u{e0100}",
            "\u{20dd}",
            "\u{e000}",
            "\u{ffff}",
            "\u{13441}",
            "\u{200b}\u{a0}\u{3000}\u{200b}",
            "\u{2064}\u{301}",
            "\u{fffc}",
            "\u{fff9}",
            "\u{378}",
        ] {
            assert_eq!(trimmed_text(nothing), Err("must contain a visible character"), "{nothing:?}");
        }
        for space in ["\u{a0}", "\u{2003}\u{202f}", "\u{3000}", "\u{1680}", " \t\u{85}\u{2028}"] {
            assert_eq!(trimmed_text(space), Err("must not be empty"), "{space:?}");
        }
    }

    #[test]
    fn whatever_is_visible_is_a_text_with_all_that_stands_in_it() {
        for text in
            ["1", "-", "'", "李", "ع", "ก", "★", "🔑", "€", "e\u{301}", "x\u{200b}", "کوروش\u{200c}ی", "क्\u{200d}ष"]
        {
            assert_eq!(trimmed_text(text), Ok(text));
        }
    }

    #[test]
    fn no_control_character_and_no_separator_of_lines_is_taken() {
        let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').chain(['\u{2028}', '\u{2029}']);
        for control in controls {
            assert_eq!(
                trimmed_text(&format!("a{control}b")),
                Err("must not contain control characters"),
                "{control:?}"
            );
        }
    }
}
