--- The cloud's own controls, for sim.lua and for tests: status, stop, planted faults. They need the key
-- that lies beside the state (0600), so that no other user of the machine can use them.
local crypto  = require "aci.crypto"
local json    = require "aci.json"
local task    = require "aci.task"
local devicelogin = require "sim.devicelogin"
local faults  = require "sim.faults"
local federation  = require "sim.federation"
local plays   = require "sim.groupplays"
local refuse  = require "sim.refuse"
local runners = require "sim.runners"
local service = require "sim.service"
local taken   = require "sim.taken"

local control = service { name = "control", host = "control.acihost.local" }

--- The host under which the controls answer.
control.HOST = "control.acihost.local"

function control.before(req)
   local given = req.headers["x-control-key"] or ""
   refuse.unless(req.inside or crypto.equal(given, req.cloud.control_key or crypto.uuid4()), 403,
      "Forbidden",
      "The control key is missing or wrong.")
end

control:route("GET /status", { anonymous = true }, function(req)
   local cloud = req.cloud
   local counts = req.state.db:rows(
      "SELECT type, COUNT(*) AS count FROM resources GROUP BY type ORDER BY type")
   return 200, { factor = cloud.factor, strict = cloud.strict, prefect = cloud.prefect, ports = cloud.ports,
      resources = json.array(counts) }
end)

control:route("POST /stop", { anonymous = true, write = false }, function(req)
   local cloud = req.cloud
   task.spawn(function()
      task.sleep(0.05)
      cloud.shutdown()
   end)
   return 202, { stopping = true }
end)

control:route("GET /faults", { anonymous = true }, function(req)
   return 200, json.array(req.cloud.faults.rules)
end)

control:route("POST /faults", { anonymous = true, write = false }, function(req)
   local rule = req:json()
   local wrong = faults.wrong(rule)
   refuse.when(wrong, 400, "BadRequest", wrong)
   refuse.unless(rule.play == nil or plays.known(rule.play), 400, "BadRequest",
      ("There is no play %s; scripts/sim/groupplays.lua names them."):format(tostring(rule.play)))
   local whole, why = pcall(string.find, "", rule.match)
   refuse.unless(whole, 400, "BadRequest", ("The match %q is no Lua pattern: %s."):format(rule.match, why))
   req.cloud.faults:plant(rule)
   return 201, rule
end)

control:route("DELETE /faults", { anonymous = true, write = false }, function(req)
   req.cloud.faults:clear()
   return 204
end)

control:route("POST /taken", { anonymous = true, write = false }, function(req)
   local body = req:json()
   taken.mark(req.state, tostring(body.kind), tostring(body.name))
   return 204
end)

control:route("POST /venv", { anonymous = true, write = false }, function(req)
   local body = req:json()
   refuse.unless(type(body.image) == "string", 400, "BadRequest", "A virtual environment stands for an image.")
   runners.set_venv(req.state, body.image, body.folder)
   return 204
end)

-- Stands for the browser at microsoft.com/devicelogin. `answer`: granted (default), declined or expired.
control:route("POST /devicelogin", { anonymous = true, write = false }, function(req)
   local body = req:json()
   local known = devicelogin.answer(req.state, tostring(body.user_code), body.answer or "granted")
   refuse.unless(known, 404, "NotFound", "No sign-in waits for that code.")
   return 204
end)

-- Stands for the kubelet, which projects a service account's token into a pod.
control:route("POST /federatedtoken", { anonymous = true, write = false }, function(req)
   local body = req:json()
   refuse.unless(type(body.subject) == "string", 400, "BadRequest", "A token has a subject.")
   return 200, { token = federation.token(req.state, body) }
end)

return control
