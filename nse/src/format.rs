//! Results of actions as reports print them. The work is done by `format.lua`; this takes its answer over.

use crate::engine::Engine;
use perilune_scan::result::{Element, ScriptResult};
use perilune_vm::{Call, Root, Run, Value};

/// Chunk that answers the formatting function.
pub(crate) const SOURCE: &str = include_str!("format.lua");

/// Deepest structure that is taken over.
const DEPTH_MAX: usize = 100;

/// What formatting a result may cost: a `__tostring` that never ends must not end the scan.
const BUDGET: u64 = 2_000_000_000;

/// The result of a script whose action returned nothing or texts; outer `None`: something else, see [`result`].
pub(crate) fn plain(engine: &mut Engine, id: &str, returned: &[Root]) -> Option<Option<ScriptResult>> {
    engine.state.enter(|call| {
        let value = |pos: usize| returned.get(pos).map_or(Value::NIL, |root| call.rooted(root));
        let text = |value: Value<'_>| value.as_str().map(|text| text.as_bytes().to_vec());
        let (first, second) = (value(0), value(1));
        let made = |output, structured| Some(Some(ScriptResult { id: id.to_owned(), output, structured }));
        match (first.is_nil(), second.is_truthy()) {
            (true, false) => Some(None),
            (false, false) => made(text(first)?, None),
            (true, true) => made(text(second)?, None),
            (false, true) => made(text(second)?, Some(Element::Text(text(first)?))),
        }
    })
}

/// The result of a script whose action returned these values; `None` when it returned nothing. What cannot be formatted
/// gives an empty text.
pub(crate) fn result(engine: &mut Engine, id: &str, returned: &[Root]) -> Option<ScriptResult> {
    let empty = ScriptResult { id: id.to_owned(), output: Vec::new(), structured: None };
    let state = &mut engine.state;
    let Ok(mut task) = state.task(&engine.format, false) else { return Some(empty) };
    if state.resume(&mut task, returned, BUDGET) != Run::Finished {
        state.abandon(task);
        engine.shared.wait.take();
        return Some(empty);
    }
    let results = state.results();
    let text = |call: &Call<'_>, root: Option<&Root>| {
        let text = root.and_then(|root| call.rooted(root).as_str())?;
        Some(String::from_utf8_lossy(text.as_bytes()).into_owned())
    };
    for (pos, name) in [(3, "FORMAT_TABLE"), (4, "FORMAT_XML")] {
        if let Some(error) = state.enter(|call| text(call, results.get(pos))) {
            engine.shared.debug(1, &format!("Error in {name}: {error}"));
        }
    }
    state.enter(|call| {
        let value = |pos: usize| results.get(pos).map_or(Value::NIL, |root| call.rooted(root));
        if !value(0).is_truthy() {
            return None;
        }
        let output = value(1).as_str().map_or_else(Vec::new, |text| text.as_bytes().to_vec());
        let structured = if value(2).is_nil() { None } else { Some(element(value(2), 0)) };
        Some(ScriptResult { id: id.to_owned(), output, structured })
    })
}

fn element(value: Value<'_>, depth: usize) -> Element {
    match value.as_table() {
        Some(table) if depth < DEPTH_MAX => {
            let pairs = (1..=table.raw_len() / 2).map(|idx| {
                let key = table.get_integer(idx * 2 - 1).as_str().map(|key| key.as_bytes().to_vec());
                (key, element(table.get_integer(idx * 2), depth + 1))
            });
            Element::Table(pairs.collect())
        }
        _ => Element::Text(value.as_str().map_or_else(Vec::new, |text| text.as_bytes().to_vec())),
    }
}
