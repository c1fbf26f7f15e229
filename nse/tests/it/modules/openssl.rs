//! `openssl`, also side by side with the C library through an installed Nmap (`apt-get install nmap`).

use super::machine::{generated, generated_by_nmap, golden};

/// Cases of one seed.
const CASES: usize = if cfg!(feature = "stress") { 400 } else { 10_000 };
const SEEDS: [u64; 2] = [3, 1_000_033];

#[test]
fn golden_vectors() {
    golden("openssl.lua");
}

/// OpenSSL's texts without what Nmap leaves to chance: it reports the oldest error of the process, which may be that of
/// an earlier call.
fn without_reasons(line: &str) -> String {
    line.split(" / ")
        .map(|part| match part.find("OpenSSL error: ") {
            Some(at) => &part[..at + "OpenSSL error".len()],
            None => part.trim_end(),
        })
        .collect::<Vec<_>>()
        .join(" / ")
}

#[test]
fn generated_calls_answer_as_with_the_c_library() {
    for seed in SEEDS {
        let generator = "openssl_cases.lua";
        let (ours, theirs) = (generated(generator, seed, CASES), generated_by_nmap(generator, seed, CASES));
        assert_eq!(ours.lines().count(), CASES);
        assert_eq!(theirs.lines().count(), CASES);
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_eq!(without_reasons(ours), without_reasons(theirs), "seed {seed}");
        }
    }
}
