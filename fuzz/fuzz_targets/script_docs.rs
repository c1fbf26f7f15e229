//! Scripts and libraries as their documentation and their check read them.

#![no_main]
#![allow(dead_code, reason = "the modules are parts of a larger one")]

mod scripts;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let text = scripts::lexer::decoded(input);
    scripts::lexer::read(&text);
    scripts::markup::read(&text);
    for is_script in [true, false] {
        let Ok(facts) = scripts::facts::Facts::read(input, "fuzz", is_script) else { continue };
        let doc = scripts::nsedoc::read(&facts);
        for block in doc.items.iter().filter_map(|item| item.block.as_ref()).chain([&doc.head]) {
            scripts::nsedoc::summary(&block.text);
            block.tags.iter().for_each(|tag| drop(scripts::markup::read(&tag.text)));
        }
    }
});
