//! Documentation as a site: an index, a page for each script, library and category; files that need no network and no
//! other file.
//!
//! All that authors wrote is escaped, links lead to pages of the site or to addresses of the web, and each page forbids
//! itself to load anything. The index has a row for everything; searching is hiding rows, and other pages search by
//! sending the words to the index.

use super::markup::{self, Part, Run, Style};
use super::nsedoc::{Block, Tag};
use super::page::{Entry, Kind, Page};
use crate::report::html::escape;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

const STYLE: &str = include_str!("doc.css");
const SCRIPT: &str = include_str!("doc.js");

/// All pages, and what links may lead to.
pub struct Site<'a> {
    pages: &'a [Page],
    names: HashSet<(Kind, &'a str)>,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Kind::Script => "scripts",
            Kind::Library => "libraries",
        }
    }
}

impl<'a> Site<'a> {
    pub fn new(pages: &'a [Page]) -> Site<'a> {
        Site { pages, names: pages.iter().map(|page| (page.kind, page.name.as_str())).collect() }
    }

    /// Writes all files into a folder, which is made if it is missing.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write(&self, folder: &Path) -> io::Result<usize> {
        for below in ["scripts", "libraries", "categories"] {
            std::fs::create_dir_all(folder.join(below))?;
        }
        std::fs::write(folder.join("index.html"), self.index())?;
        let mut count = 1;
        for page in self.pages {
            std::fs::write(
                folder.join(page.kind.folder()).join(format!("{}.html", file_name(&page.name))),
                self.page(page),
            )?;
            count += 1;
        }
        for (category, pages) in self.categories() {
            let file = format!("{}.html", file_name(category));
            std::fs::write(folder.join("categories").join(file), self.category(category, &pages))?;
            count += 1;
        }
        Ok(count)
    }

    fn categories(&self) -> BTreeMap<&'a str, Vec<&'a Page>> {
        let mut categories: BTreeMap<&str, Vec<&Page>> = BTreeMap::new();
        for page in self.pages {
            for category in &page.categories {
                categories.entry(category).or_default().push(page);
            }
        }
        categories
    }

    /// The page of a script or library of this name.
    fn target(&self, kind: Kind, name: &str) -> Option<String> {
        self.names.contains(&(kind, name)).then(|| format!("../{}/{}.html", kind.folder(), file_name(name)))
    }

    // Pages ----------------------------------------------------------------------------------------------------------

    fn index(&self) -> String {
        let mut body = String::from("<h1>Scripts and libraries</h1>\n<p id=\"count\"></p>\n");
        let categories = self.categories();
        if !categories.is_empty() {
            body.push_str("<h2>Categories</h2>\n<p class=\"tags\">");
            for (category, pages) in &categories {
                let _ = write!(
                    body,
                    "<a href=\"categories/{}.html\">{}</a> <small>{}</small> ",
                    file_name(category),
                    shown(category),
                    pages.len()
                );
            }
            body.push_str("</p>\n");
        }
        for (kind, title) in [(Kind::Script, "Scripts"), (Kind::Library, "Libraries")] {
            let pages: Vec<&Page> = self.pages.iter().filter(|page| page.kind == kind).collect();
            if !pages.is_empty() {
                let _ = writeln!(body, "<h2>{title}</h2>\n{}", self.rows(&pages, ""));
            }
        }
        frame("Scripts and libraries", "", &body)
    }

    /// A table of pages; the words behind each are what a search looks at, too.
    fn rows(&self, pages: &[&Page], up: &str) -> String {
        let mut out = String::from("<table class=\"list\"><tbody>\n");
        for page in pages {
            let mut words: Vec<&str> = page.categories.iter().map(String::as_str).collect();
            words.extend(page.items.iter().map(|item| item.name.as_str()));
            words.extend(page.head.tags.iter().filter(|tag| tag.name == "args").map(|tag| tag.subject.as_str()));
            let _ = writeln!(
                out,
                "<tr data-words=\"{}\"><td><a href=\"{up}{}/{}.html\">{}</a></td><td>{}</td></tr>",
                shown(&words.join(" ")),
                page.kind.folder(),
                file_name(&page.name),
                shown(&page.name),
                shown(&page.summary())
            );
        }
        out.push_str("</tbody></table>");
        out
    }

