//! `cargo xtask bench-nse`: the scripting engine beside an installed Nmap's, in one run.
//!
//! What is measured: three web scripts on 4,096 loopback hosts that one nginx serves, 50,000 workers asleep at once,
//! 20,000 questions over one connection, and the help of one script. Runs are interleaved; the figures are medians of
//! wall time, of processor time, and of the most memory that was resident. Last, alone, how long all our scripts and
//! libraries take to load.

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs of each side unless `--runs` says otherwise.
const RUNS: usize = 3;
/// A run that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// Loads of everything for each run of the rest; they are short.
const LOADS: usize = 5;
/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(2);
/// Where scripts expect a web server; the first that is free everywhere is taken.
const WEB_PORTS: [u16; 3] = [7080, 8180, 8000];

/// What one run took.
#[derive(Clone, Copy, Default, Debug)]
struct Cost {
    wall_s: f64,
    cpu_s: f64,
    memory_mb: f64,
}

/// A piece of work.
struct Work {
    name: &'static str,
    args: Vec<String>,
    /// What the output must hold, and how often.
    expected: (&'static str, usize),
}

/// Runs all and prints a table.
pub fn main(workspace: &Workspace, args: &[String]) -> Result<(), Error> {
    let runs = match args {
        [] => RUNS,
        [flag, count] if flag == "--runs" => {
            count.parse().map_err(|_| Error::Usage("--runs takes a number".to_owned()))?
        }
        _ => return Err(Error::Usage("bench-nse takes --runs N".to_owned())),
    };
    let perilune = workspace.perilune()?;
    let web = Web::start()?;
    let echo_port = echo_service()?;
    let folder = workspace.root.join("benches/nse");
    let script = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let web_scripts = "http-title,http-headers,http-methods";
    let works = [
        Work {
            name: "4,096 web hosts, 3 scripts",
            args: words(&format!("-p {} --script {web_scripts} 127.64.0.0/20", web.port)),
            expected: ("http-title: ", 4096),
        },
        Work {
            name: "50,000 workers asleep",
            args: words(&format!("--script {} -p 1 127.0.0.1", script("sleepers.nse"))),
            expected: ("50000 slept", 1),
        },
        Work {
            name: "20,000 rounds",
            args: words(&format!("--script {} -p {echo_port} 127.0.0.1", script("rounds.nse"))),
            expected: ("20000 answers", 1),
        },
        Work { name: "help of one script", args: words("--script-help http-title"), expected: ("Categories:", 1) },
    ];
    println!("{:<28} {:>26} {:>26} {:>20}", "", "ours: wall s, CPU s, MB", "nmap: wall s, CPU s, MB", "ratios");
    for work in &works {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            ours.push(run(&perilune, &["--datadir", "/usr/share/nmap"], work)?);
            theirs.push(run(Path::new("nmap"), &[], work)?);
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        let shown = |cost: Cost| format!("{:>8.3} {:>8.3} {:>8.1}", cost.wall_s, cost.cpu_s, cost.memory_mb);
        println!(
            "{:<28} {:>26} {:>26} {:>6.2} {:>6.2} {:>6.2}",
            work.name,
            shown(ours),
            shown(theirs),
            ours.wall_s / theirs.wall_s,
            ours.cpu_s / theirs.cpu_s,
            ours.memory_mb / theirs.memory_mb
        );
    }
    drop(web);
    load_all(workspace, &perilune, runs)
}

/// Times the help of all scripts inside the binary and of one that requires all libraries.
fn load_all(workspace: &Workspace, perilune: &Path, runs: usize) -> Result<(), Error> {
    let names = |folder: &str, extension: &str| -> Result<Vec<String>, Error> {
        let folder = workspace.root.join(folder);
        let paths = fs::read_dir(&folder).map_err(Error::at(&folder))?.flatten().map(|entry| entry.path());
        let paths = paths.filter(|path| path.extension().is_some_and(|it| it == extension));
        Ok(paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect())
    };
    let (libraries, scripts) = (names("nselib", "lua")?, names("scripts", "nse")?);
    let mut source: String = libraries.iter().map(|name| format!("require {name:?}\n")).collect();
    source.push_str("categories = { \"safe\" }\nhostrule = function () end\naction = hostrule\n");
    let path = std::env::temp_dir().join(format!("perilune-bench-{}.nse", std::process::id()));
    fs::write(&path, source).map_err(Error::at(&path))?;
    let work = Work {
        name: "",
        args: vec!["--script-help".to_owned(), format!("all,{}", path.display())],
        expected: ("Categories:", scripts.len() + 1),
    };
    let costs: Result<Vec<Cost>, Error> = (0..runs * LOADS).map(|_| run(perilune, &[], &work)).collect();
    fs::remove_file(&path).map_err(Error::at(&path))?;
    let cost = median(&costs?);
    println!(
        "{} scripts and {} libraries of our own load in {:.0} ms ({:.0} ms CPU, {:.1} MB)",
        scripts.len(),
        libraries.len(),
        cost.wall_s * 1000.0,
        cost.cpu_s * 1000.0,
        cost.memory_mb
    );
    Ok(())
}

fn run(program: &Path, extra: &[&str], work: &Work) -> Result<Cost, Error> {
    let mut command = Command::new(program);
    command.args(extra).args(["-n", "-Pn", "-sT"]).args(&work.args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // In the checkout its own folders of scripts and libraries would be found.
    command.current_dir(std::env::temp_dir());
    let began = Instant::now();
    let mut child = command.spawn().map_err(|error| process::cannot_start(&command, error))?;
    let mut pipe = child.stdout.take().ok_or_else(|| Error::Findings("no output".to_owned()))?;
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = pipe.read_to_end(&mut text);
        text
    });
    let cost = watch(&mut child, began)?;
    let text = reader.join().unwrap_or_default();
    let (wanted, count) = work.expected;
    let found = String::from_utf8_lossy(&text).matches(wanted).count();
    if found != count {
        return Err(Error::Findings(format!("{}: {found} times {wanted:?}, not {count}", program.display())));
    }
    Ok(cost)
}

