//! `perilune script check`: what is wrong with a script or library, found without running it.
//!
//! Each rule looks at the [`Facts`] of a file and at what the engine knows: the globals, the libraries and what is in
//! them. An error is what fails when the script is loaded or run, or what others need to choose it by; a warning is
//! what its author probably did not mean.

use super::facts::{Base, Birth, Call, Env, Facts, FunctionId, Global, Path, Value};
use super::known::Known;
use super::nsedoc::{self, Doc};
use super::page::{Kind, RULES};
use std::collections::{HashMap, HashSet};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    Warning,
    Error,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub path: String,
    pub line: u32,
    pub severity: Severity,
    pub rule: &'static str,
    pub reason: String,
}

/// A file to be looked at.
#[derive(Debug)]
pub struct File {
    pub kind: Kind,
    pub name: String,
    pub path: String,
    pub source: Vec<u8>,
}

/// Categories that scripts can be chosen by.
pub const CATEGORIES: [&str; 14] = [
    "auth",
    "broadcast",
    "brute",
    "default",
    "discovery",
    "dos",
    "exploit",
    "external",
    "fuzzer",
    "intrusive",
    "malware",
    "safe",
    "version",
    "vuln",
];

/// Globals that a script gives a value to for the engine.
const FIELDS: [&str; 10] = [
    "description",
    "author",
    "license",
    "categories",
    "dependencies",
    "action",
    "prerule",
    "hostrule",
    "portrule",
    "postrule",
];

/// What the engine gives to a script.
const GIVEN: [&str; 5] = ["SCRIPT_PATH", "SCRIPT_NAME", "SCRIPT_TYPE", "categories", "dependencies"];

/// What a module made by `stdnse.module` has from the start.
const OF_MODULE: [&str; 3] = ["_M", "_NAME", "_PACKAGE"];

/// Calls that wait for the network or start something; `*` is every function of the library.
const BLOCKING: [(&str, &str); 20] = [
    ("stdnse", "sleep"),
    ("nmap", "new_socket"),
    ("nmap", "resolve"),
    ("nmap", "condvar"),
    ("comm", "*"),
    ("http", "get"),
    ("http", "get_url"),
    ("http", "head"),
    ("http", "post"),
    ("http", "put"),
    ("http", "generic_request"),
    ("http", "pipeline_go"),
    ("http", "can_use_get"),
    ("http", "can_use_head"),
    ("http", "identify_404"),
    ("dns", "query"),
    ("dns", "reverse"),
    ("sslcert", "getCertificate"),
    ("io", "popen"),
    ("os", "execute"),
];

/// Methods of sockets that wait.
const BLOCKING_METHODS: [&str; 9] = [
    "connect",
    "reconnect_ssl",
    "receive",
    "receive_bytes",
    "receive_lines",
    "receive_buf",
    "send",
    "sendto",
    "pcap_receive",
];

/// Everything found in a file, by line.
pub fn check(file: &File, known: &mut Known) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Facts::read(&file.source, &file.path, file.kind == Kind::Script) {
        Ok(facts) => {
            let doc = nsedoc::read(&facts);
            let mut check = Check { file, facts: &facts, doc: &doc, known, findings: &mut findings };
            check.all();
        }
        Err(error) => {
            let (line, text) = (error.line.unwrap_or(1), error.to_string());
            let reason = text.split_once(&format!(":{line}: ")).map_or(text.clone(), |(_, reason)| reason.to_owned());
            let path = file.path.clone();
            findings.push(Finding { path, line, severity: Severity::Error, rule: "syntax", reason });
        }
    }
    findings.sort_by(|a, b| (a.line, a.rule, &a.reason).cmp(&(b.line, b.rule, &b.reason)));
    findings.dedup();
    findings
}

