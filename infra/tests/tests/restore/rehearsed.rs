//! The rehearsal that the handbook asks for.

#[test]
fn the_rehearsal_on_this_machine_finds_nothing_wrong() {
    drill::run(&[]).unwrap();
}
