//! Moves, constants, upvalues, tables, strings.

use super::{X, ops, slow};
use crate::bytecode::{Instruction, Op};
use crate::call;
use crate::closure::Closure;
use crate::debug::Operand;
use crate::metamethod;
use crate::state::Event;
use crate::string::Str;
use crate::table::{self, Node, Table};
use crate::value::{self, INTEGER, NIL, Raw, STRING, TABLE};

/// Longest chain of `__index` tables that is followed here; others are left to [`metamethod::index`].
const CHAIN_LEN_FAST: usize = 6;

/// The value of a field by the slot that hit last, if it still holds this key and a value.
#[inline(always)]
unsafe fn cached_field(table: *mut Table, i: Instruction, key: Raw) -> Option<*mut Node> {
    // SAFETY: the index is masked, so it lies in the node array whatever the cache says.
    unsafe {
        let node = (*table).nodes.add(i.d() & (*table).mask as usize);
        let hit = (*node).key_payload == key.payload && (*node).key_tag == STRING && (*node).value_tag != NIL;
        if hit { Some(node) } else { None }
    }
}

/// Remembers where a field was found, in the instruction that looked for it.
#[inline(always)]
unsafe fn remember(x: X, i: Instruction, table: *mut Table, slot: *mut Raw) {
    // SAFETY: `pc` is behind the instruction, whose code belongs to this virtual machine alone.
    unsafe {
        let idx = Table::node_idx(table, slot);
        if idx <= u16::MAX as usize {
            *x.pc.sub(1).cast_mut() = i.with_d(idx as u16);
        }
    }
}

#[inline(always)]
unsafe fn field(x: X, i: Instruction, object: Raw) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let key = x.constant(i.c());
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            if let Some(node) = cached_field(table, i, key) {
                x.set(i.a(), value::read(Node::value(node)));
                return x;
            }
        }
        slow(x, |x, i| field_miss(x, i))
    }
}

/// The table in which methods of strings are found, as a rule the library `string`.
#[inline(always)]
unsafe fn string_methods(x: X) -> Option<*mut Table> {
    // SAFETY: metatables and what they hold are alive.
    unsafe {
        let global = x.global();
        let metatable = global.type_metatables[Raw::STRING_TYPE];
        let handler = global.fast_event(metatable, Event::Index);
        (handler.tag == TABLE).then(|| handler.as_ptr())
    }
}

/// The table in which a method is looked for first: the object's class unless the object itself may have the field.
#[inline(always)]
unsafe fn methods(x: X, object: Raw, key: Raw) -> Option<*mut Table> {
    // SAFETY: E1 to E4; a key is a short string.
    unsafe {
        if object.is_string() {
            return string_methods(x);
        }
        if object.tag != TABLE {
            return None;
        }
        let table = object.as_ptr::<Table>();
        if !Table::lacks_short(table, key.as_ptr::<Str>()) {
            return None;
        }
        let handler = x.global().fast_event((*table).metatable, Event::Index);
        (handler.tag == TABLE).then(|| handler.as_ptr())
    }
}

/// What an instruction reads from or writes to: an upvalue or a register.
unsafe fn object_of(x: X, op: Op, idx: usize) -> (Raw, Operand) {
    // SAFETY: E1 to E4.
    unsafe {
        if matches!(op, Op::GetTabUp | Op::SetTabUp) {
            (value::read(upvalue(x, idx)), Operand::Upvalue(idx))
        } else {
            (x.reg(idx), Operand::Register(idx))
        }
    }
}

unsafe fn field_miss(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (object, operand) = object_of(x, i.op(), i.b());
        let key = x.constant(i.c());
        let mut holder = object;
        if object.is_string()
            && let Some(methods) = string_methods(x)
        {
            holder = Raw::table(methods);
        }
        // A few steps up a chain of tables keep methods and inherited fields off the generic path.
        for _ in 0..CHAIN_LEN_FAST {
            if holder.tag != TABLE {
                break;
            }
            let table = holder.as_ptr::<Table>();
            // The cache knows the place in the object or in one of the holders.
            if let Some(node) = cached_field(table, i, key) {
                x.set(i.a(), value::read(Node::value(node)));
                return x;
            }
            let slot = Table::get_short(table, key.as_ptr::<Str>());
            if (*slot).tag != NIL {
                remember(x, i, table, slot);
                x.set(i.a(), value::read(slot));
                return x;
            }
            holder = x.global().fast_event((*table).metatable, Event::Index);
            if holder.is_nil() {
                x.set(i.a(), Raw::NIL);
                return x;
            }
        }
        metamethod::index(x, i, object, key, operand)
    }
}

