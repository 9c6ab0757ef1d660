//! The shell.

#[global_allocator]
static ALLOCATOR: semql::Allocator = semql::Allocator;

fn main() {
    semql::main()
}
