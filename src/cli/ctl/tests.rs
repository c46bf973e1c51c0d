//! The commands against the real control service; `App` is played by a thread that notes what it is asked.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use clap::{CommandFactory, Parser};
use orchestrion_protocol::method::{METHODS, RepeatParams, SeekParams, SwitchParams, VolumeParams};
use orchestrion_protocol::rpc::RpcError;
use orchestrion_protocol::status::Repeat;

use super::super::text::tests::{a_song, a_status};
use super::*;
use crate::control::{self, ExternalControl, Handle};
use crate::service::Service;

#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    ctl: CtlArgs,
}

type Answer = fn(&Method, &[Method]) -> Result<Value, RpcError>;

struct Device {
    folder: tempfile::TempDir,
    service: Arc<ExternalControl>,
    handle: Handle,
    asked: Arc<Mutex<Vec<Method>>>,
}

impl Device {
    /// Answers each request by `answer`, which also sees what was asked before.
    fn start(answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (events, app) = crossbeam_channel::bounded(100);
        let settings = control::Settings { socket: folder.path().join("s"), group: None };
        let (service, handle) = ExternalControl::new(settings, events).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (running, notes, answers) = (Arc::clone(&service), Arc::clone(&asked), handle.clone());
        thread::spawn(move || running.run().unwrap());
        thread::spawn(move || {
            while let Ok(crate::app::Event::Control(event)) = app.recv() {
                let control::Event::Asked { client, id, method } = event;
                let outcome = answer(&method, &notes.lock().unwrap());
                notes.lock().unwrap().push(method);
                answers.send(control::Command::Reply { client, id: id.unwrap(), outcome }).unwrap();
            }
        });
        let device = Self { folder, service, handle, asked };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !device.socket().exists() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        device
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// What a command prints, what it complains of and how it exits.
    fn type_in(&self, words: &[&str]) -> (String, String, u8) {
        run(&self.socket(), words, &AtomicBool::new(false))
    }

    fn asked(&self) -> Vec<Method> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.service.stop();
    }
}

fn parse(words: &[&str]) -> Result<CtlArgs, clap::Error> {
    Typed::try_parse_from([&["ctl"], words].concat()).map(|typed| typed.ctl)
}

fn run(socket: &Path, words: &[&str], until: &AtomicBool) -> (String, String, u8) {
    let mut args = parse(words).unwrap_or_else(|e| panic!("{words:?}: {e}"));
    args.socket = Some(socket.to_owned());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = args.run_with(&mut out, &mut err, until);
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), code)
}

fn obliging(method: &Method, _: &[Method]) -> Result<Value, RpcError> {
    Ok(match method {
        Method::Status => json!(a_status()),
        Method::Queue(
            QueueMethod::Add(AddParams { paths, .. }) | QueueMethod::PlayNow(PathsParams { paths }),
        ) => {
            json!({"added": paths.len(), "first": 100})
        }
        _ => Value::Null,
    })
}

