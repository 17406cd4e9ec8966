//! The two CRCs of HDFS by the processor's own instructions, under the names that `hdfs-native` uses.
//!
//! `hdfs-native` checks every 512 bytes that it reads and computes a checksum for every 512 that it writes, with the
//! table-driven crate `crc`. That was the largest single cost of reading from HDFS. This crate stands in for it in this
//! workspace (`[patch.crates-io]`), with just that part of its interface which `hdfs-native` calls: whatever else
//! wants the crate `crc` one day will not compile, rather than compute something else.

use std::marker::PhantomData;

/// CRC-32C (Castagnoli), which HDFS uses unless told otherwise.
pub const CRC_32_ISCSI: Algorithm<u32> = Algorithm { kind: Kind::Castagnoli, width: PhantomData };
/// CRC-32 as in zip and `java.util.zip.CRC32`.
pub const CRC_32_ISO_HDLC: Algorithm<u32> = Algorithm { kind: Kind::IsoHdlc, width: PhantomData };

/// A CRC with a result of type `W`.
#[derive(Debug)]
pub struct Algorithm<W> {
    kind: Kind,
    width: PhantomData<W>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Castagnoli,
    IsoHdlc,
}

/// In the original, how many tables are used. Here there are none.
#[derive(Debug)]
pub struct Table<const L: usize>;

/// Computes checksums.
#[derive(Debug)]
pub struct Crc<W, I = Table<1>> {
    kind: Kind,
    like: PhantomData<(W, I)>,
}

/// A checksum of bytes that come one piece after the other.
#[derive(Debug)]
pub struct Digest<'a, W, I = Table<1>> {
    kind: Kind,
    value: u32,
    like: PhantomData<&'a (W, I)>,
}

impl<const L: usize> Crc<u32, Table<L>> {
    /// For this algorithm.
    pub const fn new(algorithm: &'static Algorithm<u32>) -> Self {
        Self { kind: algorithm.kind, like: PhantomData }
    }

    /// The checksum of these bytes.
    pub fn checksum(&self, bytes: &[u8]) -> u32 {
        self.kind.append(0, bytes)
    }

    /// A checksum of no bytes yet.
    pub const fn digest(&self) -> Digest<'_, u32, Table<L>> {
        Digest { kind: self.kind, value: 0, like: PhantomData }
    }
}

impl<const L: usize> Digest<'_, u32, Table<L>> {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.value = self.kind.append(self.value, bytes);
    }

    /// The checksum of all bytes that were added.
    pub const fn finalize(self) -> u32 {
        self.value
    }
}

impl Kind {
    /// The checksum of what `value` is the checksum of, and `bytes`.
    fn append(self, value: u32, bytes: &[u8]) -> u32 {
        match self {
            Self::Castagnoli => crc32c::crc32c_append(value, bytes),
            Self::IsoHdlc => {
                let mut hasher = crc32fast::Hasher::new_with_initial(value);
                hasher.update(bytes);
                hasher.finalize()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
    const CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

    /// Bit by bit, from the definition: reflected, starting and ending inverted.
    fn slow(polynomial: u32, bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
        !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
    }

    #[test]
    fn check_values_of_the_catalogue() {
        assert_eq!(CRC32C.checksum(b"123456789"), 0xe306_9283);
        assert_eq!(CRC32.checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(CRC32C.checksum(b""), 0);
    }

    #[test]
    fn any_length_in_any_pieces() {
        let bytes: Vec<u8> =
            (0..3_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for length in (0..70).chain([511, 512, 513, 1_024, 2_999]) {
            for start in 0..9.min(bytes.len() - length) {
                let part = &bytes[start..start + length];
                assert_eq!(CRC32C.checksum(part), slow(0x82f6_3b78, part), "{start} {length}");
                assert_eq!(CRC32.checksum(part), slow(0xedb8_8320, part), "{start} {length}");
                let (left, right) = part.split_at(length / 3);
                let mut digest = CRC32C.digest();
                digest.update(left);
                digest.update(right);
                assert_eq!(digest.finalize(), CRC32C.checksum(part), "{start} {length}");
            }
        }
    }
}
