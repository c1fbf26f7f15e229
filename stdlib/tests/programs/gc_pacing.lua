-- Few large strings among many small objects: what they leave behind must not wait for as many steps as there are objects.
collectgarbage("incremental")
local kept = {}
for i = 1, 20000 do
  kept[i] = { i }
end
collectgarbage()
local piece, text, most = ("x"):rep(1 << 20), "", 0
for i = 1, 32 do
  text = text .. piece
  most = math.max(most, collectgarbage("count"))
end
print(#kept, #text >> 20, most < 200 * 1024)
