//! Documentation in comments: what a script or library, and each of its functions, says of itself.
//!
//! A block begins with `---` and goes on with `--`. Text comes first, then tags, `@name text`, each up to the next one.
//! A block belongs to the function or value right behind it, else to the file. `@name` and `@class` say otherwise.
//! Nothing is refused: unknown tags are kept, what can't be understood is text.

use super::facts::{Assigned, Base, Facts, Function, FunctionId, Local, LocalId, Path, Value};
use std::collections::{HashMap, HashSet};

/// `@tag text`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    pub name: String,
    /// The first word behind `@param`, `@args`, `@field`; else empty.
    pub subject: String,
    pub text: String,
    pub line: u32,
}

/// A block of comment lines.
#[derive(Clone, Default, Debug)]
pub struct Block {
    pub line: u32,
    pub text: String,
    pub tags: Vec<Tag>,
    /// The token behind it.
    next: usize,
}

/// A documented part of a library.
#[derive(Clone, Debug)]
pub struct Item {
    /// `get`, `Helper:connect`.
    pub name: String,
    pub line: u32,
    /// None for tables and values.
    pub function: Option<FunctionId>,
    pub block: Option<Block>,
}

/// What a file says of itself.
#[derive(Debug)]
pub struct Doc {
    /// The file's own blocks, as one.
    pub head: Block,
    /// The public parts, in the order of the file.
    pub items: Vec<Item>,
}

/// Tags whose first word is a name.
const WITH_SUBJECT: [&str; 4] = ["param", "args", "arg", "field"];

impl Block {
    /// Texts of the tags of a name.
    pub fn tags<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Tag> {
        self.tags.iter().filter(move |tag| tag.name == name)
    }

    pub fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| tag.name == name)
    }

    fn merge(&mut self, other: &Block) {
        if self.line == 0 {
            self.line = other.line;
        }
        if !self.text.is_empty() && !other.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(&other.text);
        self.tags.extend(other.tags.iter().cloned());
    }
}

/// Reads the documentation of a file.
pub fn read(facts: &Facts) -> Doc {
    let index = Index::new(facts);
    let mut head = Block::default();
    let mut items = index.public_functions();
    let mut by_start: HashMap<usize, usize> = HashMap::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        by_start.extend(item.function.map(|id| (facts.functions[id].start, at)));
        by_name.insert(item.name.replace(':', "."), at);
    }
    for block in blocks(facts) {
        let text_of = |name| block.tag(name).map(|tag: &Tag| tag.text.trim().to_owned()).unwrap_or_default();
        let named = text_of("name").replace(':', ".");
        if text_of("class") == "module" {
            head.merge(&block);
            continue;
        }
        let is_free = |at: &&usize| items[**at].block.is_none();
        // Functions that the engine adds have a place in the documentation without one in the source.
        let at = if named.is_empty() { by_start.get(&block.next) } else { by_name.get(&named) };
        if let Some(&at) = at.filter(is_free) {
            items[at].block = Some(block);
            continue;
        }
        let (name, line) = match index.behind(&block) {
            _ if !named.is_empty() => (named, block.line),
            Behind::Public(name, line) => (name, line),
            Behind::Private => continue,
            Behind::Nothing => {
                head.merge(&block);
                continue;
            }
        };
        items.push(Item { name, line, function: None, block: Some(block) });
    }
    items.sort_by_key(|item| item.line);
    Doc { head, items }
}

/// What stands behind a block that belongs to no public function.
enum Behind {
    /// A value that others see: a table, a number.
    Public(String, u32),
    Private,
    Nothing,
}

/// A file's facts by the places where statements begin.
struct Index<'f> {
    facts: &'f Facts,
    /// Locals that the file returns in a table, or puts into its own, with their names there.
    exported: HashMap<LocalId, &'f str>,
    assigned: HashMap<usize, &'f Assigned>,
    functions: HashSet<usize>,
    locals: HashMap<usize, &'f Local>,
}

