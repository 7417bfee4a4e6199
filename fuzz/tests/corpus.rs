//! Every file of every corpus is read by its target, in seconds and without an engine: what was found once is never found again.

use std::path::Path;

use charla_fuzz::{TARGETS, named};

#[test]
fn every_corpus_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS {
        let folder = root.join(target.name);
        let files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a folder can be read").path())
            .collect();
        assert!(!files.is_empty(), "{}: no seeds", target.name);
        for file in &files {
            let bytes = std::fs::read(file).expect("a file can be read");
            let read = std::panic::catch_unwind(|| (target.run)(&bytes));
            assert!(read.is_ok(), "{} fails on {}", target.name, file.display());
        }
        println!("{}: {} files", target.name, files.len());
    }
}

#[test]
fn every_folder_has_its_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in std::fs::read_dir(root).expect("the corpus is there") {
        let name = entry.expect("a folder can be read").file_name();
        let name = name.to_string_lossy();
        assert!(named(&name).is_some(), "{name}: no such target");
    }
}
