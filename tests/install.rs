//! `orchestrion install` into a root of its own, and off again: what was there before is there after, and nothing else.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Programs that are installed from beside each other; the real ones are built by other packages, and only their bytes matter here.
const WATCHDOG: &[u8] = b"#!/bin/sh\n";

/// The root of a system, as far as this needs one, and a folder with the programs.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { folder };
        for path in ["usr/lib/systemd/system", "etc", "usr/bin"] {
            fs::create_dir_all(machine.root().join(path)).unwrap();
        }
        machine.write("usr/lib/systemd/systemd", b"");
        machine.write("etc/hostname", b"here\n");
        // The users are made by systemd's own program, which also makes the files for them: they are there before.
        sysusers(&machine.root());
        fs::create_dir(machine.programs()).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_orchestrion"), machine.program()).unwrap();
        fs::write(machine.programs().join("orchestrion-watchdog"), WATCHDOG).unwrap();
        machine
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    fn program(&self) -> PathBuf {
        self.programs().join("orchestrion")
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(self.program()).args(words).arg("--root").arg(self.root()).output().unwrap()
    }

    fn succeed(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refuse(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Everything below the root: what it is, its mode, its content.
    fn tree(&self) -> BTreeMap<PathBuf, String> {
        let mut tree = BTreeMap::new();
        let mut waiting = vec![self.root()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let content = if metadata.is_symlink() {
                    fs::read_link(&path).unwrap().display().to_string()
                } else if metadata.is_dir() {
                    waiting.push(path.clone());
                    "folder".to_owned()
                } else {
                    String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
                };
                // userdel and systemd-sysusers keep copies of what they changed.
                let is_copy = path.extension().is_none() && path.to_string_lossy().ends_with('-');
                if !is_copy {
                    let path = path.strip_prefix(self.root()).unwrap().to_owned();
                    tree.insert(path, format!("{:o} {content}", metadata.permissions().mode()));
                }
            }
        }
        tree
    }
}

