//! Logs that are gone on with, compared and converted: XML and lines of JSON.

#![no_main]
#![allow(dead_code, unused_imports, reason = "the readers are part of a larger module")]

#[path = "../../cli/src/report/mod.rs"]
mod report;
#[path = "../../cli/src/words.rs"]
mod words;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for event in report::read::json_events(input) {
        // What was read can be written, and is the same when it is read again.
        let Some(value) = report::json::to_json(&event) else { continue };
        let line = format!("{value}\n");
        assert_eq!(report::read::json_events(line.as_bytes()).len(), 1, "{line}");
    }
    let _ = report::read_xml::events(input);
});
