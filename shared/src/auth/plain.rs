//! Keys that a person or an example has made, as far as that can be seen.

use std::collections::HashSet;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT},
};

/// The fewest different bytes in a key. 32 random bytes in hexadecimal have fewer once in five million times.
const FEWEST_DIFFERENT: usize = 12;
/// Rows of keyboards, along which fingers run.
const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
/// How far apart the bytes of two patterns stand that were laid into each other, and those of keys in one column.
const FARTHEST: usize = 4;
/// Words of placeholders, as documents and examples show them, without what stands between words. Random letters spell
/// one of them once in a million times: none is shorter than six.
const WORDS: [&str; 25] = [
    "atleast",
    "change",
    "characters",
    "correcthorse",
    "default",
    "donotuse",
    "example",
    "goeshere",
    "healthcare",
    "insecure",
    "insertyour",
    "jwtkey",
    "lazydog",
    "letmein",
    "loremipsum",
    "passphrase",
    "passwort",
    "password",
    "placeholder",
    "quickbrown",
    "replace",
    "sample",
    "secret",
    "signingkey",
    "yourkey",
];

/// Whether the bytes are few different ones, a pattern again and again, a walk along the alphabet or a keyboard, or hold
/// a word; or are the hexadecimal or base64 form of such bytes.
pub(super) fn is_plain(key: &[u8]) -> bool {
    let lower = key.to_ascii_lowercase();
    is_of_few(key)
        || repeats(key)
        || (1..=FARTHEST).any(|distance| walks(&lower, distance))
        || holds_a_word(&lower)
        || decoded(key).is_some_and(|bytes| is_plain(&bytes))
}

fn is_of_few(key: &[u8]) -> bool {
    // What was decoded may be short, and then has fewer however random it is.
    key.iter().collect::<HashSet<_>>().len() < FEWEST_DIFFERENT.min(key.len() / 2)
}

/// Of the pieces of four bytes in random hexadecimal, one in a thousand was there before.
fn repeats(key: &[u8]) -> bool {
    let mut seen = HashSet::new();
    key.windows(4).filter(|piece| !seen.insert(*piece)).count() > key.len() / 3
}

/// Of the pairs in random hexadecimal, one in five is a step.
fn walks(lower: &[u8], distance: usize) -> bool {
    let pairs = lower.iter().zip(lower.iter().skip(distance));
    let (steps, all) = pairs.fold((0, 0), |(steps, all), (a, b)| (steps + usize::from(is_step(*a, *b)), all + 1));
    steps * 5 > all * 3
}

fn is_step(a: u8, b: u8) -> bool {
    let place = |row: &str, c| row.bytes().position(|key| key == c);
    let are_neighbours = |row| matches!((place(row, a), place(row, b)), (Some(a), Some(b)) if a.abs_diff(b) == 1);
    a.abs_diff(b) <= 1 || ROWS.into_iter().any(are_neighbours)
}

fn holds_a_word(lower: &[u8]) -> bool {
    let letters: Vec<u8> = lower.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    WORDS.iter().any(|word| letters.windows(word.len()).any(|piece| piece == word.as_bytes()))
}

/// What the key is the hexadecimal or base64 form of.
fn decoded(key: &[u8]) -> Option<Vec<u8>> {
    let base64 = || STANDARD_PAD_INDIFFERENT.decode(key).or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(key)).ok();
    hexadecimal(key).or_else(base64)
}

fn hexadecimal(key: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = key.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use ring::digest::{SHA256, digest};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn what_a_person_or_an_example_has_made_is_plain() {
        let counted: Vec<u8> = (1..=32).collect();
        for plain in [
            &"secret".repeat(10),
            &"0123456789ab".repeat(4),
            &"correct horse ".repeat(3),
            "0123456789abcdef0123456789abcdef",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "zyxwvutsrqponmlkjihgfedcba9876543210",
            "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffgggg",
            "k3y-7Hq! k3y-7Hq! k3y-7Hq! k3y-7Hq!",
            "a-string-secret-at-least-256-bits-long",
            "ChangeMe-ChangeMe-4f9a1c7e2b8d6035-x",
            "MyPassword1234!MyOtherWord5678?Qwertz",
            "b1946ac9b1946ac9b1946ac9b1946ac9b1946ac9",
            "01020304050607080910111213141516",
            "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
            "1a2b3c4d5e6f7g8h9i0j1k2l3m4n5o6p",
            "1234567890qwertyuiopasdfghjklzxcvbnm",
            "QWERTYUIOPasdfghjklZXCVBNM1234567890",
            "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
            "the quick brown fox jumps over the lazy dog",
            "your-256-bit-key-goes-here-replace-me",
            "default-jwt-signing-key-do-not-use-it!",
            &hex(&counted),
            &hex(b"abcdefghijklmnopqrstuvwxyzabcdef").to_uppercase(),
            &hex(b"a secret that nobody will guess!"),
            &STANDARD.encode(&counted),
            &STANDARD.encode(b"abcdefghijklmnopqrstuvwxyz"),
            &URL_SAFE_NO_PAD.encode([0xfb; 32]),
            &STANDARD.encode(hex(b"abcdefghijklmnop")),
        ] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
    }

    #[test]
    fn each_rule_finds_what_no_other_does() {
        type Rule = fn(&[u8]) -> bool;
        let rules: [(&str, Rule); 5] = [
            ("few", is_of_few),
            ("repeats", repeats),
            ("walks", |key| (1..=FARTHEST).any(|distance| walks(key, distance))),
            ("word", holds_a_word),
            ("decoded", |key| decoded(key).is_some_and(|bytes| is_plain(&bytes))),
        ];
        for (expected, key) in [
            ("few", "3141592653589793238462643383279502884197"),
            ("repeats", "zq7vt4wlx9kp2mdr8szq7vt4wlx9kp2mdr8s"),
            ("walks", "abcdefgh!ijklmnop?qrstuvwx-yz"),
            ("walks", "1234567890qwertyuiopasdfghjklzxcvbnm"),
            ("walks", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"),
            ("walks", "1a2b3c4d5e6f7g8h9i0j1k2l3m4n5o6p"),
            ("word", "your-key! 7hq0vn2xk9sld4rwz1uyp8tg"),
            ("word", "do_not_use 7hq0vn2xk9sld4rwz1uyp8t"),
            ("decoded", &hex(b"7hq0vn2 placeholder z1uyp8tg")),
            ("decoded", &STANDARD.encode(b"7hq0vn2 placeholder z1uyp8tg")),
        ] {
            let found = rules.into_iter().filter(|(_, rule)| rule(key.as_bytes())).map(|(name, _)| name);
            assert_eq!(found.collect::<Vec<_>>(), [expected], "{key}");
        }
    }

    #[test]
    fn random_bytes_pass_in_hexadecimal_and_in_base64() {
        for number in 0_u32..5_000 {
            let random = digest(&SHA256, &number.to_be_bytes());
            let bytes = random.as_ref();
            for key in [hex(bytes).to_uppercase(), hex(bytes), STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)] {
                assert!(!is_plain(key.as_bytes()), "{key}");
            }
        }
    }
}