#[test]
fn each_command_asks_for_its_method() {
    let device = Device::start(obliging);
    let queue = |method| Method::Queue(method);
    let entry = EntryId(12);
    let cases: Vec<(&[&str], Method)> = vec![
        (&["status"], Method::Status),
        (&["play"], Method::Play(PlayParams { entry: None })),
        (&["play", "12"], Method::Play(PlayParams { entry: Some(entry) })),
        (&["pause"], Method::Pause),
        (&["toggle"], Method::Toggle),
        (&["stop"], Method::Stop),
        (&["skip"], Method::Skip),
        (&["previous"], Method::Previous),
        (&["seek", "1:30"], Method::Seek(SeekParams { position_ms: Some(90_000), by_ms: None })),
        (&["seek", "+10"], Method::Seek(SeekParams { position_ms: None, by_ms: Some(10_000) })),
        (&["seek", "-1:10"], Method::Seek(SeekParams { position_ms: None, by_ms: Some(-70_000) })),
        (&["seek", "--json", "-10"], Method::Seek(SeekParams { position_ms: None, by_ms: Some(-10_000) })),
        (&["volume", "40"], Method::Volume(VolumeParams { percent: Some(40), by: None })),
        (&["volume", "-5"], Method::Volume(VolumeParams { percent: None, by: Some(-5) })),
        (&["volume"], Method::Status),
        (&["mute", "on"], Method::Mute(SwitchParams { on: true })),
        (&["crossfade", "2.5"], Method::Crossfade(CrossfadeParams { fade_ms: 2500 })),
        (&["shuffle", "off"], queue(QueueMethod::Shuffle(SwitchParams { on: false }))),
        (&["repeat", "one"], queue(QueueMethod::Repeat(RepeatParams { mode: Repeat::One }))),
        (&["play-now", "/m/a"], queue(QueueMethod::PlayNow(PathsParams { paths: vec!["/m/a".into()] }))),
        (
            &["queue", "add", "/m/a", "/m/b"],
            queue(QueueMethod::Add(AddParams { paths: vec!["/m/a".into(), "/m/b".into()], at: Place::Last })),
        ),
        (
            &["queue", "add", "/m", "--after", "12"],
            queue(QueueMethod::Add(AddParams { paths: vec!["/m".into()], at: Place::After(entry) })),
        ),
        (&["queue", "remove", "12"], queue(QueueMethod::Remove(EntryParams { entry }))),
        (&["queue", "move", "12", "--next"], queue(QueueMethod::Move(MoveParams { entry, at: Place::Next }))),
        (&["queue", "move", "12", "--last"], queue(QueueMethod::Move(MoveParams { entry, at: Place::Last }))),
        (&["queue", "clear"], queue(QueueMethod::Clear)),
        (&["reload"], Method::Session(SessionMethod::Reload)),
        (&["update"], Method::Session(SessionMethod::Update)),
        (&["identify"], Method::Session(SessionMethod::Identify)),
        (&["screen", "off"], Method::Session(SessionMethod::Screen(SwitchParams { on: false }))),
        (&["shutdown"], Method::Session(SessionMethod::Shutdown)),
    ];
    for (words, method) in cases {
        let (_, err, code) = device.type_in(words);
        assert_eq!((err.as_str(), code), ("", 0), "{words:?}");
        assert_eq!(device.asked().first(), Some(&method), "{words:?}");
    }
}

#[test]
fn what_is_typed_wrongly_is_told_before_any_device_is_asked() {
    for words in [
        &["seek", "soon"][..],
        &["volume", "400"],
        &["crossfade", "13"],
        &["mute"],
        &["repeat", "twice"],
        &["queue", "add"],
        &["queue", "add", "a", "--next", "--after", "3"],
        &["queue", "move", "12"],
        &["queue", "move", "12", "--next", "--last"],
        &["play", "-1"],
        &["fly"],
        &[],
    ] {
        assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
    }
}

#[test]
fn help_is_help_also_where_a_value_may_begin_with_a_hyphen() {
    for words in [["seek", "--help"], ["volume", "--help"], ["volume", "-h"]] {
        let help = parse(&words).unwrap_err();
        assert_eq!(help.kind(), clap::error::ErrorKind::DisplayHelp, "{words:?}");
    }
}

#[test]
fn every_help_teaches_by_an_example_that_can_be_typed() {
    fn check(command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = help
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("Example: ").strip_prefix("orchestrion ctl "))
            .collect();
        assert!(!examples.is_empty(), "{} has no example", command.get_name());
        for example in examples {
            parse(&example.split(' ').collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{example}: {e}"));
        }
        command.get_subcommands().for_each(check);
    }
    Typed::command().debug_assert();
    check(&Typed::command());
}

