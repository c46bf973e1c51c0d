//! Board files: those that are built in, and wrong ones.

use super::*;

const GOOD: &str = "name = \"A board\"\nchip = \"pins\"\n[[button]]\nname = \"play\"\nline = 17\n[[button]]\nname = \"skip\"\nline = 27\n";

fn wrong(more: &str) -> String {
    Board::parse("/etc/boards/mine.toml", &format!("{GOOD}{more}")).unwrap_err().to_string()
}

#[test]
fn every_built_in_board_is_right_and_says_what_was_never_tried() {
    let boards = Boards::built_in().unwrap();
    assert!(boards.all().len() >= 7);
    for board in boards.all() {
        assert!(!board.name.is_empty());
        assert!(!board.never_tried.is_empty(), "{}: nothing of it was tried on a real one", board.id);
        for (_, line) in board.plan.inputs() {
            assert!(!line.chip.is_empty(), "{}", board.id);
        }
    }
    assert!(boards.named("none").unwrap().plan.inputs().is_empty());
}

#[test]
fn a_board_is_found_by_its_model_and_the_longest_that_fits() {
    let boards = Boards::built_in().unwrap();
    let root = tempfile::tempdir().unwrap();
    assert_eq!(boards.find(root.path()).unwrap().0.id, "pc", "no device tree");
    std::fs::create_dir_all(root.path().join("proc/device-tree")).unwrap();
    let mut found = 0;
    for board in boards.all() {
        for model in &board.models {
            let path = root.path().join(MODEL_PATH);
            std::fs::write(&path, format!("{model} Rev 1.1\0")).unwrap();
            assert_eq!(boards.find(root.path()).unwrap().0.id, board.id, "{model}");
            found += 1;
        }
    }
    assert!(found >= 5);
    std::fs::write(root.path().join(MODEL_PATH), "Something Else\0").unwrap();
    let (board, model) = boards.find(root.path()).unwrap();
    assert_eq!((board.id.as_str(), model.as_deref()), ("none", Some("Something Else")));
}

#[test]
fn an_unknown_key_is_refused_with_path_and_line() {
    let problem = wrong("colour = \"red\"\n");
    assert!(problem.starts_with("/etc/boards/mine.toml: line 9: unknown field `colour`"), "{problem}");
}

#[test]
fn a_line_that_is_used_twice_is_refused_with_both_uses() {
    let problem = wrong("[led]\nline = 27\n");
    assert_eq!(
        problem,
        "/etc/boards/mine.toml: line 10: line 27 of chip pins is button \"skip\" already; the LED needs another"
    );
    assert!(wrong("[encoder]\na = 5\nb = 5\n").contains("is the encoder already"));
    let elsewhere = format!("{GOOD}[led]\nchip = \"other\"\nline = 27\n");
    assert!(Board::parse("x.toml", &elsewhere).is_ok(), "line 27 of another chip is another line");
}

#[test]
fn other_wrong_lines_are_told_with_what_would_be_right() {
    for (more, words) in [
        ("[led]\nline = 99999\n", "the highest is"),
        ("[led]\nline = \"\"\n", "a name of no line"),
        ("[led]\nline = -1\n", "line 10"),
        ("[[button]]\nname = \"play\"\nline = 3\n", "there is a button \"play\" already"),
        ("[[button]]\nname = \"x\"\nline = 3\npull = \"sideways\"\n", "sideways"),
    ] {
        let problem = wrong(more);
        assert!(problem.contains(words), "{problem}");
    }
    let problem = Board::parse("x.toml", "name = \"x\"\n[led]\nline = 3\n").unwrap_err().to_string();
    assert!(problem.contains("no chip"), "{problem}");
}

#[test]
fn a_folder_adds_boards_and_replaces_those_of_the_same_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pc.toml"), GOOD).unwrap();
    let boards = Boards::built_in().unwrap();
    let count = boards.all().len();
    let boards = boards.with_folder(folder.path()).unwrap();
    assert_eq!(boards.all().len(), count);
    assert_eq!(boards.named("pc").unwrap().plan.buttons.len(), 2);
    std::fs::write(folder.path().join("bad.toml"), "nonsense").unwrap();
    let problem = boards.clone().with_folder(folder.path()).unwrap_err().to_string();
    assert!(problem.contains("bad.toml: line 1"), "{problem}");
    assert!(boards.named("toaster").unwrap_err().to_string().contains("there are"));
}
