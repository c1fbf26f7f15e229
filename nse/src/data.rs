//! Where scripts, libraries and data files are looked up: each name by itself along a list of folders, then among the
//! files inside the binary.
//!
//! The folders are those of `--datadir`, `NMAPDIR`, and `.nmap` in the user's home, in this order; `--script-path` puts
//! folders of scripts in front of their `scripts/`. The first readable file or directory of that name wins.

use crate::{embedded, files};
use std::cell::Cell;
use std::fs::ReadDir;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folders of a run.
#[derive(Clone, Default, Debug)]
pub struct DataFolders {
    /// Looked up in this order.
    pub folders: Vec<PathBuf>,
    /// Hold scripts themselves; looked up before the `scripts/` of the others.
    pub script_folders: Vec<PathBuf>,
    /// Stands for `nmap-services`, whatever the folders hold (`--servicedb`).
    pub services: Option<PathBuf>,
    /// Stands for `nmap-service-probes` (`--versiondb`).
    pub probes: Option<PathBuf>,
    /// The user's own folder, for what can't be written elsewhere.
    pub own_folder: Option<PathBuf>,
    /// A file of the current folder was pointed out as not being used.
    warned: Cell<bool>,
}

/// What a name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    File(String),
    /// A file inside the binary.
    Embedded(String),
    /// The name ended with a slash, and so does the path.
    Directory(String),
    /// A directory whose name was given without a slash.
    BareDirectory(String),
}

impl DataFolders {
    /// These folders, then those of the environment: `NMAPDIR`, and `.nmap` in the home of the process's user.
    pub fn of_environment(folders: Vec<PathBuf>) -> DataFolders {
        let mut all = folders;
        all.extend(std::env::var_os("NMAPDIR").filter(|value| !value.is_empty()).map(PathBuf::from));
        let own_folder = home().map(|home| home.join(".nmap"));
        all.extend(own_folder.clone());
        DataFolders { folders: all, own_folder, ..DataFolders::default() }
    }

    /// These folders and no others.
    pub fn of(folders: Vec<PathBuf>) -> DataFolders {
        DataFolders { folders, ..DataFolders::default() }
    }

    /// The path of a readable regular file, for scripts; absolute names are not treated specially. A file that is only
    /// inside the binary has a path for [`crate::files::ScriptFiles`].
    pub fn file(&self, name: &str) -> Option<String> {
        let own = match name {
            "nmap-services" => self.services.as_ref(),
            "nmap-service-probes" => self.probes.as_ref(),
            _ => None,
        };
        if let Some(path) = own {
            return Some(path.to_string_lossy().into_owned());
        }
        match self.search(name) {
            Some(Found::File(path)) => Some(path),
            Some(Found::Embedded(path)) => Some(format!("{}{path}", files::PREFIX)),
            _ => None,
        }
    }

    /// A script or library, by its path (`scripts/x.nse`, `nselib/x.lua`): where it was found, and its bytes.
    ///
    /// # Errors
    /// When it is there, yet can't be read.
    pub fn source(&self, name: &str) -> std::io::Result<Option<(String, Vec<u8>)>> {
        let found = match name.strip_prefix("scripts/") {
            Some(script) => self.fetch_script(script),
            None => self.fetch(name),
        };
        match found {
            Some(found @ (Found::File(_) | Found::Embedded(_))) => Ok(Some((found.path().to_owned(), found.read()?))),
            _ => Ok(None),
        }
    }

    /// Names of the files in `scripts` or `nselib` that end like this: those of the first such folder, else those
    /// in the binary; sorted, without the end. A library in a folder has the name that `require` takes, as in
    /// `rpc.comm`; in `nselib/data` are none.
    pub fn names(&self, folder: &str, end: &str) -> Vec<String> {
        let mut folders: Vec<PathBuf> = self.folders.iter().map(|data| data.join(folder)).collect();
        if folder == "scripts" {
            folders.splice(0..0, self.script_folders.iter().cloned());
        }
        let listed = folders.iter().find_map(|folder| std::fs::read_dir(folder).ok());
        let files: Vec<String> = match listed {
            Some(entries) => below(entries, folder == "nselib"),
            None => embedded::files(folder).map(str::to_owned).collect(),
        };
        let names = files.iter().filter_map(|file| file.strip_suffix(end)).filter(|name| match name.split_once('/') {
            Some((inner, _)) => folder == "nselib" && inner != "data",
            None => true,
        });
        let mut names: Vec<String> = names.map(|name| name.replace('/', ".")).collect();
        names.sort();
        names
    }

    /// Looks a name up along the folders; the binary's own files come last.
    pub(crate) fn search(&self, name: &str) -> Option<Found> {
        let found = self.folders.iter().find_map(|folder| on_disk(join(folder, name)));
        if let Some(Found::File(path) | Found::Directory(path) | Found::BareDirectory(path)) = &found {
            self.warn_of_other(name, path);
        }
        found.or_else(|| inside(name))
    }

