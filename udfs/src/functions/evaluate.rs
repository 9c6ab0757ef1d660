//! `accuracy`, `macro_f1`, `weighted_f1`, `cohen_kappa` and `confusion_matrix`:
//! aggregates over predictions and true labels.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, ListBuilder, StringBuilder, StructBuilder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::evaluation::Confusion;

/// One aggregate: what it is called, gives and means.
struct Figure {
    name: &'static str,
    describes: &'static str,
    gives: fn() -> DataType,
    of: fn(&Confusion) -> Result<ScalarValue>,
}

const FIGURES: &[Figure] = &[
    Figure {
        name: "accuracy",
        describes: "The share of rows whose prediction is the label, 0 to 1.",
        gives: number,
        of: |confusion| Ok(ScalarValue::Float64(confusion.accuracy())),
    },
    Figure {
        name: "macro_f1",
        describes: "The mean F1 of all labels that are true or predicted somewhere, each counting the same, as \
                    scikit-learn's `f1_score(average='macro')`.",
        gives: number,
        of: |confusion| Ok(ScalarValue::Float64(confusion.macro_f1())),
    },
    Figure {
        name: "weighted_f1",
        describes: "The mean F1 of all labels, each counting as often as it is true, as scikit-learn's \
                    `f1_score(average='weighted')`.",
        gives: number,
        of: |confusion| Ok(ScalarValue::Float64(confusion.weighted_f1())),
    },
    Figure {
        name: "cohen_kappa",
        describes: "How much more often prediction and label agree than by chance, 1 at most; NULL where both are the \
                    same one label throughout.",
        gives: number,
        of: |confusion| Ok(ScalarValue::Float64(confusion.cohen_kappa())),
    },
    Figure {
        name: "confusion_matrix",
        describes: "How often each label was predicted for each true one: a list of structs with `label`, `predicted` \
                    (NULL where nothing was) and `count`, in the labels' order. `unnest` makes rows of it.",
        gives: matrix_type,
        of: matrix,
    },
];

fn number() -> DataType {
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

/// Every aggregate of this file.
pub fn aggregates() -> Vec<AggregateUDF> {
    let all = FIGURES.iter().map(|figure| Evaluate::new(figure).into());
    all.collect()
}

struct Evaluate {
    figure: &'static Figure,
    signature: Signature,
    documentation: LazyLock<Documentation, Box<dyn FnOnce() -> Documentation + Send>>,
}

impl Evaluate {
    fn new(figure: &'static Figure) -> Self {
        Self {
            figure,
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: LazyLock::new(Box::new(move || documentation(figure))),
        }
    }
}

fn documentation(figure: &Figure) -> Documentation {
    let section = DocSection {
        include: true,
        label: "Evaluation",
        description: None,
    };
    let syntax = format!("{}(predicted, label)", figure.name);
    Documentation::builder(section, figure.describes, syntax)
        .with_argument("predicted", "What was said; NULL counts as wrong.")
        .with_argument("label", "What is true; rows where it is NULL do not count.")
        .with_sql_example(format!(
            "```sql\nSELECT {}(categorize(title, text), category) FROM labelled;\n```",
            figure.name
        ))
        .build()
}

impl std::fmt::Debug for Evaluate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.figure.name)
    }
}

impl PartialEq for Evaluate {
    fn eq(&self, other: &Self) -> bool {
        self.figure.name == other.figure.name
    }
}

impl Eq for Evaluate {}

impl std::hash::Hash for Evaluate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.figure.name.hash(state);
    }
}

impl AggregateUDFImpl for Evaluate {
    fn name(&self) -> &str {
        self.figure.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [_, _] => Ok(vec![DataType::Utf8; 2]),
            _ => exec_err!(
                "{}(predicted, label) takes two arguments, and {} are given",
                self.figure.name,
                given.len()
            ),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok((self.figure.gives)())
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Counting {
            figure: self.figure,
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
struct Counting {
    figure: &'static Figure,
    confusion: Confusion,
}

impl std::fmt::Debug for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Accumulator for Counting {
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
        (self.figure.of)(&self.confusion)
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
