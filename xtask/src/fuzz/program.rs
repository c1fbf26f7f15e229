//! Whole programs by a grammar: they end, mostly, and nothing in them depends on what the manual leaves open.
//!
//! Loops are bounded and functions can't name themselves, so nearly every program ends. Lengths are taken of strings
//! and of lists without holes; tables are never traversed in an order that nobody promises.

use super::random::Random;
use super::sample::quoted;

/// Statements in a program, nested ones included.
const STATEMENTS_MAX: usize = 24;
const DEPTH_MAX: usize = 4;

struct Maker<'r> {
    random: &'r mut Random,
    text: String,
    /// Local variables in scope, innermost last.
    locals: Vec<String>,
    /// How many of them can't be assigned to.
    constants: Vec<String>,
    left: usize,
    depth: usize,
    loops: usize,
    /// Varargs are there.
    varargs: bool,
    serial: usize,
}

/// A program.
pub fn make(random: &mut Random) -> String {
    let mut maker = Maker {
        random,
        text: String::new(),
        locals: Vec::new(),
        constants: Vec::new(),
        left: STATEMENTS_MAX,
        depth: 0,
        loops: 0,
        varargs: true,
        serial: 0,
    };
    maker.block();
    if maker.random.one_in(2) {
        let list = maker.list(3);
        maker.line(&format!("return {list}"));
    }
    maker.text
}

