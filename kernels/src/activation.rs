//! Activation functions as polynomials.

use crate::floats::Floats;

/// Inputs are clamped to this magnitude, where x * cdf(x) is within 5e-5 of x or 0.
const LIMIT: f32 = 4.25;

/// `(cdf(x) - 0.5) / x` as a polynomial in x² for |x| <= `LIMIT`, fitted for the smallest error of x * cdf(x).
/// The value at `LIMIT` makes cdf 1, and at `-LIMIT` 0.
type CdfPolynomial = [f32; 9];

#[allow(clippy::excessive_precision)]
const ERF: CdfPolynomial = [
    0.39911422,
    -0.06667296,
    0.0099963285,
    -0.0011575413,
    0.0001008925,
    -6.29855e-06,
    2.6090817e-07,
    -6.3350085e-09,
    6.764257e-11,
];

#[allow(clippy::excessive_precision)]
const TANH: CdfPolynomial = [
    0.39878777,
    -0.066452995,
    0.009904833,
    -0.0011286506,
    9.547253e-05,
    -5.722223e-06,
    2.2647193e-07,
    -5.2539266e-09,
    5.3747066e-11,
];

/// `x * cdf(x)`.
#[inline(always)]
fn gated<F: Floats>(x: F, coefficients: &CdfPolynomial) -> F {
    let z = x.min(F::splat(LIMIT)).max(F::splat(-LIMIT));
    let square = z.mul(z);
    let mut p = F::splat(coefficients[8]);
    for c in coefficients[..8].iter().rev() {
        p = p.mul_add(square, F::splat(*c));
    }
    x.mul(p.mul_add(z, F::splat(0.5)))
}

/// One activation function, chosen outside the loop over the values.
pub(crate) trait Activate {
    fn apply<F: Floats>(x: F) -> F;
}

pub(crate) struct Gelu;
pub(crate) struct GeluTanh;
pub(crate) struct Relu;

impl Activate for Gelu {
    #[inline(always)]
    fn apply<F: Floats>(x: F) -> F {
        gated(x, &ERF)
    }
}

impl Activate for GeluTanh {
    #[inline(always)]
    fn apply<F: Floats>(x: F) -> F {
        gated(x, &TANH)
    }
}

impl Activate for Relu {
    #[inline(always)]
    fn apply<F: Floats>(x: F) -> F {
        x.max(F::splat(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floats::{FloatsPortable, LANES};

    /// erf by its series, to about 2e-8.
    fn erf(x: f64) -> f64 {
        if x.abs() > 4.0 {
            return x.signum();
        }
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term.abs() > 1e-17 {
            n += 1.0;
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    fn apply<A: Activate>(x: f32) -> f32 {
        let mut out = [0.0; LANES];
        A::apply(FloatsPortable::splat(x)).store(&mut out);
        out[0]
    }

    fn largest_error<A: Activate>(expected: impl Fn(f64) -> f64) -> f64 {
        let inputs: Vec<f32> = (-120_000..=120_000).map(|i| i as f32 * 1e-4).collect();
        let outputs: Vec<f32> = inputs.iter().map(|x| apply::<A>(*x)).collect();
        let errors = inputs
            .iter()
            .zip(&outputs)
            .map(|(x, y)| (expected(f64::from(*x)) - f64::from(*y)).abs());
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn gelu_is_within_1e_4() {
        let error = largest_error::<Gelu>(|x| 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)));
        assert!(error < 1e-4, "{error}");
    }

    #[test]
    fn gelu_tanh_is_within_1e_4() {
        let slope = (2.0 / std::f64::consts::PI).sqrt();
        let error = largest_error::<GeluTanh>(|x| {
            0.5 * x * (1.0 + (slope * (x + 0.044715 * x.powi(3))).tanh())
        });
        assert!(error < 1e-4, "{error}");
    }

    #[test]
    fn far_inputs_stay_finite() {
        assert!((apply::<Gelu>(1e30) / 1e30 - 1.0).abs() < 1e-6);
        assert_eq!(apply::<Gelu>(0.0), 0.0);
        assert!(
            [-1e30, 1e38, -1e38]
                .iter()
                .all(|x| apply::<Gelu>(*x).is_finite())
        );
        assert_eq!(largest_error::<Relu>(|x| x.max(0.0)), 0.0);
    }
}
