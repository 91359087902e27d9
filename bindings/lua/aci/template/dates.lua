-- utcNow, dateTimeAdd, dateTimeFromEpoch, dateTimeToEpoch.
local calendar = require "aci.template.calendar"
local expect = require "aci.template.expect"
local fault = require "aci.template.fault"

local dates = {}

local plain = "yyyy-MM-ddTHH:mm:ssZ"

dates.utcNow = { min = 0, max = 1, places = { parameter = true }, run = function(args, call)
   local now = calendar.from_epoch(math.floor(call.scope.root.now()))
   return calendar.format(now, args.n == 1 and expect.type(call, args[1], "String") or "yyyyMMddTHHmmssZ")
end, hint = " The function can only be used in the default value of a parameter." }

local function parse(call, args, i)
   local s = expect.nth(call, args, i, "String")
   return calendar.parse(s) or fault.raise("The template function '%s' has an invalid parameter. The first "
      .. "parameter '%s' is not a valid ISO8601 DateTime string.", call.name, s)
end

dates.dateTimeAdd = { min = 2, max = 3, run = function(args, call)
   local date, text = parse(call, args, 1), expect.nth(call, args, 2, "String")
   local months, seconds = calendar.duration(text)
   if not months then
      fault.raise("The template function '%s' has an invalid parameter. The second parameter '%s' is not a "
         .. "valid ISO8601 Duration string.", call.name, text)
   end
   local spec = args.n == 3 and expect.nth(call, args, 3, "String") or plain
   return calendar.format(calendar.add(date, months, seconds), spec)
end }

dates.dateTimeFromEpoch = { min = 1, max = 1, run = function(args, call)
   return calendar.format(calendar.from_epoch(expect.type(call, args[1], "Integer")), plain)
end }

dates.dateTimeToEpoch = { min = 1, max = 1, run = function(args, call)
   return calendar.to_epoch(parse(call, args, 1))
end }

return dates
