//! E-mail addresses, and what makes two of them one mailbox.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};

use super::{
    Described, Schema, Text,
    labels::{a_labels, is_of_one_script},
    text::{is_drawn, is_visible},
};
use crate::text_value;

/// The most characters of an address (RFC 5321, 4.5.3.1.3).
const LONGEST: usize = 254;
/// The most bytes of what stands before the `@` (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// An e-mail address, trimmed and otherwise as it was entered, and what it is compared by.
#[derive(Clone)]
pub struct Email(String, EmailKey);

/// What is compared: equal for all spellings of one mailbox.
///
/// Before the `@` NFKC and full case folding, behind it A-labels.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailKey(String);

text_value!(Email);

impl Described for Email {
    const SCHEMA: Schema = Schema::Text(Text {
        min: 3,
        max: LONGEST,
        format: Some("idn-email"),
        rule: "Space around it is cut off. Every spelling of a mailbox is the same account.",
    });
}

impl Email {
    /// What it is compared by.
    #[must_use]
    pub fn key(&self) -> &EmailKey {
        &self.1
    }
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        let address = raw.trim();
        if address.chars().count() > LONGEST {
            return Err("must be at most 254 characters");
        }
        match EmailKey::of(address) {
            Some(key) => Ok(Self(address.to_owned(), key)),
            None => Err("must be an e-mail address"),
        }
    }
}

impl EmailKey {
    /// The text, to be compared byte by byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(address: &str) -> Option<Self> {
        if !address.chars().all(is_drawn) {
            return None;
        }
        let (local, domain) = address.split_once('@')?;
        let folded = folded(local);
        if !is_local(local) || !is_local(&folded) || !is_of_one_script(&folded) {
            return None;
        }
        Some(Self(format!("{folded}@{}", a_labels(domain)?)))
    }
}

/// The text by which two are the same to a reader: compatibility forms and case do not count (Unicode, D145).
///
/// It is no longer than a name or an address: the caller has looked.
#[must_use]
pub fn folded(text: &str) -> String {
    let (nfd, nfkc, case) = (DecomposingNormalizer::new_nfd(), ComposingNormalizer::new_nfkc(), CaseMapper::new());
    // Folding undoes what was composed, and composing what was folded: twice, and nothing changes any more.
    let once = nfkc.normalize(&case.fold_string(&nfd.normalize(text))).into_owned();
    nfkc.normalize(&case.fold_string(&once)).into_owned()
}

/// What may stand before the `@` without quotes, composed or not: `≮` holds a `<`.
fn is_local(text: &str) -> bool {
    const SPECIAL: [char; 12] = ['<', '>', '"', ',', ';', ':', '(', ')', '[', ']', '\\', '@'];

    (1..=LONGEST_LOCAL).contains(&text.len())
        && text.starts_with(is_visible)
        && text.chars().all(is_drawn)
        && !DecomposingNormalizer::new_nfd().normalize(text).contains(SPECIAL)
        && text.split('.').all(|atom| !atom.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> Option<String> {
        EmailKey::of(address).map(|key| key.0)
    }

    #[test]
    fn an_address_is_trimmed_and_otherwise_kept_as_it_is() {
        let email = Email::try_from(" Jürgen@BÜCHER.example\u{a0}".to_owned()).unwrap();
        assert_eq!((email.as_str(), email.key().as_str()), ("Jürgen@BÜCHER.example", "jürgen@xn--bcher-kva.example"));
        assert_eq!(format!("{email:?}"), "Email(…)");
    }

    /// Whatever stands in an address, its key is the key of its key, and that of each of its normal forms.
    #[test]
    fn a_key_is_its_own_key_for_every_character() {
        let (nfd, nfc) = (DecomposingNormalizer::new_nfd(), ComposingNormalizer::new_nfc());
        // But for the bulk of Chinese, Korean and Tangut, of which each is like the other.
        let bulk =
            |c: &char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac10}'..='\u{d7a3}' | '\u{17000}'..='\u{18cff}');
        for c in ('\0'..'\u{20000}').filter(|c| !bulk(c)).chain('\u{2f800}'..'\u{2fa20}') {
            for address in
                [format!("a{c}@x.example"), format!("{c}\u{345}\u{301}@x.example"), format!("a@x{c}x.example")]
            {
                let Some(once) = key(&address) else { continue };
                assert_eq!(key(&once).as_ref(), Some(&once), "{address:?}");
                for form in [nfd.normalize(&address), nfc.normalize(&address)] {
                    assert_eq!(key(&form).as_ref(), Some(&once), "{form:?}");
                }
            }
        }
    }

    #[test]
    fn before_the_at_stand_at_most_64_bytes() {
        for (longest, longer) in [("a".repeat(64), "a".repeat(65)), ("é".repeat(32), format!("{}a", "é".repeat(32)))]
        {
            assert_eq!(key(&format!("{longest}@x.example")), Some(format!("{longest}@x.example")));
            assert_eq!(key(&format!("{longer}@x.example")), None, "{longer}");
        }
    }

    #[test]
    fn what_stands_before_the_at_is_of_one_script() {
        for one in [
            "иванов",
            "zoë.müller+x_1",
            "42",
            "o'neil",
            "山田たろう",
            "김철수",
            "東京tokyo",
            "★",
            "u\u{308}mit",
            "नमस्ते.1",
        ] {
            assert!(key(&format!("{one}@x.example")).is_some(), "{one}");
        }
        for mixed in ["аdmin", "admіn", "АDMIN", "pαul", "ivan.иванов", "김タ", "z\u{1107f}", "z\u{16fe4}"]
        {
            assert_eq!(key(&format!("{mixed}@x.example")), None, "{mixed:?}");
        }
    }

    #[test]
    fn an_address_begins_with_what_a_reader_sees() {
        for hidden in ["\u{301}", "\u{301}a", "\u{20dd}1", "\u{903}", "\u{1107f}", "\u{16fe4}", "\u{18b00}\u{16fe4}"] {
            assert_eq!(key(&format!("{hidden}@x.example")), None, "{hidden:?}");
        }
    }
}
