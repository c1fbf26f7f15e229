//! Command lines as one text, and back into words: for the logs that show one, and for `NMAP_ARGS`.

/// The words with quotes where one needs them.
pub fn joined<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_special = |c: char| c.is_whitespace() || "\"'\\$`*?;&|<>(){}".contains(c);
    if word.is_empty() || word.contains(is_special) {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        word.to_owned()
    }
}

/// The words of a command line: parted by white space, which quotes keep; a backslash keeps what follows.
pub fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' if quote != Some('\'') => word.get_or_insert_default().extend(rest.next()),
            '"' | '\'' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            c if quote == Some(c) => quote = None,
            c if quote.is_none() && c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        let words = ["-p", "1-5", "--script", "http-* and not (a or b)", "", "a\"b\\c", "it's", "ü x"];
        let line = joined(words);
        assert_eq!(line, r#"-p 1-5 --script "http-* and not (a or b)" "" "a\"b\\c" "it's" "ü x""#);
        assert_eq!(split(&line), words);
        assert_eq!(split("  a\tb 'c d'e \\\"  \"open "), ["a", "b", "c de", "\"", "open "]);
        assert_eq!(split("a\\"), ["a"]);
    }
}
