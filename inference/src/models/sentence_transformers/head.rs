//! Modules after the pooling: Dense, LayerNorm and Normalize.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::modules::{ModuleFolder, ModuleKind};
use crate::models::ModelError;
use crate::models::activation::Activation;
use crate::models::json::read_json;

/// Input and output of modules that work on the vector of a text.
const SENTENCE_VECTOR: &str = "sentence_embedding";

/// Activation of a Dense module that names none.
const DEFAULT_ACTIVATION: &str = "torch.nn.modules.activation.Tanh";

/// One module after the pooling.
#[derive(Clone, Debug, PartialEq)]
pub enum HeadModule {
    Dense(DenseModule),
    /// Layer normalization of `dims` values, with weights in `path`.
    LayerNorm {
        path: PathBuf,
        dims: usize,
    },
    Normalize,
}

/// `activation(x * W + b)`, plus `x` or its projection where it is residual.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseModule {
    /// Folder of the weights, relative to the model's.
    pub path: PathBuf,
    pub inputs: usize,
    pub outputs: usize,
    pub bias: bool,
    pub activation: Activation,
    pub residual: bool,
}

#[derive(Deserialize)]
struct DenseConfig {
    in_features: usize,
    out_features: usize,
    #[serde(default = "enabled")]
    bias: bool,
    activation_function: Option<String>,
    #[serde(default)]
    use_residual: bool,
}

#[derive(Deserialize)]
struct LayerNormConfig {
    dimension: usize,
}

#[derive(Deserialize)]
struct ModuleInputs {
    module_input_name: Option<String>,
    module_output_name: Option<String>,
}

fn enabled() -> bool {
    true
}

impl HeadModule {
    /// The configuration of `module` of the model in `folder`; `None` for a module
    /// that changes nothing.
    ///
    /// # Errors
    /// A missing or damaged configuration, or an unsupported option.
    pub(in crate::models) fn read(
        folder: &Path,
        module: &ModuleFolder,
    ) -> Result<Option<Self>, ModelError> {
        let path = folder.join(&module.path).join("config.json");
        match module.kind {
            ModuleKind::Dense => {
                check_inputs(&path)?;
                DenseModule::read(&path, &module.path).map(|dense| Some(Self::Dense(dense)))
            }
            ModuleKind::LayerNorm => {
                let config: LayerNormConfig = required(&path, "LayerNorm")?;
                Ok(Some(Self::LayerNorm {
                    path: module.path.clone(),
                    dims: config.dimension,
                }))
            }
            ModuleKind::Normalize => {
                // Older versions write no configuration.
                if !module.path.as_os_str().is_empty() {
                    check_inputs(&path)?;
                }
                Ok(Some(Self::Normalize))
            }
            ModuleKind::Dropout | ModuleKind::Transformer | ModuleKind::Pooling => Ok(None),
        }
    }

    /// Dimensions after this module of a vector with `dims` before it, or the
    /// dimensions that it needs.
    pub(in crate::models) fn output_dims(&self, dims: usize) -> Result<usize, usize> {
        match self {
            Self::Dense(dense) if dense.inputs == dims => Ok(dense.outputs),
            Self::Dense(dense) => Err(dense.inputs),
            Self::LayerNorm { dims: own, .. } if *own != dims => Err(*own),
            Self::LayerNorm { .. } | Self::Normalize => Ok(dims),
        }
    }

    /// The folder of the weights, relative to the model's; `None` without weights.
    pub fn weights_path(&self) -> Option<&Path> {
        match self {
            Self::Dense(dense) => Some(&dense.path),
            Self::LayerNorm { path, .. } => Some(path),
            Self::Normalize => None,
        }
    }
}

impl DenseModule {
    fn read(path: &Path, folder: &Path) -> Result<Self, ModelError> {
        let config: DenseConfig = required(path, "Dense")?;
        let activation = config
            .activation_function
            .as_deref()
            .unwrap_or(DEFAULT_ACTIVATION);
        let activation =
            Activation::from_torch(activation).ok_or_else(|| ModelError::Unsupported {
                what: format!("a Dense module with the activation {activation:.80?}"),
                path: path.to_path_buf(),
                hint:
                    "choose a model whose Dense modules have the activation Identity, Tanh, ReLU, \
                       GELU, SiLU or Sigmoid of torch.nn"
                        .to_string(),
            })?;
        if config.out_features == 0 {
            return Err(ModelError::corrupt(path, "out_features is 0"));
        }
        Ok(Self {
            path: folder.to_path_buf(),
            inputs: config.in_features,
            outputs: config.out_features,
            bias: config.bias,
            activation,
            residual: config.use_residual,
        })
    }
}

fn required<T: serde::de::DeserializeOwned>(path: &Path, module: &str) -> Result<T, ModelError> {
    read_json(path)?.ok_or_else(|| ModelError::Missing {
        what: format!("the configuration of the {module} module in modules.json"),
        path: path.to_path_buf(),
        hint: "copy or download all folders of the model".to_string(),
    })
}

/// Checks that a module works on the vector of a text.
fn check_inputs(path: &Path) -> Result<(), ModelError> {
    let inputs: Option<ModuleInputs> = read_json(path)?;
    let names = inputs.and_then(|inputs| {
        [inputs.module_input_name, inputs.module_output_name]
            .into_iter()
            .flatten()
            .find(|name| name != SENTENCE_VECTOR)
    });
    match names {
        None => Ok(()),
        Some(name) => Err(ModelError::Unsupported {
            what: format!("a module that reads or writes {name:.80?}"),
            path: path.to_path_buf(),
            hint: "choose a model whose modules work on the vector of a text".to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(kind: ModuleKind, config: Option<Value>) -> Result<Option<HeadModule>, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("2")).unwrap();
        if let Some(config) = config {
            std::fs::write(folder.path().join("2/config.json"), config.to_string()).unwrap();
        }
        let path = PathBuf::from("2");
        HeadModule::read(folder.path(), &ModuleFolder { kind, path })
    }

    #[test]
    fn a_dense_module_has_bias_and_tanh_by_default() {
        let config = json!({"in_features": 4, "out_features": 2, "activation_function": null});
        let module = read(ModuleKind::Dense, Some(config)).unwrap().unwrap();
        assert_eq!(module.output_dims(4), Ok(2));
        assert_eq!(module.output_dims(5), Err(4));
        let HeadModule::Dense(dense) = module else {
            panic!("{module:?}")
        };
        assert!(dense.bias && !dense.residual);
        assert_eq!(dense.activation, Activation::Tanh);
    }

    #[test]
    fn options_that_are_not_supported_are_refused() {
        let dense = |member: &str, value: Value| {
            let mut config = json!({"in_features": 4, "out_features": 2});
            config[member] = value;
            read(ModuleKind::Dense, Some(config))
        };
        for (member, value) in [
            (
                "activation_function",
                json!("torch.nn.modules.activation.PReLU"),
            ),
            ("activation_function", json!("os.system")),
            ("module_input_name", json!("token_embeddings")),
            ("module_output_name", json!("other")),
            ("in_features", json!(-1)),
            ("out_features", json!(0)),
            ("out_features", json!(1e300)),
            ("bias", json!("yes")),
        ] {
            let error = dense(member, value).unwrap_err().to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        assert!(read(ModuleKind::Dense, None).is_err());
        assert!(read(ModuleKind::LayerNorm, None).is_err());
        assert_eq!(
            read(ModuleKind::Normalize, None).unwrap(),
            Some(HeadModule::Normalize)
        );
        assert_eq!(read(ModuleKind::Dropout, None).unwrap(), None);
    }
}
