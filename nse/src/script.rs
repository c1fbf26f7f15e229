//! A script file: what is known of it once it was run for its fields, and the order that dependencies ask for.

use perilune_compiler::SyntaxError;
use perilune_vm::Root;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// A script that passed its checks.
#[derive(Debug)]
pub struct Script {
    /// Where it was read from; also its chunk name.
    pub path: String,
    /// File name without `.nse`; names it in outputs.
    pub id: String,
    pub categories: Vec<String>,
    pub dependencies: Vec<String>,
    pub description: Option<Vec<u8>>,
    /// One name or several.
    pub authors: Vec<String>,
    pub license: Option<String>,
    /// Which of prerule, hostrule, portrule, postrule it has.
    pub has_prerule: bool,
    pub has_hostrule: bool,
    pub has_portrule: bool,
    pub has_postrule: bool,
    /// The user named it, by name, wildcard or path.
    pub selected_by_name: bool,
    /// `+`: its rule is not asked.
    pub forced: bool,
    /// Makes the function of the file for an environment.
    pub(crate) body: Root,
}

/// Why scripts can't be used; the text is the reference's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScriptError {
    /// The file can't be read: the whole sentence.
    Unreadable(String),
    Syntax(SyntaxError),
    /// Its file body raised an error: the message with a traceback. The user was told.
    Failed {
        path: String,
        message: String,
    },
    /// A field is missing or of the wrong kind: the whole sentence.
    Field(String),
    /// No entry, file or directory of that name.
    NotFound(String),
    /// A directory must be named with a slash behind it.
    DirectoryWithoutSlash(String),
    Duplicate(String),
    /// Scripts that depend on each other: `a->b->a`.
    Circular(String),
    /// `script.db`: the whole sentence.
    Database(String),
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScriptError::Syntax(error) => write!(f, "{error}"),
            ScriptError::Failed { .. } => f.write_str("could not load script"),
            ScriptError::Unreadable(sentence) | ScriptError::Field(sentence) | ScriptError::Database(sentence) => {
                f.write_str(sentence)
            }
            ScriptError::NotFound(rule) => write!(f, "'{rule}' did not match a category, filename, or directory"),
            ScriptError::DirectoryWithoutSlash(path) => {
                write!(f, "directory '{path}' found, but will not match without '/'")
            }
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
    let by_id: HashMap<&str, usize> = scripts.iter().enumerate().map(|(idx, (id, _))| (*id, idx)).collect();
    let mut levels: Vec<Option<usize>> = vec![None; scripts.len()];
    for root in 0..scripts.len() {
        // The chain from the root: a script, how many of its dependencies were looked at, and its level so far.
        let mut chain = if levels[root].is_none() { vec![(root, 0, 0)] } else { Vec::new() };
        while let Some(&mut (idx, ref mut next, ref mut level)) = chain.last_mut() {
            let Some(dependency) = scripts[idx].1.get(*next) else {
                levels[idx] = Some(*level);
                chain.pop();
                continue;
            };
            let Some(&other) = by_id.get(dependency.as_str()) else {
                *next += 1;
                continue;
            };
            match levels[other] {
                Some(below) => (*next, *level) = (*next + 1, (*level).max(below + 1)),
                None if chain.iter().any(|link| link.0 == other) => {
                    let names = chain.iter().map(|link| link.0).chain([other]).map(|idx| scripts[idx].0);
                    return Err(ScriptError::Circular(names.collect::<Vec<_>>().join("->")));
                }
                None => chain.push((other, 0, 0)),
            }
        }
    }
    Ok(levels.into_iter().map(Option::unwrap_or_default).collect())
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
