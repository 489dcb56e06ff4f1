//! The part of a file between two marker lines, which `cargo sync` writes.

/// The text with this between the line that holds `begin` and the next line that holds `end`; `None` without such lines.
pub(crate) fn replaced(text: &str, begin: &str, end: &str, content: &str) -> Option<String> {
    let start = line_after(text, begin)?;
    let rest = text.get(start..)?;
    let stop = start + line_of(rest, end)?;
    Some([text.get(..start)?, content, text.get(stop..)?].concat())
}

/// Where the line behind the one begins that holds this.
fn line_after(text: &str, marker: &str) -> Option<usize> {
    let at = text.find(marker)?;
    Some(at + text.get(at..)?.find('\n')? + 1)
}

/// Where the line begins that holds this.
fn line_of(text: &str, marker: &str) -> Option<usize> {
    let at = text.find(marker)?;
    Some(text.get(..at)?.rfind('\n').map_or(0, |end| end + 1))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_what_stands_between_the_lines_is_replaced() {
        let text = "a\n  # begin x\n  old\n  # end\nb\n";
        assert_eq!(
            replaced(text, "# begin x\n", "# end", "  new\n").as_deref(),
            Some("a\n  # begin x\n  new\n  # end\nb\n")
        );
        assert_eq!(
            replaced("a\n# begin x\n# end", "# begin x\n", "# end", "n\n").as_deref(),
            Some("a\n# begin x\nn\n# end")
        );
        assert_eq!(replaced(text, "# begin y\n", "# end", ""), None);
        assert_eq!(replaced("# begin x\n", "# begin x\n", "# end", ""), None);
    }
}
