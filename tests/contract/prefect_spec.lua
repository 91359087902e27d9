--- What our client, our agent and our flows rely on in Prefect, held against the local cloud and against
-- real 2.20.25 and 3.8.8 servers: the same checks, so that the one cannot drift from the other.
local errors  = require "aci.error"
local asker   = require "tests.support.asker"
local openapi = require "tests.support.openapi"
local shape   = require "tests.support.shape"
local sides   = require "tests.support.sides"
local support = require "tests.support.prefect"

local AREAS = { "blocks", "deployments", "runs" }

local EXCHANGES = { "exchange_blocks", "exchange_runs", "exchange_rest", "exchange_artifacts", "exchange_changes",
   "exchange_finding", "exchange_limits", "exchange_refused" }

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

--- Each Prefect: its rows, and its two sides.
local prefects = {
   { major = 2, version = "2.20.25", peer = "p2" },
   { major = 3, version = "3.8.8", peer = "p3" },
}
for _, each in ipairs(prefects) do
   each.ledger = sides.open("Prefect " .. each.version, "the real server")
   each.missing = ("vendor/peers %s installs the real server"):format(each.peer)
   each.here, each.there = {}, {}
end

--- What the areas' checks share, for one server.
local function tools(of, side)
   local backend = of[side]
   local t = { unique = unique, refusal = refusal, setup = setup, major = of.major, version = of.version }

   function t.api()
      return backend.api
   end

   function t.area(name)
      function t.check(title, body)
         it(title, function()
            if not backend.api then pending(of.missing) return end
            of.ledger:hold(side, name .. ": " .. title, body)
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

--- One function of an exchange file; each of its requests is a row.
local function exchange(of, side, name, run)
   it("request by request: " .. name, function()
      local backend = of[side]
      if not backend.api then pending(of.missing) return end
      local ids = shape.new()
      run(asker(of.ledger, side, name, backend, ids), ids, backend, of.major)
   end)
end

local function checks(of, side, start)
   setup(function()
      for key, value in pairs(start() or {}) do of[side][key] = value end
   end)
   local t = tools(of, side)
   for _, area in ipairs(AREAS) do
      describe(area, function()
         t.area(area)
         require("tests.contract.prefect." .. area)(t)
      end)
   end
   for _, file in ipairs(EXCHANGES) do
      for _, part in ipairs(require("tests.contract.prefect." .. file)) do
         exchange(of, side, part[1], part[2])
      end
   end
end

--- Each kind of answer that a side gave (route and status) is a row.
local function validate(of, side, document)
   local faulty, order = {}, {}
   for _, answer in ipairs(of[side].seen) do
      local faults, form = document:faults(answer.method, answer.path, answer.status, answer.body)
      local key = faults and ("document: %s %s %d"):format(answer.method, form, answer.status)
      if key and faulty[key] == nil then order[#order + 1] = key end
      if key then faulty[key] = faulty[key] or faults[1] or false end
   end
   table.sort(order)
   for _, key in ipairs(order) do
      of.ledger:note(side, key, faulty[key] and "is not as documented" or "as documented", faulty[key] or nil)
   end
   return order, faulty
end

local function ending(of)
   teardown(function()
      for _, side in ipairs { "here", "there" } do
         if of[side].stop then of[side].stop() end
      end
   end)
end

local function documented(of)
   it("answer as the OpenAPI document says that the real server serves", function()
      if not of.there.api then pending(of.missing) return end
      local document = openapi.open(support.document(of.there))
      local wrong = {}
      for _, side in ipairs { "here", "there" } do
         local order, faulty = validate(of, side, document)
         assert.is_true(#order > 40, #order .. " kinds of answers")
         for _, key in ipairs(order) do
            if faulty[key] then wrong[#wrong + 1] = ("%s, %s: %s"):format(side, key, faulty[key]) end
         end
      end
      assert.same({}, wrong)
   end)
end

local function compared(of)
   it("give the same answers", function()
      if not of.there.api then pending(of.missing) return end
      of.ledger:compare()
   end)
end

for _, of in ipairs(prefects) do
   describe("Prefect " .. of.major .. ", the local cloud's", function()
      checks(of, "here", function() return support.inside { prefect = tostring(of.major) } end)
   end)

   describe("Prefect " .. of.major .. ", the real one", function()
      checks(of, "there", function() return support.real(of.peer) end)
   end)

   describe("Prefect " .. of.major .. ", both", function()
      ending(of)
      documented(of)
      compared(of)
   end)
end
