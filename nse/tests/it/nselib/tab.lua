local tab = require "tab"

local t = tab.new()
tab.addrow(t, "port", "service", "note")
tab.addrow(t, 21, "ftp")
tab.add(t, 2, "x")
tab.nextrow(t)
equal(tab.dump(t), "port  service  note\n21    ftp\n      x\n", "rows and columns")
equal(tostring(t), tab.dump(t), "tostring")
equal(tab.dump(tab.new()), "", "empty")
tab.nextrow(t)
tab.add(t, 1, nil)
equal(tab.dump(t), "port  service  note\n21    ftp\n      x\n\nnil\n", "an empty row, and a row that is not ended")
