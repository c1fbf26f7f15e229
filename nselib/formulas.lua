---
-- Statistics: mean, deviation, median, entropy and a test for randomness.
--
-- @copyright MIT OR Apache-2.0

local math = require "math"
local stdnse = require "stdnse"
local string = require "string"
local table = require "table"
_ENV = stdnse.module("formulas", stdnse.seeall)

-- How many characters there are to choose from, for each class of which a password has one.
local CLASSES = { { "%l", 26 }, { "%u", 26 }, { "%d", 10 }, { "[^%w]", 33 } }

--- Estimates the strength of a password from its length and the classes of its characters.
-- @param value The password.
-- @return Bits of entropy, rounded down.
function calcPwdEntropy (value)
  local choices = 0
  for _, class in ipairs(CLASSES) do
    if string.find(value, class[1]) then choices = choices + class[2] end
  end
  if choices == 0 then return 0 end
  return math.floor(#value * math.log(choices, 2))
end

-- Below this many bits the test says little.
local BITS_MIN = 128

--- Tells whether bytes look as if they were random: as many ones as zeros, and no fewer and no more changes between
-- them than chance makes (the tests "monobit" and "runs" of NIST SP 800-22, at a level of 1 in 1000).
-- @param data The bytes.
-- @return True or false. Fewer than 16 bytes never look random.
function looksRandom (data)
  local count = #data * 8
  if count < BITS_MIN then return false end
  local ones, runs, previous = 0, 1, nil
  for i = 1, #data do
    local byte = string.byte(data, i)
    for shift = 7, 0, -1 do
      local bit = byte >> shift & 1
      ones = ones + bit
      if previous and bit ~= previous then runs = runs + 1 end
      previous = bit
    end
  end
  -- Both statistics are normal with deviation 1 for random bits; 3.29 deviations are exceeded once in a thousand.
  local share = ones / count
  if math.abs(2 * ones - count) / math.sqrt(count) > 3.29 then return false end
  local expected = 2 * count * share * (1 - share)
  return math.abs(runs - expected) / (2 * math.sqrt(count) * share * (1 - share)) <= 3.29
end

--- Mean and deviation of numbers.
-- @param t The numbers.
-- @return The mean, nil of nothing.
-- @return The standard deviation of a sample, 0 of one number.
function mean_stddev (t)
  local count = #t
  if count == 0 then return nil, nil end
  local sum = 0
  for _, value in ipairs(t) do sum = sum + value end
  local mean = sum / count
  if count == 1 then return mean, 0 end
  local squares = 0
  for _, value in ipairs(t) do squares = squares + (value - mean) ^ 2 end
  return mean, math.sqrt(squares / (count - 1))
end

--- The number at a place of the sorted list.
-- @param t The numbers; the list stays as it is.
-- @param k The place, from 1.
-- @return The number, nil beyond the ends.
function quickselect (t, k)
  local sorted = table.move(t, 1, #t, 1, {})
  table.sort(sorted)
  return sorted[k]
end

--- The number in the middle of the sorted list, the lower one of two.
-- @param t The numbers.
-- @return The median, nil of nothing.
function median (t) return quickselect(t, (#t + 1) // 2) end

return _ENV
