use super::graph::score;
use super::*;
use crate::vector::normalize;

/// Vectors around some centres, like those of texts about some topics.
fn vectors(count: usize, dims: usize) -> Vec<f32> {
    let mut state = 9u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let centres: Vec<f32> = (0..20 * dims).map(|_| random()).collect();
    let mut all = Vec::new();
    for vector in 0..count {
        let centre = &centres[vector % 20 * dims..][..dims];
        let start = all.len();
        all.extend(centre.iter().map(|c| c + 0.6 * random()));
        normalize(&mut all[start..]);
    }
    all
}

fn view<'a>(vectors: &'a [f32], dims: usize, graph: &'a Graph) -> GraphView<'a> {
    GraphView {
        vectors,
        dims,
        level0: &graph.level0,
        level_offsets: &graph.level_offsets,
        upper_levels: &graph.upper_levels,
        entry_point: graph.entry_point,
    }
}

#[test]
fn most_of_the_nearest_are_found() {
    let (dims, count) = (24, 3000);
    let all = vectors(count, dims);
    let graph = build(&all, dims, 1, &|_| false).unwrap();
    let view = view(&all, dims, &graph);
    assert!(view.is_sound());
    let mut visited = VisitedList::default();
    let mut hits = 0;
    for query in (0..count).step_by(30) {
        let query = &all[query * dims..][..dims];
        let mut exact: Vec<ScoredVector> = (0..count as u32)
            .map(|vector| score(&view, query, vector))
            .collect();
        exact.sort_unstable_by(|a, b| b.cmp(a));
        let near = view.search(query, 64, &mut visited);
        assert_eq!(near[0], exact[0]);
        hits += near[..10]
            .iter()
            .filter(|n| exact[..10].contains(n))
            .count();
    }
    assert!(hits >= 980, "{hits} of 1000");
}

#[test]
fn the_same_vectors_and_seed_make_the_same_graph() {
    let all = vectors(1500, 8);
    let graph = build(&all, 8, 7, &|_| false).unwrap();
    assert_eq!(build(&all, 8, 7, &|_| false).unwrap(), graph);
    assert_ne!(build(&all, 8, 8, &|_| false).unwrap(), graph);
    assert_eq!(build(&all, 8, 7, &|done| done > 700), None);
}

#[test]
fn few_or_equal_vectors_are_found() {
    let mut visited = VisitedList::default();
    let none = build(&[], 4, 0, &|_| false).unwrap();
    assert!(
        view(&[], 4, &none)
            .search(&[0.0; 4], 5, &mut visited)
            .is_empty()
    );
    let one = [1.0, 0.0];
    let graph = build(&one, 2, 0, &|_| false).unwrap();
    assert_eq!(view(&one, 2, &graph).search(&one, 5, &mut visited).len(), 1);
    let same = [1.0, 0.0].repeat(700);
    let graph = build(&same, 2, 0, &|_| false).unwrap();
    let near = view(&same, 2, &graph).search(&one, 10, &mut visited);
    assert_eq!(near.len(), 10);
}

#[test]
fn damaged_links_do_not_panic() {
    let all = vectors(100, 4);
    let mut graph = build(&all, 4, 0, &|_| false).unwrap();
    for damaged in [100, 1 << 30] {
        graph.level0[5] = damaged;
        let view = view(&all, 4, &graph);
        assert!(!view.is_sound());
        view.search(&all[..4], 200, &mut VisitedList::default());
    }
}

#[test]
fn searches_end_on_vectors_of_nan() {
    let mut all = vectors(400, 4);
    let graph = build(&all, 4, 0, &|_| false).unwrap();
    all.iter_mut()
        .step_by(3)
        .for_each(|value| *value = f32::NAN);
    let view = view(&all, 4, &graph);
    assert!(view.is_sound());
    let near = view.search(&[1.0, 0.0, 0.0, 0.0], 10, &mut VisitedList::default());
    assert_eq!(near.len(), 10);
}

#[test]
fn a_search_keeps_no_more_candidates_than_there_are_vectors() {
    let all = vectors(50, 4);
    let graph = build(&all, 4, 0, &|_| false).unwrap();
    let view = view(&all, 4, &graph);
    let near = view.search(&all[..4], usize::MAX, &mut VisitedList::default());
    assert_eq!(near.len(), 50);
}

#[test]
fn lists_of_wrong_lengths_are_not_sound() {
    let all = vectors(100, 4);
    let graph = build(&all, 4, 0, &|_| false).unwrap();
    let damages: [fn(&mut Graph); 6] = [
        |graph| graph.entry_point = 100,
        |graph| graph.level0.truncate(5),
        |graph| graph.level_offsets.truncate(5),
        |graph| graph.level_offsets[0] = 1,
        |graph| graph.level_offsets[50] = u32::MAX,
        |graph| graph.upper_levels.push(0),
    ];
    for (at, damage) in damages.iter().enumerate() {
        let mut graph = graph.clone();
        damage(&mut graph);
        assert!(!view(&all, 4, &graph).is_sound(), "{at}");
    }
}
