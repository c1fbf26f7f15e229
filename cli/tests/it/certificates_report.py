# The results of ssl-cert in an XML report, in a form that can be compared: a line for each port and each element, those
# of a table in the order of their keys, which Lua's tables do not have.
import sys
import xml.etree.ElementTree as tree


def show(element, path):
    lines = []
    for position, child in enumerate(element):
        inner = path + "/" + child.get("key", str(position))
        lines += show(child, inner) if child.tag == "table" else [inner + "=" + repr(child.text or "")]
    return sorted(lines) or [path + "/"]


for port in tree.parse(sys.argv[1]).iter("port"):
    for script in port.iter("script"):
        print(port.get("portid"), "output", repr(script.get("output")))
        for line in show(script, ""):
            print(port.get("portid"), line)