impl<'f> Index<'f> {
    fn new(facts: &'f Facts) -> Index<'f> {
        let mut index = Index {
            facts,
            exported: HashMap::new(),
            assigned: facts.assigned.iter().rev().map(|assigned| (assigned.start, assigned)).collect(),
            functions: facts.functions.iter().map(|function| function.start).collect(),
            locals: facts.locals.iter().rev().map(|local| (local.start, local)).collect(),
        };
        if let Some(Value::Table(table)) = &facts.returned {
            table.fields.iter().for_each(|(name, value)| index.export(name, value));
        }
        for assigned in &facts.assigned {
            match &assigned.path {
                Path { base, fields } if fields.len() == 1 && index.is_module(base) => {
                    index.export(&fields[0], &assigned.value);
                }
                Path { base: Base::Global(name), fields } if fields.is_empty() => index.export(name, &assigned.value),
                _ => {}
            }
        }
        index
    }

    fn export(&mut self, name: &'f str, value: &Value) {
        match value {
            Value::Path(Path { base: Base::Local(id), fields }) if fields.is_empty() => {
                self.exported.insert(*id, name);
            }
            _ => {}
        }
    }

    /// The functions that others can call, in the order of the file; of those of one name, the last.
    fn public_functions(&self) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (id, function) in self.facts.functions.iter().enumerate() {
            let Some(path) = function.path.as_ref().filter(|_| function.parent.is_none()) else { continue };
            let alias = match &path.base {
                Base::Local(local) if path.fields.is_empty() => self.exported.get(local),
                _ => None,
            };
            if alias.is_none() && !self.is_public(path) {
                continue;
            }
            let name = alias.map_or_else(|| self.full_name(function, path), |name| (*name).to_owned());
            let item = Item { name: name.clone(), line: function.line, function: Some(id), block: None };
            match places.get(&name) {
                Some(at) => items[*at] = item,
                None => {
                    places.insert(name, items.len());
                    items.push(item);
                }
            }
        }
        items
    }

    fn full_name(&self, function: &Function, path: &Path) -> String {
        let name = self.shown(path);
        match name.rsplit_once('.') {
            Some((class, method)) if function.is_method => format!("{class}:{method}"),
            _ => name,
        }
    }

    /// A path without the file's own table in front.
    fn shown(&self, path: &Path) -> String {
        let mut names: Vec<&str> = path.fields.iter().map(String::as_str).collect();
        if !self.is_module(&path.base) || names.is_empty() {
            names.insert(0, self.facts.name_of(&path.base));
        }
        names.join(".")
    }

    /// Whether a variable is the table that the file returns.
    fn is_module(&self, base: &Base) -> bool {
        match base {
            Base::Global(name) => matches!(name.as_str(), "_M" | "_ENV"),
            Base::Local(_) => {
                matches!(&self.facts.returned, Some(Value::Path(path)) if path.fields.is_empty() && path.base == *base)
            }
        }
    }

    fn is_public(&self, path: &Path) -> bool {
        match &path.base {
            Base::Global(_) => true,
            // A field of the file's table, or of a class that is exported.
            Base::Local(local) => {
                !path.fields.is_empty() && (self.is_module(&path.base) || self.exported.contains_key(local))
            }
        }
    }

    fn behind(&self, block: &Block) -> Behind {
        /// Globals of a script, and of a library: what stands in front of them is about the file.
        const FIELDS: [&str; 11] = [
            "description",
            "author",
            "license",
            "categories",
            "dependencies",
            "action",
            "portrule",
            "hostrule",
            "prerule",
            "postrule",
            "_ENV",
        ];
        if let Some(assigned) = self.assigned.get(&block.next) {
            let name = self.shown(&assigned.path);
            return match assigned.value {
                _ if FIELDS.contains(&name.as_str()) => Behind::Nothing,
                _ if self.is_public(&assigned.path) => Behind::Public(name, assigned.line),
                _ => Behind::Private,
            };
        }
        if self.functions.contains(&block.next) {
            return Behind::Private;
        }
        match self.locals.get(&block.next) {
            // The first statement of a file is the `require` of a library: the block in front is the file's.
            Some(local) if !matches!(local.value, Value::Call { .. } | Value::Path(_)) => Behind::Private,
            _ => Behind::Nothing,
        }
    }
}

/// The blocks of documentation, in the order of the file.
fn blocks(facts: &Facts) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines: Vec<(u32, &str)> = Vec::new();
    let mut next = 0;
    for (idx, comment) in facts.comments.iter().enumerate() {
        let follows = idx > 0 && {
            let before = &facts.comments[idx - 1];
            before.line + 1 == comment.line && before.next == comment.next
        };
        if !lines.is_empty() && (!follows || begins(&comment.text)) {
            blocks.push(block(&lines, next));
            lines.clear();
        }
        if begins(&comment.text) || !lines.is_empty() {
            lines.push((comment.line, &comment.text));
            next = comment.next;
        }
    }
    if !lines.is_empty() {
        blocks.push(block(&lines, next));
    }
    blocks
}

/// `---`, but not a rule made of dashes.
fn begins(comment: &str) -> bool {
    let rest = comment.strip_prefix("---");
    rest.is_some_and(|rest| !rest.starts_with('-'))
}

