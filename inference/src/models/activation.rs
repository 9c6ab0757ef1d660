//! Activation functions of encoders and of Dense modules.

/// Activation function of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Identity,
    Tanh,
    Relu,
    /// With the error function.
    Gelu,
    /// The approximation with tanh.
    GeluTanh,
    Silu,
    Sigmoid,
}

/// Classes of PyTorch, as Dense modules name them after `torch.`.
const TORCH_CLASSES: &[(&str, Activation)] = &[
    ("Identity", Activation::Identity),
    ("Tanh", Activation::Tanh),
    ("ReLU", Activation::Relu),
    ("GELU", Activation::Gelu),
    ("SiLU", Activation::Silu),
    ("Sigmoid", Activation::Sigmoid),
];

/// Values of `hidden_act` in `config.json`.
const TRANSFORMERS_NAMES: &[(&str, Activation)] = &[
    ("linear", Activation::Identity),
    ("tanh", Activation::Tanh),
    ("relu", Activation::Relu),
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("sigmoid", Activation::Sigmoid),
];

impl Activation {
    /// The activation that PyTorch names `torch.nn.modules.activation.Tanh`.
    pub(super) fn from_torch(class: &str) -> Option<Self> {
        let name = class.strip_prefix("torch.nn.")?.rsplit('.').next()?;
        find(TORCH_CLASSES, name)
    }

    /// The activation of this name in `config.json`.
    pub(super) fn from_config(name: &str) -> Option<Self> {
        find(TRANSFORMERS_NAMES, name)
    }
}

fn find(names: &[(&str, Activation)], name: &str) -> Option<Activation> {
    names
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, activation)| *activation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_pytorch_and_transformers() {
        let torch = Activation::from_torch;
        assert_eq!(
            torch("torch.nn.modules.linear.Identity"),
            Some(Activation::Identity)
        );
        assert_eq!(
            torch("torch.nn.modules.activation.Tanh"),
            Some(Activation::Tanh)
        );
        assert_eq!(torch("torch.nn.modules.activation.PReLU"), None);
        assert_eq!(torch("os.system.Tanh"), None);
        assert_eq!(
            Activation::from_config("gelu_new"),
            Some(Activation::GeluTanh)
        );
        assert_eq!(Activation::from_config("Gelu"), None);
    }
}
