---@meta nmap
-- The scanner as scripts see it.

---@class nmaplib
---@field registry { args: table<string|integer, any>, [any]: any } For what scripts tell one another.
---@field socket nmap.socketlib
---@field dnet nmap.dnetlib
nmap = {}

---@class nmap.socketlib
local socketlib = {}
---@class nmap.dnetlib
local dnetlib = {}

---What a failed operation says: `TIMEOUT`, `EOF`, `ERROR`, `CANCELLED`, `PROXY ERROR`, or a sentence.
---@alias nmap.Status string

-- Levels and options ------------------------------------------------------------------------------------------------

---The level of `-d`.
---@return integer
function nmap.debugging() end

---The level of `-v`; one more in a script that the user named.
---@return integer
function nmap.verbosity() end

---How thoroughly services are probed, 0 to 9.
---@return integer
function nmap.version_intensity() end

---The timing template, 0 to 5.
---@return integer
function nmap.timing_level() end

---Whether raw sockets may be used.
---@return boolean
function nmap.is_privileged() end

---The family of the scan.
---@return "inet"|"inet6"
function nmap.address_family() end

---Whether sockets can speak TLS.
---@return boolean
function nmap.have_ssl() end

---The interface that the user chose.
---@return string?
function nmap.get_interface() end

---The time to live of packets.
---@return integer
function nmap.get_ttl() end

---The length of the data that packets carry.
---@return integer
function nmap.get_payload_length() end

---The servers that names are asked of.
---@return string[]
function nmap.get_dns_servers() end

-- Time, chance, messages --------------------------------------------------------------------------------------------

---Seconds since 1970, with fractions.
---@return number
function nmap.clock() end

---Milliseconds since 1970.
---@return number
function nmap.clock_ms() end

---Random bytes.
---@param count integer
---@return string
function nmap.get_random_bytes(count) end

---Prints a line for the user.
---@param where "stdout"|"stderr"
---@param text string
function nmap.log_write(where, text) end

-- Files, names, interfaces, targets ---------------------------------------------------------------------------------

---The path of a data file, or nil.
---@param name string
---@return string? path
function nmap.fetchfile(name) end

---Looks up a name's addresses.
---@param host string
---@param family? "inet"|"inet6"|"unspec"
---@return boolean status
---@return string[]|string addresses Or what went wrong.
function nmap.resolve(host, family) end

---@class nmap.Interface
---@field device string
---@field shortname string
---@field netmask integer Bits of the prefix.
---@field address? string
---@field link "ethernet"|"loopback"|"p2p"|"other"
---@field mac? string Six bytes.
---@field broadcast? string
---@field up "up"|"down"
---@field mtu integer

---The interfaces, one entry for each address.
---@return nmap.Interface[]|false interfaces
---@return string? message
function nmap.list_interfaces() end

---An interface by its name; an error when there is none.
---@param name string
---@return nmap.Interface
function nmap.get_interface_info(name) end

---Adds targets to those of the scan; without any, says how many are waiting.
---@param ... string
---@return integer count
---@return string? message
function nmap.add_targets(...) end

---How many targets scripts have added.
---@return integer
function nmap.new_targets_num() end

-- Ports -------------------------------------------------------------------------------------------------------------

---A port as the scan knows it now.
---@param host Host
---@param port Port|{ number: integer, protocol: nse.Protocol }
---@return Port?
function nmap.get_port_state(host, port) end

---The next port of a state, from the first one when `previous` is nil.
---@param host Host
---@param previous? Port
---@param protocol nse.Protocol
---@param state nse.PortState
---@return Port?
function nmap.get_ports(host, previous, protocol, state) end

---Says what state a port is in.
---@param host Host
---@param port Port|{ number: integer, protocol: nse.Protocol }
---@param state "open"|"closed"
function nmap.set_port_state(host, port, state) end

---Says what service is on a port: what `port.version` holds.
---@param host Host
---@param port Port
---@param state? "hardmatched"|"softmatched"|"nomatch"|"tcpwrapped"|"incomplete"
function nmap.set_port_version(host, port, state) end

---Whether version detection leaves a port alone.
---@param number integer
---@param protocol nse.Protocol
---@return boolean
function nmap.port_is_excluded(number, protocol) end

-- Threads -----------------------------------------------------------------------------------------------------------

---Makes a function that passes on what follows a true status, and ends the script after a false one.
---@param handler? fun() Called before the script ends, to close sockets.
---@return fun(status: any, ...: any): ...: any
function nmap.new_try(handler) end

---A mutex for an object: the same one for all scripts.
---@param object table|string|function|userdata|thread
---@return fun(operation: "lock"|"trylock"|"done"|"running"): any
function nmap.mutex(object) end

---A condition variable for an object: the same one for all scripts.
---@param object table|string|function|userdata|thread
---@return fun(operation: "wait"|"signal"|"broadcast")
function nmap.condvar(object) end

