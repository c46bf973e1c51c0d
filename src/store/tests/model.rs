//! What a power cut may leave of a file system, by the promises of POSIX alone: bytes are there only after a sync of the
//! file, names only after a sync of their folder; what was not synced may be there, be lost, or be half there, in any
//! combination. The one thing that is asked besides: a rename does not take the old name away before the new one is there.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

/// A call that changes something.
#[derive(Debug, Clone)]
pub enum Op {
    Create { path: PathBuf, file: usize },
    Write { file: usize, bytes: Vec<u8> },
    Sync { file: usize },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    Symlink { target: PathBuf, path: PathBuf },
    CreateDir { path: PathBuf },
    SyncDir { path: PathBuf },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(usize),
    Dir(usize),
    Link(PathBuf),
}

#[derive(Debug, Clone, Default)]
struct FileState {
    synced: Vec<u8>,
    pending: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Default)]
struct DirState {
    synced: BTreeMap<String, Node>,
    pending: Vec<Change>,
}

/// A change of a name; the two of a rename have one number.
#[derive(Debug, Clone)]
struct Change {
    number: usize,
    name: String,
    node: Option<Node>,
}

/// What becomes of bytes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    There,
    Lost,
    /// The length is right, the content is not.
    Zeros,
    /// The first half of each write.
    Half,
}

/// A state after a cut: files by path, `None` for folders, links as texts.
pub type Tree = BTreeMap<PathBuf, Leaf>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Leaf {
    Dir,
    File(Vec<u8>),
    Link(PathBuf),
}

#[derive(Debug, Clone)]
pub struct Model {
    files: BTreeMap<usize, FileState>,
    dirs: Vec<DirState>,
    changes: usize,
}

impl Model {
    pub fn new() -> Self {
        Self { files: BTreeMap::new(), dirs: vec![DirState::default()], changes: 0 }
    }

    /// A disk on which all of this is synced.
    pub fn of(tree: &Tree, first_file: usize) -> Self {
        let mut model = Self::new();
        for (at, (path, leaf)) in tree.iter().enumerate() {
            let (dir, name) = model.place(path);
            let node = match leaf {
                Leaf::Dir => {
                    model.dirs.push(DirState::default());
                    Node::Dir(model.dirs.len() - 1)
                }
                Leaf::File(bytes) => {
                    model.files.insert(first_file + at, FileState { synced: bytes.clone(), pending: vec![] });
                    Node::File(first_file + at)
                }
                Leaf::Link(target) => Node::Link(target.clone()),
            };
            model.dirs[dir].synced.insert(name, node);
        }
        model
    }

    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { path, file } => {
                self.files.insert(*file, FileState::default());
                self.set(path, Some(Node::File(*file)));
            }
            Op::Write { file, bytes } => self.files.get_mut(file).unwrap().pending.push(bytes.clone()),
            Op::Sync { file } => {
                let file = self.files.get_mut(file).unwrap();
                file.synced.extend(std::mem::take(&mut file.pending).concat());
            }
            Op::Rename { from, to } => {
                let (dir, name) = self.place(from);
                let node = self.live(dir).remove(&name).unwrap();
                let number = self.changes;
                self.set(to, Some(node));
                self.changes = number;
                self.set(from, None);
            }
            Op::Remove { path } => self.set(path, None),
            Op::Symlink { target, path } => self.set(path, Some(Node::Link(target.clone()))),
            Op::CreateDir { path } => {
                self.dirs.push(DirState::default());
                let node = Node::Dir(self.dirs.len() - 1);
                self.set(path, Some(node));
            }
            Op::SyncDir { path } => {
                let dir = self.dir(path);
                self.dirs[dir].synced = self.live(dir);
                self.dirs[dir].pending.clear();
            }
        }
    }

    fn set(&mut self, path: &Path, node: Option<Node>) {
        let (dir, name) = self.place(path);
        let number = self.changes;
        self.changes += 1;
        self.dirs[dir].pending.push(Change { number, name, node });
    }

    fn live(&self, dir: usize) -> BTreeMap<String, Node> {
        let mut names = self.dirs[dir].synced.clone();
        for change in &self.dirs[dir].pending {
            change_name(&mut names, change);
        }
        names
    }

    fn place(&self, path: &Path) -> (usize, String) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (self.dir(path.parent().unwrap()), name)
    }

    fn dir(&self, path: &Path) -> usize {
        let mut at = 0;
        for part in path.components() {
            let Component::Normal(name) = part else { panic!("{}", path.display()) };
            match self.live(at).get(name.to_str().unwrap()) {
                Some(Node::Dir(dir)) => at = *dir,
                other => panic!("{}: {other:?}", path.display()),
            }
        }
        at
    }

    /// Changes of names that are not synced: folder, and place among its changes.
    fn pending(&self) -> Vec<(usize, usize)> {
        let of = |(dir, state): (usize, &DirState)| {
            (0..state.pending.len()).map(move |at| (dir, at)).collect::<Vec<_>>()
        };
        self.dirs.iter().enumerate().flat_map(of).collect()
    }

    /// Whatever a cut may leave at this moment, or rather a telling part of it: all, none, each change alone, all but
    /// each, a few by chance; each with every fate of the bytes.
    pub fn states(&self, chance: &mut dyn FnMut() -> u64) -> Vec<Tree> {
        let pending = self.pending();
        let mut choices: Vec<Vec<bool>> = vec![vec![true; pending.len()], vec![false; pending.len()]];
        for at in 0..pending.len() {
            choices.push((0..pending.len()).map(|other| other == at).collect());
            choices.push((0..pending.len()).map(|other| other != at).collect());
        }
        if pending.len() > 2 {
            for _ in 0..4 {
                choices.push(pending.iter().map(|_| chance() & 1 == 1).collect());
            }
        }
        let fates = [Data::There, Data::Lost, Data::Zeros, Data::Half];
        let mut trees = Vec::new();
        for choice in &choices {
            let kept: Vec<(usize, usize)> =
                pending.iter().zip(choice).filter(|(_, kept)| **kept).map(|(one, _)| *one).collect();
            trees.extend(fates.iter().map(|fate| self.tree(&kept, *fate)));
        }
        trees
    }

    fn tree(&self, kept: &[(usize, usize)], data: Data) -> Tree {
        let mut tree = Tree::new();
        self.lay(0, Path::new(""), kept, data, &mut tree);
        tree
    }

    fn lay(&self, dir: usize, path: &Path, kept: &[(usize, usize)], data: Data, tree: &mut Tree) {
        let mut names = self.dirs[dir].synced.clone();
        for (at, change) in self.dirs[dir].pending.iter().enumerate() {
            if kept.contains(&(dir, at)) && (change.node.is_some() || self.has_new_name(change.number, kept))
            {
                change_name(&mut names, change);
            }
        }
        for (name, node) in names {
            let path = path.join(name);
            match node {
                Node::Link(target) => drop(tree.insert(path, Leaf::Link(target))),
                Node::File(file) => drop(tree.insert(path, Leaf::File(self.files[&file].after(data)))),
                Node::Dir(below) => {
                    tree.insert(path.clone(), Leaf::Dir);
                    self.lay(below, &path, kept, data, tree);
                }
            }
        }
    }

    /// Whether the other half of a rename, if it was one, is there too.
    fn has_new_name(&self, number: usize, kept: &[(usize, usize)]) -> bool {
        self.dirs.iter().enumerate().all(|(dir, state)| {
            state.pending.iter().enumerate().all(|(at, change)| {
                change.number != number || change.node.is_none() || kept.contains(&(dir, at))
            })
        })
    }
}

