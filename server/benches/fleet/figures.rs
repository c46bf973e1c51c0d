//! One fleet against one server: heartbeats while nothing happens, then commands to one and to all.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, params};
use serde_json::{Value, json};

use crate::Fallible;
use crate::house::{House, Killed, Used, memory_mib};

/// How long the boards' own figures are taken together: two heartbeats of each.
const ROUND: Duration = Duration::from_secs(60);
/// Commands to one board, one after the other.
const ONES: usize = 200;
/// How long all boards may take for a command.
const PATIENCE: Duration = Duration::from_secs(50);
/// How often the database is asked how far they are.
const LOOK: Duration = Duration::from_millis(50);

/// What is printed of a fleet.
pub struct Figures {
    devices: usize,
    /// While nothing happens; in which commands are given; after one to all.
    rounds: Vec<Value>,
    cpu_percent: f64,
    memory_mib: u64,
    peak_mib: u64,
    one: [i64; 3],
    all_ms: i64,
    done: usize,
}

impl Figures {
    /// Starts a server and so many boards.
    pub fn measure(device: &Path, devices: usize) -> Fallible<Self> {
        let house = House::new()?;
        let account = house.admin(&["account", "add", "bench", "--role", "admin"])?;
        let account = account["token"].as_str().ok_or("no token told")?;
        let mut command = Command::new(device);
        command.args(["fleet", "--json", "--devices", &devices.to_string(), "--server", &house.base]);
        command.args([
            "--token",
            &house.token(devices)?,
            "--rounds",
            "3",
            "--for-s",
            &ROUND.as_secs().to_string(),
        ]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (told, words) = (child.stdout.take(), child.stderr.take());
        let _fleet = Killed(child);
        let (told, words) = (told.ok_or("no figures")?, words.ok_or("no words")?);
        let mut told = BufReader::new(told).lines();
        let mut words = BufReader::new(words).lines();
        let words_of =
            words.by_ref().find(|line| line.as_ref().map_or(true, |line| line.contains("boards are in")));
        eprintln!("{}", words_of.ok_or("the boards' program ended")??);
        std::thread::spawn(move || words.map_while(Result::ok).for_each(|line| eprintln!("boards: {line}")));
        let mut round = || -> Fallible<Value> {
            Ok(serde_json::from_str(&told.next().ok_or("the boards' program ended")??)?)
        };
        let before = Used::by(house.pid())?;
        let mut rounds = vec![round()?];
        let cpu_percent = Used::by(house.pid())?.percent_since(before);
        let memory = memory_mib(house.pid(), false)?;
        let commands = Commands::new(&house, account)?;
        let one = commands.to_ones()?;
        let (all_ms, done) = commands.to_all(devices)?;
        rounds.push(round()?);
        rounds.push(round()?);
        for (n, told) in rounds.iter().enumerate() {
            eprintln!(
                "minute {}: {} errors so far; the first: {}",
                n + 1,
                told["errors"],
                told["first_error"]
            );
        }
        let peak_mib = memory_mib(house.pid(), true)?;
        Ok(Self { devices, rounds, cpu_percent, memory_mib: memory, peak_mib, one, all_ms, done })
    }
}

/// Gives commands, and looks into the server's database what became of them.
struct Commands<'a> {
    base: &'a str,
    token: &'a str,
    agent: ureq::Agent,
    database: Connection,
}

impl<'a> Commands<'a> {
    fn new(house: &'a House, token: &'a str) -> Fallible<Self> {
        let file = house.state_dir.join(orchestrion_server::database::DATABASE_NAME);
        let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.busy_timeout(Duration::from_secs(5))?;
        Ok(Self { base: &house.base, token, agent: ureq::Agent::new_with_defaults(), database })
    }

    fn give(&self, to: &Value) -> Fallible<String> {
        let wanted = json!({"to": to, "method": "volume", "params": {"percent": 40}});
        let request = self.agent.post(format!("{}/api/v1/commands", self.base));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let text = request.send(wanted.to_string())?.body_mut().read_to_string()?;
        let given: Value = serde_json::from_str(&text)?;
        Ok(given["batch"].as_str().ok_or("a command without a batch")?.to_owned())
    }