#[inline(always)]
unsafe fn set_field_of(x: X, i: Instruction, object: Raw) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (key, value) = (x.constant(i.b()), x.rk(i.c()));
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            if let Some(node) = cached_field(table, i, key) {
                value::write(Node::value(node), value);
                x.global().heap.barrier_back(table, value);
                return x;
            }
        }
        slow(x, |x, i| set_field_miss(x, i))
    }
}

unsafe fn set_field_miss(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (object, operand) = object_of(x, i.op(), i.a());
        let (key, value) = (x.constant(i.b()), x.rk(i.c()));
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            let slot = Table::get_short(table, key.as_ptr::<Str>());
            if (*slot).tag != NIL {
                remember(x, i, table, slot);
                value::write(slot, value);
                x.global().heap.barrier_back(table, value);
                return x;
            }
            if (*table).metatable.is_null() {
                return raw_set(x, table, slot, key, value);
            }
        }
        metamethod::set_index(x, object, key, value, operand)
    }
}

/// Stores into a table without a metatable, at `slot` if the key has one.
#[inline(always)]
unsafe fn raw_set(x: X, table: *mut Table, slot: *mut Raw, key: Raw, value: Raw) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let heap = &mut x.global().heap;
        if slot != table::absent() {
            value::write(slot, value);
            (*table).absent = 0;
        } else {
            match Table::insert(table, key, value, heap.interned.seed) {
                Ok(growth) => heap.charge_growth(growth),
                Err(error) => {
                    x.save();
                    return call::throw_key_error(x.co, error);
                }
            }
            heap.barrier_back(table, key);
        }
        heap.barrier_back(table, value);
        call::check_memory(x)
    }
}

/// `R[A] := object[key]` for an integer key.
#[inline(always)]
unsafe fn get_integer(x: X, i: Instruction, object: Raw, key: i64) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            let idx = (key as u64).wrapping_sub(1);
            if idx < (*table).array_len as u64 {
                let found = value::read((*table).array.add(idx as usize));
                if found.tag != NIL || (*table).metatable.is_null() {
                    x.set(i.a(), found);
                    return x;
                }
            }
        }
        slow(x, |x, i| get_integer_miss(x, i))
    }
}

unsafe fn get_integer_miss(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let object = x.reg(i.b());
        let key = if i.op() == Op::GetI { i.c() as i64 } else { x.reg(i.c()).as_integer() };
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            let slot = Table::get_integer(table, key);
            if (*slot).tag != NIL || (*table).metatable.is_null() {
                x.set(i.a(), value::read(slot));
                return x;
            }
        }
        metamethod::index(x, i, object, Raw::integer(key), Operand::Register(i.b()))
    }
}

/// `object[key] := value` for an integer key.
#[inline(always)]
unsafe fn set_integer(x: X, object: Raw, key: i64, value: Raw) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            let idx = (key as u64).wrapping_sub(1);
            if idx < (*table).array_len as u64 {
                let slot = (*table).array.add(idx as usize);
                if (*slot).tag != NIL || (*table).metatable.is_null() {
                    value::write(slot, value);
                    x.global().heap.barrier_back(table, value);
                    return x;
                }
            }
        }
        slow(x, |x, i| set_integer_miss(x, i))
    }
}

unsafe fn set_integer_miss(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (object, value) = (x.reg(i.a()), x.rk(i.c()));
        let key = if i.op() == Op::SetI { i.b() as i64 } else { x.reg(i.b()).as_integer() };
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            let slot = Table::get_integer(table, key);
            if (*slot).tag != NIL || (*table).metatable.is_null() {
                return raw_set(x, table, slot, Raw::integer(key), value);
            }
        }
        metamethod::set_index(x, object, Raw::integer(key), value, Operand::Register(i.a()))
    }
}

/// The upvalue's value slot.
#[inline(always)]
unsafe fn upvalue(x: X, idx: usize) -> *mut Raw {
    // SAFETY: E1; the function lies below the base, also in a vararg function.
    unsafe { (**Closure::upvalue((*x.base.sub(1)).as_ptr(), idx)).slot }
}

