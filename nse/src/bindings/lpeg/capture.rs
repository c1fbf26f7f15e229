//! Values of captures, worked out when a match has succeeded or a match-time capture ends.
//!
//! The list of captures is read from left to right. Each capture that has values nested in it is a [`Frame`]; values
//! lie behind the arguments of the native call, where the collector sees them, and a frame owns those from its base up.
//! When a capture calls Lua, the evaluator stops and says what to call; the results come back through
//! [`Evaluator::called`]. Nothing recurses, and long work is given up for a while through [`Want::Rest`].
//!
//! # Source
//! The LPeg manual; `native-modules` §4.3 for what it leaves out.

use super::machine::{Capture, behind, open_of};
use super::tree::{CaptureKind, Tree};
use perilune_vm::{Call, Kind, LuaError, Table, Value};
use std::rc::Rc;

/// Captures that a template can refer to, the whole match among them.
const TEMPLATE_ENTRIES_MAX: usize = 10;
/// Captures looked at before others get a turn.
const WORK_MAX: u64 = 20_000;

/// What the evaluator wants from its driver.
#[derive(Debug)]
pub(crate) enum Want<'gc> {
    /// All values are there, from the base of the first frame up.
    Done,
    /// A call with the values from here up.
    Call { function: Value<'gc>, from: usize },
    /// `table[key]`.
    Index { table: Value<'gc>, key: Value<'gc> },
    /// A pause.
    Rest,
}

/// What a template's number refers to.
#[derive(Clone, Copy, Debug)]
enum Reference {
    Text { start: u32, end: u32 },
    Capture(usize),
}

/// A string capture under way.
#[derive(Debug)]
struct Template {
    text: Rc<[u8]>,
    /// Where reading goes on in the text.
    at: usize,
    entries: Vec<Reference>,
    /// The entry behind the capture.
    behind: usize,
    out: Vec<u8>,
    /// Number whose capture is being evaluated.
    number: usize,
}

#[derive(Debug)]
enum FrameKind {
    /// The whole match.
    All,
    /// A group, or the values of a match-time capture.
    Nested,
    Simple,
    /// The group that a back capture refers to; reading goes on at the place given.
    Back(usize),
    Function(u32),
    Query(u32),
    Number(u32),
    /// Number of items so far.
    Table(i64),
    /// A named group in a table.
    Field(Rc<[u8]>),
    /// `copied`: the subject is in `out` up to there.
    Substitution {
        out: Vec<u8>,
        copied: u32,
    },
    Template(Box<Template>),
    /// The function, and whether the accumulator is there.
    Fold(u32, bool),
}

#[derive(Debug)]
struct Frame {
    kind: FrameKind,
    /// Number of arguments and values below its own.
    base: usize,
    /// The span of a full capture, which has nothing nested.
    full: Option<(u32, u32)>,
    start: u32,
}

/// The evaluation of a list of captures.
#[derive(Debug)]
pub(crate) struct Evaluator {
    frames: Vec<Frame>,
    /// The capture read next.
    at: usize,
    work: u64,
}

/// What all steps need: the captures, and where values come from.
pub(crate) struct Context<'a, 'gc> {
    pub captures: &'a [Capture],
    pub tree: &'gc Tree,
    pub subject: &'gc [u8],
    /// Values the pattern refers to.
    pub values: Option<Table<'gc>>,
    /// Values that match-time captures gave.
    pub runtime: Option<Table<'gc>>,
    /// Position of the first extra argument, and their number.
    pub extra: (usize, usize),
}

