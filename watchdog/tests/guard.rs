//! The real program on a watchdog that is a FIFO: every pet and the magic byte are read as the kernel would read them. A second kind, a
//! FUSE file, answers ioctls too.

#![cfg(test)]

mod answering;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// As long may anything take on a loaded machine.
const WAIT_MAX: Duration = Duration::from_secs(20);
const O_NONBLOCK: i32 = 0o4000;

struct Board {
    folder: tempfile::TempDir,
    device: File,
    child: Option<Child>,
}

impl Board {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sys = folder.path().join("sys/class/watchdog/watchdog0");
        std::fs::create_dir_all(&sys).unwrap();
        std::fs::create_dir_all(folder.path().join("dev")).unwrap();
        std::fs::write(sys.join("identity"), "Fake Hardware\n").unwrap();
        std::fs::write(sys.join("timeout"), "2\n").unwrap();
        std::fs::create_dir_all(folder.path().join("proc")).unwrap();
        std::fs::write(folder.path().join("proc/uptime"), "20.50 0.00\n").unwrap();
        let device = folder.path().join("dev/watchdog0");
        assert!(Command::new("mkfifo").arg(&device).status().unwrap().success());
        let device =
            OpenOptions::new().read(true).write(true).custom_flags(O_NONBLOCK).open(&device).unwrap();
        Self { folder, device, child: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion-watchdog"));
        command.arg("--root").arg(self.folder.path()).arg("--moved").arg(self.path("moved"));
        command.arg("--state").arg(self.path("state")).arg("--resets").arg(self.path("resets")).args(more);
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).env_remove("NOTIFY_SOCKET");
        command
    }

    fn start(&mut self, more: &[&str]) {
        let _ = std::fs::remove_file(self.path("state"));
        self.child = Some(self.command(more).spawn().unwrap());
    }

    /// What has been written to the device since the last look.
    fn written(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 65_536];
        let count = self.device.read(&mut bytes).unwrap_or_default();
        bytes.truncate(count);
        bytes
    }

    fn wait_for_pet(&mut self) {
        self.written();
        self.wait("no pet", |board| !board.written().is_empty());
    }

    fn wait_for_state(&mut self, words: &str) {
        self.wait(&format!("no state \"{words}\""), |board| board.state().contains(words));
    }

    fn wait(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + WAIT_MAX;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what}; state {:?}, log {:?}", self.state(), self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn state(&self) -> String {
        std::fs::read_to_string(self.path("state")).unwrap_or_default()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The player says that it moves now.
    fn moves(&self) {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        std::fs::write(self.path("moved"), format!("moved {}\n", (seconds * 1000.0) as u64)).unwrap();
    }

    fn end(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        child.wait().unwrap()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn it_pets_while_the_player_moves_and_closes_with_the_magic_byte() {
    let mut board = Board::new();
    board.moves();
    board.start(&[]);
    for _ in 0..2 {
        board.wait_for_pet();
    }
    assert!(
        board.state().contains("state=guarding\ndevice=watchdog0 \"Fake Hardware\" 2 s"),
        "{}",
        board.state()
    );
    assert!(board.end().success());
    assert_eq!(board.written().last(), Some(&b'V'));
}

#[test]
fn killed_it_leaves_the_watchdog_running() {
    let mut board = Board::new();
    board.moves();
    board.start(&[]);
    board.wait_for_pet();
    let mut child = board.child.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!board.written().contains(&b'V'), "a killed guard must not unguard the board");
}

#[test]
fn a_player_that_is_not_revived_resets_the_board_three_times_and_then_no_more() {
    let mut board = Board::new();
    for reset in 1..=3 {
        board.moves();
        board.start(&["--patience-s", "0.4"]);
        board.wait_for_state("biting: the player has not moved");
        board.written();
        std::thread::sleep(Duration::from_millis(1_500));
        assert_eq!(board.written(), b"", "petted while biting, reset {reset}");
        // Told to end, it still lets the reset come.
        assert!(board.end().success());
        assert_eq!(board.written(), b"");
        let record = std::fs::read_to_string(board.path("resets")).unwrap();
        assert_eq!(record.lines().count(), reset, "{record}");
        assert!(record.starts_with("20 the player has not moved for"), "{record}");
    }
    board.moves();
    board.start(&["--patience-s", "0.4"]);
    board.wait_for_state("safe: the player has not moved");
    assert!(board.state().contains("reset 3 times within an hour"), "{}", board.state());
    board.wait_for_pet();
    board.moves();
    board.wait_for_state("state=guarding");
}

