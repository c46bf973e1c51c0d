//! Lists the boards in `boards/`, so that a new one is a new file and nothing else.

use std::fmt::Write as _;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let house = std::env::var("CARGO_MANIFEST_DIR").map_err(std::io::Error::other)?;
    let out = std::env::var("OUT_DIR").map_err(std::io::Error::other)?;
    let folder = Path::new(&house).join("boards");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    let mut list = String::from("&[");
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let _ = write!(list, "(\"boards/{name}\", include_str!({:?})),", path.display().to_string());
    }
    list.push(']');
    std::fs::write(Path::new(&out).join("boards.in"), list)
}