impl FileState {
    fn after(&self, data: Data) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for write in &self.pending {
            match data {
                Data::There => bytes.extend(write),
                Data::Lost => {}
                Data::Zeros => bytes.extend(vec![0; write.len()]),
                Data::Half => bytes.extend(&write[..write.len() / 2]),
            }
        }
        bytes
    }
}

fn change_name(names: &mut BTreeMap<String, Node>, change: &Change) {
    match &change.node {
        Some(node) => drop(names.insert(change.name.clone(), node.clone())),
        None => drop(names.remove(&change.name)),
    }
}

/// A number for a state, to tell states apart.
pub fn fingerprint(tree: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    tree.hash(&mut hasher);
    hasher.finish()
}

/// Makes a state real below a folder.
pub fn write(tree: &Tree, root: &Path) {
    for (path, leaf) in tree {
        let path = root.join(path);
        match leaf {
            Leaf::Dir => std::fs::create_dir(path).unwrap(),
            Leaf::File(bytes) => std::fs::write(path, bytes).unwrap(),
            Leaf::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        }
    }
}

#[test]
fn the_model_loses_what_was_not_synced_and_keeps_what_was() {
    let mut model = Model::new();
    let path = |name: &str| PathBuf::from(name);
    let ops = [
        Op::Create { path: path("new"), file: 1 },
        Op::Write { file: 1, bytes: b"abcd".to_vec() },
        Op::Rename { from: path("new"), to: path("old") },
    ];
    ops.iter().for_each(|op| model.apply(op));
    let mut chance = || 5;
    let states = model.states(&mut chance);
    let has = |states: &[Tree], name: &str, bytes: &[u8]| {
        states.iter().any(|tree| tree.get(Path::new(name)) == Some(&Leaf::File(bytes.to_vec())))
    };
    assert!(states.contains(&Tree::new()) && has(&states, "old", b"") && has(&states, "old", b"\0\0\0\0"));
    assert!(has(&states, "new", b"ab") && has(&states, "old", b"abcd"));
    model.apply(&Op::Sync { file: 1 });
    model.apply(&Op::SyncDir { path: path("") });
    let states = model.states(&mut chance);
    let only = Tree::from([(path("old"), Leaf::File(b"abcd".to_vec()))]);
    assert!(states.iter().all(|tree| *tree == only), "{states:?}");
    assert_eq!(Model::of(&only, 7).states(&mut chance)[0], only);
}
