//! `\conninfo`: the session of this shell.

use super::call::Action;
use crate::error::Result;
use crate::shell::Shell;

pub async fn info(shell: &mut Shell) -> Result<Action> {
    let state = shell.session.ctx.state();
    let catalog = &state.config_options().catalog;
    let folder = std::env::current_dir()?;
    let dictionary = match shell.session.dictionary.path() {
        Some(path) => path.display().to_string(),
        None => "none".to_string(),
    };
    let lines = [
        (
            "Engine",
            format!("semql {}, in this process", env!("CARGO_PKG_VERSION")),
        ),
        ("Database", catalog.default_catalog.clone()),
        ("Schema", catalog.default_schema.clone()),
        ("Folder", folder.display().to_string()),
        ("Data dictionary", dictionary),
        ("Memory limit", shell.session.memory_limit_shown()),
    ];
    let lines: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    shell.write_text(&lines.join("\n"))?;
    Ok(Action::Continue)
}
