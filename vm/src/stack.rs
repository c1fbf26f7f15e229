//! Coroutines: a value stack, frames, open upvalues, to-be-closed variables.
//!
//! A coroutine is these and nothing else: no Rust stack belongs to it. The value stack and the frame array grow by
//! moving; what points into them is corrected here, and whoever keeps a pointer across a growth reloads it.
//!
//! # Invariants
//! - K1. All slots from `stack` to `stack_end + EXTRA` are initialised; those below `top` (or, for the Lua frame that
//!   runs, below its last register) are live or stale but valid values.
//! - K2. `frames[0]` is the base frame: it belongs to no function, and its `func` is `stack[0]`.
//! - K3. A frame's registers lie between its `base` and `stack_end`, so that a frame never needs a check to use them.
//! - K4. `open_upvalues` is sorted by slot, highest first, each pointing into this stack.
//! - K5. `to_close` holds the stack positions of to-be-closed variables, ascending.

use crate::api::Step;
use crate::bytecode::Instruction;
use crate::closure::{Closure, LoadedProto, NativeFn, Upvalue};
use crate::gc::{Heap, OutOfMemory};
use crate::hook::Hook;
use crate::state::Global;
use crate::value::{CLOSURE, Header, Raw};
use std::alloc::{Layout, alloc, dealloc};
use std::mem;
use std::ptr;

/// Slots beyond `stack_end` that error handling may use without a check.
pub(crate) const EXTRA: usize = 8;
/// Slots a native may push without asking.
pub(crate) const NATIVE_RESERVE: usize = 20;
/// Largest stack, in slots, as the reference's `LUAI_MAXSTACK`. Smaller where every check moves the stack.
pub(crate) const STACK_LEN_MAX: usize = if cfg!(feature = "stress") { 50_000 } else { 1_000_000 };
/// More slots for the message handler of a stack overflow.
const OVERFLOW_RESERVE: usize = 400;
/// Nested native calls, metamethods and coroutines, as the reference's `LUAI_MAXCCALLS`.
pub(crate) const NATIVE_DEPTH_MAX: u32 = 200;
/// What a message handler may nest to, beyond that.
pub(crate) const HANDLER_DEPTH_MAX: u32 = NATIVE_DEPTH_MAX / 10 * 11;
/// Slots of a fresh coroutine: enough for a small function that calls natives, `coroutine.yield` above all.
const STACK_LEN_MIN: usize = 40;
/// The base frame and one function.
const FRAMES_LEN_MIN: usize = 2;

/// What the frame's end means for what is below it.
pub(crate) const FINISH: u16 = 1;
/// The caller is the native frame below: its continuation is entered.
pub(crate) const TO_NATIVE: u16 = 2;
/// The coroutine's first function: when it returns, the coroutine is finished.
pub(crate) const BOTTOM: u16 = 4;
/// Flags that say how a call's results are delivered; the rest describe the frame itself.
pub(crate) const DELIVERY: u16 = FINISH | TO_NATIVE | BOTTOM;
/// The frame that a message handler is called from; its result becomes the error value, and unwinding goes on.
pub(crate) const HANDLER: u16 = 8;
/// A native's frame.
pub(crate) const NATIVE_FRAME: u16 = 0x10;
/// A native's frame that errors stop at.
pub(crate) const PROTECTED: u16 = 0x20;
/// A protected frame with a message handler in its first slot.
pub(crate) const WITH_HANDLER: u16 = 0x40;
/// A protected frame whose error is being dealt with: its to-be-closed variables are being closed.
pub(crate) const UNWINDING: u16 = 0x80;
/// The frame of finalisers called at a safe point.
pub(crate) const FINALIZER: u16 = 0x100;
/// The call in progress may not yield.
pub(crate) const UNYIELDABLE: u16 = 0x200;
/// The function was called by a tail call.
pub(crate) const TAIL_CALLED: u16 = 0x400;
/// `coroutine.close` works at this base frame.
pub(crate) const CLOSING: u16 = 0x800;
/// The return of this Lua frame is closing variables; `saved` has the number of results.
pub(crate) const RETURNING: u16 = 0x1000;

/// The frame that a hook is called from; see `hook`.
pub(crate) const HOOK: u16 = 0x4000;
/// A Lua frame whose call is no news to the hook.
pub(crate) const HOOKED: u16 = 0x8000;