    fn category(&self, category: &str, pages: &[&Page]) -> String {
        let title = format!("Category {category}");
        let body = format!("<h1>{}</h1>\n{}", shown(&title), self.rows(pages, "../"));
        frame(&title, "../", &body)
    }

    fn page(&self, page: &Page) -> String {
        let kind = if page.kind == Kind::Script { "script" } else { "library" };
        let mut body = format!("<h1>{} <small>{kind}</small></h1>\n", shown(&page.name));
        self.facts(&mut body, page);
        self.parts(&mut body, &page.description);
        if page.kind == Kind::Script {
            self.parts(&mut body, &page.head.text);
        }
        let args = page.head.tags.iter().filter(|tag| matches!(tag.name.as_str(), "args" | "arg"));
        self.named(&mut body, "<h2>Arguments</h2>", args);
        for (title, tag) in [("Usage", "usage"), ("Output", "output"), ("Structured output", "xmloutput")] {
            for (idx, tag) in page.head.tags(tag).enumerate() {
                if idx == 0 {
                    let _ = writeln!(body, "<h2>{title}</h2>");
                }
                let _ = writeln!(body, "<pre>{}</pre>", shown(&tag.text));
            }
        }
        self.see(&mut body, &page.head);
        if !page.items.is_empty() {
            body.push_str("<h2>Functions and values</h2>\n<ul class=\"contents\">\n");
            for item in &page.items {
                let _ = writeln!(body, "<li><a href=\"#{}\">{}</a></li>", file_name(&item.name), shown(&item.name));
            }
            body.push_str("</ul>\n");
            page.items.iter().for_each(|item| self.item(&mut body, item));
        }
        frame(&page.name, "../", &body)
    }

    fn facts(&self, body: &mut String, page: &Page) {
        let mut rows: Vec<(&str, String)> = Vec::new();
        let link = |folder: &str, name: &String| {
            format!("<a href=\"../{folder}/{}.html\">{}</a>", file_name(name), shown(name))
        };
        let categories: Vec<String> = page.categories.iter().map(|name| link("categories", name)).collect();
        rows.push(("Categories", categories.join(", ")));
        rows.push(("Rules", page.rules.join(", ")));
        let links = |kind, names: &[String]| {
            let link = |name: &String| match self.target(kind, name) {
                Some(target) => format!("<a href=\"{target}\">{}</a>", shown(name)),
                None => shown(name),
            };
            names.iter().map(link).collect::<Vec<_>>().join(", ")
        };
        rows.push(("Runs after", links(Kind::Script, &page.dependencies)));
        rows.push(("Parts", links(Kind::Library, &page.parts)));
        rows.push(("Authors", shown(&page.authors.join("; "))));
        let license = page.license.as_deref().unwrap_or_default();
        rows.push(("Licence", self.runs(&markup::runs(&license.split_whitespace().collect::<Vec<_>>().join(" ")))));
        body.push_str("<dl class=\"facts\">\n");
        for (title, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(body, "<dt>{title}</dt><dd>{value}</dd>");
        }
        body.push_str("</dl>\n");
    }

    fn item(&self, body: &mut String, item: &Entry) {
        let _ = writeln!(
            body,
            "<section id=\"{}\"><h3><code><b>{}</b>{}</code></h3>",
            file_name(&item.name),
            shown(&item.name),
            shown(&item.rest())
        );
        self.parts(body, &item.block.text);
        let params = item.block.tags.iter().filter(|tag| matches!(tag.name.as_str(), "param" | "field"));
        self.named(body, "", params);
        for (idx, tag) in item.block.tags("return").enumerate() {
            body.push_str(if idx == 0 { "<h4>Returns</h4>\n" } else { "" });
            self.parts(body, &tag.text);
        }
        for tag in item.block.tags("usage") {
            let _ = writeln!(body, "<pre>{}</pre>", shown(&tag.text));
        }
        self.see(body, &item.block);
        body.push_str("</section>\n");
    }

