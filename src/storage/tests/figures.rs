//! Figures, for `cargo test --lib figures -- --ignored --nocapture`. They assert nothing: they depend on the disk.

use std::time::Instant;

use super::*;

/// Bytes that this process handed to the kernel, and bytes that went towards a disk.
fn written() -> (u64, u64) {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let of =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
    (of("wchar:"), of("write_bytes:"))
}

fn measure(name: &str, count: u64, mut work: impl FnMut(u64)) {
    let (before, began) = (written(), Instant::now());
    (1..=count).for_each(&mut work);
    let (took, after) = (began.elapsed(), written());
    eprintln!(
        "{name}: {:.0}/s, {:.3} ms each, {} bytes written each ({} towards the disk)",
        count as f64 / took.as_secs_f64(),
        took.as_secs_f64() * 1000.0 / count as f64,
        (after.0 - before.0) / count,
        (after.1 - before.1) / count,
    );
}

#[test]
#[ignore = "measures; takes a minute and 200 MB"]
fn figures() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    measure("a checkpoint alone", 5000, |n| {
        write(&mut database, [Command::Checkpoint(checkpoint(n, Some((key(1, 1), n))))]).unwrap();
    });
    measure("a play opened, one by one", 2000, |seq| write(&mut database, [open(1, seq)]).unwrap());
    measure("a play closed, one by one", 2000, |seq| write(&mut database, [close(1, seq, 9)]).unwrap());
    measure("200 plays opened and closed at once", 2490, |n| {
        let plays = (1..=200).flat_map(|seq| [open(1, n * 10_000 + seq), close(1, n * 10_000 + seq, 9)]);
        write(&mut database, plays).unwrap();
    });
    // What the screen writes in a day: a row for each item of the loop in each half hour, all at once.
    for (run, items) in [(2, 10), (3, 180)] {
        measure(&format!("half an hour of a loop of {items}"), 48, |span| {
            let first = span * 1000;
            let rows = (first..first + items).flat_map(|seq| [open(run, seq), close(run, seq, 9)]);
            write(&mut database, rows).unwrap();
        });
    }
    let ids: Vec<u64> = (0..20_000).collect();
    measure("a queue of 20,000 saved", 1, |_| {
        write(&mut database, [Command::SaveQueue(Ticket(1), queue(&ids))]).unwrap()
    });
    let mut wanted = queue(&ids);
    measure("the next song of 20,000", 200, |n| {
        wanted.current = Some(EntryId(n));
        write(&mut database, [Command::SaveQueue(Ticket(1), wanted.clone())]).unwrap();
    });
    measure("an entry moved among 20,000", 100, |n| {
        let mut order = wanted.order.to_vec();
        order.swap(n as usize, 19_000);
        wanted.order = Arc::new(order);
        write(&mut database, [Command::SaveQueue(Ticket(1), wanted.clone())]).unwrap();
    });
    drop(database);
    let len = fs::metadata(database_path(dir.path())).unwrap().len();
    measure(&format!("a start with 502,000 plays ({} MB)", len / 1_000_000), 3, |_| {
        drop(restore(dir.path(), None, "a", now(0)).unwrap());
    });
    measure("the play log read", 1, |_| assert!(plays(dir.path()).len() > 490_000));
}