impl<'gc> Context<'_, 'gc> {
    fn value(&self, key: u32) -> Value<'gc> {
        self.values.map_or(Value::NIL, |values| values.get_integer(key as i64))
    }

    fn name(&self, key: u32) -> &'gc Rc<[u8]> {
        &self.tree.names[key as usize - 1]
    }

    fn text(&self, start: u32, end: u32) -> &'gc [u8] {
        &self.subject[start as usize..end as usize]
    }

    /// The group of that name that a back capture at `idx` means: the last one that is complete and not inside a
    /// capture that is complete as well. Also the captures looked at.
    fn find_group(&self, idx: usize, name: &[u8]) -> (Option<usize>, usize) {
        let mut at = idx;
        while at > 0 {
            at -= 1;
            let capture = self.captures[at];
            if capture.kind == CaptureKind::Close {
                at = open_of(self.captures, at);
            } else if !capture.is_full() {
                // It encloses the back capture.
                continue;
            }
            let capture = self.captures[at];
            if capture.kind == CaptureKind::Group && capture.key != 0 && self.name(capture.key)[..] == *name {
                return (Some(at), idx - at);
            }
        }
        (None, idx)
    }

    /// What the numbers of a template mean for the capture at `idx`, and the entry behind it.
    fn references(&self, idx: usize) -> (Vec<Reference>, usize) {
        let capture = self.captures[idx];
        let text = |capture: Capture| {
            let end = if capture.is_full() { capture.end() } else { capture.at };
            Reference::Text { start: capture.at, end }
        };
        let mut entries = vec![text(capture)];
        if capture.is_full() {
            return (entries, idx + 1);
        }
        let (mut open, mut at) = (vec![0], idx + 1);
        while let Some(&entry) = open.last() {
            let capture = self.captures[at];
            if capture.kind == CaptureKind::Close {
                if let Reference::Text { end, .. } = &mut entries[entry] {
                    *end = capture.at;
                }
                open.pop();
                at += 1;
            } else if entries.len() >= TEMPLATE_ENTRIES_MAX {
                at = behind(self.captures, at);
            } else if capture.kind == CaptureKind::Simple {
                if !capture.is_full() {
                    open.push(entries.len());
                }
                entries.push(text(capture));
                at += 1;
            } else {
                entries.push(Reference::Capture(at));
                at = behind(self.captures, at);
            }
        }
        (entries, at)
    }
}

/// What is wanted before the evaluation can go on, if anything.
type Wanted<'gc> = Result<Option<Want<'gc>>, LuaError>;

/// Adds a value behind the others.
fn push<'gc>(call: &mut Call<'gc>, value: Value<'gc>) -> Result<(), LuaError> {
    call.append_arg(value).map_err(|_| call.error("stack overflow (too many captures)"))
}

/// A value's text for a replacement.
fn text_of<'gc>(call: &mut Call<'gc>, value: Value<'gc>, what: &str) -> Result<&'gc [u8], LuaError> {
    let text = match value.kind() {
        Kind::String(text) => Some(text),
        Kind::Integer(_) | Kind::Float(_) => call.number_text(value)?.as_str(),
        _ => None,
    };
    match text {
        Some(text) => Ok(text.as_bytes()),
        None => Err(call.error(format!("invalid {what} value (a {})", value.type_name()))),
    }
}

impl Evaluator {
    /// Evaluates everything up to the last entry, a `Close`.
    pub fn all(call: &Call<'_>) -> Evaluator {
        let frame = Frame { kind: FrameKind::All, base: call.count(), full: None, start: 0 };
        Evaluator { frames: vec![frame], at: 0, work: 0 }
    }

    /// Evaluates what is nested in the capture at `idx`.
    pub fn nested(call: &Call<'_>, context: &Context<'_, '_>, idx: usize) -> Evaluator {
        let mut evaluator = Evaluator { frames: Vec::new(), at: idx, work: 0 };
        evaluator.open(call, context, FrameKind::Nested, idx);
        evaluator
    }

    /// Bytes it owns.
    pub fn bytes(&self) -> usize {
        let out = |frame: &Frame| match &frame.kind {
            FrameKind::Substitution { out, .. } => out.capacity(),
            FrameKind::Template(template) => template.out.capacity(),
            _ => 0,
        };
        self.frames.iter().map(|frame| size_of::<Frame>() + out(frame)).sum()
    }

    fn open(&mut self, call: &Call<'_>, context: &Context<'_, '_>, kind: FrameKind, idx: usize) {
        let capture = context.captures[idx];
        let full = capture.is_full().then(|| (capture.at, capture.end()));
        self.frames.push(Frame { kind, base: call.count(), full, start: capture.at });
        self.at = idx + 1;
    }