#[test]
fn answers_are_text_for_people_and_one_line_of_json_for_programs() {
    let device = Device::start(obliging);
    assert_eq!(device.type_in(&["status"]).0, text::status(&a_status()));
    let (line, ..) = device.type_in(&["status", "--json"]);
    assert_eq!(serde_json::from_str::<Status>(&line).unwrap(), a_status());
    assert_eq!(line.lines().count(), 1);
    assert_eq!(device.type_in(&["skip"]).0, "");
    assert_eq!(device.type_in(&["--json", "skip"]).0, "null\n");
    assert_eq!(device.type_in(&["volume"]).0, "volume 40\n");
    assert_eq!(device.type_in(&["volume", "--json"]).0, "{\"muted\":false,\"volume\":40}\n");
    assert_eq!(
        device.type_in(&["crossfade", "3"]).0,
        "crossfade 2.5 s\n",
        "what the device has, not what was typed"
    );
    assert_eq!(device.type_in(&["repeat", "off"]).0, "repeat all\n");
    assert_eq!(device.type_in(&["shuffle", "on"]).0, "shuffle off\n");
    assert_eq!(device.type_in(&["methods"]).0.lines().count(), METHODS.len());
    assert_eq!(device.type_in(&["queue", "add", "/a", "/b"]).0, "added 2 songs, the first is entry 100\n");
}

#[test]
fn a_refusal_a_missing_device_and_a_wrong_word_have_their_own_exit_codes() {
    let device = Device::start(|_, _| Err(RpcError::new(code::REFUSED, "not now")));
    let refused = (String::new(), "orchestrion: not now\n".to_owned(), 1);
    assert_eq!(device.type_in(&["skip"]), refused);
    assert_eq!(device.type_in(&["status", "--json"]), refused);

    let (out, err, code) = device.type_in(&["queue", "add", "http://radio/live"]);
    assert!(out.is_empty() && err.contains("only files on this machine") && code == 2, "{err}");

    let nowhere = device.folder.path().join("nowhere");
    let (out, err, code) = run(&nowhere, &["status"], &AtomicBool::new(false));
    assert!(out.is_empty() && err.contains("no Orchestrion runs here") && code == 3, "{err}");
}

#[test]
fn an_answer_in_another_form_is_told_as_such() {
    let device = Device::start(|_, _| Ok(json!({"state": "floating"})));
    let (_, err, code) = device.type_in(&["status"]);
    assert!(err.contains("does not speak like Orchestrion") && code == 3, "{err}");
}

#[test]
fn what_could_not_be_added_is_told_and_adding_nothing_is_a_failure() {
    let device = Device::start(|_, before| {
        let added = 1 - before.len().min(1);
        Ok(json!(Added {
            added,
            first: None,
            no_room: 3,
            problems: vec!["/m/x: it is a picture\u{1b}".into()]
        }))
    });
    let (out, err, code) = device.type_in(&["queue", "add", "/m"]);
    let complaints =
        "orchestrion: /m/x: it is a picture\norchestrion: the queue is full; 3 songs were left out\n";
    assert_eq!((out.as_str(), err.as_str(), code), ("added 1 song\n", complaints, 0));
    let (out, err, code) = device.type_in(&["queue", "add", "/m"]);
    assert_eq!((out.as_str(), err, code), ("", format!("{complaints}orchestrion: nothing was added\n"), 1));
}

