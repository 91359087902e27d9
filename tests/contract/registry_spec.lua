-- The OCI distribution API as our client uses it and a little beyond: the same checks against Debian's
-- docker-registry and the local cloud's Azure Container Registry. Where the two are meant to differ (tokens, pieces
-- out of order, sizes that are wrong) the unit spec of the local cloud says what it does.
local crypto     = require "aci.crypto"
local image      = require "aci.image"
local json       = require "aci.json"
local registries = require "tests.support.registries"
local sides      = require "tests.support.sides"

local OCI, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
local REPOSITORY, OTHER = "jobs/flow", "jobs/other"
local ledger = sides.open("container registry", "docker-registry")

local function digest(text) return "sha256:" .. crypto.hex(crypto.sha256(text)) end

local made = image.build { entries = { { name = "etc/motd", data = "hello\n" } }, architecture = "amd64",
   settings = { Cmd = { "/bin/sh" } } }

-- A refusal or an answer in one line, without what is another one each time.
local function shown(response, ...)
   local parts = { tostring(response.status) }
   for _, name in ipairs { ... } do
      local value = tostring(response.headers[name])
      parts[#parts + 1] = name .. ": " .. value:gsub("^https?://[^/]+", ""):gsub("%x+%-%x+%-%x+%-%x+%-%x+", "ID")
         :gsub("%?_state=.*", "?STATE")
   end
   local body = response.body:find "^{" and json.decode(response.body)
   for _, each in ipairs(body and body.errors or {}) do
      parts[#parts + 1] = ("%s %s %s"):format(each.code, each.message, json.encode(each.detail or "none"))
   end
   if not body and response.status >= 400 then parts[#parts + 1] = response.body:gsub("%s+$", "") end
   return table.concat(parts, " | ")
end

local rows = {}
local function row(name, f) rows[#rows + 1] = { name, f } end

local function blobs(name, rest) return ("/v2/%s/blobs/%s"):format(name or REPOSITORY, rest) end
local function manifest(reference, name) return ("/v2/%s/manifests/%s"):format(name or REPOSITORY, reference) end

local function open(side, name)
   return side.request("POST", blobs(name, "uploads/"), nil, "").headers.location
end

local function put_blob(side, data, as, name)
   return side.request("PUT", open(side, name) .. "&digest=" .. (as or digest(data)):gsub(":", "%%3A"),
      { ["content-type"] = "application/octet-stream" }, data)
end

local function put_manifest(side, reference, text, kind)
   return side.request("PUT", manifest(reference), { ["content-type"] = kind or OCI }, text)
end

row("the base answers, and says its version", function(side)
   return shown(side.request("GET", "/v2/"), "docker-distribution-api-version")
end)
row("a repository that nobody made has no tags", function(side)
   return shown(side.request("GET", "/v2/jobs/flow/tags/list"))
end)
row("a blob that is not there: HEAD", function(side) return shown(side.request("HEAD", blobs(nil, digest "x"))) end)
row("a blob that is not there: GET", function(side) return shown(side.request("GET", blobs(nil, digest "x"))) end)
row("a digest that is none", function(side)
   return tostring(side.request("GET", blobs(nil, "sha256:12")).status >= 400)
end)
row("an upload opens with its place", function(side)
   local opened = side.request("POST", blobs(nil, "uploads/"), nil, "")
   return shown(opened, "location", "range", "content-length")
end)
row("a blob in one piece", function(side)
   return shown(put_blob(side, made.blobs[2].data), "docker-content-digest", "location")
end)
row("the blob's head", function(side)
   return shown(side.request("HEAD", blobs(nil, made.blobs[2].digest)), "docker-content-digest", "content-length",
      "content-type", "etag", "accept-ranges", "cache-control")
end)
row("the blob's bytes", function(side)
   return tostring(side.request("GET", blobs(nil, made.blobs[2].digest)).body == made.blobs[2].data)
end)
row("a part of the blob", function(side)
   local part = side.request("GET", blobs(nil, made.blobs[2].digest), { range = "bytes=2-5" })
   return shown(part, "content-range", "content-length") .. tostring(part.body == made.blobs[2].data:sub(3, 6))
end)
row("the wrong digest", function(side) return shown(put_blob(side, "abc", digest "abd")) end)
row("no digest", function(side) return shown(side.request("PUT", open(side), nil, "abc")) end)
row("pieces", function(side)
   local first = side.request("PATCH", open(side), { ["content-range"] = "0-2" }, "abc")
   local second = side.request("PATCH", first.headers.location, { ["content-range"] = "3-4" }, "de")
   local at = side.request("GET", second.headers.location)
   local whole = side.request("PUT", second.headers.location .. "&digest=" .. digest "abcde", nil, "")
   return table.concat({ shown(first, "range"), shown(second, "range"), shown(at, "range"), shown(whole) }, " ; ")
end)
row("the last piece comes with the digest", function(side)
   local first = side.request("PATCH", open(side), nil, "abc")
   return shown(side.request("PUT", first.headers.location .. "&digest=" .. digest "abcd", nil, "d"))
end)
row("an upload's old place", function(side)
   local place = open(side)
   side.request("PATCH", place, nil, "abc")
   return shown(side.request("PATCH", place, nil, "def"))
end)
row("an upload that was given up", function(side)
   local place = open(side)
   local given_up = side.request("DELETE", place)
   return shown(given_up) .. " ; " .. shown(side.request("PUT", place .. "&digest=" .. digest "", nil, ""))
end)
row("a blob of another repository: mounted", function(side)
   local asked = ("uploads/?mount=%s&from=%s"):format(made.blobs[2].digest, REPOSITORY)
   return shown(side.request("POST", blobs(OTHER, asked), nil, ""), "docker-content-digest", "location")
end)
row("a blob that cannot be mounted", function(side)
   local asked = ("uploads/?mount=%s&from=%s"):format(digest "nowhere", REPOSITORY)
   return shown(side.request("POST", blobs(OTHER, asked), nil, ""), "range")
end)
row("a manifest before its blobs", function(side) return shown(put_manifest(side, "1", made.manifest)) end)
row("a manifest of another type than its own", function(side)
   put_blob(side, made.blobs[1].data)
   return shown(put_manifest(side, "1", made.manifest, INDEX))
end)
row("a manifest", function(side)
   return shown(put_manifest(side, "1", made.manifest), "docker-content-digest", "location")
end)
row("the manifest by its tag", function(side)
   local got = side.request("GET", manifest "1", { accept = OCI })
   return shown(got, "content-type", "docker-content-digest", "etag") .. tostring(got.body == made.manifest)
end)
row("the manifest by its digest", function(side)
   return shown(side.request("HEAD", manifest(made.digest), { accept = OCI }), "content-length")
end)
row("the manifest for a client that knows only Docker's", function(side)
   return shown(side.request("GET", manifest "1",
      { accept = "application/vnd.docker.distribution.manifest.v2+json" }))
end)
row("the manifest for who has it", function(side)
   return shown(side.request("GET", manifest "1", { accept = OCI,
      ["if-none-match"] = '"' .. made.digest .. '"' }))
end)
row("an unknown tag", function(side) return shown(side.request("GET", manifest "nope", { accept = OCI })) end)
row("an unknown digest", function(side)
   return shown(side.request("GET", manifest(digest "x"), { accept = OCI }))
end)
row("the tags", function(side)
   put_manifest(side, "again", made.manifest)
   local body = json.decode(side.request("GET", "/v2/jobs/flow/tags/list").body)
   table.sort(body.tags)
   return json.encode(body)
end)
row("a name in upper case", function(side)
   return shown(side.request("GET", manifest("1", "Jobs"), { accept = OCI }))
end)
row("a method that a blob does not know", function(side)
   return shown(side.request("PUT", blobs(nil, made.blobs[2].digest), nil, "x"), "allow")
end)
row("a tag cannot be deleted", function(side)
   return tostring(side.request("DELETE", manifest "again").status)
end)
row("a manifest can, by its digest, and its tags go with it", function(side)
   local gone = side.request("DELETE", manifest(made.digest))
   return shown(gone) .. " ; " .. shown(side.request("GET", manifest "1", { accept = OCI }))
end)
row("our client pushes: blobs that are there are not sent", function(side)
   local result = side.client():push(REPOSITORY, "ours", made)
   local again = side.client():push("jobs/other", "ours", made)
   return json.encode { result, again }
end)
row("our client reads back what it pushed", function(side)
   local text, sum = side.client():manifest(REPOSITORY, "ours")
   return tostring(text == made.manifest) .. tostring(sum == made.digest)
end)

for where, start in pairs { here = function() return registries.cloud { REPOSITORY, OTHER, "Jobs" } end,
   there = registries.debian } do
   describe(where == "here" and "the local cloud's registry" or "Debian's docker-registry", function()
      local side
      setup(function() side = start() end)
      teardown(function() if side then side.stop() end end)

      for _, each in ipairs(rows) do
         it(each[1], function()
            if not side then return pending "vendor/peers registry installs docker-registry" end
            ledger:note(where, each[1], each[2](side))
         end)
      end
   end)
end

describe("the two registries", function()
   it("answer alike", function() ledger:compare() end)
end)
