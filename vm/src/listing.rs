//! The disassembler: a compiled chunk as text.
//!
//! One function after the other, in the reference's columns: position, source line, opcode, operands, comment. Operands
//! are printed as the opcode table describes them, so nothing here knows a single opcode. With details come constants,
//! locals and upvalues, which compare with the reference's listing line by line; opcodes are ours and do not.

use crate::bytecode::{Chunk, Constant, Instruction, Operand, Proto, RK_CONSTANT, StrId};
use crate::debug::chunk_id;
use crate::number;

/// The listing of all functions of a chunk; `details` adds constants, locals and upvalues.
pub fn list(chunk: &Chunk, details: bool) -> Vec<u8> {
    let mut listing = Listing { chunk, out: Vec::new() };
    listing.function(&chunk.main, true, details);
    listing.out
}

struct Listing<'a> {
    chunk: &'a Chunk,
    out: Vec<u8>,
}

impl Listing<'_> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn function(&mut self, proto: &Proto, is_main: bool, details: bool) {
        self.header(proto, is_main);
        for (pc, &i) in proto.code.iter().enumerate() {
            self.instruction(proto, pc, i);
        }
        if details {
            self.constants(proto);
            self.locals(proto);
            self.upvalues(proto);
        }
        for inner in &proto.protos {
            self.function(inner, false, details);
        }
    }

    fn header(&mut self, proto: &Proto, is_main: bool) {
        self.text(if is_main { "\nmain <" } else { "\nfunction <" });
        self.out.extend_from_slice(&chunk_id(&self.chunk.source));
        let (first, last) = (proto.line_defined, proto.last_line_defined);
        self.text(&format!(":{first},{last}> ({})\n", count(proto.code.len(), "instruction")));
        let vararg = if proto.is_vararg { "+" } else { "" };
        let params = if proto.num_params == 1 { "param" } else { "params" };
        let line = [
            format!("{}{vararg} {params}", proto.num_params),
            count(proto.stack_len_max as usize, "slot"),
            count(proto.upvalues.len(), "upvalue"),
            count(proto.locals.len(), "local"),
            count(proto.constants.len(), "constant"),
            count(proto.protos.len(), "function"),
        ];
        self.text(&line.join(", "));
        self.text("\n");
    }

    fn instruction(&mut self, proto: &Proto, pc: usize, i: Instruction) {
        let line = proto.lines.get(pc).map_or_else(|| "-".to_owned(), u32::to_string);
        let operands: Vec<String> = i.op().operands().iter().filter_map(|&operand| operand_text(i, operand)).collect();
        self.text(&format!("\t{}\t[{line}]\t{:<10}\t{}", pc + 1, i.op().name(), operands.join(" ")));
        let mut separator = "\t; ";
        for &operand in i.op().operands() {
            if let Some(comment) = self.comment(proto, pc, i, operand) {
                self.text(separator);
                self.out.extend_from_slice(&comment);
                separator = " ";
            }
        }
        self.text("\n");
    }

    /// What a number in the operands stands for.
    fn comment(&self, proto: &Proto, pc: usize, i: Instruction, operand: Operand) -> Option<Vec<u8>> {
        let constant = |idx: usize| proto.constants.get(idx).map(|&constant| self.constant(constant));
        match operand {
            Operand::kb => constant(i.b()),
            Operand::kc => constant(i.c()),
            Operand::kbx => constant(i.bx()),
            Operand::rkc if i.c() & RK_CONSTANT as usize != 0 => constant(i.c() & !(RK_CONSTANT as usize)),
            Operand::ua => self.upvalue_name(proto, i.a()),
            Operand::ub => self.upvalue_name(proto, i.b()),
            Operand::sj => Some(format!("to {}", pc as i64 + 2 + i.sbx() as i64).into_bytes()),
            Operand::pbx => {
                proto.protos.get(i.bx()).map(|inner| format!("function at line {}", inner.line_defined).into_bytes())
            }
            _ => None,
        }
    }

    fn upvalue_name(&self, proto: &Proto, idx: usize) -> Option<Vec<u8>> {
        Some(self.chunk.strings.get(proto.upvalues.get(idx)?.name?).to_vec())
    }

    fn constant(&self, constant: Constant) -> Vec<u8> {
        let mut text = Vec::new();
        match constant {
            Constant::Nil => text.extend_from_slice(b"nil"),
            Constant::Boolean(value) => text.extend_from_slice(if value { b"true" } else { b"false" }),
            Constant::Integer(value) => number::format_integer(value, &mut text),
            Constant::Float(value) => number::format_float(value, &mut text),
            Constant::String(id) => text = quoted(self.chunk.strings.get(id)),
        }
        text
    }

    fn constants(&mut self, proto: &Proto) {
        self.text(&format!("constants ({}):\n", proto.constants.len()));
        for (idx, &constant) in proto.constants.iter().enumerate() {
            let kind = match constant {
                Constant::Nil => "N",
                Constant::Boolean(_) => "B",
                Constant::Integer(_) => "I",
                Constant::Float(_) => "F",
                Constant::String(_) => "S",
            };
            let value = self.constant(constant);
            self.text(&format!("\t{idx}\t{kind}\t"));
            self.out.extend_from_slice(&value);
            self.text("\n");
        }
    }

    fn locals(&mut self, proto: &Proto) {
        self.text(&format!("locals ({}):\n", proto.locals.len()));
        for (idx, local) in proto.locals.iter().enumerate() {
            self.text(&format!("\t{idx}\t"));
            self.name(Some(local.name));
            self.text(&format!("\t{}\t{}\n", local.start_pc + 1, local.end_pc + 1));
        }
    }

    fn upvalues(&mut self, proto: &Proto) {
        self.text(&format!("upvalues ({}):\n", proto.upvalues.len()));
        for (idx, upvalue) in proto.upvalues.iter().enumerate() {
            self.text(&format!("\t{idx}\t"));
            self.name(upvalue.name);
            self.text(&format!("\t{}\t{}\n", upvalue.in_stack as u8, upvalue.idx));
        }
    }

    fn name(&mut self, name: Option<StrId>) {
        match name {
            Some(id) => self.out.extend_from_slice(self.chunk.strings.get(id)),
            None => self.out.push(b'-'),
        }
    }
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How an operand is printed; caches are not.
fn operand_text(i: Instruction, operand: Operand) -> Option<String> {
    Some(match operand {
        Operand::a | Operand::ua | Operand::ia => i.a().to_string(),
        Operand::b | Operand::kb | Operand::ub | Operand::ib => i.b().to_string(),
        Operand::c | Operand::kc | Operand::ic => i.c().to_string(),
        Operand::rkc => {
            let is_constant = i.c() & RK_CONSTANT as usize != 0;
            format!("{}{}", i.c() & !(RK_CONSTANT as usize), if is_constant { "k" } else { "" })
        }
        Operand::sb => i.sb().to_string(),
        Operand::sc => i.sc().to_string(),
        Operand::flags => {
            if i.d() == 0 {
                return None;
            }
            format!("f{}", i.d())
        }
        Operand::cache => return None,
        Operand::bx | Operand::kbx | Operand::pbx => i.bx().to_string(),
        Operand::sbx | Operand::sj => i.sbx().to_string(),
    })
}

