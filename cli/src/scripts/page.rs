//! What the documentation tells of one script or library, ready to be written in any form.

use super::facts::{Facts, Function};
use super::nsedoc::{self, Block, Item, Tag};
use crate::scan::Failure;
use perilune_nse::DataFolders;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Script,
    Library,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Script, Kind::Library];

    /// Folder and end of the files' names.
    pub fn place(self) -> (&'static str, &'static str) {
        match self {
            Kind::Script => ("scripts", ".nse"),
            Kind::Library => ("nselib", ".lua"),
        }
    }

    /// The path below the data folders; a library `rpc.comm` is in a folder `rpc`.
    pub fn path(self, name: &str) -> String {
        let (folder, end) = self.place();
        match self {
            Kind::Script => format!("{folder}/{name}{end}"),
            Kind::Library => format!("{folder}/{}{end}", name.replace('.', "/")),
        }
    }
}

/// One script or library.
#[derive(Debug)]
pub struct Page {
    pub kind: Kind,
    pub name: String,
    pub description: String,
    pub categories: Vec<String>,
    pub dependencies: Vec<String>,
    pub authors: Vec<String>,
    pub license: Option<String>,
    /// Which rules a script has.
    pub rules: Vec<&'static str>,
    pub head: Block,
    /// Libraries in the folder of a library.
    pub parts: Vec<String>,
    /// Functions and values of a library.
    pub items: Vec<Entry>,
}

#[derive(Debug)]
pub struct Entry {
    pub name: String,
    /// None for tables and values.
    pub params: Option<Vec<String>>,
    /// How many results a function gives at most, as far as its `return`s show.
    pub results_max: usize,
    pub block: Block,
}

impl Entry {
    /// What stands behind the name: the parameters of a function.
    pub fn rest(&self) -> String {
        self.params.as_ref().map(|params| format!(" ({})", params.join(", "))).unwrap_or_default()
    }
}

/// The rules a script can have.
pub const RULES: [&str; 4] = ["prerule", "hostrule", "portrule", "postrule"];

impl Page {
    /// Reads a script or library.
    ///
    /// # Errors
    /// When there is none of the name, or it does not compile.
    pub fn load(data: &DataFolders, kind: Kind, name: &str) -> Result<Page, Failure> {
        let path = kind.path(name);
        let mut page = match data.source(&path) {
            Ok(Some((path, source))) => Page::of(kind, name, &path, &source)?,
            Ok(None) => return Err(Failure(format!("there is no {path}"))),
            Err(error) => return Err(Failure::of(&format!("cannot read {path}"), error)),
        };
        if kind == Kind::Library {
            let (folder, end) = kind.place();
            page.parts = data.names(folder, end);
            page.parts.retain(|part| part.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
        }
        Ok(page)
    }

    fn of(kind: Kind, name: &str, path: &str, source: &[u8]) -> Result<Page, Failure> {
        let facts = Facts::read(source, path, kind == Kind::Script).map_err(|error| Failure(error.to_string()))?;
        let doc = nsedoc::read(&facts);
        let description = match facts.text_field("description") {
            Some(description) if kind == Kind::Script => description.trim().to_owned(),
            _ => doc.head.text.clone(),
        };
        let mut authors = facts.list_field("author");
        authors.extend(doc.head.tags("author").map(|tag| tag.text.trim().to_owned()));
        authors.retain(|author| !author.is_empty());
        let license = facts.text_field("license").map(str::to_owned);
        let tag = |name| doc.head.tag(name).map(|tag: &Tag| tag.text.clone());
        let items = match kind {
            Kind::Script => Vec::new(),
            Kind::Library => doc.items.into_iter().filter_map(|item| entry(&facts, item)).collect(),
        };
        Ok(Page {
            kind,
            name: name.to_owned(),
            description,
            categories: facts.list_field("categories"),
            dependencies: facts.list_field("dependencies"),
            license: license.or_else(|| tag("license")).or_else(|| tag("copyright")),
            rules: RULES.into_iter().filter(|rule| facts.field(rule).is_some()).collect(),
            authors,
            head: doc.head,
            parts: Vec::new(),
            items,
        })
    }

    /// The first sentence of the description, without markup.
    pub fn summary(&self) -> String {
        let text = super::markup::plain(&nsedoc::summary(&self.description));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A part of a library as it is shown: what is documented, and functions that are not.
fn entry(facts: &Facts, item: Item) -> Option<Entry> {
    let block = item.block.unwrap_or_default();
    let function = item.function.map(|id| &facts.functions[id]);
    let params = match function {
        Some(function) => Some(params(function)),
        // A stand-in for a function that is made elsewhere.
        None if block.tag("param").is_some() || block.tag("class").is_some_and(|tag| tag.text.trim() == "function") => {
            let told: Vec<String> = block.tags("param").map(|tag| tag.subject.clone()).collect();
            Some(if told.is_empty() { vec!["...".to_owned()] } else { told })
        }
        None => None,
    };
    let results_max = function.map_or(0, |function| function.results_max);
    let is_private = item.name.starts_with('_') && block.text.is_empty();
    (!is_private).then_some(Entry { name: item.name, params, results_max, block })
}

fn params(function: &Function) -> Vec<String> {
    let more = function.is_variadic.then(|| "...".to_owned());
    function.params.iter().cloned().chain(more).collect()
}

/// What a name on the command line stands for: scripts and libraries, `*` for any letters, a category.
///
/// # Errors
/// When it stands for nothing.
pub fn find(data: &DataFolders, name: &str) -> Result<Vec<(Kind, String)>, Failure> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let (folder, end) = kind.place();
        let wanted = name.strip_suffix(end).unwrap_or(name);
        let names = data.names(folder, end);
        found
            .extend(names.into_iter().filter(|name| wanted == "all" || matches(wanted, name)).map(|name| (kind, name)));
    }
    if found.is_empty() {
        return Err(Failure(format!("'{name}' is no script and no library; `perilune script list` shows them")));
    }
    Ok(found)
}

/// Whether a name fits a pattern in which `*` stands for any letters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, name, fits) in [
            ("http", "http", true),
            ("http", "https", false),
            ("http-*", "http-title", true),
            ("*-t*le", "http-title", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*c", "axbxbc", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
