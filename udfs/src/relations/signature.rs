//! Signatures of table functions that take tables.

use crate::functions::call_syntax;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A name, a 'file' or a query in parentheses.
    Table,
    /// The name of a column.
    Column,
    /// A literal text.
    Text,
    /// A whole number of at least one.
    Count,
    /// Any literal number.
    Number,
    /// An expression without columns.
    Value,
}

/// A parameter. Its argument is given by position or by name: `name => value`.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: ParameterKind,
    pub required: bool,
    pub description: &'static str,
}

impl Parameter {
    pub const fn required(
        name: &'static str,
        kind: ParameterKind,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            required: true,
            description,
        }
    }

    pub const fn optional(
        name: &'static str,
        kind: ParameterKind,
        description: &'static str,
    ) -> Self {
        Self {
            required: false,
            ..Self::required(name, kind, description)
        }
    }
}

/// Name, parameters and documentation of a table function.
#[derive(Debug)]
pub struct RelationSignature {
    pub name: &'static str,
    pub parameters: &'static [Parameter],
    pub description: &'static str,
    pub example: &'static str,
}

impl RelationSignature {
    /// `name(a, b [, c])`.
    pub fn syntax(&self) -> String {
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|parameter| (parameter.name, parameter.required));
        call_syntax(self.name, parameters)
    }
}
