//! Function as the catalogue has it.

/// Function as `pg_proc` has it.
#[derive(Clone, Debug)]
pub struct Procedure {
    pub oid: i32,
    pub name: String,
    pub schema: &'static str,
    /// `f` function, `a` aggregate, `w` window, `p` procedure.
    pub kind: String,
    pub arguments: Vec<ProcedureArgument>,
    pub result: i32,
    pub returns_set: bool,
    pub volatility: &'static str,
    pub description: Option<String>,
}

/// Argument of a function; its name may be empty.
#[derive(Clone, Debug)]
pub struct ProcedureArgument {
    pub name: String,
    pub type_oid: i32,
}

impl Procedure {
    /// The function in a schema.
    pub fn in_schema(self, schema: &'static str) -> Self {
        Self { schema, ..self }
    }
}
