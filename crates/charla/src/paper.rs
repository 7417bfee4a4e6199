//! What the command line says about itself to other programs: completions and manual pages.

use crate::args::{self, Completions, Man};
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::Screen;
use crate::words;

/// Prints completions.
pub(crate) fn completions(wanted: &Completions, screen: &mut Screen) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut args::whole(), "charla", &mut script);
    screen.raw(&script)?;
    Ok(Exit::Done)
}

/// Prints the page of the whole, or writes one page a command.
pub(crate) fn man(wanted: &Man, screen: &mut Screen) -> Outcome {
    let Some(folder) = &wanted.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(args::whole()).render(&mut page)?;
        screen.raw(&page)?;
        return Ok(Exit::Done);
    };
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(args::whole(), folder).map_err(failed)?;
    let count = std::fs::read_dir(folder).map_err(failed)?.count();
    screen.line(words::man_written(screen.lang, count, folder.display()))?;
    Ok(Exit::Done)
}
