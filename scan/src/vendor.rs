//! Who made a piece of network hardware, by the beginning of its address.

use hashbrown::HashMap;

/// Digits of prefixes, the longest first.
const PREFIX_LENS: [usize; 3] = [9, 7, 6];

/// A table of prefixes.
#[derive(Debug, Default)]
pub struct Vendors {
    by_prefix: HashMap<String, String>,
}

impl Vendors {
    /// Reads lines of a prefix in hexadecimal digits and a name; others are passed over.
    pub fn parse(text: &[u8]) -> Vendors {
        let mut vendors = Vendors::default();
        for line in String::from_utf8_lossy(text).lines().filter(|line| !line.starts_with('#')) {
            let Some((prefix, name)) = line.split_once(char::is_whitespace) else { continue };
            if PREFIX_LENS.contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                vendors.by_prefix.insert(prefix.to_ascii_uppercase(), name.trim().to_owned());
            }
        }
        vendors
    }

    /// The name for an address; the longest prefix counts.
    pub fn of(&self, mac: &[u8; 6]) -> Option<&str> {
        let digits: String = mac.iter().map(|byte| format!("{byte:02X}")).collect();
        PREFIX_LENS.iter().find_map(|&len| self.by_prefix.get(&digits[..len])).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let vendors = Vendors::parse(b"# x\n00005E One\n00005e0 Two # three\nxyz no\n");
        assert_eq!(vendors.of(&[0, 0, 0x5E, 0, 1, 2]), Some("Two # three"));
        assert_eq!(vendors.of(&[0, 0, 0x5E, 0x10, 1, 2]), Some("One"));
        assert_eq!(vendors.of(&[1, 0, 0x5E, 0, 1, 2]), None);
    }
}
