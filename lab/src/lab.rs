//! Where a run stands: its folder, its programs, and the stacks that scenarios of one family share.

use std::any::Any;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use charla_ground::{Failure, Outcome};
use tempfile::TempDir;

/// What the lab's Django signs tokens with, and what the doctor finds in its environment.
pub(crate) const KEY: &str = "a-key-of-the-laboratory-alone-0123456789";

/// A run.
pub(crate) struct Lab {
    folder: TempDir,
    root: PathBuf,
    /// The program that is tried.
    pub(crate) charla: PathBuf,
    /// Has Django and all that belongs to it.
    pub(crate) python: PathBuf,
    shared: HashMap<String, Rc<dyn Any>>,
    lasting: HashMap<String, Rc<dyn Any>>,
    made: u32,
}

impl Lab {
    /// In a folder of its own, which is gone afterwards unless it is kept.
    pub(crate) fn open(charla: PathBuf, keep: bool) -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap_or(Path::new("."));
        let tools = charla
            .parent()
            .and_then(Path::parent)
            .map(|target| target.join("tools/python/bin/python"));
        let python = std::env::var_os("CHARLA_TOOLS_PYTHON")
            .map_or(tools, |folder| Some(PathBuf::from(folder).join("bin/python")));
        let python = python.filter(|python| python.is_file());
        let python = python.ok_or_else(|| {
            Failure::Lacking("Django and its like: `cargo xtask test` installs them".to_owned())
        })?;
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("charla-lab-").disable_cleanup(keep).tempdir()?;
        // nginx's workers run as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            folder,
            root: root.to_owned(),
            charla,
            python,
            shared: HashMap::new(),
            lasting: HashMap::new(),
            made: 0,
        })
    }

    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The Django project as it stands in the repository.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.join("lab/project")
    }

    /// A new folder.
    pub(crate) fn new_folder(&mut self, name: &str) -> Outcome<PathBuf> {
        self.made += 1;
        let folder = self.folder.path().join(format!("{name}-{}", self.made));
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// A stack that several scenarios of a family look at, made by the first of them.
    pub(crate) fn shared<T: 'static>(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<Rc<T>> {
        if let Some(found) = self
            .shared
            .get(name)
            .and_then(|found| Rc::clone(found).downcast().ok())
        {
            return Ok(found);
        }
        let made = Rc::new(make(self)?);
        let kept: Rc<dyn Any> = Rc::<T>::clone(&made);
        self.shared.insert(name.to_owned(), kept);
        Ok(made)
    }

    /// The same for what lasts until the end of the run and no doctor sees: a filled database, certificates.
    pub(crate) fn lasting<T: 'static>(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<Rc<T>> {
        if let Some(found) = self
            .lasting
            .get(name)
            .and_then(|found| Rc::clone(found).downcast().ok())
        {
            return Ok(found);
        }
        let made = Rc::new(make(self)?);
        let kept: Rc<dyn Any> = Rc::<T>::clone(&made);
        self.lasting.insert(name.to_owned(), kept);
        Ok(made)
    }

    /// Ends what the last family shared.
    pub(crate) fn clear(&mut self) {
        self.shared.clear();
    }
}
