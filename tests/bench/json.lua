-- How fast aci.json is beside raw lua-cjson: both in one run, taking turns, the median of each.
--
--     build/acihost tests/bench/json.lua [ROUNDS]
--
-- Prints MB/s and the ratio ours / cjson per document; exits 1 where one is below 0.7. The same text for both:
-- floats in it have at most 14 digits, since cjson writes no more.
local json = require "aci.json"
local cjson = require "cjson"

local rounds = tonumber(arg[1]) or 9

local function group(i)
   local id = ("/subscriptions/8c3f0e2a-1111-4222-8333-%012d/resourceGroups/aci-rg/providers/"
      .. "Microsoft.ContainerInstance/containerGroups/group-%d"):format(i, i)
   local container = { name = "flow", properties = {
      image = "prefecthq/prefect:2.20.25-python3.10", command = { "python", "-m", "prefect.engine" },
      resources = { requests = { cpu = 1.5, memoryInGB = 2 } }, ports = json.array {},
      environmentVariables = { { name = "PREFECT_API_URL", value = "http://127.0.0.1:4200/api" } },
   } }
   return { id = id, name = "group-" .. i, type = "Microsoft.ContainerInstance/containerGroups",
      location = "westeurope", tags = { acihost = "yes", note = 'a "quoted" word\n' },
      properties = { provisioningState = "Succeeded", osType = "Linux", restartPolicy = "Never",
         ipAddress = { ip = "10.0.0." .. i % 256, ports = { { port = 80, protocol = "TCP" } } },
         containers = { container } } }
end

local function list(count, make)
   local items = {}
   for i = 1, count do items[i] = make(i) end
   return items
end

local function flat(count)
   local members = {}
   for i = 1, count do members["member" .. i] = i end
   return members
end

local documents = {
   { "ARM list", { value = list(6000, group) } },
   { "numbers", list(550000, function(i) return i % 2 == 0 and i * 7919 or i / 100 end) },
   { "long strings", list(13000, function(i) return ("The flow run waits. \n"):rep(18) .. i end) },
   { "other scripts", list(14000, function(i) return ("Zürich, Łódź, Київ "):rep(14) .. i end) },
   { "one flat object", flat(250000) },
}

local function timed(f, value)
   collectgarbage()
   local started = os.clock()
   f(value)
   return os.clock() - started
end

local function median(times)
   table.sort(times)
   return times[#times // 2 + 1]
end

-- ours, theirs: the medians of functions that take turns.
local function compare(ours, theirs, value)
   local a, b = {}, {}
   for i = 1, rounds do
      a[i], b[i] = timed(ours, value), timed(theirs, value)
   end
   return median(a), median(b)
end

local function line(name, verb, bytes, ours, theirs)
   local ratio = theirs / ours
   print(("%-16s %-7s %5.1f MB  ours %4.0f MB/s  cjson %4.0f MB/s  ratio %.2f"):format(name, verb,
      bytes / 1e6, bytes / 1e6 / ours, bytes / 1e6 / theirs, ratio))
   return ratio
end

local least = math.huge
for _, document in ipairs(documents) do
   local name, value = document[1], document[2]
   local text = json.encode(value)
   local decoding = line(name, "decode", #text, compare(json.decode, cjson.decode, text))
   local encoding = line(name, "encode", #text, compare(json.encode, cjson.encode, value))
   least = math.min(least, decoding, encoding)
end
print(("aci.json reaches %.2f of raw lua-cjson or more (at least 0.7); medians of %d"):format(least, rounds))
os.exit(least >= 0.7 and 0 or 1)
