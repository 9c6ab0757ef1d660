fn main() {
    semql::main()
}
