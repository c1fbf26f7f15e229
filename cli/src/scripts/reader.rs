//! The pass over the tokens that makes [`Facts`].
//!
//! One function per production, as in the compiler's parser. What an expression is worth knowing comes back as a
//! [`Value`]; variables, calls and functions are written down on the way.

use super::facts::{
    Assigned, Base, Birth, Call, Env, Facts, Function, FunctionId, Global, Local, LocalId, Member, Path, Table, Value,
};
use super::lexer::{Kind, Token};
use std::collections::HashMap;

/// Stands for the script's name in texts that begin with it: `SCRIPT_NAME .. ".url"`.
pub const SCRIPT_NAME_MARK: &str = "\0name\0";

/// Reads the tokens of a source that compiles.
pub fn read(tokens: Vec<Token<'_>>) -> Facts {
    let mut reader = Reader {
        tokens,
        at: 0,
        facts: Facts::default(),
        visible: HashMap::new(),
        scopes: vec![Vec::new()],
        function: None,
        env: Env::Given,
    };
    reader.block();
    reader.facts
}

struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    facts: Facts,
    /// Locals by name, the innermost last.
    visible: HashMap<String, Vec<LocalId>>,
    /// What each block that is open has declared.
    scopes: Vec<Vec<LocalId>>,
    function: Option<FunctionId>,
    env: Env,
}

/// An expression, or what may be assigned to.
struct Operand {
    value: Value,
    line: u32,
}

impl<'a> Reader<'a> {
    // Tokens ---------------------------------------------------------------------------------------------------------

