//! The append-only file of a partition.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::core::options::Fsync;
use super::core::record::{self, Extent, Record};
use super::core::store::Change;

/// A file that is written at its end only. What is appended is in the file when it is saved.
#[derive(Debug)]
pub(crate) struct AppendOnlyFile {
    file: Arc<File>,
    unsaved: Vec<u8>,
    fsync: Fsync,
}

impl AppendOnlyFile {
    /// Opens the file, or creates it, and has `restore` see all that is in it. A torn tail is cut.
    pub(crate) fn open(
        path: &Path,
        fsync: Fsync,
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
        Ok(AppendOnlyFile { file: Arc::new(file), unsaved: Vec::new(), fsync })
    }

    pub(crate) fn append(&mut self, key: &[u8], change: &Change) {
        record::encode_change(key, change, &mut self.unsaved);
    }

    pub(crate) fn append_record(&mut self, record: &Record) {
        record.encode(&mut self.unsaved);
    }

    /// How many bytes are not in the file.
    pub(crate) fn unsaved(&self) -> usize {
        self.unsaved.len()
    }

    /// Writes what was appended; under `always` it is on the disk when this returns.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        (&*self.file).write_all(&self.unsaved)?;
        self.unsaved.clear();
        self.unsaved.shrink_to(1 << 20);
        match self.fsync {
            Fsync::Always => self.file.sync_data(),
            Fsync::EverySecond | Fsync::No => Ok(()),
        }
    }

    /// Saves all, on the disk.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.save()?;
        self.file.sync_data()
    }

    /// The file, for whoever writes it to the disk meanwhile.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}
