//! The process: a partition, which owns some of the keys.
//!
//! It alone writes its table; connections read that by themselves. Changes are appended to the
//! partition's file when the mailbox is empty, all of them together. Under `always` their clients
//! wait until they are on the disk: the more clients there are, the less does that cost each.
//!
//! While the file cannot be written, as the disk is full, what has changed is kept and tried again,
//! and more changes are refused.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use procession::gen_server::Next;
use procession::prelude::*;
use procession::table::{Table, TableError, TableOptions};
use procession::timer;

use super::aof::AppendOnlyFile;
use super::core::deadlines::Deadlines;
use super::core::options::Fsync;
use super::core::record::Record;
use super::core::reply::Reply;
use super::core::store::{Action, Change, Entry, apply};
use super::core::{Bytes, Millis};
use super::losses::Losses;

/// How many clients wait at most before their changes are written, and for how many bytes.
const MAX_GROUP: usize = 1_000;
const MAX_UNSAVED: usize = 1 << 20;

/// How long until a file that could not be written is tried again.
const RETRY_TIME: Duration = Duration::from_secs(1);

/// How many records are read at a time: a process that is killed as it reads ends between them.
const RECORDS_AT_A_TIME: usize = 1_000;

pub(crate) type Rows = Table<Bytes, Entry>;

/// What a partition is started with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The name of its table, and of its process.
    pub(crate) name: Arc<str>,
    pub(crate) path: PathBuf,
    pub(crate) fsync: Fsync,
    pub(crate) losses: Losses,
}

pub(crate) struct Partition {
    rows: Rows,
    deadlines: Deadlines,
    aof: AppendOnlyFile,
    fsync: Fsync,
    /// Who waits for the next save, under `always`, and is told this then.
    waiting: Vec<(ReplyTo<Vec<Reply>>, Vec<Reply>)>,
    /// When it will look for keys that have expired.
    alarm: Option<(Millis, TimerRef)>,
    disk: Disk,
    /// What is replied to changes while the file cannot be written.
    refusal: Option<Reply>,
    losses: Losses,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Something to do to a key.
pub(crate) struct Step {
    pub(crate) key: Bytes,
    pub(crate) action: Action,
}

/// Asks for steps to be done, one after the other; the reply is those of all.
pub(crate) struct Apply(pub(crate) Vec<Step>);

/// Messages are printed before they are handled, in case that the server crashes; so this is short.
impl fmt::Debug for Apply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Apply({} steps)", self.0.len())
    }
}

/// Asks for all keys to be deleted.
#[derive(Debug)]
pub(crate) struct Clear;

/// It may be that keys have expired.
#[derive(Debug)]
struct Alarm;

/// What was written may have to be written to the disk.
#[derive(Debug)]
struct WriteToDisk;

/// The file, which could not be written, is to be tried again.
#[derive(Debug)]
struct TryAgain;

/// The time, in milliseconds since 1970.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

impl GenServer for Partition {
    type Args = Settings;

    fn init(Settings { name, path, fsync, losses }: Settings) -> InitResult<Self> {
        process::set_trap_exit(true); // To save what is not saved.
        let rows = Table::new_with(TableOptions::new().name(name))?;
        let mut deadlines = Deadlines::default();
        let mut restored = Ok(());
        let mut count = 0;
        let restore = |record| {
            count += 1;
            if count % RECORDS_AT_A_TIME == 0 {
                process::checkpoint();
            }
            if restored.is_ok() {
                restored = restore(&rows, &mut deadlines, record);
            }
        };
        let aof = AppendOnlyFile::open(&path, restore).or_exit()?;
        restored?;
        let disk = Disk::new(fsync, aof.file(), losses.clone())?;
        let mut partition = Partition {
            rows,
            deadlines,
            aof,
            fsync,
            waiting: Vec::new(),
            alarm: None,
            disk,
            refusal: None,
            losses,
        };
        partition.set_alarm();
        ready(partition)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Self> {
        handle_info! { message;
            IdleTimeout => {
                self.save()?;
                noreply()
            }
            Alarm => {
                self.expire()?;
                self.then_save(noreply())
            }
            WriteToDisk => {
                self.disk.sync();
                self.then_save(noreply())
            }
            TryAgain => {
                self.save()?;
                noreply()
            }
            Exit { reason, .. } => stop(reason), // Of the process that writes to the disk.
        }
    }

    fn terminate(&mut self, _: &ExitReason) {
        let saved = self.save().and_then(|()| self.aof.write()).and_then(|()| self.aof.sync());
        if let Err(error) = saved {
            self.losses.note(&error);
        }
    }
}

impl HandleCall<Apply> for Partition {
    type Reply = Vec<Reply>;

    fn handle_call(
        &mut self,
        Apply(steps): Apply,
        caller: &Caller<Vec<Reply>>,
    ) -> CallResult<Self, Apply> {
        let now = now();
        let replies = steps.into_iter().map(|step| self.step(step, now));
        let replies = replies.collect::<Result<Vec<Reply>, TableError>>()?;
        self.set_alarm();
        let next = match self.fsync {
            Fsync::Always if self.refusal.is_none() => {
                self.waiting.push((caller.defer(), replies));
                noreply()
            }
            Fsync::Always | Fsync::EverySecond | Fsync::No => reply(replies),
        };
        let is_much = self.waiting.len() >= MAX_GROUP || self.aof.unsaved() >= MAX_UNSAVED;
        if is_much && self.refusal.is_none() {
            self.save()?;
        }
        self.then_save(next)
    }
}

impl HandleCall<Clear> for Partition {
    type Reply = Reply;

