//! Compares the figures without noise (round trips, bytes, instructions, sizes) with the recorded ones.

#[test]
fn no_figure_without_noise_is_worse_than_recorded() {
    let regressions = bench::regressions().unwrap();

    assert!(
        regressions.is_empty(),
        "\n{}\nFind out what it is that costs more. If it is worth it, record the figures anew, with the reason in the \
         commit:\n  cargo run -p bench -- record\n",
        regressions.join("\n")
    );
}
