--- Which runs the worker is offered, on the local cloud and on real servers of both majors: limits of queues and
-- pools, pauses, priorities, runs whose time has not come; and which workers are alive.
local clock   = require "aci.clock"
local json    = require "aci.json"
local pool    = require "aci.worker.pool"
local queues  = require "aci.worker.queues"
local workers = require "aci.worker.workers"
local sides   = require "tests.support.sides"
local support = require "tests.support.prefect"

local PREFECTS = { { major = "2", version = "2.20.25", peer = "p2" }, { major = "3", version = "3.8.8", peer = "p3" } }

local count = 0
local function unique(text)
   count = count + 1
   return ("%s-%d-"):format(text, count)
end

for _, each in ipairs(PREFECTS) do
   for _, side in ipairs { "here", "there" } do
      describe(("what a worker is offered by Prefect %s (%s)"):format(each.version, side), function()
         local ledger = sides.open("Prefect " .. each.version, "the real server")
         local backend, api, said

         setup(function()
            if side == "here" then backend = support.inside { prefect = each.major } else
               backend = support.real(each.peer)
            end
            api = backend and backend.api
         end)
         teardown(function() if backend then backend.stop() end end)
         before_each(function() said = {} end)

         local function check(title, body)
            it(title, function()
               if not api then pending(("vendor/peers %s installs the real server"):format(each.peer)) return end
               ledger:hold(side, "worker: " .. title, body)
            end)
         end

         local function say(...) said[#said + 1] = string.format(...) end

         local function new_pool(fields)
            local name = unique "pool"
            local body = { name = name, type = "azure-container-instance", base_job_template = json.object {} }
            for key, value in pairs(fields or {}) do body[key] = value end
            api:put_work_pool(body)
            return name
         end

         --- Starts a run of a deployment in a queue. @param where work_pool_name, work_queue_name
         local function start(where, seconds)
            local fields = { flow = "Offered", name = unique "D", path = "/x", entrypoint = "f.lua:f" }
            for key, value in pairs(where) do fields[key] = value end
            local at = seconds and clock.iso(clock.now() + seconds) or nil
            return api:create_run(api:put_deployment(fields).id, { state = { type = "SCHEDULED",
               state_details = { scheduled_time = at } } }).id
         end

         local function ids(runs)
            local list = {}
            for i, run in ipairs(runs) do list[i] = run.id end
            return list
         end

         local function set(id, ...)
            for _, kind in ipairs { ... } do assert.equal("ACCEPT", api:set_run_state(id, { type = kind }).status) end
         end

         check("the more urgent queue of an agent first, all that a pattern means, no more than asked for", function()
            local word = unique "queue"
            -- In this order: a queue that comes to a taken place moves those behind it.
            for priority, name in ipairs { "fast", "other", "slow" } do
               api:request("POST", "/work_queues/", { json = { name = word .. name, priority = priority } })
            end
            api:request("POST", "/work_queues/", { json = { name = unique "else" } })
            local slow, fast = start { work_queue_name = word .. "slow" }, start { work_queue_name = word .. "fast" }
            local other = start { work_queue_name = word .. "other" }
            local source = queues.new(api, { word .. "*" })
            assert.same({ fast, other, slow }, ids(source:due(10, 0)))
            assert.same({ fast, other }, ids(source:due(2, 0)))
            assert.same({ slow }, ids(queues.new(api, { word .. "slow" }):due(10, 0)))
         end)

         check("nothing of an agent's queue that is paused or has no room", function()
            local name = unique "queue"
            local queue = api:request("POST", "/work_queues/", { json = { name = name, concurrency_limit = 1 } })
            local first = start { work_queue_name = name }
            start { work_queue_name = name }
            local source = queues.new(api, { name })
            assert.equal(1, #source:due(10, 0))
            set(first, "PENDING")
            assert.same({}, source:due(10, 0))
            assert.same({ first }, ids(source:begun()))
            set(first, "RUNNING", "COMPLETED")
            assert.equal(1, #source:due(10, 0))
            api:request("PATCH", "/work_queues/" .. queue.id, { json = { is_paused = true } })
            assert.same({}, source:due(10, 0))
         end)

         check("runs so long before their time as asked for", function()
            local name = new_pool()
            local soon = start({ work_pool_name = name }, 30)
            local source = pool.new(api, name, nil, say)
            assert.same({}, source:due(10, 10))
            assert.same({ soon }, ids(source:due(10, 60)))
         end)

         check("nothing of a pool that is paused, and that is told once", function()
            local name = new_pool { is_paused = true }
            local id = start { work_pool_name = name }
            local source = pool.new(api, name, nil, say)
            assert.same({ {}, {} }, { source:due(10, 0), source:due(10, 0) })
            assert.same({ ("the work pool %s is paused: nothing is started"):format(name) }, said)
            api:put_work_pool { name = name, is_paused = false }
            assert.same({ id }, ids(source:due(10, 0)))
         end)

         check("as many as a pool's limit lets through", function()
            local name = new_pool { concurrency_limit = 1 }
            local first = start { work_pool_name = name }
            start { work_pool_name = name }
            local source = pool.new(api, name, nil, say)
            assert.equal(1, #source:due(10, 0))
            set(first, "PENDING")
            assert.same({}, source:due(10, 0))
            assert.same({ first }, ids(source:begun()))
            set(first, "RUNNING", "COMPLETED")
            assert.equal(1, #source:due(10, 0))
         end)

         check("of a pool's queues those that are wanted, the more urgent first, none of a paused one", function()
            local name = new_pool()
            for _, each_queue in ipairs { "second", "third" } do api:put_queue(each_queue, name) end
            local third = start { work_pool_name = name, work_queue_name = "third" }
            local second = start { work_pool_name = name, work_queue_name = "second" }
            assert.same({ second, third }, ids(pool.new(api, name, nil, say):due(10, 0)))
            assert.same({ second }, ids(pool.new(api, name, nil, say):due(1, 0)))
            assert.same({ third }, ids(pool.new(api, name, { "thi*" }, say):due(10, 0)))
            assert.same({}, pool.new(api, name, { "no*" }, say):due(10, 0))
            api:request("PATCH", ("/work_pools/%s/queues/second"):format(name), { json = { is_paused = true } })
            assert.same({ third }, ids(pool.new(api, name, nil, say):due(10, 0)))
         end)

         check("of a pool that is not there or of another type, a word and no end", function()
            local name = unique "nobody"
            local ok, err = pcall(function() return pool.new(api, name, nil, say):due(10, 0) end)
            assert.same({ false, true }, { ok, pool.is_waiting(err) })
            local other = new_pool { type = "process" }
            ok, err = pcall(function() return pool.new(api, other, nil, say):due(10, 0) end)
            assert.same({ false, true }, { ok, pool.is_waiting(err) })
            assert.matches("does not exist yet", said[1])
            assert.matches("is of type process; this worker serves azure%-container%-instance", said[2])
         end)

         check("word of the workers that are alive, and of those that are not known", function()
            local name = new_pool()
            local function member(who) return { api = api, name = who, source = { name = name } } end
            local mine = member "w1"
            assert.is_true(workers.beat(mine))
            assert.is_true(workers.beat(member "w2"))
            local alive = workers.alive(mine)
            assert.same({ false, true }, { alive "w1", alive "w2" })
            assert.is_nil(alive "w3")
            assert.equal(30, api:workers(name)[1].heartbeat_interval_seconds)
         end)

         check("no claim that somebody else has, whoever asks first", function()
            local claims = require "aci.worker.claims"
            local id = start { work_pool_name = new_pool() }
            local run, won = api:run(id), 0
            for _, who in ipairs { "w1", "w2", "w3" } do
               if claims.take({ api = api, name = who, say = say }, run) then won = won + 1 end
            end
            assert.equal(1, won)
            assert.equal("w1", claims.owner(api:run(id)))
         end)
      end)
   end
end
