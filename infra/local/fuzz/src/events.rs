//! Events, from JSON on.

use serde_json::value::RawValue;

use crate::functions;

/// Whatever Lambda hands over, the answer is one by all rules, and never a failure of ours.
///
/// `TOKEN` stands for a good token.
pub fn events(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    functions::with(|functions| {
        let json = text.replacen("TOKEN", &functions.token, 1);
        // Lambda hands over JSON and nothing else.
        let Ok(event) = serde_json::from_str::<&RawValue>(&json) else { return };
        for answer in functions.answers(event) {
            // Without a database nothing is done; of the browsers' questions there is one that needs none.
            assert!(!matches!(answer.status, 200 | 201), "{answer:?}");
        }
    });
}
