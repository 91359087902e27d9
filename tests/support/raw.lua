--- Conversations on plain sockets with a server of this process; see raw_client.py.
local fs = require "aci.fs"
local json = require "aci.json"
local process = require "aci.process"

local raw = {}

-- JSON carries text: each byte becomes the character of its number.
local function as_text(step)
   if type(step) ~= "string" then
      return step
   end
   return (step:gsub("[\x80-\xff]", function(byte) return utf8.char(byte:byte()) end))
end

local function as_texts(cases)
   local out = {}
   for index, case in ipairs(cases) do
      local steps = json.array {}
      for at, step in ipairs(case) do
         steps[at] = as_text(step)
      end
      out[index] = steps
   end
   return out
end

--- Holds all conversations at once; an array of {text, dropped, closed, reset}.
function raw.talk(port, cases)
   local folder = assert(fs.tempdir "raw")
   local path = folder .. "/cases.json"
   assert(fs.write(path, json.encode(as_texts(cases))))
   local out = assert(process.run {
      args = { "python3", "tests/support/raw_client.py", tostring(port), path },
      stdout = "pipe", stderr = "inherit",
   })
   fs.remove_tree(folder)
   return assert(json.decode(out.stdout))
end

--- One conversation.
function raw.say(port, ...)
   return raw.talk(port, { { ... } })[1]
end

return raw
