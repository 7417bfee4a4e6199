//! `charla export` and `charla import`: a whole store into a file, and out of it.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use charla_server::clock;
use charla_server::settings::StoreSettings;
use charla_server::store::archive::lines::{
    self, ChatName, ChatSum, ChatSums, Counts, FileError, Reader, Summing, Writer,
};
use charla_server::store::archive::{BATCH, Loaded, Record, Table};
use charla_server::store::{self, Committed, Store};
use charla_wire::Lang;
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::{Export, Import};
use crate::config;
use crate::exit::{Exit, Failure, Outcome, runtime};
use crate::screen::Screen;
use crate::words::{self, archive as say};

/// Batches between the store and the file.
const AHEAD: usize = 4;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// One line on a terminal that is written over; nothing anywhere else.
struct Progress {
    seen: bool,
    told: Instant,
}

impl Progress {
    fn new() -> Self {
        Self {
            seen: io::stderr().is_terminal(),
            told: Instant::now(),
        }
    }

    fn tell(&mut self, text: impl FnOnce() -> String) {
        if self.seen && self.told.elapsed() >= TELL_EVERY {
            // Nobody is left to be told when standard error is gone.
            let _ = write!(io::stderr(), "\r\x1b[K{}", text());
            self.told = Instant::now();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.seen {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// The store, and what must be held while it is open.
type Opened = (Arc<dyn Store>, mpsc::Receiver<Vec<Committed>>);

async fn open(settings: &StoreSettings, lang: Lang) -> Result<Opened, Failure> {
    let (sink, committed) = mpsc::channel(1);
    let store = store::open(settings, clock::system(), sink)
        .await
        .map_err(|error| {
            let folder = settings.path.display();
            Failure::failed(match settings.url {
                Some(_) => error.to_string(),
                None => format!("{error}\n{}", words::store_in_use(lang, folder)),
            })
        })?;
    Ok((store, committed))
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100) / whole.max(1)
}

fn rows(counts: &Counts, table: Table) -> u64 {
    counts.get(table.name()).copied().unwrap_or_default()
}

/// Writes the store into a file that is there only once it is whole.
pub(crate) fn export(wanted: &Export, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let settings = config::resolve(&wanted.source, screen)?.settings.store;
    let schema = runtime()?.block_on(store::schema(&settings))?;
    if settings.url.is_none() && schema.found == 0 {
        return Err(Failure::failed(words::no_store(lang, settings.path.display())));
    }
    let told =
        |error: &dyn std::fmt::Display| Failure::failed(say::not_written(lang, wanted.file.display(), error));
    if wanted.file.exists() {
        return Err(told(&io::Error::from(io::ErrorKind::AlreadyExists)));
    }
    let mut part = wanted.file.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut options = File::options();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part);
    let file = file.map_err(|error| told(&error))?;
    let counts = runtime()?.block_on(async {
        let (store, _committed) = open(&settings, lang).await?;
        let counts = write(&*store, file, lang).await;
        store.close().await?;
        counts.map_err(|failure| match failure {
            Failure::Screen(error) => told(&error),
            other @ (Failure::Say(..) | Failure::Told(_)) => other,
        })
    })?;
    fs::rename(&part, &wanted.file).map_err(|error| told(&error))?;
    if wanted.json {
        screen.line(json!({"tables": counts}))?;
    } else {
        let [users, chats, messages] =
            [Table::Users, Table::Chats, Table::Messages].map(|table| rows(&counts, table));
        screen.line(say::exported(lang, wanted.file.display(), users, chats, messages))?;
    }
    Ok(Exit::Done)
}

async fn write(store: &dyn Store, file: File, lang: Lang) -> Result<Counts, Failure> {
    let mut progress = Progress::new();
    let io = |error: FileError| match error {
        FileError::Io(error) => Failure::Screen(error),
        other @ (FileError::Foreign | FileError::Newer(_) | FileError::Line { .. } | FileError::Cut(_)) => {
            Failure::failed(other.to_string())
        }
    };
    let mut writer = Writer::begin(BufWriter::new(file)).map_err(io)?;
    let (sink, batches) = mpsc::channel::<Vec<Record>>(AHEAD);
    let taken = async {
        // Gone at an error: then the dump ends as well.
        let mut batches = batches;
        let mut count = 0;
        while let Some(batch) = batches.recv().await {
            for record in &batch {
                writer.add(record)?;
            }
            count += batch.len();
            progress.tell(|| say::exporting(lang, count));
        }
        Ok(())
    };
    let (dumped, taken) = tokio::join!(store.dump(sink), taken);
    taken.map_err(io)?;
    dumped?;
    let (counts, out) = writer.end().map_err(io)?;
    out.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    Ok(counts)
}

/// Checks a file, takes it into the store, and checks the store.
pub(crate) fn import(wanted: &Import, screen: &mut Screen) -> Outcome {
    let lang = screen.lang;
    let settings = config::resolve(&wanted.source, screen)?.settings.store;
    let bad = |error: &FileError| {
        Failure::failed(say::bad_file(
            lang,
            wanted.file.display(),
            say::file_error(lang, error),
        ))
    };
    let size = fs::metadata(&wanted.file)
        .map_err(|error| bad(&error.into()))?
        .len();
    let (counts, sums) = check(&wanted.file, size, lang).map_err(|error| bad(&error))?;
    let new = runtime()?.block_on(async {
        let (store, _committed) = open(&settings, lang).await?;
        let new = load(&*store, &wanted.file, size, lang).await?;
        verify(&*store, &sums, rows(&counts, Table::Messages), lang).await?;
        store.close().await?;
        Ok::<_, Failure>(new)
    })?;
    if wanted.json {
        screen.line(json!({"tables": counts, "new": new}))?;
    } else {
        let [users, chats, messages] =
            [Table::Users, Table::Chats, Table::Messages].map(|table| rows(&counts, table));
        screen.line(say::imported(lang, users, chats, messages, new))?;
    }
    Ok(Exit::Done)
}

fn reader(file: &Path) -> Result<Reader<BufReader<File>>, FileError> {
    Reader::begin(BufReader::new(File::open(file)?))
}

fn check(file: &Path, size: u64, lang: Lang) -> Result<(Counts, ChatSums), FileError> {
    let mut progress = Progress::new();
    let mut reader = reader(file)?;
    while reader.record()?.is_some() {
        progress.tell(|| say::checking(lang, percent(reader.bytes(), size)));
    }
    Ok(reader.found())
}

async fn load(store: &dyn Store, file: &Path, size: u64, lang: Lang) -> Result<usize, Failure> {
    let mut progress = Progress::new();
    let bad = |error: FileError| {
        Failure::failed(say::bad_file(lang, file.display(), say::file_error(lang, &error)))
    };
    let mut reader = reader(file).map_err(bad)?;
    let mut new = 0;
    loop {
        let (mut batch, mut places) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        while batch.len() < BATCH
            && let Some(record) = reader.record().map_err(bad)?
        {
            batch.push(record);
            places.push(reader.line());
        }
        if batch.is_empty() {
            return Ok(new);
        }
        let names: Vec<String> = batch.iter().map(name).collect();
        let loaded = store.load(batch).await;
        match loaded.map_err(|error| Failure::failed(say::interrupted(lang, error)))? {
            Loaded::All { new: more } => new += more,
            Loaded::Differs { place } => {
                let line = places.get(place).copied().unwrap_or_default();
                let what = names.get(place).cloned().unwrap_or_default();
                return Err(Failure::failed(say::differs(lang, file.display(), line, what)));
            }
        }
        progress.tell(|| say::importing(lang, percent(reader.bytes(), size)));
    }
}

/// What a record is, without anything that is nobody's business: its table and, where that is no secret, its key.
fn name(record: &Record) -> String {
    let keys = match record.table {
        Table::ApiKeys | Table::RefreshTokens | Table::RevokedTokens => 0,
        Table::Tenants
        | Table::Users
        | Table::Chats
        | Table::Members
        | Table::Reads
        | Table::Messages
        | Table::Attachments
        | Table::Notifications
        | Table::Kept => record.table.key(),
    };
    let mut name = record.table.name().to_owned();
    for value in record.values.iter().take(keys) {
        name = format!("{name} {value}");
    }
    name
}

/// Reads the store and compares each chat of the file with it.
async fn verify(store: &dyn Store, sums: &ChatSums, messages: u64, lang: Lang) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let (sink, mut batches) = mpsc::channel::<Vec<Record>>(AHEAD);
    let compared = async {
        let (mut summing, mut missing, mut seen) = (Summing::default(), sums.clone(), 0);
        let agrees = |missing: &mut ChatSums, over: Option<(ChatName, ChatSum)>| {
            if let Some((chat, sum)) = over
                && missing.get(&chat) == Some(&sum)
            {
                missing.remove(&chat);
            }
        };
        while let Some(batch) = batches.recv().await {
            for record in batch.iter().filter(|record| record.table == Table::Messages) {
                let over = summing.next(record, lines::line(record).as_bytes());
                agrees(&mut missing, over);
                seen += 1;
            }
            progress.tell(|| say::verifying(lang, seen, messages));
        }
        agrees(&mut missing, summing.finish());
        missing
    };
    let (dumped, missing) = tokio::join!(store.dump(sink), compared);
    dumped?;
    match missing.keys().next() {
        None => Ok(()),
        Some((tenant, chat)) => Err(Failure::failed(say::unequal(lang, chat, tenant))),
    }
}
