//! The example app as a process.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::server::{free_port, fresh_folder};

/// Lets its checks and its connecting have more time than a busy machine takes.
pub(crate) const PATIENT: (&str, &str) = ("RL_TIMEOUT_MS", "60000");

/// It ends with the test; where the test fails, what it wrote is shown.
pub(crate) struct App {
    pub(crate) port: u16,
    folder: PathBuf,
    process: Child,
}

impl App {
    /// Start it and wait until it answers.
    pub(crate) fn start(environment: &[(&str, &str)]) -> Self {
        let mut app = Self::launch(environment);
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", app.port)).is_err() {
            let ended = app.process.try_wait().unwrap();
            assert!(ended.is_none(), "the app ended: {ended:?}\n{}", app.log());
            assert!(began.elapsed() < PATIENCE, "the app does not listen\n{}", app.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        app
    }

    /// Start it where it is to end by itself: how it ended and what it wrote.
    pub(crate) fn refused(environment: &[(&str, &str)]) -> (ExitStatus, String) {
        let mut app = Self::launch(environment);
        let status = app.wait();
        (status, app.log())
    }

    /// End it as an operator does.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        self.wait()
    }

    /// End it as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("app.log")).unwrap_or_default()
    }

    fn launch(environment: &[(&str, &str)]) -> Self {
        let port = free_port();
        let folder = fresh_folder();
        let log = File::create(folder.join("app.log")).unwrap();
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program("app"))
            .env("PORT", port.to_string())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { port, folder, process }
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the app does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("The app wrote:\n{}", self.log());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Cargo builds the examples beside the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(name);
    assert!(
        program.exists(),
        "{} is not there: run `cargo test` without --test",
        program.display()
    );
    program
}