impl Maker<'_> {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push_str(if self.random.one_in(6) { " " } else { "\n" });
    }

    fn block(&mut self) {
        let (locals, constants) = (self.locals.len(), self.constants.len());
        self.depth += 1;
        for _ in 0..1 + self.random.below(5) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            self.statement();
        }
        self.depth -= 1;
        self.locals.truncate(locals);
        self.constants.truncate(constants);
    }

    fn statement(&mut self) {
        let deep = self.depth >= DEPTH_MAX;
        match self.random.below(22) {
            0..=4 => self.declare(),
            5..=7 => self.assign(),
            8 if !deep => self.branch(),
            9 if !deep => self.count(),
            10 if !deep => self.repeat(),
            11 if !deep => self.function(),
            12 if !deep => {
                self.line("do");
                self.block();
                self.line("end");
            }
            13 if self.loops > 0 => {
                let condition = self.expression(2);
                self.line(&format!("if {condition} then break end"));
            }
            14 if !deep => self.jump(),
            15 if !deep => self.traverse(),
            16 if !deep => self.protect(),
            17 if !deep => self.close(),
            18 => {
                let name = self.name();
                self.line(&format!("t_{name} = t_{name} or {{}}"));
            }
            _ => {
                let list = self.list(3);
                self.line(&format!("out({list})"));
            }
        }
    }

    fn fresh(&mut self) -> String {
        self.serial += 1;
        const LETTERS: &[u8] = b"abcdefgh";
        let letter = char::from(LETTERS[self.random.below(LETTERS.len())]);
        // Names repeat now and then, so that variables hide others.
        if self.random.one_in(4) { letter.to_string() } else { format!("{letter}{}", self.serial) }
    }

    fn name(&mut self) -> String {
        if !self.locals.is_empty() && !self.random.one_in(8) {
            let at = self.random.below(self.locals.len());
            return self.locals[at].clone();
        }
        self.random.pick(&["x", "y", "z", "undefined"]).to_owned()
    }

    fn declare(&mut self) {
        let count = 1 + self.random.below(3);
        let names: Vec<String> = (0..count).map(|_| self.fresh()).collect();
        let list = self.list(3);
        let constant = self.random.one_in(6);
        let attrib = if constant { " <const>" } else { "" };
        self.line(&format!("local {}{attrib} = {list}", names.join(", ")));
        if constant {
            // The attribute belongs to the last name.
            self.constants.push(names[count - 1].clone());
        }
        self.locals.extend(names);
    }

    fn target(&mut self) -> String {
        let name = self.name();
        match self.random.below(6) {
            0 => format!("{name}.f"),
            1 => {
                let key = self.expression(1);
                format!("{name}[{key}]")
            }
            2 => format!("{name}.f.g"),
            _ => name,
        }
    }

    fn assign(&mut self) {
        let count = 1 + self.random.below(2);
        let targets: Vec<String> = (0..count).map(|_| self.target()).collect();
        let list = self.list(2);
        // Now and then a constant is assigned to after all.
        if targets.iter().any(|target| self.constants.contains(target)) && !self.random.one_in(10) {
            return self.line(&format!("out({list})"));
        }
        self.line(&format!("{} = {list}", targets.join(", ")));
    }

    fn branch(&mut self) {
        let condition = self.expression(3);
        self.line(&format!("if {condition} then"));
        self.block();
        if self.random.one_in(3) {
            let condition = self.expression(2);
            self.line(&format!("elseif {condition} then"));
            self.block();
        }
        if self.random.one_in(2) {
            self.line("else");
            self.block();
        }
        self.line("end");
    }

    fn count(&mut self) {
        const RANGES: [&str; 14] = [
            "1, 3",
            "3, 1, -1",
            "1, 2, 0.5",
            "math.maxinteger - 1, math.maxinteger",
            "math.mininteger + 1, math.mininteger, -1",
            "1, 0",
            "1.0, 2",
            "'1', 2",
            "1, '2'",
            "1, 2, 0",
            "0.1, 0.35, 0.1",
            "1, nil",
            "3, 2.9, -1",
            "1, 2, {}",
        ];
        let name = self.fresh();
        let range = self.random.pick(&RANGES).to_owned();
        self.line(&format!("for {name} = {range} do"));
        self.in_loop(&[name]);
    }

    fn in_loop(&mut self, names: &[String]) {
        let locals = self.locals.len();
        self.locals.extend_from_slice(names);
        self.loops += 1;
        self.block();
        self.loops -= 1;
        self.locals.truncate(locals);
        self.line("end");
    }

    fn repeat(&mut self) {
        let name = format!("n{}", self.serial);
        self.serial += 1;
        let whiles = self.random.one_in(2);
        self.line(&format!("local {name} = 0"));
        self.line(if whiles { "while true do" } else { "repeat" });
        self.line(&format!("{name} = {name} + 1"));
        let rounds = 1 + self.random.below(3);
        self.line(&format!("if {name} > {rounds} then break end"));
        self.loops += 1;
        self.block();
        self.loops -= 1;
        let condition = self.expression(2);
        self.line(&if whiles { "end".to_owned() } else { format!("until {condition}") });
    }

    fn function(&mut self) {
        let name = self.fresh();
        let params: Vec<String> = (0..self.random.below(4)).map(|_| self.fresh()).collect();
        let varargs = self.random.one_in(3);
        let mut list = params.join(", ");
        if varargs {
            list.push_str(if params.is_empty() { "..." } else { ", ..." });
        }
        let field = self.random.one_in(5) && !self.locals.is_empty();
        if field {
            let table = self.name();
            self.line(&format!("{table} = {{}}"));
            let access = self.random.pick(&[".f", ":f"]);
            self.line(&format!("function {table}{access}({list})"));
        } else {
            self.line(&format!("local {name} = function({list})"));
        }
        let (loops, had) = (std::mem::take(&mut self.loops), std::mem::replace(&mut self.varargs, varargs));
        let locals = self.locals.len();
        self.locals.extend(params);
        self.block();
        if self.random.one_in(2) {
            let list = self.list(3);
            self.line(&format!("return {list}"));
        }
        self.locals.truncate(locals);
        (self.loops, self.varargs) = (loops, had);
        self.line("end");
        if !field {
            self.locals.push(name);
        }
    }

    fn jump(&mut self) {
        let label = format!("l{}", self.serial);
        self.serial += 1;
        let condition = self.expression(2);
        self.line(&format!("do if {condition} then goto {label} end"));
        self.block();
        self.line(&format!("::{label}:: end"));
    }

    fn traverse(&mut self) {
        let names = [self.fresh(), self.fresh()];
        let list = self.list(3);
        let iterated = match self.random.below(4) {
            0 => format!("ipairs({{{list}}})"),
            1 => format!("pairs({{{}}})", self.expression(1)),
            2 => format!("({}):gmatch('%w')", quoted(b"ab1")),
            _ => self.expression(2),
        };
        self.line(&format!("for {}, {} in {iterated} do", names[0], names[1]));
        self.in_loop(&names);
    }

    fn protect(&mut self) {
        let (call, end) = if self.random.one_in(3) {
            ("out(xpcall(function(...)", "end, function(m) out('handler', m) return m end))")
        } else if self.random.one_in(3) {
            (
                "for a, b in coroutine.wrap(function(...)",
                "coroutine.yield(1, 2) end) do out(a, b) if not b then break end end",
            )
        } else {
            ("out(pcall(function(...)", "end))")
        };
        self.line(call);
        let loops = std::mem::take(&mut self.loops);
        let had = std::mem::replace(&mut self.varargs, true);
        self.block();
        if self.random.one_in(3) && !call.contains("wrap") {
            let value = self.expression(1);
            let level = self.random.below(3);
            self.line(&format!("error({value}, {level})"));
        }
        (self.loops, self.varargs) = (loops, had);
        self.line(end);
    }

    fn close(&mut self) {
        let name = self.fresh();
        let value = match self.random.below(6) {
            0 => self.expression(1),
            1 => "setmetatable({}, { __close = function(_, e) error('closing') end })".to_owned(),
            2 => "nil".to_owned(),
            _ => "setmetatable({}, { __close = function(_, e) out('close', e) end })".to_owned(),
        };
        self.line(&format!("do local {name} <close> = {value}"));
        self.locals.push(name.clone());
        self.constants.push(name);
        self.block();
        self.locals.pop();
        self.constants.pop();
        self.line("end");
    }

    fn list(&mut self, max: usize) -> String {
        let items: Vec<String> = (0..1 + self.random.below(max)).map(|_| self.expression(2)).collect();
        items.join(", ")
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.one_in(4) {
            return self.atom();
        }
        match self.random.below(18) {
            0..=5 => {
                const OPERATORS: [&str; 21] = [
                    "+", "-", "*", "/", "//", "%", "^", "..", "==", "~=", "<", "<=", ">", ">=", "and", "or", "&", "|",
                    "~", "<<", ">>",
                ];
                let (left, right) = (self.expression(depth - 1), self.expression(depth - 1));
                let text = format!("{left} {} {right}", self.random.pick(&OPERATORS));
                if self.random.one_in(2) { format!("({text})") } else { text }
            }
            6..=7 => format!("{} {}", self.random.pick(&["-", "not", "~", "- -"]), self.expression(depth - 1)),
            8 => {
                let list = self.list(2);
                format!("#{{{list}, 1}}")
            }
            9 => {
                let (key, value) = (self.expression(depth - 1), self.expression(depth - 1));
                format!("{{ f = {value}, [{key}] = {value}; {value} }}")
            }
            10 => format!("{}.f", self.name()),
            11 => {
                let key = self.expression(depth - 1);
                format!("{}[{key}]", self.name())
            }
            12 => {
                let list = self.list(2);
                format!("{}({list})", self.name())
            }
            13 => {
                let list = self.list(2);
                format!("{}:f({list})", self.name())
            }
            14 => self.library(depth),
            15 => {
                let list = self.list(2);
                format!("(function(...) return {list} end)({})", self.atom())
            }
            16 => {
                let event = self.random.pick(&[
                    "__add", "__index", "__call", "__eq", "__lt", "__le", "__concat", "__len", "__unm", "__name",
                ]);
                let body = self.random.pick(&[
                    "function(a, b) return b end",
                    "function(...) out('meta', ...) end",
                    "{ f = 5 }",
                    "'n'",
                ]);
                format!("setmetatable({{}}, {{ {event} = {body} }})")
            }
            _ => format!("({})", self.expression(depth - 1)),
        }
    }

    fn library(&mut self, depth: usize) -> String {
        const FUNCTIONS: [&str; 16] = [
            "tostring",
            "tonumber",
            "type",
            "select",
            "string.rep",
            "string.sub",
            "math.floor",
            "math.tointeger",
            "rawequal",
            "rawlen",
            "math.type",
            "string.len",
            "table.concat",
            "string.upper",
            "math.max",
            "string.byte",
        ];
        let function = self.random.pick(&FUNCTIONS);
        if function == "string.rep" {
            return format!("string.rep({}, {})", self.atom(), self.random.below(5));
        }
        let args: Vec<String> = (0..1 + self.random.below(2)).map(|_| self.expression(depth - 1)).collect();
        format!("{function}({})", args.join(", "))
    }

    fn atom(&mut self) -> String {
        const ATOMS: [&str; 34] = [
            "nil",
            "true",
            "false",
            "0",
            "1",
            "2",
            "-1",
            "3.5",
            "0.0",
            "-0.0",
            "1e308 * 10",
            "math.maxinteger",
            "math.mininteger",
            "2^53",
            "1 << 62",
            "'a'",
            "'10'",
            "'0x1p4'",
            "\"str\"",
            "''",
            "'3.0'",
            "{}",
            "{ 1, 2, 3 }",
            "[[long]]",
            "127",
            "128",
            "255",
            "-129",
            "65536",
            "0xffffffffffffffff",
            "'\\u{20ac}'",
            "_ENV",
            "out",
            "1000000",
        ];
        match self.random.below(10) {
            0..=4 => self.name(),
            5 if self.varargs => "...".to_owned(),
            _ => self.random.pick(&ATOMS).to_owned(),
        }
    }
}
