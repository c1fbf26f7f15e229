//! Bytes of scripts and services as printable text.

/// Keeps printable ASCII and what `also` allows; other bytes become `\xHH`.
fn printable(bytes: &[u8], also: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if matches!(byte, b' '..=b'~') || also.contains(&byte) {
            text.push(byte as char);
        } else {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

/// For the screen: tab and newline stay.
pub fn for_screen(bytes: &[u8]) -> String {
    printable(bytes, b"\t\n")
}

/// For XML, before it is escaped: tab, newline and carriage return stay.
pub fn protect(bytes: &[u8]) -> String {
    printable(bytes, b"\t\n\r")
}

/// XML text or attribute: markup as entities, the second of two dashes and control characters by number.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = '\0';
    for next in text.chars() {
        match next {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '-' if before == '-' => out.push_str("&#45;"),
            _ if (next as u32) < 0x20 => out.push_str(&format!("&#x{:x};", next as u32)),
            _ if next.is_ascii() => out.push(next),
            _ => {
                let mut utf8 = [0; 4];
                out.extend(next.encode_utf8(&mut utf8).bytes().map(|byte| format!("&#x{byte:x};")));
            }
        }
        before = next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_written_out() {
        assert_eq!(for_screen(b"a\tb\n\r\x00\x7f\xc3\xa9"), "a\tb\n\\x0D\\x00\\x7F\\xC3\\xA9");
        assert_eq!(protect(b"a\r\x01"), "a\r\\x01");
        assert_eq!(escape("a<b>&\"' --x\n---"), "a&lt;b&gt;&amp;&quot;&apos; -&#45;x&#xa;-&#45;&#45;");
        assert_eq!(escape("é"), "&#xc3;&#xa9;");
    }
}