struct Check<'a> {
    file: &'a File,
    facts: &'a Facts,
    doc: &'a Doc,
    known: &'a mut Known,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Check<'a> {
    fn all(&mut self) {
        if self.file.kind == Kind::Script {
            self.fields();
            self.script_docs();
        } else {
            self.library_docs();
        }
        self.globals();
        self.libraries();
        self.members();
        self.unused();
        self.blocking();
    }

    fn error(&mut self, line: u32, rule: &'static str, reason: String) {
        self.find(Severity::Error, line, rule, reason);
    }

    fn warn(&mut self, line: u32, rule: &'static str, reason: String) {
        self.find(Severity::Warning, line, rule, reason);
    }

    fn find(&mut self, severity: Severity, line: u32, rule: &'static str, reason: String) {
        self.findings.push(Finding { path: self.file.path.clone(), line, severity, rule, reason });
    }

    // Fields of scripts ----------------------------------------------------------------------------------------------

    fn fields(&mut self) {
        for name in ["description", "author", "license", "categories", "action"] {
            if self.facts.field(name).is_none() {
                self.error(1, "missing-field", format!("the script has no '{name}'"));
            }
        }
        if RULES.iter().all(|rule| self.facts.field(rule).is_none()) {
            self.error(1, "missing-field", format!("the script has no rule: one of {}", RULES.join(", ")));
        }
        for name in FIELDS {
            let Some(field) = self.facts.field(name) else { continue };
            let wanted: &[&str] = match name {
                "description" | "license" => &["string"],
                "author" => &["string", "table"],
                "categories" | "dependencies" => &["table"],
                _ => &["function"],
            };
            if let Some(found) = type_of(&field.value).filter(|found| !wanted.contains(found)) {
                let wanted = wanted.join(" or a ");
                self.error(field.line, "field-type", format!("'{name}' is a {found}, not a {wanted}"));
            }
        }
        for name in ["categories", "dependencies"] {
            self.list(name);
        }
    }

    fn list(&mut self, name: &str) {
        let Some(field) = self.facts.field(name) else { return };
        let Value::Table(table) = &field.value else { return };
        let line = field.line;
        if name == "categories" && table.items.is_empty() {
            self.error(line, "missing-field", "the script is in no category".to_owned());
        }
        let mut seen = HashSet::new();
        for item in &table.items {
            let Value::Text(item) = item else {
                if let Some(found) = type_of(item) {
                    self.error(line, "field-type", format!("'{name}' holds a {found}, not only strings"));
                }
                continue;
            };
            if !seen.insert(item) {
                self.warn(line, "field-twice", format!("'{name}' holds '{item}' twice"));
            }
            if name == "categories" && !CATEGORIES.contains(&item.to_lowercase().as_str()) {
                self.error(line, "unknown-category", format!("'{item}' is none of {}", CATEGORIES.join(", ")));
            }
            if name == "dependencies" && !self.known.has_script(item) {
                self.warn(line, "unknown-dependency", format!("there is no script '{item}'"));
            }
        }
    }

    // Variables ------------------------------------------------------------------------------------------------------

    fn globals(&mut self) {
        let written: HashSet<&str> = self.names_written(|_| true);
        let of_body: HashSet<&str> = self.names_written(|global| global.function.is_none());
        let mut told = HashSet::new();
        for global in &self.facts.globals {
            let name = global.name.as_str();
            if name == "_ENV" || global.env == Env::Unknown {
                continue;
            }
            if global.is_written {
                if let Some((severity, rule, reason)) = self.written(global, &of_body)
                    && told.insert((name, true))
                {
                    self.find(severity, global.line, rule, reason);
                }
            } else if name == "SCRIPT_TYPE" && global.function.is_none() && self.file.kind == Kind::Script {
                self.error(global.line, "undeclared-global", "'SCRIPT_TYPE' is set in functions only".to_owned());
            } else if !self.is_declared(global, &written) && told.insert((name, false)) {
                let reason = format!("nothing gives '{name}' a value");
                self.error(global.line, "undeclared-global", reason);
            }
        }
    }

    fn names_written(&self, passes: impl Fn(&Global) -> bool) -> HashSet<&'a str> {
        let facts = self.facts;
        let globals = facts.globals.iter().filter(|global| global.is_written && passes(global));
        globals.map(|global| global.name.as_str()).collect()
    }

    fn is_declared(&mut self, global: &Global, written: &HashSet<&str>) -> bool {
        let name = global.name.as_str();
        if written.contains(name) {
            return true;
        }
        // A library may be put together when it is loaded.
        if self.file.kind == Kind::Library && self.known.has_member(&self.file.name, name) {
            return true;
        }
        let sees_globals = match global.env {
            Env::Given if self.file.kind == Kind::Script && GIVEN.contains(&name) => return true,
            Env::Module { .. } if OF_MODULE.contains(&name) => return true,
            Env::Given => true,
            Env::Module { sees_globals, .. } => sees_globals,
            Env::Bare | Env::Unknown => false,
        };
        sees_globals && self.known.has_global(name)
    }

    /// What is wrong with writing a global.
    fn written(&self, global: &Global, of_body: &HashSet<&str>) -> Option<(Severity, &'static str, String)> {
        let name = &global.name;
        let is_in_function = global.function.is_some();
        let is_declared = of_body.contains(name.as_str());
        match (self.file.kind, global.env) {
            (Kind::Library, Env::Given) if !is_in_function => {
                Some((Severity::Warning, "leaked-global", format!("'{name}' becomes a global of all scripts")))
            }
            (Kind::Library, Env::Given | Env::Module { strict: true, .. }) if is_in_function && !is_declared => {
                Some((Severity::Error, "undeclared-global", format!("'{name}' is assigned, but declared nowhere")))
            }
            (Kind::Script, Env::Given) | (Kind::Library, Env::Module { .. })
                if is_in_function && !is_declared && !FIELDS.contains(&name.as_str()) =>
            {
                let reason = format!("'{name}' is a global set in a function; is 'local' missing?");
                Some((Severity::Warning, "accidental-global", reason))
            }
            _ => None,
        }
    }

    fn unused(&mut self) {
        let mut statements: HashMap<usize, bool> = HashMap::new();
        for local in &self.facts.locals {
            *statements.entry(local.start).or_default() |= local.reads > 0 || local.is_closed;
        }
        for (id, local) in self.facts.locals.iter().enumerate() {
            if local.hides.is_some_and(|hidden| self.facts.library_of(hidden).is_some()) {
                self.warn(local.line, "shadowed", format!("'{}' hides the library of that name", local.name));
            }
            let counts = matches!(local.birth, Birth::Local | Birth::Function);
            if !counts || local.reads > 0 || local.is_closed || local.name.starts_with('_') {
                continue;
            }
            if self.facts.library_of(id).is_some() {
                self.warn(local.line, "unused-require", format!("library '{}' is not used", local.name));
            } else if !statements[&local.start] {
                self.warn(local.line, "unused-local", format!("'{}' is never read", local.name));
            }
        }
    }

    // Libraries ------------------------------------------------------------------------------------------------------

    fn libraries(&mut self) {
        for call in &self.facts.calls {
            let Some(path) = &call.path else { continue };
            let name = match (call.args.first(), self.facts.is_global(path, "require")) {
                (Some(Value::Text(name)), true) => name,
                _ => continue,
            };
            if !self.known.has_library(name) {
                self.error(call.line, "unknown-library", format!("there is no library '{name}'"));
            }
        }
    }

    fn members(&mut self) {
        let facts = self.facts;
        let written = facts.members.iter().filter(|member| member.is_written);
        let written: HashSet<(&Base, &str)> = written.map(|member| (&member.base, member.name.as_str())).collect();
        // What the file itself gives a value is no library.
        let own = self.names_written(|_| true);
        for member in &facts.members {
            let library = match &member.base {
                Base::Global(name) if name == "_ENV" || own.contains(name.as_str()) => None,
                base => facts.library_behind(base),
            };
            let Some(library) = library else { continue };
            if member.is_written || written.contains(&(&member.base, member.name.as_str())) {
                continue;
            }
            if self.known.lacks(library, &member.name) {
                let reason = format!("library '{library}' has no '{}'", member.name);
                self.error(member.line, "unknown-member", reason);
            }
        }
    }

    // Waiting while the file is loaded -------------------------------------------------------------------------------

    fn blocking(&mut self) {
        let mut by_path: HashMap<&Path, FunctionId> = HashMap::new();
        for (id, function) in self.facts.functions.iter().enumerate() {
            by_path.extend(function.path.as_ref().map(|path| (path, id)));
        }
        let mut callers: HashMap<FunctionId, Vec<&Call>> = HashMap::new();
        let mut work: Vec<(&Call, String)> = Vec::new();
        for call in &self.facts.calls {
            if let Some(id) = call.path.as_ref().and_then(|path| by_path.get(path)) {
                callers.entry(*id).or_default().push(call);
            } else if let Some(what) = self.waits(call) {
                work.push((call, what));
            }
        }
        let mut waiting: HashSet<FunctionId> = HashSet::new();
        while let Some((call, what)) = work.pop() {
            match call.function {
                None => {
                    let reason = format!("{what} is called while the file is loaded, where nothing can wait");
                    self.error(call.line, "blocking-at-load", reason);
                }
                Some(id) if waiting.insert(id) => {
                    let more = callers.get(&id).into_iter().flatten();
                    work.extend(more.map(|caller| (*caller, what.clone())));
                }
                Some(_) => {}
            }
        }
    }

    /// The name of what waits, if a call does.
    fn waits(&self, call: &Call) -> Option<String> {
        let method = call.method.as_deref()?;
        let library = call.path.as_ref().filter(|path| path.fields.len() == 1);
        let library = library.and_then(|path| self.facts.library_behind(&path.base));
        match library {
            Some(library) if BLOCKING.contains(&(library, method)) || BLOCKING.contains(&(library, "*")) => {
                Some(format!("'{library}.{method}'"))
            }
            None if BLOCKING_METHODS.contains(&method) && call.path.as_ref().is_none_or(|p| !p.fields.is_empty()) => {
                Some(format!("'{method}'"))
            }
            _ => None,
        }
    }

    // Documentation --------------------------------------------------------------------------------------------------

    fn script_docs(&mut self) {
        let head = &self.doc.head;
        let line = head.line.max(1);
        for (tag, what) in [("usage", "how it is run"), ("output", "what it prints")] {
            if head.tag(tag).is_none() {
                self.warn(line, "missing-doc", format!("no @{tag} shows {what}"));
            }
        }
        if self.facts.text_field("description").is_some_and(|text| text.trim().is_empty()) {
            self.warn(line, "missing-doc", "the description is empty".to_owned());
        }
        let documented: HashSet<&str> = head
            .tags
            .iter()
            .filter(|tag| matches!(tag.name.as_str(), "args" | "arg"))
            .map(|tag| tag.subject.split('=').next().unwrap_or_default())
            .collect();
        let mut told = HashSet::new();
        for call in &self.facts.calls {
            if call.method.as_deref() != Some("get_script_args") {
                continue;
            }
            for arg in &call.args {
                let Value::Text(arg) = arg else { continue };
                let arg = arg.replace(super::reader::SCRIPT_NAME_MARK, &self.file.name);
                let own = arg.strip_prefix(&self.file.name).and_then(|rest| rest.strip_prefix('.'));
                let Some(own) = own else { continue };
                if !documented.contains(arg.as_str()) && !documented.contains(own) && told.insert(arg.clone()) {
                    self.warn(call.line, "missing-doc", format!("no @args tells of '{arg}'"));
                }
            }
        }
    }

    fn library_docs(&mut self) {
        let head = &self.doc.head;
        if head.text.trim().is_empty() {
            self.warn(1, "missing-doc", "nothing says what the library is for".to_owned());
        }
        for item in &self.doc.items {
            let Some(function) = item.function.map(|id| &self.facts.functions[id]) else { continue };
            let Some(block) = &item.block else {
                if !item.name.starts_with('_') && !item.name.contains([':', '.']) {
                    self.warn(function.line, "missing-doc", format!("nothing says what '{}' does", item.name));
                }
                continue;
            };
            for tag in block.tags("param") {
                let name = tag.subject.trim_end_matches([',', '?']);
                let is_known = function.params.iter().any(|param| param == name) || matches!(name, "..." | "self");
                if !is_known && !name.is_empty() {
                    self.warn(tag.line, "unknown-param", format!("'{}' has no parameter '{name}'", item.name));
                }
            }
            let undocumented: Vec<&String> = function
                .params
                .iter()
                .filter(|param| !param.starts_with('_') && block.tags("param").all(|tag| tag.subject != **param))
                .collect();
            if block.tag("param").is_some() && !undocumented.is_empty() {
                let list = undocumented.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
                self.warn(block.line, "missing-doc", format!("no @param of '{}' tells of {list}", item.name));
            }
        }
    }
}

/// The type of a value, where it is certain.
fn type_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Nil => Some("nil"),
        Value::Boolean => Some("boolean"),
        Value::Number => Some("number"),
        Value::Text(_) => Some("string"),
        Value::Table(_) => Some("table"),
        Value::Function(_) => Some("function"),
        Value::Path(_) | Value::Call { .. } | Value::Other => None,
    }
}
