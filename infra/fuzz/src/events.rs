//! Events, from JSON on.

use crate::functions;

/// Whatever Lambda hands over, the response keeps all rules, and never a failure of ours.
///
/// `TOKEN` stands for a good token.
pub fn events(input: &[u8]) {
    functions::with(|functions| {
        let event = match std::str::from_utf8(input) {
            Ok(text) => text.replacen("TOKEN", &functions.token, 1).into_bytes(),
            Err(_) => input.to_owned(),
        };
        for response in functions.responses(&event) {
            // Without a database nothing is done; of the browsers' questions there is one that needs none.
            assert!(!matches!(response.status, 200 | 201), "{response:?}");
        }
    });
}
