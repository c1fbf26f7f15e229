//! What a Lua source says of itself without being run: its variables and where they are used, functions, calls,
//! libraries, values of fields, comments.
//!
//! One pass over the tokens follows Lua's scopes and writes down what it meets; no tree is built, so that no input can
//! make one too deep. The compiler has accepted the source before: nothing can be wrong with it, and its limit of 200
//! nested levels is the limit here.

use super::lexer;
use perilune_compiler::SyntaxError;

/// What the engine puts in front of a script's text and behind it: a script is the body of a function.
const WRAPPING: [&[u8]; 2] = [b"local _ENV = ... return function(...) ", b" end"];

/// A variable's place in [`Facts::locals`].
pub type LocalId = usize;
/// A function's place in [`Facts::functions`].
pub type FunctionId = usize;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Base {
    Local(LocalId),
    Global(String),
}

/// A variable and what is indexed by constant names: `a.b.c`, `a:b`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    pub base: Base,
    pub fields: Vec<String>,
}

/// What can be told of an expression's value.
#[derive(Clone, Debug)]
pub enum Value {
    Nil,
    Boolean,
    Number,
    Text(String),
    Table(Table),
    Function(FunctionId),
    Path(Path),
    /// What is called, if it has a path, and its first argument, if that is a text or has a path.
    Call {
        path: Option<Path>,
        first: Option<Box<Value>>,
    },
    Other,
}

#[derive(Clone, Default, Debug)]
pub struct Table {
    pub items: Vec<Value>,
    pub fields: Vec<(String, Value)>,
}

/// How a local came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Birth {
    Local,
    Function,
    Parameter,
    Loop,
}

#[derive(Clone, Debug)]
pub struct Local {
    pub name: String,
    pub line: u32,
    pub birth: Birth,
    /// Its place in [`Facts::starts`]; the same for all that one statement declares.
    pub start: usize,
    pub reads: usize,
    /// `<close>`: it need not be read.
    pub is_closed: bool,
    /// What it is set to where it is declared.
    pub value: Value,
    /// The local of the same name that it hides.
    pub hides: Option<LocalId>,
}

/// What global names mean at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Env {
    /// Nothing was assigned to `_ENV`.
    Given,
    /// `_ENV = stdnse.module(…)`; whether the module sees the globals, and whether its functions may not assign.
    Module { sees_globals: bool, strict: bool },
    /// A table of its own.
    Bare,
    /// Something that can't be told.
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Global {
    pub name: String,
    pub line: u32,
    pub is_written: bool,
    pub function: Option<FunctionId>,
    pub env: Env,
}

/// `a.b`, where `a` is a variable.
#[derive(Clone, Debug)]
pub struct Member {
    pub base: Base,
    pub name: String,
    pub line: u32,
    pub is_written: bool,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub path: Option<Path>,
    /// The name behind a colon, or the last field.
    pub method: Option<String>,
    pub line: u32,
    /// The function it stands in.
    pub function: Option<FunctionId>,
    /// The arguments, where they are texts or have paths.
    pub args: Vec<Value>,
}

#[derive(Clone, Debug)]
pub struct Function {
    /// What it was assigned to, the class's fields included.
    pub path: Option<Path>,
    pub is_method: bool,
    pub params: Vec<String>,
    pub is_variadic: bool,
    pub line: u32,
    pub parent: Option<FunctionId>,
    /// The token that its statement or field begins with.
    pub start: usize,
    /// The most values that a `return` gives.
    pub results_max: usize,
}

/// A global that gets a value in the file's body.
#[derive(Clone, Debug)]
pub struct Assigned {
    pub path: Path,
    pub line: u32,
    pub start: usize,
    pub value: Value,
}

/// A comment of one line.
#[derive(Clone, Debug)]
pub struct Comment {
    pub line: u32,
    pub text: String,
    /// The token behind it.
    pub next: usize,
}

#[derive(Default, Debug)]
pub struct Facts {
    pub locals: Vec<Local>,
    pub globals: Vec<Global>,
    pub members: Vec<Member>,
    pub calls: Vec<Call>,
    pub functions: Vec<Function>,
    pub assigned: Vec<Assigned>,
    pub comments: Vec<Comment>,
    /// What the file returns.
    pub returned: Option<Value>,
}

impl Facts {
    /// Reads a script (a function's body) or a library (a chunk).
    ///
    /// # Errors
    /// The compiler's, with the script's path and line.
    pub fn read(source: &[u8], path: &str, is_script: bool) -> Result<Facts, SyntaxError> {
        let name = format!("@{path}");
        if is_script {
            perilune_compiler::compile(&[WRAPPING[0], source, WRAPPING[1]].concat(), name.as_bytes())?;
        } else {
            perilune_compiler::compile(source, name.as_bytes())?;
        }
        let text = lexer::decoded(source);
        let (tokens, comments) = lexer::read(&text);
        let mut facts = super::reader::read(tokens);
        facts.comments = comments
            .into_iter()
            .map(|comment| Comment { line: comment.line, text: comment.text.to_owned(), next: comment.next })
            .collect();
        Ok(facts)
    }

    /// The library that a local stands for: `local a = require "b"`.
    pub fn library_of(&self, local: LocalId) -> Option<&str> {
        match &self.locals[local].value {
            Value::Call { path: Some(path), first: Some(first) } => {
                let is_require = self.is_global(path, "require") || self.ends_with(path, "stdnse", "silent_require");
                match &**first {
                    Value::Text(name) if is_require => Some(name),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether a path is nothing but a global of this name.
    pub fn is_global(&self, path: &Path, name: &str) -> bool {
        path.fields.is_empty() && matches!(&path.base, Base::Global(global) if global == name)
    }

    fn ends_with(&self, path: &Path, library: &str, field: &str) -> bool {
        self.name_of(&path.base) == library && path.fields == [field]
    }

    /// The name of a variable.
    pub fn name_of<'a>(&'a self, base: &'a Base) -> &'a str {
        match base {
            Base::Local(id) => &self.locals[*id].name,
            Base::Global(name) => name,
        }
    }

    /// The library behind a variable: a local that was `require`d, or a global of that name.
    pub fn library_behind<'a>(&'a self, base: &'a Base) -> Option<&'a str> {
        match base {
            Base::Local(id) => self.library_of(*id),
            Base::Global(name) => Some(name),
        }
    }

    /// The last value that the file's body gives to a global.
    pub fn field(&self, name: &str) -> Option<&Assigned> {
        self.assigned.iter().rev().find(|assigned| self.is_global(&assigned.path, name))
    }

    /// The text of such a field.
    pub fn text_field(&self, name: &str) -> Option<&str> {
        match self.field(name).map(|assigned| &assigned.value) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The texts of such a field, a list or a single one.
    pub fn list_field(&self, name: &str) -> Vec<String> {
        match self.field(name).map(|assigned| &assigned.value) {
            Some(Value::Text(text)) => vec![text.clone()],
            Some(Value::Table(table)) => {
                let texts = table.items.iter().filter_map(|item| match item {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                });
                texts.collect()
            }
            _ => Vec::new(),
        }
    }
}
