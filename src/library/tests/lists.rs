//! Lists: of all kinds, from all systems.

use super::*;

fn list(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_list_is_followed_in_its_order_whatever_system_wrote_it() {
    let dir = folder(&[
        "b.mp3",
        "sub/a.flac",
        "sub/2.ogg",
        "sub/10.ogg",
        "x.xyz",
        "caf\u{e9}.mp3",
        "with space.mp3",
    ]);
    let absolute = dir.path().join("b.mp3");
    let absolute = absolute.to_str().unwrap();
    let text = format!(
        "\u{feff}#EXTM3U\r\n#EXTINF:1,A\r\nsub/a.flac\r\n\r\n{absolute}\r\nsub\r\nx.xyz\r\nsub\\a.flac\r\n\
         file://{absolute}\r\n  with space.mp3\t\r\n./b.mp3"
    );
    for name in ["l.m3u", "l.M3U8"] {
        let outcome = expand(&[list(dir.path(), name, &text)]);
        let expected = [
            "sub/a.flac",
            "b.mp3",
            "sub/2.ogg",
            "sub/10.ogg",
            "sub/a.flac",
            "x.xyz",
            "sub/a.flac",
            "b.mp3",
            "with space.mp3",
            "b.mp3",
        ];
        assert_eq!(outcome.names(dir.path()), expected);
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    }
    let latin = list(dir.path(), "latin.m3u", b"caf\xe9.mp3\n");
    assert_eq!(expand(&[latin]).names(dir.path()), ["caf\u{e9}.mp3"]);
}

#[test]
fn names_that_are_no_utf8_are_found_as_bytes() {
    let dir = folder(&[]);
    let odd = dir.path().join(OsStr::from_bytes(b"\xff\xfe.mp3"));
    fs::write(&odd, "").unwrap();
    assert_eq!(expand(&[list(dir.path(), "l.m3u", b"#\n\xff\xfe.mp3\n")]).songs(), [odd]);
}

#[test]
fn each_line_that_leads_nowhere_is_a_problem_with_its_number() {
    let dir = folder(&["a.mp3", "empty/"]);
    let text = "#EXTM3U\ngone.mp3\na.mp3\nhttp://radio.example/stream\nempty\n/dev/null\n";
    let path = list(dir.path(), "l.m3u", text);
    let outcome = expand(std::slice::from_ref(&path));
    assert_eq!(outcome.names(dir.path()), ["a.mp3"]);
    let at = path.display();
    let expected = [
        format!("{at} line 2: gone.mp3 does not exist"),
        format!("{at} line 4: \"http://radio.example/stream\": only files on this machine can be played"),
        format!("{at} line 5: {} holds no music: looked for", dir.path().join("empty").display()),
        format!("{at} line 6: /dev/null is a device, not a file"),
    ];
    assert_eq!(outcome.problems.len(), expected.len(), "{:?}", outcome.problems);
    for (problem, expected) in outcome.problems.iter().zip(expected) {
        assert!(problem.starts_with(&expected), "{problem}\n{expected}");
    }
}

#[test]
fn a_list_in_a_list_is_followed_and_no_further() {
    let dir = folder(&["a.mp3", "sub/b.mp3"]);
    let outer = list(dir.path(), "outer.m3u", "sub/inner.m3u\na.mp3\n");
    list(dir.path(), "sub/inner.m3u", "b.mp3\nmost.m3u\n../outer.m3u\n");
    list(dir.path(), "sub/most.m3u", "b.mp3\n");
    let outcome = expand(&[outer]);
    assert_eq!(outcome.names(dir.path()), ["sub/b.mp3", "a.mp3"]);
    assert_eq!(outcome.problems.len(), 2);
    assert!(
        outcome.problems.iter().all(|problem| problem.contains("not followed")),
        "{:?}",
        outcome.problems
    );
    let itself = list(dir.path(), "itself.m3u", "itself.m3u\na.mp3\n");
    assert_eq!(expand(&[itself]).names(dir.path()), ["a.mp3", "a.mp3"]);
}

#[test]
fn a_list_that_cannot_be_one_is_said() {
    let dir = folder(&[]);
    for (text, expected) in [
        (&b""[..], "names no songs"),
        (b"#EXTM3U\n\n", "names no songs"),
        (b"\xff\xfea\0.\0m\0p\x003\0", "UTF-16"),
        (b"ID3\0\0\0", "not a text"),
    ] {
        let words = only_problem(&[list(dir.path(), "l.m3u", text)]);
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn a_list_that_is_too_long_is_taken_to_its_limit() {
    let dir = folder(&["a.mp3"]);
    let outcome = expand(&[list(dir.path(), "l.m3u", "a.mp3\n".repeat(20_001))]);
    assert_eq!((outcome.songs().len(), outcome.problems.len()), (20_000, 1));
    assert!(outcome.problems[0].contains("longer than 20000 lines or 4 MiB"), "{:?}", outcome.problems);
}

#[test]
fn a_line_of_any_length_makes_a_short_sentence() {
    let dir = folder(&[]);
    let long = "x".repeat(1_000_000);
    for line in [long.clone(), format!("http://{long}"), format!("{long}.m3u")] {
        let words = only_problem(&[list(dir.path(), "l.m3u", line)]);
        assert!(words.len() < 800, "{}", words.len());
    }
}
