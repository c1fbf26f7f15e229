//! A script file: read, compiled, run once for its fields, and checked.

use perilune_compiler::SyntaxError;
use perilune_vm::bytecode::Chunk;
use std::fmt;
use std::path::{Path, PathBuf};

/// A script that passed its checks.
#[derive(Debug)]
pub struct Script {
    /// Where it was read from; also its chunk name.
    pub path: String,
    /// File name without `.nse`; names it in outputs.
    pub id: String,
    pub categories: Vec<String>,
    pub dependencies: Vec<String>,
    /// Which of prerule, hostrule, portrule, postrule it has.
    pub has_prerule: bool,
    pub has_hostrule: bool,
    pub has_portrule: bool,
    pub has_postrule: bool,
    /// The user named it, by name, wildcard or path.
    pub selected_by_name: bool,
    /// `+`: its rule is not asked.
    pub forced: bool,
    pub(crate) chunk: Chunk,
}

/// Why a script can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScriptError {
    /// The file can't be read.
    Unreadable {
        path: PathBuf,
        reason: String,
    },
    Syntax(SyntaxError),
    /// Its file body raised an error: the message with a traceback.
    Failed {
        path: String,
        message: String,
    },
    /// A field is missing or of the wrong kind: the whole sentence.
    Field(String),
    /// No script of that name, in no folder and none embedded.
    NotFound(String),
    Duplicate(String),
    /// Scripts that depend on each other: `a->b->a`.
    Circular(String),
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScriptError::Unreadable { path, reason } => write!(f, "cannot open {}: {reason}", path.display()),
            ScriptError::Syntax(error) => write!(f, "{error}"),
            ScriptError::Failed { path, message } => write!(f, "failed to load {path}:\n{message}"),
            ScriptError::Field(sentence) => f.write_str(sentence),
            ScriptError::NotFound(rule) => write!(f, "'{rule}' did not match a category, filename, or directory"),
            ScriptError::Duplicate(id) => write!(f, "duplicate script ID: '{id}'"),
            ScriptError::Circular(chain) => write!(f, "circular dependency in chain `{chain}`"),
        }
    }
}

impl std::error::Error for ScriptError {}

/// The id of a script file: its name without `.nse`, or else without its last extension.
pub(crate) fn id_of(path: &str) -> String {
    let Some(name) = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()) else {
        return path.to_owned();
    };
    match name.strip_suffix(".nse").or(name.rsplit_once('.').map(|(stem, _)| stem)) {
        Some(stem) => stem.to_owned(),
        None => path.to_owned(),
    }
}

/// Levels of scripts by their dependencies, from 0; only scripts that were loaded count.
///
/// # Errors
/// When scripts depend on each other in a circle.
pub(crate) fn runlevels(scripts: &[(&str, &[String])]) -> Result<Vec<usize>, ScriptError> {
    let mut levels = vec![None; scripts.len()];
    for idx in 0..scripts.len() {
        level_of(idx, scripts, &mut levels, &mut Vec::new())?;
    }
    Ok(levels.into_iter().map(Option::unwrap_or_default).collect())
}

fn level_of(
    idx: usize,
    scripts: &[(&str, &[String])],
    levels: &mut [Option<usize>],
    chain: &mut Vec<usize>,
) -> Result<usize, ScriptError> {
    if let Some(level) = levels[idx] {
        return Ok(level);
    }
    if chain.contains(&idx) {
        chain.push(idx);
        let names: Vec<&str> = chain.iter().map(|&idx| scripts[idx].0).collect();
        return Err(ScriptError::Circular(names.join("->")));
    }
    chain.push(idx);
    let mut level = 0;
    for dependency in scripts[idx].1 {
        if let Some(other) = scripts.iter().position(|(id, _)| id == dependency) {
            level = level.max(level_of(other, scripts, levels, chain)? + 1);
        }
    }
    chain.pop();
    levels[idx] = Some(level);
    Ok(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_from_file_names() {
        for (path, id) in [("scripts/http-title.nse", "http-title"), ("/a/b.c.lua", "b.c"), ("dir/plain", "dir/plain")]
        {
            assert_eq!(id_of(path), id);
        }
    }

    #[test]
    fn dependencies_make_levels() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (a, b, c) = (names(&["b", "absent"]), names(&[]), names(&["a", "b"]));
        assert_eq!(runlevels(&[("a", &a), ("b", &b), ("c", &c)]), Ok(vec![1, 0, 2]));
        let (a, b) = (names(&["b"]), names(&["a"]));
        assert_eq!(runlevels(&[("a", &a), ("b", &b)]), Err(ScriptError::Circular("a->b->a".to_owned())));
    }
}
