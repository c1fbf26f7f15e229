//! From `--script` to loaded scripts: the database, the choice, and each file run once for its fields.

use crate::data::Found;
use crate::embedded;
use crate::engine::{Engine, EngineError, environment, traceback_text};
use crate::script::{self, Script, ScriptError};
use crate::script_db::{self, Entry, Read};
use crate::select;
use crate::shared::Channel;
use perilune_vm::{Call, LuaError, Root, Run, Table};
use std::path::Path;
use std::rc::Rc;

/// Stands in front of a script's text: the file becomes a function of its environment. Holds no line break, so that
/// lines keep their numbers.
const BEFORE: &[u8] = b"local _ENV = ... return function(...) ";
const AFTER: &[u8] = b" end";
const MISSING_PATH: &str = "no path to file/directory";

/// What made a script's file come.
#[derive(Clone, Copy)]
struct Choice {
    by_name: bool,
    forced: bool,
    /// For the message at `-d2`.
    how: &'static str,
}

impl Engine {
    /// Selects and loads scripts: names, paths, categories and expressions of them, with `+` in front to be forced.
    ///
    /// # Errors
    /// The first item that selects nothing, the first script that does not load or pass its checks, a circle of
    /// dependencies.
    pub fn select(&mut self, rules: &[String]) -> Result<(), EngineError> {
        let entries = self.database()?;
        let mut scripts = Vec::new();
        let items = select::items(rules);
        let mut used = vec![false; items.len()];
        for entry in &entries {
            self.select_entry(entry, &items, &mut used, &mut scripts)?;
        }
        for (item, _) in items.iter().zip(used).filter(|(_, used)| !used) {
            self.select_path(item, &mut scripts)?;
        }
        self.arrange(scripts)?;
        Ok(())
    }

    /// All scripts that were selected, in the order of the database.
    pub fn scripts(&self) -> &[Rc<Script>] {
        &self.scripts
    }

    /// Paths of the first `scripts/` and `nselib/`, with a slash behind.
    pub fn folders(&self) -> [Option<String>; 2] {
        ["scripts/", "nselib/"].map(|name| Some(self.shared.options.data.search(name)?.path().to_owned()))
    }

    /// Number of scripts that were selected.
    pub fn script_count(&self) -> usize {
        self.scripts.len()
    }

