-- Without closing, finalisers don't run; `false` is a failure.
keep = setmetatable({}, { __gc = function() print("finalised") end })
io.write("no newline at the end")
os.exit(false)
