//! Whether a device runs here and can be talked to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use orchestrion_protocol::method::Method;
use orchestrion_protocol::status::{Output, Status};
use rustix::fs::{Access, access};

use super::super::client::{Client, ClientError};
use super::super::text;
use super::report::Finding;
use crate::bootstrap::places;
use crate::control::group;

/// How long a device may take to answer; it takes a millisecond.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// All of it, for this socket or for the usual ones.
pub(super) fn look(named: Option<&Path>) -> Vec<Finding> {
    let usual = places::socket();
    let mut all = vec![folder(named.unwrap_or(&usual))];
    match ask(named) {
        Ok((status, path)) => {
            all.extend(open_to(&path));
            all.push(running(&status));
        }
        Err(error) => all.push(silent(&error)),
    }
    all
}

/// Where the device that runs here plays; `None` without one that this user can ask.
pub(super) fn output_of_device(named: Option<&Path>) -> Option<Output> {
    ask(named).ok().and_then(|(status, _)| status.output)
}

fn ask(named: Option<&Path>) -> Result<(Status, std::path::PathBuf), ClientError> {
    let mut client = Client::connect(named)?;
    let answer = client.ask_within(&Method::Status, ANSWER_MAX)?;
    let status = serde_json::from_value(answer).map_err(|error| client.garbled(error))?;
    Ok((status, client.path().to_owned()))
}

fn folder(socket: &Path) -> Finding {
    let Some(folder) = socket.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Finding::fine("the socket lies in this folder");
    };
    let user = rustix::process::geteuid().as_raw();
    let shown = folder.display();
    if !places::is_trustworthy(socket, user) {
        let finding = Finding::wrong(format!("{shown} belongs to someone else"));
        return finding.costs("the device cannot listen there").remedy(format!("sudo rm -r {shown}"));
    }
    let (place, made) = match folder.ancestors().find(|place| place.exists()) {
        Some(place) => (place, place == folder),
        None => (folder, false),
    };
    if place.is_dir() && access(place, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        let is_there = if made { "can be used" } else { "will be made" };
        return Finding::fine(format!("the socket's folder {shown} {is_there}"));
    }
    let finding = Finding::note(format!("this user may not make a socket in {shown}"));
    finding
        .costs("a device of this user does not start with it")
        .remedy("use --socket PATH, or run it as the user that owns the folder")
}

fn open_to(socket: &Path) -> Option<Finding> {
    let found = fs::metadata(socket).ok()?;
    let whom = if found.mode() & 0o060 == 0o060 {
        format!("its owner and the group {}", group::name_of(found.gid()))
    } else {
        "its owner only".to_owned()
    };
    Some(Finding::fine(format!("{} is open to {whom}", socket.display())))
}

fn running(status: &Status) -> Finding {
    let mine = env!("CARGO_PKG_VERSION");
    let state = text::state(status.state);
    if status.version == mine {
        return Finding::fine(format!("Orchestrion {mine} answers: {state}"));
    }
    Finding::wrong(format!("Orchestrion {} runs, this is {mine}", status.version))
        .costs("what is new does not work yet")
        .remedy("sudo systemctl restart orchestrion, or `orchestrion ctl shutdown` and start it anew")
}

fn silent(error: &ClientError) -> Finding {
    match error {
        ClientError::NoDevice { .. } => Finding::note("no device runs here")
            .remedy("orchestrion play FOLDER, or orchestrion run --config FILE"),
        ClientError::Denied { path, open_to, remedy } => {
            let finding = Finding::wrong(format!("{} is open to {open_to}", path.display()));
            finding.costs("`orchestrion ctl` is refused").remedy(remedy.clone())
        }
        ClientError::TimedOut(_)
        | ClientError::Closed
        | ClientError::Io { .. }
        | ClientError::Garbled { .. }
        | ClientError::Refused(_) => Finding::wrong(error.to_string())
            .costs("nobody can control it")
            .remedy("look at its log, then sudo systemctl restart orchestrion"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::super::super::text::tests::a_status;
    use super::super::report::Mark;
    use super::*;

    #[test]
    fn a_device_of_another_version_should_be_restarted() {
        let mut status = a_status();
        status.version = env!("CARGO_PKG_VERSION").into();
        assert_eq!(running(&status).mark, Mark::Fine);
        status.version = "0.0.9".into();
        let finding = running(&status);
        assert!(finding.mark == Mark::Wrong && finding.what.contains("0.0.9"), "{finding:?}");
    }

    #[test]
    fn no_device_is_a_note_and_one_that_does_not_answer_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let all = look(Some(&socket));
        assert_eq!(all.iter().map(|finding| finding.mark).collect::<Vec<_>>(), [Mark::Fine, Mark::Note]);
        assert_eq!(output_of_device(Some(&socket)), None);
        // It listens and says nothing.
        let _listener = UnixListener::bind(&socket).unwrap();
        let all = look(Some(&socket));
        assert!(all[1].mark == Mark::Wrong && all[1].what.contains("did not answer"), "{all:?}");
    }
}