    /// As [`DataFolders::search`] for a data file that may be absolute.
    pub(crate) fn fetch(&self, name: &str) -> Option<Found> {
        if name.starts_with('/') { on_disk(name.to_owned()) } else { self.search(name) }
    }

    /// What a script's name or path stands for: in the folders of scripts, else below the current folder.
    pub(crate) fn fetch_script(&self, name: &str) -> Option<Found> {
        if name.starts_with('/') {
            return on_disk(name.to_owned());
        }
        let of_own = self.script_folders.iter().find_map(|folder| on_disk(join(folder, name)));
        of_own.or_else(|| self.search(&format!("scripts/{name}"))).or_else(|| on_disk(name.to_owned()))
    }

    /// Says, once, that a file of the current folder is not the one in use.
    fn warn_of_other(&self, name: &str, path: &str) {
        if self.warned.get() || path.starts_with('.') || !Path::new(name).is_file() {
            return;
        }
        let same = |a: &str, b: &str| match (std::fs::metadata(a), std::fs::metadata(b)) {
            (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
            _ => false,
        };
        if !same(name, path) {
            self.warned.set(true);
            eprintln!(
                "Warning: File ./{name} exists, but Nmap is using {path} for security and consistency reasons.  \
                 set NMAPDIR=. to give priority to files in your local directory (may affect the other data files too)."
            );
        }
    }
}

impl Found {
    /// The path, whatever it leads to.
    pub fn path(&self) -> &str {
        match self {
            Found::File(path) | Found::Embedded(path) | Found::Directory(path) | Found::BareDirectory(path) => path,
        }
    }

    /// The bytes of a file.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        match self {
            Found::Embedded(path) => Ok(embedded::file(path).unwrap_or_default().to_vec()),
            other => std::fs::read(other.path()),
        }
    }
}

fn join(folder: &Path, name: &str) -> String {
    format!("{}/{name}", folder.to_string_lossy())
}

/// Files of a folder, and those in the folders in it where that is wanted, as paths from there.
fn below(entries: ReadDir, with_folders: bool) -> Vec<String> {
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match std::fs::read_dir(entry.path()) {
            Ok(inner) if with_folders => {
                files.extend(inner.flatten().map(|file| format!("{name}/{}", file.file_name().to_string_lossy())));
            }
            _ => files.push(name),
        }
    }
    files
}

fn on_disk(path: String) -> Option<Found> {
    let metadata = std::fs::metadata(&path).ok()?;
    match (metadata.is_dir(), path.ends_with('/')) {
        (true, true) => std::fs::read_dir(&path).is_ok().then_some(Found::Directory(path)),
        (true, false) => Some(Found::BareDirectory(path)),
        (false, _) => std::fs::File::open(&path).is_ok().then_some(Found::File(path)),
    }
}

fn inside(name: &str) -> Option<Found> {
    if embedded::file(name).is_some() {
        return Some(Found::Embedded(name.to_owned()));
    }
    match name {
        "scripts/" | "nselib/" => Some(Found::Directory(name.to_owned())),
        "scripts" | "nselib" => Some(Found::BareDirectory(name.to_owned())),
        _ => None,
    }
}

/// The home of the process's user, from the user database: the environment may be someone else's.
fn home() -> Option<PathBuf> {
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let home = fields.into_iter().find(|fields| fields.get(2) == Some(&uid.as_str()))?.get(5)?.to_string();
    (!home.is_empty()).then(|| PathBuf::from(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_looked_up_by_itself() {
        let base = std::env::temp_dir().join(format!("perilune-data-{}", std::process::id()));
        let (first, second) = (base.join("a"), base.join("b"));
        for folder in [&first, &second] {
            std::fs::create_dir_all(folder.join("scripts")).expect("the folder can be made");
        }
        std::fs::write(second.join("scripts/x.nse"), "2").expect("the file can be written");
        std::fs::write(first.join("names"), "1").expect("the file can be written");
        let data = DataFolders::of(vec![first.clone(), second.clone()]);
        let path = |folder: &Path, name: &str| join(folder, name);
        assert_eq!(data.file("names"), Some(path(&first, "names")));
        assert_eq!(data.file("scripts"), None);
        assert_eq!(data.fetch_script("x.nse"), Some(Found::File(path(&second, "scripts/x.nse"))));
        assert_eq!(data.fetch_script("banner.nse"), Some(Found::Embedded("scripts/banner.nse".into())));
        assert_eq!(data.fetch_script("./"), Some(Found::Directory(path(&first, "scripts/./"))));
        assert_eq!(data.fetch_script("."), Some(Found::BareDirectory(path(&first, "scripts/."))));
        assert_eq!(data.fetch_script("absent"), None);
        std::fs::remove_dir_all(base).expect("the folder can be removed");
    }
}
