//! Which bytes of a Rust source are code, comment, or the inside of a literal.
//!
//! Enough of Rust's lexer for checks on text: comments nest, raw strings count their hashes, and a quote after which no
//! literal ends is a lifetime. The quotes of a literal belong to it.

/// What a byte is part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Code,
    Comment,
    /// A string or character literal.
    Literal,
}

/// One [`Part`] per byte of `source`.
pub fn parts(source: &str) -> Vec<Part> {
    let bytes = source.as_bytes();
    let mut parts = Vec::with_capacity(bytes.len());
    while parts.len() < bytes.len() {
        let at = parts.len();
        let (part, len) = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => (Part::Comment, line_len(&bytes[at..])),
            b'/' if bytes[at..].starts_with(b"/*") => (Part::Comment, block_comment_len(&bytes[at..])),
            b'"' => (Part::Literal, quoted_len(&bytes[at..], b'"')),
            b'r' if starts_raw(bytes, at) => (Part::Literal, raw_string_len(&bytes[at..])),
            b'\'' => match char_literal_len(&source[at..]) {
                Some(len) => (Part::Literal, len),
                None => (Part::Code, 1),
            },
            _ => (Part::Code, 1),
        };
        parts.resize(at + len, part);
    }
    parts
}

/// The source with everything blanked out that is not one of `kept`; lines and columns stay.
pub fn keep(source: &str, parts: &[Part], kept: &[Part]) -> String {
    let blank = |(byte, part): (u8, &Part)| if byte == b'\n' || kept.contains(part) { byte } else { b' ' };
    let bytes: Vec<u8> = source.bytes().zip(parts).map(blank).collect();
    // A part begins and ends at a character's border, so characters are kept or blanked as a whole.
    String::from_utf8(bytes).expect("whole characters are kept")
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn line_len(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
}

fn block_comment_len(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a literal with escapes, its quotes included.
fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Whether the `r` at this place begins a raw string, possibly as `br` or `cr`, rather than a name.
fn starts_raw(bytes: &[u8], at: usize) -> bool {
    let before = |count: usize| at.checked_sub(count).map(|idx| bytes[idx]);
    let alone = match before(1) {
        Some(b'b' | b'c') => !before(2).is_some_and(is_name),
        Some(byte) => !is_name(byte),
        None => true,
    };
    let rest = &bytes[at + 1..];
    let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
    alone && rest.get(hashes) == Some(&b'"')
}

fn raw_string_len(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
    let end = [b"\"", vec![b'#'; hashes].as_slice()].concat();
    let start = 1 + hashes + 1;
    let inside = rest[start..].windows(end.len()).position(|window| window == end);
    inside.map_or(rest.len(), |len| start + len + end.len())
}

/// Length of the character literal here; `None`: the quote begins a lifetime or a label.
fn char_literal_len(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return Some(quoted_len(rest.as_bytes(), b'\''));
    }
    chars.next().filter(|&(_, second)| second == '\'').map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` has a letter per byte: `.` code, `c` comment, `l` literal.
    fn check(source: &str, expected: &str) {
        let letter = |part: &Part| match part {
            Part::Code => '.',
            Part::Comment => 'c',
            Part::Literal => 'l',
        };
        assert_eq!(parts(source).iter().map(letter).collect::<String>(), expected, "{source}");
    }

    #[test]
    fn comments() {
        check("a // b\nc", "..cccc..");
        check("a /* b /* c */ d */ e", "..ccccccccccccccccc..");
        check("a /* b", "..cccc");
        check("a / b", ".....");
    }

    #[test]
    fn strings() {
        check(r#"f("a\"b", c)"#, "..llllll....");
        check(r#"b"// no" // yes"#, ".lllllll.cccccc");
        check("\"a\nb\" c", "lllll..");
        check("\"open", "lllll");
        check("\"open\\", "llllll");
    }

    #[test]
    fn raw_strings() {
        check(r###"r"a\" b"###, "lllll..");
        check(r###"r#"a"b"# c"###, "llllllll..");
        check(r###"br#"a"#;"###, ".llllll.");
        check(r###"r#type + var"x""###, "............lll");
    }

    #[test]
    fn characters_and_lifetimes() {
        check(r"'a' 'b", "lll...");
        check(r"'\'' 'x: &'a str", "llll............");
        check(r"'é'+b'\\'", "llll..llll");
        check("'\"' \"'\"", "lll.lll");
    }

    #[test]
    fn what_is_kept_stays_in_place() {
        let source = "a(\"é\\n\"); // é\nb";
        let kept = keep(source, &parts(source), &[Part::Code]);
        assert_eq!(kept, "a(      );      \nb");
    }
}
