//! The shell.

/// A statement makes thousands of small allocations on several threads, which are
/// twice as fast as with the allocator of the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    semql::main()
}