/// One activation.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// Where the function lies, and its results will.
    pub func: *mut Raw,
    /// First register; behind the varargs in a vararg function.
    pub base: *mut Raw,
    /// Lua: constants. Native: unused.
    pub k: *const Raw,
    /// Lua: next instruction. Native: unused. Not beside `base`: both are read together right after this is written,
    /// and read as a pair it would make the processor wait for the write.
    pub pc: *const Instruction,
    /// Results the caller wants; -1 for all.
    pub nresults: i16,
    pub flags: u16,
    /// Number of varargs.
    pub vararg_count: u32,
    /// Lua: number of results or operands an interrupted instruction still has. Native: number of slots it keeps.
    pub saved: u32,
    pub then: Then,
}

/// Where a native goes on once the call it made is over.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    None,
    Function(NativeFn),
    /// Owned by the frame, through `Box::into_raw`.
    State(*mut dyn Step),
}

impl Frame {
    #[inline(always)]
    pub fn is_native(&self) -> bool {
        self.flags & NATIVE_FRAME != 0
    }

    /// The closure of a Lua frame.
    #[inline(always)]
    pub unsafe fn closure(&self) -> *mut Closure {
        // SAFETY: a Lua frame's function is a closure, and stays in its slot.
        unsafe { (*self.func).as_ptr() }
    }

    /// The prototype of a Lua frame.
    #[inline(always)]
    pub unsafe fn proto(&self) -> *mut LoadedProto {
        // SAFETY: as above.
        unsafe { (*self.closure()).proto }
    }

    /// The end of a Lua frame's registers.
    #[inline(always)]
    pub unsafe fn register_end(&self) -> *mut Raw {
        // SAFETY: K3.
        unsafe { self.base.add((*self.proto()).stack_len_max as usize) }
    }

    /// Drops what a native frame owns.
    pub unsafe fn drop_state(&mut self) {
        if self.is_native()
            && let Then::State(state) = mem::replace(&mut self.then, Then::None)
        {
            // SAFETY: the frame owned it.
            drop(unsafe { Box::from_raw(state) });
        }
    }
}

/// What a coroutine is up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// Not started: the function lies at `stack[1]`.
    Fresh,
    /// Yielded to another coroutine.
    Yielded,
    /// The innermost of a task that is suspended or has not begun: only the embedder goes on with it.
    Parked,
    /// The one that runs.
    Running,
    /// Resumed another one.
    Normal,
    /// Finished, or failed with its frames kept for tracebacks.
    Dead,
}

/// How a coroutine was resumed, and so how its end is reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ResumeKind {
    /// `coroutine.resume`: true or false first.
    Plain,
    /// A function made by `coroutine.wrap`: errors propagate.
    Wrap,
    /// `coroutine.close`.
    Close,
}

/// A coroutine object.
#[repr(C)]
pub(crate) struct Coroutine {
    pub header: Header,
    pub status: Status,
    pub resume_kind: ResumeKind,
    /// Message handlers that run.
    pub handlers: u16,
    /// Calls in progress that may not yield.
    pub unyieldable: u32,
    pub global: *mut Global,
    pub stack_end: *mut Raw,
    /// First free slot, when no Lua frame runs.
    pub top: *mut Raw,
    pub frame: *mut Frame,
    /// Where the results of the call that switched away go: see `call::deliver`.
    pub pending_func: *mut Raw,
    // What a switch needs ends here: one cache line.
    pub pending_nresults: i16,
    pub pending_flags: u16,
    /// Native frames and metamethod calls on this coroutine.
    pub depth: u32,
    /// The same of all resumers.
    pub inherited_depth: u32,
    /// Who resumed this one, while it runs or is normal.
    pub resumer: *mut Coroutine,
    pub stack: *mut Raw,
    pub frames: *mut Frame,
    pub frames_end: *mut Frame,
    pub open_upvalues: *mut Upvalue,
    pub to_close: Vec<u32>,
    /// Stays once there was one.
    pub hook: Option<Box<Hook>>,
}

impl std::fmt::Debug for Coroutine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coroutine").field("status", &self.status).finish_non_exhaustive()
    }
}

fn stack_layout(len: usize) -> Layout {
    Layout::array::<Raw>(len).expect("stacks are bounded")
}

fn frames_layout(len: usize) -> Layout {
    Layout::array::<Frame>(len).expect("frames are bounded by the stack")
}

