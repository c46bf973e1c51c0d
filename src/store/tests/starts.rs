//! Starts on a store that was damaged.

use super::*;
use std::fs;

/// A store with releases 1 and 2.
fn two(root: &Path) {
    let (mut store, _) = Store::open(Arc::new(RealDisk), settings(root)).unwrap();
    take(&mut store, &release(1, &[1, 2]), &mut |_| ()).unwrap();
    take(&mut store, &release(2, &[2, 3]), &mut |_| ()).unwrap();
}

fn start(root: &Path) -> (Store, Findings) {
    Store::open(Arc::new(RealDisk), settings(root)).unwrap()
}

fn number(store: &Store) -> Option<u64> {
    store.current().map(|one| one.held.edition.number)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_manifest_with_any_changed_byte_is_not_played_and_the_generation_before_is() {
    let folder = folder();
    two(folder.path());
    let manifest = folder.path().join("generations/1.2/manifest.json");
    let len = fs::metadata(&manifest).unwrap().len() as usize;
    for at in (0..len).step_by(len / 20) {
        flip(&manifest, at);
        let (store, findings) = start(folder.path());
        assert_eq!(number_played(&store), Some(1), "{at}");
        let words = findings.to_string();
        assert!(words.contains("release 2 cannot be played") && words.contains("release 1 plays"), "{words}");
        flip(&manifest, at);
    }
    let (mut store, findings) = start(folder.path());
    assert_eq!((number(&store), findings), (Some(2), Findings::default()));
    // The same release again, over the damaged one.
    flip(&manifest, 100);
    let generation = release(2, &[2, 3]);
    take(&mut store, &generation, &mut |_| ()).unwrap();
    assert_eq!(number_played(&start(folder.path()).0), Some(2));
}

#[test]
fn a_pointer_that_leads_nowhere_is_told_and_the_newest_release_plays() {
    let folder = folder();
    two(folder.path());
    let current = folder.path().join("current");
    for target in ["generations/1.9", "generations/../../etc", "/etc", "generations/x", "generations/01.2"] {
        fs::remove_file(&current).unwrap();
        std::os::unix::fs::symlink(target, &current).unwrap();
        let (store, findings) = start(folder.path());
        assert_eq!(number_played(&store), Some(2), "{target}");
        assert!(!findings.problems.is_empty(), "{target}");
    }
    fs::remove_file(&current).unwrap();
    fs::write(&current, "no link").unwrap();
    let (store, findings) = start(folder.path());
    assert_eq!(number_played(&store), Some(2));
    assert!(findings.to_string().contains("cannot be read"), "{findings}");
}

#[test]
fn files_that_are_missing_or_cut_are_named_and_fetched_again_while_the_rest_plays() {
    let folder = folder();
    two(folder.path());
    let (store, _) = start(folder.path());
    let cut = store.blob(&blob(3).sha256).unwrap();
    fs::write(&cut, &song(3)[..100]).unwrap();
    let (mut store, findings) = start(folder.path());
    assert_eq!((number(&store), &findings.missing[..]), (Some(2), &[blob(3).sha256][..]));
    assert!(findings.to_string().contains(&blob(3).sha256.to_string()), "{findings}");
    let release = release(2, &[2, 3]);
    assert_eq!(store.missing(&release.manifest).len(), 1);
    fetch(&mut store, 3).unwrap();
    assert_eq!(number_played(&start(folder.path()).0), Some(2));
    fs::remove_file(&cut).unwrap();
    assert_eq!(start(folder.path()).1.missing, [blob(3).sha256]);
}

#[test]
fn without_any_release_that_can_be_believed_the_factorys_plays() {
    let (home, factory) = (folder(), folder());
    let made = release(1, &[7]);
    let name = blob(7).sha256;
    let path = factory.path().join(orchestrion_protocol::release::blob_path(&name));
    for (path, bytes) in [
        (path, song(7)),
        (
            factory.path().join(orchestrion_protocol::release::manifest_path(&made.offer.manifest)),
            made.bytes.clone(),
        ),
        (factory.path().join("release.json"), made.offer.bytes()),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let settings = Settings { factory: Some(factory.path().to_owned()), ..settings(home.path()) };
    let (mut store, findings) = Store::open(Arc::new(RealDisk), settings.clone()).unwrap();
    assert_eq!((number_played(&store), findings), (Some(1), Findings::default()));
    assert!(store.current().unwrap().is_factory && store.held().is_none(), "any release is newer than it");
    take(&mut store, &release(1, &[1, 2]), &mut |_| ()).unwrap();
    assert!(!store.current().unwrap().is_factory);
    for entry in fs::read_dir(home.path().join("generations")).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    let (store, findings) = Store::open(Arc::new(RealDisk), settings).unwrap();
    assert!(store.current().unwrap().is_factory && !findings.problems.is_empty());
}

#[test]
fn what_an_interrupted_download_left_goes_only_when_it_is_whole_elsewhere() {
    let folder = folder();
    two(folder.path());
    let partial = |name: &str| folder.path().join("partial").join(name);
    let (whole, begun) = (blob(3).sha256.to_string(), blob(4).sha256.to_string());
    for name in [whole.as_str(), &begun, "rubbish"] {
        fs::write(partial(name), &song(4)[..1000]).unwrap();
    }
    fs::create_dir(folder.path().join("generations/1.3.new")).unwrap();
    fs::write(folder.path().join("generations/1.3.new/manifest.json"), "half").unwrap();
    let (mut store, findings) = start(folder.path());
    assert_eq!(findings, Findings::default());
    assert!(partial(&begun).exists() && !partial(&whole).exists() && !partial("rubbish").exists());
    assert!(!folder.path().join("generations/1.3.new").exists());
    let partial = store.begin(&blob(4)).unwrap();
    assert_eq!(partial.len(), 1000, "what is there is not fetched twice");
    drop(partial);
    fetch(&mut store, 4).unwrap();
}

#[test]
fn other_keys_in_the_configuration_begin_anew_and_what_was_accepted_plays_on() {
    let folder = folder();
    two(folder.path());
    let (mut store, _) = start(folder.path());
    let message = store.keys().rotate(vec![key(2).public()], &key(1)).unwrap().bytes();
    store.follow(&message).unwrap();
    let (store, findings) = start(folder.path());
    assert_eq!((store.keys().serial(), number(&store), findings), (1, Some(2), Findings::default()));
    let other = Settings { pinned: vec![key(5).public()], ..settings(folder.path()) };
    let (mut store, findings) = Store::open(Arc::new(RealDisk), other).unwrap();
    assert_eq!((store.keys().serial(), number(&store), findings), (0, Some(2), Findings::default()));
    let refused = take(&mut store, &release_by(&key(2), 3, &[3]), &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("does not know"), "{refused}");
    fs::write(folder.path().join("keys.json"), "{").unwrap();
    assert_eq!(start(folder.path()).0.keys().serial(), 0, "it is followed again");
}
