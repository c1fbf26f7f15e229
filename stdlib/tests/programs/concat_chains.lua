local t = {} for i = 1, 50 do t[#t + 1] = "n" .. i .. ":" .. i * 1.5 .. ";" end
print(table.concat(t):len()) local s = "" for i = 1, 100 do s = s .. i end
print(#s, s:sub(1, 20))
print("a" .. "b" .. "c" .. 1 .. 2 .. 3.0 .. "d", 1 .. 2 == "12", "x" .. (1 + 2) .. "y") local a, b = "left", "right" print(a .. " " .. b .. " " .. a .. " " .. b, (a .. b):upper()) local long = ("y"):rep(100)
print(#(long .. long .. "z"), (long .. "1") == (long .. "1"), long .. "a" < long .. "b")
print(#("" .. ""), "" .. "x", ("\0" .. "\0"):len())
local keys = {} keys[("k"):rep(60)] = 1 keys["k" .. ("k"):rep(59)] = 2 local n = 0 for _ in pairs(keys) do n = n + 1 end
print(n, keys[("k"):rep(60)])