impl Coroutine {
    /// A fresh coroutine whose first function is `function`.
    pub unsafe fn new(heap: &mut Heap, global: *mut Global, function: Raw) -> Result<*mut Coroutine, OutOfMemory> {
        // SAFETY: the caller's.
        unsafe { Coroutine::with_room(heap, global, function, STACK_LEN_MIN) }
    }

    /// As `new`, with a stack of so many slots: one that does not have to grow leaves no hole behind.
    pub unsafe fn with_room(
        heap: &mut Heap,
        global: *mut Global,
        function: Raw,
        slots: usize,
    ) -> Result<*mut Coroutine, OutOfMemory> {
        let stack_len = slots.clamp(STACK_LEN_MIN, STACK_LEN_MAX);
        heap.check_room(stack_len * size_of::<Raw>())?;
        let header_block = heap.coroutine_block()?;
        // SAFETY: the block is fresh, its header is kept; the layouts are not empty.
        unsafe {
            let stack = alloc(stack_layout(stack_len)).cast::<Raw>();
            let frames = alloc(frames_layout(FRAMES_LEN_MIN)).cast::<Frame>();
            assert!(!stack.is_null() && !frames.is_null(), "the system has memory for a coroutine");
            for idx in 0..stack_len {
                stack.add(idx).write(Raw::NIL);
            }
            frames.write(Frame {
                func: stack,
                base: stack.add(1),
                pc: ptr::null(),
                k: ptr::null(),
                nresults: 0,
                flags: NATIVE_FRAME,
                vararg_count: 0,
                saved: 0,
                then: Then::None,
            });
            stack.add(1).write(function);
            let header = ptr::read(header_block.cast::<Header>());
            header_block.write(Coroutine {
                header,
                status: Status::Fresh,
                resume_kind: ResumeKind::Plain,
                handlers: 0,
                unyieldable: 0,
                global,
                stack,
                stack_end: stack.add(stack_len - EXTRA),
                top: stack.add(2),
                frame: frames,
                frames,
                frames_end: frames.add(FRAMES_LEN_MIN),
                open_upvalues: ptr::null_mut(),
                resumer: ptr::null_mut(),
                pending_func: stack,
                pending_nresults: -1,
                pending_flags: 0,
                depth: 0,
                inherited_depth: 0,
                to_close: Vec::new(),
                hook: None,
            });
            heap.charge(Coroutine::buffer_bytes(header_block));
        }
        Ok(header_block)
    }

    /// Bytes of stack and frames.
    pub unsafe fn buffer_bytes(this: *const Coroutine) -> usize {
        // SAFETY: the caller has a live coroutine, as for all functions below.
        unsafe {
            Coroutine::stack_len(this) * size_of::<Raw>()
                + (*this).frames_end.offset_from((*this).frames) as usize * size_of::<Frame>()
        }
    }

    unsafe fn stack_len(this: *const Coroutine) -> usize {
        // SAFETY: both point into the stack.
        unsafe { (*this).stack_end.offset_from((*this).stack) as usize + EXTRA }
    }

    /// Whether it may run before the atomic step without being resumed.
    #[inline(always)]
    pub fn is_active(&self) -> bool {
        matches!(self.status, Status::Running | Status::Normal)
    }

    /// Frees stack, frames, and what the frames own. Open upvalues get their own copy first.
    pub unsafe fn release(this: *mut Coroutine) {
        // SAFETY: nobody uses the coroutine any more.
        unsafe {
            Coroutine::close_upvalues(this, (*this).stack, None);
            let mut frame = (*this).frames;
            while frame <= (*this).frame {
                (*frame).drop_state();
                frame = frame.add(1);
            }
            dealloc((*this).stack.cast(), stack_layout(Coroutine::stack_len(this)));
            let frames_len = (*this).frames_end.offset_from((*this).frames) as usize;
            dealloc((*this).frames.cast(), frames_layout(frames_len));
            ptr::drop_in_place(&raw mut (*this).to_close);
            if (*this).hook.take().is_some_and(|hook| hook.mask != 0) {
                (*(*this).global).hooks -= 1;
            }
        }
    }