    fn handle_call(&mut self, _: Clear, _: &Caller<Reply>) -> CallResult<Self, Clear> {
        if self.refusal.is_none() {
            self.rows.delete_all()?;
            self.deadlines.clear();
            self.aof.append_record(&Record::Clear);
            self.save()?;
        }
        reply(self.refusal.clone().unwrap_or(Reply::OK))
    }
}

impl Partition {
    fn step(&mut self, Step { key, action }: Step, now: Millis) -> Result<Reply, TableError> {
        if let Some(refusal) = self.refusal.as_ref().filter(|_| !action.reads()) {
            return Ok(refusal.clone());
        }
        let row = self.rows.row(&*key)?;
        let (reply, change) = apply(action, row.as_deref(), now);
        self.aof.append(&key, &change);
        change_row(&self.rows, &mut self.deadlines, key, change)?;
        Ok(reply)
    }

    /// Goes on with the next message, and with the save when there is none.
    fn then_save<R>(
        &self,
        next: Result<Next<Self, R>, ExitReason>,
    ) -> Result<Next<Self, R>, ExitReason> {
        let is_saved = self.waiting.is_empty() && self.aof.unsaved() == 0;
        if is_saved || self.refusal.is_some() { next } else { next.timeout(Duration::ZERO) }
    }

    /// Saves what has changed, and tells those who wait for that. If the file cannot be written,
    /// changes are refused until it can. If it is written and then does not get to the disk, this
    /// is an error: nobody knows what is there.
    fn save(&mut self) -> io::Result<()> {
        if self.aof.unsaved() > 0 {
            if let Err(error) = self.aof.write() {
                self.refuse(&error);
                return Ok(());
            }
            if self.fsync == Fsync::Always {
                self.aof.sync()?;
            }
            self.disk.has_changed();
        }
        if self.refusal.take().is_some() {
            log::warn!("{}: it can be written again, and all is saved", self.aof.path());
        }
        self.waiting.drain(..).for_each(|(client, replies)| client.reply(replies));
        Ok(())
    }

    /// Refuses changes, those that wait for the disk, too, until the file can be written.
    fn refuse(&mut self, error: &io::Error) {
        if self.refusal.is_none() {
            let path = self.aof.path();
            log::error!("{path}: changes are refused, as they cannot be saved: {error}");
        }
        let refusal = Reply::misconf(error);
        let refuse = |count| vec![refusal.clone(); count];
        self.waiting.drain(..).for_each(|(client, replies)| client.reply(refuse(replies.len())));
        self.refusal = Some(refusal);
        timer::send_after(RETRY_TIME, process::self_pid(), TryAgain);
    }

    fn expire(&mut self) -> Result<(), TableError> {
        self.alarm = None;
        while let Some(key) = self.deadlines.pop_expired(now()) {
            self.rows.delete(&*key)?;
            self.aof.append(&key, &Change::Remove);
        }
        self.set_alarm();
        Ok(())
    }

    /// Wakes up when the next key expires, if not before.
    fn set_alarm(&mut self) {
        let Some(next) = self.deadlines.next() else { return };
        if self.alarm.as_ref().is_some_and(|(at, _)| *at <= next) {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            timer::cancel(timer);
        }
        let left = Duration::from_millis(u64::try_from(next - now()).unwrap_or(0));
        self.alarm = Some((next, timer::send_after(left, process::self_pid(), Alarm)));
    }
}

/// Does what a record says.
fn restore(rows: &Rows, deadlines: &mut Deadlines, record: Record) -> Result<(), TableError> {
    match record {
        Record::Change(key, change) => change_row(rows, deadlines, key, change),
        Record::Clear => {
            deadlines.clear();
            rows.delete_all()
        }
    }
}

/// Changes what is under a key, and when that expires.
fn change_row(
    rows: &Rows,
    deadlines: &mut Deadlines,
    key: Bytes,
    change: Change,
) -> Result<(), TableError> {
    let row = match change {
        Change::Nothing => return Ok(()),
        Change::Put(_) | Change::ExpireAt(_) | Change::Remove => rows.row(&*key)?,
    };
    let expired = row.as_ref().and_then(|row| row.expires);
    let put = match change {
        Change::Put(entry) => Some(entry),
        Change::ExpireAt(at) => row.map(|row| Entry { expires: Some(at), ..Entry::clone(&row) }),
        Change::Nothing | Change::Remove => None,
    };
    deadlines.change(&key, expired, put.as_ref().and_then(|entry| entry.expires));
    match put {
        Some(entry) => rows.insert(key, entry),
        None => rows.delete(&*key).map(drop),
    }
}

/// Writes the file to the disk once a second if it has changed. That takes long, so a process of
/// its own does it.
#[derive(Debug)]
struct Disk {
    writer: Option<Pid>,
    is_asked: bool,
}

impl Disk {
    fn new(fsync: Fsync, file: Arc<File>, losses: Losses) -> Result<Disk, ExitReason> {
        let writer = match fsync {
            Fsync::Always | Fsync::No => None,
            Fsync::EverySecond => Some(process::spawn_link(move || write_to_disk(&file, &losses))?),
        };
        Ok(Disk { writer, is_asked: false })
    }

    fn has_changed(&mut self) {
        if self.writer.is_some() && !self.is_asked {
            timer::send_after(Duration::from_secs(1), process::self_pid(), WriteToDisk);
            self.is_asked = true;
        }
    }

    fn sync(&mut self) {
        self.is_asked = false;
        self.writer.iter().for_each(|writer| process::send(*writer, WriteToDisk));
    }
}

fn write_to_disk(file: &File, losses: &Losses) -> Result<(), ExitReason> {
    loop {
        receive! {
            WriteToDisk => file.sync_data().inspect_err(|error| losses.note(error))?,
        }
    }
}
