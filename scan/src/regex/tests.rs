//! Patterns, subjects, and what PCRE makes of them.

use super::*;

/// The groups of a match as text, `-` for one that took no part; the reason why there is none.
fn find(pattern: &str, flags: Flags, subject: &[u8]) -> String {
    let regex = match Regex::new(pattern.as_bytes(), flags) {
        Ok(regex) => regex,
        Err(error) => return error.to_string(),
    };
    let groups = match regex.find(subject, 0) {
        Ok(Some(groups)) => groups,
        Ok(None) => return "none".to_owned(),
        Err(TooManySteps) => return "too many steps".to_owned(),
    };
    let text = |group: &Option<(usize, usize)>| {
        group.map_or("-".to_owned(), |(start, end)| subject[start..end].escape_ascii().to_string())
    };
    groups.iter().map(text).collect::<Vec<_>>().join("|")
}

#[track_caller]
fn check(cases: &[(&str, &str, &str)]) {
    for (pattern, subject, expected) in cases {
        assert_eq!(find(pattern, Flags::default(), subject.as_bytes()), *expected, "{pattern} on {subject:?}");
    }
}

#[test]
fn matches() {
    check(&[
        ("a(b)?c", "xacx", "ac|-"),
        ("(a|ab)(c|bcd)(d*)", "abcd", "abcd|a|bcd|"),
        ("^a$", "a\n", "a"),
        ("^a$", "a\nb", "none"),
        ("(?m)^b$", "a\nb\nc", "b"),
        ("(?m)^", "\n", ""),
        ("a.c", "a\nc", "none"),
        ("(?s)a.c", "a\nc", "a\\nc"),
        ("(?i)ABC", "xabcx", "abc"),
        ("a(?i)b|c", "C", "C"),
        ("(?x) a b # comment\n c", "abc", "abc"),
        ("a{2}{", "aa{", "aa{"),
        ("a{,2}", "a{,2}", "a{,2}"),
        ("[]a]+", "]a", "]a"),
        ("[^]a]+", "x]", "x"),
        ("[a-\\d]+", "a-1", "a-1"),
        ("[[:alpha:]_-]+", "a_-1", "a_-"),
        ("[[:^digit:]]", "1a", "a"),
        ("\\Qa.b\\E+", "a.bb", "a.bb"),
        ("\\x41\\101\\x{41}\\cA\\e", "AAA\u{1}\u{1b}", "AAA\\x01\\x1b"),
        ("(a)\\1\\10", "aa\u{8}", "aa\\x08|a"),
        ("\\h\\H\\v\\V\\N", " a\nbc", " a\\nbc"),
        ("a\\Rb", "a\r\nb", "a\\r\\nb"),
        ("(?<n>a)\\k<n>(?P=n)\\g{n}\\g{-1}\\g1", "aaaaaa", "aaaaaa|a"),
        ("(?>a+)b", "aab", "aab"),
        ("a++b", "aab", "aab"),
        ("a++a", "aaa", "none"),
        ("(?<=a)b(?!c)", "bcabcabd", "b"),
        ("(a)?(?(1)b|c)", "c", "c|-"),
        ("(?(?=a)ab|cd)", "xcd", "cd"),
        ("(?(?!a)cd|ab)+", "abcd", "abcd"),
        ("\\((?:[^()]|(?R))*\\)", "x(a(b)c)", "(a(b)c)"),
        ("(?=a)*b", "b", "b"),
        ("(?=(a))?b", "b", "b|-"),
        ("a\\Kb", "ab", "b"),
        ("a(*FAIL)|b", "ab", "b"),
    ]);
}

#[test]
fn bytes_are_bytes() {
    assert_eq!(find("[\\x80-\\xff]+\\W", Flags::default(), b"a\x80\xff\xfe"), "\\x80\\xff\\xfe");
    assert_eq!(find(".", Flags::default(), b"\xe4"), "\\xe4");
    let regex = Regex::new(b"\xe4+", Flags::default()).expect("bytes are literals");
    assert_eq!(regex.find(b"x\xe4\xe4", 0), Ok(Some(vec![Some((1, 3))])));
}

#[test]
fn errors_have_a_reason_and_a_place() {
    check(&[
        ("a(", "", "missing ) at offset 2"),
        ("a)", "", "unmatched parentheses at offset 1"),
        ("*a", "", "nothing to repeat at offset 0"),
        ("^*", "", "nothing to repeat at offset 1"),
        ("a**", "", "nothing to repeat at offset 2"),
        ("[a", "", "missing terminating ] for character class at offset 2"),
        ("[b-a]", "", "range out of order in character class at offset 3"),
        ("\\", "", "\\ at end of pattern at offset 1"),
        ("a{2,1}", "", "numbers out of order in {} quantifier at offset 5"),
        ("a{70000}", "", "number too big in {} quantifier at offset 2"),
        ("(?z)", "", "unrecognized character after (? or (?- at offset 2"),
        ("\\2(a)", "", "reference to non-existent subpattern at offset 5"),
        ("(?(2)a)(b)", "", "reference to non-existent subpattern at offset 5"),
        ("[[:nothing:]]", "", "unknown POSIX class name at offset 3"),
        ("[:alpha:]", "", "POSIX named classes are supported only within a class at offset 0"),
        ("(?<n>a)(?<n>b)", "", "two named subpatterns have the same name at offset 11"),
        ("(?<n(a)", "", "syntax error in subpattern name (missing terminator) at offset 4"),
        ("\\x{4", "", "non-hex character in \\x{} (closing brace missing?) at offset 4"),
    ]);
    assert_eq!(find(&"(".repeat(300), Flags::default(), b""), "parentheses are too deeply nested at offset 51");
    let large = "(?:a{1000}){1000}";
    assert_eq!(find(large, Flags::default(), b""), "regular expression is too large at offset 17");
    assert!(Regex::new(&[b'a'; PATTERN_MAX], Flags::default()).is_err());
}

#[test]
fn flags() {
    let with = |change: fn(&mut Flags)| {
        let mut flags = Flags::default();
        change(&mut flags);
        flags
    };
    assert_eq!(find("b", with(|flags| flags.anchored = true), b"ab"), "none");
    assert_eq!(find("a|b", with(|flags| flags.anchored = true), b"b"), "b");
    assert_eq!(find("a+", with(|flags| flags.ungreedy = true), b"aa"), "a");
    assert_eq!(find("a+?", with(|flags| flags.ungreedy = true), b"aa"), "aa");
    assert_eq!(find("a$", with(|flags| flags.dollar_end_only = true), b"a\n"), "none");
    assert_eq!(find("(a)(?<n>b)", with(|flags| flags.no_auto_capture = true), b"ab"), "ab|b");
    assert_eq!(find("^a", with(|flags| flags.not_bol = true), b"a"), "none");
    assert_eq!(find("a$", with(|flags| flags.not_eol = true), b"a"), "none");
    assert_eq!(find("a*", with(|flags| flags.not_empty = true), b"ba"), "a");
}

#[test]
fn steps_are_limited() {
    let subject = [b'a'; 60];
    assert_eq!(find("^(?:(?=(a))a|aa)*\\1b$", Flags::default(), &subject), "too many steps");
}
