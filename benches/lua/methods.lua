-- Method calls through a class and its parent.
local Account = {}
Account.__index = Account
function Account.new(balance) return setmetatable({ balance = balance }, Account) end
function Account:deposit(v) self.balance = self.balance + v end
function Account:get() return self.balance end
local Savings = setmetatable({}, { __index = Account })
Savings.__index = Savings
function Savings.new(b) return setmetatable({ balance = b, rate = 3 }, Savings) end
function Savings:accrue() self:deposit(self.rate) end
local a, s = Account.new(0), Savings.new(0)
for i = 1, 5000000 do
  a:deposit(i % 3)
  s:accrue()
end
print(a:get(), s:get())
