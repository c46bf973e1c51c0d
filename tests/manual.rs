//! What shells and `man` get: scripts that really complete, pages that render without a complaint.
//!
//! Skipped loudly where a shell or a formatter is missing.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn orchestrion(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_orchestrion")).args(words).output().unwrap()
}

/// Whether a program can be started here; says so where not.
fn is_here(program: &str) -> bool {
    let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if started.is_err() {
        eprintln!("SKIPPED: there is no {program} here");
    }
    started.is_ok()
}

/// What bash offers for a line that ends in the middle of its last word.
fn completions(script: &Path, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let [.., before, last] = words else { panic!("{words:?}") };
    let line = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _orchestrion orchestrion '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        quoted.join(" "),
        words.len() - 1
    );
    let output = Command::new("bash").args(["--norc", "-c", &line]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_their_values() {
    if !is_here("bash") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("orchestrion.bash");
    std::fs::write(&script, orchestrion(&["completions", "bash"]).stdout).unwrap();
    assert_eq!(completions(&script, &["orchestrion", "doc"]), ["doctor"]);
    assert_eq!(completions(&script, &["orchestrion", "ctl", "vol"]), ["volume"]);
    assert_eq!(completions(&script, &["orchestrion", "ctl", "queue", "ad"]), ["add"]);
    assert_eq!(completions(&script, &["orchestrion", "play", "--cross"]), ["--crossfade"]);
    let offered = completions(&script, &["orchestrion", "completions", ""]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(offered.contains(&shell.to_owned()), "{offered:?}");
    }
}

#[test]
fn each_shell_gets_a_script_that_names_the_commands_and_an_unknown_one_is_refused() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = orchestrion(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && script.contains("doctor") && script.contains("shuffle"),
            "{shell}"
        );
        if ["zsh", "fish"].contains(&shell) && is_here(shell) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("script");
            std::fs::write(&path, &script).unwrap();
            let checked = Command::new(shell).arg("-n").arg(&path).output().unwrap();
            assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    assert_eq!(orchestrion(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_page_that_renders_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    assert!(orchestrion(&["man", &folder]).status.success());
    let entries = std::fs::read_dir(dir.path()).unwrap();
    let pages: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    let groff = is_here("groff");
    // It has no `--version`, and answers so.
    let mandoc = is_here("mandoc");
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.is_ascii() && text.contains(".SH SYNOPSIS"), "{}", page.display());
        if groff {
            let output =
                Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(page).output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && words.is_empty(), "{}: {words}", page.display());
        }
        if mandoc {
            let output =
                Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(page).output().unwrap();
            let words = String::from_utf8_lossy(&output.stdout);
            assert!(!words.contains("ERROR"), "{}: {words}", page.display());
        }
    }
    let is_there = |name: &str| pages.iter().any(|page| page.ends_with(name));
    assert!(
        is_there("orchestrion.1")
            && is_there("orchestrion-ctl-queue-add.1")
            && is_there("orchestrion-doctor.1")
    );
    // A page that is named on another one exists.
    for page in &pages {
        for word in std::fs::read_to_string(page).unwrap().replace("\\-", "-").split_whitespace() {
            if let Some(name) = word.strip_suffix("(1)") {
                assert!(is_there(&format!("{name}.1")), "{} names {word}", page.display());
            }
        }
    }
}

#[test]
fn the_page_of_the_program_goes_to_standard_output_and_a_folder_that_is_missing_is_told() {
    let output = orchestrion(&["man"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && page.contains("orchestrion play ~/Music"), "{page}");
    let output = orchestrion(&["man", "/nowhere/at/all"]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.contains("/nowhere/at/all"), "{words}");
}
