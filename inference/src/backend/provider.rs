//! Execution providers of ONNX Runtime that semql supports.

use crate::models::GraphStyle;

/// Execution provider of an accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    Cuda,
    TensorRt,
    WebGpu,
    OpenVino,
    Mlx,
    /// The provider in the library of `ai.ep_library`.
    Library,
}

/// Facts of a provider.
pub(super) struct ProviderFacts {
    pub provider: Provider,
    /// Name in `ai.device`.
    pub name: &'static str,
    /// Name in ONNX Runtime; empty for any.
    pub runtime_name: &'static str,
    /// Whether it is a plugin, in a separate library. The others are in the GPU
    /// builds of ONNX Runtime.
    pub plugin: bool,
    /// Operators that it runs best.
    pub style: GraphStyle,
    /// Options of the plugin.
    pub options: &'static [(&'static str, &'static str)],
    /// Whether it converts a graph of 32-bit floats to 16 bits itself.
    pub converts: bool,
    /// Whether `ai.device = 'auto'` tries it.
    pub auto: bool,
}

/// All providers; `auto` tries them in this order.
pub(super) const PROVIDERS: &[ProviderFacts] = &[
    ProviderFacts {
        provider: Provider::Cuda,
        name: "cuda",
        runtime_name: "CUDAExecutionProvider",
        plugin: false,
        style: GraphStyle::Fused,
        options: &[],
        converts: false,
        auto: true,
    },
    ProviderFacts {
        provider: Provider::TensorRt,
        name: "tensorrt",
        runtime_name: "TensorrtExecutionProvider",
        plugin: false,
        style: GraphStyle::Plain,
        options: &[],
        converts: true,
        // Its first session of a model takes minutes.
        auto: false,
    },
    ProviderFacts {
        provider: Provider::Mlx,
        name: "mlx",
        runtime_name: "MLXExecutionProvider",
        plugin: true,
        style: GraphStyle::Plain,
        options: &[],
        converts: false,
        auto: true,
    },
    ProviderFacts {
        provider: Provider::WebGpu,
        name: "webgpu",
        runtime_name: "WebGpuExecutionProvider",
        plugin: true,
        style: GraphStyle::WebGpu,
        // Without it, token ids are converted on the CPU.
        options: &[("enableInt64", "1")],
        converts: false,
        auto: true,
    },
    ProviderFacts {
        provider: Provider::OpenVino,
        name: "openvino",
        runtime_name: "OpenVINOExecutionProvider",
        plugin: true,
        style: GraphStyle::Plain,
        options: &[],
        converts: false,
        // It does not speed up these graphs on a CPU.
        auto: false,
    },
    ProviderFacts {
        provider: Provider::Library,
        name: "library",
        runtime_name: "",
        plugin: true,
        style: GraphStyle::Plain,
        // Without it, token ids are converted on the CPU.
        options: &[("enableInt64", "1")],
        converts: false,
        auto: false,
    },
];

impl Provider {
    pub(super) fn facts(self) -> &'static ProviderFacts {
        // Every provider has a row, which a test checks.
        PROVIDERS
            .iter()
            .find(|facts| facts.provider == self)
            .unwrap_or(&PROVIDERS[0])
    }

    /// Name in `ai.device`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The graph that it runs best.
    pub fn style(self) -> GraphStyle {
        self.facts().style
    }

    /// Whether it converts a graph of 32-bit floats to 16 bits itself.
    pub fn converts_precision(self) -> bool {
        self.facts().converts
    }

    /// The providers that `ai.device = 'auto'` tries, in their order.
    pub fn automatic() -> impl Iterator<Item = Provider> {
        let automatic = PROVIDERS.iter().filter(|facts| facts.auto);
        automatic.map(|facts| facts.provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_a_row_and_names_are_unique() {
        for provider in [
            Provider::Cuda,
            Provider::TensorRt,
            Provider::WebGpu,
            Provider::OpenVino,
            Provider::Mlx,
            Provider::Library,
        ] {
            assert_eq!(provider.facts().provider, provider);
        }
        for (at, facts) in PROVIDERS.iter().enumerate() {
            assert!(PROVIDERS[..at].iter().all(|other| other.name != facts.name));
        }
    }
}