    /// Goes on until something is wanted.
    pub fn run<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>) -> Result<Want<'gc>, LuaError> {
        loop {
            self.work += 1;
            if self.work > WORK_MAX {
                call.charge(std::mem::take(&mut self.work))?;
                call.check_size(self.bytes())?;
                return Ok(Want::Rest);
            }
            if let Some(wanted) = self.step(call, context)? {
                call.charge(std::mem::take(&mut self.work))?;
                return Ok(wanted);
            }
        }
    }

    /// Begins or ends one capture.
    fn step<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>) -> Wanted<'gc> {
        let frame = self.frames.last_mut().expect("the first frame ends the evaluation");
        if let FrameKind::Template(_) = frame.kind {
            return self.template(call, context);
        }
        let (start, full) = (frame.start, frame.full);
        if let Some((start, end)) = full {
            return self.finish(call, context, start, end);
        }
        let capture = context.captures[self.at];
        if capture.kind != CaptureKind::Close {
            return self.begin(call, context);
        }
        self.at += 1;
        self.finish(call, context, start, capture.at)
    }

    /// Starts with the capture that is read next.
    fn begin<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>) -> Wanted<'gc> {
        let idx = self.at;
        let capture = context.captures[idx];
        let frame = self.frames.last_mut().expect("there is a frame");
        if let FrameKind::Substitution { out, copied } = &mut frame.kind {
            out.extend_from_slice(context.text(*copied, capture.at));
            *copied = capture.at;
        }
        let is_table = matches!(frame.kind, FrameKind::Table(_));
        let kind = match capture.kind {
            CaptureKind::Close => unreachable!("a frame ends there"),
            CaptureKind::Position => return self.atom(call, context, Value::integer(capture.at as i64 + 1)),
            CaptureKind::Constant => return self.atom(call, context, context.value(capture.key)),
            CaptureKind::Runtime => {
                let value = context.runtime.map_or(Value::NIL, |values| values.get_integer(capture.key as i64));
                return self.atom(call, context, value);
            }
            CaptureKind::Argument => {
                let (first, count) = context.extra;
                if capture.key as usize > count {
                    return Err(call.error(format!("reference to absent argument #{}", capture.key)));
                }
                return self.atom(call, context, call.arg(first + capture.key as usize - 1));
            }
            CaptureKind::Simple if capture.is_full() => {
                let text = call.string(context.text(capture.at, capture.end()))?;
                return self.atom(call, context, text);
            }
            CaptureKind::Group if capture.key != 0 && !is_table => return self.skip(call, context),
            CaptureKind::Number if capture.key == 0 => return self.skip(call, context),
            CaptureKind::Back => return self.back(call, context),
            CaptureKind::Template => {
                let (entries, behind) = context.references(idx);
                self.work += (behind - idx) as u64 / 4;
                let text = Rc::clone(context.name(capture.key));
                FrameKind::Template(Box::new(Template { text, at: 0, entries, behind, out: Vec::new(), number: 0 }))
            }
            CaptureKind::Group if capture.key != 0 => FrameKind::Field(Rc::clone(context.name(capture.key))),
            CaptureKind::Group => FrameKind::Nested,
            CaptureKind::Simple => FrameKind::Simple,
            CaptureKind::Table => FrameKind::Table(0),
            CaptureKind::Function => FrameKind::Function(capture.key),
            CaptureKind::Query => FrameKind::Query(capture.key),
            CaptureKind::Number => FrameKind::Number(capture.key),
            CaptureKind::Substitution => FrameKind::Substitution { out: Vec::new(), copied: capture.at },
            CaptureKind::Fold => FrameKind::Fold(capture.key, false),
        };
        // What comes before the nested values.
        let head = match kind {
            FrameKind::Table(_) => Some(call.table(0, 0)?.into()),
            // The text, which is not known before the end.
            FrameKind::Simple => Some(Value::NIL),
            _ => None,
        };
        self.open(call, context, kind, idx);
        head.map_or(Ok(()), |head| push(call, head)).map(|()| None)
    }

    /// Leaves a capture out, which has no values then.
    fn skip<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>) -> Wanted<'gc> {
        let idx = self.at;
        self.at = behind(context.captures, idx);
        self.work += (self.at - idx) as u64 / 4;
        self.child_done(call, context, call.count())
    }

    /// Reads the group that a back capture refers to.
    fn back<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>) -> Wanted<'gc> {
        let idx = self.at;
        let name = context.name(context.captures[idx].key);
        let (found, looked_at) = context.find_group(idx, name);
        self.work += looked_at as u64 / 4;
        let Some(group) = found else {
            return Err(call.error([b"back reference '", &name[..], b"' not found"].concat()));
        };
        self.open(call, context, FrameKind::Back(idx + 1), group);
        Ok(None)
    }

    /// A capture with nothing nested gave one value.
    fn atom<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>, value: Value<'gc>) -> Wanted<'gc> {
        self.at += 1;
        let base = call.count();
        push(call, value)?;
        self.child_done(call, context, base)
    }

    /// The innermost frame has read all that is nested in it; its span is known.
    fn finish<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>, start: u32, end: u32) -> Wanted<'gc> {
        let is_first = self.frames.len() == 1;
        let frame = self.frames.last_mut().expect("there is a frame");
        let base = frame.base;
        if call.count() == base && frame.kind.takes_text() {
            let text = call.string(context.text(start, end))?;
            push(call, text)?;
        }
        if is_first {
            return Ok(Some(Want::Done));
        }
        match &mut frame.kind {
            FrameKind::All | FrameKind::Nested | FrameKind::Template(_) | FrameKind::Table(_) => {}
            FrameKind::Fold(_, true) => {}
            FrameKind::Fold(_, false) => return Err(call.error("no initial value for fold capture")),
            FrameKind::Simple => {
                let text = call.string(context.text(start, end))?;
                call.set_arg(base + 1, text);
            }
            FrameKind::Back(behind) => self.at = *behind,
            &mut FrameKind::Function(key) => {
                return Ok(Some(Want::Call { function: context.value(key), from: base + 1 }));
            }
            &mut FrameKind::Query(key) => {
                let (value, key) = (context.value(key), call.arg(base + 1));
                call.set_count(base);
                let found = value.as_table().map_or(Value::NIL, |table| table.get(call, key));
                if found.is_nil() && value.as_table().is_some_and(|table| table.metatable().is_some()) {
                    return Ok(Some(Want::Index { table: value, key }));
                }
                if !found.is_nil() {
                    push(call, found)?;
                }
            }
            &mut FrameKind::Number(number) => {
                let number = number as usize;
                if number > call.count() - base {
                    return Err(call.error(format!("no capture '{number}'")));
                }
                let value = call.arg(base + number);
                call.set_arg(base + 1, value);
                call.set_count(base + 1);
            }
            FrameKind::Field(name) => {
                // The table lies right below: its items so far are in it.
                let (value, table) = (call.arg(base + 1), call.arg(base).as_table());
                let key = call.string(name)?;
                if let Some(table) = table {
                    table.set(call, key, value)?;
                }
                call.set_count(base);
            }
            FrameKind::Substitution { out, copied } => {
                out.extend_from_slice(context.text(*copied, end));
                let out = std::mem::take(out);
                return self.text_done(call, context, &out);
            }
        }
        self.frames.pop();
        self.child_done(call, context, base)
    }

    /// A capture that makes text is done: the text goes into the text around it, or becomes a value.
    fn text_done<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>, text: &[u8]) -> Wanted<'gc> {
        let base = self.frames.pop().map_or(0, |frame| frame.base);
        if self.add_text(context, text) {
            return Ok(None);
        }
        call.check_size(text.len())?;
        let value = call.string(text)?;
        push(call, value)?;
        self.child_done(call, context, base)
    }

    /// Adds a child's text to the innermost frame, if that makes text.
    fn add_text(&mut self, context: &Context<'_, '_>, text: &[u8]) -> bool {
        self.work += text.len() as u64 / 64;
        match self.frames.last_mut().map(|frame| &mut frame.kind) {
            Some(FrameKind::Substitution { out, copied }) => {
                out.extend_from_slice(text);
                *copied = context.captures[self.at - 1].end();
                true
            }
            Some(FrameKind::Template(template)) => {
                template.out.extend_from_slice(text);
                true
            }
            _ => false,
        }
    }

    /// A nested capture gave the values from `base` up; the innermost frame takes them.
    fn child_done<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>, base: usize) -> Wanted<'gc> {
        let count = call.count() - base;
        let frame = self.frames.last_mut().expect("the first frame is no child");
        match &mut frame.kind {
            FrameKind::Table(items) => {
                if let Some(table) = call.arg(frame.base + 1).as_table() {
                    for pos in 1..=count {
                        *items += 1;
                        let value = call.arg(base + pos);
                        table.set_integer(call, *items, value)?;
                    }
                }
                call.set_count(base);
            }
            FrameKind::Substitution { .. } if count > 0 => {
                let text = text_of(call, call.arg(base + 1), "replacement")?;
                call.set_count(base);
                self.add_text(context, text);
            }
            FrameKind::Template(template) if count == 0 => {
                return Err(call.error(format!("no values in capture index {}", template.number)));
            }
            FrameKind::Template(_) => {
                let text = text_of(call, call.arg(base + 1), "capture")?;
                call.set_count(base);
                self.add_text(context, text);
            }
            FrameKind::Fold(_, false) if count == 0 => {
                return Err(call.error("no initial value for fold capture"));
            }
            FrameKind::Fold(_, has_value @ false) => {
                *has_value = true;
                call.set_count(base + 1);
            }
            &mut FrameKind::Fold(key, true) => {
                return Ok(Some(Want::Call { function: context.value(key), from: frame.base + 1 }));
            }
            _ => {}
        }
        Ok(None)
    }

    /// The call or look-up that was wanted has given these values.
    pub fn called<'gc>(
        &mut self,
        call: &mut Call<'gc>,
        context: &Context<'_, 'gc>,
        results: &[Value<'gc>],
    ) -> Wanted<'gc> {
        let frame = self.frames.last().expect("the frame that wanted it");
        let base = frame.base;
        call.set_count(base);
        let first = results.first().copied().unwrap_or(Value::NIL);
        match frame.kind {
            FrameKind::Fold(..) => return push(call, first).map(|()| None),
            FrameKind::Query(_) if first.is_nil() => {}
            FrameKind::Query(_) => push(call, first)?,
            _ => results.iter().try_for_each(|&result| push(call, result))?,
        }
        self.frames.pop();
        self.child_done(call, context, base)
    }

    /// Reads on in a template until a capture must be evaluated or the end is reached.
    fn template<'gc>(&mut self, call: &mut Call<'gc>, context: &Context<'_, 'gc>) -> Wanted<'gc> {
        let Some(Frame { kind: FrameKind::Template(template), .. }) = self.frames.last_mut() else { return Ok(None) };
        while let Some(&byte) = template.text.get(template.at) {
            template.at += 1;
            if byte != b'%' {
                template.out.push(byte);
                continue;
            }
            // A lone `%` at the end finds the zero that ends a C string.
            let next = template.text.get(template.at).copied().unwrap_or(0);
            template.at += 1;
            if !next.is_ascii_digit() {
                template.out.push(next);
                continue;
            }
            let number = (next - b'0') as usize;
            match template.entries.get(number) {
                None => return Err(call.error(format!("invalid capture index ({number})"))),
                Some(&Reference::Text { start, end }) => template.out.extend_from_slice(context.text(start, end)),
                Some(&Reference::Capture(idx)) => {
                    template.number = number;
                    self.at = idx;
                    return self.begin(call, context);
                }
            }
        }
        self.at = template.behind;
        let out = std::mem::take(&mut template.out);
        self.text_done(call, context, &out)
    }
}

impl FrameKind {
    /// Whether it has the matched text as its value when nothing nested gives one.
    fn takes_text(&self) -> bool {
        matches!(
            self,
            FrameKind::Nested
                | FrameKind::Back(_)
                | FrameKind::Function(_)
                | FrameKind::Query(_)
                | FrameKind::Number(_)
                | FrameKind::Field(_)
        )
    }
}
