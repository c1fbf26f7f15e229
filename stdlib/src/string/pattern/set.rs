//! Sets of bytes: the classes and brackets of patterns.

/// A set of bytes, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Set([u64; 4]);

impl Set {
    pub const EMPTY: Set = Set([0; 4]);

    pub const fn with(mut self, byte: u8) -> Set {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
        self
    }

    #[inline]
    pub const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    pub const fn union(self, other: Set) -> Set {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Set([a | e, b | f, c | g, d | h])
    }

    pub const fn negated(self) -> Set {
        let [a, b, c, d] = self.0;
        Set([!a, !b, !c, !d])
    }

    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The smallest byte behind `from`, itself included.
    pub fn next(&self, from: u8) -> Option<u8> {
        (from..=u8::MAX).find(|&byte| self.has(byte))
    }

    /// The bytes of a class such as `%a`; other letters, and all signs, stand for themselves.
    pub fn of_class(class: u8) -> Set {
        let lower = class.to_ascii_lowercase();
        match CLASSES.iter().find(|(letter, _)| *letter == lower) {
            Some((_, set)) if class == lower => *set,
            Some((_, set)) => set.negated(),
            None => Set::EMPTY.with(class),
        }
    }

    /// The bytes of `[…]`, brackets included.
    pub fn of_brackets(set: &[u8]) -> Set {
        let inner = &set[1..set.len() - 1];
        let (negated, inner) = match inner.split_first() {
            Some((b'^', rest)) => (true, rest),
            _ => (false, inner),
        };
        let mut found = Set::EMPTY;
        let mut at = 0;
        while at < inner.len() {
            if inner[at] == b'%' && at + 1 < inner.len() {
                found = found.union(Set::of_class(inner[at + 1]));
                at += 2;
            } else if at + 2 < inner.len() && inner[at + 1] == b'-' {
                found = (inner[at]..=inner[at + 2]).fold(found, Set::with);
                at += 3;
            } else {
                found = found.with(inner[at]);
                at += 1;
            }
        }
        if negated { found.negated() } else { found }
    }
}

/// Whether a byte is in the class of a small letter.
const fn in_class(byte: u8, letter: u8) -> bool {
    match letter {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        _ => byte == 0,
    }
}

const CLASS_LETTERS: [u8; 11] = *b"acdglpsuwxz";

const CLASSES: [(u8, Set); CLASS_LETTERS.len()] = {
    let mut classes = [(0, Set::EMPTY); CLASS_LETTERS.len()];
    let mut idx = 0;
    while idx < classes.len() {
        let letter = CLASS_LETTERS[idx];
        let (mut set, mut byte) = (Set::EMPTY, 0);
        while byte < 256 {
            if in_class(byte as u8, letter) {
                set = set.with(byte as u8);
            }
            byte += 1;
        }
        classes[idx] = (letter, set);
        idx += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    /// As the reference looks at a set, byte by byte.
    fn in_set(byte: u8, set: &[u8]) -> bool {
        let single = |class: u8| match class.to_ascii_lowercase() {
            letter if CLASS_LETTERS.contains(&letter) => in_class(byte, letter) == class.is_ascii_lowercase(),
            _ => class == byte,
        };
        let (negated, mut inner) = match &set[1..set.len() - 1] {
            [b'^', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        loop {
            let found;
            (found, inner) = match inner {
                [] => return negated,
                [b'%', class, rest @ ..] => (single(*class), rest),
                [from, b'-', to, rest @ ..] => ((*from..=*to).contains(&byte), rest),
                [literal, rest @ ..] => (*literal == byte, rest),
            };
            if found {
                return !negated;
            }
        }
    }

    #[test]
    fn sets_hold_what_the_reference_finds_in_them() {
        let sets = [
            "[a]",
            "[^a]",
            "[abcdefgh]",
            "[^()<>@,;:%[%]?={} ]",
            "[a-cx%-z%]q]",
            "[]abcdef]",
            "[^%^abcde-]",
            "[z-aqwertz]",
            "[%a_]",
            "[^%s%c]",
            "[%W%d]",
            "[%a-z]",
            "[a-]",
            "[%z]",
            "[%%]",
            "[^\0-\x7f]",
            "[.]",
        ];
        for set in sets {
            let made = Set::of_brackets(set.as_bytes());
            for byte in 0..=255 {
                assert_eq!(made.has(byte), in_set(byte, set.as_bytes()), "{byte} {set}");
            }
        }
    }
}
