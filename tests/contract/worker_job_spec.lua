--- The job of a work pool's run, as Prefect's own worker resolves it (base job template, variables, blocks,
-- references) and as ours does: the same container group for the same run on a real server of each major.
local json    = require "aci.json"
local prefect = require "aci.prefect"
local process = require "aci.process"
local secret  = require "aci.secret"
local group   = require "aci.worker.group"
local job     = require "aci.worker.job"
local peers   = require "tests.support.peers"

local SUB = "0e676795-3ad3-4070-8f16-f67c58b5deb7"
local IDENTITY = ("/subscriptions/%s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i")
   :format(SUB)

-- The server takes only declared variables in a template; blocks and Prefect's variables come in by values.
local PROBE = { plain = "text", number = 3, yes = true,
   list = json.array { "{{ cpu }}", "{{ missing_one }}", "x{{ cpu }}y" },
   nested = { typed = "{{ memory }}", inside = "a-{{ image }}-b-{{ cpu }}", gone = "{{ missing_one }}",
      emptied = "[{{ missing_one }}]", switch = "{{ stream_output }}", word = "is {{ stream_output }}",
      spaced = "{{cpu}}{{   memory   }}", twice = "{{ cpu }}{{ cpu }}", braces = "{ {cpu} } {{ not valid! }}",
      more = "{{ more }}" } }

local MORE = { variable = "{{ prefect.variables.colour }}", within = "<{{ prefect.variables.colour }}>",
   whole = "{{ prefect.blocks.secret.conf }}", part = "{{ prefect.blocks.secret.conf.a.b }}",
   item = "{{ prefect.blocks.secret.conf.value.list[0] }}", left = "{{ cpu }} and {{ $JOB_SPEC_THERE }}",
   list = json.array { "{{ prefect.blocks.secret.key }}", { deep = "x{{ prefect.blocks.secret.key }}y" } } }

--- Changes of the pool's template (nil: as Prefect makes it), job variables of the deployment and of the run.
local ROWS = {
   { "nothing but what must be" },
   { "resources, image, start", deployment = { cpu = 2, memory = 3.5, image = "i:1", stream_output = true,
      task_start_timeout_seconds = 11, task_watch_poll_interval = 2.5 } },
   { "the run's over the deployment's", deployment = { cpu = 2, image = "i:1" }, run = { image = "i:2" } },
   { "environments of deployment and run", deployment = { env = { A = "1", B = "2" } },
      run = { env = { B = "3", C = "4" } } },
   { "numbers and switches in the environment", only = "p3", free = true,
      deployment = { env = { N = 5, F = 2.5, T = true, NO = false, ZERO = 0.0, BIG = 1e22, LONG = 1e15,
         SUM = 0.1 + 0.2, THIRD = 1 / 3 } } },
   { "null takes a variable away", only = "p3", deployment = { env = { A = "1", B = json.null } } },
   { "environment in the template", template = function(t) t.job_configuration.env = { T = "1", A = "{{ cpu }}" } end,
      deployment = { env = { A = "over", D = "1" } } },
   { "environment's default in the template", template = function(t)
      t.variables.properties.env.default = { T = "1", A = "2" } end, deployment = { env = { A = "over" } } },
   { "both", only = "p3", template = function(t)
      t.job_configuration.env, t.variables.properties.env.default = { J = "1", A = "0" }, { T = "1", A = "2" } end,
      run = { env = { A = "over" } } },
   { "dotted names", only = "p3", deployment = { ["env.X"] = "1", env = { Y = "2" } }, run = { ["env.Z"] = "3" } },
   { "words in quotes", only = "p3", deployment = { command = [[sh -c 'echo "a b"' "c  d" e\ f]] } },
   { "a command of words", deployment = { command = "python run.py --fast" } },
   { "an own entrypoint", deployment = { entrypoint = "/sbin/start", command = "a b" } },
   { "identities, subnet, name servers", deployment = { identities = json.array { IDENTITY },
      subnet_ids = json.array { "/subnet" }, dns_servers = json.array { "10.0.0.1", "10.0.0.2" } } },
   { "a registry by identity", deployment = { image_registry = { registry_url = "r.azurecr.io", identity = IDENTITY },
      identities = json.array { IDENTITY } } },
   { "a registry by password", template = function(t, made)
      t.variables.properties.image_registry.default = { ["$ref"] = { block_document_id = made.registry } } end },
   { "secrets of blocks in the environment", deployment = { env = { KEY = "{{ prefect.blocks.secret.key }}",
      URL = "x://{{ prefect.variables.colour }}/" } } },
   { "a secret within a text", only = "p3",
      deployment = { env = { URL = "x://u:{{ prefect.blocks.secret.key }}@h" } } },
   { "login by block", template = function(t, made)
      t.variables.properties.aci_credentials.default = { ["$ref"] = { block_document_id = made.credentials } } end },
   { "placeholders of all kinds", only = "p3", template = function(t)
      t.job_configuration.arm_template.probe = PROBE
      t.variables.properties.more = { type = "object", default = MORE }
      t.variables.properties.missing_one = { type = "string" }
   end },
   { "a name by flow and run", only = "p3", template = function(t)
      t.variables.properties.name.default = "{{ ctx.flow.name }}-{{ ctx.flow_run.name }}" end },
   { "a template of one's own", template = function(t)
      local made = t.job_configuration.arm_template.resources[1].properties
      made.volumes = json.array { { name = "keys", secret = { key = "aGVsbG8=" } } }
      made.containers[1].properties.volumeMounts = json.array { { name = "keys", mountPath = "/keys" } }
      made.containers[1].properties.resources.limits = { cpu = 2, memoryInGB = 4 }
      made.containers[2] = { name = "side", properties = { image = "i", resources = {
         requests = { cpu = "{{ cpu }}", memoryInGB = 1 } } } }
   end },
   { "a block that is not there", deployment = { env = { KEY = "{{ prefect.blocks.secret.nobody }}" } }, fails = true },
   { "a block's member that is not there", deployment = { env = { KEY = "{{ prefect.blocks.secret.key.no.such }}" } },
      fails = true },
}