/// A string in quotes, with escapes.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in text {
        let escape = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            7 => b'a',
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            b' '..=b'~' => {
                out.push(byte);
                continue;
            }
            _ => {
                out.extend_from_slice(format!("\\{byte:03}").as_bytes());
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', escape]);
    }
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::{Op, Strings, UpvalueDesc};

    #[test]
    fn operands_come_with_what_they_stand_for() {
        let mut strings = Strings::default();
        let (env, print) = (strings.push(b"_ENV"), strings.push(b"print\n\x01"));
        let main = Proto {
            is_vararg: true,
            stack_len_max: 2,
            code: vec![
                Instruction::abc(Op::VarargPrep, 0, 0, 0),
                Instruction::abcd(Op::GetTabUp, 0, 0, 0, 7),
                Instruction::asbx(Op::TestT, 0, 0, -2),
                Instruction::abc(Op::SetField, 0, 0, 1 | RK_CONSTANT),
                Instruction::abc(Op::Return, 0, 1, 0),
            ],
            lines: vec![1; 5],
            constants: vec![Constant::String(print), Constant::Float(2.0)],
            upvalues: vec![UpvalueDesc { name: Some(env), in_stack: true, idx: 0 }],
            ..Proto::default()
        };
        let chunk = Chunk { source: b"@t.lua"[..].into(), strings, main };
        let expected = "
main <t.lua:0,0> (5 instructions)
0+ params, 2 slots, 1 upvalue, 0 locals, 2 constants, 0 functions
\t1\t[1]\tVarargPrep\t0
\t2\t[1]\tGetTabUp  \t0 0 0\t; _ENV \"print\\n\\001\"
\t3\t[1]\tTestT     \t0 -2\t; to 2
\t4\t[1]\tSetField  \t0 0 1k\t; \"print\\n\\001\" 2.0
\t5\t[1]\tReturn    \t0 1
constants (2):
\t0\tS\t\"print\\n\\001\"
\t1\tF\t2.0
locals (0):
upvalues (1):
\t0\t_ENV\t1\t0
";
        assert_eq!(String::from_utf8_lossy(&list(&chunk, true)), expected);
    }
}
