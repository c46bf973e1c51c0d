//! A real database, and a virtual clock: each moment is told.

use orchestrion_protocol::fleet::{FLEET_VERSION, PlayAnswer, PlayBatch, PlayRecord, PlayRef, Word};

use super::*;
use crate::fleet::roster::Member;
use crate::playlog::export::{self, Format, Which};
use crate::server::Server;
use crate::settings::Settings;
use crate::{database, playlog};

struct House {
    app: App,
    _dir: tempfile::TempDir,
}

async fn house(kept: Kept) -> House {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { state_dir: dir.path().to_owned(), kept, ..Settings::default() };
    let app = Server::open(settings).await.unwrap();
    app.fleet.roster.lock().admit(Member::new("d1", "key", 0));
    House { app, _dir: dir }
}

impl House {
    async fn count(&self, sql: &str) -> i64 {
        self.app.database.row::<Count>(sql, values![]).await.unwrap().unwrap().count
    }

    /// Plays that come at a moment.
    async fn play(&self, seqs: std::ops::Range<u64>, came_utc_ms: i64) {
        let transaction = self.app.database.begin().await.unwrap();
        for seq in seqs {
            let sql =
                "INSERT INTO plays VALUES ('d1', 1, $1, '', '', 'music', 'finished', NULL, 1, 1, $2, '{}')";
            execute(&transaction, sql, values![database::number(seq), came_utc_ms]).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    async fn command(&self, number: i64, state: &str, utc_ms: i64) {
        let sql = "INSERT INTO commands VALUES ('d1', 1, $1, 'b', 'logs.send', '', $2, '', 'a log', 'ana', $3, $3, $3, $3)";
        self.app.database.execute(sql, values![number, state, utc_ms]).await.unwrap();
    }

    async fn seqs(&self) -> (i64, i64, i64) {
        let of = async |what: &str| self.count(&format!("SELECT {what} AS count FROM plays")).await;
        (of("COUNT(*)").await, of("MIN(seq)").await, of("MAX(seq)").await)
    }
}

fn days(days: i64) -> i64 {
    days * DAY_MS
}

fn record(seq: u64) -> PlayRecord {
    PlayRecord {
        name: PlayRef { run: 1, seq },
        kind: Word::cut("music"),
        how: Word::cut("finished"),
        chosen_by: Word::cut("queue"),
        started_mono_ms: 1,
        ended_mono_ms: Some(2),
        heard_ms: 1,
        audible_ms: 1,
        ..PlayRecord::default()
    }
}

async fn send(app: &App, seqs: &[u64]) -> PlayAnswer {
    let plays = seqs.iter().map(|seq| record(*seq)).collect();
    let batch = PlayBatch { v: FLEET_VERSION, device: Word::cut("d1"), plays };
    playlog::take(app, "d1", &batch).await.unwrap()
}

#[tokio::test]
async fn what_is_older_than_its_days_goes_and_what_is_younger_stays() {
    let kept =
        Kept { plays_days: 10, commands_days: 20, answers_days: 5, presences_days: 3, ..Kept::default() };
    let house = house(kept).await;
    for day in 0..30 {
        house.play(day as u64..day as u64 + 1, days(day)).await;
        house.command(day, "done", days(day)).await;
        let sql = "INSERT INTO presences VALUES ('d1', $1, 'playing', '')";
        house.app.database.execute(sql, values![days(day)]).await.unwrap();
    }
    assert_eq!(look(&house.app, days(0), true).await.unwrap(), 0);
    assert!(look(&house.app, days(29), true).await.unwrap() > 0);
    assert_eq!(house.seqs().await, (11, 19, 29));
    assert_eq!(house.count("SELECT MIN(number) AS count FROM commands").await, 9);
    assert_eq!(house.count("SELECT MIN(number) AS count FROM commands WHERE answer IS NOT NULL").await, 24);
    assert_eq!(house.count("SELECT COUNT(*) AS count FROM presences").await, 4);
    assert_eq!(look(&house.app, days(29), true).await.unwrap(), 0, "nothing is left to do");
    // Years on nothing of it is left, but for what is for ever.
    look(&house.app, days(3_000), true).await.unwrap();
    assert_eq!(house.count("SELECT COUNT(*) AS count FROM plays").await, 0);
}

#[tokio::test]
async fn nought_days_is_for_ever() {
    let kept =
        Kept { plays_days: 0, commands_days: 0, answers_days: 0, presences_days: 0, ..Kept::default() };
    let house = house(kept).await;
    house.play(0..3, 0).await;
    house.command(1, "done", 0).await;
    assert_eq!(look(&house.app, days(30_000), true).await.unwrap(), 0);
    assert_eq!(house.seqs().await.0, 3);
}

#[tokio::test]
async fn what_is_more_than_its_rows_goes_the_oldest_first_in_small_batches() {
    let house = house(Kept { plays_len_max: 1_000, ..Kept::default() }).await;
    house.play(0..1_600, 5).await;
    house.play(1_600..2_200, 6).await;
    let kept = house.app.settings().kept.clone();
    let many = excess(&house.app, Kind::Plays, &kept).await.unwrap();
    assert_eq!(many, 1_200);
    // One batch is no more than this, so that nobody waits for long.
    assert_eq!(trim(&house.app, Kind::Plays, &kept, (10, many)).await.unwrap(), BATCH_LEN_MAX);
    assert_eq!(house.seqs().await.0, 1_700);
    assert_eq!(look(&house.app, 10, false).await.unwrap(), 0, "they are counted seldom");
    assert_eq!(look(&house.app, 10, true).await.unwrap(), 700);
    let (len, _, last) = house.seqs().await;
    assert_eq!((len, last), (1_000, 2_199));
    assert_eq!(house.count("SELECT COUNT(*) AS count FROM plays WHERE came_utc_ms = 6").await, 600);
}

#[tokio::test]
async fn a_command_that_has_not_ended_stays_however_old_it_is() {
    let house = house(Kept { commands_days: 1, ..Kept::default() }).await;
    for (number, state) in ["queued", "delivered", "done", "failed", "expired"].into_iter().enumerate() {
        house.command(number as i64, state, 0).await;
    }
    look(&house.app, days(100), true).await.unwrap();
    assert_eq!(house.count("SELECT COUNT(*) AS count FROM commands").await, 2);
    assert_eq!(house.count("SELECT MAX(number) AS count FROM commands").await, 1);
}

#[tokio::test]
async fn a_play_that_is_gone_and_comes_again_is_not_counted_twice() {
    let house = house(Kept { plays_days: 1, ..Kept::default() }).await;
    let app = &house.app;
    assert_eq!(send(app, &[1, 2, 3]).await.kept, 3);
    let now = app.clock.utc_ms();
    assert_eq!(look(app, now + days(2), true).await.unwrap(), 3);
    let answer = send(app, &[1, 2, 3, 4]).await;
    assert_eq!((answer.known, answer.kept), (3, 1));
    let hours = playlog::hours(app, None, -3_600_000, i64::MAX).await.unwrap();
    assert_eq!(hours.iter().map(|hour| hour.plays).sum::<i64>(), 4);
    // Also after a restart: it is on the disk.
    assert_eq!(house.count("SELECT seq AS count FROM plays_trimmed WHERE device = 'd1'").await, 3);
}

#[tokio::test]
async fn what_was_not_exported_is_kept_if_the_settings_say_so() {
    let house =
        house(Kept { plays_days: 1, plays_len_max: 1_000, plays_until_exported: true, ..Kept::default() })
            .await;
    let app = &house.app;
    let long_ago = app.clock.utc_ms() - days(10);
    house.play(0..5, long_ago).await;
    let in_ten_years = app.clock.utc_ms() + days(3_650);
    assert_eq!(look(app, in_ten_years, true).await.unwrap(), 0, "nobody has exported anything");
    let all =
        Which { from_utc_ms: i64::MIN, until_utc_ms: i64::MAX, device: String::new(), place: String::new() };
    // An export of a part, and one whose reader went away, are none of all.
    for (which, is_read) in [(Which { device: "d1".into(), ..all.clone() }, true), (all.clone(), false)] {
        let (mut to, from) = tokio::io::duplex(if is_read { 1 << 20 } else { 16 });
        if !is_read {
            drop(from);
            export::write(app, &which, Format::Csv, &mut to).await.unwrap();
        } else {
            export::write(app, &which, Format::Csv, &mut to).await.unwrap();
            drop(from);
        }
        assert_eq!(look(app, in_ten_years, true).await.unwrap(), 0);
    }
    let (mut to, _from) = tokio::io::duplex(1 << 20);
    export::write(app, &all, Format::Csv, &mut to).await.unwrap();
    house.play(5..8, app.clock.utc_ms()).await;
    assert_eq!(look(app, in_ten_years, true).await.unwrap(), 5);
    assert_eq!(house.seqs().await, (3, 5, 7), "what came after the export stays");
}

#[test]
fn a_clock_that_jumped_takes_nothing_away_until_it_has_gone_evenly_for_a_while() {
    let mut trust = Trust::new(0, 1_000_000);
    let minute = 60_000;
    let mut at = |mono_ms: u64, utc_ms: i64| trust.is_trusted(mono_ms, utc_ms);
    assert!(!at(minute, 1_060_000), "not right after the start: the time may still be put right");
    for n in 2..10 {
        assert!(!at(n * minute, 1_000_000 + n as i64 * 60_000));
    }
    assert!(at(10 * minute, 1_600_000));
    // Ten years on, and back again.
    assert!(!at(11 * minute, 1_660_000 + days(3_650)));
    assert!(!at(12 * minute, 1_720_000));
    for n in 13..22 {
        assert!(!at(n * minute, 1_000_000 + n as i64 * 60_000));
    }
    assert!(at(22 * minute, 1_000_000 + 22 * 60_000));
}