local function plain(value)
   if secret.is(value) then return secret.reveal(value) end
   if type(value) ~= "table" or value == json.null then return value end
   local out = {}
   for key, item in pairs(value) do out[key] = plain(item) end
   return out
end

--- { NAME = value }, secure or not: Prefect's worker shows most of what is secret.
local function environment_of(list)
   local out = {}
   for _, each in ipairs(list) do
      if not each.name:find "^PREFECT" and not each.name:find "^ACIHOST" then
         out[each.name] = each.secureValue or each.value
      end
   end
   return out
end

--- What both say of the group, in one shape.
local function facts_of(resource)
   local properties = resource.properties
   local first = properties.containers[1].properties
   return { image = first.image, command = first.command, cpu = first.resources.requests.cpu,
      memory = first.resources.requests.memoryInGB, environment = environment_of(first.environmentVariables),
      identities = resource.identity and resource.identity.userAssignedIdentities,
      subnets = properties.subnetIds, dns = properties.dnsConfig, registries = properties.imageRegistryCredentials,
      volumes = properties.volumes, mounts = first.volumeMounts, limits = first.resources.limits,
      others = table.move(properties.containers, 2, #properties.containers, 1, {}),
      os = properties.osType, policy = properties.restartPolicy }
end

local function given(value)
   if value == json.null then return nil end
   return value
end

local MAJORS = {
   { peer = "p2", name = "Prefect 2.20.25", registry = "from prefect.infrastructure.container import DockerRegistry" },
   { peer = "p3", name = "Prefect 3.8.8", registry = "from prefect_docker import DockerRegistryCredentials",
      object = "Secret(value={'a': {'b': 'deep'}, 'list': [7]}).save('conf', overwrite=True)" },
}

for _, major in ipairs(MAJORS) do
   describe("a work pool's job on " .. major.name, function()
      local server, api, made, theirs
      local rows = {}
      for _, row in ipairs(ROWS) do
         if not row.only or row.only == major.peer then rows[#rows + 1] = setmetatable({}, { __index = row }) end
      end

      local function base_template()
         local code, out, err = peers.python(server.path, "import json, warnings; warnings.filterwarnings('ignore')\n"
            .. "from prefect_azure.workers.container_instance import AzureContainerWorker as W\n"
            .. "print('T' + json.dumps(W.get_default_base_job_template()))",
            peers.environment(server.home .. "/client"))
         assert(code == 0, err)
         return assert(json.decode(out:match "T(%b{})"))
      end

      local function furnish()
         api:put_block { slug = "secret", name = "key", data = { value = secret.new "s3cret-word" } }
         api:set_variable("colour", "red")
         return { credentials = api:put_block { slug = "azure-container-instance-credentials", name = "sp", data = {
            tenant_id = "t", client_id = "c", client_secret = secret.new "pa55" } }.id }
      end

      --- Blocks that only Prefect's own client makes: of a registry, and a secret that is an object.
      local function python_blocks()
         local code, out, err = peers.python(server.path, "import warnings; warnings.filterwarnings('ignore')\n"
            .. major.registry .. " as D\nfrom prefect.blocks.system import Secret\n"
            .. "print(D(username='u', password='p4ss', registry_url='r.example.com').save('reg', overwrite=True))\n"
            .. (major.object or ""), peers.environment(server.home .. "/client", { PREFECT_API_URL = server.url }))
         assert(code == 0, err)
         return out:match "%x+%-%x+%-%x+%-%x+%-%x+"
      end

      --- A pool, a deployment and a run for each row.
      local function make_runs()
         local template = base_template()
         for index, row in ipairs(rows) do
            local own = assert(json.decode(json.encode(template)))
            own.variables.properties.subscription_id.default = SUB
            own.variables.properties.resource_group_name.default = "g"
            if row.free then own.variables.properties.env = { type = "object" } end
            if row.template then row.template(own, made) end
            row.pool = ("pool-%d"):format(index)
            api:put_work_pool { name = row.pool, type = "azure-container-instance", base_job_template = own }
            local deployment = api:put_deployment { flow = "Job Flow", name = "D" .. index, version = "1", path = "/x",
               entrypoint = "f.py:f", work_pool_name = row.pool, job_variables = row.deployment }
            row.run = api:create_run(deployment.id, { job_variables = row.run })
         end
      end

      local function ask_python()
         local pairs_of = {}
         for index, row in ipairs(rows) do pairs_of[index] = row.pool .. "/" .. row.run.id end
         local ran = assert(process.run { args = { server.path .. "/bin/python", "tests/support/job.py",
            table.unpack(pairs_of) }, timeout = 120, env = peers.environment(server.home .. "/client", {
               PREFECT_API_URL = server.url, JOB_SPEC_THERE = "there" }) })
         assert(ran.code == 0, ran.stderr)
         local list = {}
         for line in ran.stdout:gmatch "JOB ([^\n]+)" do list[#list + 1] = assert(json.decode(line)) end
         assert.equal(#rows, #list, ran.stderr)
         return list
      end

      setup(function()
         if not peers.path(major.peer) then return end
         server = peers.prefect(major.peer)
         api = prefect.connect { prefect_url = server.url }
         made = furnish()
         made.registry = python_blocks()
         make_runs()
         theirs = ask_python()
      end)
      teardown(function() if server then server:stop() end end)

      local function ours_of(row)
         local pool = { pool = function() return api:work_pool(row.pool) end }
         local run = api:run(row.run.id)
         local data = job.resolve(api, pool, { run = run, deployment = api:deployment_by_id(run.deployment_id),
            flow = api:flow_by_id(run.flow_id) })
         return data, group.body(run, data, { name = "g", location = "l", settings = {}, tags = {} })
      end

      local function compare(index)
         local row, their = rows[index], theirs[index]
         local ok, data, body = pcall(ours_of, row)
         if row.fails then
            assert.is_string(their.error)
            assert.is_false(ok)
            return
         end
         assert(ok, tostring(data))
         assert.is_nil(their.error)
         local a, b = facts_of(their.group), plain(facts_of(body))
         if not row.deployment or not row.deployment.image then a.image, b.image = nil, nil end -- by each's own version
         assert.same(a, b)
         assert.same({ their.subscription, their.resource_group, given(their.secret), their.stream, their.start,
            their.every }, { data.subscription_id, data.resource_group_name,
            plain((data.aci_credentials or {}).client_secret), data.stream_output or false,
            data.task_start_timeout_seconds, data.task_watch_poll_interval })
         if given(their.probe) then assert.same(their.probe, plain(data.arm_template.probe)) end
         if data.name then assert.equal(their.name, data.name) end
      end

      for index, row in ipairs(rows) do
         it("is the same with " .. row[1], function()
            if not server then pending("vendor/peers " .. major.peer .. " installs Prefect's worker") return end
            compare(index)
         end)
      end

      it("keeps as secure values what came out of secret blocks", function()
         if not server then pending("vendor/peers " .. major.peer .. " installs Prefect's worker") return end
         local seen = 0
         for _, row in ipairs(rows) do
            if row[1]:find "secret" then
               local _, body = ours_of(row)
               local text = json.encode(body)
               assert.is_nil(text:find("s3cret", 1, true))
               for _, each in ipairs(body.properties.containers[1].properties.environmentVariables) do
                  if secret.is(each.secureValue) then seen = seen + 1 end
                  assert.is_false(secret.is(each.value))
               end
            end
         end
         assert.equal(major.peer == "p3" and 2 or 1, seen)
      end)
   end)
end
