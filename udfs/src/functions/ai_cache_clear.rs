//! `ai_cache_clear()`.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::planning;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection {
            include: true,
            label: "AI Functions",
            description: None,
        },
        "Clears the cache in `ai.cache` for all sessions that share it, and returns the number of vectors that it had.",
        "ai_cache_clear()",
    )
    .with_sql_example("```sql\nSELECT ai_cache_clear();\n```")
    .build()
});

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AiCacheClear {
    options: AiOptions,
    signature: Signature,
}

impl AiCacheClear {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            // Volatile: planning must not run it.
            signature: Signature::nullary(Volatility::Volatile),
        }
    }
}

impl ScalarUDFImpl for AiCacheClear {
    fn name(&self) -> &str {
        "ai_cache_clear"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        Some(Self::new(planning::updated_options(config, &self.options)).into())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if !self.options.runtime.limits().clear_cache {
            return Err(to_datafusion(Error::Forbidden(
                "ai_cache_clear() is not allowed here, because other sessions share the cache: \
                 ask the administrator to clear it"
                    .to_string(),
            )));
        }
        let removed = blocking(|| -> Result<u64, Error> {
            match self.options.runtime.cache(&self.options.settings)? {
                Some(cache) => cache.clear().map_err(|e| Error::Failed(e.to_string())),
                None => Ok(0),
            }
        })
        .map_err(to_datafusion)?;
        Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(
            removed as i64,
        ))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::prelude::SessionContext;

    use crate::{Error, Runtime, RuntimeLimits, find_error, register_with};

    #[tokio::test]
    async fn limits_can_forbid_clearing_the_cache() {
        let (ctx, runtime) = (SessionContext::new(), Arc::new(Runtime::new()));
        register_with(&ctx, Arc::clone(&runtime)).unwrap();
        let sql = "SELECT ai_cache_clear()";
        assert!(ctx.sql(sql).await.unwrap().collect().await.is_ok());
        runtime.set_limits(RuntimeLimits {
            clear_cache: false,
            ..RuntimeLimits::default()
        });
        let error = ctx.sql(sql).await.unwrap().collect().await.unwrap_err();
        assert!(matches!(find_error(&error), Some(Error::Forbidden(_))));
    }
}
