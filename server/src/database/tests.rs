//! A database in a temporary folder: what it promises.

use super::*;

#[derive(FromQueryResult)]
struct Text {
    text: String,
}

#[tokio::test]
async fn it_is_made_with_every_promise_kept_and_opened_again_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(dir.path()).await.unwrap();
    for (pragma, wanted) in [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1")] {
        let sql = format!("SELECT CAST({pragma} AS TEXT) AS text FROM pragma_{pragma}");
        let found: Text = row(&database.writer, &sql, values![]).await.unwrap().unwrap();
        assert_eq!(found.text, wanted, "{pragma}");
    }
    database
        .execute("INSERT INTO server (one, epoch, made_utc_ms) VALUES (1, 7, 0)", values![])
        .await
        .unwrap();
    let copy = dir.path().join("copy.sqlite");
    database.copy_to(&copy).await.unwrap();
    assert!(matches!(database.copy_to(&copy).await, Err(Error::Conflict(_))));
    database.close().await;
    let database = Database::open(dir.path()).await.unwrap();
    let found: Text =
        database.row("SELECT CAST(epoch AS TEXT) AS text FROM server", values![]).await.unwrap().unwrap();
    assert_eq!(found.text, "7");
    database.close().await;
}

#[tokio::test]
async fn what_is_not_committed_was_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(dir.path()).await.unwrap();
    let transaction = database.begin().await.unwrap();
    execute(
        &transaction,
        "INSERT INTO server (one, epoch, made_utc_ms) VALUES (1, $1, $2)",
        values![1_i64, 2_i64],
    )
    .await
    .unwrap();
    drop(transaction);
    assert!(database.row::<Text>("SELECT 'x' AS text FROM server", values![]).await.unwrap().is_none());
    database.close().await;
}

#[tokio::test]
async fn a_damaged_file_and_a_newer_one_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(DATABASE_NAME), vec![b'x'; 8192]).unwrap();
    let error = Database::open(dir.path()).await.unwrap_err().to_string();
    assert!(error.contains(DATABASE_NAME), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(dir.path()).await.unwrap();
    database.execute("PRAGMA user_version = 99", values![]).await.unwrap();
    database.close().await;
    let error = Database::open(dir.path()).await.unwrap_err().to_string();
    assert!(error.contains("newer version"), "{error}");
}