    /// Whether `slots` more fit behind `from`.
    #[inline(always)]
    pub unsafe fn has_room(this: *const Coroutine, from: *mut Raw, slots: usize) -> bool {
        // SAFETY: both point into the stack.
        unsafe { !cfg!(feature = "stress") && (*this).stack_end as usize - from as usize > slots * size_of::<Raw>() }
    }

    /// Makes room for `slots` behind `from`, and answers where `from` is now.
    ///
    /// # Errors
    /// When the stack is at its limit, or memory is. `overflow` allows a reserve of both, for handling just that;
    /// message handlers always have it.
    #[cold]
    #[inline(never)]
    pub unsafe fn grow(
        this: *mut Coroutine,
        from: *mut Raw,
        slots: usize,
        overflow: bool,
    ) -> Result<*mut Raw, StackError> {
        // SAFETY: K1 to K4: everything that points into the stack is corrected.
        unsafe {
            let overflow = overflow || (*this).handlers > 0;
            let used = from.offset_from((*this).stack) as usize;
            let need = used + slots + 1;
            let old_len = Coroutine::stack_len(this);
            let limit = STACK_LEN_MAX + if overflow { OVERFLOW_RESERVE } else { 0 };
            if need > limit {
                return Err(StackError::Overflow);
            }
            let fits = need <= old_len - EXTRA;
            if fits && !cfg!(feature = "stress") {
                return Ok(from);
            }
            let new_len = if fits { old_len } else { need.max((old_len + old_len / 2).min(STACK_LEN_MAX)) + EXTRA };
            let heap = &mut (*(*this).global).heap;
            if !overflow {
                heap.check_room((new_len - old_len) * size_of::<Raw>()).map_err(|_| StackError::Memory)?;
            }
            let stack = alloc(stack_layout(new_len)).cast::<Raw>();
            if stack.is_null() {
                return Err(StackError::Memory);
            }
            ptr::copy_nonoverlapping((*this).stack, stack, old_len.min(new_len));
            for idx in old_len..new_len {
                stack.add(idx).write(Raw::NIL);
            }
            heap.bytes += (new_len - old_len) * size_of::<Raw>();
            Coroutine::move_stack(this, stack, old_len, new_len);
            Ok(stack.add(used))
        }
    }

    unsafe fn move_stack(this: *mut Coroutine, stack: *mut Raw, old_len: usize, new_len: usize) {
        // SAFETY: K1 to K4; offsets are taken from the old stack before it is freed.
        unsafe {
            let old = (*this).stack;
            let moved = |pointer: *mut Raw| stack.byte_add(pointer as usize - old as usize);
            (*this).top = moved((*this).top);
            (*this).pending_func = moved((*this).pending_func);
            let mut frame = (*this).frames;
            while frame <= (*this).frame {
                (*frame).func = moved((*frame).func);
                (*frame).base = moved((*frame).base);
                frame = frame.add(1);
            }
            let mut upvalue = (*this).open_upvalues;
            while !upvalue.is_null() {
                (*upvalue).slot = moved((*upvalue).slot);
                upvalue = (*upvalue).next;
            }
            if cfg!(feature = "stress") {
                ptr::write_bytes(old, 0xdb, old_len);
            }
            dealloc(old.cast(), stack_layout(old_len));
            (*this).stack = stack;
            (*this).stack_end = stack.add(new_len - EXTRA);
        }
    }

    /// Gives back most of a stack that is much larger than what is used; at the end of a cycle or an overflow.
    pub unsafe fn shrink(this: *mut Coroutine) {
        // SAFETY: K1 to K4.
        unsafe {
            let old_len = Coroutine::stack_len(this);
            let mut used_end = (*this).top;
            let frame = &*(*this).frame;
            if !frame.is_native() && (*frame.func).tag == CLOSURE {
                used_end = used_end.max(frame.register_end());
            }
            let used = used_end.offset_from((*this).stack) as usize + NATIVE_RESERVE;
            let new_len = (used * 2).max(STACK_LEN_MIN) + EXTRA;
            if old_len <= 1024 || new_len * 2 > old_len {
                return;
            }
            let stack = alloc(stack_layout(new_len)).cast::<Raw>();
            if stack.is_null() {
                return;
            }
            ptr::copy_nonoverlapping((*this).stack, stack, new_len);
            (*(*this).global).heap.bytes -= (old_len - new_len) * size_of::<Raw>();
            Coroutine::move_stack(this, stack, old_len, new_len);
        }
    }

