for i = 1, 10 do print(i) end
for i = 10, 1, -2 do print(i) end
for k, v in pairs(t) do print(k, v) end
for line in next, {} do goto continue; ::continue:: end
