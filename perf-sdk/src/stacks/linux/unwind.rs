//! Unwinds a thread's stack: from its registers to the addresses of its callers.
//!
//! A caller is shown only if the tables of the loaded images prove it. If they do not describe a
//! frame, the unwinder falls back to the frame pointer, whose register may hold any value there. So
//! a step that may be such a guess is taken only if the tables describe the frame. Otherwise the
//! walk ends there.

use std::ops::Range;

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, Module, MustNotAllocateDuringUnwind, UnwindRegsNative,
    Unwinder as _, UnwinderNative,
};

use super::super::image::Image;
use super::super::unwind_tables::Bytes;
use super::described_code::{Described, Remembered};
use super::first_frames;
use super::registers::Registers;

/// The caches of unwinding, which are kept from one stack to the next: some 36 KiB.
#[derive(Default)]
pub(super) struct Memory {
    rules: CacheNative<MustNotAllocateDuringUnwind>,
    described: Remembered,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the thread's first function.
    Root,
    /// At a frame that cannot be unwound.
    Lost,
    /// The callback requested no more frames.
    Enough,
}

/// Sections that an ELF image does not have.
const NO_SECTIONS: ExplicitModuleSectionInfo<Bytes> = ExplicitModuleSectionInfo {
    base_svma: 0,
    text_svma: None,
    text: None,
    stubs_svma: None,
    stub_helper_svma: None,
    got_svma: None,
    unwind_info: None,
    eh_frame_svma: None,
    eh_frame: None,
    eh_frame_hdr_svma: None,
    eh_frame_hdr: None,
    debug_frame: None,
    text_segment_svma: None,
    text_segment: None,
};

/// Unwinds through all loaded images.
pub(super) struct Unwinder {
    inner: UnwinderNative<Bytes, MustNotAllocateDuringUnwind>,
    /// Uses `.debug_frame`, for code that no other table describes.
    by_debug_frame: UnwinderNative<Bytes, MustNotAllocateDuringUnwind>,
    described: Described,
    /// The program's first function, where only this address shows that the stack ends there.
    main: Range<u64>,
    #[cfg(target_arch = "aarch64")]
    mask: framehop::aarch64::PtrAuthMask,
}

impl Unwinder {
    /// Moves the tables out of `images`.
    pub(super) fn new(images: &mut [Image]) -> Self {
        let described = Described::new(images);
        let (mut inner, mut by_debug_frame) = (UnwinderNative::new(), UnwinderNative::new());
        for image in images {
            let text_svma = Some(image.own(&image.code));
            let module = |info| Module::new(image.path.clone(), image.code.clone(), image.base, info);
            if let Some(tables) = image.tables.take() {
                let range = |at: u64, bytes: &Bytes| at..at + bytes.len() as u64;
                inner.add_module(module(ExplicitModuleSectionInfo {
                    text_svma: text_svma.clone(),
                    eh_frame_svma: Some(range(tables.eh_frame_at, &tables.eh_frame)),
                    eh_frame: Some(tables.eh_frame),
                    eh_frame_hdr_svma: Some(range(tables.header_at, &tables.header)),
                    eh_frame_hdr: Some(tables.header),
                    ..NO_SECTIONS
                }));
            }
            if let Some(frames) = image.debug_frame.take() {
                let debug_frame = Some(frames.table.clone());
                by_debug_frame.add_module(module(ExplicitModuleSectionInfo { text_svma, debug_frame, ..NO_SECTIONS }));
            }
        }
        let main = first_frames::main_function().and_then(|main| described.function_at(main)).unwrap_or_default();
        Self {
            #[cfg(target_arch = "aarch64")]
            mask: framehop::aarch64::PtrAuthMask::from_max_known_address(inner.max_known_code_address().max(1)),
            inner,
            by_debug_frame,
            described,
            main,
        }
    }

    /// The function that contains `address`, according to the tables.
    #[cfg(target_env = "musl")]
    pub(super) fn function_at(&self, address: u64) -> Option<Range<u64>> {
        self.described.function_at(address)
    }

