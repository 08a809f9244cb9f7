//! RTP and RTCP of the far side, through the chain: transport-wide feedback, NACK, RTX, reports. It never panics, and what is sent
//! again fits into datagrams.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| visavis_engine::fuzz_packets(input));
