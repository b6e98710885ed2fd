//! The append-only file of a partition.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use super::core::record::{self, Extent, Record};
use super::core::store::Change;

/// A file that is written at its end only. What is appended is in the file when it is written.
#[derive(Debug)]
pub(crate) struct AppendOnlyFile {
    path: PathBuf,
    file: Arc<File>,
    unsaved: Vec<u8>,
}

impl AppendOnlyFile {
    /// Opens the file, or creates it, and has `restore` see all that is in it. A torn tail is cut.
    pub(crate) fn open(
        path: &Path,
        restore: impl FnMut(Record),
    ) -> Result<AppendOnlyFile, Box<dyn Error + Send + Sync>> {
        let about = |error: &dyn Error| format!("{}: {error}", path.display());
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let file = file.map_err(|error| about(&error))?;
        let Extent { whole, torn } =
            record::read_all(&file, restore).map_err(|error| about(&error))?;
        if torn > 0 {
            let path = path.display();
            log::warn!("{path}: the last record is torn: {torn} bytes are cut, {whole} are left");
            file.set_len(whole)?;
        }
        file.sync_all()?;
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?; // The name of the file, too, is to outlive a power cut.
        }
        Ok(AppendOnlyFile { path: path.into(), file: Arc::new(file), unsaved: Vec::new() })
    }

    pub(crate) fn append(&mut self, key: &[u8], change: &Change) {
        record::encode_change(key, change, &mut self.unsaved);
    }

    pub(crate) fn append_record(&mut self, record: &Record) {
        record.encode(&mut self.unsaved);
    }

    pub(crate) fn path(&self) -> path::Display<'_> {
        self.path.display()
    }

    /// How many bytes are not in the file.
    pub(crate) fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    /// Writes what was appended. What cannot be written is kept, and can be tried again.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        while !self.unsaved.is_empty() {
            match (&*self.file).write(&self.unsaved) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => drop(self.unsaved.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsaved.shrink_to(1 << 20);
        Ok(())
    }

    /// Has what was written on the disk when this returns.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The file, for whoever writes it to the disk meanwhile.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}
