nmap.registry.args = { "newtargets", ["max-newtargets"] = "3" }
local target = require "target"

check("allowed", "true", target.ALLOW_NEW_TARGETS)
check("added", "true 2", target.add("192.0.2.1", "192.0.2.2"))
check("up to the limit", "true 1", target.add("192.0.2.3", "192.0.2.4"))
check("beyond the limit", 'false "Maximum new targets reached, no more new targets."', target.add("192.0.2.5"))
check("waiting", "true 3", target.add())
target.ALLOW_NEW_TARGETS = false
check("not allowed", "false", (target.add("192.0.2.9")))
