//! Characters as a reader counts them: an emoji or a flag is one, whatever it is made of.

use unicode_segmentation::UnicodeSegmentation;

use super::text::is_ignorable;

/// Joins what stands on both sides of it into one picture.
const JOINER: char = '\u{200d}';

/// Whether it is the same character again and again, with the same marks upon it. What is invisible does not count.
#[must_use]
pub fn is_one_repeated(text: &str) -> bool {
    let mut all = characters(text).into_iter();
    let first = all.next();
    all.all(|character| Some(character) == first)
}

/// The characters of a text (grapheme clusters, UAX #29), without what is invisible.
fn characters(text: &str) -> Vec<String> {
    let visible: String = text.chars().filter(|&c| !is_ignorable(c) || c == JOINER).collect();
    visible.graphemes(true).map(|character| character.replace(JOINER, "")).filter(|it| !it.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees_as_one_character_is_one() {
        for one in [
            "a",
            "e\u{301}",
            "1\u{fe0f}\u{20e3}",
            "👍🏽",
            "🇩🇪",
            "👩\u{200d}⚕",
            "👩\u{200d}⚕\u{fe0f}",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "❤\u{fe0f}\u{200d}🔥",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "กำ",
            "한",
            "\u{1112}\u{1161}\u{11ab}",
            "क्ष",
            "क्\u{200d}ष",
            "க்",
        ] {
            assert_eq!((characters(one).len(), characters(&one.repeat(4)).len()), (1, 4), "{one:?}");
            assert!(is_one_repeated(&one.repeat(4)), "{one:?}");
            assert!(is_one_repeated(&format!("{one}\u{200b}{one}")), "{one:?}");
            assert!(!is_one_repeated(&format!("{one}b{one}")), "{one:?}");
        }
    }

    #[test]
    fn what_a_reader_sees_as_several_characters_is_several() {
        for (several, count) in [
            ("", 0),
            ("ab", 2),
            ("a\u{200d}b", 2),
            ("🔑🔒", 2),
            ("🇩🇪🇫🇷", 2),
            ("🇩🇪🇩", 2),
            ("👍🏽👍🏿", 2),
            ("👩⚕", 2),
            ("कष", 2),
            ("가각", 2),
        ] {
            assert_eq!(characters(several).len(), count, "{several:?}");
            assert_eq!(is_one_repeated(several), count == 0, "{several:?}");
        }
    }
}
