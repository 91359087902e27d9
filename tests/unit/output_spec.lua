-- Following a container's output without a cursor: nothing lost, nothing twice.
local errors = require "aci.error"
local output = require "aci.azure.output"

local function line(second, text) return ("2026-11-24T10:00:%09.6fZ %s"):format(second, text) end

--- An ARM client whose container has written `lines`; remembers what was asked.
local function fake()
   local self = { lines = {}, asked = {} }
   function self.address(_, path, _, query)
      self.asked[#self.asked + 1] = query.tail
      return path
   end
   function self.send()
      if self.refusal then error(errors.new { kind = "not_found", code = self.refusal, message = "no" }, 0) end
      local count = self.asked[#self.asked]
      local shown = table.move(self.lines, math.max(1, #self.lines - count + 1), #self.lines, 1, {})
      return { data = { content = #shown > 0 and table.concat(shown, "\n") .. "\n" or "" } }
   end
   return self
end

local function texts(lines)
   local found = {}
   for i, each in ipairs(lines) do found[i] = each.text end
   return table.concat(found, " ")
end

describe("aci.azure.output", function()
   local az, tail
   before_each(function()
      az = fake()
      tail = output.tail(az, "/groups/g", "main")
   end)

   local function write(...)
      for _, each in ipairs { ... } do az.lines[#az.lines + 1] = line(#az.lines, each) end
   end

   it("gives each line once", function()
      write("a", "b")
      local lines = tail:lines()
      assert.equal("a b", texts(lines))
      assert.equal("2026-11-24T10:00:00.000000Z", lines[1].time)
      assert.equal("", texts(tail:lines()))
      write("c")
      assert.equal("c", texts(tail:lines()))
   end)

   it("tells lines apart that were written at one time with one text", function()
      local same = line(1, "x")
      az.lines = { line(0, "a"), same, same }
      assert.equal("a x x", texts(tail:lines()))
      az.lines[4] = same
      assert.equal("x", texts(tail:lines()))
      assert.equal("", texts(tail:lines()))
   end)

   it("asks for more where more was written than a look shows", function()
      write "first"
      tail:lines()
      for i = 1, 5000 do write(("l%d"):format(i)) end
      local lines, lost = tail:lines()
      assert.equal(5000, #lines)
      assert.is_false(lost)
      assert.same({ 200, 200, 1600, 12800 }, az.asked)
   end)

   it("finds its place in what is left after the end", function()
      for i = 1, 100 do write(("l%d"):format(i)) end
      tail:lines()
      write("z1", "z2")
      az.lines = table.move(az.lines, 91, 102, 1, {}) -- cut to the last lines
      local lines, lost = tail:lines()
      assert.equal("z1 z2", texts(lines))
      assert.is_false(lost)
   end)

   it("says when lines were lost, and takes all of a log that begins anew", function()
      write("a", "b")
      tail:lines()
      az.lines = { line(40, "c"), line(41, "d") }
      local lines, lost = tail:lines()
      assert.equal("c d", texts(lines))
      assert.is_true(lost)
   end)

   it("begins with the last lines when asked", function()
      write("a", "b", "c")
      tail = output.tail(az, "/groups/g", "main", { tail = 1 })
      assert.equal("c", texts(tail:lines()))
      write "d"
      assert.equal("d", texts(tail:lines()))
      tail = output.tail(az, "/groups/g", "main", { tail = 0 })
      assert.equal("", texts(tail:lines()))
      write "e"
      assert.equal("e", texts(tail:lines()))
   end)

   it("waits for a container that has not begun, and passes on other refusals", function()
      az.refusal = "ContainerLogNotAvailable"
      assert.equal("", texts(tail:lines()))
      az.refusal = "ResourceNotFound"
      assert.has_error(function() tail:lines() end)
   end)
end)
