--- Where a redirect may lead, and what goes along.
local c = require "aci._http"
local errors = require "aci.error"
local secret = require "aci.secret"
local text = require "aci.http.text"

local redirect = {}

local followed = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

--- Where an answer leads, or nil.
function redirect.location(response)
   return followed[response.status] and response.headers.location
end

local function same_origin(a, b)
   return a.scheme == b.scheme and a.host == b.host and a.port == b.port
end

local credentials = { authorization = true, cookie = true, ["proxy-authorization"] = true }

-- Another host does not get what was meant for the first.
local function public_headers(headers)
   local kept = {}
   for name, value in pairs(headers) do
      if not secret.is(value) and not credentials[name:lower()] then
         kept[name] = value
      end
   end
   return kept
end

local function without_body(plan)
   plan.method, plan.shown = "GET", nil
   plan.body, plan.body_file, plan.body_pieces, plan.body_length, plan.produce = nil, nil, nil, nil, nil
   plan.in_pieces = plan.consume and true
   for name in pairs(plan.headers) do
      if name:lower():find "^content%-" then
         plan.headers[name] = nil
      end
   end
end

local function refuse(plan, message)
   return nil, errors.new { kind = "failed", code = "redirect", message = message,
      method = plan.method, url = text.mask(plan.url):gsub("%?.*$", "") }
end

local function gets_only(status, method)
   return status == 303 and method ~= "HEAD" or status < 303 and method == "POST"
end

local function copy(plan)
   local other = setmetatable({}, getmetatable(plan))
   for key, value in pairs(plan) do
      other[key] = value
   end
   other.headers = text.merge_headers(plan.headers)
   return other
end

-- What is wrong with going there, or nil.
local function objection(plan, from, to)
   if plan.redirects == 0 then
      return "the answers lead on and on"
   elseif not to then
      return "the answer leads to what is no http URL"
   elseif from.scheme == "https" and to.scheme == "http" then
      return "the answer leads from https to http, which is not followed"
   end
end

--- The plan of the next exchange, or nil and an error.
function redirect.plan(plan, status, location)
   local base = secret.is(plan.url) and secret.reveal(plan.url) or plan.url
   local target = c.resolve(base, location)
   local from, to = c.url(base), c.url(target)
   local why_not = objection(plan, from, to)
   if why_not then
      return refuse(plan, why_not)
   end
   local following = copy(plan)
   following.url, following.redirects = target, plan.redirects - 1
   if gets_only(status, plan.method) then
      without_body(following)
      following.replay = true
   end
   if following.produce then
      return refuse(plan, "the answer leads on, and the body of a function cannot be sent a second time")
   end
   if not same_origin(from, to) then
      following.headers, following.client_certificate = public_headers(following.headers), nil
      if secret.is(following.body) then
         return refuse(plan, "the answer leads to another host, which does not get the secret in the body")
      end
   end
   return following
end

return redirect
