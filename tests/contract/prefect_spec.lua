--- What our client, our agent and our flows rely on in Prefect 2, held against the local cloud and
-- against a real 2.20.25 server: the same checks, so that the one cannot drift from the other.
local errors  = require "aci.error"
local support = require "tests.support.prefect"

local AREAS = { "blocks", "deployments", "runs" }

-- Names that no other check uses: the server is one for all.
local count = 0
local function unique(text)
   count = count + 1
   return ("%s-%d"):format(text, count)
end

local function refusal(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   assert.is_true(errors.is(err), tostring(err))
   return err
end

--- What the areas' checks share, for one server.
local function tools(start)
   local backend, t = nil, { unique = unique, refusal = refusal, setup = setup }

   setup(function() backend = start() end)
   teardown(function()
      if backend then backend.stop() end
   end)

   function t.api()
      return backend and backend.api
   end

   function t.check(name, body)
      it(name, function()
         if not backend then pending "vendor/peers p2 installs the real server" return end
         body()
      end)
   end

   function t.raw(method, path, body)
      return backend.api:request(method, path, { json = body })
   end

   function t.refused(method, path, body)
      return refusal(t.raw, method, path, body)
   end

   --- A deployment of a flow of its own with a queue of its own.
   function t.deploy(fields)
      local want = { flow = unique "Flow", name = "D", work_queue_name = unique "queue", version = "1",
         entrypoint = "flow.lua:x", path = "p" }
      for key, value in pairs(fields or {}) do want[key] = value end
      return (backend.api:put_deployment(want))
   end

   --- Proposes states one after the other; gives the last answer.
   function t.states(id, ...)
      local answer
      for _, kind in ipairs { ... } do answer = backend.api:set_run_state(id, { type = kind }) end
      return answer
   end

   return t
end

local function checks(start)
   local t = tools(start)
   for _, area in ipairs(AREAS) do
      describe(area, function() require("tests.contract.prefect." .. area)(t) end)
   end
end

describe("Prefect 2, the local cloud's", function() checks(support.inside) end)

describe("Prefect 2, the real 2.20.25", function() checks(support.real) end)

describe("Prefect 2 with CSRF protection", function()
   it("takes our writes after one token", function()
      local backend = support.real { PREFECT_SERVER_CSRF_PROTECTION_ENABLED = "true" }
      if not backend then pending "vendor/peers p2 installs the real server" return end
      local ok, err = pcall(function()
         assert(backend.api:put_flow "Guarded")
         assert.is_true(backend.api:delete_flow "Guarded")
         assert.is_true(backend.api.csrf_token ~= nil)
      end)
      backend.stop()
      assert(ok, err)
   end)
end)
