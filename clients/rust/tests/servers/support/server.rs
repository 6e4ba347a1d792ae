//! A real redis-server with the real module, for one test.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis_rl::redis::aio::MultiplexedConnection;
use redis_rl::redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue};

use super::{Clock, PATIENCE};

/// It ends with the test; where the test fails, its log is shown.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    clock: Option<Clock>,
    process: Option<Child>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&["--loadmodule", &module()], None)
    }

    /// One whose clock stands still until the test moves it.
    pub(crate) fn clocked() -> (Self, Clock) {
        let clock = Clock::new();
        (Self::with(&["--loadmodule", &module()], Some(clock.clone())), clock)
    }

    pub(crate) fn without_module() -> Self {
        Self::with(&[], None)
    }

    pub(crate) fn with(arguments: &[&str], clock: Option<Clock>) -> Self {
        let mut server = Self {
            port: 0,
            folder: fresh_folder(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            clock,
            process: None,
        };
        for attempts_left in [2, 1, 0] {
            server.port = free_port();
            match server.launch() {
                Ok(()) => break,
                Err(taken) if taken.contains("Address already in use") && attempts_left > 0 => {}
                Err(failed) => panic!("redis-server does not start\n{failed}"),
            }
        }
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(self.url()).unwrap()
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = self.client();
        client.get_multiplexed_async_connection_with_config(&unhurried()).await.unwrap()
    }

    /// Send words, as in redis-cli.
    pub(crate) async fn say<T: FromRedisValue>(&self, words: &str) -> T {
        let mut command = Cmd::new();
        command.arg(words.split(' ').collect::<Vec<_>>());
        self.command(command).await
    }

    pub(crate) async fn command<T: FromRedisValue>(&self, command: Cmd) -> T {
        command.query_async(&mut self.connection().await).await.unwrap()
    }

    /// How many commands of this name were called, refused ones included.
    pub(crate) async fn calls(&self, name: &str) -> u64 {
        let info: String = self.say("INFO commandstats").await;
        let line =
            info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }

    /// Freeze it, as a hung machine does.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// End it as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Start it again on its port, with other arguments.
    pub(crate) fn restart(&mut self, arguments: &[&str]) {
        self.kill();
        self.arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        self.revive();
    }

    /// Start it again as it was.
    pub(crate) fn revive(&mut self) {
        self.launch().unwrap_or_else(|log| panic!("redis-server does not start again\n{log}"));
    }

    fn signal(&self, name: &str) {
        let pid = self.process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn launch(&mut self) -> Result<(), String> {
        let log = File::create(self.log()).unwrap();
        // setpriv ends the server with the test, should that die unawares.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "redis-server", "--bind", "127.0.0.1", "--save", ""])
            .args(["--port", &self.port.to_string(), "--enable-module-command", "yes"])
            .arg("--dir")
            .arg(&self.folder)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if let Some(clock) = &self.clock {
            command.envs(clock.environment());
        }
        let mut process = command.spawn().expect("redis-server and setpriv are installed");
        let began = Instant::now();
        while !self.read_log().contains("Ready to accept connections") {
            let ended = process.try_wait().unwrap().is_some();
            if ended || began.elapsed() > PATIENCE {
                let _ = process.kill();
                let _ = process.wait();
                return Err(self.read_log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.process = Some(process);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn read_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let log = self.read_log();
        let crashed = log.contains("BUG REPORT START") || log.contains("panicked at");
        if std::thread::panicking() || crashed {
            eprintln!("The server on port {} wrote:\n{log}", self.port);
        }
        let _ = fs::remove_dir_all(&self.folder);
        self.clock.iter().for_each(Clock::remove);
        assert!(std::thread::panicking() || !crashed, "the server crashed");
    }
}

/// The module under test; a missing one fails the test.
pub(crate) fn module() -> String {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/libredis_rl.so");
    let path = std::env::var("RL_MODULE").unwrap_or_else(|_| built.to_owned());
    assert!(Path::new(&path).exists(), "{path} is not there: run `make build`, or set RL_MODULE");
    path
}

/// By itself redis-rs waits half a second for a reply.
pub(crate) fn unhurried() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
}

/// One above those that the system gives to outgoing connections by itself, and that no other test
/// of this process gets: a server that is started again finds it free, and nothing answers where
/// one was ended.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let random = || 61_000 + RandomState::new().build_hasher().finish() % (65_536 - 61_000);
    std::iter::repeat_with(|| u16::try_from(random()).unwrap())
        .find(|port| given.insert(*port) && free(port))
        .unwrap()
}

pub(crate) fn fresh_folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("rl-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}