    /// Adds a frame slot and answers it; the caller fills it in and makes it current.
    #[inline(always)]
    pub unsafe fn next_frame(this: *mut Coroutine) -> *mut Frame {
        // SAFETY: K2: the current frame lies in the array.
        unsafe {
            let frame = (*this).frame.add(1);
            if frame == (*this).frames_end { Coroutine::grow_frames(this) } else { frame }
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn grow_frames(this: *mut Coroutine) -> *mut Frame {
        // SAFETY: the old array is copied before it is freed; nothing else points into it.
        unsafe {
            let old = (*this).frames;
            let old_len = (*this).frames_end.offset_from(old) as usize;
            let used = (*this).frame.offset_from(old) as usize;
            let new_len = old_len * 2;
            let frames = alloc(frames_layout(new_len)).cast::<Frame>();
            // Frames are bounded by the stack, a fraction of it in size: treated as the system's failure.
            assert!(!frames.is_null(), "the system has memory for frames");
            ptr::copy_nonoverlapping(old, frames, old_len);
            dealloc(old.cast(), frames_layout(old_len));
            (*(*this).global).heap.bytes += (new_len - old_len) * size_of::<Frame>();
            (*this).frames = frames;
            (*this).frames_end = frames.add(new_len);
            (*this).frame = frames.add(used);
            frames.add(used + 1)
        }
    }

    /// The upvalue for a stack slot: an open one that is there, or a new one.
    pub unsafe fn find_upvalue(this: *mut Coroutine, slot: *mut Raw) -> Result<*mut Upvalue, OutOfMemory> {
        // SAFETY: K4.
        unsafe {
            let mut link: *mut *mut Upvalue = &raw mut (*this).open_upvalues;
            while !(*link).is_null() && (**link).slot >= slot {
                if (**link).slot == slot {
                    // The list keeps nothing alive: a closure that is gone may have been its last holder.
                    (*(*this).global).heap.resurrect((*link).cast());
                    return Ok(*link);
                }
                link = &raw mut (**link).next;
            }
            let upvalue = (*(*this).global).heap.upvalue(slot)?;
            (*upvalue).next = *link;
            (*upvalue).previous = link;
            if !(*upvalue).next.is_null() {
                (*(*upvalue).next).previous = &raw mut (*upvalue).next;
            }
            *link = upvalue;
            Ok(upvalue)
        }
    }

    /// Closes the upvalues at and above a slot.
    pub unsafe fn close_upvalues(this: *mut Coroutine, from: *mut Raw, heap: Option<&mut Heap>) {
        // SAFETY: K4, C1.
        unsafe {
            let mut heap = heap;
            while !(*this).open_upvalues.is_null() && (*(*this).open_upvalues).slot >= from {
                let upvalue = (*this).open_upvalues;
                Upvalue::unlink(upvalue);
                (*upvalue).closed = *(*upvalue).slot;
                (*upvalue).slot = &raw mut (*upvalue).closed;
                if let Some(heap) = &mut heap {
                    heap.barrier(upvalue.cast(), (*upvalue).closed);
                }
            }
        }
    }

    /// Position of a slot, for what must survive a move.
    #[inline(always)]
    pub unsafe fn position(this: *const Coroutine, slot: *mut Raw) -> u32 {
        // SAFETY: the slot points into the stack.
        unsafe { slot.offset_from((*this).stack) as u32 }
    }

    /// Walks frames and upvalues and asserts K2 to K5; for tests and the stress build.
    pub unsafe fn check(this: *const Coroutine) {
        // SAFETY: as the invariants say.
        unsafe {
            let mut frame = (*this).frames;
            assert_eq!((*frame).func, (*this).stack, "K2");
            while frame <= (*this).frame {
                assert!((*frame).base > (*frame).func && (*frame).base <= (*this).stack_end.add(EXTRA), "K3");
                frame = frame.add(1);
            }
            let mut upvalue = (*this).open_upvalues;
            let mut last = (*this).stack_end.add(EXTRA);
            while !upvalue.is_null() {
                assert!((*upvalue).slot < last && (*upvalue).slot >= (*this).stack, "K4");
                last = (*upvalue).slot;
                upvalue = (*upvalue).next;
            }
            assert!((*this).to_close.is_sorted(), "K5");
        }
    }
}

/// Why a stack can't grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StackError {
    Overflow,
    Memory,
}
