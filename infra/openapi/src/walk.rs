//! The walk through the API: the commands that a page shows, each with what it prints.
//!
//! A test runs them all, and the description of the API takes its examples from them.

use std::{fs, io, path::Path};

use crate::Json;

/// The page that holds the walk, below the root of the checkout.
pub const PAGE: &str = "functions/README.md";

/// A `curl` command and what it prints.
#[derive(Clone, Debug)]
pub struct Step {
    /// The words behind `curl`.
    pub words: Vec<String>,
    /// What is printed; empty when nothing is.
    pub prints: String,
}

/// A request as `curl` would send it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// `name: value`
    pub headers: Vec<String>,
    /// The body.
    pub body: Option<String>,
}

/// The walk of this checkout.
///
/// # Errors
/// When the page cannot be read, or a command is followed by no response.
pub fn read(root: &Path) -> io::Result<Vec<Step>> {
    steps(&fs::read_to_string(root.join(PAGE))?)
}

/// Each fenced `sh` block that begins with `curl`, and the `json` block that follows.
fn steps(page: &str) -> io::Result<Vec<Step>> {
    let mut blocks = page.split("```").skip(1).step_by(2).peekable();
    let mut steps = Vec::new();
    while let Some(block) = blocks.next() {
        let (Some(command), Some(next)) = (block.strip_prefix("sh\ncurl "), blocks.peek()) else { continue };
        let prints =
            next.strip_prefix("json\n").ok_or_else(|| io::Error::other(format!("{command} has no response")))?;
        let words = shell_words::split(command).map_err(io::Error::other)?;
        steps.push(Step { words, prints: prints.trim().to_owned() });
    }
    Ok(steps)
}

impl Step {
    /// What `curl` would send, with these in the place of `$BASE` and `$TOKEN`.
    #[must_use]
    pub fn request(&self, base: &str, token: &str) -> Request {
        let (mut request, mut method) = (Request::default(), None);
        let mut words = self.words.iter().map(|word| word.replace("$BASE", base).replace("$TOKEN", token));
        while let Some(word) = words.next() {
            match word.as_str() {
                "-s" => {}
                "-X" => method = words.next(),
                "-H" => request.headers.extend(words.next()),
                "-d" => request.body = words.next(),
                _ => request.url = word,
            }
        }
        let usual = if request.body.is_some() { "POST" } else { "GET" };
        request.method = method.unwrap_or_else(|| usual.to_owned());
        request
    }

    /// What is printed, as JSON; `None` when nothing is.
    #[must_use]
    pub fn response(&self) -> Option<Json> {
        Json::parse(&self.prints).ok()
    }

    /// Whether the response is no problem.
    pub(crate) fn succeeds(&self) -> bool {
        !self.response().is_some_and(|response| response.get("status").is_some() && response.get("requestId").is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_curl_reads_them() {
        let page = "```sh\ncargo dev\n```\n```sh\ncurl -s -X PUT $BASE/api/x -H \"a: $TOKEN\" -d '{\"b\": 1}'\n```\n\
                    ```json\n{\"c\":2}\n```\n";
        let [step] = &steps(page).unwrap()[..] else { panic!("one step") };
        let request = step.request("http://h", "t");
        assert_eq!((request.method.as_str(), request.url.as_str()), ("PUT", "http://h/api/x"));
        assert_eq!((request.headers, request.body.as_deref()), (vec!["a: t".to_owned()], Some("{\"b\": 1}")));
        assert!(step.succeeds());
    }
}
