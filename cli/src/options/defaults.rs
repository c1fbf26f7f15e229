//! Defaults from a TOML file: `max-rate = 100`, `open = true`, `script = ["a", "b"]`.

use super::Options;
use clap::{ArgAction, CommandFactory};
use std::ffi::OsString;
use std::path::PathBuf;

pub(super) fn config_path(args: &[OsString]) -> Option<PathBuf> {
    let at = args.iter().position(|arg| arg == "--config");
    let inline = args.iter().find_map(|arg| arg.to_str()?.strip_prefix("--config="));
    inline.map(PathBuf::from).or_else(|| at.and_then(|at| args.get(at + 1)).map(PathBuf::from))
}

/// The options of a file that the command line does not have.
pub(super) fn defaults(path: &std::path::Path, args: &[OsString]) -> Result<Vec<OsString>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let command = Options::command();
    let mut options = Vec::new();
    for (key, value) in table {
        let known = command
            .get_arguments()
            .find(|arg| arg.get_long() == Some(&key) || arg.get_id().as_str().replace('_', "-") == key);
        let Some(known) = known.filter(|_| key != "config") else { return Err(format!("{key} is no option")) };
        let spelled = match (known.get_long(), known.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("-{short}"),
            (None, None) => return Err(format!("{key} can't be set in a file")),
        };
        let given = |arg: &OsString| {
            arg.to_str().is_some_and(|arg| {
                arg == spelled
                    || arg.starts_with(&format!("{spelled}="))
                    || (!spelled.starts_with("--") && arg.starts_with(&spelled))
            })
        };
        if args.iter().any(given) {
            continue;
        }
        let values = match value {
            toml::Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let value = match value {
                toml::Value::Boolean(true) => {
                    options.push(OsString::from(&spelled));
                    continue;
                }
                toml::Value::Boolean(false) => continue,
                // How often it would be given.
                toml::Value::Integer(level @ 0..=255) if matches!(known.get_action(), ArgAction::Count) => {
                    options.extend(std::iter::repeat_n(OsString::from(&spelled), level as usize));
                    continue;
                }
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                _ => return Err(format!("{key} is neither text nor a number nor a list of them")),
            };
            options.push(if spelled.starts_with("--") {
                format!("{spelled}={value}").into()
            } else {
                format!("{spelled}{value}").into()
            });
        }
    }
    Ok(options)
}
