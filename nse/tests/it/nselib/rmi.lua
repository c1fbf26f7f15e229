local rmi = require "rmi"

local function reader (data)
  return rmi.JavaDIS:new(function (count)
    if #data < count then return nil end
    local piece = data:sub(1, count)
    data = data:sub(count + 1)
    return piece
  end)
end

equal(rmi.flagsToString(3), " SC_WRITE_METHOD SC_SERIALIZABLE")
check("names", '"TC_STRING" "Unknown code: 99"', rmi.tcString(0x74), rmi.tcString(0x99))
equal(reader("\x74\0\4moon"):readObject(), "moon")
check("null", "nil", reader("\x70"):readObject())

-- The example of the serialization specification, 6.4.2: two objects of class List { int value; List next; }.
local stream = "\x73\x72\0\4List\x69\xc8\x8a\x15\x40\x16\xae\x68\2\0\2I\0\5valueL\0\4next\x74\0\6LList;\x78\x70\0\0\0\x11\x73\x71\0\x7e\0\0\0\0\0\x13\x70"
local list = reader(stream):readObject()
check("object", '"List" 17 19 nil', list:getName(), list:getFieldByName("value").value,
  list:getFieldByName("next").value:getFieldByName("value").value, list:getFieldByName("next").value:getFieldByName("next").value)
equal(list:toTable(), { "List", "fields", { { "I value", { "17" } },
  { "LList; next", { "List", "fields", { { "I value", { "19" } }, { "LList; next" } } } } } })
for cut = 0, #stream - 1 do raises("cut off", function () reader(stream:sub(1, cut)):readObject() end) end

local array = reader("\x75\x72\0\x13[Ljava.lang.String;\xad\xd2\x56\xe7\xe9\x1d\x7b\x47\2\0\0\x78\x70\0\0\0\2\x74\0\1a\x71\0\x7e\0\2"):readObject()
equal(array:getValues(), { "a", "a" })
raises("a reference to nothing", function () reader("\x71\0\x7e\0\9"):readObject() end)
raises("too many items", function () reader("\x75\x72\0\2[I\0\0\0\0\0\0\0\0\2\0\0\x78\x70\x7f\xff\xff\xff"):readObject() end)
raises("an unknown part", function () reader("\x60"):readObject() end)
-- Classes that extend each other without end.
raises("nested too deeply", function () reader("\x73" .. ("\x72\0\1A\0\0\0\0\0\0\0\0\2\0\0\x78"):rep(200)):readObject() end)

local arguments = rmi.Arguments:new()
arguments:addString("moon")
arguments:addRaw("\x70")
equal(arguments:getData(), "\x74\0\4moon\x70")
