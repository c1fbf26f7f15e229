--- Names of accounts that systems, databases and devices come with.
-- @copyright MIT OR Apache-2.0
return {
  "root", "admin", "administrator", "user", "guest", "test", "webadmin", "sysadmin", "netadmin", "operator", "manager",
  "support", "service", "backup", "demo", "ubuntu", "debian", "ec2-user", "pi", "vagrant", "ftp", "anonymous", "www",
  "web", "mail", "postmaster", "mysql", "postgres", "oracle", "sa", "tomcat", "jenkins", "git", "nagios", "zabbix",
  "cisco", "ubnt", "supervisor", "default", "info",
}
