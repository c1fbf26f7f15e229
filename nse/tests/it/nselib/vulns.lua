nmap.registry.args = {}
local vulns = require "vulns"

local function vuln (state)
  return {
    title = "A weakness", state = state, IDS = { BID = "1", CVE = { "CVE-2000-0001", "CVE-2000-0002" } },
    risk_factor = "High", scores = { CVSSv2 = "9.3" }, description = "One\ntwo\n", check_results = { "seen" },
    dates = { disclosure = { year = 2000, month = 1, day = 2 } }, references = { "http://example.com/" },
  }
end

local report = vulns.Report:new("test", { ip = "192.0.2.1" }, { number = 80 })
local out, text = report:make_output(vuln(vulns.STATE.VULN), vuln(vulns.STATE.NOT_VULN))
-- The line that ends the description is empty but for its indent, which `INDENT` stands for.
equal(text, ([[

  VULNERABLE:
  A weakness
    State: VULNERABLE
    IDs:  CVE:CVE-2000-0001  CVE:CVE-2000-0002  BID:1
    Risk factor: High  CVSSv2: 9.3
      One
      two
INDENT
    Disclosure date: 2000-1-2
    Check results:
      seen
    References:
      http://example.com/
      https://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2000-0001
      https://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2000-0002
      https://www.securityfocus.com/bid/1
]]):gsub("INDENT", (" "):rep(6), 1), "report")
check("structured", '"A weakness" "VULNERABLE" "2000-1-2" {1="seen"}', out["CVE-2000-0001"].title,
  out["CVE-2000-0001"].state, out["CVE-2000-0001"].disclosure, out["CVE-2000-0001"].check_results)

-- Descriptions and results of checks are indented line by line; more is as the script has it.
local long = vuln(vulns.STATE.EXPLOIT)
long.check_results, long.extra_info, long.IDS, long.references, long.dates = "a\nb", "c\nd", nil, nil, nil
check("lines of results", [["\
  VULNERABLE:\
  A weakness\
    State: VULNERABLE (Exploitable)\
    Risk factor: High  CVSSv2: 9.3\
      One\
      two\
      \
    Check results:\
      a\
      b\
    Extra information:\
      c\
  d\
"]], select(2, vulns.Report:new("t"):make_output(long)))

check("nothing found", "nil", (vulns.Report:new("t"):make_output(vuln(vulns.STATE.NOT_VULN))))
check("without title", "0", vulns.Report:new("t"):add_vulns({ state = 4 }, "x"))
nmap.registry.args = { ["vulns.showall"] = "1" }
check("all shown", [["\
  NOT VULNERABLE:\
  A weakness\
    State: NOT VULNERABLE\
"]], select(2, vulns.Report:new("t"):make_output(vuln(vulns.STATE.NOT_VULN))))
nmap.registry.args = { ["vulns.short"] = "1" }
check("short", [["\
  CVE-2000-0001 CVE-2000-0002 1 LIKELY VULNERABLE\
"]], select(2, vulns.Report:new("t"):make_output(vuln(vulns.STATE.LIKELY_VULN))))
nmap.registry.args = {}

check("links", '"https://www.securityfocus.com/bid/7" nil true false "x-1"', vulns.get_popular_link("BID", "7"),
  vulns.get_popular_link("X", "1"), vulns.register_popular_id("X", function (id) return "x-" .. id end),
  vulns.register_popular_id("X", print), vulns.get_popular_link("X", "1"))

local fid = vulns.save_reports(function (one) return one.state & vulns.STATE.VULN ~= 0 end)
check("ids", "1", vulns.add_ids(fid, { CVE = "CVE-2000-0002" }))
check("kept", "true false", vulns.add("s", vuln(vulns.STATE.VULN)), vulns.add("s", vuln(vulns.STATE.NOT_VULN)))
check("found", "1 nil true true", #vulns.find(fid), vulns.find(fid, { state = vulns.STATE.NOT_VULN }),
  vulns.lookup_id(fid, "CVE", "CVE-2000-0002"), vulns.get_ids(fid)[1].found)
check("all of a store", '"A weakness"', select(1, vulns.make_output(fid))["CVE-2000-0001"].title)