    /// Passes the address of each frame to `frame`, innermost first: the current address, then an
    /// address inside each call that leads there. `stack` is the thread's stack, which contains the
    /// stack pointer, and `read` reads a word of it. It does not allocate or lock.
    pub(super) fn walk(
        &self,
        registers: &Registers,
        stack: &Range<u64>,
        memory: &mut Memory,
        mut read: impl FnMut(u64) -> Option<u64>,
        mut frame: impl FnMut(u64) -> bool,
    ) -> End {
        let mut read = |address| read(address).ok_or(());
        let mut state = self.start(registers);
        let mut at = FrameAddress::from_instruction_pointer(registers.pc);
        let (thread_start, mut was_main) = (first_frames::thread_start(), false);
        loop {
            let address = at.address_for_lookup();
            if !frame(address) {
                return End::Enough;
            }
            if was_main || address == thread_start {
                return End::Root;
            }
            was_main = self.main.contains(&address);
            // NOTE: where the frame pointer is used as an ordinary register, it may have any value,
            // and some values overflow the unwinder's sums. So a value outside of the stack is
            // replaced by the end of the stack, from which nothing can be read.
            keep_within(&mut state, stack);
            let before = Words::of(&state);
            let mut step = self.inner.unwind_frame(at, &mut state, &mut memory.rules, &mut read);
            let is_step = matches!(step, Ok(Some(_)));
            if !is_step || Words::of(&state).may_be_guessed_from(&before, !at.is_return_address()) {
                if self.described.is_by_tables(address, &mut memory.described) {
                    // The step was not a guess.
                } else if self.described.is_by_debug_frame(address) {
                    before.restore(&mut state);
                    step = self.by_debug_frame.unwind_frame(at, &mut state, &mut memory.rules, &mut read);
                } else {
                    return End::Lost;
                }
            }
            match step {
                Ok(Some(address)) if stack.contains(&state.sp()) => match FrameAddress::from_return_address(address) {
                    Some(address) => at = address,
                    None => return End::Lost,
                },
                Ok(None) => return End::Root,
                Ok(Some(_)) | Err(_) => return End::Lost,
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[expect(clippy::unused_self, reason = "used on another architecture")]
    fn start(&self, registers: &Registers) -> UnwindRegsNative {
        UnwindRegsNative::new(registers.pc, registers.sp, registers.fp)
    }

    #[cfg(target_arch = "aarch64")]
    fn start(&self, registers: &Registers) -> UnwindRegsNative {
        UnwindRegsNative::new_with_ptr_auth_mask(self.mask, registers.lr, registers.sp, registers.fp)
    }
}

/// The registers that a step changes.
#[derive(Clone, Copy)]
struct Words {
    sp: u64,
    fp: u64,
    /// The current address, or the link register.
    code: u64,
}

#[cfg(target_arch = "x86_64")]
impl Words {
    fn of(state: &UnwindRegsNative) -> Self {
        Self { sp: state.sp(), fp: state.bp(), code: state.ip() }
    }

    fn restore(self, state: &mut UnwindRegsNative) {
        state.set_sp(self.sp);
        state.set_bp(self.fp);
        state.set_ip(self.code);
    }

    /// Whether the unwinder may have guessed these from `before` for lack of tables: the caller by
    /// the frame pointer, or, for the first frame, a stack that contains only the return address.
    fn may_be_guessed_from(&self, before: &Self, is_first: bool) -> bool {
        self.sp == before.fp.wrapping_add(16) || is_first && self.sp == before.sp.wrapping_add(8)
    }
}

#[cfg(target_arch = "aarch64")]
impl Words {
    fn of(state: &UnwindRegsNative) -> Self {
        Self { sp: state.sp(), fp: state.fp(), code: state.lr() }
    }

    fn restore(self, state: &mut UnwindRegsNative) {
        state.set_sp(self.sp);
        state.set_fp(self.fp);
        state.set_lr(self.code);
    }

    /// Whether the unwinder may have guessed these from `before` for lack of tables: the caller by
    /// the frame pointer, or, for the first frame, by the link register.
    fn may_be_guessed_from(&self, before: &Self, is_first: bool) -> bool {
        self.sp == before.fp.wrapping_add(16) || is_first && self.sp == before.sp
    }
}

#[cfg(target_arch = "x86_64")]
fn keep_within(state: &mut UnwindRegsNative, stack: &Range<u64>) {
    if !stack.contains(&state.bp()) {
        state.set_bp(stack.end - 8);
    }
}

#[cfg(target_arch = "aarch64")]
fn keep_within(state: &mut UnwindRegsNative, stack: &Range<u64>) {
    if !stack.contains(&state.fp()) {
        state.set_fp(stack.end - 8);
    }
}

#[cfg(test)]
mod tests {
    use super::super::loaded_images::images;
    use super::*;

    /// Measures the stack that a walk uses, by what it overwrites.
    #[test]
    #[allow(unsafe_code)]
    fn a_walk_takes_less_stack_than_is_kept_for_it() {
        const BYTES: usize = 512 << 10;
        const PAINT: u64 = 0xa5a5_5a5a_a5a5_5a5a;
        /// Overwrites the stack below its caller with a pattern.
        #[inline(never)]
        fn paint() -> usize {
            let mut below = [0_u64; BYTES / 8];
            below.iter_mut().for_each(|word| *word = std::hint::black_box(PAINT));
            std::hint::black_box(&below).as_ptr().addr()
        }
        let walked = std::thread::Builder::new().stack_size(4 * BYTES).spawn(|| {
            let mut images = images();
            let unwinder = Unwinder::new(&mut images);
            let mut memory = Memory::default();
            super::super::own_stack::learn();
            let stack = super::super::own_stack::own_stack().unwrap();
            let (registers, _) = super::super::registers::here();
            assert!(stack.contains(&registers.sp));
            let read = |address: u64| {
                let is_stack = address >= registers.sp && address < stack.end - 7 && address.is_multiple_of(8);
                // SAFETY: within this thread's own stack.
                is_stack.then(|| unsafe { (address as *const u64).read_volatile() })
            };
            let (mut deepest, mut frames) = (0, 0);
            // Cached rules take less.
            for _ in 0..2 {
                let low = paint();
                let end = unwinder.walk(&registers, &(registers.sp..stack.end), &mut memory, read, |_| {
                    frames += 1;
                    true
                });
                assert_eq!(end, End::Root);
                let high = registers.sp as usize;
                let is_painted = |at: usize| {
                    // SAFETY: below this function's frame, overwritten by the pattern above, within
                    // this thread's own stack.
                    let word = unsafe { (at as *const u64).read_volatile() };
                    word == PAINT
                };
                let first = (low..high).step_by(8).find(|at| !is_painted(*at)).unwrap();
                deepest = deepest.max(high - first);
            }
            (deepest, frames)
        });
        let (bytes, frames) = walked.unwrap().join().unwrap();
        println!("{bytes} bytes for {frames} frames");
        assert!(frames > 4 && bytes < super::super::handler_stacks::WALK_BYTES / 2, "{bytes} bytes");
    }

    /// Whatever registers and stack contain, a walk ends, reads only valid addresses, and does not
    /// panic, because it runs in a signal handler.
    #[test]
    fn a_walk_of_random_data_ends_safely() {
        let mut images = images();
        let codes: Vec<_> = images.iter().map(|image| image.code.clone()).collect();
        let unwinder = Unwinder::new(&mut images);
        let mut memory = Memory::default();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for round in 0..20_000_u64 {
            let extreme = |n: u64| [0, 1, 7, 8, u64::MAX, u64::MAX - 7, i64::MAX as u64, n][n as usize % 8];
            let code = &codes[next() as usize % codes.len()];
            let inside = code.start + next() % (code.end - code.start);
            let stack = 0x7000_0000_0000..0x7000_0001_0000_u64;
            let sp = stack.start + next() % 4096 * 8;
            let registers = Registers {
                pc: if round % 5 == 0 { extreme(next()) } else { inside },
                sp,
                fp: if round % 2 == 0 { extreme(next()) } else { sp.wrapping_add(next() % 64 * 8) },
                lr: extreme(next()),
            };
            let mut seen = 0;
            let read = |_| match next() % 4 {
                0 => None,
                1 => Some(extreme(next())),
                2 => Some(sp.wrapping_add(next() % 128 * 8)),
                _ => Some(code.start + next() % (code.end - code.start)),
            };
            unwinder.walk(&registers, &(sp..stack.end), &mut memory, read, |_| {
                seen += 1;
                seen < 300
            });
            assert!(seen <= 300);
        }
    }
}
