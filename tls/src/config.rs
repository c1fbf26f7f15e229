//! What a connection offers.

use crate::limits::SERVER_NAME_LEN_MAX;
use crate::{Group, KeyExchange, Suite, TlsError, Version};

/// What a client offers. The default is everything but SSL 3.0.
///
/// SSL 3.0 knows no extensions and must be alone: when a server fails everything else, start a new connection with
/// [`Config::ssl3`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Name sent as Server Name Indication, as it is: an address in letters too. `None` sends no such extension.
    pub server_name: Option<String>,
    /// Application protocols in order of preference; empty sends no such extension.
    pub alpn: Vec<Vec<u8>>,
    /// Versions offered, in any order.
    pub versions: Vec<Version>,
    /// Suites offered, in order of preference. Those that exist in none of `versions` are left out, and so are versions
    /// that none of the suites exists in.
    pub suites: Vec<&'static Suite>,
    /// Groups offered; the first one's key goes with a TLS 1.3 hello, the others after a HelloRetryRequest.
    pub groups: Vec<Group>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            server_name: None,
            alpn: Vec::new(),
            versions: Version::ALL.to_vec(),
            suites: Suite::all().iter().collect(),
            groups: Group::ALL.to_vec(),
        }
    }
}

impl Config {
    /// The second try: SSL 3.0 and nothing else.
    pub fn ssl3() -> Config {
        Config { versions: vec![Version::Ssl3], ..Config::default() }
    }

    /// Checks what cannot be said in a hello, and drops what is not for this kind of connection.
    pub(crate) fn prepare(mut self, datagram: bool) -> Result<Config, TlsError> {
        if datagram {
            // DTLS has no SSL 3.0 and no TLS 1.0; its 1.3 is another protocol, which is not spoken here.
            self.versions.retain(|version| matches!(version, Version::Tls11 | Version::Tls12));
            self.suites.retain(|suite| suite.is_for_datagrams());
        }
        self.versions.sort_unstable();
        self.versions.dedup();
        if self.versions.is_empty() {
            return Err(TlsError::Config("no version is left to offer"));
        }
        if self.versions.contains(&Version::Ssl3) && 1 < self.versions.len() {
            return Err(TlsError::Config("SSL 3.0 cannot be offered beside another version"));
        }
        let versions = &self.versions;
        let no_groups = self.groups.is_empty();
        self.suites.retain(|suite| {
            let needs_group = matches!(suite.key_exchange(), KeyExchange::Tls13 | KeyExchange::Ecdhe);
            versions.iter().any(|version| suite.is_for(*version)) && !(needs_group && no_groups)
        });
        if self.suites.is_empty() {
            return Err(TlsError::Config("no suite is left to offer"));
        }
        // A server must not choose a version in which there is nothing left to choose.
        let suites = &self.suites;
        self.versions.retain(|version| suites.iter().any(|suite| suite.is_for(*version)));
        let mut groups: Vec<Group> = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        self.groups = groups;
        if self.server_name.as_ref().is_some_and(|name| name.is_empty() || SERVER_NAME_LEN_MAX < name.len()) {
            return Err(TlsError::Config("the server name is empty or too long"));
        }
        let alpn_len: usize = self.alpn.iter().map(|name| name.len() + 1).sum();
        if self.alpn.iter().any(|name| name.is_empty() || 255 < name.len()) || 0x4000 < alpn_len {
            return Err(TlsError::Config("an application protocol's name is empty or too long"));
        }
        Ok(self)
    }

    /// The highest version, after `prepare`.
    pub(crate) fn version_max(&self) -> Version {
        *self.versions.last().expect("prepare leaves a version")
    }

    pub(crate) fn offers(&self, version: Version) -> bool {
        self.versions.contains(&version)
    }

    /// The version field of the hello: TLS 1.3 calls itself 1.2 there.
    pub(crate) fn hello_version(&self, datagram: bool) -> u16 {
        let version = self.version_max().min(Version::Tls12);
        if datagram { version.datagram_code() } else { version.code() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_without_a_suite_are_not_offered() {
        let suite = Suite::from_name("AES256-SHA256").unwrap();
        let config = Config { suites: vec![suite], ..Config::default() }.prepare(false).unwrap();
        assert_eq!(config.versions, [Version::Tls12]);
        let config = Config { groups: vec![], ..Config::default() }.prepare(false).unwrap();
        assert_eq!(config.versions, [Version::Tls10, Version::Tls11, Version::Tls12]);
    }

    #[test]
    fn impossible_configurations_are_errors() {
        let check = |config: Config, datagram: bool, why: &'static str| {
            assert_eq!(config.prepare(datagram).err(), Some(TlsError::Config(why)));
        };
        let config = Config::default;
        check(Config { versions: vec![], ..config() }, false, "no version is left to offer");
        check(Config { versions: vec![Version::Tls13], ..config() }, true, "no version is left to offer");
        check(
            Config { versions: vec![Version::Ssl3, Version::Tls10], ..config() },
            false,
            "SSL 3.0 cannot be offered beside another version",
        );
        let tls13 = Suite::from_name("TLS_AES_128_GCM_SHA256").unwrap();
        let tls12 = vec![Version::Tls12];
        check(Config { suites: vec![tls13], versions: tls12, ..config() }, false, "no suite is left to offer");
        check(Config { server_name: Some("a".repeat(256)), ..config() }, false, "the server name is empty or too long");
        check(Config { alpn: vec![vec![]], ..config() }, false, "an application protocol's name is empty or too long");
    }
}