#[test]
fn a_reset_that_cannot_be_recorded_is_not_made() {
    let mut board = Board::new();
    std::fs::create_dir(board.path("resets")).unwrap();
    board.moves();
    board.start(&["--patience-s", "0.4"]);
    board.wait_for_state("safe: the player has not moved");
    assert!(board.state().contains("cannot be read"), "{}", board.state());
    board.wait_for_pet();
}

#[test]
fn a_player_that_never_moves_bites_after_its_time_from_the_start_and_one_that_was_stopped_never() {
    let mut board = Board::new();
    board.start(&["--start-patience-s", "0.4"]);
    board.wait_for_state("biting: the player has never moved");
    let mut board = Board::new();
    std::fs::write(board.path("moved"), "stopped 1\n").unwrap();
    board.start(&["--start-patience-s", "0.2", "--patience-s", "0.2"]);
    std::thread::sleep(Duration::from_millis(1_000));
    board.wait_for_pet();
    assert!(board.state().contains("state=guarding"), "{}", board.state());
}

#[test]
fn a_systemd_that_does_not_answer_any_more_resets_the_board() {
    let mut board = Board::new();
    let socket = UnixDatagram::bind(board.path("notify")).unwrap();
    socket.set_read_timeout(Some(WAIT_MAX)).unwrap();
    std::fs::write(board.path("moved"), "stopped 1\n").unwrap();
    let mut command = board.command(&["--systemd-patience-s", "1.5", "--patience-s", "0.4"]);
    board.child = Some(command.env("NOTIFY_SOCKET", board.path("notify")).spawn().unwrap());
    // Reading without room for descriptors closes those that came: that is the answer.
    let (mut heard, begun) = (Vec::new(), Instant::now());
    while begun.elapsed() < Duration::from_secs(3) {
        let mut bytes = [0; 512];
        let count = socket.recv(&mut bytes).unwrap();
        heard.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
    }
    for words in ["READY=1", "BARRIER=1", "WATCHDOG=1\nSTATUS=guarding"] {
        assert!(heard.iter().any(|said| said == words), "{words} in {heard:?}");
    }
    assert!(board.state().contains("state=guarding"), "{}", board.state());
    board.wait_for_state("biting: systemd has not answered");
}

#[test]
fn no_watchdog_is_named_and_it_looks_again() {
    let mut board = Board::new();
    board.moves();
    board.start(&["--identity", "Another Chip"]);
    board.wait_for_state("no watchdog \"Another Chip\"");
    assert!(board.state().contains("there is watchdog0 \"Fake Hardware\""), "{}", board.state());
    assert_eq!(board.written(), b"");
    assert!(board.end().success());
}

#[test]
fn wrong_words_are_refused_with_what_is_right() {
    let board = Board::new();
    for (words, problem) in [(["--patience-s", "x"], "0.1 to 86400"), (["--colour", "red"], "no option")] {
        let output = board.command(&words).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(problem), "{output:?}");
    }
}

#[test]
fn it_needs_less_than_a_mebibyte_of_memory_of_its_own_and_next_to_no_cpu() {
    let mut board = Board::new();
    std::fs::write(board.path("moved"), "stopped 1\n").unwrap();
    board.start(&[]);
    board.wait_for_pet();
    let pid = board.child.as_ref().unwrap().id();
    let ticks = |pid: u32| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let words: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
    };
    let before = ticks(pid);
    for _ in 0..3 {
        board.wait_for_pet();
    }
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let anonymous = smaps.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    let kib: u64 = anonymous.split_whitespace().nth(1).unwrap().parse().unwrap();
    eprintln!("anonymous memory {kib} KiB, CPU {} ticks in three pets", ticks(pid) - before);
    assert!(kib <= 1024, "{anonymous}");
    assert!(ticks(pid) - before <= 1);
}