    fn token(&self) -> &Token<'a> {
        &self.tokens[self.at]
    }

    fn is(&self, text: &str) -> bool {
        self.token().is(text)
    }

    fn line(&self) -> u32 {
        self.token().line
    }

    /// Goes on, but not beyond the end.
    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.is(text);
        if taken {
            self.advance();
        }
        taken
    }

    fn name(&mut self) -> String {
        let name = self.token().text.to_string();
        self.advance();
        name
    }

    // Scopes ---------------------------------------------------------------------------------------------------------

    fn open(&mut self) {
        self.scopes.push(Vec::new());
    }

    fn close(&mut self) {
        for id in self.scopes.pop().unwrap_or_default() {
            if let Some(ids) = self.visible.get_mut(&self.facts.locals[id].name) {
                ids.pop();
            }
        }
    }

    fn declare(&mut self, name: String, line: u32, birth: Birth, start: usize, value: Value) -> LocalId {
        let id = self.facts.locals.len();
        let ids = self.visible.entry(name.clone()).or_default();
        let hides = ids.last().copied();
        ids.push(id);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(id);
        }
        self.facts.locals.push(Local { name, line, birth, start, reads: 0, is_closed: false, value, hides });
        id
    }

    fn lookup(&self, name: &str) -> Option<LocalId> {
        self.visible.get(name).and_then(|ids| ids.last()).copied()
    }

    fn note_global(&mut self, name: &str, line: u32, is_written: bool) {
        let (function, env) = (self.function, self.env);
        self.facts.globals.push(Global { name: name.to_owned(), line, is_written, function, env });
    }

    /// A value is used: the variable it begins with is read.
    fn used(&mut self, operand: Operand) -> Value {
        if let Value::Path(path) = &operand.value {
            self.read_path(&path.clone(), operand.line);
        }
        operand.value
    }

    fn read_path(&mut self, path: &Path, line: u32) {
        match &path.base {
            Base::Local(id) => self.facts.locals[*id].reads += 1,
            Base::Global(name) => self.note_global(name, line, false),
        }
        self.note_member(path, line, false);
    }

    fn note_member(&mut self, path: &Path, line: u32, is_written: bool) {
        if let Some(name) = path.fields.first() {
            let is_written = is_written && path.fields.len() == 1;
            self.facts.members.push(Member { base: path.base.clone(), name: name.clone(), line, is_written });
        }
    }

    // Statements -----------------------------------------------------------------------------------------------------

    fn ends_block(&self) -> bool {
        let token = self.token();
        token.kind == Kind::End || ["end", "else", "elseif", "until"].iter().any(|word| token.is(word))
    }

    fn block(&mut self) {
        while !self.ends_block() {
            let before = self.at;
            self.statement();
            if self.at == before {
                self.advance();
            }
        }
    }

    fn scoped_block(&mut self) {
        self.open();
        self.block();
        self.close();
    }

    fn statement(&mut self) {
        let start = self.at;
        if self.token().kind != Kind::Word {
            return if self.take(";") {
            } else if self.take("::") {
                self.name();
                self.take("::");
            } else {
                self.expression_statement(start);
            };
        }
        match &*self.token().text {
            "if" => self.if_statement(),
            "while" => {
                self.advance();
                self.expression();
                self.take("do");
                self.scoped_block();
                self.take("end");
            }
            "do" => {
                self.advance();
                self.scoped_block();
                self.take("end");
            }
            "for" => self.for_statement(start),
            "repeat" => {
                self.advance();
                self.open();
                self.block();
                self.take("until");
                self.expression();
                self.close();
            }
            "function" => self.function_statement(start),
            "local" => {
                self.advance();
                if self.take("function") { self.local_function(start) } else { self.local_statement(start) }
            }
            "return" => self.return_statement(),
            "goto" => {
                self.advance();
                self.name();
            }
            "break" => self.advance(),
            _ => self.expression_statement(start),
        }
    }

    fn if_statement(&mut self) {
        while self.take("if") || self.take("elseif") {
            self.expression();
            self.take("then");
            self.scoped_block();
        }
        if self.take("else") {
            self.scoped_block();
        }
        self.take("end");
    }

    fn for_statement(&mut self, start: usize) {
        self.advance();
        let mut names = vec![(self.line(), self.name())];
        while self.take(",") {
            names.push((self.line(), self.name()));
        }
        self.advance();
        self.expressions();
        self.take("do");
        self.open();
        for (line, name) in names {
            self.declare(name, line, Birth::Loop, start, Value::Other);
        }
        self.block();
        self.close();
        self.take("end");
    }

    fn function_statement(&mut self, start: usize) {
        self.advance();
        let line = self.line();
        let name = self.name();
        let mut path = self.path_of(name);
        while self.take(".") {
            path.fields.push(self.name());
        }
        let is_method = self.take(":");
        if is_method {
            path.fields.push(self.name());
        }
        self.assign(&path, line);
        let id = self.function_body(start, is_method);
        self.name_function(id, &path);
        if self.function.is_none() {
            self.facts.assigned.push(Assigned { path, line, start, value: Value::Function(id) });
        }
    }

    fn local_function(&mut self, start: usize) {
        let line = self.line();
        let name = self.name();
        let local = self.declare(name, line, Birth::Function, start, Value::Other);
        let id = self.function_body(start, false);
        self.facts.locals[local].value = Value::Function(id);
        self.name_function(id, &Path { base: Base::Local(local), fields: Vec::new() });
    }

    fn local_statement(&mut self, start: usize) {
        let mut names = Vec::new();
        loop {
            let (line, name) = (self.line(), self.name());
            let mut is_closed = false;
            if self.take("<") {
                is_closed = self.name() == "close";
                self.take(">");
            }
            names.push((line, name, is_closed));
            if !self.take(",") {
                break;
            }
        }
        let mut values = if self.take("=") { self.expressions() } else { Vec::new() }.into_iter();
        for (line, name, is_closed) in names {
            let value = values.next().unwrap_or(Value::Other);
            if let Value::Function(id) = value {
                self.facts.functions[id].start = start;
            }
            if name == "_ENV" {
                self.env = self.env_of(&value);
            }
            let id = self.declare(name, line, Birth::Local, start, value.clone());
            self.facts.locals[id].is_closed = is_closed;
            self.name_value(&value, &Path { base: Base::Local(id), fields: Vec::new() });
        }
    }

    fn return_statement(&mut self) {
        self.advance();
        let values = if self.ends_block() || self.is(";") { Vec::new() } else { self.expressions() };
        self.take(";");
        match self.function {
            Some(id) => {
                let most = &mut self.facts.functions[id].results_max;
                *most = values.len().max(*most);
            }
            None => self.facts.returned = values.into_iter().next(),
        }
    }

    fn expression_statement(&mut self, start: usize) {
        let first = self.suffixed();
        if !self.is("=") && !self.is(",") {
            self.used(first);
            return;
        }
        let mut targets = vec![first];
        while self.take(",") {
            let target = self.suffixed();
            targets.push(target);
        }
        self.take("=");
        let mut values = self.expressions().into_iter();
        for target in targets {
            let value = values.next().unwrap_or(Value::Other);
            let Value::Path(path) = target.value else { continue };
            self.assign(&path, target.line);
            if self.facts.is_global(&path, "_ENV") || self.facts.name_of(&path.base) == "_ENV" && path.fields.is_empty()
            {
                self.env = self.env_of(&value);
            }
            self.name_value(&value, &path);
            if let Value::Function(id) = value {
                self.facts.functions[id].start = start;
            }
            if self.function.is_none() {
                let line = target.line;
                self.facts.assigned.push(Assigned { path, line, start, value });
            }
        }
    }

    /// A path is assigned to.
    fn assign(&mut self, path: &Path, line: u32) {
        match &path.base {
            Base::Local(id) if !path.fields.is_empty() => self.facts.locals[*id].reads += 1,
            Base::Local(_) => {}
            Base::Global(name) => self.note_global(&name.clone(), line, path.fields.is_empty()),
        }
        self.note_member(path, line, true);
        // `_ENV.x = 1` is another way to set a global.
        if let [name] = &path.fields[..]
            && matches!(self.facts.name_of(&path.base), "_ENV" | "_M")
        {
            self.note_global(name, line, true);
        }
    }

    /// What global names mean once this is `_ENV`.
    fn env_of(&self, value: &Value) -> Env {
        match value {
            Value::Table(_) => Env::Bare,
            Value::Call { path: Some(path), .. } if path.fields == ["module"] => {
                let args = self.facts.calls.last().map(|call| &call.args[..]).unwrap_or_default();
                let sees = |arg: &Value| matches!(arg, Value::Path(path) if path.fields == ["seeall"]);
                let is_strict = |arg: &Value| match arg {
                    Value::Path(path) => self.facts.name_of(&path.base) == "strict",
                    Value::Call { .. } => true,
                    _ => false,
                };
                Env::Module { sees_globals: args.iter().any(sees), strict: args.iter().any(is_strict) }
            }
            _ => Env::Unknown,
        }
    }

    // Names of functions ---------------------------------------------------------------------------------------------

    fn name_function(&mut self, id: FunctionId, path: &Path) {
        let function = &mut self.facts.functions[id];
        function.path.get_or_insert_with(|| path.clone());
    }

    /// Names a function by what it is assigned to, or the functions of a class by its fields.
    fn name_value(&mut self, value: &Value, path: &Path) {
        match value {
            Value::Function(id) => self.name_function(*id, path),
            Value::Table(table) => {
                for (field, value) in &table.fields {
                    let mut path = path.clone();
                    path.fields.push(field.clone());
                    self.name_value(value, &path);
                }
            }
            _ => {}
        }
    }

    // Expressions ----------------------------------------------------------------------------------------------------

    fn expressions(&mut self) -> Vec<Value> {
        let mut values = vec![self.expression()];
        while self.take(",") {
            values.push(self.expression());
        }
        values
    }

    fn expression(&mut self) -> Value {
        self.operation(0)
    }

    /// Operators that bind more tightly than the limit.
    fn operation(&mut self, limit: u8) -> Value {
        const UNARY: u8 = 12;
        let mut value = if ["not", "-", "#", "~"].iter().any(|sign| self.is(sign)) {
            self.advance();
            match self.operation(UNARY) {
                Value::Number => Value::Number,
                _ => Value::Other,
            }
        } else {
            self.simple()
        };
        while let Some((_, right)) = binding(self.token()).filter(|(left, _)| *left > limit) {
            let sign = self.token().text.to_string();
            self.advance();
            let other = self.operation(right);
            value = match (value, other) {
                (Value::Text(left), Value::Text(right)) if sign == ".." => Value::Text(left + &right),
                (Value::Path(path), Value::Text(right))
                    if sign == ".." && self.facts.is_global(&path, "SCRIPT_NAME") =>
                {
                    Value::Text(format!("{SCRIPT_NAME_MARK}{right}"))
                }
                // `a and b` or `a or b` of functions is one of them.
                (left, Value::Function(id)) if sign == "or" && !matches!(left, Value::Function(_)) => {
                    Value::Function(id)
                }
                _ => Value::Other,
            };
        }
        value
    }

    fn simple(&mut self) -> Value {
        let start = self.at;
        let token = self.token();
        let value = match (token.kind, &*token.text) {
            (Kind::Number, _) => Value::Number,
            (Kind::Text, text) => Value::Text(text.to_owned()),
            (Kind::Word, "nil") => Value::Nil,
            (Kind::Word, "true" | "false") => Value::Boolean,
            (Kind::Sign, "...") => Value::Other,
            (Kind::Sign, "{") => return Value::Table(self.table()),
            (Kind::Word, "function") => {
                self.advance();
                return Value::Function(self.function_body(start, false));
            }
            _ => {
                let operand = self.suffixed();
                return self.used(operand);
            }
        };
        self.advance();
        value
    }

    fn table(&mut self) -> Table {
        self.advance();
        let mut table = Table::default();
        while !self.is("}") && self.token().kind != Kind::End {
            let (before, start) = (self.at, self.at);
            let is_field = self.token().kind == Kind::Name && self.tokens[self.at + 1].is("=");
            if is_field {
                let name = self.name();
                self.advance();
                let value = self.expression();
                self.begin(&value, start);
                table.fields.push((name, value));
            } else if self.take("[") {
                let key = self.expression();
                self.take("]");
                self.take("=");
                let value = self.expression();
                if let Value::Text(name) = key {
                    self.begin(&value, start);
                    table.fields.push((name, value));
                }
            } else {
                let value = self.expression();
                table.items.push(value);
            }
            if !self.take(",") {
                self.take(";");
            }
            if self.at == before {
                self.advance();
            }
        }
        self.take("}");
        table
    }

    /// A function of a field begins where the field does; with `self` first it is a method.
    fn begin(&mut self, value: &Value, start: usize) {
        if let Value::Function(id) = value {
            let function = &mut self.facts.functions[*id];
            function.start = start;
            function.is_method = function.params.first().is_some_and(|param| param == "self");
            if function.is_method {
                function.params.remove(0);
            }
        }
    }

    fn function_body(&mut self, start: usize, is_method: bool) -> FunctionId {
        let id = self.facts.functions.len();
        let line = self.line();
        let parent = self.function.replace(id);
        self.facts.functions.push(Function {
            path: None,
            is_method,
            params: Vec::new(),
            is_variadic: false,
            line,
            parent,
            start,
            results_max: 0,
        });
        let env = self.env;
        self.open();
        if is_method {
            self.declare("self".to_owned(), line, Birth::Parameter, start, Value::Other);
        }
        self.take("(");
        while !self.is(")") && self.token().kind != Kind::End {
            let line = self.line();
            if self.take("...") {
                self.facts.functions[id].is_variadic = true;
            } else {
                let name = self.name();
                if name == "_ENV" {
                    self.env = Env::Unknown;
                }
                self.declare(name.clone(), line, Birth::Parameter, start, Value::Other);
                self.facts.functions[id].params.push(name);
            }
            self.take(",");
        }
        self.take(")");
        self.block();
        self.close();
        self.take("end");
        self.function = parent;
        self.env = env;
        id
    }

    fn path_of(&mut self, name: String) -> Path {
        let base = match self.lookup(&name) {
            Some(id) => Base::Local(id),
            None => Base::Global(name),
        };
        Path { base, fields: Vec::new() }
    }

    /// A variable or what is in parentheses, with indices and calls behind it. The variable of a bare path is not yet
    /// noted: it may be assigned to.
    fn suffixed(&mut self) -> Operand {
        // Where the last name stands.
        let mut line = self.line();
        let mut value = if self.take("(") {
            let inner = self.expression();
            self.take(")");
            // Read already.
            if let Value::Path(_) = inner { Value::Other } else { inner }
        } else if self.token().kind == Kind::Name {
            let name = self.name();
            Value::Path(self.path_of(name))
        } else {
            self.advance();
            Value::Other
        };
        loop {
            let token = self.token();
            value = match (token.kind, &*token.text) {
                (Kind::Sign, ".") => {
                    self.advance();
                    line = self.line();
                    let name = self.name();
                    indexed(value, name)
                }
                (Kind::Sign, "[") => {
                    self.advance();
                    self.used(Operand { value, line });
                    self.expression();
                    self.take("]");
                    Value::Other
                }
                (Kind::Sign, ":") => {
                    self.advance();
                    line = self.line();
                    let method = self.name();
                    self.call(value, line, Some(method))
                }
                (Kind::Sign, "(" | "{") | (Kind::Text, _) => self.call(value, line, None),
                _ => return Operand { value, line },
            };
        }
    }

    fn call(&mut self, callee: Value, line: u32, method: Option<String>) -> Value {
        let mut callee = self.used(Operand { value: callee, line });
        if let (Value::Path(path), Some(method)) = (&mut callee, &method) {
            path.fields.push(method.clone());
            if path.fields.len() == 1 {
                let path = path.clone();
                self.note_member(&path, line, false);
            }
        }
        let token = self.token();
        let args = match (token.kind, &*token.text) {
            (Kind::Text, text) => {
                let text = text.to_owned();
                self.advance();
                vec![Value::Text(text)]
            }
            (Kind::Sign, "{") => vec![Value::Table(self.table())],
            _ => {
                self.take("(");
                let args = if self.is(")") { Vec::new() } else { self.expressions() };
                self.take(")");
                args
            }
        };
        let path = if let Value::Path(path) = callee { Some(path) } else { None };
        let keeps = |arg: &Value| matches!(arg, Value::Text(_) | Value::Path(_));
        let first = args.first().filter(|arg| keeps(arg)).cloned().map(Box::new);
        let method = method.or_else(|| path.as_ref().and_then(|path| path.fields.last().cloned()));
        let function = self.function;
        let args = args.into_iter().map(|arg| if let Value::Table(_) = arg { Value::Other } else { arg }).collect();
        self.facts.calls.push(Call { path: path.clone(), method, line, function, args });
        Value::Call { path, first }
    }
}

