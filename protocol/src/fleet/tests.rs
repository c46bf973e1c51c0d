//! Messages there and back, at their limits and beyond, damaged and forged.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::method::Method;
use crate::release::SecretKey;

fn key(n: u8) -> SecretKey {
    SecretKey::from_chance(&[n; 32])
}

fn heartbeat() -> Value {
    json!({"v": 1, "device": "d-1", "run": 3, "boot_id": "b", "seq": 1, "report": {"doing": "playing", "frames": 48_000}})
}

fn read_heartbeat(value: &Value) -> Result<Heartbeat, MessageError> {
    read("heartbeat", value.to_string().as_bytes(), REQUEST_LEN_MAX)
}

fn command(number: u64) -> Command {
    Command {
        v: FLEET_VERSION,
        device: Word::cut("d-1"),
        name: CommandRef { epoch: 1, number },
        given_utc_ms: 1_800_000_000_000,
        ends_utc_ms: 1_800_000_060_000,
        by: Line::cut("ana"),
        order: OrderText { method: Word::cut("volume"), params: Some(json!({"percent": 40})) },
    }
}

#[test]
fn a_short_heartbeat_is_enough_and_what_a_later_version_adds_is_passed_over() {
    let read = read_heartbeat(&heartbeat()).unwrap();
    assert_eq!((read.run, read.report.doing, read.report.frames), (3, Doing::Playing, 48_000));
    let mut newer = heartbeat();
    newer["mood"] = json!({"of": ["the", "room"]});
    newer["report"]["doing"] = json!("dancing");
    newer["report"]["clock"] = json!("quantum");
    let read = read_heartbeat(&newer).unwrap();
    assert_eq!((read.report.doing, read.report.clock), (Doing::Other, ClockTrust::None));
    assert_eq!(read_heartbeat(&serde_json::to_value(&read).unwrap()).unwrap(), read);
}

#[test]
fn another_version_is_told_what_to_do_whatever_else_it_says() {
    let error = read_heartbeat(&json!({"v": 2, "all": "new"})).unwrap_err();
    assert_eq!(error, MessageError::Version { what: "heartbeat", found: 2 });
    assert!(error.to_string().contains("update the older one"), "{error}");
    assert!(matches!(read_heartbeat(&json!({})), Err(MessageError::Unreadable { .. })));
    assert!(matches!(read_heartbeat(&json!([1])), Err(MessageError::Unreadable { .. })));
}

#[test]
fn each_field_has_a_limit_and_one_more_is_refused_by_name() {
    let cases = [
        ("/device", json!("x".repeat(64)), json!("x".repeat(65))),
        ("/run", json!(NUMBER_MAX), json!(NUMBER_MAX + 1)),
        ("/seq", json!(NUMBER_MAX), json!(u64::MAX)),
        ("/report/why", json!("x".repeat(1000)), json!("x".repeat(1001))),
        ("/report/frames", json!(NUMBER_MAX), json!(-1)),
        ("/report/volume", json!(255), json!(256)),
        ("/report/clock_utc_ms", json!(253_402_300_799_999_i64), json!(253_402_300_800_000_i64)),
        ("/capabilities", json!(vec!["c"; 64]), json!(vec!["c"; 65])),
        (
            "/report/faults",
            json!(vec![json!({"part": "p", "words": "w"}); 16]),
            json!(vec![json!({"part": "p", "words": "w"}); 17]),
        ),
        (
            "/results",
            json!(vec![json!({"epoch": 1, "number": 1, "ended": "done"}); 16]),
            json!(vec![json!({"epoch": 1, "number": 1, "ended": "done"}); 17]),
        ),
        ("/report/output", json!("ä".repeat(300)), json!("line\nfeed")),
    ];
    for (path, fits, breaks) in cases {
        let with = |value: Value| {
            let mut message = heartbeat();
            let (parent, name) = path.rsplit_once('/').unwrap();
            message.pointer_mut(parent).unwrap()[name] = value;
            message
        };
        read_heartbeat(&with(fits)).unwrap_or_else(|error| panic!("{path}: {error}"));
        read_heartbeat(&with(breaks)).expect_err(path);
    }
    let long = vec![b' '; REQUEST_LEN_MAX + 1];
    let error = read::<Heartbeat>("heartbeat", &long, REQUEST_LEN_MAX).unwrap_err();
    assert_eq!(error, MessageError::TooLong { what: "heartbeat", max: REQUEST_LEN_MAX });
}

#[test]
fn a_command_is_opened_by_the_key_that_signed_it_and_by_no_other() {
    let (ours, other) = (key(1), key(2));
    let sealed = Command::seal(command(4).text(), &ours);
    let known = ours.public();
    let find = |id| (id == known.id()).then_some(&known);
    assert_eq!(Command::open(&sealed, find).unwrap(), command(4));
    let foreign = Command::seal(command(4).text(), &other);
    assert!(matches!(Command::open(&foreign, find), Err(SealedError::UnknownKey(_))));
    // Another key under our key's name.
    let forged = Sealed { key: known.id(), ..foreign };
    assert!(matches!(Command::open(&forged, find), Err(SealedError::WrongSignature(_))));
    // What was signed as something else is no command.
    let text = EnrolText {
        v: 1,
        challenge: Word::cut("c"),
        token: None,
        name: Line::cut("n"),
        board: Line::cut("b"),
        version: Word::cut("1"),
    };
    let enrolment = EnrolRequest::new(&text, &ours);
    assert_eq!(enrolment.open().unwrap(), text);
    assert!(matches!(Command::open(&enrolment.sealed, find), Err(SealedError::WrongSignature(_))));
}

