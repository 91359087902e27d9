local secret = require "aci.secret"

describe("aci.secret", function()
   it("keeps its bytes, NULs too, and shows them only when asked", function()
      local s = secret.new("a\0b")
      assert.equal(3, #s)
      assert.equal("<secret>", tostring(s))
      assert.equal("a\0b", secret.reveal(s))
      assert.equal("", secret.reveal(secret.new("")))
   end)

   it("does not show its bytes in formats, errors and concatenations", function()
      local s = secret.new("hunter2")
      assert.equal("<secret>", ("%s"):format(s))
      local _, err = pcall(function() return s + 1 end)
      assert.is_nil(tostring(err):find("hunter2", 1, true))
      local joined = "Bearer " .. s .. "!"
      assert.is_true(secret.is(joined))
      assert.equal("Bearer hunter2!", secret.reveal(joined))
   end)

   it("tells secrets from everything else", function()
      assert.is_true(secret.is(secret.new("x")))
      for _, value in ipairs { "x", 1, {}, io.stdout, print } do
         assert.is_false(secret.is(value))
      end
      assert.is_false(secret.is(nil))
   end)

   it("compares bytes", function()
      local a, b = secret.new("same"), secret.new("same")
      assert.is_true(a == b)
      assert.is_true(secret.equal(a, "same"))
      assert.is_false(secret.equal(a, "Same"))
      assert.is_false(secret.equal(a, "same "))
      assert.is_false(secret.new("") == a)
      assert.is_true(secret.equal("", ""))
   end)

   it("is itself when made of a secret", function()
      local s = secret.new("x")
      assert.is_true(rawequal(s, secret.new(s)))
   end)

   it("refuses other values, without showing secrets", function()
      assert.has_error(function() secret.new(12) end)
      assert.has_error(function() secret.reveal("plain") end)
      assert.has_error(function() return secret.new("x") .. {} end)
   end)

   it("cannot have its metatable taken", function()
      assert.is_false(getmetatable(secret.new("x")))
   end)
end)
