//! Where `orchestrion-media` is.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Error;

/// The program's name.
pub const PROGRAM: &str = "orchestrion-media";
/// The variable that names another file instead, for packagers and tests.
pub const PROGRAM_VAR: &str = "ORCHESTRION_MEDIA";

/// Finds the program: where [`PROGRAM_VAR`] says, else beside this process's own, else in `PATH`. Looked for anew each
/// time, so that it may be installed while the device runs.
///
/// # Errors
/// It is not there; the words say where it was looked for.
pub fn find() -> Result<PathBuf, Error> {
    let beside = env::current_exe().unwrap_or_default();
    // While a package is upgraded the kernel names a program that was replaced `… (deleted)`; its folder is right.
    let beside = beside.parent().unwrap_or(Path::new("/")).join(PROGRAM);
    find_in(env::var_os(PROGRAM_VAR).as_deref(), beside, env::var_os("PATH").as_deref())
}

fn find_in(named: Option<&OsStr>, beside: PathBuf, path: Option<&OsStr>) -> Result<PathBuf, Error> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        let program = PathBuf::from(named);
        return if is_program(&program) { Ok(program) } else { Err(Error::WrongProgram { program }) };
    }
    if is_program(&beside) {
        return Ok(beside);
    }
    // A relative folder in PATH would depend on where the daemon was started.
    env::split_paths(path.unwrap_or_default())
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(PROGRAM))
        .find(|program| is_program(program))
        .ok_or(Error::NoProgram { looked: beside })
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_program_is_looked_for_where_it_is_named_then_beside_then_in_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let (beside, elsewhere) = (dir.path().join(PROGRAM), dir.path().join("bin"));
        let named = dir.path().join("mine");
        fs::create_dir(&elsewhere).unwrap();
        let path = env::join_paths([Path::new("relative"), &elsewhere]).unwrap();
        let find = |named: Option<&Path>| find_in(named.map(Path::as_os_str), beside.clone(), Some(&path));

        let words = find(None).unwrap_err().to_string();
        assert!(words.contains(beside.to_str().unwrap()) && words.contains("PATH"), "{words}");
        let words = find(Some(&named)).unwrap_err().to_string();
        assert_eq!(words, format!("ORCHESTRION_MEDIA names {}, which is no program", named.display()));

        let program = |at: &Path| {
            fs::write(at, "#!/bin/sh\n").unwrap();
            fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
        };
        program(&elsewhere.join(PROGRAM));
        assert_eq!(find(None), Ok(elsewhere.join(PROGRAM)));
        fs::write(&beside, "not executable").unwrap();
        assert_eq!(find(None), Ok(elsewhere.join(PROGRAM)));
        program(&beside);
        assert_eq!(find(None), Ok(beside.clone()));
        program(&named);
        assert_eq!(find(Some(&named)), Ok(named.clone()));
    }
}