#[test]
fn what_a_server_may_order_is_read_and_what_names_files_of_a_device_is_not() {
    let order =
        |method: &str, params: Value| OrderText { method: Word::cut(method), params: Some(params) }.read();
    let blob = "ab".repeat(32);
    assert_eq!(OrderText::plain("skip").read().unwrap(), Order::Local(Method::Skip));
    assert!(OrderText::plain("status").read().unwrap().is_question());
    assert!(OrderText::plain("reboot").read().unwrap().ends_the_process());
    assert!(matches!(
        order("emergency", json!({"blob": blob, "for_s": 60, "drill": true})),
        Ok(Order::Blob(BlobOrder::Emergency { for_s: 60, drill: true, .. }))
    ));
    for (method, params) in [
        ("emergency", json!({"blob": blob, "for_s": 0})),
        ("emergency", json!({"blob": blob, "for_s": 86_401})),
        ("emergency", json!({"blob": "../../etc/passwd", "for_s": 5})),
        ("announce", json!({"path": "/etc/passwd"})),
        ("announce", json!({"blob": blob, "duck_db": 61.0})),
        ("volume", json!({"percnt": 3})),
        ("logs.send", json!({"lines": 1001})),
        ("skip", json!({"n": 1})),
        ("screen", json!({"on": 1})),
    ] {
        assert!(matches!(order(method, params), Err(OrderError::Params { .. })), "{method}");
    }
    assert_eq!(order("play", json!({"entry": 3})), Err(OrderError::LocalOnly("play".into())));
    assert_eq!(OrderText::plain("shutdown").read(), Err(OrderError::LocalOnly("shutdown".into())));
    assert_eq!(OrderText::plain("queue.clear").read(), Err(OrderError::LocalOnly("queue.clear".into())));
    assert_eq!(OrderText::plain("fly").read(), Err(OrderError::Unknown("fly".into())));
    for name in REMOTE_METHODS {
        assert!(crate::method::METHODS.iter().any(|info| info.name == *name), "{name} is no method");
    }
}

#[test]
fn a_code_is_read_however_people_type_it() {
    let code = Code::from_chance(&[0, 1, 2, 3, 255, 4, 253, 5, 6, 7, 8]).unwrap();
    assert_eq!(code.to_string(), "BCDF-GHJK");
    for typed in ["BCDFGHJK", "bcdf ghjk", " BcDf--GhJk "] {
        assert_eq!(typed.parse::<Code>().unwrap(), code, "{typed}");
    }
    for typed in ["", "BCDFGHJ", "BCDFGHJKM", "BCDFGHJ0", "BCDFGHJI", "BCDFGHJÄ"] {
        typed.parse::<Code>().expect_err(typed);
    }
    assert_eq!(Code::from_chance(&[255; 32]), None);
}

#[test]
fn a_bomb_is_not_unpacked() {
    let bomb = pack(&vec![b' '; 64 * BATCH_UNPACKED_LEN_MAX]);
    assert!(bomb.len() <= BATCH_LEN_MAX, "it would be stopped before: {}", bomb.len());
    assert_eq!(unpack(&bomb, BATCH_UNPACKED_LEN_MAX), Err(PackError::TooLong(BATCH_UNPACKED_LEN_MAX)));
    let packed = pack(b"twelve plays");
    assert_eq!(unpack(&packed, 12).unwrap(), b"twelve plays");
    assert!(matches!(unpack(&packed[..packed.len() - 3], 100), Err(PackError::Damaged(_))));
}

#[test]
fn an_answer_that_is_too_long_is_said_to_be() {
    let name = CommandRef { epoch: 1, number: 2 };
    let outcome =
        Outcome::new(name, Ended::Done, "").with_answer("x".repeat(command::ANSWER_TEXT_LEN_MAX + 1));
    assert_eq!((outcome.ended, outcome.answer), (Ended::Failed, None));
}

#[test]
fn secrets_are_not_in_what_is_logged() {
    let token = NewToken { token: Line::cut("geheim") };
    assert!(!format!("{token:?}").contains("geheim"));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read::<Heartbeat>("heartbeat", &noise, REQUEST_LEN_MAX);
        let _ = read::<PlayBatch>("batch", &noise, REQUEST_LEN_MAX);
        let _ = read::<EnrolRequest>("enrolment", &noise, REQUEST_LEN_MAX);
        let _ = read::<HeartbeatAnswer>("answer", &noise, ANSWER_LEN_MAX);
        let _ = unpack(&noise, 1000);
        let _ = String::from_utf8_lossy(&noise).parse::<Code>();
    }

    #[test]
    fn no_flipped_bit_of_a_command_is_believed(bit in 0_usize..10_000) {
        let ours = key(1);
        let known = ours.public();
        let mut bytes = written(&Command::seal(command(4).text(), &ours));
        let at = bit % (bytes.len() * 8);
        bytes[at / 8] ^= 1 << (at % 8);
        // Where it is still a sealed text, it is either not opened, or it is the same command.
        if let Ok(sealed) = serde_json::from_slice::<Sealed>(&bytes)
            && let Ok(opened) = Command::open(&sealed, |id| (id == known.id()).then_some(&known))
        {
            prop_assert_eq!(opened, command(4));
        }
    }

    #[test]
    fn what_is_packed_is_unpacked(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert_eq!(unpack(&pack(&bytes), 5000).unwrap(), bytes);
    }

    #[test]
    fn a_text_that_was_cut_is_always_taken(text in ".{0,400}") {
        let line = Line::cut(&text);
        prop_assert_eq!(Line::new(line.as_str()).unwrap(), line);
    }

    #[test]
    fn every_code_is_read_back(chance in proptest::collection::vec(0_u8..252, 8)) {
        let code = Code::from_chance(&chance).unwrap();
        prop_assert_eq!(code.to_string().parse::<Code>().unwrap(), code);
    }
}
