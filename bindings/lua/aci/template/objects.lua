-- createObject, items, objectKeys, shallowMerge, json, null, tryGet.
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"
local reader = require "aci.template.reader"
local text = require "aci.template.text"
local value = require "aci.template.value"

local objects = {}

objects.createObject = { min = 0, run = function(args, call)
   if args.n % 2 ~= 0 then
      expect.raise(call, "expects an even number of parameters. The function was invoked with '%d' "
         .. "parameter(s).",
         args.n)
   end
   local object = {}
   for i = 1, args.n, 2 do
      value.put(object, expect.type(call, args[i], "String"), args[i + 1])
   end
   return object
end }

-- A stable sort of our own: table.sort is not stable and refuses inconsistent orders.
local function sorted(names)
   local out = {}
   for _, name in ipairs(names) do
      local at = #out + 1
      while at > 1 and text.compare(name, out[at - 1]) < 0 do
         at = at - 1
      end
      table.insert(out, at, name)
   end
   return out
end

objects.items = { min = 1, max = 1, run = function(args, call)
   local object, list = expect.type(call, args[1], "Object"), value.array {}
   for _, name in ipairs(sorted(value.names(object))) do
      list[#list + 1] = value.object("key", name, "value", object[name])
   end
   return list
end }

objects.objectKeys = { min = 1, max = 1, run = function(args, call)
   return value.array(value.names(expect.type(call, args[1], "Object")))
end }

objects.shallowMerge = { min = 1, max = 1, run = function(args, call)
   local merged = {}
   for _, object in ipairs(expect.type(call, args[1], "Array")) do
      for name, v in value.members(expect.type(call, object, "Object")) do
         local _, stored = value.member(merged, name)
         value.put(merged, stored or name, v)
      end
   end
   return merged
end }

objects.json = { min = 1, max = 1, run = function(args, call)
   return reader.json(expect.type(call, args[1], "String"), call)
end }

objects.null = { min = 0, max = 0, run = function() return value.null end }

local function step(base, key)
   if value.is_object(base) and type(key) == "string" then
      return value.member(base, key)
   elseif value.is_array(base) and math.type(key) == "integer" then
      return key >= 0 and base[key + 1] or nil
   elseif base == value.null then
      return nil
   end
   fault.raise("The language expression property '%s' can't be evaluated.", value.text(key) or "")
end

-- Only the first step may be missing in Bicep's `a.?b.c`, yet then the whole result is null.
objects.tryGet = { min = 2, run = function(args)
   local v = args[1]
   for i = 2, args.n do
      v = step(v, args[i])
      if v == nil or v == value.null then
         return value.null
      end
   end
   return v
end }

return objects