/// Waits for the program's end; what it took as the system saw it last.
fn watch(child: &mut Child, began: Instant) -> Result<Cost, Error> {
    let place = format!("/proc/{}", child.id());
    let mut cost = Cost::default();
    loop {
        let status = fs::read_to_string(format!("{place}/status")).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        let peak: Option<f64> = peak;
        cost.memory_mb = peak.map_or(cost.memory_mb, |kilobytes| kilobytes / 1024.0);
        let times = fs::read_to_string(format!("{place}/schedstat")).unwrap_or_default();
        let used: Option<f64> = times.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
        cost.cpu_s = used.map_or(cost.cpu_s, |nanoseconds| nanoseconds / 1e9);
        cost.wall_s = began.elapsed().as_secs_f64();
        let is_over = fs::read_to_string(format!("{place}/stat"))
            .map_or(true, |text| text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')));
        if is_over {
            let _ = child.wait();
            return Ok(cost);
        }
        if began.elapsed() > TIME_LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::Findings("a run takes too long".to_owned()));
        }
        thread::sleep(POLL);
    }
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |part: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(part).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost {
        wall_s: middle(|cost| cost.wall_s),
        cpu_s: middle(|cost| cost.cpu_s),
        memory_mb: middle(|cost| cost.memory_mb),
    }
}

/// An nginx that answers on every loopback address.
struct Web {
    port: u16,
    child: Child,
    folder: PathBuf,
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Web {
    fn start() -> Result<Web, Error> {
        let folder = std::env::temp_dir().join(format!("perilune-bench-{}", std::process::id()));
        let home = folder.display().to_string();
        let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
        let port = WEB_PORTS.into_iter().find(is_free).ok_or_else(|| Error::Findings("no port is free".to_owned()))?;
        fs::create_dir_all(&folder).map_err(Error::at(&folder))?;
        let page = "<html><head><title>Moon</title></head><body>A page.</body></html>";
        fs::write(folder.join("index.html"), page).map_err(Error::at(&folder))?;
        let config = format!(
            "daemon off; master_process off; pid {home}/pid; error_log {home}/err; worker_rlimit_nofile 65536;
            events {{ worker_connections 30000; }}
            http {{ access_log off; client_body_temp_path {home}/1; proxy_temp_path {home}/2;
                fastcgi_temp_path {home}/3; uwsgi_temp_path {home}/4; scgi_temp_path {home}/5;
                server {{ listen {port} backlog=16384; root {home}; }} }}"
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config).map_err(Error::at(&path))?;
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(&path).arg("-p").arg(&folder).arg("-e").arg(folder.join("err"));
        let child = command.spawn().map_err(|error| process::cannot_start(&command, error))?;
        let web = Web { port, child, folder };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > deadline {
                return Err(Error::Findings("nginx does not listen".to_owned()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(web)
    }
}

/// A service that sends back what it gets; its port.
fn echo_service() -> Result<u16, Error> {
    let failed = |error: std::io::Error| Error::Findings(format!("no echo service: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // Answers are not held back to be sent together.
                let _ = stream.set_nodelay(true);
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(port)
}