fn indexed(value: Value, name: String) -> Value {
    match value {
        Value::Path(mut path) => {
            path.fields.push(name);
            Value::Path(path)
        }
        _ => Value::Other,
    }
}

/// How tightly an operator binds to its left and to its right.
fn binding(token: &Token<'_>) -> Option<(u8, u8)> {
    if !matches!(token.kind, Kind::Word | Kind::Sign) {
        return None;
    }
    Some(match &*token.text {
        "or" => (1, 1),
        "and" => (2, 2),
        "<" | ">" | "<=" | ">=" | "~=" | "==" => (3, 3),
        "|" => (4, 4),
        "~" => (5, 5),
        "&" => (6, 6),
        "<<" | ">>" => (7, 7),
        ".." => (9, 8),
        "+" | "-" => (10, 10),
        "*" | "/" | "//" | "%" => (11, 11),
        "^" => (14, 13),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripts::lexer;

    fn facts(source: &str) -> Facts {
        perilune_compiler::compile(source.as_bytes(), b"=test").expect("it compiles");
        read(lexer::read(source).0)
    }

    /// Global names: those written with `=` behind.
    fn globals(source: &str) -> String {
        let facts = facts(source);
        let shown = |global: &Global| format!("{}{}", global.name, if global.is_written { "=" } else { "" });
        facts.globals.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    /// Paths of functions with their parameters.
    fn functions(source: &str) -> String {
        let facts = facts(source);
        let shown = |function: &Function| {
            let path = function.path.as_ref().map_or("?".to_owned(), |path| {
                let fields = path.fields.iter().map(|field| format!(".{field}")).collect::<String>();
                format!("{}{fields}", facts.name_of(&path.base))
            });
            let method = if function.is_method { ":" } else { "" };
            let more = if function.is_variadic { "..." } else { "" };
            format!("{path}{method}({}{more})", function.params.join(","))
        };
        facts.functions.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scopes_are_luas() {
        assert_eq!(globals("local a = a; do local b = a end; b = c"), "a c b=");
        assert_eq!(globals("repeat local x = 1 until x; return x"), "x");
        assert_eq!(
            globals("for i = i, 2 do local _ = i end for k, v in pairs(t) do print(k, v) end"),
            "i pairs t print"
        );
        assert_eq!(globals("local function f() return f end local g = function() return g end"), "g");
        assert_eq!(globals("local a <const>, b <close> = 1, nil; ::top:: do goto top end return a, b"), "");
        assert_eq!(globals("x.y, z = 1, 2; t[k].v = w; s:m(q)'a'{r}"), "x z= t k w s q r");
    }

    #[test]
    fn functions_have_the_names_they_are_known_by() {
        assert_eq!(functions("function a.b.c(x, ...) end function a:d(y) end"), "a.b.c(x...) a.d:(y)");
        assert_eq!(
            functions("local T = { f = function(self, x) end, ['g'] = function() end, { function() end } }"),
            "T.f:(x) T.g() ?()"
        );
        assert_eq!(functions("return { f = function() end }, function(a) end"), "?() ?(a)");
        assert_eq!(functions("local f, g = function() end, x or function(y) end"), "f() g(y)");
    }

    #[test]
    fn environments_are_told_apart() {
        let envs = |source: &str| {
            let facts = facts(source);
            facts.globals.iter().map(|global| format!("{}{:?}", global.name, global.env)).collect::<Vec<_>>().join(" ")
        };
        let module = "_ENV = stdnse.module('x', stdnse.seeall, require 'strict') y = 1";
        assert!(envs(module).ends_with("yModule { sees_globals: true, strict: true }"), "{}", envs(module));
        assert_eq!(envs("local _ENV = {} z = 1"), "zBare");
        assert_eq!(envs("local function f(_ENV) return a end return b"), "aUnknown bGiven");
    }

    #[test]
    fn values_of_fields_are_known_where_they_are_constant() {
        let facts = facts("description = 'a' .. [[b]] .. \"c\" categories = { 'x', 'y' } author = SCRIPT_NAME .. '.z'");
        assert_eq!(facts.text_field("description"), Some("abc"));
        assert_eq!(facts.list_field("categories"), ["x", "y"]);
        assert_eq!(facts.text_field("author"), Some(format!("{SCRIPT_NAME_MARK}.z").as_str()));
    }
}
