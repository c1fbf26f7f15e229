# Starts the services that both scanners look at, on their usual ports of one loopback address.
# Arguments: a folder of their own, the address. Run as root; ends when its process group is killed.
set -eu
home=$1 address=$2
cd "$home"
chmod 755 .
export LANG=C
# Some services listen only on addresses that an interface has.
ip addr add "$address/32" dev lo 2>/dev/null || true

# Keys and pages -------------------------------------------------------------------------------------------------
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj '/CN=moon.example/O=Perilune' \
  -addext 'subjectAltName=DNS:moon.example,DNS:*.moon.example,IP:127.0.0.1' 2>openssl.log
mkdir -p www/admin www/files ftp/pub ftp/empty files
cat >www/index.html <<'END'
<!DOCTYPE html>
<html><head><title>The Moon &amp; Sons</title><meta name="generator" content="Perilune 1.0"></head>
<body><!-- a comment with admin@moon.example --><h1>Moon</h1><a href="/files/">files</a> <a href="/page.html">page</a>
<form action="/login" method="post"><input name="user"><input type="password" name="pass"></form>
<p>Mail to office@moon.example or call +1 555 010 0199.</p></body></html>
END
cp www/index.html www/page.html
python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))' \
  <www/index.html >www/deflated.html
printf 'User-agent: *\nDisallow: /admin/\nDisallow: /private\n' >www/robots.txt
printf 'hello\n' >www/files/a.txt
printf 'nothing here\n' >ftp/pub/readme.txt
printf 'GIF89a' >www/favicon.ico
printf 'one\n' >files/one.txt

# Web ------------------------------------------------------------------------------------------------------------
cat >nginx.conf <<END
daemon off; master_process off; pid $home/nginx.pid; error_log $home/nginx.err;
events { worker_connections 1024; }
http {
  access_log off; types { text/html html; text/plain txt; }
  client_body_temp_path $home/n1; proxy_temp_path $home/n2; fastcgi_temp_path $home/n3; uwsgi_temp_path $home/n4; scgi_temp_path $home/n5;
  gzip on; gzip_min_length 1; gzip_types text/plain;
  server {
    listen $address:80; listen $address:443 ssl http2; server_name moon.example;
    ssl_certificate $home/cert.pem; ssl_certificate_key $home/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    root $home/www; add_header X-Frame-Options DENY; add_header Set-Cookie "session=1; Path=/";
    location /files/ { autoindex on; }
    location /admin/ { auth_basic "Moon"; auth_basic_user_file $home/htpasswd; }
    location /old { return 301 /page.html; }
    location = /deflated.html { gzip off; add_header Content-Encoding deflate; }
  }
}
END
printf 'admin:%s\n' "$(openssl passwd -1 -salt moon secret)" >htpasswd
/usr/sbin/nginx -c "$home/nginx.conf" -p "$home" -e "$home/nginx.err" &

# Stores ---------------------------------------------------------------------------------------------------------
redis-server --bind "$address" --port 6379 --save '' --daemonize no --dir "$home" --protected-mode no >redis.log 2>&1 &
memcached -u root -l "$address" -p 11211 -U 11211 >memcached.log 2>&1 &
printf 'listener 1883 %s\nallow_anonymous true\npersistence false\nuser root\n' "$address" >mosquitto.conf
mosquitto -c mosquitto.conf >mosquitto.log 2>&1 &
mkdir -p ldap
cat >slapd.conf <<END
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $home/slapd.pid
database mdb
suffix dc=moon,dc=example
rootdn cn=admin,dc=moon,dc=example
rootpw secret
directory $home/ldap
END
slapadd -f slapd.conf >slapadd.log 2>&1 <<'END'
dn: dc=moon,dc=example
objectClass: dcObject
objectClass: organization
dc: moon
o: Moon

dn: cn=Armstrong,dc=moon,dc=example
objectClass: person
cn: Armstrong
sn: Armstrong
END
slapd -h "ldap://$address:389" -f slapd.conf -d 0 >slapd.log 2>&1 &

# Databases ------------------------------------------------------------------------------------------------------
mariadb-install-db --no-defaults --user=root --datadir="$home/mariadb" --auth-root-authentication-method=normal \
  --skip-test-db >mariadb-install.log 2>&1
