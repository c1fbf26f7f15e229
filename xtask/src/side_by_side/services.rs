//! The services, started together and ended together.

use super::cases::CASES;
use crate::error::Error;
use crate::process;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where they listen.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 71, 0, 1);
/// How long the services may take until they listen.
const PATIENCE: Duration = Duration::from_secs(180);

/// The services; they end with this value.
pub struct Services {
    child: Child,
    pub folder: PathBuf,
}

impl Drop for Services {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        for signal in ["-TERM", "-KILL"] {
            // A group that is gone is what is wanted.
            let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
            thread::sleep(Duration::from_secs(1));
        }
        let _ = self.child.wait();
        self.end_strays();
        let _ = fs::remove_dir_all(&self.folder);
        let address = format!("{ADDRESS}/32");
        let _ = Command::new("ip").args(["addr", "del", &address, "dev", "lo"]).stderr(Stdio::null()).status();
    }
}

impl Services {
    /// Ends what left the group: Samba's helpers, which name our folder in their arguments.
    fn end_strays(&self) {
        let folder = format!("{}/", self.folder.display());
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_process = name.bytes().all(|byte| byte.is_ascii_digit());
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if is_process && String::from_utf8_lossy(&arguments).contains(&folder) {
                let _ = Command::new("kill").arg(name).stderr(Stdio::null()).status();
            }
        }
    }

    pub fn start() -> Result<Services, Error> {
        let folder = std::env::temp_dir().join(format!("perilune-services-{}", std::process::id()));
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |error| Error::File { path, error }
        };
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let script = folder.join("daemons.sh");
        fs::write(&script, include_str!("daemons.sh")).map_err(at(&script))?;
        let log = File::create(folder.join("daemons.log")).map_err(at(&folder))?;
        let errors = log.try_clone().map_err(at(&folder))?;
        let mut command = Command::new("sh");
        command.arg(&script).arg(&folder).arg(ADDRESS.to_string()).process_group(0);
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let child = child.map_err(|error| process::cannot_start(&command, error))?;
        let services = Services { child, folder };
        services.wait()?;
        Ok(services)
    }

    /// Waits until each port is open.
    fn wait(&self) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        for case in CASES.iter().filter(|case| !case.udp) {
            let address = SocketAddr::from((ADDRESS, case.port));
            while TcpStream::connect(address).is_err() {
                if Instant::now() > deadline {
                    let log = fs::read_to_string(self.folder.join("daemons.log")).unwrap_or_default();
                    return Err(Error::Findings(format!("{} does not listen on port {}\n{log}", case.name, case.port)));
                }
                thread::sleep(Duration::from_millis(100));
            }
        }
        Ok(())
    }
}
