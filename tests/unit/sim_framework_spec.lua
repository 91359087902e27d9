local support = require "tests.support.cloud"
local json = require "aci.json"
local refuse = require "sim.refuse"
local service = require "sim.service"

describe("the framework of the local cloud", function()
   local cloud

   local toy = service {
      name = "toy", host = { "*.toy.test", "toy.test" }, schema = "CREATE TABLE IF NOT EXISTS toys "
         .. "(name TEXT)",
      error = function(_, code, message) return { wrong = code, why = message } end,
      malformed = function() return 400, "NotJson", "no" end,
   }
   local open = { anonymous = true }
   toy:route("GET /things/:name", open, function(req) return 200, { name = req.params.name,
      label = req.label } end)
   toy:route("GET /things/special", open, function() return 200, { name = "the special one" } end)
   toy:route("GET /things(key=':key')", open, function(req) return 200, { key = req.params.key } end)
   toy:route("GET /files/*path/end", open, function(req) return 200, { path = req.params.path } end)
   toy:route("GET /q", { anonymous = true, query = { comp = "list" } }, function() return 200, {
      list = true } end)
   toy:route("GET /q", open, function() return 200, { list = false } end)
   toy:route("POST /toys", open, function(req)
      req.state.db:run("INSERT INTO toys (name) VALUES (?)", req:json().name)
      refuse.when(req.query.refuse, 409, "Refused", "after the write")
      return 201
   end)
   toy:route("GET /toys", open, function(req)
      return 200, json.array(req.state.db:rows "SELECT * FROM toys")
   end)
   toy:route("POST /read", { anonymous = true, write = false }, function() return 204, {
      never = "sent" } end)
   toy:route("GET /broken", open, function() error "a bug" end)
   toy:job("toy", function(opened, data)
      opened.state.db:run("INSERT INTO toys (name) VALUES (?)", data.name)
   end)

   setup(function()
      cloud = support.inside()
      cloud.state:schema(toy.schema)
      cloud.cloud.jobs.toy = toy.jobs.toy
      cloud.cloud.router:mount(toy)
      cloud.cloud.log = function() end
   end)

   teardown(function() cloud:close() end)

   local function get(path, host)
      local status, body, headers = cloud:request { url = "https://" .. (host or "toy.test") .. path }
      return status, body, headers
   end

   it("finds a route by its literals, its parts and its host", function()
      assert.same({ name = "a", label = nil }, select(2, get "/things/a"))
      assert.same({ name = "a", label = "mine" }, select(2, get("/things/a", "mine.toy.test")))
      assert.equal("the special one", select(2, get "/things/special").name)
      assert.equal("it's", select(2, get "/things(key='it%27s')").key)
      assert.equal("a/b c/d", select(2, get "/files/a/b%20c/d/end").path)
   end)

   it("keeps an encoded slash inside its segment", function()
      assert.equal("a/b", select(2, get "/things/a%2Fb").name)
   end)

   it("prefers the route with more query conditions", function()
      assert.is_true(select(2, get "/q?comp=list").list)
      assert.is_false(select(2, get "/q?comp=other").list)
   end)

   it("answers 501 and names what it does not implement", function()
      local status, body = get "/nothing"
      assert.equal(501, status)
      assert.equal("NotImplemented", body.wrong)
      assert.truthy(body.why:find("GET /nothing on toy.test", 1, true))
      local other, words = get("/", "unknown.example")
      assert.equal(501, other)
      assert.truthy(words.error.message:find("unknown.example", 1, true))
   end)

   it("undoes what a refused request wrote", function()
      assert.equal(201, (cloud:request { method = "POST", url = "https://toy.test/toys", json = {
         name = "kept" } }))
      local status, body = cloud:request { method = "POST", url = "https://toy.test/toys?refuse=1",
         json = { name = "undone" } }
      assert.same({ 409, "Refused" }, { status, body.wrong })
      assert.same({ { name = "kept" } }, select(2, get "/toys"))
   end)

   it("refuses malformed JSON in the words of the service", function()
      local status, body = cloud:request { method = "POST", url = "https://toy.test/toys", body = "{,}" }
      assert.same({ 400, "NotJson" }, { status, body.wrong })
   end)

   it("sends no body with 204 and reports its own bugs as 500", function()
      local status, body = cloud:request { method = "POST", url = "https://toy.test/read" }
      assert.equal(204, status)
      assert.is_nil(body)
      local failed, words = get "/broken"
      assert.equal(500, failed)
      assert.truthy(words.why:find("a bug", 1, true))
   end)

   it("writes one line per request that says whether it writes", function()
      local lines = cloud.cloud.requests.lines
      local before = #lines
      get "/things/a"
      cloud:request { method = "POST", url = "https://toy.test/toys", json = { name = "logged" } }
      cloud:request { method = "POST", url = "https://toy.test/read" }
      assert.equal(before + 3, #lines)
      assert.same({ false, true, false }, { lines[before + 1].write, lines[before + 2].write,
         lines[before + 3].write })
      assert.same({ "POST", "/toys", 201, "toy.test" }, { lines[before + 2].method, lines[before + 2].path,
         lines[before + 2].status, lines[before + 2].host })
   end)

   it("lets planted faults strike as often as they say", function()
      cloud.cloud.faults:plant { match = "GET .*things/a", status = 429, times = 2, retry_after = 3 }
      local status, body, headers = get "/things/a"
      assert.same({ 429, "TooManyRequests", "3" }, { status, body.wrong, headers["retry-after"] })
      assert.equal(200, (get "/things/b"))
      assert.equal(429, (get "/things/a"))
      assert.equal(200, (get "/things/a"))
   end)

   it("lets planted faults strike by chance", function()
      local rule = cloud.cloud.faults:plant { match = "GET .*things/a", status = 503, times = 1000, chance = 0.5 }
      local struck = 0
      for _ = 1, 100 do struck = struck + (get "/things/a" == 503 and 1 or 0) end
      cloud.cloud.faults:clear()
      assert.equal(1000 - struck, rule.times)
      assert.is_true(struck > 10 and struck < 90, struck)
   end)

   it("loses an answer after the work when a fault says so", function()
      cloud.cloud.faults:plant { match = "POST .*toys", status = 503, after = true }
      local status = cloud:request { method = "POST", url = "https://toy.test/toys", json = {
         name = "lost answer" } }
      assert.equal(503, status)
      local lines = cloud.cloud.requests.lines
      assert.same({ 503, 201 }, { lines[#lines].status, lines[#lines].lost })
      local found = false
      for _, row in ipairs(select(2, get "/toys")) do
         found = found or row.name == "lost answer"
      end
      assert.is_true(found)
   end)

   it("runs jobs when they are due, once", function()
      cloud.state:later("toy", 0, { name = "by a job" })
      cloud.state:later("toy", 3600, { name = "much later" })
      cloud.cloud:run_due()
      cloud.cloud:run_due()
      local seen = 0
      for _, row in ipairs(select(2, get "/toys")) do
         assert.not_equal("much later", row.name)
         seen = seen + (row.name == "by a job" and 1 or 0)
      end
      assert.equal(1, seen)
   end)

   it("shows a pending resource as pending until its time has come", function()
      local state = cloud.state
      local row = state:put_resource { id = "/Some/Id", type = "A/b", body = { properties = { x = 1 } },
         pending = "Creating", ready_in = 3600 }
      assert.equal("Creating", row.body.properties.provisioningState)
      assert.is_true(state:resource("/some/ID/").busy)
      state:put_resource { id = "/Some/Id", type = "A/b", body = { properties = { x = 1 } },
         pending = "Creating",
         ready_in = 0 }
      assert.is_nil(state:resource("/some/id").body.properties.provisioningState)
   end)

   it("lists what lies under an id and not beside it", function()
      local state = cloud.state
      for _, id in ipairs { "/r/g1", "/r/g1/a", "/r/g1/a/b", "/r/g10/a" } do
         state:put_resource { id = id, type = "T/t", body = {} }
      end
      local ids = {}
      for _, row in ipairs(state:resources { under = "/r/g1" }) do
         ids[#ids + 1] = row.id
      end
      assert.same({ "/r/g1/a", "/r/g1/a/b" }, ids)
      assert.equal(3, state:delete_resource "/r/g1")
      assert.truthy(state:resource "/r/g10/a")
   end)

   it("ends an operation by its time alone", function()
      local state = cloud.state
      local id = state:start_operation { kind = "k", seconds = 3600, data = { a = 1 } }
      assert.equal("InProgress", state:operation(id).status)
      state:end_operation(id, "Failed", { error = { code = "x" } })
      assert.same({ "Failed", true, "x" }, { state:operation(id).status, state:operation(id).done,
         state:operation(id).data.error.code })
      assert.equal("Succeeded", state:operation(state:start_operation { kind = "k", seconds = 0 }).status)
   end)
end)

describe("the strict local cloud", function()
   local cloud
   local N = "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"

   setup(function()
      cloud = support.inside { factor = 0, strict = true }
      cloud:prepare("rg", "Microsoft.Network")
   end)

   teardown(function() cloud:close() end)

   local function put()
      return select(3, cloud:arm("PUT", N, "2024-05-01", { location = "northeurope",
         properties = { addressSpace = { addressPrefixes = { "10.0.0.0/16" } } } }))
   end

   local function poll(url)
      return (cloud:request { url = url, token = cloud.arm_token })
   end

   it("gives no hint when to ask again", function()
      assert.is_nil(put()["retry-after-ms"])
      assert.is_nil(put()["retry-after"])
   end)

   it("signs its polling URLs and wants them back as they were", function()
      local first = put()["azure-asyncoperation"]
      assert.truthy(#first > 3000)
      assert.equal(200, poll(first))
      assert.equal(400, poll((first:gsub("&h=.*$", ""))))
      assert.equal(400, poll((first:gsub("&t=%d", "&t=9"))))
      assert.equal(400, poll((first:gsub("&t=.*$", ""))))
      assert.not_equal(first:match "&t=(%d+)", put()["azure-asyncoperation"]:match "&t=(%d+)")
   end)
end)
