//! What the configuration and a board's file make together.

use orchestrion_board::{Bias, Gesture, LineId, Polarity};

use super::*;

fn wiring(text: &str) -> Result<Wiring, String> {
    let wanted: Wanted = toml::from_str(text).unwrap();
    Wiring::of(&wanted, Path::new("/nowhere"))
}

fn wrong(text: &str) -> String {
    wiring(text).map(|wiring| wiring.plan).unwrap_err()
}

fn action(wiring: &Wiring, button: usize, gesture: Gesture) -> Option<Action> {
    wiring.press(button, gesture).map(|press| press.action)
}

#[test]
fn a_board_s_buttons_do_what_they_are_called_and_the_configuration_changes_a_part_of_them() {
    let text = "name = \"pc\"\nchip = \"pins\"\n[button.play]\nline = 4\n[button.skip]\nline = 5\npolarity = \"high\"\n\
                pull = \"down\"\nlong = \"previous\"\n[button.louder]\nline = 6\n[led]\nline = 7\n";
    let wiring = wiring(text).unwrap();
    let names: Vec<&str> = wiring.plan.buttons.iter().map(|button| button.name.as_str()).collect();
    assert_eq!(names, ["louder", "play", "skip"]);
    assert_eq!(action(&wiring, 1, Gesture::Short), Some(Action::Toggle));
    assert_eq!(action(&wiring, 1, Gesture::Long), None);
    assert_eq!(action(&wiring, 2, Gesture::Long), Some(Action::Previous));
    let again = wiring.press(0, Gesture::Repeat(3)).unwrap();
    assert_eq!((again.action, again.is_repeated), (Action::Louder, true));
    let line = &wiring.plan.buttons[2].line;
    assert_eq!((line.chip.as_str(), &line.line), ("pins", &LineId::Offset(5)));
    assert_eq!((line.polarity, line.bias), (Polarity::High, Bias::Down));
    assert_eq!(wiring.plan.led.as_ref().map(|led| led.polarity), Some(Polarity::High), "an LED to ground");
}

#[test]
fn a_chip_for_all_lines_moves_those_of_the_board_as_well() {
    let boards = orchestrion_board::Boards::built_in().unwrap();
    let board = boards.all().iter().find(|board| board.plan.buttons.len() >= 2).unwrap();
    let moved = wiring(&format!("name = \"{}\"\nchip = \"unix:/pins\"\n", board.id)).unwrap();
    assert!(moved.plan.inputs().len() >= 2);
    assert!(moved.plan.inputs().iter().all(|(_, line)| line.chip == "unix:/pins"));
    let known = &board.plan.buttons[0];
    assert_eq!(moved.plan.buttons[0].line.line, known.line.line);
    // A button that does nothing leaves its line to others.
    let text = format!("name = \"{}\"\n[button.{}]\nshort = \"nothing\"\n", board.id, known.name);
    let without = wiring(&text).unwrap();
    assert_eq!(without.plan.buttons.len(), board.plan.buttons.len() - 1);
}

#[test]
fn what_cannot_be_is_told_with_its_place_and_what_would_be_right() {
    for (text, words) in [
        ("name = \"toaster\"\n", "there is no board \"toaster\"; there are"),
        ("[button.play]\nline = 4\n", "[board.button.play]: its chip is not known; write chip = "),
        (
            "chip = \"c\"\n[button.play]\nlong = \"skip\"\n",
            "[board.button.play]: the board has none; write line = ",
        ),
        ("chip = \"c\"\n[button.bell]\nline = 4\n", "nothing says what it does"),
        ("chip = \"c\"\n[button.bell]\nline = 4\nshort = \"announce\"\n", "write announcement = "),
        (
            "chip = \"c\"\n[button.a]\nline = 4\nshort = \"skip\"\nlong = \"skip\"\nrepeat = true\n",
            "not both",
        ),
        (
            "chip = \"c\"\n[button.play]\nline = 4\n[alarm]\nline = 4\n",
            "line 4 of chip c is button \"play\" already",
        ),
        ("chip = \"c\"\n[encoder]\na = 4\n", "[board.encoder]: the board has none"),
    ] {
        let problem = wrong(text);
        assert!(problem.contains(words), "{problem}");
    }
    assert!(toml::from_str::<Wanted>("[button.play]\nshort = \"sing\"\n").is_err());
    assert!(toml::from_str::<Wanted>("colour = 3\n").is_err());
}

#[test]
fn paths_count_from_the_configuration_s_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.toml");
    std::fs::write(&path, "[board]\nboards = \"b\"\n[board.button.x]\nannouncement = \"bell.wav\"\n")
        .unwrap();
    let board = crate::config::Config::read(&path).unwrap().board;
    assert_eq!(board.boards, Some(folder.path().join("b")));
    assert_eq!(board.button["x"].announcement, Some(folder.path().join("bell.wav")));
    assert!(!board.is_nothing());
    assert!(Wanted::default().is_nothing());
}
