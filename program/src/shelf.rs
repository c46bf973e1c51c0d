//! A library, looked up by id.

use std::collections::{HashMap, HashSet};

use crate::model::{Library, Playlist, Recording, ScreenLoop};

/// The recordings and playlists of a library, by id.
#[derive(Debug, Clone)]
pub struct Shelf<'a> {
    library: &'a Library,
    recordings: HashMap<&'a str, usize>,
    playlists: HashMap<&'a str, usize>,
}

impl<'a> Shelf<'a> {
    /// Where two share an id, the first is found.
    pub fn new(library: &'a Library) -> Self {
        let mut recordings = HashMap::with_capacity(library.recordings.len());
        for (at, recording) in library.recordings.iter().enumerate() {
            recordings.entry(recording.id.as_str()).or_insert(at);
        }
        let mut playlists = HashMap::with_capacity(library.playlists.len());
        for (at, playlist) in library.playlists.iter().enumerate() {
            playlists.entry(playlist.id.as_str()).or_insert(at);
        }
        Self { library, recordings, playlists }
    }

    /// A recording.
    pub fn recording(&self, id: &str) -> Option<&'a Recording> {
        self.library.recordings.get(*self.recordings.get(id)?)
    }

    /// A playlist.
    pub fn playlist(&self, id: &str) -> Option<&'a Playlist> {
        self.library.playlists.get(*self.playlists.get(id)?)
    }

    /// A loop.
    pub fn screen_loop(&self, id: &str) -> Option<&'a ScreenLoop> {
        self.library.loops.iter().find(|shown| shown.id.as_str() == id)
    }

    /// A playlist's recordings in order, with those of the playlists that it includes after its own. A playlist that is
    /// included several times counts once; one that includes itself ends there; recordings that are not known are left out.
    pub fn songs(&self, playlist: &str) -> Vec<&'a Recording> {
        let mut songs = Vec::new();
        self.each(playlist, |playlist| {
            songs.extend(playlist.recordings.iter().filter_map(|id| self.recording(id.as_str())));
        });
        songs
    }

    /// Whether a playlist takes what lies in a folder, itself or by one that it includes: then nobody knows here what it has.
    pub fn has_folder(&self, playlist: &str) -> bool {
        let mut found = false;
        self.each(playlist, |playlist| found |= playlist.folder.is_some());
        found
    }

    /// A playlist and all that it includes, each once, in the order in which they are played.
    fn each(&self, playlist: &str, mut take: impl FnMut(&'a Playlist)) {
        let mut waiting: Vec<usize> = self.playlists.get(playlist).copied().into_iter().collect();
        let mut seen = HashSet::new();
        while let Some(at) = waiting.pop() {
            let Some(playlist) = self.library.playlists.get(at).filter(|_| seen.insert(at)) else { continue };
            take(playlist);
            let included = playlist.playlists.iter().rev();
            waiting.extend(included.filter_map(|id| self.playlists.get(id.as_str()).copied()));
        }
    }

    /// The includes by which playlists go in a circle: playlist, and place in its `playlists`. One for each circle at least;
    /// without them there would be none.
    pub(crate) fn circles(&self) -> Vec<(usize, usize)> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.library.playlists.len()];
        let mut circles = Vec::new();
        for start in 0..marks.len() {
            if marks[start] != Mark::New {
                continue;
            }
            marks[start] = Mark::Open;
            let mut path = vec![(start, 0)];
            while let Some((at, next)) = path.last_mut() {
                let Some(id) = self.library.playlists[*at].playlists.get(*next) else {
                    marks[*at] = Mark::Done;
                    path.pop();
                    continue;
                };
                let (from, place) = (*at, *next);
                *next += 1;
                let Some(to) = self.playlists.get(id.as_str()).copied() else { continue };
                match marks[to] {
                    Mark::New => {
                        marks[to] = Mark::Open;
                        path.push((to, 0));
                    }
                    Mark::Open => circles.push((from, place)),
                    Mark::Done => {}
                }
            }
        }
        circles
    }
}
