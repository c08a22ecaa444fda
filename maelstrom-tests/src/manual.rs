//! What eddy says of itself to other programs: completions for shells, and pages for `man`. Both are
//! made from the command line itself, which is handed in, so they cannot disagree with it.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

/// Arguments of `eddy completions`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  eddy completions bash > ~/.local/share/bash-completion/completions/eddy
  eddy completions zsh > ~/.zfunc/_eddy
  eddy completions fish > ~/.config/fish/completions/eddy.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Arguments of `eddy man`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  eddy man test | man -l -                   one page, to read at once
  eddy man --dir ~/.local/share/man/man1     all pages, for `man eddy` and `man eddy-test`")]
pub struct ManArgs {
    /// The command whose page is printed (default: that of eddy itself)
    #[arg(value_name = "COMMAND")]
    of: Option<String>,

    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "of")]
    dir: Option<PathBuf>,
}

/// Prints the completions of this command line.
pub fn completions(args: &CompletionsArgs, mut all: Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut all, "eddy", &mut script);
    // Whoever reads our output may have read enough.
    let _ = io::stdout().write_all(&script);
    ExitCode::SUCCESS
}

/// Prints a page of this command line, or writes them all. The exit status is 2 if that could not
/// be done.
pub fn man(args: &ManArgs, all: Command) -> ExitCode {
    match pages(args, all) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

fn pages(args: &ManArgs, mut all: Command) -> Result<(), String> {
    if let Some(dir) = &args.dir {
        let failed = |error| format!("cannot write the pages to {}: {error}", dir.display());
        std::fs::create_dir_all(dir).map_err(failed)?;
        return clap_mangen::generate_to(all, dir).map_err(failed);
    }
    // Gives commands their full names, such as `eddy-test`.
    all.build();
    let page = match &args.of {
        None => all,
        Some(name) => match all.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err(format!("there is no command `{name}`; `eddy --help` lists them")),
        },
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text).map_err(|error| error.to_string())?;
    let _ = io::stdout().write_all(&text);
    Ok(())
}
