local support = require "tests.support.cloud"
local fs = require "aci.fs"
local http = require "aci.http"
local json = require "aci.json"
local secret = require "aci.secret"
local task = require "aci.task"

describe("the local cloud over its sockets", function()
   local cloud, owner

   setup(function()
      cloud = support.start()
      owner = json.decode(fs.read(cloud.home .. "/owner.json"))
   end)

   teardown(function() cloud:stop() end)

   local function direct(options)
      options.ca_file, options.retry = cloud.ca_file, false
      options.connect_to = "127.0.0.1:" .. cloud.https_port
      return http.request(options)
   end

   local function proxied(options)
      options.ca_file, options.retry = cloud.ca_file, false
      options.proxy = "http://127.0.0.1:" .. cloud.proxy_port
      return http.request(options)
   end

   local function token(via)
      local response = assert(via { method = "POST", form = { grant_type = "client_credentials",
         client_id = owner.client_id, client_secret = secret.new(owner.client_secret),
         scope = "https://management.azure.com/.default" },
         url = "https://login.microsoftonline.com/" .. owner.tenant .. "/oauth2/v2.0/token" })
      return json.decode(response.body).access_token
   end

   it("shows a certificate of its own authority for every host that it plays", function()
      for _, host in ipairs { "login.microsoftonline.com", "management.azure.com",
         "graph.microsoft.com" } do
         local response = assert(direct { url = "https://" .. host
            .. "/metadata/endpoints?api-version=2022-09-01" })
         assert.truthy(response.status)
      end
      local trusted, err = http.request { url = "https://management.azure.com/", retry = false,
         connect_to = "127.0.0.1:" .. cloud.https_port }
      assert.is_nil(trusted)
      assert.equal("network", err.kind)
   end)

   it("gives the same answers directly and through its proxy", function()
      for _, via in ipairs { direct, proxied } do
         local response = assert(via { url = "https://management.azure.com/subscriptions",
            query = { ["api-version"] = "2022-12-01" }, headers = { authorization = "Bearer "
               .. token(via) } })
         assert.equal(200, response.status)
         assert.equal(owner.subscription, json.decode(response.body).value[1].subscriptionId)
         assert.truthy(response.headers["x-ms-request-id"])
      end
   end)

   it("lets nothing out through its proxy", function()
      local _, err = proxied { url = "https://example.com/" }
      assert.truthy(tostring(err):find("403", 1, true), tostring(err))
      local response = proxied { url = "http://example.com/" }
      assert.equal(403, response.status)
      assert.truthy(response.body:find("does not play example.com", 1, true))
   end)

   it("answers HEAD without a body, and keeps the connection usable", function()
      local headers = { authorization = "Bearer " .. token(direct) }
      local path = "https://management.azure.com/subscriptions/" .. owner.subscription
         .. "/resourceGroups/none"
      for _ = 1, 2 do
         local response = assert(direct { method = "HEAD", url = path .. "?api-version=2021-04-01",
            headers = headers })
         assert.same({ 404, "" }, { response.status, response.body })
      end
   end)

   it("answers many at once, each its own", function()
      local bearer = { authorization = "Bearer " .. token(direct) }
      local function make(index)
         return function()
            local response = assert(direct { method = "PUT", headers = bearer, json = {
               location = "northeurope" },
               url = ("https://management.azure.com/subscriptions/%s/resourceGroups/many%d"):format(owner.subscription,
                  index), query = { ["api-version"] = "2021-04-01" } })
            return { response.status, json.decode(response.body).name }
         end
      end
      local makers = {}
      for index = 1, 30 do
         makers[index] = make(index)
      end
      for index, made in ipairs(task.all(makers)) do
         assert.same({ 201, "many" .. index }, made)
      end
   end)

   it("plants faults and takes names for those who have its key", function()
      local key = fs.read(cloud.home .. "/control.key")
      local function control(method, path, body, given)
         return assert(direct { method = method, url = "https://control.acihost.local" .. path, json = body,
            headers = { ["x-control-key"] = given or key } })
      end
      assert.equal(403, control("POST", "/faults", { match = "x" }, "guessed").status)
      assert.equal(201, control("POST", "/faults", { match = "GET .*metadata", status = 503 }).status)
      local url = "https://management.azure.com/metadata/endpoints?api-version=2022-09-01"
      assert.equal(503, assert(direct { url = url }).status)
      assert.equal(200, assert(direct { url = url }).status)
      control("POST", "/faults", { match = "GET .*metadata", drop = true, times = 1000 })
      assert.is_nil((direct { url = url }))
      assert.equal(204, control("DELETE", "/faults").status)
      assert.equal(200, assert(direct { url = url }).status)
      assert.equal(204, control("POST", "/taken", { kind = "vault", name = "theirs" }).status)
      assert.equal(200, control("GET", "/status").status)
   end)

   it("writes the log of all this without a secret in it", function()
      local text = fs.read(cloud.home .. "/requests.jsonl")
      assert.truthy(text:find('"host":"management.azure.com"', 1, true))
      assert.is_nil(text:find(owner.client_secret, 1, true))
      assert.is_nil((fs.read(cloud.home .. "/spec.log") or ""):find(owner.client_secret, 1, true))
      for line in text:gmatch "[^\n]+" do
         local entry = assert(json.decode(line))
         assert.equal("boolean", type(entry.write))
         assert.equal("integer", math.type(entry.status))
      end
   end)

   it("ends when it is told to", function()
      local other = support.start()
      local response = assert(http.request { method = "POST", url = "https://control.acihost.local/stop",
         retry = false,
         ca_file = other.ca_file, connect_to = "127.0.0.1:" .. other.https_port,
         headers = { ["x-control-key"] = fs.read(other.home .. "/control.key") } })
      assert.equal(202, response.status)
      assert.is_true(task.wait(other.process, 5))
      assert.is_nil(fs.stat(other.home .. "/cloud.json"))
      other:stop()
   end)
end)
