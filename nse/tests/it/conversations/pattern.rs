//! What a client is expected to send.

/// One part of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    Byte(u8),
    /// One byte of any value.
    Any,
    /// Any bytes, as few as possible.
    Many,
    /// All that has come, at least one byte, once the client waits.
    Rest,
}

/// How many bytes at the start of `bytes` match; `waits`: nothing more is on its way.
pub(super) fn matched(pattern: &[Token], bytes: &[u8], waits: bool) -> Option<usize> {
    find(pattern, bytes, waits, false)
}

/// Whether a text matches one in which `mark` is anything.
pub(super) fn wild(expected: &str, mark: &str, text: &str) -> bool {
    let literal = |part: &str| part.bytes().map(Token::Byte).collect::<Vec<Token>>();
    let tokens = expected.split(mark).map(literal).collect::<Vec<_>>().join(&Token::Many);
    find(&tokens, text.as_bytes(), true, true).is_some()
}

/// Matches as file names are: one point to come back to is enough. `whole`: nothing may be left.
fn find(pattern: &[Token], bytes: &[u8], waits: bool, whole: bool) -> Option<usize> {
    // The last `Many`, and how much had been taken when it took what it takes now.
    let (mut at, mut taken, mut retry) = (0, 0, None);
    loop {
        let fits = match pattern.get(at) {
            None if !whole || taken == bytes.len() => return Some(taken),
            None => false,
            Some(Token::Rest) => return (waits && taken < bytes.len()).then_some(bytes.len()),
            Some(Token::Many) => {
                retry = Some((at, taken));
                at += 1;
                continue;
            }
            Some(Token::Any) => taken < bytes.len(),
            Some(Token::Byte(byte)) => bytes.get(taken) == Some(byte),
        };
        if fits {
            at += 1;
            taken += 1;
            continue;
        }
        let (many, from) = retry?;
        if from >= bytes.len() {
            return None;
        }
        retry = Some((many, from + 1));
        at = many + 1;
        taken = from + 1;
    }
}

#[test]
fn patterns_match_the_shortest_run() {
    let tokens = |text: &str| -> Vec<Token> {
        text.bytes().map(|byte| if byte == b'*' { Token::Many } else { Token::Byte(byte) }).collect()
    };
    assert_eq!(matched(&tokens("a*d"), b"abcdxd", false), Some(4));
    assert_eq!(matched(&tokens("a*cd*g"), b"accdefgg", false), Some(7));
    assert_eq!(matched(&tokens("a*x"), b"abcd", true), None);
    assert_eq!(matched(&[Token::Any, Token::Rest], b"abc", true), Some(3));
    assert_eq!(matched(&[Token::Rest], b"abc", false), None);
    assert!(wild("a{*}c", "{*}", "abbbc") && wild("{*}c", "{*}", "cxc") && wild("a{*}", "{*}", "a"));
    assert!(!wild("a{*}c", "{*}", "abd") && !wild("abc", "{*}", "abcd") && wild("", "{*}", ""));
}