-- Sockets -----------------------------------------------------------------------------------------------------------

---A socket. An operation that fails gives nil or false, and why.
---@class Socket
local Socket = {}

---A socket that is not yet connected.
---@param protocol? "tcp"|"udp"
---@param family? "inet"|"inet6"
---@return Socket
function nmap.new_socket(protocol, family) end
socketlib.new = nmap.new_socket

---Connects; with `ssl`, speaks TLS from the start.
---@param host Host|string|{ ip?: string, targetname?: string }
---@param port Port|number|{ number: integer, protocol?: string }
---@param protocol? "tcp"|"udp"|"ssl"
---@return boolean? status
---@return nmap.Status? message
function Socket:connect(host, port, protocol) end

---Speaks TLS from here on.
---@return boolean? status
---@return nmap.Status? message
function Socket:reconnect_ssl() end

---@param data string
---@return boolean? status
---@return nmap.Status? message
function Socket:send(data) end

---Sends a datagram without being connected.
---@param host Host|string
---@param port Port|number
---@param data string
---@return boolean? status
---@return nmap.Status? message
function Socket:sendto(host, port, data) end

---Whatever arrives first.
---@return boolean? status
---@return string data Or why there is none.
function Socket:receive() end

---At least so many bytes, unless the peer ends or the time is over.
---@param count integer
---@return boolean? status
---@return string data Or why there is none.
function Socket:receive_bytes(count) end

---At least so many lines, unless the peer ends or the time is over.
---@param count integer
---@return boolean? status
---@return string data Or why there is none.
function Socket:receive_lines(count) end

---What comes before a delimiter; the rest is kept for the next call.
---@param delimiter string|fun(buffer: string): integer?, integer? A pattern, or what finds the delimiter's first and last byte.
---@param keep boolean Whether the delimiter is part of the result.
---@return boolean? status
---@return string data Or why there is none.
function Socket:receive_buf(delimiter, keep) end

---@return boolean status
---@return nmap.Status? message
function Socket:close() end

---Both ends of the connection.
---@return boolean status
---@return string local_address Or what went wrong.
---@return integer local_port
---@return string address
---@return integer port
function Socket:get_info() end

---@param milliseconds integer How long operations wait; -1 for ever.
function Socket:set_timeout(milliseconds) end

---Chooses our end before connecting.
---@param address? string
---@param port? integer
---@return boolean? status
---@return string? message
function Socket:bind(address, port) end

---The certificate of a peer that speaks TLS; an error when it does not.
---@return Certificate?
function Socket:get_ssl_certificate() end

---Captures packets.
---@param device string
---@param length integer Bytes to keep of each.
---@param promiscuous boolean
---@param filter string
function Socket:pcap_open(device, length, promiscuous, filter) end

---@return boolean? status
---@return integer|string length Of the whole packet, or why there is none.
---@return string link Its link header.
---@return string packet
---@return number time Seconds since 1970.
function Socket:pcap_receive() end

---@return boolean status
---@return string? message
function Socket:pcap_close() end

---Suspends the script.
---@param seconds number
function socketlib.sleep(seconds) end

---The engine's own: lets time pass.
---@param milliseconds integer
function socketlib.loop(milliseconds) end

---How many sockets are in use.
---@return any
function socketlib.get_stats() end

---A certificate from its DER form.
---@param der string
---@return Certificate?
---@return string? message
function socketlib.parse_ssl_certificate(der) end

---@class Certificate
---@field subject table<string|string[], string>
---@field issuer table<string|string[], string>
---@field sig_algorithm string
---@field validity { notBefore: osdate|string, notAfter: osdate|string }
---@field pem string
---@field extensions? { name: string, value?: string, critical?: true, error?: true }[]
---@field pubkey { type: string, bits: integer, exponent?: Bignum, modulus?: Bignum, ecdhparams?: table }
local Certificate = {}

---@param algorithm string
---@return string? digest Raw bytes.
function Certificate:digest(algorithm) end

-- Raw packets -------------------------------------------------------------------------------------------------------

---@class Dnet
local Dnet = {}

---An object that sends frames and packets.
---@return Dnet
function nmap.new_dnet() end
dnetlib.new = nmap.new_dnet
dnetlib.get_interface_info = nmap.get_interface_info

---@param device string
---@return boolean
function Dnet:ethernet_open(device) end

---@param frame string
---@return boolean status
---@return string? message
function Dnet:ethernet_send(frame) end

---@return boolean
function Dnet:ethernet_close() end

---@return boolean
function Dnet:ip_open() end

---@param packet string With its header.
---@param destination? Host|string
---@return boolean status
---@return string? message
function Dnet:ip_send(packet, destination) end

---@return boolean
function Dnet:ip_close() end

nmap.socket = socketlib
nmap.dnet = dnetlib

return nmap
