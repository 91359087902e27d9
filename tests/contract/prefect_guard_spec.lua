--- What stands before a Prefect that is protected, held against the local cloud and against real servers of both
-- majors: CSRF protection with both, a password with Prefect 3. And our client against each of them.
local asker   = require "tests.support.asker"
local crypto  = require "aci.crypto"
local errors  = require "aci.error"
local json    = require "aci.json"
local prefect = require "aci.prefect"
local secret  = require "aci.secret"
local shape   = require "tests.support.shape"
local sides   = require "tests.support.sides"
local support = require "tests.support.prefect"

-- (Prefect 3 answers 500 where it is not ASCII: to everybody)
local PASSWORD = "admin:pa55 word: %"
local LOGIN = "Basic " .. crypto.base64(PASSWORD)
local TOKEN = { token = true, expiration = true }

local MAJORS = {
   { major = 2, version = "2.20.25", peer = "p2", settings = { PREFECT_SERVER_CSRF_PROTECTION_ENABLED = "true" },
      inside = { prefect = "2", prefect_csrf = true } },
   { major = 3, version = "3.8.8", peer = "p3", auth = PASSWORD, settings = {
      PREFECT_SERVER_CSRF_PROTECTION_ENABLED = "true", PREFECT_SERVER_API_AUTH_STRING = PASSWORD },
      inside = { prefect = "3", prefect_csrf = true, prefect_auth = secret.new(PASSWORD) } },
}

--- Who may read.
local function logins(ask, major)
   for _, path in ipairs { "/health", "/ready", "/admin/version", "/hello" } do
      ask(path .. " by anybody", "GET", path)
   end
   ask("a read by anybody", "GET", "/flows/name/none")
   ask("a list by anybody", "POST", "/flows/filter", json.object {})
   for title, header in pairs { ["a login"] = LOGIN, ["a wrong password"] = "Basic " .. crypto.base64 "admin:other",
      ["a user alone"] = "Basic " .. crypto.base64 "admin", ["the scheme in lower case"] = LOGIN:gsub("Basic", "basic"),
      ["a bearer's token"] = "Bearer " .. crypto.base64(PASSWORD), ["no scheme"] = crypto.base64(PASSWORD),
      ["what is no base64"] = "Basic !!!", ["nothing"] = "" } do
      ask("a read with " .. title, "GET", "/flows/name/none", nil, nil, { authorization = header })
   end
   ask("a token by anybody", "GET", "/csrf-token?client=nobody", nil, TOKEN)
   if major == 3 then ask("an unknown route by anybody", "GET", "/nothing") end
end

--- Who may write.
local function writing(ask)
   local function write(title, headers, method, path)
      headers.authorization = headers.authorization or LOGIN
      return ask(title, method or "POST", path or "/flows/", { name = title:gsub("[^%w ]", "") }, { name = true,
         request_body = true }, headers)
   end
   local function token(title, client)
      return ask(title, "GET", "/csrf-token?client=" .. client, nil, TOKEN, { authorization = LOGIN }).token
   end
   write("without anything", {})
   write("without a login either", { authorization = "Bearer none" })
   write("a token that nobody was given", { ["prefect-csrf-token"] = "abc" })
   write("a client without a token", { ["prefect-csrf-client"] = "a" })
   write("a client that was given none", { ["prefect-csrf-token"] = "abc", ["prefect-csrf-client"] = "a" })
   ask("a token for nobody", "GET", "/csrf-token", nil, nil, { authorization = LOGIN })
   local mine = token("a token", "a")
   local with = { ["prefect-csrf-token"] = mine, ["prefect-csrf-client"] = "a" }
   write("with its token", { ["prefect-csrf-token"] = mine, ["prefect-csrf-client"] = "a" })
   write("with its token again", { ["prefect-csrf-token"] = mine, ["prefect-csrf-client"] = "a" })
   write("as another client", { ["prefect-csrf-token"] = mine, ["prefect-csrf-client"] = "b" })
   write("with its token and no login", { ["prefect-csrf-token"] = mine, ["prefect-csrf-client"] = "a",
      authorization = "Bearer none" })
   local other = token("another client's token", "b")
   write("the other as itself", { ["prefect-csrf-token"] = other, ["prefect-csrf-client"] = "b" })
   local again = token("a second token", "a")
   write("with the first one then", with)
   write("with the second one", { ["prefect-csrf-token"] = again, ["prefect-csrf-client"] = "a" })
   for _, method in ipairs { "PATCH", "PUT", "DELETE" } do
      write(method .. " without a token", {}, method, "/flows/00000000-0000-4000-8000-000000000000")
   end
   write("a list without a token", {}, "POST", "/flows/filter")
   write("an unknown route without a token", {}, "POST", "/nothing")
end

local function checks(of, side, start)
   local backend

   setup(function()
      backend = start()
      of[side] = backend
   end)
   teardown(function()
      if backend then backend.stop() end
   end)

   local function check(title, body)
      it(title, function()
         if not backend then pending(of.missing) return end
         body()
      end)
   end

   for _, part in ipairs { { "logins", logins }, { "writing", writing } } do
      check("request by request: " .. part[1], function()
         part[2](asker(of.ledger, side, part[1], backend, shape.new()), of.major)
      end)
   end

   local function client(auth)
      return prefect.connect { prefect_url = backend.url, prefect_pause = 0.01, prefect_http = backend.transport,
         prefect_auth = auth and secret.new(auth) or nil }
   end

   --- A check that is a row too.
   local function row(title, body)
      check(title, function() of.ledger:hold(side, "our client: " .. title, body) end)
   end

   row("reads and writes, with the login and tokens that it asks for", function()
      local api = client(of.auth)
      assert.equal(of.major, api:major())
      local flow = api:put_flow "guarded"
      assert.equal(flow.id, api:flow("guarded").id)
      assert.equal(flow.id, client(of.auth):put_flow("guarded").id)
   end)

   row("says what a wrong login is", function()
      if not of.auth then return end
      for _, auth in ipairs { "admin:wrong", false } do
         local ok, err = pcall(function() return client(auth or nil):flow "guarded" end)
         assert.is_false(ok)
         assert.is_true(errors.is(err, "auth"), tostring(err))
      end
   end)
end

for _, of in ipairs(MAJORS) do
   of.ledger = sides.open(("Prefect %s, protected"):format(of.version), "the real server")
   of.missing = ("vendor/peers %s installs the real server"):format(of.peer)

   describe("A protected Prefect " .. of.major .. ", the local cloud's", function()
      checks(of, "here", function() return support.inside(of.inside) end)
   end)

   describe("A protected Prefect " .. of.major .. ", the real one", function()
      checks(of, "there", function() return support.real(of.peer, of.settings) end)
   end)

   describe("A protected Prefect " .. of.major .. ", both", function()
      it("give the same answers", function()
         if not of.there then pending(of.missing) return end
         of.ledger:compare()
      end)
   end)
end
