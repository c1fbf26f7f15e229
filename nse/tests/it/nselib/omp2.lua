local omp2 = require "omp2"
local pieces = require "pieces"

local function session (...) return omp2.Session:new(pieces(...)) end

local one = session('<authenticate_response status="200" ', 'status_text="OK"><role>User</role></authenticate_response>')
equal({ one:authenticate("moon", "a<b&c") }, { true })
equal(one.socket.sent[1], "<authenticate><credentials><username>moon</username><password>a&lt;b&amp;c</password></credentials></authenticate>")
equal({ session('<authenticate_response status="400" status_text="Authentication failed"/>'):authenticate("a", "b") },
  { false, "Authentication failed" })
equal({ session():authenticate("a", "b") }, { false, "EOF" })
equal(session('<get_targets_response status="200"><target id="1"><owner><name>admin</name></owner><name>Net</name>'
  .. '<hosts>192.0.2.0/24</hosts></target><target id="2"></target></get_targets_response>'):ls_targets(),
  { { id = "1", name = "Net", hosts = "192.0.2.0/24" } })
check("no accounts", "nil", omp2.get_accounts(host))
omp2.add_account(host, "moon", "secret")
equal(omp2.get_accounts(host), { { username = "moon", password = "secret" } })