/// Makes the users that others' files have, and ours, and takes ours off again: a machine on which they once were.
fn sysusers(root: &Path) {
    let etc = root.join("etc");
    fs::write(etc.join("passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(etc.join("group"), "root:x:0:\naudio:x:29:\nvideo:x:44:\nrender:x:105:\ngpio:x:997:\n")
        .unwrap();
    fs::write(etc.join("shadow"), "root:*:19000:0:99999:7:::\n").unwrap();
    fs::write(etc.join("gshadow"), "root:*::\naudio:*::\nvideo:*::\nrender:*::\ngpio:!::\n").unwrap();
    fs::write(etc.join(".pwd.lock"), "").unwrap();
    for name in ["passwd", "group", ".pwd.lock"] {
        let mode = if name == ".pwd.lock" { 0o600 } else { 0o644 };
        fs::set_permissions(etc.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn can_make_users() -> bool {
    let has = |program: &str| {
        Command::new(program).arg("--help").output().is_ok_and(|output| output.status.success())
    };
    let can = rustix::process::geteuid().is_root() && has("systemd-sysusers") && has("userdel");
    if !can {
        eprintln!("SKIPPED: making users needs root, systemd-sysusers and userdel");
    }
    can
}

fn differences(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let paths = before.keys().chain(after.keys());
    let mut different: Vec<_> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| format!("{}: {:?} became {:?}", path.display(), before.get(path), after.get(path)))
        .collect();
    different.sort_unstable();
    different.dedup();
    different
}

#[test]
fn it_is_installed_enabled_and_taken_off_without_a_trace() {
    if !can_make_users() {
        return;
    }
    let machine = Machine::new();
    let before = machine.tree();
    let said = machine.succeed(&["install", "--watchdog-identity", "Fake Watchdog"]);
    assert!(said.contains("/srv/music"), "{said}");
    let unit = machine.read("usr/lib/systemd/system/orchestrion.service");
    assert_eq!(
        unit,
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/orchestrion.service")).unwrap()
    );
    let enabled = machine.root().join("etc/systemd/system/multi-user.target.wants/orchestrion.service");
    assert_eq!(fs::read_link(enabled).unwrap(), Path::new("/usr/lib/systemd/system/orchestrion.service"));
    assert!(machine.read("etc/default/orchestrion-watchdog").contains("\"--identity 'Fake Watchdog'\""));
    let program = machine.root().join("usr/bin/orchestrion");
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::read(program).unwrap(), fs::read(machine.program()).unwrap());
    assert_eq!(fs::read(machine.root().join("usr/bin/orchestrion-watchdog")).unwrap(), WATCHDOG);
    for name in ["orchestrion:", "orchestrion-watchdog:"] {
        assert!(machine.read("etc/passwd").lines().any(|line| line.starts_with(name)), "no user {name}");
    }
    // What a device leaves behind.
    machine.write("var/lib/orchestrion/state.sqlite", b"x");
    let installed = machine.tree();
    machine.succeed(&["install"]);
    assert_eq!(differences(&installed, &machine.tree()), Vec::<String>::new(), "again, it changes nothing");
    fs::remove_dir_all(machine.root().join("var")).unwrap();
    machine.succeed(&["uninstall", "--purge"]);
    assert_eq!(differences(&before, &machine.tree()), Vec::<String>::new());
    assert!(machine.refuse(&["uninstall"]).contains("nothing is installed here"));
}

#[test]
fn what_people_changed_and_made_stays_unless_all_is_to_go() {
    if !can_make_users() {
        return;
    }
    let machine = Machine::new();
    machine.succeed(&["install"]);
    machine.write("etc/orchestrion/orchestrion.toml", b"music = [\"/mine\"]\n");
    machine.write("var/lib/orchestrion/state.sqlite", b"x");
    machine.write("srv/music/song.flac", b"x");
    machine.succeed(&["install"]);
    assert_eq!(machine.read("etc/orchestrion/orchestrion.toml"), "music = [\"/mine\"]\n");
    let said = machine.succeed(&["uninstall"]);
    assert!(said.contains("kept, since somebody changed it") && said.contains("orchestrion.toml"), "{said}");
    for kept in
        ["etc/orchestrion/orchestrion.toml", "var/lib/orchestrion/state.sqlite", "srv/music/song.flac"]
    {
        assert!(machine.root().join(kept).exists(), "{kept}");
    }
    assert!(!machine.root().join("usr/bin/orchestrion").exists());
    machine.succeed(&["install"]);
    machine.succeed(&["uninstall", "--purge"]);
    assert!(!machine.root().join("var/lib/orchestrion").exists());
    assert!(!machine.root().join("etc/orchestrion").exists());
    assert!(machine.root().join("srv/music/song.flac").exists(), "the music is theirs");
}

#[test]
fn a_dry_run_lists_everything_and_does_nothing() {
    let machine = Machine::new();
    let before = machine.tree();
    let said = machine.succeed(&["install", "--dry-run"]);
    assert_eq!(differences(&before, &machine.tree()), Vec::<String>::new());
    for path in [
        "usr/bin/orchestrion",
        "usr/bin/orchestrion-watchdog",
        "usr/lib/systemd/system/orchestrion.service",
        "usr/lib/systemd/system/orchestrion-watchdog.service",
        "usr/lib/sysusers.d/orchestrion.conf",
        "usr/lib/tmpfiles.d/orchestrion.conf",
        "usr/lib/udev/rules.d/70-orchestrion.rules",
        "usr/share/polkit-1/rules.d/50-orchestrion.rules",
        "etc/systemd/journald.conf.d/orchestrion.conf",
        "etc/default/orchestrion-watchdog",
        "etc/orchestrion/orchestrion.toml",
        "etc/systemd/system/orchestrion.service.wants/orchestrion-watchdog.service",
    ] {
        assert!(said.contains(&machine.root().join(path).display().to_string()), "{path} in {said}");
    }
    assert!(said.contains("systemd-sysusers --root="), "{said}");
}

#[test]
fn what_is_not_right_is_named() {
    let machine = Machine::new();
    machine.write("usr/bin/orchestrion", b"somebody else's");
    let said = machine.refuse(&["install"]);
    assert!(said.contains("usr/bin/orchestrion is there already"), "{said}");
    assert_eq!(machine.read("usr/bin/orchestrion"), "somebody else's");
    fs::remove_file(machine.root().join("usr/bin/orchestrion")).unwrap();
    fs::remove_file(machine.programs().join("orchestrion-watchdog")).unwrap();
    let said = machine.refuse(&["install"]);
    assert!(said.contains("orchestrion-watchdog") && said.contains("cargo build"), "{said}");
    fs::remove_file(machine.root().join("usr/lib/systemd/systemd")).unwrap();
    assert!(machine.refuse(&["install"]).contains("has no systemd"));
    let output = Command::new(machine.program()).args(["install", "--root", "/nowhere"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere: there is no such folder"));
}
