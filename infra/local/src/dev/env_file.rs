//! Reads `.env` with the syntax of a shell, except for expansions. Errors name the line, never its content.

use std::path::Path;

use machine::{Error, Result};

/// The setting that is a path. In the file it is relative to the root of the checkout, wherever `cargo dev` is called.
const PATH: &str = "DATABASE_CA_FILE";

/// The settings of a file in this folder.
pub(super) fn read(bytes: Vec<u8>, folder: &Path) -> Result<Vec<(String, String)>> {
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Error::sentence(".env is not UTF-8: save it as UTF-8 in your editor."))?;
    let mut settings = parse(&text)?;
    for (name, value) in &mut settings {
        if name == PATH && !value.is_empty() {
            *value = folder.join(&value).to_string_lossy().into_owned();
        }
    }
    Ok(settings)
}

/// `NAME=value` lines; `export`, quotes around the value, empty lines and `#` comments are allowed.
fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    // Editors on Windows put an invisible byte order mark in front of UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n");
    for (number, line) in (1..).zip(text.split(['\n', '\r'])) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let setting = without_export(line).split_once('=').map(|(name, value)| (name.trim_end(), value));
        let (name, value) = setting.filter(|(name, _)| is_name(name)).ok_or_else(|| {
            Error::sentence(format_args!(
                "Line {number} of .env is not NAME=value, with a name of letters, digits and _: correct it."
            ))
        })?;
        let value = unquoted(value).ok_or_else(|| {
            Error::sentence(format_args!(
                "Line {number} of .env has a quote that does not end, or something behind its end: correct it."
            ))
        })?;
        settings.push((name.to_owned(), value.to_owned()));
    }
    Ok(settings)
}

fn without_export(line: &str) -> &str {
    let rest = line.strip_prefix("export").filter(|rest| rest.starts_with(char::is_whitespace));
    rest.map_or(line, str::trim_start)
}

fn is_name(name: &str) -> bool {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word && name.starts_with(|first: char| !first.is_ascii_digit())
}

/// Within quotes all characters are literal; a comment may follow the end quote, or a space. `None` when a quote does
/// not end, or something else follows its end.
fn unquoted(value: &str) -> Option<&str> {
    let is_comment = |(place, _): &(usize, &str)| {
        value.get(..*place).is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace))
    };
    let trimmed = value.trim_start();
    for quote in ['"', '\''] {
        if let Some(rest) = trimmed.strip_prefix(quote) {
            let (inside, behind) = rest.split_once(quote)?;
            let is_end = behind.is_empty() || behind.starts_with(char::is_whitespace);
            return (is_end && (behind.trim().is_empty() || behind.trim().starts_with('#'))).then_some(inside);
        }
    }
    let end = value.match_indices('#').find(is_comment).map_or(value.len(), |(place, _)| place);
    value.get(..end).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
        settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn each_line_is_read_as_shells_read_it() {
        for (line, name, value) in [
            ("PORT=3001", "PORT", "3001"),
            ("  PORT = 3001  ", "PORT", "3001"),
            ("export A = 'x # y'", "A", "x # y"),
            ("export\tA=1", "A", "1"),
            ("export  \t A=1", "A", "1"),
            ("export=1", "export", "1"),
            ("exported=1", "exported", "1"),
            ("_a_1=1", "_a_1", "1"),
            ("B=\"q\" # why", "B", "q"),
            ("B='q'\t# why", "B", "q"),
            ("B= \"\" ", "B", ""),
            ("C=1 # one", "C", "1"),
            ("C=1\t# one", "C", "1"),
            ("C=1 #", "C", "1"),
            ("D=a=b#c", "D", "a=b#c"),
            ("D=a=b#c #d", "D", "a=b#c"),
            ("E=", "E", ""),
            ("E=#x", "E", ""),
            ("E= # x", "E", ""),
            ("F=it's", "F", "it's"),
            ("G=a b", "G", "a b"),
        ] {
            assert_eq!(parse(line).unwrap(), owned(&[(name, value)]), "{line:?}");
        }
        for line in ["", "# a comment", " \t# A=1", "   "] {
            assert_eq!(parse(line).unwrap(), [], "{line:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_setting_is_named_and_not_shown() {
        for line in
            ["canary", "=canary", "a-canary=1", "1canary=1", "a canary=1", "export =canary", "é=canary", "A.canary=1"]
        {
            let said = parse(&format!("PORT=3000\r\n\n{line}")).unwrap_err().to_string();
            let expected = "Line 3 of .env is not NAME=value, with a name of letters, digits and _: correct it.";
            assert_eq!(said, expected, "{line:?}");
        }
        for line in ["A=\"canary", "A='canary\"", "A=\"canary\"x", "A='canary'#x", "A='canary' x"] {
            let said = parse(&format!("{line}\nB=1")).unwrap_err().to_string();
            let expected = "Line 1 of .env has a quote that does not end, or something behind its end: correct it.";
            assert_eq!(said, expected, "{line:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_crlf_change_nothing() {
        let expected = owned(&[("PORT", "3001"), ("A", "b")]);
        for text in [
            "\u{feff}PORT=3001\nA=b",
            "\u{feff}PORT=3001\r\nA=b\r\n",
            "\u{feff}# a comment\nPORT=3001\nA=b",
            "PORT=3001\rA=b\r",
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text:?}");
        }
        assert!(parse("PORT=3001\n\u{feff}").is_err(), "elsewhere it is a mistake");
    }

    #[test]
    fn invalid_utf_8_is_refused() {
        let (little, big) =
            ("PORT=1".encode_utf16().flat_map(u16::to_le_bytes), "PORT=1".encode_utf16().flat_map(u16::to_be_bytes));
        let (little, big): (Vec<u8>, Vec<u8>) = (little.collect(), big.collect());
        let marked = [&[0xff, 0xfe][..], &little].concat();
        for bytes in [little, big, marked, b"A=J\xf6rg".to_vec()] {
            let said = read(bytes, Path::new("/root")).unwrap_err().to_string();
            assert_eq!(said, ".env is not UTF-8: save it as UTF-8 in your editor.");
        }
    }

    #[test]
    fn a_path_starts_at_the_folder_of_the_file() {
        for (value, path) in [("ca.pem", "/a checkout/ca.pem"), ("/etc/ca.pem", "/etc/ca.pem"), ("", "")] {
            let settings = read(format!("DATABASE_CA_FILE={value}").into(), Path::new("/a checkout")).unwrap();
            assert_eq!(settings, owned(&[("DATABASE_CA_FILE", path)]));
        }
    }
}
