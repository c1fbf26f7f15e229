---@meta
-- What a script gets from the engine and gives to it. Fields of tables are there when the scan knows them.

---The path that the script was read from.
---@type string
SCRIPT_PATH = ""
---The script's file name without `.nse`.
---@type string
SCRIPT_NAME = ""
---Which rule the script runs by; only inside functions.
---@type "prerule"|"hostrule"|"portrule"|"postrule"
SCRIPT_TYPE = "portrule"

---What the script does: its first sentence stands in lists.
---@type string
description = ""
---@type string|string[]
author = ""
---@type string
license = ""
---@alias nse.Category "auth"|"broadcast"|"brute"|"default"|"discovery"|"dos"|"exploit"|"external"|"fuzzer"|"intrusive"|"malware"|"safe"|"version"|"vuln"
---@type nse.Category[]
categories = {}
---Scripts that run before this one, if they run at all.
---@type string[]
dependencies = {}

---Whether the script runs once before any host is scanned.
---@type fun(): any
prerule = nil
---Whether the script runs for a host.
---@type fun(host: Host): any
hostrule = nil
---Whether the script runs for a port.
---@type fun(host: Host, port: Port): any
portrule = nil
---Whether the script runs once after all hosts were scanned.
---@type fun(): any
postrule = nil
---The script's work. One result is shown as it is; of two the first is the structure and the second the text.
---@type fun(host?: Host, port?: Port): any, string?
action = nil

---A host at work.
---@class Host
---@field ip string Its address.
---@field name string Its name by reverse lookup, or an empty string.
---@field targetname? string The name that the user gave.
---@field bin_ip string Its address, 4 or 16 bytes.
---@field bin_ip_src? string Our address, 4 or 16 bytes.
---@field interface? string The interface towards it.
---@field interface_mtu integer 0 when it is not known.
---@field directly_connected? boolean
---@field mac_addr? string Six bytes.
---@field mac_addr_next_hop? string Six bytes.
---@field mac_addr_src? string Six bytes.
---@field reason string Why it counts as up.
---@field reason_ttl integer 0 when there is none.
---@field times HostTimes
---@field traceroute? Hop[] By distance, from 1.
---@field os? HostOs[]
---@field os_fp? string
---@field registry table For what scripts of this host tell one another.
---@field _Target any What functions of `nmap` find the host by.

---Times in seconds.
---@class HostTimes
---@field srtt number Smoothed round trip.
---@field rttvar number
---@field timeout number How long an answer is waited for.

---@class Hop
---@field ip? string
---@field name? string
---@field srtt? number Seconds.

---@class HostOs
---@field name string
---@field classes { vendor?: string, osfamily?: string, osgen?: string, type?: string, cpe: string[] }[]

---@alias nse.Protocol "tcp"|"udp"|"sctp"
---@alias nse.PortState "open"|"closed"|"filtered"|"unfiltered"|"open|filtered"|"closed|filtered"

---A port of a host.
---@class Port
---@field number integer
---@field protocol nse.Protocol
---@field state nse.PortState
---@field service? string The name of the service.
---@field reason string Why it is in that state.
---@field reason_ttl integer
---@field version PortVersion

---What is known of the service on a port.
---@class PortVersion
---@field name? string
---@field name_confidence number From 0 to 10.
---@field service_dtype "table"|"probed"
---@field service_tunnel "none"|"ssl"
---@field product? string
---@field version? string
---@field extrainfo? string
---@field hostname? string
---@field ostype? string
---@field devicetype? string
---@field service_fp? string
---@field cpe string[]
