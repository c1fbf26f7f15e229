//! Sets of bytes.

/// A set of bytes, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    pub const EMPTY: ByteSet = ByteSet([0; 4]);
    pub const FULL: ByteSet = ByteSet([!0; 4]);

    pub fn of(bytes: impl IntoIterator<Item = u8>) -> ByteSet {
        let mut set = ByteSet::EMPTY;
        bytes.into_iter().for_each(|byte| set.insert(byte));
        set
    }

    pub fn insert(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
    }

    #[inline(always)]
    pub fn contains(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    fn zip(self, other: ByteSet, join: impl Fn(u64, u64) -> u64) -> ByteSet {
        ByteSet(std::array::from_fn(|idx| join(self.0[idx], other.0[idx])))
    }

    pub fn union(self, other: ByteSet) -> ByteSet {
        self.zip(other, |a, b| a | b)
    }

    pub fn intersection(self, other: ByteSet) -> ByteSet {
        self.zip(other, |a, b| a & b)
    }

    pub fn difference(self, other: ByteSet) -> ByteSet {
        self.zip(other, |a, b| a & !b)
    }

    pub fn complement(self) -> ByteSet {
        ByteSet::FULL.difference(self)
    }

    pub fn is_disjoint(self, other: ByteSet) -> bool {
        self.intersection(other) == ByteSet::EMPTY
    }

    /// The only member, if there is just one.
    pub fn single(self) -> Option<u8> {
        let count: u32 = self.0.iter().map(|word| word.count_ones()).sum();
        (count == 1).then(|| (0..=u8::MAX).find(|&byte| self.contains(byte)).unwrap_or_default())
    }
}
