//! Run-time choice of the instruction set.

use std::fmt;

/// Instruction set of the kernels. A value exists only for sets that this machine supports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Isa(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The fastest instruction set of this machine.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// All instruction sets of this machine, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if avx512 && is_x86_feature_detected!("avx512vnni") {
                found.push(Self(Level::Avx512Vnni));
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                found.push(Self(Level::AvxVnni));
            }
            if avx2 {
                found.push(Self(Level::Avx2));
            }
        }
        found.push(Self(Level::Portable));
        found
    }

    /// Name as in the features of a CPU: `avx512-vnni`, `avx-vnni`, `avx2` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            Level::Portable => "portable",
        }
    }

    /// Whether the kernels run as plain code, without instructions for them.
    pub fn is_portable(self) -> bool {
        self.0 == Level::Portable
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Defines `fn $name(isa, arguments)`, which runs `$generic::<Kernel>(arguments)` compiled for `isa`.
///
/// `$generic` must be `#[inline(always)]`, so that it takes the target features of its wrapper.
macro_rules! per_isa {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $generic:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name(isa: $crate::isa::Isa, $($arg: $ty),*) {
            match isa.level() {
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::Avx512Vnni => {
                    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
                    fn run($($arg: $ty),*) {
                        $generic::<$crate::gemm::Avx512Vnni>($($arg),*)
                    }
                    // SAFETY: `Isa` values exist only for instruction sets detected on this machine.
                    unsafe { run($($arg),*) }
                }
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::AvxVnni => {
                    #[target_feature(enable = "avxvnni,avx2,fma,f16c")]
                    fn run($($arg: $ty),*) {
                        $generic::<$crate::gemm::AvxVnni>($($arg),*)
                    }
                    // SAFETY: as above.
                    unsafe { run($($arg),*) }
                }
                #[cfg(target_arch = "x86_64")]
                $crate::isa::Level::Avx2 => {
                    #[target_feature(enable = "avx2,fma,f16c")]
                    fn run($($arg: $ty),*) {
                        $generic::<$crate::gemm::Avx2>($($arg),*)
                    }
                    // SAFETY: as above.
                    unsafe { run($($arg),*) }
                }
                $crate::isa::Level::Portable => $generic::<$crate::gemm::Portable>($($arg),*),
            }
        }
    };
}
pub(crate) use per_isa;
