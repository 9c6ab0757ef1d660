//! Manual page, generated from the definition of the command line.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// Page in roff: the command, its subcommands, and the notes at the end of the
/// help.
///
/// # Errors
/// Those of writing to memory.
pub fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    heading("SH", "SUBCOMMANDS", &mut page)?;
    for child in command.get_subcommands() {
        subcommand(child, &mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        notes(&text.to_string(), &mut page)?;
    }
    Ok(page)
}

/// Section of a subcommand with its own options; for a group, the sections of its
/// subcommands.
fn subcommand(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    if command.has_subcommands() {
        return command
            .get_subcommands()
            .try_for_each(|child| subcommand(child, page));
    }
    let own = command.clone().mut_args(|arg| {
        let shared = arg.is_global_set() || arg.get_id() == "help";
        if shared { arg.hide(true) } else { arg }
    });
    let name = own.get_bin_name().unwrap_or(own.get_name()).to_string();
    let man = Man::new(own);
    let mut part = Vec::new();
    man.render_description_section(&mut part)?;
    man.render_options_section(&mut part)?;
    heading("SS", &name, page)?;
    // The headings of a separate page are omitted.
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b".SH ") {
            page.write_all(line)?;
        }
    }
    Ok(())
}

/// Sections of the help's notes: a title that ends in a colon, then lines verbatim.
fn notes(text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    for section in text.trim().split("\n\n") {
        let (title, lines) = section.split_once('\n').unwrap_or((section, ""));
        heading("SH", &title.trim_end_matches(':').to_uppercase(), page)?;
        let mut roff = Roff::new();
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
        roff.to_writer(page)?;
    }
    Ok(())
}

fn heading(level: &str, text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control(level, [text]);
    roff.to_writer(page)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    /// Long options and subcommands at every level.
    fn names(command: &Command, found: &mut Vec<String>) {
        let options = command.get_arguments().filter_map(|arg| arg.get_long());
        found.extend(options.map(|long| format!("--{long}")));
        for child in command.get_subcommands() {
            found.push(child.get_name().to_string());
            names(child, found);
        }
    }

    #[test]
    fn the_page_names_every_option_and_subcommand() {
        let page = String::from_utf8(page(Args::command()).unwrap()).unwrap();
        let page = page.replace("\\-", "-");
        let mut expected = Vec::new();
        names(&Args::command(), &mut expected);
        assert!(expected.len() > 20, "{expected:?}");
        for name in expected {
            assert!(page.contains(&name), "{name} is not in\n{page}");
        }
        assert!(page.contains(".SH \"EXIT CODES\""), "{page}");
    }
}
