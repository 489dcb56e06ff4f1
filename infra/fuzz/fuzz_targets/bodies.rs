//! [`fuzz::bodies`] under a fuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::bodies(input));
