//! Reads the files of conversations.

use super::pattern::Token;
use perilune_scan::result::Protocol;

/// A file's contents.
#[derive(Debug)]
pub(super) struct File {
    pub script: String,
    pub transport: Protocol,
    pub service: Option<String>,
    /// The service is inside TLS.
    pub tunnel: bool,
    /// The answers of a service that was not recognised.
    pub fingerprint: Option<String>,
    pub args: String,
    pub host: Option<String>,
    /// The name that its address has.
    pub reverse: Option<String>,
    pub verbosity: u8,
    pub force: bool,
    pub helper: Option<Helper>,
    pub setup: Vec<String>,
    pub daemon: Option<String>,
    /// A command that succeeds as soon as the daemon can be asked, for those that listen before that.
    pub ready: Option<String>,
    pub blocks: Vec<Block>,
    pub version: Option<String>,
    pub output: String,
}

/// A script that runs beside the one under test.
#[derive(Debug)]
pub(super) struct Helper {
    pub id: String,
    pub source: String,
}

/// What the other side does on a connection.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The steps are cases; otherwise they come in order.
    pub answers: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Expect(Vec<Token>),
    Send(Vec<u8>),
    Close,
}

/// Reads a file.
pub(super) fn parse(text: &str) -> Result<File, String> {
    let mut file = File {
        script: String::new(),
        transport: Protocol::Tcp,
        service: None,
        tunnel: false,
        fingerprint: None,
        args: String::new(),
        host: None,
        reverse: None,
        verbosity: 0,
        force: false,
        helper: None,
        setup: Vec::new(),
        daemon: None,
        ready: None,
        blocks: Vec::new(),
        version: None,
        output: String::new(),
    };
    let mut lines = text.lines().enumerate();
    while let Some((idx, line)) = lines.next() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if line == "output:" {
            let rest: Vec<&str> = lines.map(|(_, line)| line).collect();
            file.output = rest.join("\n").trim_matches('\n').to_owned();
            break;
        }
        file.line(line).map_err(|what| format!("line {}: {what}", idx + 1))?;
    }
    if file.script.is_empty() { Err("no line `script:`".to_owned()) } else { Ok(file) }
}

impl File {
    fn line(&mut self, line: &str) -> Result<(), String> {
        match line {
            "talk" | "answers" => {
                self.blocks.push(Block { answers: line == "answers", steps: Vec::new() });
                return Ok(());
            }
            _ if line.starts_with(['C', 'S']) => {
                let block = self.blocks.last_mut().ok_or("a line of a conversation outside of a block")?;
                return block.line(line);
            }
            _ => {}
        }
        if let Some(lua) = line.strip_prefix('|') {
            let helper = self.helper.as_mut().ok_or("`|` without `helper:`")?;
            helper.source.push_str(lua);
            helper.source.push('\n');
            return Ok(());
        }
        let (key, value) = line.split_once(':').ok_or_else(|| format!("not understood: {line}"))?;
        let value = value.trim();
        match key {
            "script" => self.script = value.to_owned(),
            "service" => self.service(value)?,
            "fingerprint" => self.fingerprint = Some(value.to_owned()),
            "args" => self.args = value.to_owned(),
            "host" => self.host = Some(value.to_owned()),
            "reverse" => self.reverse = Some(value.to_owned()),
            "verbosity" => self.verbosity = value.parse().map_err(|_| "verbosity is a number")?,
            "force" => self.force = true,
            "helper" => self.helper = Some(Helper { id: value.to_owned(), source: String::new() }),
            "setup" => self.setup.push(value.to_owned()),
            "daemon" => self.daemon = Some(value.to_owned()),
            "ready" => self.ready = Some(value.to_owned()),
            "version" => self.version = Some(value.to_owned()),
            _ => return Err(format!("not understood: {line}")),
        }
        Ok(())
    }

    fn service(&mut self, value: &str) -> Result<(), String> {
        let (transport, name) = value.split_once(' ').ok_or("service: TRANSPORT NAME")?;
        self.transport = Protocol::from_name(transport).ok_or("unknown transport")?;
        let name = match name.strip_prefix("ssl/") {
            Some(name) => {
                self.tunnel = true;
                name
            }
            None => name,
        };
        self.service = (name != "-").then(|| name.to_owned());
        Ok(())
    }
}

impl Block {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let kind = line.get(..2).ok_or("a line of a conversation is too short")?;
        let rest = line.get(2..).unwrap_or_default();
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let literal = |bytes: Vec<u8>| bytes.into_iter().map(Token::Byte).collect::<Vec<Token>>();
        let with_end = |text: &str| text_bytes(text).map(|bytes| [bytes, b"\r\n".to_vec()].concat());
        match kind {
            "C:" => self.expect(literal(text_bytes(rest)?)),
            "C|" => self.expect(literal(with_end(rest)?)),
            "C~" => {
                let parts = rest.split('*').map(|part| text_bytes(part).map(literal)).collect::<Result<Vec<_>, _>>()?;
                self.expect(parts.join(&Token::Many));
            }
            "Cx" => self.expect(hex_tokens(rest)?),
            "C*" => self.expect(vec![Token::Rest]),
            "S:" => self.send(text_bytes(rest)?),
            "S|" => self.send(with_end(rest)?),
            "Sx" => {
                let byte = |token| match token {
                    Token::Byte(byte) => Ok(byte),
                    _ => Err("?? in what the server sends"),
                };
                self.send(hex_tokens(rest)?.into_iter().map(byte).collect::<Result<Vec<u8>, _>>()?);
            }
            "S!" => self.steps.push(Step::Close),
            _ => return Err(format!("not understood: {line}")),
        }
        Ok(())
    }

    fn expect(&mut self, tokens: Vec<Token>) {
        match self.steps.last_mut() {
            Some(Step::Expect(all)) => all.extend(tokens),
            _ => self.steps.push(Step::Expect(tokens)),
        }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        match self.steps.last_mut() {
            Some(Step::Send(all)) => all.extend(bytes),
            _ => self.steps.push(Step::Send(bytes)),
        }
    }
}

/// Text with its escapes read.
fn text_bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let kind = after.chars().next().ok_or("a backslash at the end")?;
        rest = &after[kind.len_utf8()..];
        bytes.push(match kind {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '\\' => b'\\',
            'x' => {
                let digits = rest.get(..2).ok_or("\\x needs two digits")?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).map_err(|_| format!("\\x{digits}"))?
            }
            other => return Err(format!("\\{other}")),
        });
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Pairs of hexadecimal digits, or `??`; blanks between them do not count.
fn hex_tokens(text: &str) -> Result<Vec<Token>, String> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let token = |pair: &[char]| match pair {
        ['?', '?'] => Ok(Token::Any),
        [high, low] => {
            let pair: String = [*high, *low].iter().collect();
            u8::from_str_radix(&pair, 16).map(Token::Byte).map_err(|_| format!("not hexadecimal: {pair}"))
        }
        _ => Err("an odd number of hexadecimal digits".to_owned()),
    };
    digits.chunks(2).map(token).collect()
}