#[test]
fn more_paths_than_a_request_takes_come_to_lie_in_their_order() {
    let device = Device::start(obliging);
    let names: Vec<String> = (0..300).map(|n| format!("/m/{n}")).collect();
    let words = |first: &[&'static str], last: &'static str| {
        let mut words: Vec<&str> = first.to_vec();
        words.extend(names.iter().map(String::as_str));
        if !last.is_empty() {
            words.push(last);
        }
        device.type_in(&words);
        device.asked()
    };
    let first_path = |method: &Method| match method {
        Method::Queue(QueueMethod::Add(AddParams { paths, at })) => (paths[0].clone(), *at),
        Method::Queue(QueueMethod::PlayNow(PathsParams { paths })) => (paths[0].clone(), Place::Next),
        other => panic!("{other:?}"),
    };
    let order = |methods: Vec<Method>| methods.iter().map(first_path).collect::<Vec<_>>();
    let (zero, rest) = ("/m/0".to_owned(), "/m/256".to_owned());
    assert_eq!(
        order(words(&["queue", "add"], "")),
        [(zero.clone(), Place::Last), (rest.clone(), Place::Last)]
    );
    // What goes in front goes in last.
    let in_front = [(rest, Place::Next), (zero, Place::Next)];
    assert_eq!(order(words(&["queue", "add"], "--next")), in_front);
    assert_eq!(order(words(&["play-now"], "")), in_front);
}

fn long_queue(method: &Method, _: &[Method]) -> Result<Value, RpcError> {
    let Method::Queue(QueueMethod::List(params)) = method else { return Ok(Value::Null) };
    let total = 250;
    let end = total.min(params.offset + params.limit.unwrap());
    let entries = (params.offset..end)
        .map(|n| {
            let mut song = a_song(n as u64, "Song", "");
            song.path = format!("/{}", "x".repeat(1000));
            song
        })
        .collect();
    Ok(json!(QueuePage { offset: params.offset, total, current: Some(EntryId(3)), entries }))
}

#[test]
fn the_whole_queue_is_listed_also_when_its_pages_are_too_long_for_a_line() {
    let device = Device::start(long_queue);
    let (out, err, code) = device.type_in(&["queue", "list"]);
    assert_eq!((err.as_str(), code, out.lines().count()), ("", 0, 250));
    assert_eq!(out.lines().nth(3), Some(">   3     9:22  Song"));
    let limits: Vec<usize> = device
        .asked()
        .iter()
        .map(|method| match method {
            Method::Queue(QueueMethod::List(params)) => params.limit.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(limits, [100, 50, 50, 50, 50, 50], "100 songs with such paths do not fit a line");
    let (line, ..) = device.type_in(&["queue", "list", "--json"]);
    assert_eq!(serde_json::from_str::<QueuePage>(&line).unwrap().entries.len(), 250);
}

#[test]
fn a_name_that_is_no_text_is_still_added() {
    let device = Device::start(obliging);
    let name = OsStr::from_bytes(b"/m/caf\xe9.mp3");
    let words = [OsStr::new("ctl"), OsStr::new("queue"), OsStr::new("add"), name];
    let mut args = Typed::try_parse_from(words).unwrap().ctl;
    args.socket = Some(device.socket());
    assert_eq!(args.run_with(&mut Vec::new(), &mut Vec::new(), &AtomicBool::new(false)), 0);
    let expected = AddParams { paths: vec!["file:///m/caf%E9.mp3".into()], at: Place::Last };
    assert_eq!(device.asked(), [Method::Queue(QueueMethod::Add(expected))]);
}

#[test]
fn watching_shows_what_the_device_tells_until_it_ends() {
    let device = Device::start(obliging);
    let (handle, service) = (device.handle.clone(), Arc::clone(&device.service));
    let news = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        handle
            .send(control::Command::Notify("{\"jsonrpc\":\"2.0\",\"method\":\"News\",\"params\":1}".into()))
            .unwrap();
        thread::sleep(Duration::from_millis(300));
        service.stop();
    });
    let (out, err, code) = device.type_in(&["watch", "--json"]);
    news.join().unwrap();
    assert!(out.lines().count() == 2 && out.contains("{\"method\":\"News\",\"params\":1}"), "{out}");
    assert!(err.contains("has closed the connection") && code == 3, "{err}");

    let device = Device::start(obliging);
    assert_eq!(
        run(&device.socket(), &["watch", "--json"], &AtomicBool::new(true)),
        (String::new(), String::new(), 0)
    );
}
