//! The binary under test, with a folder of its own and free ports.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::watched::Watched;

/// Longest time for anything that is waited for here; far more than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Longest time for a program that ends by itself; `bench siege` gives its target a minute or two.
const RUNS_WITHIN: Duration = Duration::from_secs(300);

/// Where a program lives.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    /// Where its media is.
    pub(crate) udp_port: u16,
    /// Where its relay is.
    pub(crate) turn_port: u16,
    settings: Vec<(String, String)>,
}

impl Place {
    /// A new folder; TCP and UDP ports that were free a moment ago.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let http = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let turn = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = |address: std::io::Result<SocketAddr>| address.expect("bound").port();
        let mut place = Self {
            settings: Vec::new(),
            folder,
            udp_port: port(udp.local_addr()),
            turn_port: port(turn.local_addr()),
        };
        place.set(
            "HTTP__LISTEN",
            &format!("127.0.0.1:{}", port(http.local_addr())),
        );
        place.set("SFU__UDP_PORT", &place.udp_port.to_string());
        place.set("SFU__SHARDS", "1");
        place.set("TURN__PORT", &place.turn_port.to_string());
        place
    }

    /// Sets a setting in the environment.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings
            .push((format!("COLLOQUY__{name}"), value.to_owned()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_colloquy"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs to the end, which must come.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let process = process_id(&child);
        let (output, ended) = std::sync::mpsc::channel();
        // When it ends too late nobody waits for what it wrote.
        std::thread::spawn(move || output.send(child.wait_with_output()));
        let Ok(output) = ended.recv_timeout(RUNS_WITHIN) else {
            let killed = kill(process, Signal::SIGKILL);
            panic!("{arguments:?}: not ended within {RUNS_WITHIN:?}, killed: {killed:?}");
        };
        output.expect("its output can be read")
    }

    /// Starts what ends by itself, to be watched meanwhile.
    pub(crate) fn start(&self, arguments: &[&str]) -> Watched {
        Watched::begin(self.command(arguments))
    }

    /// Starts to serve and waits for the line with the address.
    pub(crate) fn serve(&self) -> Serving {
        Serving::begin(self.command(&["serve"]))
    }

    /// The same in a mount namespace of its own, which a shell script prepares first.
    pub(crate) fn serve_apart(&self, script: &str) -> Serving {
        let script = format!("{script}\nexec \"$0\" serve");
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-ec", &script])
            .arg(env!("CARGO_BIN_EXE_colloquy"))
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        Serving::begin(command)
    }
}

fn process_id(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id"))
}

/// Looks until what is looked for is there.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A program that serves.
pub(crate) struct Serving {
    child: Child,
    /// What it printed when it was ready.
    pub(crate) line: String,
}

impl Serving {
    fn begin(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let kept = log.clone();
        // Read to its end: a program whose log nobody reads would wait for a reader.
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().expect("whole").push_str(&(line + "\n"));
            }
        });
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        if line.is_empty() {
            reader.join().expect("it only reads");
            panic!("ended before it served: {}", log.lock().expect("whole"));
        }
        Serving { child, line }
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let scrape = self.get("/metrics");
        let lines = scrape.lines().filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    }

    /// Status and body of any answer.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> (u16, Value) {
        let answer = self.exchange(method, path, token, &body.to_string());
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, rest) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = serde_json::from_str(rest).unwrap_or(Value::Null);
        (status.expect("a status"), body)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (_, rest) = self
            .line
            .split_once("http://")
            .expect("an address is printed");
        let end = rest.find(['/', '\n']).unwrap_or(rest.len());
        rest[..end].parse().expect("an address and a port")
    }

    /// The whole answer to a GET, as text.
    pub(crate) fn get(&self, path: &str) -> String {
        self.answer("GET", path, None, "")
    }

    /// The whole answer, good or not, as text.
    pub(crate) fn answer(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> String {
        let answer = self.exchange(method, path, token, body);
        String::from_utf8(answer).expect("UTF-8")
    }

    /// The body of an answer that must be a good one.
    #[track_caller]
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Value {
        let answer = self.download(method, path, token, &body.to_string());
        serde_json::from_slice(&answer).unwrap_or(Value::Null)
    }

    /// The bytes of a body that must be a good one.
    #[track_caller]
    pub(crate) fn download(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> Vec<u8> {
        let mut answer = self.exchange(method, path, token, body);
        let head = answer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("a head")
            + 4;
        let rest = answer.split_off(head);
        let head = String::from_utf8(answer).expect("UTF-8");
        let good = head
            .split(' ')
            .nth(1)
            .is_some_and(|status| status.starts_with('2'));
        assert!(
            good,
            "{method} {path}: {head}{}",
            String::from_utf8_lossy(&rest)
        );
        rest
    }

    /// HTTP/1.0: one exchange for each connection, and the body ends with it.
    fn exchange(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let token = token.map_or(String::new(), |token| {
            format!("authorization: Bearer {token}\r\n")
        });
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {0}\r\norigin: http://{0}\r\n{token}\
             content-type: application/json\r\ncontent-length: {1}\r\n\r\n{body}",
            self.address(),
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        answer
    }

    /// Sends SIGTERM and says how and how fast it ended.
    pub(crate) fn terminate(self) -> (ExitStatus, Duration) {
        let asked = self.ask_to_stop();
        self.ended(asked)
    }

    /// Sends SIGTERM and says when.
    pub(crate) fn ask_to_stop(&self) -> Instant {
        let asked = Instant::now();
        self.signal(Signal::SIGTERM);
        asked
    }

    /// Lets it stand still for so long, and says how long it was in truth.
    pub(crate) fn stand_still(&self, length: Duration) -> Duration {
        self.signal(Signal::SIGSTOP);
        let stopped = Instant::now();
        std::thread::sleep(length);
        let stood = stopped.elapsed();
        self.signal(Signal::SIGCONT);
        stood
    }

    fn signal(&self, signal: Signal) {
        kill(process_id(&self.child), signal).expect("it runs");
    }

    /// How it ended, and how long after it was asked to.
    pub(crate) fn ended(mut self, asked: Instant) -> (ExitStatus, Duration) {
        let status = self.child.wait().expect("it ends");
        (status, asked.elapsed())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