    /// How many of a batch are done, and how long each took from being given to its result, in ms, by the server's own clock.
    fn done(&self, batch: &str) -> Fallible<Vec<i64>> {
        let sql =
            "SELECT ended_utc_ms - given_utc_ms FROM commands WHERE batch = ?1 AND state = 'done' ORDER BY 1";
        let mut asked = self.database.prepare_cached(sql)?;
        Ok(asked.query_map(params![batch], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn until_done(&self, batch: &str, devices: usize) -> Fallible<Vec<i64>> {
        let begin = Instant::now();
        loop {
            let done = self.done(batch)?;
            if done.len() >= devices || begin.elapsed() > PATIENCE {
                return Ok(done);
            }
            std::thread::sleep(if devices == 1 { Duration::from_millis(5) } else { LOOK });
        }
    }

    /// To one after the other; median, 99 % and the longest, in ms.
    fn to_ones(&self) -> Fallible<[i64; 3]> {
        let mut asked = self.database.prepare("SELECT id FROM devices ORDER BY id LIMIT ?1")?;
        let ids: Vec<String> = asked.query_map([ONES as i64], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut took = Vec::new();
        for id in ids.iter().cycle().take(ONES) {
            let batch = self.give(&json!({ "device": id }))?;
            took.push(self.until_done(&batch, 1)?.first().copied().ok_or("a command to one was not done")?);
        }
        took.sort_unstable();
        let at = |share: f64| took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1];
        Ok([at(0.5), at(0.99), at(1.0)])
    }

    /// The last one's, in ms, and how many did it.
    fn to_all(&self, devices: usize) -> Fallible<(i64, usize)> {
        let batch = self.give(&json!({ "all": true }))?;
        let done = self.until_done(&batch, devices)?;
        Ok((done.last().copied().unwrap_or(0), done.len()))
    }
}

/// The table.
pub fn print(all: &[Figures]) {
    let row = |what: &str, goal: &str, told: &dyn Fn(&Figures) -> String| {
        let cells: Vec<String> = all.iter().map(told).collect();
        println!("| {what} | {goal} | {} |", cells.join(" | "));
    };
    if all.is_empty() {
        return;
    }
    let of = |figures: &Figures, round: usize, key: &str| {
        figures.rounds.get(round).map_or_else(String::new, |told| told[key].to_string())
    };
    let late = |figures: &Figures, round: usize| {
        format!("{} / {} ms", of(figures, round, "p50_ms"), of(figures, round, "p99_ms"))
    };
    row("boards at 30 s, each with a request that is held", "goal at 10,000", &|it| it.devices.to_string());
    println!("| --- | --- |{}", " --- |".repeat(all.len()));
    row("heartbeats in 60 s", "", &|it| of(it, 0, "heartbeats"));
    row("a heartbeat's answer, beyond what it is held, median / 99 %", "99 % ≤ 50 ms", &|it| late(it, 0));
    row("errors, of all three minutes", "0", &|it| of(it, 2, "errors"));
    row("the server's processor time, of one core", "≤ 50 %", &|it| format!("{:.1} %", it.cpu_percent));
    row("its memory: resident, highest", "≤ 300 MiB", &|it| {
        format!("{}, {} MiB", it.memory_mib, it.peak_mib)
    });
    row(
        "a command to one, given to its result on the disk: median / 99 % / longest of 200",
        "99 % ≤ 1 s",
        &|it| format!("{} / {} / {} ms", it.one[0], it.one[1], it.one[2]),
    );
    row("a command to all, given to the last result", "≤ 10 s", &|it| {
        let missing = it.devices - it.done.min(it.devices);
        format!(
            "{} ms{}",
            it.all_ms,
            if missing == 0 { String::new() } else { format!(", {missing} NOT DONE") }
        )
    });
    row("heartbeats in the minute of the commands, median / 99 %", "", &|it| late(it, 1));
    row("in the minute after", "", &|it| late(it, 2));
}