cat >mariadb.sql <<END
CREATE DATABASE moon;
CREATE TABLE moon.rocks (id INT, name VARCHAR(20));
INSERT INTO moon.rocks VALUES (1, 'basalt');
CREATE USER 'moon'@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO 'moon'@'%';
CREATE USER 'root'@'%' IDENTIFIED BY '';
GRANT ALL ON *.* TO 'root'@'%';
END
mariadbd --no-defaults --user=root --datadir="$home/mariadb" --bind-address="$address" --port=3306 \
  --socket="$home/mariadb.sock" --pid-file="$home/mariadb.pid" --init-file="$home/mariadb.sql" \
  --max-connect-errors=1000000 --skip-name-resolve >mariadb.log 2>&1 &
mkdir pg
chown postgres pg
binaries=$(ls -d /usr/lib/postgresql/*/bin | tail -n1)
printf 'secret\n' >pg-password
chmod 644 pg-password
(cd / && runuser -u postgres -- "$binaries/initdb" -D "$home/pg" -A md5 --pwfile="$home/pg-password" >"$home/initdb.log" 2>&1)
printf 'host all all 127.0.0.0/8 md5\n' >>pg/pg_hba.conf
(cd / && exec runuser -u postgres -- "$binaries/postgres" -D "$home/pg" -p 5432 -c listen_addresses="$address" \
  -c unix_socket_directories="$home/pg" -c ssl=off >"$home/pg.log" 2>&1) &

# Mail -----------------------------------------------------------------------------------------------------------
cat >dovecot.conf <<END
base_dir = $home/dovecot
state_dir = $home/dovecot-state
protocols = imap pop3
listen = $address
ssl = yes
ssl_cert = <$home/cert.pem
ssl_key = <$home/key.pem
log_path = $home/dovecot.log
default_internal_user = dovecot
default_login_user = dovenull
disable_plaintext_auth = no
auth_failure_delay = 0
service anvil {
  chroot =
  # Nobody waits longer for having guessed wrong.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  chroot =
}
service pop3-login {
  chroot =
}
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=root gid=root home=$home
}
END
dovecot -F -c dovecot.conf >dovecot.out 2>&1 &
mkdir -p pf/conf pf/data pf/queue/pid
(cd pf/queue
  for name in active bounce corrupt defer deferred flush hold incoming private saved trace public maildrop; do
    mkdir -p $name
    chown postfix $name
  done
  chgrp postdrop public maildrop
  chown postfix ../data
  chmod 700 private)
# Without a log of its own: the master that writes to it would wait for the logger that only it can start.
cat >pf/conf/main.cf <<END
compatibility_level = 3.6
queue_directory = $home/pf/queue
data_directory = $home/pf/data
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = $address
inet_protocols = ipv4
mydestination = moon.example
myhostname = moon.example
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = $home/cert.pem
smtpd_tls_key_file = $home/key.pem
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
END
cat >pf/conf/master.cf <<END
$address:25 inet n - n - 50 smtpd
$address:587 inet n - n - 50 smtpd
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
END
/usr/lib/postfix/sbin/master -c "$home/pf/conf" -d >postfix.out 2>&1 &

# Files and shells -----------------------------------------------------------------------------------------------
mkdir -p /run/sshd
for kind in ed25519 rsa ecdsa; do ssh-keygen -q -t $kind -N '' -C moon -f "host_$kind"; done
cat >sshd.conf <<END
Port 22
ListenAddress $address
HostKey $home/host_rsa
HostKey $home/host_ecdsa
HostKey $home/host_ed25519
PidFile none
UsePAM no
PasswordAuthentication yes
MaxStartups 100
LoginGraceTime 20
END
/usr/sbin/sshd -D -e -f "$home/sshd.conf" >sshd.log 2>&1 &
cat >sshd-guest.conf <<END
Port 2222
ListenAddress $address
HostKey $home/host_rsa
HostKey $home/host_ecdsa
HostKey $home/host_ed25519
PidFile none
UsePAM yes
StrictModes no
AuthorizedKeysFile $home/authorized
KbdInteractiveAuthentication yes
MaxStartups 100
END
id perilune-guest >/dev/null 2>&1 || useradd --system --create-home --shell /bin/sh perilune-guest
echo perilune-guest:secret | chpasswd
for kind in ed25519 ecdsa; do ssh-keygen -q -t $kind -m PEM -N '' -C moon -f "guest_$kind"; done
cat guest_*.pub >authorized
/usr/sbin/sshd -D -e -f "$home/sshd-guest.conf" >sshd-guest.log 2>&1 &
printf 'secret\n' | tigervncpasswd -f >vnc-password
Xtigervnc :71 -rfbport 5900 -interface "$address" -SecurityTypes VncAuth -PasswordFile "$home/vnc-password" \
  -BlacklistThreshold 1000000 -desktop moon >vnc.log 2>&1 &
cat >vsftpd.conf <<END
listen=YES
listen_address=$address
listen_port=21
anonymous_enable=YES
anon_root=$home/ftp
secure_chroot_dir=$home/ftp/empty
ssl_enable=YES
rsa_cert_file=$home/cert.pem
rsa_private_key_file=$home/key.pem
force_local_data_ssl=NO
force_local_logins_ssl=NO
background=NO
END
vsftpd "$home/vsftpd.conf" >vsftpd.log 2>&1 &
printf 'use chroot = no\nlog file = %s/rsync.log\n[files]\ncomment = some files\npath = %s/files\n[closed]\npath = %s\nauth users = moon\nsecrets file = %s/rsync.secret\n' \
  "$home" "$home" "$home" "$home" >rsyncd.conf
printf 'moon:secret\n' >rsync.secret
chmod 600 rsync.secret
rsync --daemon --no-detach --address="$address" --port=873 --config=rsyncd.conf >rsync.out 2>&1 &
mkdir -p samba/rpc
cat >smb.conf <<END
[global]
workgroup = PERILUNE
netbios name = MOON
server string = Moon
smb ports = 445 139
bind interfaces only = yes
interfaces = $address/8
private dir = $home/samba
lock directory = $home/samba
state directory = $home/samba
cache directory = $home/samba
pid directory = $home/samba
ncalrpc dir = $home/samba/rpc
passdb backend = tdbsam:$home/samba/passdb.tdb
map to guest = Bad User
server min protocol = NT1
ntlm auth = yes
lanman auth = no
disable netbios = no
log file = $home/samba.log
disable spoolss = yes
load printers = no
[public]
path = $home/ftp
comment = for all
guest ok = yes
[private]
path = $home/files
valid users = nobody
END
printf 'secret\nsecret\n' | smbpasswd -c "$home/smb.conf" -s -a nobody >smbpasswd.log 2>&1 || true
smbd --foreground --no-process-group --configfile="$home/smb.conf" >smbd.out 2>&1 &
rpcbind -f -w -h "$address" >rpcbind.log 2>&1 &

# More of the web, and what speaks to proxies and printers ---------------------------------------------------------
mkdir -p apache cups
cat >apache.conf <<END
ServerRoot $home/apache
PidFile $home/apache/pid
ErrorLog $home/apache/log
Listen $address:8080
Listen $address:8443
ServerName moon.example
$(for name in mpm_event authz_core authn_core status info dir mime autoindex dav dav_fs ssl; do
  echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so"; done)
DocumentRoot $home/www
TypesConfig /etc/mime.types
DavLockDB $home/apache/dav
<Directory $home/www>
  Options Indexes
  Dav On
  Require all granted
</Directory>
<Location /server-status>
  SetHandler server-status
</Location>
TraceEnable on
User www-data
<VirtualHost $address:8443>
  SSLEngine on
  SSLCertificateFile $home/cert.pem
  SSLCertificateKeyFile $home/key.pem
</VirtualHost>
END
apache2 -X -f "$home/apache.conf" >apache.out 2>&1 &
cat >lighttpd.conf <<END
server.modules = ("mod_auth", "mod_authn_file", "mod_status", "mod_dirlisting", "mod_redirect", "mod_staticfile")
server.document-root = "$home/www"
server.bind = "$address"
server.port = 8000
index-file.names = ("index.html")
dir-listing.activate = "enable"
# A script that asks for ranges would leave the error in the cache that the others read.
server.range-requests = "disable"
status.status-url = "/server-status"
mimetype.assign = (".html" => "text/html", ".txt" => "text/plain")
url.redirect = ("^/old" => "/page.html")
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "$home/htdigest"
auth.require = ("/admin" => ("method" => "digest", "realm" => "Moon", "require" => "valid-user"))
END
printf 'admin:Moon:%s\n' "$(printf admin:Moon:secret | md5sum | cut -d' ' -f1)" >htdigest
lighttpd -D -f lighttpd.conf >lighttpd.out 2>&1 &
cat >haproxy.conf <<END
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind $address:8081
  default_backend back
backend back
  server one $address:80
END
haproxy -db -f haproxy.conf >haproxy.out 2>&1 &
printf 'Port 8888\nListen %s\nAllow 127.0.0.0/8\n' "$address" >tinyproxy.conf
tinyproxy -d -c tinyproxy.conf >tinyproxy.out 2>&1 &
printf 'Listen %s:631\n<Location />\n  Order allow,deny\n  Allow all\n</Location>\n' "$address" >cupsd.conf
for place in ServerRoot RequestRoot CacheDir StateDir; do echo "$place $home/cups"; done >cups-files.conf
cupsd -f -c "$home/cupsd.conf" -s "$home/cups-files.conf" >cupsd.out 2>&1 &

# Old and small services -----------------------------------------------------------------------------------------
cat >inetd.conf <<END
$address:telnet stream tcp nowait root /usr/sbin/telnetd telnetd
$address:finger stream tcp nowait nobody /usr/sbin/in.fingerd in.fingerd
$address:daytime stream tcp nowait root internal
$address:time stream tcp nowait root internal
$address:echo dgram udp wait root internal
$address:chargen dgram udp wait root internal
END
inetd -i "$home/inetd.conf" >inetd.log 2>&1 &
oidentd -i -a "$address" -p 113 -u nobody -g nogroup >oidentd.log 2>&1 &
cat >ngircd.conf <<END
[Global]
Name = irc.moon.example
Info = Moon
Listen = $address
Ports = 6667
AdminInfo1 = Armstrong
[Limits]
MaxConnectionsIP = 0
[Options]
Ident = no
PAM = no
DNS = no
END
ngircd -n -f "$home/ngircd.conf" >ngircd.log 2>&1 &
svnadmin create svn
svnserve -d --foreground --listen-host "$address" -r "$home/svn" >svnserve.log 2>&1 &
# It leaves our process group; by the folder in its arguments it is found and ended.
distccd --no-detach --daemon --listen "$address" --port 3632 -a 127.0.0.0/8 --user nobody \
  --log-file="$home/distccd.log" --enable-tcp-insecure &
truncate -s 1M disk
printf '[generic]\nlistenaddr = %s\nallowlist = true\n[moon]\nexportname = %s/disk\n' "$address" "$home" >nbd.conf
# It ends with a connection that does not negotiate.
while :; do nbd-server -d -C "$home/nbd.conf" >>nbd.log 2>&1; sleep 0.1; done &
cat >kamailio.conf <<END
#!KAMAILIO
children=1
log_stderror=yes
listen=udp:$address:5060
listen=tcp:$address:5060
loadmodule "sl.so"
loadmodule "pv.so"
request_route {
  if (method == "OPTIONS") { sl_send_reply("200", "OK"); exit; }
  sl_send_reply("404", "Not here");
}
END
kamailio -DD -E -f "$home/kamailio.conf" -m 32 -M 4 -Y "$home" >kamailio.log 2>&1 &
cat >chrony.conf <<END
bindaddress $address
allow all
local stratum 5
cmdport 0
pidfile $home/chrony.pid
END
chronyd -d -x -u root -f "$home/chrony.conf" >chrony.log 2>&1 &
mkdir -p tftp
printf 'boot\n' >tftp/boot.cfg
printf 'moon\nprivate\npublic\n' >communities
dnsmasq -k -p 0 --listen-address="$address" --bind-interfaces --enable-tftp --tftp-root="$home/tftp" --pid-file= \
  --user=root -C /dev/null >dnsmasq.log 2>&1 &

# Names and management -------------------------------------------------------------------------------------------
cat >named.conf <<END
options { directory "$home"; listen-on port 53 { $address; }; listen-on-v6 { none; }; pid-file none;
  session-keyfile "$home/session.key"; recursion no; managed-keys-directory "$home"; version "9.moon"; };
controls { };
zone "moon.example" { type master; file "$home/moon.zone"; allow-transfer { any; }; };
END
cat >moon.zone <<'END'
$TTL 300
@ IN SOA ns.moon.example. admin.moon.example. ( 1 300 300 300 300 )
@ IN NS ns.moon.example.
ns IN A 127.0.0.1
www IN A 127.0.0.1
_sip._tcp IN SRV 1 1 5060 www.moon.example.
END
named -g -c named.conf -n 1 >named.log 2>&1 &
cat >snmpd.conf <<END
agentaddress udp:$address:161
rocommunity public
rwcommunity private
sysName moon
sysLocation Tranquility
sysContact admin@moon.example
createUser moon MD5 secretsecret DES secretsecret
rouser moon
END
snmpd -f -Lo -C -c "$home/snmpd.conf" -p "$home/snmpd.pid" >snmpd.log 2>&1 &
touch started
wait
