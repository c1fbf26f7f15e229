//! What is run on which service.

/// All scripts that could answer, but for two that end for nobody: one loops on Samba, one waits until a web server has
/// given up connections that it keeps for minutes.
pub const ALL: &str = "not (external or dos or brute or broadcast or smb-enum-services or http-slowloris-check)";

/// What is run.
pub struct Case {
    pub name: &'static str,
    pub port: u16,
    pub scripts: &'static str,
    pub args: &'static str,
    /// By UDP in place of TCP.
    pub udp: bool,
}

const fn all(name: &'static str, port: u16) -> Case {
    chosen(name, port, ALL, "")
}

/// All scripts on a UDP port.
const fn datagrams(name: &'static str, port: u16) -> Case {
    Case { udp: true, ..all(name, port) }
}

/// `LISTS` stands for arguments that give lists to guess from, `FOLDER` for the folder of the services.
const fn chosen(name: &'static str, port: u16, scripts: &'static str, args: &'static str) -> Case {
    Case { name, port, scripts, args, udp: false }
}

pub const CASES: [Case; 71] = [
    // Those that take a minute come first.
    all("lighttpd", 8000),
    datagrams("bind9 udp", 53),
    datagrams("tftp", 69),
    all("vsftpd", 21),
    all("openssh", 22),
    all("postfix", 25),
    all("bind9", 53),
    all("nginx", 80),
    all("dovecot pop3", 110),
    all("rpcbind", 111),
    all("samba netbios", 139),
    all("dovecot imap", 143),
    all("slapd", 389),
    all("nginx tls", 443),
    all("samba", 445),
    all("postfix submission", 587),
    all("rsync", 873),
    all("dovecot imaps", 993),
    all("dovecot pop3s", 995),
    all("mosquitto", 1883),
    all("mariadb", 3306),
    all("postgresql", 5432),
    all("redis", 6379),
    all("memcached", 11211),
    chosen(
        "samba, logged in",
        445,
        "smb-enum-shares,smb-os-discovery,smb-security-mode,smb2-*,smb-ls,smb-mbenum,smb-enum-users",
        "smbusername=nobody,smbpassword=secret",
    ),
    chosen(
        "mariadb, logged in",
        3306,
        "mysql-databases,mysql-users,mysql-variables,mysql-dump-hashes,mysql-query,mysql-info",
        "mysqluser=moon,mysqlpass=secret,username=moon,password=secret,mysql-query.query='SELECT * FROM moon.rocks'",
    ),
    chosen("mariadb, guessed", 3306, "mysql-brute,mysql-empty-password", "LISTS"),
    chosen("postgresql, guessed", 5432, "pgsql-brute", "LISTS"),
    chosen("openssh, guessed", 2222, "ssh-brute", "LISTS"),
    chosen(
        "nginx, more",
        80,
        "http-brute,http-headers,http-title,http-grep,http-fetch,http-traceroute,http-auth",
        "http-brute.path=/admin/,http-grep.builtins=e-mail,http-title.url=/files/a.txt,LISTS",
    ),
    chosen(
        "nginx, deflated",
        80,
        "http-title,http-generator",
        "http-title.url=/deflated.html,http-generator.path=/deflated.html",
    ),
    chosen("vsftpd, guessed", 21, "ftp-brute", "LISTS"),
    chosen("dovecot imap, guessed", 143, "imap-brute", "LISTS"),
    chosen("dovecot pop3, guessed", 110, "pop3-brute", "LISTS"),
    chosen("slapd, guessed", 389, "ldap-brute", "ldap.base='cn=users,dc=moon,dc=example',LISTS"),
    chosen("samba, guessed", 445, "smb-brute", "LISTS"),
    chosen("svnserve, guessed", 3690, "svn-brute", "svn-brute.repo=/svn,svn-brute.force=true,LISTS"),
    chosen("telnetd, guessed", 23, "telnet-brute", "LISTS"),
    chosen("mariadb, looked into", 3306, "mysql-enum,creds-summary", "LISTS"),
    chosen("nginx, listed", 80, "http-ls,http-auth", "http-ls.url=/files/,http-auth.path=/admin/"),
    chosen("apache2, written to", 8080, "http-put", "http-put.url=/put.txt,http-put.file=FOLDER/www/robots.txt"),
    Case {
        name: "snmpd, guessed",
        port: 161,
        scripts: "snmp-brute",
        args: "snmp-brute.communitiesdb=FOLDER/communities",
        udp: true,
    },
    chosen("openssh, asked", 2222, "ssh2-enum-algos,ssh-hostkey", "ssh_hostkey=all"),
    // One script at a time: with several sessions at once the reference may abort.
    chosen("openssh, methods", 2222, "ssh-auth-methods", "ssh.user=perilune-guest"),
    chosen(
        "openssh, logged in",
        2222,
        "ssh-run",
        "ssh-run.cmd=id -un,ssh-run.username=perilune-guest,ssh-run.password=secret",
    ),
    chosen(
        "openssh, by key",
        2222,
        "ssh-publickey-acceptance",
        "ssh.usernames={'nobody','perilune-guest'},ssh.privatekeys={'FOLDER/guest_ecdsa'},ssh.passphrases={''}",
    ),
    chosen(
        "openssh, keys offered",
        2222,
        "ssh-publickey-acceptance",
        "ssh.usernames={'nobody','perilune-guest'},publickeys={'FOLDER/guest_ed25519.pub','FOLDER/guest_ecdsa.pub'}",
    ),
    chosen("tigervnc, guessed", 5900, "vnc-info,vnc-title,vnc-brute,realvnc-auth-bypass", "LISTS"),
    Case { name: "snmpd, logged in", port: 161, scripts: "snmp-sysdescr", args: "snmpcommunity=private", udp: true },
    all("apache2", 8080),
    all("apache2 tls", 8443),
    all("haproxy", 8081),
    all("tinyproxy", 8888),
    all("cups", 631),
    all("telnetd", 23),
    all("fingerd", 79),
    all("oidentd", 113),
    all("daytime", 13),
    all("time", 37),
    all("ngircd", 6667),
    all("svnserve", 3690),
    all("distccd", 3632),
    all("nbd-server", 10809),
    all("kamailio", 5060),
    datagrams("echo", 7),
    datagrams("chargen", 19),
    datagrams("rpcbind udp", 111),
    datagrams("chrony", 123),
    datagrams("snmpd", 161),
    datagrams("kamailio udp", 5060),
    datagrams("memcached udp", 11211),
];