ops! {
    fn mov(x, i) {
        x.set(i.a(), x.reg(i.b()));
        x
    }
    fn load_i(x, i) {
        x.set(i.a(), Raw::integer(i.sbx() as i64));
        x
    }
    fn load_f(x, i) {
        x.set(i.a(), Raw::float(i.sbx() as f64));
        x
    }
    fn load_k(x, i) {
        x.set(i.a(), x.constant(i.bx()));
        x
    }
    fn load_false(x, i) {
        x.set(i.a(), Raw::FALSE);
        x
    }
    fn load_false_skip(x, i) {
        x.set(i.a(), Raw::FALSE);
        X { pc: x.pc.add(1), ..x }
    }
    fn load_true(x, i) {
        x.set(i.a(), Raw::TRUE);
        x
    }
    fn load_nil(x, i) {
        for idx in i.a()..=i.a() + i.b() {
            x.set(idx, Raw::NIL);
        }
        x
    }
    fn get_upval(x, i) {
        x.set(i.a(), value::read(upvalue(x, i.b())));
        x
    }
    fn set_upval(x, i) {
        let upvalue = *Closure::upvalue((*x.base.sub(1)).as_ptr(), i.b());
        let value = x.reg(i.a());
        value::write((*upvalue).slot, value);
        x.global().heap.barrier_upvalue(upvalue, value);
        x
    }
    fn get_tab_up(x, i) { field(x, i, value::read(upvalue(x, i.b()))) }
    fn set_tab_up(x, i) { set_field_of(x, i, value::read(upvalue(x, i.a()))) }
    fn get_table(x, i) {
        let (object, key) = (x.reg(i.b()), x.reg(i.c()));
        if key.tag == INTEGER {
            return get_integer(x, i, object, key.as_integer());
        }
        slow(x, |x, i| get_any(x, i))
    }
    fn get_i(x, i) { get_integer(x, i, x.reg(i.b()), i.c() as i64) }
    fn get_field(x, i) { field(x, i, x.reg(i.b())) }
    fn set_table(x, i) {
        let (object, key) = (x.reg(i.a()), x.reg(i.b()));
        let value = x.rk(i.c());
        if key.tag == INTEGER {
            return set_integer(x, object, key.as_integer(), value);
        }
        slow(x, |x, i| set_any(x, i))
    }
    fn set_i(x, i) { set_integer(x, x.reg(i.a()), i.b() as i64, x.rk(i.c())) }
    fn set_field(x, i) { set_field_of(x, i, x.reg(i.a())) }
    fn new_table(x, i) {
        match x.global().heap.table_with(i.bx(), i.b()) {
            Ok(table) => {
                x.set(i.a(), Raw::table(table));
                call::safe_point_behind(x)
            }
            Err(_) => slow(x, |x, _| call::throw_memory(x.co)),
        }
    }
    fn self_field(x, i) {
        let object = x.reg(i.b());
        x.set(i.a() + 1, object);
        let key = x.constant(i.c());
        if let Some(methods) = methods(x, object, key)
            && let Some(node) = cached_field(methods, i, key)
        {
            x.set(i.a(), value::read(Node::value(node)));
            return x;
        }
        field(x, i, object)
    }
    fn set_list(x, i) { slow(x, |x, i| fill_list(x, i)) }
    fn len(x, i) {
        let value = x.reg(i.b());
        if value.tag == TABLE && (*value.as_ptr::<Table>()).metatable.is_null() {
            x.set(i.a(), Raw::integer(Table::len(value.as_ptr())));
            return x;
        }
        slow(x, |x, i| metamethod::len(x, i, x.reg(i.b())))
    }
    fn concat(x, i) { slow(x, |x, i| metamethod::concat(x, i.a(), i.b())) }
}

unsafe fn get_any(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (object, key) = (x.reg(i.b()), x.reg(i.c()));
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            let slot = Table::get(table, key, x.global().heap.interned.seed);
            if (*slot).tag != NIL || (*table).metatable.is_null() {
                x.set(i.a(), value::read(slot));
                return x;
            }
        }
        metamethod::index(x, i, object, key, Operand::Register(i.b()))
    }
}

unsafe fn set_any(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let (object, key, value) = (x.reg(i.a()), x.reg(i.b()), x.rk(i.c()));
        if object.tag == TABLE {
            let table = object.as_ptr::<Table>();
            let slot = Table::get(table, key, x.global().heap.interned.seed);
            if (*slot).tag != NIL || (*table).metatable.is_null() {
                return raw_set(x, table, slot, key, value);
            }
        }
        metamethod::set_index(x, object, key, value, Operand::Register(i.a()))
    }
}

unsafe fn fill_list(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4; the verifier knows no types, so the table is looked at.
    unsafe {
        let object = x.reg(i.a());
        if object.tag != TABLE {
            x.save();
            return call::throw_type_error(x.co, object, "index", Operand::None);
        }
        let table = object.as_ptr::<Table>();
        let first = x.base.add(i.a() + 1);
        let count = if i.b() == 0 { (*x.co).top.offset_from(first) as usize } else { i.b() };
        let heap = &mut x.global().heap;
        for idx in 0..count {
            let (key, value) = (i.bx() + idx + 1, value::read(first.add(idx)));
            if key <= (*table).array_len as usize {
                value::write((*table).array.add(key - 1), value);
                heap.barrier_back(table, value);
            } else if let Err(error) = heap.table_set(table, Raw::integer(key as i64), value) {
                x.save();
                return call::throw_key_error(x.co, error);
            }
        }
        call::safe_point(x, x.base.add(i.a() + 1))
    }
}
