--- Artifacts: what a run leaves to be read in Prefect's pages.

local json = require "aci.json"

local artifact = {}

local encode = {
   markdown = function(value) return "markdown", tostring(value) end,
   table = function(value) return "table", json.encode(value) end,
   image = function(value) return "image", tostring(value) end,
   progress = function(value)
      if type(value) ~= "number" or value < 0 or value > 100 then error("progress is a number from 0 to 100", 0) end
      return "progress", value
   end,
   link = function(value, fields) return "markdown", ("[%s](%s)"):format(fields.text or value, value) end,
}

local known = { key = true, description = true, text = true }

local function kind_of(fields)
   local kind
   for name in pairs(fields) do
      if encode[name] and not kind then
         kind = name
      elseif not known[name] then
         error(("an artifact has one of markdown, table, link, image, progress, and no %s"):format(name), 4)
      end
   end
   return kind or error("an artifact has markdown, table, link, image or progress", 4)
end

local Artifact = {}
Artifact.__index = Artifact

--- Puts another value in the artifact's place.
function Artifact:update(value)
   if not self.id then return end
   local _, data = encode[self.kind](value, self.fields)
   self.api:patch_artifact(self.id, { data = data })
end

--- Makes an artifact of a run (nil: of none, and nothing is sent).
function artifact.make(run, fields)
   local kind = kind_of(fields)
   local type_name, data = encode[kind](fields[kind], fields)
   if fields.key and not fields.key:find "^[a-z0-9-]+$" then
      error("an artifact's key holds small letters, digits and dashes", 3)
   end
   local made = setmetatable({ kind = kind, fields = fields, api = run and run.api }, Artifact)
   if not run then return made end
   local flow_run = run.flow_run or run
   -- A task run of Prefect 3 is known to the server only when its events have arrived.
   made.id = run.api:create_artifact { type = type_name, data = data, key = fields.key,
      description = fields.description, flow_run_id = flow_run.id,
      task_run_id = run.flow_run and run.id or nil }.id
   return made
end

return artifact
