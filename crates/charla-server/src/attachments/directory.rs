//! A directory of this machine, or of a file system that all nodes share. A file is written beside, `fsync`ed, and then given its
//! name, which no other file can take: what has its name is whole, and stays as it is.
//!
//! The disk is waited for on threads for that purpose, one piece at a time: no thread is held by a client that is slow.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Away, parts_of};
use crate::store::attachments::AttachmentKey;

/// Bytes that are read at once for one download.
const PIECE: usize = 64 * 1024;
/// Within this the next piece of an upload comes.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// Where files are written that are not whole yet.
const PARTS: &str = "parts";

/// Where files lie.
pub(crate) struct Directory {
    root: PathBuf,
}

/// What became of an upload.
#[derive(Debug)]
pub(crate) enum Received {
    /// It is there.
    Whole,
    /// More came than was announced.
    TooMuch,
    /// It ended after so many bytes.
    TooLittle(u64),
    /// It did not come to an end, or not in time.
    BrokenOff,
    /// The disk refuses.
    Away(Away),
}

impl Directory {
    /// Makes it where it is not there, and proves that it can be written to.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let parts = root.join(PARTS);
        fs::create_dir_all(&parts)?;
        let probe = parts.join(format!("{}.probe", Uuid::new_v4().simple()));
        File::options().write(true).create_new(true).open(&probe)?;
        fs::remove_file(&probe)?;
        let root = root.to_owned();
        Ok(Self { root })
    }

    /// `acme/5f/0190…5f`: the last two digits are random, the first ones are a time.
    fn path(&self, key: &AttachmentKey) -> PathBuf {
        let (tenant, name) = parts_of(key);
        let shelf = name.get(name.len().saturating_sub(2)..).unwrap_or_default();
        self.root.join(tenant.as_str()).join(shelf).join(&name)
    }

    /// Takes a file of exactly so many bytes.
    pub(crate) async fn receive(
        &self,
        key: &AttachmentKey,
        bytes: u64,
        body: Body,
        within: Duration,
    ) -> Received {
        let part = self
            .root
            .join(PARTS)
            .join(format!("{}.{}", key.id.simple(), Uuid::new_v4().simple()));
        // Taken away again whatever happens, also when the client goes in the middle.
        let part = Part(part);
        let received = timeout(within, write(&part, bytes, body)).await;
        let file = match received {
            Ok(Ok(file)) => file,
            Ok(Err(received)) => return received,
            Err(_) => return Received::BrokenOff,
        };
        let target = self.path(key);
        let named = spawn_blocking(move || name(&file, &part, &target)).await;
        match named {
            Ok(Ok(())) => Received::Whole,
            Ok(Err(error)) => Received::Away(Away(error.to_string())),
            Err(error) => Received::Away(Away(error.to_string())),
        }
    }

    /// The bytes of a file; `None` when they are not there.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) async fn fetch(&self, key: &AttachmentKey) -> Result<Option<Contents>, Away> {
        let (path, root) = (self.path(key), self.root.clone());
        let opened = spawn_blocking(move || {
            let file = match File::open(path) {
                // A share that is not mounted has no file either, and all of them are still somewhere.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !root.join(PARTS).is_dir() => {
                    return Err(io::Error::other(format!("{} is away", root.display())));
                }
                opened => opened?,
            };
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        });
        match opened.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok((file, bytes)) => Ok(Some(Contents {
                reading: Reading::Idle(Some(file)),
                left: 0..bytes,
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Away(error.to_string())),
        }
    }

    /// Deletes a file, if it is there.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) async fn delete(&self, key: &AttachmentKey) -> Result<(), Away> {
        let path = self.path(key);
        let deleted = spawn_blocking(move || fs::remove_file(path)).await;
        match deleted.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Away(error.to_string())),
        }
    }

    /// Deletes what was begun before `age` and never ended: whoever wrote it was killed.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) async fn clear(&self, age: Duration) -> Result<(), Away> {
        let parts = self.root.join(PARTS);
        let cleared = spawn_blocking(move || clear(&parts, SystemTime::now(), age)).await;
        let cleared = cleared.unwrap_or_else(|error| Err(io::Error::other(error)));
        cleared.map_err(|error| Away(error.to_string()))
    }
}

