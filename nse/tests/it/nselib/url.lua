local url = require "url"

check("escape", '"a%20b%2Fc~i.j-k_l%C8"', url.escape("a b/c~i.j-k_l\200"))
check("unescape", '"a b+c%zz%4"', url.unescape("a%20b+c%zz%4"))

check("parse", '{"ascii_host"="host.com","authority"="user:pw@Host.com:8080","extension"="b","fragment"="frag",'
  .. '"host"="Host.com","is_folder"=false,"params"="par","password"="pw","path"="/p/a.b","port"=8080,"query"="q=1",'
  .. '"scheme"="http","user"="user","userinfo"="user:pw"}',
  url.parse("HTTP://user:pw@Host.com:8080/p/a.b;par?q=1#frag"))
check("parse IPv6", '"[::1]" 80', url.parse("http://[::1]:80/").host, url.parse("http://[::1]:80/").port)
check("parse IPv6 without port", '"[::1]" nil', url.parse("http://[::1]/").host, url.parse("http://[::1]/").port)
check("parse query at once", '"h" "q"', url.parse("http://h?q").host, url.parse("http://h?q").query)
check("parse empty port", '"h" nil', url.parse("http://h:/").host, url.parse("http://h:/").port)
check("parse default", '"d" "http"', url.parse("/x", { host = "d", scheme = "http" }).host,
  url.parse("/x", { scheme = "http" }).scheme)
-- RFC 3492, 7.1 (B), (I) and the usual example.
check("punycode", '"xn--bcher-kva.example"', url.ascii_hostname("b\u{fc}cher.example"))
check("punycode vectors", '"xn--ihqwcrb4cv8a8dqg056pqjye" "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"',
  url.ascii_hostname("\u{4ed6}\u{4eec}\u{4e3a}\u{4ec0}\u{4e48}\u{4e0d}\u{8bf4}\u{4e2d}\u{6587}"),
  url.ascii_hostname("\u{43f}\u{43e}\u{447}\u{435}\u{43c}\u{443}\u{436}\u{435}\u{43e}\u{43d}\u{438}\u{43d}\u{435}\u{433}"
    .. "\u{43e}\u{432}\u{43e}\u{440}\u{44f}\u{442}\u{43f}\u{43e}\u{440}\u{443}\u{441}\u{441}\u{43a}\u{438}"))
check("bad UTF-8", "nil", url.ascii_hostname("\255"))

-- RFC 3986, 5.4.
local base = "http://a/b/c/d;p?q"
for _, case in ipairs({
  { "g:h", "g:h" }, { "g", "http://a/b/c/g" }, { "./g", "http://a/b/c/g" }, { "g/", "http://a/b/c/g/" },
  { "/g", "http://a/g" }, { "//g", "http://g" }, { "?y", "http://a/b/c/d;p?y" }, { "g?y", "http://a/b/c/g?y" },
  { "#s", "http://a/b/c/d;p?q#s" }, { "g#s", "http://a/b/c/g#s" }, { "g?y#s", "http://a/b/c/g?y#s" },
  { ";x", "http://a/b/c/;x" }, { "g;x", "http://a/b/c/g;x" }, { "g;x?y#s", "http://a/b/c/g;x?y#s" },
  { "", "http://a/b/c/d;p?q" }, { ".", "http://a/b/c/" }, { "./", "http://a/b/c/" }, { "..", "http://a/b/" },
  { "../", "http://a/b/" }, { "../g", "http://a/b/g" }, { "../..", "http://a/" }, { "../../", "http://a/" },
  { "../../g", "http://a/g" }, { "../../../g", "http://a/g" }, { "../../../../g", "http://a/g" },
  { "/./g", "http://a/g" }, { "/../g", "http://a/g" }, { "g.", "http://a/b/c/g." }, { ".g", "http://a/b/c/.g" },
  { "g..", "http://a/b/c/g.." }, { "..g", "http://a/b/c/..g" }, { "./../g", "http://a/b/g" },
  { "./g/.", "http://a/b/c/g/" }, { "g/./h", "http://a/b/c/g/h" }, { "g/../h", "http://a/b/c/h" },
  { "g?y/./x", "http://a/b/c/g?y/./x" }, { "g#s/../x", "http://a/b/c/g#s/../x" },
}) do
  check("absolute " .. case[1], string.format("%q", case[2]), url.absolute(base, case[1]))
end
check("absolute without path", '"http://h/d"', url.absolute("http://h", "d"))
check("absolute paths", '"/a/c"', url.absolute("/a/b", "c"))
check("double slashes stay", '"http://a/b//d"', url.absolute("http://a/b//c", "d"))

check("build", '"http://u:p@h:8080/p?q=1#f" "/x" "http://[::1]/"',
  url.build({ scheme = "http", host = "h", port = 8080, user = "u", password = "p", path = "/p", query = "q=1",
    fragment = "f" }), url.build({ path = "/x" }), url.build({ scheme = "http", host = "::1", path = "/" }))
check("build encodes", '"http://h/a%20b%C3%A9%41"', url.build({ scheme = "http", host = "h", path = "/a b\u{e9}%41" }))
for _, text in ipairs({ "http://u:p@h:1/a/b.c;d?e#f", "https://h/", "//h/x", "/x?y", "mailto:a@b", "http://[::1]:8/" }) do
  check("parse and build", string.format("%q", text), url.build(url.parse(text)))
end

check("parse_query", '{"a"="2","b"=" +x","c"="","d"="<"}', url.parse_query("a=1&a=2&b=%20+x&amp;c&d=&lt;"))
check("build_query", '"a=x%20y%26z&b=1"', url.build_query({ b = 1, a = "x y&z" }))
check("parse_path", '{"is_absolute"=1,"is_directory"=1,1="a",2="b c"}' , url.parse_path("/a/b%20c/"))
check("build_path", '"/a/b%20c/" "a/b c" "a%2Fb"', url.build_path({ is_absolute = 1, is_directory = 1, "a", "b c" }),
  url.build_path({ "a", "b c" }, true), url.build_path({ "a/b" }))
check("ports", '443 nil "http" "https"', url.get_default_port("HTTPS"), url.get_default_port("ftp"),
  url.get_default_scheme(80), url.get_default_scheme({ number = 443 }))
