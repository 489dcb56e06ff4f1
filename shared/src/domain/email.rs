//! E-mail addresses, and what makes two of them one mailbox.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_security::mixed_script::AugmentedScriptSet;

use super::text::is_drawn;
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
        if !is_local(local) || !is_local(&folded) {
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
        && text.chars().all(is_drawn)
        && !DecomposingNormalizer::new_nfd().normalize(text).contains(SPECIAL)
        && text.split('.').all(|atom| !atom.is_empty())
}

/// The domain as DNS knows it, if it is one that people have: labels that are each of one script, and no IP address.
fn a_labels(domain: &str) -> Option<String> {
    const RULES: (AsciiDenyList, Hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);

    let idna = Uts46::new();
    let ascii = idna.to_ascii(domain.as_bytes(), RULES.0, RULES.1, DnsLength::Verify).ok()?;
    let (unicode, valid) = idna.to_unicode(domain.as_bytes(), RULES.0, RULES.1);
    valid.ok()?;
    // As many dots as were written: no other character counts as one.
    let labels = unicode.split('.').count();
    let well_formed = labels > 1
        && labels == domain.split('.').count()
        && unicode.split('.').all(is_of_one_script)
        && unicode.chars().all(is_drawn)
        && unicode.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_alphabetic));
    well_formed.then(|| ascii.into_owned())
}

/// Whether all of it can be of one script. Chinese, Japanese and Korean are each written in several, and with ASCII.
fn is_of_one_script(label: &str) -> bool {
    let besides_ascii: String = label.chars().filter(|c| !c.is_ascii()).collect();
    let besides_ascii = AugmentedScriptSet::for_str(&besides_ascii);
    !AugmentedScriptSet::for_str(label).is_empty() || besides_ascii.hanb || besides_ascii.jpan || besides_ascii.kore
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
}