fn clear(parts: &Path, now: SystemTime, age: Duration) -> io::Result<()> {
    for entry in fs::read_dir(parts)? {
        let entry = entry?;
        // Another node may have taken it away just now.
        let Ok(changed) = entry.metadata().and_then(|about| about.modified()) else {
            continue;
        };
        if now.duration_since(changed).is_ok_and(|since| since > age) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A file that is not whole yet; dropped, it is gone.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "an unfinished attachment could not be deleted");
        }
    }
}

/// Writes a body to the disk piece by piece.
async fn write(part: &Part, bytes: u64, mut body: Body) -> Result<File, Received> {
    let path = part.0.clone();
    let opening = spawn_blocking(move || File::options().write(true).create_new(true).open(path));
    let mut file = settled(opening).await?;
    let mut written: u64 = 0;
    loop {
        let frame = match timeout(PIECE_WITHIN, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) | Err(_) => return Err(Received::BrokenOff),
        };
        let Ok(piece) = frame.into_data() else { continue };
        written = written.saturating_add(piece.len() as u64);
        if written > bytes {
            return Err(Received::TooMuch);
        }
        let writing = spawn_blocking(move || {
            file.write_all(&piece)?;
            Ok(file)
        });
        file = settled(writing).await?;
    }
    if written < bytes {
        return Err(Received::TooLittle(written));
    }
    Ok(file)
}

async fn settled<T>(task: JoinHandle<io::Result<T>>) -> Result<T, Received> {
    let outcome = task.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    outcome.map_err(|error| Received::Away(Away(error.to_string())))
}

/// Makes a whole file durable under its name. A name that is taken is that of an earlier upload of the same file, which counts.
fn name(file: &File, part: &Part, target: &Path) -> io::Result<()> {
    file.sync_all()?;
    let shelf = target.parent().unwrap_or(target);
    if !shelf.is_dir() {
        fs::create_dir_all(shelf)?;
        for made in shelf.ancestors().skip(1).take(2) {
            File::open(made)?.sync_all()?;
        }
    }
    match fs::hard_link(&part.0, target) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    File::open(shelf)?.sync_all()
}

/// A file, or a part of one, on its way to a client.
pub(crate) struct Contents {
    reading: Reading,
    /// Bytes of the file that are still to be read.
    left: Range<u64>,
}

impl Contents {
    /// How many bytes are to come.
    pub(crate) const fn length(&self) -> u64 {
        self.left.end.saturating_sub(self.left.start)
    }

    /// Of a file that is whole, these bytes alone; what lies beyond its end is not to be had.
    pub(crate) fn cut(mut self, part: Range<u64>) -> Self {
        self.left = part.start..part.end.min(self.left.end);
        self
    }
}

enum Reading {
    Idle(Option<File>),
    Busy(JoinHandle<io::Result<(File, Bytes)>>),
}

impl hyper::body::Body for Contents {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.length() == 0 {
            return Poll::Ready(None);
        }
        let (from, most) = (self.left.start, self.length());
        if let Reading::Idle(file) = &mut self.reading {
            let Some(file) = file.take() else {
                return Poll::Ready(None);
            };
            self.reading = Reading::Busy(spawn_blocking(move || read(file, from, most)));
        }
        let Reading::Busy(task) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let outcome =
            ready!(Pin::new(task).poll(context)).unwrap_or_else(|error| Err(io::Error::other(error)));
        match outcome {
            Ok((file, piece)) if !piece.is_empty() => {
                self.left.start = from.saturating_add(piece.len() as u64);
                self.reading = Reading::Idle(Some(file));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Ok(_) => {
                self.reading = Reading::Idle(None);
                Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
            }
            Err(error) => {
                self.reading = Reading::Idle(None);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

/// The next piece of at most so many bytes.
fn read(mut file: File, from: u64, most: u64) -> io::Result<(File, Bytes)> {
    file.seek(SeekFrom::Start(from))?;
    let most = most.min(PIECE as u64);
    let mut piece = Vec::with_capacity(PIECE);
    (&mut file).take(most).read_to_end(&mut piece)?;
    Ok((file, piece.into()))
}