    /// Loads the script of an entry if an item chooses it.
    fn select_entry(
        &mut self,
        entry: &Entry,
        items: &[select::Item],
        used: &mut [bool],
        scripts: &mut Vec<Script>,
    ) -> Result<(), ScriptError> {
        let id = entry.file.strip_suffix(".nse").unwrap_or(&entry.file);
        let mut is_loaded = false;
        for (item, used) in items.iter().zip(used) {
            let verdict = item.ask(id, &entry.categories);
            if !verdict.matches {
                continue;
            }
            *used = true;
            if is_loaded {
                continue;
            }
            match self.shared.options.data.fetch_script(&entry.file) {
                Some(found @ (Found::File(_) | Found::Embedded(_))) => {
                    let how = if verdict.by_name { "name" } else { "category" };
                    let choice = Choice { by_name: verdict.by_name, forced: item.forced, how };
                    scripts.extend(self.load(&found, choice)?);
                    is_loaded = true;
                }
                _ => {
                    let file = &entry.file;
                    self.warn(&format!("Warning: Could not load '{file}': {MISSING_PATH}: {file}"));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Loads what an item names that no entry was chosen by: a file or a directory.
    fn select_path(&mut self, item: &select::Item, scripts: &mut Vec<Script>) -> Result<(), ScriptError> {
        let data = &self.shared.options.data;
        if item.text.starts_with('/') {
            self.shared.debug(2, &format!("Trying absolute path {}", item.text));
        }
        let found = data.fetch_script(&item.text).or_else(|| data.fetch_script(&format!("{}.nse", item.text)));
        match found {
            None if self.shared.options.version_scan && item.text == "version" => Ok(()),
            None => Err(ScriptError::NotFound(item.text.clone())),
            Some(Found::BareDirectory(path)) => Err(ScriptError::DirectoryWithoutSlash(path)),
            Some(Found::Directory(path)) => {
                let choice = Choice { by_name: false, forced: item.forced, how: "directory" };
                // The slash is doubled as in the reference.
                for file in files_of(&path, "/")? {
                    scripts.extend(self.load(&file, choice)?);
                }
                Ok(())
            }
            Some(file) => {
                if !scripts.iter().any(|script| script.path == file.path()) {
                    let choice = Choice { by_name: true, forced: item.forced, how: "file path" };
                    scripts.extend(self.load(&file, choice)?);
                }
                Ok(())
            }
        }
    }

    /// Puts the scripts into their levels.
    fn arrange(&mut self, scripts: Vec<Script>) -> Result<(), ScriptError> {
        let mut ids: Vec<&str> = scripts.iter().map(|script| script.id.as_str()).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ScriptError::Duplicate(pair[0].to_owned()));
        }
        let facts: Vec<(&str, &[String])> =
            scripts.iter().map(|script| (script.id.as_str(), &script.dependencies[..])).collect();
        let levels = script::runlevels(&facts)?;
        let count = levels.iter().max().map_or(0, |level| level + 1);
        self.levels = (0..count).map(|_| Vec::new()).collect();
        self.scripts = scripts.into_iter().map(Rc::new).collect();
        for (script, level) in self.scripts.iter().zip(levels) {
            self.levels[level].push(Rc::clone(script));
        }
        self.shared.verbose(1, &format!("Loaded {} scripts for scanning.", self.scripts.len()));
        for script in &self.scripts {
            self.shared.debug(2, &format!("Loaded '{}'.", script.path));
        }
        Ok(())
    }

    fn warn(&self, text: &str) {
        self.shared.log(Channel::Stderr, text.as_bytes());
    }

    // Database -----------------------------------------------------------------------------------------------------

    /// The entries: from `script.db`, or from the scripts themselves where it is missing, broken or to be updated.
    fn database(&mut self) -> Result<Vec<Entry>, ScriptError> {
        if self.shared.options.update_db {
            return self.update_database();
        }
        let data = &self.shared.options.data;
        let of_own = data.script_folders.iter().map(|folder| folder.join("script.db")).find(|path| path.is_file());
        let found = of_own.map(|path| path.to_string_lossy().into_owned()).or_else(|| {
            data.search("scripts/script.db")
                .filter(|found| matches!(found, Found::File(_)))
                .map(|f| f.path().to_owned())
        });
        let Some(path) = found else {
            if self.scripts_folder().is_none() {
                return Ok(embedded_entries());
            }
            self.shared.verbose(1, "Script Database missing, will create new one.");
            return self.update_database();
        };
        let source = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        match script_db::read(&mut self.state, &path, &source)? {
            Read::Entries(entries) => Ok(entries),
            Read::Broken(error) => {
                let text = "NSE script database appears to be corrupt or out of date;\n\t\
                            please update using: nmap --script-updatedb";
                self.shared.log(Channel::Stdout, text.as_bytes());
                self.shared.debug(1, &format!("loadfile error: {error}"));
                self.update_database()
            }
        }
    }

    /// The folder whose scripts a database describes, with a slash behind; none when there are only embedded scripts.
    fn scripts_folder(&self) -> Option<String> {
        let data = &self.shared.options.data;
        if let Some(folder) = data.script_folders.iter().find(|folder| folder.is_dir()) {
            return Some(format!("{}/", folder.to_string_lossy()));
        }
        match data.search("scripts/") {
            Some(Found::Directory(path)) if Path::new(&path).is_dir() => Some(path),
            _ => None,
        }
    }

    /// Makes the database anew and saves it beside the scripts, or in the user's own folder.
    fn update_database(&mut self) -> Result<Vec<Entry>, ScriptError> {
        self.shared.log(Channel::Stdout, b"Updating rule database.");
        let Some(folder) = self.scripts_folder() else {
            self.shared.log(Channel::Stdout, b"Script Database updated successfully.");
            return Ok(embedded_entries());
        };
        let mut entries = Vec::new();
        let mut files = files_of(&folder, "")?;
        files.sort_by(|a, b| a.path().cmp(b.path()));
        for file in files {
            let choice = Choice { by_name: false, forced: false, how: "script.db update" };
            if let Some(script) = self.load(&file, choice)? {
                let file = Path::new(&script.path).file_name().map(|name| name.to_string_lossy().into_owned());
                let mut categories = script.categories;
                categories.sort();
                entries.push(Entry { file: file.unwrap_or_default(), categories });
            }
        }
        match self.save_database(&folder, &script_db::text(&entries)) {
            Ok(()) => self.shared.log(Channel::Stdout, b"Script Database updated successfully."),
            Err(reason) if self.shared.options.update_db => {
                return Err(ScriptError::Database(format!("Could not save script.db: {reason}")));
            }
            Err(reason) => self.warn(&format!("Could not save script.db: {reason}")),
        }
        Ok(entries)
    }

    fn save_database(&self, folder: &str, text: &str) -> Result<(), String> {
        let beside = format!("{folder}script.db");
        let Err(error) = std::fs::write(&beside, text) else { return Ok(()) };
        let reason = format!("{beside}: {}", perilune_stdlib::base::os_message(&error));
        // Only who asked for it gets a file in the own folder, where it stands for all scripts.
        let own = self.shared.options.data.own_folder.as_ref().filter(|_| self.shared.options.update_db);
        let Some(own) = own.map(|own| own.join("scripts")) else { return Err(reason) };
        std::fs::create_dir_all(&own).and_then(|()| std::fs::write(own.join("script.db"), text)).map_err(|_| reason)
    }

    // A file -------------------------------------------------------------------------------------------------------

    /// Compiles a script, runs it once, and checks its fields; nothing when it lacks something it can do without.
    fn load(&mut self, file: &Found, choice: Choice) -> Result<Option<Script>, ScriptError> {
        let path = file.path();
        if !path.ends_with(".nse") {
            self.warn(&format!("Warning: Loading '{path}' -- the recommended file extension is '.nse'."));
        }
        let name = Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy());
        let forced = if choice.forced { " and forced to run" } else { "" };
        self.shared.debug(2, &format!("Script {name} was selected by {}{forced}.", choice.how));
        let source = file.read().map_err(|error| unreadable(path, &error))?;
        let source = [BEFORE, &source, AFTER].concat();
        let chunk =
            perilune_compiler::compile(&source, &[b"@", path.as_bytes()].concat()).map_err(ScriptError::Syntax)?;
        let id = script::id_of(path);
        let opened = self.state.enter(|call| -> Result<(Root, Root), LuaError> {
            let env = environment(call, path, &id)?;
            for field in ["categories", "dependencies"] {
                let list = call.table(0, 0)?;
                env.set_str(call, field.as_bytes(), list.into())?;
            }
            let body = call.load(&chunk, None)?;
            Ok((call.root(env.into()), call.root(body)))
        });
        let failed = |message: String| ScriptError::Failed { path: path.to_owned(), message };
        let (env, body) = opened.map_err(|_| failed("not enough memory".to_owned()))?;
        match self.run_body(&body, &env) {
            Ok(()) => {}
            Err(None) => {
                self.shared.verbose(1, &format!("Failed to load '{path}'."));
                return Ok(None);
            }
            Err(Some(message)) => {
                self.warn(&format!("Failed to load {path}:\n{message}"));
                return Err(failed(message));
            }
        }
        let fields = self.state.enter(|call| {
            let env = call.rooted(&env).as_table();
            env.map_or(Err(String::new()), |env| Fields::read(call, env, path))
        });
        let fields = fields.map_err(ScriptError::Field)?;
        let [has_prerule, has_hostrule, has_portrule, has_postrule] = fields.rules;
        Ok(Some(Script {
            path: path.to_owned(),
            id,
            categories: fields.categories,
            dependencies: fields.dependencies,
            description: fields.description,
            authors: fields.authors,
            license: fields.license,
            has_prerule,
            has_hostrule,
            has_portrule,
            has_postrule,
            selected_by_name: choice.by_name,
            forced: choice.forced,
            body,
        }))
    }

    /// Runs a file in its environment. The error is none when the file did without quietly.
    fn run_body(&mut self, body: &Root, env: &Root) -> Result<(), Option<String>> {
        let memory = |_| Some("not enough memory".to_owned());
        let mut opening = self.state.task(body, false).map_err(|_| Some("not enough memory".to_owned()))?;
        self.state.resume(&mut opening, std::slice::from_ref(env), u64::MAX);
        let opened = self.state.results();
        let coroutine = self.state.enter(|call| -> Result<Root, LuaError> {
            let function = opened.first().map_or(perilune_vm::Value::NIL, |root| call.rooted(root));
            let coroutine = call.coroutine(function)?;
            Ok(call.root(coroutine.into()))
        });
        let coroutine = coroutine.map_err(memory)?;
        let mut task = self.state.task_of(&coroutine);
        match self.state.resume(&mut task, &[], u64::MAX) {
            Run::Finished => Ok(()),
            // The rest of the file is left alone.
            Run::Yielded => {
                self.state.abandon(task);
                Ok(())
            }
            Run::Failed => {
                let results = self.state.results();
                let is_silent = self.state.enter(|call| {
                    let error = results.first().map_or(perilune_vm::Value::NIL, |root| call.rooted(root));
                    error.raw_equal(call.rooted(&self.silent))
                });
                Err((!is_silent).then(|| traceback_text(&mut self.state, &coroutine, &results)))
            }
            Run::Parked | Run::Preempted => {
                self.shared.wait.replace(None);
                self.state.abandon(task);
                Err(Some("a script cannot wait while it is loaded".to_owned()))
            }
        }
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> ScriptError {
    ScriptError::Unreadable(format!("cannot open {path}: {}", perilune_stdlib::base::os_message(error)))
}

/// The scripts in a directory, whose path ends with a slash; `between` stands before their names.
fn files_of(path: &str, between: &str) -> Result<Vec<Found>, ScriptError> {
    if path == "scripts/" && !Path::new(path).is_dir() {
        return Ok(embedded::scripts().map(|path| Found::Embedded(path.to_owned())).collect());
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let scripts = names.filter(|name| name.ends_with(".nse"));
    Ok(scripts.map(|name| Found::File(format!("{path}{between}{name}"))).collect())
}

/// Entries of the scripts inside the binary, whose categories stand in one line each.
fn embedded_entries() -> Vec<Entry> {
    let entry = |path: &'static str| {
        let source = String::from_utf8_lossy(embedded::file(path).unwrap_or_default());
        let line = source.lines().find(|line| line.starts_with("categories")).unwrap_or_default();
        let categories = line.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        Entry { file: path.trim_start_matches("scripts/").to_owned(), categories }
    };
    embedded::scripts().map(entry).collect()
}

/// What a script's globals say about it.
struct Fields {
    categories: Vec<String>,
    dependencies: Vec<String>,
    description: Option<Vec<u8>>,
    authors: Vec<String>,
    license: Option<String>,
    /// Whether each of the four rules is there.
    rules: [bool; 4],
}

impl Fields {
    /// Checks the fields; the error is the sentence for the user.
    fn read<'gc>(call: &Call<'gc>, env: Table<'gc>, path: &str) -> Result<Fields, String> {
        let required = |name: &str, wanted: &str| {
            let value = env.get_str(call, name.as_bytes());
            match value.type_name() {
                got if got == wanted => Ok(value),
                "nil" => Err(format!("{path} is missing required field: '{name}'")),
                got => Err(format!("{path} field '{name}' is of improper type '{got}', expected type '{wanted}'")),
            }
        };
        required("action", "function")?;
        let list = |name: &str| {
            let table = required(name, "table")?.as_table().into_iter();
            table
                .flat_map(texts)
                .collect::<Option<Vec<String>>>()
                .ok_or_else(|| format!("{path} has non-string entries in the '{name}' array"))
        };
        let (categories, dependencies) = (list("categories")?, list("dependencies")?);
        let mut rules = [false; 4];
        for (has, name) in rules.iter_mut().zip(["prerule", "hostrule", "portrule", "postrule"]) {
            let rule = env.get_str(call, name.as_bytes());
            *has = rule.as_function().is_some();
            if !*has && !rule.is_nil() {
                return Err(format!("{name} must be a function!"));
            }
        }
        if rules == [false; 4] {
            return Err(format!("{path} is missing required function: 'rule'"));
        }
        let text = |name: &str| env.get_str(call, name.as_bytes()).as_str();
        let lossy = |text: perilune_vm::Str<'gc>| String::from_utf8_lossy(text.as_bytes()).into_owned();
        let author = env.get_str(call, b"author");
        let authors = match author.as_table() {
            Some(table) => texts(table).flatten().collect(),
            None => author.as_str().map(lossy).into_iter().collect(),
        };
        let description = text("description").map(|text| text.as_bytes().to_vec());
        Ok(Fields { categories, dependencies, description, authors, license: text("license").map(lossy), rules })
    }
}

/// The items of a list, where they are strings.
fn texts(table: Table<'_>) -> impl Iterator<Item = Option<String>> {
    let items = (1..=table.raw_len()).map(move |idx| table.get_integer(idx).as_str());
    items.map(|item| item.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use perilune_scan::real::RealNetwork;

    #[test]
    fn embedded_entries_say_what_the_scripts_say() {
        let network = Box::new(RealNetwork::new().expect("the system has a poller"));
        let mut engine = Engine::new(Options::default(), network).expect("the engine opens");
        engine.select(&["all".to_owned()]).expect("the scripts load");
        let entries = embedded_entries();
        assert_eq!(engine.scripts().len(), entries.len());
        for (script, entry) in engine.scripts().iter().zip(entries) {
            assert_eq!(script.categories, entry.categories, "{}", script.path);
        }
    }
}
