//! A server's wall clock in the hands of a test, by the shim that the module's own tests preload.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::server::fresh_folder;

/// A midnight, at which a minute, hour, day and week begin, too.
const START_US: i64 = 1_700_697_600_000_000;
const FROZEN: i64 = 1;

/// A clock that stands still until it is advanced.
#[derive(Clone)]
pub(crate) struct Clock {
    path: PathBuf,
    now_us: Arc<AtomicI64>,
}

impl Clock {
    pub(super) fn new() -> Self {
        let path = fresh_folder().join("clock");
        let clock = Self { path, now_us: Arc::new(AtomicI64::new(START_US)) };
        let fields = [FROZEN, 0, START_US].map(i64::to_ne_bytes).concat();
        fs::write(&clock.path, fields).unwrap();
        clock
    }

    pub(crate) fn advance(&self, time: Duration) {
        let step = i64::try_from(time.as_micros()).unwrap();
        let now = self.now_us.fetch_add(step, Ordering::Relaxed) + step;
        let file = File::options().write(true).open(&self.path).unwrap();
        // The shim has the file mapped and reads the third field.
        file.write_all_at(&now.to_ne_bytes(), 16).unwrap();
    }

    pub(super) fn remove(&self) {
        let _ = self.path.parent().map(fs::remove_dir_all);
    }

    pub(super) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", shim()), ("RL_TEST_CLOCK", self.path.clone())]
    }
}

fn shim() -> PathBuf {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/support/clock_shim.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let fresh = folder.join(format!("clock_shim.{}.so", std::process::id()));
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&fresh).arg(source);
        assert!(cc.status().expect("cc is installed").success(), "the clock shim does not compile");
        let shim = folder.join("clock_shim.so");
        fs::rename(fresh, &shim).unwrap();
        shim
    })
    .clone()
}
