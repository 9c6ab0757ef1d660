use super::lanes::{Chunk, Floats, LANES};

/// Arrays, which the compiler vectorizes (NEON on ARM).
#[derive(Clone, Copy)]
pub(crate) struct FloatsPortable(Chunk);

const FUSED: bool = cfg!(target_arch = "aarch64");

impl FloatsPortable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|l| f(self.0[l], other.0[l])))
    }

    #[inline(always)]
    fn merge(self, f: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = self.0;
        for width in [8, 4, 2, 1] {
            for l in 0..width {
                lanes[l] = f(lanes[l], lanes[l + width]);
            }
        }
        lanes[0]
    }
}

impl Floats for FloatsPortable {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(values: &Chunk) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn store(self, out: &mut Chunk) {
        *out = self.0;
    }

    #[inline(always)]
    fn from_integers(values: &[i32; LANES]) -> Self {
        Self(values.map(|v| v as f32))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let fused = |l: usize| {
            let (a, b, c) = (self.0[l], factor.0[l], addend.0[l]);
            if FUSED { a.mul_add(b, c) } else { a * b + c }
        };
        Self(std::array::from_fn(fused))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }

    #[inline(always)]
    fn add_exponent(self, integer: Self) -> Self {
        self.zip(integer, |a, n| {
            f32::from_bits(a.to_bits().wrapping_add(n.to_bits() << 23))
        })
    }

    #[inline(always)]
    fn store_low_bytes(self, out: &mut [u8; LANES]) {
        *out = self.0.map(|v| v.to_bits() as u8);
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.merge(|a, b| a + b)
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.merge(|a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn smallest(self) -> f32 {
        self.merge(|a, b| if a < b { a } else { b })
    }
}
