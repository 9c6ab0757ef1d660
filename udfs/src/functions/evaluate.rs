//! `accuracy`, `macro_f1`, `weighted_f1`, `cohen_kappa` and `confusion_matrix`:
//! aggregates over predictions and true labels. `evaluate_intervals` has those with
//! intervals.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, ListBuilder, StringBuilder, StructBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, Expr, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::evaluation::Confusion;

use super::call_syntax::check_argument_count;
use super::confidence::{ConfidenceArguments, check_literals, coerce_number};
use super::evaluate_intervals::INTERVALS;
use super::evaluation_metric::{EvaluationMetric, MetricValue};

/// Arguments that a call must have: a prediction and a label.
const LABELS: usize = 2;

const METRICS: &[EvaluationMetric] = &[
    EvaluationMetric {
        name: "accuracy",
        description: "The share of rows with a correct prediction, 0 to 1.",
        output_type: float_type,
        value: MetricValue::Figure(|c| Ok(ScalarValue::Float64(c.accuracy()))),
    },
    EvaluationMetric {
        name: "macro_f1",
        description: "The unweighted mean F1 of all true or predicted labels, equal to scikit-learn's \
                    `f1_score(average='macro')`.",
        output_type: float_type,
        value: MetricValue::Figure(|c| Ok(ScalarValue::Float64(c.macro_f1()))),
    },
    EvaluationMetric {
        name: "weighted_f1",
        description: "The mean F1 of all labels, weighted by the number of rows with the label, equal to scikit-learn's \
                    `f1_score(average='weighted')`.",
        output_type: float_type,
        value: MetricValue::Figure(|c| Ok(ScalarValue::Float64(c.weighted_f1()))),
    },
    EvaluationMetric {
        name: "cohen_kappa",
        description: "Agreement of prediction and label beyond chance, at most 1; NULL if all rows have one and the \
                    same label and prediction.",
        output_type: float_type,
        value: MetricValue::Figure(|c| Ok(ScalarValue::Float64(c.cohen_kappa()))),
    },
    EvaluationMetric {
        name: "confusion_matrix",
        description: "Number of rows for each pair of true and predicted label: a list of structs with `label`, \
                    `predicted` (NULL without a prediction) and `count`, sorted by label. `unnest` converts it into rows.",
        output_type: matrix_type,
        value: MetricValue::Figure(matrix),
    },
];

fn float_type() -> DataType {
    DataType::Float64
}

fn entry() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("predicted", DataType::Utf8, true),
        Field::new("count", DataType::UInt64, true),
    ])
}

fn matrix_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(entry()),
        true,
    )))
}

/// Every aggregate of this file, and those with intervals.
pub fn aggregates() -> Vec<AggregateUDF> {
    let all = METRICS
        .iter()
        .chain(INTERVALS)
        .map(|metric| EvaluationUdaf::new(metric).into());
    all.collect()
}

struct EvaluationUdaf {
    metric: &'static EvaluationMetric,
    signature: Signature,
    documentation: LazyLock<Documentation, Box<dyn FnOnce() -> Documentation + Send>>,
}

impl EvaluationUdaf {
    fn new(metric: &'static EvaluationMetric) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        let named = match metric.value {
            MetricValue::Figure(_) => signature.clone(),
            MetricValue::Interval(_) => signature
                .clone()
                .with_parameter_names(["predicted", "label", "confidence"].to_vec())
                .unwrap_or(signature),
        };
        Self {
            metric,
            signature: named,
            documentation: LazyLock::new(Box::new(move || documentation(metric))),
        }
    }
}

fn documentation(metric: &EvaluationMetric) -> Documentation {
    let section = DocSection {
        include: true,
        label: "Evaluation",
        description: None,
    };
    let documentation = Documentation::builder(section, metric.description, metric.syntax())
        .with_argument("predicted", "Prediction; NULL counts as wrong.")
        .with_argument("label", "True label; rows with NULL do not count.");
    let documentation = match metric.value {
        MetricValue::Figure(_) => documentation,
        MetricValue::Interval(_) => {
            documentation.with_argument("confidence", "Literal above 0 and below 1. Default: 0.95.")
        }
    };
    documentation
        .with_sql_example(format!(
            "```sql\nSELECT {}(categorize(title, text), category) FROM labelled;\n```",
            metric.name
        ))
        .build()
}

