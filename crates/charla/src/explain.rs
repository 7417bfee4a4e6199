//! `charla explain`: names the cause in pasted logs, or says what a code means.

use crate::args::Explain;
use crate::exit::Outcome;
use crate::screen::Screen;

/// Reads and tells.
pub(crate) fn run(wanted: &Explain, screen: &mut Screen) -> Outcome {
    use charla_doctor::evidence::Evidence;
    use charla_doctor::explain::Reader;
    use charla_doctor::report::Report;

    let mut reader = Reader::new(false);
    for source in &wanted.sources {
        let file =
            std::fs::File::open(source).map_err(|why| crate::exit::Failure::failed(why.to_string()))?;
        reader.read(source, None, std::io::BufReader::new(file), None)?;
    }
    let evidence = Evidence {
        logs: reader.finish(),
        ..Evidence::default()
    };
    super::doctor::tell(&Report::new(evidence, screen.lang, None), wanted.telling, screen)
}
