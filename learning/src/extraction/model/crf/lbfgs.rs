//! Minimization of a smooth function (L-BFGS with a backtracking line search).

use std::collections::VecDeque;

/// Pairs of steps and gradient changes that approximate the curvature.
const MEMORY: usize = 6;

/// Steps of a line search.
const MAX_LINE_STEPS: usize = 12;

/// Share of the expected decrease that a step must reach.
const SUFFICIENT_DECREASE: f64 = 1e-4;

/// Relative decrease below which the minimization ends.
const TOLERANCE: f64 = 1e-5;

/// Minimizes `evaluate`, which fills the gradient and returns the value, from `x`, in at
/// most `iterations` iterations. `proceed` is called before each; `false` ends it.
pub fn minimize(
    x: &mut Vec<f64>,
    iterations: usize,
    mut evaluate: impl FnMut(&[f64], &mut [f64]) -> f64,
    mut proceed: impl FnMut(usize) -> bool,
) {
    let n = x.len();
    let (mut gradient, mut next_gradient) = (vec![0.0; n], vec![0.0; n]);
    let mut value = evaluate(x, &mut gradient);
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    for iteration in 0..iterations {
        if !proceed(iteration) {
            return;
        }
        let direction = direction(&gradient, &pairs);
        let slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            return;
        }
        let mut step = match pairs.is_empty() {
            true => 1.0 / dot(&gradient, &gradient).sqrt().max(1e-12),
            false => 1.0,
        };
        let mut next = vec![0.0; n];
        let mut next_value = f64::INFINITY;
        let mut is_lower = false;
        for _ in 0..MAX_LINE_STEPS {
            for ((to, from), delta) in next.iter_mut().zip(x.iter()).zip(&direction) {
                *to = from + step * delta;
            }
            next_value = evaluate(&next, &mut next_gradient);
            is_lower = next_value <= value + SUFFICIENT_DECREASE * step * slope;
            if is_lower {
                break;
            }
            step *= 0.5;
        }
        if !is_lower {
            return;
        }
        let moved: Vec<f64> = next.iter().zip(x.iter()).map(|(a, b)| a - b).collect();
        let changed: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        let curvature = dot(&moved, &changed);
        if curvature > 1e-10 {
            pairs.push_back((moved, changed, 1.0 / curvature));
            if pairs.len() > MEMORY {
                pairs.pop_front();
            }
        }
        std::mem::swap(x, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        let decrease = (value - next_value) / value.abs().max(1.0);
        value = next_value;
        if decrease < TOLERANCE {
            return;
        }
    }
}

fn direction(gradient: &[f64], pairs: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for (moved, changed, inverse) in pairs.iter().rev() {
        let share = inverse * dot(moved, &direction);
        add_scaled(&mut direction, changed, -share);
        shares.push(share);
    }
    if let Some((moved, changed, _)) = pairs.back() {
        let scale = dot(moved, changed) / dot(changed, changed).max(1e-300);
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for ((moved, changed, inverse), share) in pairs.iter().zip(shares.into_iter().rev()) {
        let other = inverse * dot(changed, &direction);
        add_scaled(&mut direction, moved, share - other);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(to: &mut [f64], from: &[f64], scale: f64) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_of_a_curved_valley_is_found() {
        let mut x = vec![-1.2, 1.0];
        let rosenbrock = |x: &[f64], gradient: &mut [f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            gradient[0] = -2.0 * a - 400.0 * x[0] * b;
            gradient[1] = 200.0 * b;
            a * a + 100.0 * b * b
        };
        minimize(&mut x, 200, rosenbrock, |_| true);
        assert!(
            (x[0] - 1.0).abs() < 0.05 && (x[1] - 1.0).abs() < 0.1,
            "{x:?}"
        );
    }
}
