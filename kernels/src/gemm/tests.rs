use super::*;
use crate::Isa;
use crate::test_support::Random;

/// Products by the definition.
fn plain(
    rows: usize,
    a: &[u8],
    a_stride: usize,
    panels: &[PanelGroup],
    groups: usize,
    columns: usize,
) -> Vec<i32> {
    let mut c = vec![0; rows * columns];
    for row in 0..rows {
        for column in 0..columns {
            let panel = &panels[column / PANEL * groups..][..groups];
            c[row * columns + column] = (0..groups * GROUP)
                .map(|k| {
                    let weight = panel[k / GROUP].0[column % PANEL][k % GROUP];
                    i32::from(a[row * a_stride + k]) * i32::from(weight)
                })
                .sum();
        }
    }
    c
}

fn check(
    random: &mut Random,
    rows: usize,
    groups: usize,
    panels: usize,
    byte: impl Fn(&mut Random) -> (u8, i8),
) {
    let a_stride = groups * GROUP + GROUP * random.below(3);
    let columns = panels * PANEL;
    let c_stride = columns + random.below(20);
    let a: Vec<u8> = (0..rows * a_stride).map(|_| byte(random).0).collect();
    let mut packed = vec![PanelGroup::ZERO; groups * panels];
    for group in &mut packed {
        group.0 = std::array::from_fn(|_| std::array::from_fn(|_| byte(random).1));
    }
    let expected = plain(rows, &a, a_stride, &packed, groups, columns);
    for isa in Isa::available() {
        let mut c = vec![-1; (rows - 1) * c_stride + columns];
        multiply(isa, rows, &a, a_stride, &packed, groups, &mut c, c_stride);
        for row in 0..rows {
            let found = &c[row * c_stride..][..columns];
            assert_eq!(
                found,
                &expected[row * columns..][..columns],
                "{isa:?}, row {row} of {rows}, {groups} groups"
            );
        }
    }
}

#[test]
fn all_instruction_sets_give_the_exact_product() {
    let mut random = Random::new(7);
    for rows in 1..=17 {
        for groups in [1, 2, 3, 8, 15, 96] {
            let panels = 1 + random.below(3);
            check(&mut random, rows, groups, panels, |random| {
                (random.next() as u8, random.next() as i8)
            });
        }
    }
}

#[test]
fn extreme_values_do_not_saturate() {
    let mut random = Random::new(8);
    for (a, w) in [(255, -128), (255, 127), (255, -127)] {
        check(&mut random, 13, 400, 1, |_| (a, w));
    }
}

#[test]
#[should_panic(expected = "assertion failed")]
fn short_inputs_are_refused() {
    let panel = [PanelGroup::ZERO; 2];
    multiply(Isa::best(), 2, &[0; 15], 8, &panel, 2, &mut [0; 64], 32);
}
