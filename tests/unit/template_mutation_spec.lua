-- Damaged templates: whatever is wrong with one, the answer is a plan or an error object, never a raised
-- Lua error. The damage is random but the same in every run.
local template = require "aci.template"
local errors = require "aci.error"
local json = require "aci.json"
local fs = require "aci.fs"

local text = assert(fs.read "scripts/templates/acihost.json")

-- As JSON, so that every one put in is a new one.
local values = {
   "1", "-1", "2.5", "true", "false", "null", '""', '"x"', '"["', '"[]"', '"[[x]"', '"a/b"', '"/"', "{}",
      "[]", "[1]",
   '"Microsoft.Resources/deployments"', [["[parameters('tags')]"]], [["[reference('x')]"]], '"[copyIndex()]"',
   '"[null()]"', '"[createArray()]"', [["[json('{}')]"]], '"[resourceGroup()]"', [["[listKeys('a', 'b')]"]],
   '"[map(1, 2)]"', [["[lambda('x', 1)]"]], '{"name": "l", "count": 3}',
   '{"copy": [{"name": "a", "count": 2, "input": "x"}]}',
}

local names = {}
for name in ("copy condition dependsOn type name scope value resources properties apiVersion location "
   .. "defaultValue "
   .. "allowedValues minLength maxValue languageVersion functions outputs parameters template mode input "
   .. "count "
   .. "existing $ref identity nullable x"):gmatch "%S+" do
   names[#names + 1] = name
end

-- A small generator of our own: math.random's state belongs to others.
local state = 1
local function random(n)
   state = (state * 6364136223846793005 + 1442695040888963407) & math.maxinteger
   return (state >> 33) % n + 1
end

local function members(container, out)
   local keys = {}
   for key in pairs(container) do
      keys[#keys + 1] = key
   end
   table.sort(keys)
   for _, key in ipairs(keys) do
      out[#out + 1] = { container, key }
      if type(container[key]) == "table" then
         members(container[key], out)
      end
   end
   return out
end

local function damage(tpl)
   local all = members(tpl, {})
   local container, key = table.unpack(all[random(#all)])
   local how, v = random(3), json.decode(values[random(#values)])
   if how == 1 then
      container[key] = v
   elseif how == 2 and not json.is_array(container) then
      container[names[random(#names)]] = v
   elseif not json.is_array(container) then
      container[key] = nil
   end
end

local options = {
   subscription = "s", tenant = "t", resource_group = { name = "g", location = "l" },
   parameters = template.arguments { keyvaultname = "kvx", ["prefect-api-url"] = "u", testsecret = "t" },
   reference = function() return { principalId = "p" } end, list = function() return {} end,
}

local function is_answer(result, err)
   return result ~= nil or (errors.is(err, "invalid") and type(err.code) == "string")
end

local function carried_out(tpl)
   local plan, err = template.evaluate(tpl, options)
   assert.is_true(is_answer(plan, err))
   for i in ipairs(plan and plan.resources or {}) do
      assert.is_true(is_answer(plan:resource(i)))
   end
   assert.is_true(plan == nil or is_answer(plan:outputs()))
   return plan ~= nil
end

describe("a damaged template", function()
   it("is answered, not raised about", function()
      local whole = 0
      for _ = 1, 400 do
         local tpl = assert(template.read(text))
         for _ = 1, random(4) do
            damage(tpl)
         end
         whole = whole + (carried_out(tpl) and 1 or 0)
      end
      assert.is_true(whole > 40 and whole < 360, tostring(whole))
   end)
end)