fn block(lines: &[(u32, &str)], next: usize) -> Block {
    let mut block = Block { line: lines[0].0, next, ..Block::default() };
    for (line, text) in lines {
        let text = text.trim_start_matches('-');
        let text = text.strip_prefix(' ').unwrap_or(text).trim_end();
        match tag_of(text) {
            Some((name, rest)) => {
                block.tags.push(Tag { name, subject: String::new(), text: rest.to_owned(), line: *line });
            }
            None => {
                let target = block.tags.last_mut().map_or(&mut block.text, |tag| &mut tag.text);
                target.push('\n');
                target.push_str(text);
            }
        }
    }
    block.text = dedented(&block.text);
    for tag in &mut block.tags {
        if WITH_SUBJECT.contains(&tag.name.as_str()) {
            let text = tag.text.trim_start();
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            tag.subject = text[..end].trim_end_matches(':').to_owned();
            tag.text = text[end..].trim().to_owned();
        } else {
            tag.text = dedented(&tag.text);
        }
    }
    block
}

/// `@name rest` at the start of a line, behind at most a few spaces.
fn tag_of(line: &str) -> Option<(String, &str)> {
    let rest = line.trim_start().strip_prefix('@')?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
    (is_name && (rest.is_empty() || rest.starts_with([' ', '\t', ':'])))
        .then(|| (name.to_ascii_lowercase(), rest.trim_start_matches(':')))
}

/// A text without empty lines around it, and without what all lines are indented by.
pub fn dedented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_empty = |line: &&str| line.trim().is_empty();
    let from = lines.iter().position(|line| !is_empty(line)).unwrap_or(lines.len());
    let to = lines.iter().rposition(|line| !is_empty(line)).map_or(from, |last| last + 1);
    let lines = &lines[from..to];
    let indents = lines.iter().filter(|line| !is_empty(line)).map(|line| line.len() - line.trim_start().len());
    let indent = indents.min().unwrap_or(0);
    let cut = |line: &&str| line.get(indent..).unwrap_or_default().trim_end().to_owned();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

/// The first sentence of a text, in one line.
pub fn summary(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = words.match_indices(". ").map(|(at, _)| at + 1).find(|&at| !is_abbreviation(&words[..at]));
    end.map_or(words.clone(), |end| words[..end].to_owned())
}

fn is_abbreviation(text: &str) -> bool {
    ["e.g.", "i.e.", "etc.", "vs.", "cf."].iter().any(|short| text.ends_with(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(source: &str) -> (Facts, Doc) {
        let facts = Facts::read(source.as_bytes(), "x.lua", false).expect("it compiles");
        let doc = read(&facts);
        (facts, doc)
    }

    fn names(source: &str) -> String {
        let (_, doc) = doc(source);
        let shown = |item: &Item| {
            let text = item.block.as_ref().map(|block| block.text.clone()).unwrap_or_default();
            format!("{}={text}", item.name)
        };
        doc.items.iter().map(shown).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn blocks_belong_to_what_stands_behind() {
        assert_eq!(
            names("--- Says a.\nfunction a() end\n\n--- Says b.\n-- More.\nb = function() end"),
            "a=Says a.|b=Says b.\nMore."
        );
        assert_eq!(names("local M = {}\n--- F.\nfunction M.f() end\nfunction M:g() end return M"), "f=F.|g=");
        assert_eq!(
            names("--- H.\nHelper = {\n --- New.\n new = function(self) end, old = function() end }"),
            "Helper=H.|Helper:new=New.|Helper.old="
        );
        assert_eq!(names("local function f() end local g\n return { f = f, x = 1 }"), "f=");
        assert_eq!(names("--- Private.\nlocal function f() end"), "");
        assert_eq!(names("--- S.\n-- @name sleep\n-- @class function\n\nx = 1"), "sleep=S.");
    }

    #[test]
    fn the_head_is_all_that_belongs_to_the_file() {
        let (_, doc) =
            doc("--- A file.\n-- @args x.y What:\n--   more\n-- @usage\n--   a\n--    b\n--\nlocal x = require 'x'\n");
        assert_eq!(doc.head.text, "A file.");
        let tags: Vec<String> =
            doc.head.tags.iter().map(|tag| format!("{} {}: {}", tag.name, tag.subject, tag.text)).collect();
        assert_eq!(tags, ["args x.y: What:\n  more", "usage : a\n b"]);
    }

    #[test]
    fn summaries_are_sentences() {
        assert_eq!(summary("One thing, e.g. this.  And\nmore.\n\nLast."), "One thing, e.g. this.");
        assert_eq!(summary("No end"), "No end");
    }
}
