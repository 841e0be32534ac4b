//! The sampler. Of stacks that are walked there is one frame.

#[path = "../../../../../perf-sdk/src/stacks/linux/gate.rs"]
mod gate;
#[path = "../../../../../perf-sdk/src/stacks/linux/slot.rs"]
mod slot;

pub(crate) mod gate_models;
pub(crate) mod slot_models;
mod thread;

mod alternate_stack {
    /// Its lowest address.
    pub(super) struct Alternate(pub(super) u64);

    impl Alternate {
        pub(super) fn place(&self) -> [u64; 2] {
            [self.0, 1]
        }
    }
}

mod handler_stacks {
    pub(super) const WALK_BYTES: usize = 1;

    pub(super) fn after_fork() {}
}

mod main_stack {
    pub(super) fn first_stack() -> u64 {
        0
    }

    pub(super) fn least_of_main(_: u64) -> u64 {
        0
    }
}

mod own_stack {
    use std::ops::Range;

    pub(super) fn own_stack() -> Option<Range<u64>> {
        Some(super::thread::current().stack())
    }
}

mod registers {
    #[derive(Clone, Copy)]
    pub(super) struct Registers {
        pub(super) pc: u64,
        pub(super) sp: u64,
    }

    pub(super) fn here() -> (Registers, u64) {
        let thread = super::thread::current();
        (thread.registers(), thread.pointer())
    }
}

mod unwind {
    use std::ops::Range;

    use super::registers::Registers;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) enum End {
        Root,
    }

    pub(super) struct Unwinder;
    pub(super) struct Memory;

    impl Unwinder {
        /// There is one frame.
        pub(super) fn walk(
            &self,
            registers: &Registers,
            _stack: &Range<u64>,
            _memory: &mut Memory,
            _read: impl FnMut(u64) -> Option<u64>,
            mut frame: impl FnMut(u64) -> bool,
        ) -> End {
            frame(registers.pc);
            End::Root
        }
    }
}

mod walkers {
    use super::unwind::{Memory, Unwinder};

    pub(super) fn with_unwinder<T>(_: u32, walk: impl FnOnce(&Unwinder, &mut Memory) -> T) -> Option<T> {
        Some(walk(&Unwinder, &mut Memory))
    }

    /// Asks twice, so that both answers come.
    pub(super) fn wait_until(is_so: impl Fn() -> bool) -> bool {
        is_so() || {
            loom::thread::yield_now();
            is_so()
        }
    }

    pub(super) fn after_fork() {}
}
