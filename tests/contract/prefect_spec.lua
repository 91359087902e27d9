--- What our client, our agent and our flows rely on in Prefect 2, held against the local cloud and
-- against a real 2.20.25 server: the same checks, so that the one cannot drift from the other.
local errors  = require "aci.error"
local openapi = require "tests.support.openapi"
local shape   = require "tests.support.shape"
local sides   = require "tests.support.sides"
local support = require "tests.support.prefect"

local AREAS = { "blocks", "deployments", "runs" }

local EXCHANGES = { "exchange_blocks", "exchange_runs", "exchange_rest" }

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

local MISSING = "vendor/peers p2 installs the real server"

local ledger = sides.open("Prefect 2.20.25", "the real server")

--- What the areas' checks share, for one server.
local function tools(side, backend)
   local t = { unique = unique, refusal = refusal, setup = setup }

   function t.api()
      return backend.api
   end

   function t.area(name)
      function t.check(title, body)
         it(title, function()
            if not backend.api then pending(MISSING) return end
            ledger:hold(side, name .. ": " .. title, body)
         end)
      end
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

local both = { here = {}, there = {} }

--- One function of an exchange file; each of its requests is a row.
local function exchange(side, name, run)
   it("request by request: " .. name, function()
      local backend = both[side]
      if not backend.api then pending(MISSING) return end
      local ids = shape.new()

      local function ask(title, method, path, body, hidden)
         local status, answer, headers = backend.send(method, path, body)
         if type(answer) == "table" then ids:know(answer.id, title) end
         local whole = ("%d %s %s"):format(status, headers["content-type"] or "-", ids:encode(answer, hidden))
         local code = type(answer) == "table" and (answer.status or answer.state_type or answer.detail) or nil
         ledger:note(side, name .. ": " .. title, ("%d %s"):format(status,
            type(code) == "string" and ids:text(code) or ""), whole)
         return answer, status
      end

      run(ask, ids, backend)
   end)
end

local function checks(side, start)
   local backend = both[side]
   setup(function()
      for key, value in pairs(start() or {}) do backend[key] = value end
   end)
   local t = tools(side, backend)
   for _, area in ipairs(AREAS) do
      describe(area, function()
         t.area(area)
         require("tests.contract.prefect." .. area)(t)
      end)
   end
   for _, file in ipairs(EXCHANGES) do
      for _, part in ipairs(require("tests.contract.prefect." .. file)) do
         exchange(side, part[1], part[2])
      end
   end
end

--- Each kind of answer that a side gave (route and status) is a row.
local function validate(side, document)
   local faulty, order = {}, {}
   for _, answer in ipairs(both[side].seen) do
      local faults, form = document:faults(answer.method, answer.path, answer.status, answer.body)
      local key = faults and ("document: %s %s %d"):format(answer.method, form, answer.status)
      if key and faulty[key] == nil then order[#order + 1] = key end
      if key then faulty[key] = faulty[key] or faults[1] or false end
   end
   table.sort(order)
   for _, key in ipairs(order) do
      ledger:note(side, key, faulty[key] and "is not as documented" or "as documented", faulty[key] or nil)
   end
   return order, faulty
end

describe("Prefect 2, the local cloud's", function() checks("here", support.inside) end)

describe("Prefect 2, the real 2.20.25", function() checks("there", support.real) end)

describe("Prefect 2, both", function()
   teardown(function()
      for _, backend in pairs(both) do
         if backend.stop then backend.stop() end
      end
   end)

   it("answer as the OpenAPI document says that the real server serves", function()
      if not both.there.api then pending(MISSING) return end
      local document = openapi.open(support.document(both.there))
      local wrong = {}
      for _, side in ipairs { "here", "there" } do
         local order, faulty = validate(side, document)
         assert.is_true(#order > 40, #order .. " kinds of answers")
         for _, key in ipairs(order) do
            if faulty[key] then wrong[#wrong + 1] = ("%s, %s: %s"):format(side, key, faulty[key]) end
         end
      end
      assert.same({}, wrong)
   end)

   it("give the same answers", function()
      if not both.there.api then pending(MISSING) return end
      ledger:compare()
   end)
end)

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