impl std::fmt::Debug for EvaluationUdaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.metric.name)
    }
}

impl PartialEq for EvaluationUdaf {
    fn eq(&self, other: &Self) -> bool {
        self.metric.name == other.metric.name
    }
}

impl Eq for EvaluationUdaf {}

impl std::hash::Hash for EvaluationUdaf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.metric.name.hash(state);
    }
}

impl AggregateUDFImpl for EvaluationUdaf {
    fn name(&self) -> &str {
        self.metric.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let (name, syntax) = (self.metric.name, self.metric.syntax());
        let most = LABELS + usize::from(self.metric.has_confidence());
        check_argument_count(name, given.len(), LABELS, most, &syntax)?;
        let mut types = vec![DataType::Utf8; LABELS];
        if let Some(confidence) = given.get(LABELS) {
            types.push(coerce_number(name, LABELS, confidence)?);
        }
        Ok(types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok((self.metric.output_type)())
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let name = self.metric.name;
        Some(Box::new(move |call, _| {
            check_literals(name, &call.params.args, LABELS)?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let arguments = ConfidenceArguments::read(self.metric.name, args.exprs, LABELS)?;
        if arguments.column.is_some() {
            return plan_err!(
                "confidence of {} must be a literal, the same for all rows",
                self.metric.name
            );
        }
        Ok(Box::new(ConfusionAccumulator {
            metric: self.metric,
            confidence: arguments.confidence,
            confusion: Confusion::default(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format!("{}[counts]", args.name);
        Ok(vec![Arc::new(Field::new(name, matrix_type(), true))])
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

#[derive(Debug)]
struct ConfusionAccumulator {
    metric: &'static EvaluationMetric,
    confidence: f64,
    confusion: Confusion,
}

impl Accumulator for ConfusionAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (predicted, label) = (values[0].as_string::<i32>(), values[1].as_string::<i32>());
        for (predicted, label) in predicted.iter().zip(label) {
            if let Some(label) = label {
                self.confusion.add(predicted, label, 1);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![matrix(&self.confusion)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            let entries = list.as_struct();
            let (label, predicted) = (
                entries.column(0).as_string::<i32>(),
                entries.column(1).as_string::<i32>(),
            );
            let count = entries
                .column(2)
                .as_primitive::<arrow::datatypes::UInt64Type>();
            for row in 0..entries.len() {
                let predicted = predicted.is_valid(row).then(|| predicted.value(row));
                self.confusion
                    .add(predicted, label.value(row), count.value(row));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.metric.value {
            MetricValue::Figure(value) => value(&self.confusion),
            MetricValue::Interval(value) => value(&self.confusion, self.confidence),
        }
    }

    fn size(&self) -> usize {
        let entry = |(predicted, label, _): (Option<&str>, &str, u64)| {
            64 + predicted.map_or(0, str::len) + label.len()
        };
        size_of_val(self) + self.confusion.entries().map(entry).sum::<usize>()
    }
}

fn matrix(confusion: &Confusion) -> Result<ScalarValue> {
    let builders: Vec<Box<dyn arrow::array::ArrayBuilder>> = vec![
        Box::new(StringBuilder::new()),
        Box::new(StringBuilder::new()),
        Box::new(UInt64Builder::new()),
    ];
    let mut list = ListBuilder::new(StructBuilder::new(entry(), builders));
    for (predicted, label, count) in confusion.entries() {
        let entry = list.values();
        if let Some(builder) = entry.field_builder::<StringBuilder>(0) {
            builder.append_value(label);
        }
        if let Some(builder) = entry.field_builder::<StringBuilder>(1) {
            builder.append_option(predicted);
        }
        if let Some(builder) = entry.field_builder::<UInt64Builder>(2) {
            builder.append_value(count);
        }
        entry.append(true);
    }
    list.append(true);
    ScalarValue::try_from_array(&list.finish(), 0)
}
