local errors   = require "aci.error"
local json     = require "aci.json"
local secret   = require "aci.secret"
local prefect  = require "aci.prefect"
local checksum = require "aci.prefect.checksum"
local differ   = require "aci.prefect.differ"
local schemas  = require "aci.prefect.schemas"
local task     = require "aci.task"

--- A transport that gives the answers of a list, the last one again and again, and keeps the requests.
local function scripted(answers)
   local sent = {}
   return { sent = sent, request = function(_, options)
      sent[#sent + 1] = options
      local answer = answers[math.min(#sent, #answers)]
      if answer.err then return nil, errors.new(answer.err) end
      return { status = answer.status, headers = answer.headers or {}, body = answer.body or "" }
   end }
end

local function client(answers, more)
   local transport = scripted(answers)
   local config = { prefect_url = "http://127.0.0.1:4200/api/", prefect_http = transport,
      prefect_pause = 0.001 }
   for key, value in pairs(more or {}) do config[key] = value end
   return prefect.connect(config), transport.sent
end

local function refusal(f, ...)
   local ok, err = pcall(f, ...)
   assert.is_false(ok)
   assert.is_true(errors.is(err), tostring(err))
   return err
end

describe("aci.prefect's logger", function()
   it("loses nothing when it is flushed while a batch is on its way", function()
      local kept = {}
      local slow = { request = function(_, options)
         task.sleep(0.4)
         for _, entry in ipairs(options.json) do kept[#kept + 1] = entry.message end
         return { status = 201, headers = {}, body = "" }
      end }
      local logger = prefect.connect({ prefect_url = "http://127.0.0.1:4200/api", prefect_http = slow }):logger()
      logger:info "one"
      task.sleep(2.2)
      assert.same({}, kept)
      logger:info "two"
      assert.is_true(logger:flush())
      assert.same({ "one", "two" }, kept)
   end)
end)

describe("aci.prefect's proposals", function()
   local lost = { err = { kind = "network", code = "reset", message = "the connection was reset" } }
   local function run_in(name, kind)
      return { status = 200, body = json.encode { id = "r", state = { name = name, type = kind } } }
   end

   it("fail no run whose retry was granted by an answer that was lost", function()
      local api, sent = client { lost, run_in("AwaitingRetry", "SCHEDULED") }
      local answer = api:propose_run_state("r", { type = "FAILED", name = "Failed" })
      assert.same({ "REJECT", "AwaitingRetry" }, { answer.status, answer.state.name })
      assert.same({ "POST", "GET" }, { sent[1].method, sent[2].method })
      assert.equal(2, #sent)
   end)

   it("are repeated where the lost one was not carried out", function()
      local api, sent = client { lost, run_in("Running", "RUNNING"),
         { status = 201, body = '{"status":"ACCEPT","state":{"type":"FAILED"},"details":{}}' } }
      assert.equal("ACCEPT", api:propose_run_state("r", { type = "FAILED", name = "Failed" }).status)
      assert.same(sent[1].json.state.state_details, sent[3].json.state.state_details)
   end)
end)

describe("aci.prefect's requests", function()
   local busy = { status = 503, body = '{"exception_message":"Service Unavailable"}' }
   local fine = { status = 200, body = '"2.20.25"' }

   it("needs a URL, and says which setting", function()
      local err = refusal(prefect.connect, { cloud = "azure" })
      assert.equal("usage", err.kind)
      assert.matches("PREFECT_API_URL", err.advice)
   end)

   it("says who we are, in Prefect's version, and never that we are Prefect", function()
      local api, sent = client { fine }
      api:version()
      assert.equal("http://127.0.0.1:4200/api/admin/version", sent[1].url)
      assert.equal("0.8.4", sent[1].headers["x-prefect-api-version"])
      assert.matches("^acihost/", sent[1].headers["user-agent"])
      assert.is_nil(sent[1].headers.authorization)
   end)

   it("sends a key as bearer and a user as basic, both as secrets", function()
      local api, sent = client({ fine }, { prefect_key = secret.new "pnu_x" })
      api:version()
      assert.equal("Bearer pnu_x", secret.reveal(sent[1].headers.authorization))
      api, sent = client({ fine }, { prefect_auth = secret.new "admin:pw", prefect_key = secret.new "pnu_x" })
      api:version()
      assert.equal("Basic YWRtaW46cHc=", secret.reveal(sent[1].headers.authorization))
   end)

   it("asks the version once; Cloud is taken for 3", function()
      local api, sent = client { fine }
      assert.equal(2, api:major())
      assert.equal(2, api:major())
      assert.equal(1, #sent)
      api, sent = client({ fine }, { prefect_url = "https://api.prefect.cloud/api/accounts/a/workspaces/b" })
      assert.equal(3, api:major())
      assert.equal(0, #sent)
   end)

   it("repeats a request that a locked database refused", function()
      local api, sent = client { busy, busy, fine }
      assert.equal("2.20.25", api:version())
      assert.equal(3, #sent)
   end)

   it("tries as often as it is told, and as may be changed while it waits", function()
      local api, sent = client({ busy }, { prefect_tries = 9 })
      refusal(api.request, api, "GET", "/x")
      assert.equal(9, #sent)
      api.tries = 2
      refusal(api.request, api, "GET", "/x")
      assert.equal(11, #sent)
   end)

   it("gives up after six tries", function()
      local api, sent = client { busy }
      assert.equal("throttled", refusal(api.version, api).kind)
      assert.equal(6, #sent)
   end)

   it("waits for maintenance without counting", function()
      local resting = { status = 503, headers = { ["prefect-maintenance"] = "true" } }
      local api, sent = client { resting, resting, resting, resting, resting, resting, resting, fine }
      assert.equal("2.20.25", api:version())
      assert.equal(8, #sent)
   end)

   it("takes a refused connection as final until it was answered once", function()
      local refused = { err = { kind = "network", code = "connect", message = "connection refused" } }
      local api, sent = client { refused }
      assert.equal("network", refusal(api.version, api).kind)
      assert.equal(1, #sent)
      api, sent = client { fine, refused, fine }
      api:request("GET", "/hello")
      api:request("GET", "/hello")
      assert.equal(3, #sent)
   end)

   it("takes a proxy that refuses as final too, and says whose settings to look at", function()
      local refused = { err = { kind = "network", code = "proxy", message = "the proxy does not connect to p: 403" } }
      local api, sent = client { refused }
      assert.matches("HTTPS_PROXY", refusal(api.version, api).advice)
      assert.equal(1, #sent)
      refused = { err = { kind = "network", code = "connect", message = "connection refused" } }
      assert.matches("PREFECT_API_URL", refusal(client({ refused }).version, (client { refused })).advice)
   end)

   it("repeats after a time-out", function()
      local api, sent = client { { err = { kind = "timeout", message = "late" } }, fine }
      assert.equal("2.20.25", api:version())
      assert.equal(2, #sent)
   end)

   it("fetches a CSRF token only when one is asked for, and keeps it", function()
      local api, sent = client {
         { status = 403, body = '{"detail":"Missing CSRF token."}' },
         { status = 200, body = '{"token":"abc","client":"x"}' },
         { status = 201, body = '{"id":"1"}' },
      }
      api:request("POST", "/flows/", { json = { name = "a" } })
      api:request("POST", "/flows/", { json = { name = "b" } })
      assert.equal(4, #sent)
      assert.matches("/csrf%-token$", sent[2].url)
      assert.equal(sent[2].query.client, sent[3].headers["prefect-csrf-client"])
      assert.equal("abc", sent[4].headers["prefect-csrf-token"])
   end)

   it("tells another 403 as what it is", function()
      local api, sent = client { { status = 403, body = '{"detail":"reserved"}' } }
      assert.equal("permission", refusal(api.request, api, "POST", "/work_pools/", { json = {} }).kind)
      assert.equal(1, #sent)
   end)

   it("names every refused field and repeats nothing of the body", function()
      local api = client { { status = 422, body = [[{"exception_message":"Invalid request received.",
         "exception_detail":[{"loc":["body","name"],"msg":"field required","type":"value_error.missing"},
         {"loc":["body","tags",0],"msg":"str type expected","type":"type_error.str"}],
         "request_body":{"password":"hush"}}]] } }
      local err = refusal(api.request, api, "POST", "/flows/", { json = {} })
      assert.equal("invalid", err.kind)
      assert.matches("body.name: field required; body.tags.0: str type expected", err.message)
      assert.is_nil(tostring(err):find "hush")
   end)

   it("maps statuses to kinds", function()
      local kinds = { [400] = "invalid", [401] = "auth", [404] = "not_found", [409] = "conflict",
         [500] = "server", [423] = "conflict" }
      for status, kind in pairs(kinds) do
         local api = client { { status = status, body = '{"detail":"x"}' } }
         assert.equal(kind, refusal(api.request, api, "GET", "/x").kind)
      end
   end)

   it("survives answers that are not JSON", function()
      local api = client { { status = 404, body = "<html>" } }
      assert.equal("not_found", refusal(api.request, api, "GET", "/x").kind)
   end)

   it("tells an absent thing from an address that is not the API", function()
      local api = client { { status = 404, body = '{"detail":"Flow not found"}' } }
      assert.is_nil(api:flow "x")
      api = client { { status = 404, body = '{"detail":"Not Found"}' } }
      assert.matches("ends in /api", refusal(api.flow, api, "x").advice)
      for _, body in ipairs { "<html>", "", '{"error":"no such page"}' } do
         api = client { { status = 404, body = body } }
         assert.matches("ends in /api", refusal(api.flow, api, "x").advice)
         api = client { { status = 404, body = body } }
         assert.matches("ends in /api", refusal(api.version, api).advice)
      end
      api = client { { status = 200, body = "<html>" } }
      assert.matches("ends in /api", refusal(api.flow, api, "x").advice)
   end)

   it("says that a deployment has a name", function()
      local api = client {}
      for _, wrong in ipairs { {}, { 7 }, { nil, "b" }, { "a", 7 }, { "a" } } do
         local err = refusal(api.deployment, api, wrong[1], wrong[2])
         assert.equal("usage", err.kind)
         assert.matches("is not FLOW/DEPLOYMENT, for example", err.message, 1, true)
      end
   end)

   it("reads all pages", function()
      local function page(n)
         local list = json.array {}
         for i = 1, n do list[i] = { id = i } end
         return { status = 200, body = json.encode(list) }
      end
      local api, sent = client { page(200), page(200), page(7) }
      assert.equal(407, #api:pages "/flow_runs/filter")
      assert.equal(400, sent[3].json.offset)
   end)
end)

describe("aci.prefect.differ", function()
   it("compares by value and only what was authored", function()
      local have = { a = 1, b = json.null, c = { x = { 1, 2 } }, d = secret.new "s", other = true }
      assert.same({}, differ.changes(have, { a = 1.0, c = { x = { 1, 2 } }, d = secret.new "s" }))
      assert.same({}, differ.changes(have, { b = json.null }))
      assert.equal(1, #differ.changes(have, { c = { x = { 1 } } }))
      assert.equal(1, #differ.changes(have, { d = secret.new "t" }))
   end)

   it("keeps secrets secret in what it reports", function()
      local changes = differ.changes({ d = secret.new "old-value" }, { d = secret.new "new-value" })
      assert.is_true(secret.is(changes[1].old) and secret.is(changes[1].new))
      assert.is_nil(json.encode(changes):find "value\"")
   end)

   it("compares references by what they name", function()
      local one, two = prefect.ref("string", "a"), prefect.ref("string", "b")
      assert.is_true(differ.same(one, prefect.ref("string", "a")))
      assert.is_false(differ.same(one, two))
      assert.is_false(differ.same(one, "string/a"))
   end)
end)

describe("aci.prefect.checksum", function()
   it("writes JSON as Python does", function()
      local value = json.decode '{"b":[1,1.0,240.0,1e3,1e22,0.1,1.5e-7,-0.0],"a":{"z":null,"y":true}}'
      assert.equal('{"a": {"y": true, "z": null}, "b": [1, 1.0, 240.0, 1000.0, 1e+22, 0.1, 1.5e-07, -0.0]}',
         checksum.python_json(value))
      assert.equal([["\u00e9\ud83d\ude00\n\"\\/\u007f"]], (checksum.python_json "\u{e9}\u{1F600}\n\"\\/\u{7f}"
         :gsub("\u{7f}", "\\u007f")))
   end)

   it("leaves secret_fields and unused definitions out", function()
      local fields = { title = "T", properties = { a = { ["$ref"] = "#/definitions/A" } } }
      local plain = checksum.of { title = "T", properties = fields.properties,
         definitions = { A = { title = "A" } } }
      assert.equal(plain, checksum.of { title = "T", properties = fields.properties,
         secret_fields = json.array { "a" },
         definitions = { A = { title = "A" }, B = { title = "B" } } })
      assert.equal(checksum.of(fields), checksum.of { title = "T", properties = fields.properties,
         definitions = { A = { title = "A", block_type_slug = "a" } } })
   end)
end)

describe("aci.prefect.schemas", function()
   it("says of each secret field that there is such a property", function()
      for slug, own in pairs(schemas) do
         assert.equal(slug, own.fields.block_type_slug)
         for _, path in ipairs(own.fields.secret_fields) do
            assert(own.fields.properties[path:match "^[^.]+"], slug .. ": " .. path)
         end
         for _, name in ipairs(own.fields.required) do assert(own.fields.properties[name], slug) end
      end
   end)
end)