    fn named<'t>(&self, body: &mut String, title: &str, tags: impl Iterator<Item = &'t Tag>) {
        let mut is_open = false;
        for tag in tags {
            if !is_open {
                let _ = writeln!(body, "{title}<dl>");
                is_open = true;
            }
            let _ = write!(body, "<dt><code>{}</code></dt><dd>", shown(&tag.subject));
            self.parts(body, &tag.text);
            body.push_str("</dd>\n");
        }
        if is_open {
            body.push_str("</dl>\n");
        }
    }

    fn see(&self, body: &mut String, block: &Block) {
        let names: Vec<&str> = block.tags("see").map(|tag| tag.text.trim()).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return;
        }
        body.push_str("<p class=\"see\">See also: ");
        let links = names.iter().map(|name| {
            let script = name.strip_suffix(".nse").unwrap_or(name);
            match self.target(Kind::Script, script).or_else(|| self.of_library(name)) {
                Some(target) => format!("<a href=\"{target}\">{}</a>", shown(name)),
                None => self.runs(&markup::runs(name)),
            }
        });
        let _ = writeln!(body, "{}</p>", links.collect::<Vec<_>>().join(", "));
    }

    /// Where `http.get` or `http` leads.
    fn of_library(&self, name: &str) -> Option<String> {
        let name = name.trim_end_matches("()");
        let name = name.strip_suffix(".lua").unwrap_or(name);
        if let Some(target) = self.target(Kind::Library, name) {
            return Some(target);
        }
        name.match_indices('.').find_map(|(at, _)| {
            let (library, item) = (&name[..at], &name[at + 1..]);
            let page = self.pages.iter().find(|page| page.kind == Kind::Library && page.name == library)?;
            let item = page.items.iter().find(|entry| entry.name == item)?;
            Some(format!("../libraries/{library}.html#{}", file_name(&item.name)))
        })
    }

    // Markup ---------------------------------------------------------------------------------------------------------

    fn parts(&self, body: &mut String, text: &str) {
        let mut depth = 0;
        for part in markup::read(text) {
            let wanted = if let Part::Item { depth, .. } = part { depth + 1 } else { 0 };
            while depth < wanted {
                body.push_str("<ul>\n");
                depth += 1;
            }
            while depth > wanted {
                body.push_str("</ul>\n");
                depth -= 1;
            }
            let _ = match part {
                Part::Paragraph(runs) => writeln!(body, "<p>{}</p>", self.runs(&runs)),
                Part::Item { number: None, runs, .. } => writeln!(body, "<li>{}</li>", self.runs(&runs)),
                Part::Item { number: Some(number), runs, .. } => {
                    writeln!(body, "<li class=\"number\" data-number=\"{number}\">{}</li>", self.runs(&runs))
                }
                Part::Lines(lines) => writeln!(body, "<pre>{}</pre>", shown(&lines)),
            };
        }
        (0..depth).for_each(|_| body.push_str("</ul>\n"));
    }

    fn runs(&self, runs: &[Run]) -> String {
        let run = |run: &Run| {
            let text = shown(&run.text);
            match (run.style, &run.target) {
                (Style::Break, _) => "<br>".to_owned(),
                (Style::Code, _) => match self.of_library(&run.text) {
                    Some(target) => format!("<a href=\"{target}\"><code>{text}</code></a>"),
                    None => format!("<code>{text}</code>"),
                },
                (Style::Strong, _) => format!("<b>{text}</b>"),
                (Style::Emphasis, _) => format!("<em>{text}</em>"),
                (Style::Link, Some(target)) => {
                    format!("<a rel=\"noreferrer\" href=\"{}\">{text}</a>", shown(target))
                }
                _ => text,
            }
        };
        runs.iter().map(run).collect()
    }
}

/// Text of anybody's, for a page: control characters are left out.
fn shown(text: &str) -> String {
    escape(&text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), ""))
}

/// A page around its body; `up` leads to the folder of the index.
fn frame(title: &str, up: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header><a href=\"{up}index.html\">Index</a>\n\
         <form action=\"{up}index.html\"><input id=\"search\" name=\"q\" type=\"search\" placeholder=\"Search\" \
         aria-label=\"Search\"></form></header>\n<main>\n{body}</main>\n<script>\n{SCRIPT}\
         </script>\n</body>\n</html>\n",
        shown(title)
    )
}

/// A name for files and places in pages: what could mean something else there is written as a number.
fn file_name(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            out.push(c);
        } else {
            let _ = write!(out, "~{:x}", u32::from(c));
        }
    }
    out
}
