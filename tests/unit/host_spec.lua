-- The program as a Lua interpreter: these specs run inside it.
describe("the host", function()
   it("is Lua 5.4 with the program's own modules", function()
      assert.equal("Lua 5.4", _VERSION)
      assert.is_function(require("aci.task").spawn)
   end)

   it("finds its modules before those on the path", function()
      package.loaded["aci.error"] = nil
      local _, from = require "aci.error"
      assert.equal(":embedded:", from)
   end)
end)
