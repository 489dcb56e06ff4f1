//! Domains of e-mail addresses: what DNS calls them, and which of them a reader cannot take for another.

use icu_properties::{
    CodePointMapData,
    props::{GeneralCategory, GeneralCategoryGroup},
};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_security::mixed_script::AugmentedScriptSet;

use super::text::is_drawn;

/// The domain as DNS knows it, if it is one that people have: labels that are each of one script, and no IP address.
pub(super) fn a_labels(domain: &str) -> Option<String> {
    const RULES: (AsciiDenyList, Hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);

    let idna = Uts46::new();
    let ascii = idna.to_ascii(domain.as_bytes(), RULES.0, RULES.1, DnsLength::Verify).ok()?;
    let (unicode, valid) = idna.to_unicode(domain.as_bytes(), RULES.0, RULES.1);
    valid.ok()?;
    // As many dots as were written: no other character counts as one.
    let labels = unicode.split('.').count();
    let well_formed = labels > 1
        && labels == domain.split('.').count()
        && unicode.split('.').all(|label| is_of_one_script(label) && is_of_letters(label))
        && unicode.chars().all(is_drawn)
        && unicode.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_alphabetic));
    well_formed.then(|| ascii.into_owned())
}

/// Whether all of it can be of one script. Chinese, Japanese and Korean are each written in several, and with ASCII.
pub(super) fn is_of_one_script(label: &str) -> bool {
    let besides_ascii: String = label.chars().filter(|c| !c.is_ascii()).collect();
    let besides_ascii = AugmentedScriptSet::for_str(&besides_ascii);
    !AugmentedScriptSet::for_str(label).is_empty() || besides_ascii.hanb || besides_ascii.jpan || besides_ascii.kore
}

/// Whether it holds what IDNA2008 lets into a label and nothing else. UTS #46 lets symbols in as well, also those that
/// look like a hyphen or a slash.
fn is_of_letters(label: &str) -> bool {
    let mut before = None;
    let mut rest = label.chars();
    while let Some(c) = rest.next() {
        if !(c == '-' || is_letter(c) || is_beside_its_own(before, c, rest.clone().next())) {
            return false;
        }
        before = Some(c);
    }
    true
}

/// A letter, a mark or a decimal digit; and what the standard makes an exception for (RFC 5892, 2.6).
fn is_letter(c: char) -> bool {
    let letters = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::NonspacingMark)
        .union(GeneralCategoryGroup::SpacingMark)
        .union(GeneralCategoryGroup::DecimalNumber);
    letters.contains(CodePointMapData::<GeneralCategory>::new().get(c))
        || matches!(c, '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '〇')
}

/// Whether it is a sign of some script, beside a letter of that script (RFC 5892, appendix A).
fn is_beside_its_own(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        '·' => before == Some('l') && after == Some('l'),
        '\u{375}' => matches!(after, Some('\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')),
        '\u{5f3}' | '\u{5f4}' => matches!(before, Some('א'..='ת')),
        '・' => matches!(before, Some('ぁ'..='ゟ' | 'ァ'..='ヺ' | 'ー'..='ヿ' | '㐀'..='\u{9fff}')),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_of_one_script_or_of_those_that_are_written_together() {
        for one in [
            "example",
            "пример",
            "日本",
            "カタカナとひらがな漢字",
            "한국漢字",
            "bar東京",
            "ㄅ注音",
            "x-1",
            "ελλάδα",
            "",
        ] {
            assert!(is_of_one_script(one), "{one}");
        }
        for mixed in ["gооgle", "аpple", "пpимер", "αlpha", "カタ한국", "гугл中", "שa"] {
            assert!(!is_of_one_script(mixed), "{mixed}");
        }
    }

    #[test]
    fn a_domain_holds_letters_marks_digits_and_hyphens() {
        for domain in [
            "my-bank.example",
            "नमस्ते.example",
            "مثال١٢.مثال",
            "二〇〇一.example",
            "བོད་ཡིག.example",
            "col·lecció.cat",
            "ג׳ירפה.example",
            "צה״ל.example",
            "͵αβγ.example",
            "コーヒー・豆.example",
        ] {
            assert!(a_labels(domain).is_some(), "{domain}");
        }
        for symbol in [
            "my‐bank.example",
            "my\u{2011}bank.example",
            "my−bank.example",
            "my–bank.example",
            "hospital.example∕login.evil.example",
            "hospital.example⁄login.evil.example",
            "a∶b.example",
            "i❤x.example",
            "a·b.example",
            "l·a.example",
            "·l.example",
            "α͵.example",
            "׳ג.example",
            "a・b.example",
            "・豆.example",
            "a⃝.example",
            "ⅹ↋.example",
        ] {
            assert_eq!(a_labels(symbol), None, "{symbol:?}");
        }
    }
}
