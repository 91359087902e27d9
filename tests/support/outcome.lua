--- What the Prefect API shows of a flow run: the states, task runs and log lines that its engine has reported.
local json  = require "aci.json"
local peers = require "tests.support.peers"

local outcome = {}

--- The states that a run ("flow" or "task") has entered, "TYPE Name" each, in order.
function outcome.states(api, kind, id)
   local list = {}
   for _, state in ipairs(api:request("GET", ("/%s_run_states/"):format(kind),
      { query = { [kind .. "_run_id"] = id } })) do
      list[#list + 1] = { at = state.timestamp, text = state.type .. " " .. state.name }
   end
   table.sort(list, function(a, b) return a.at < b.at end)
   for index, state in ipairs(list) do list[index] = state.text end
   return table.concat(list, ", ")
end

--- The task runs by their stems: Prefect 3 ends their names with three random characters.
local function tasks(api, id)
   local list = {}
   for _, each in ipairs(api:task_runs(id)) do
      list[#list + 1] = ("%s: %s; %d tries, %d retries after %d s, run %d of the flow"):format(
         each.name:match "^(.*)%-", outcome.states(api, "task", each.id), each.run_count,
         each.empirical_policy.retries, each.empirical_policy.retry_delay, each.flow_run_run_count)
   end
   table.sort(list)
   return list
end

-- What the run has left to be read; of a table its content, whatever its text.
local function artifacts(api, id)
   local list = {}
   for _, each in ipairs(api:request("POST", "/artifacts/filter", { json = {
      flow_runs = { id = { any_ = { id } } }, sort = "CREATED_DESC" } })) do
      if type(each.key) == "string" then -- what a flow gives is one of Python's, without a key
         list[#list + 1] = { key = each.key, type = each.type, description = each.description,
            data = each.type == "table" and json.decode(each.data) or each.data }
      end
   end
   table.sort(list, function(a, b) return tostring(a.key) < tostring(b.key) end)
   return list
end

local function read(api, id)
   local run, levels, messages = api:run(id), {}, {}
   for _, entry in ipairs(api:logs(id)) do
      levels[#levels + 1] = ("%d %s"):format(entry.level, entry.name)
      messages[#messages + 1] = entry.message:gsub(run.name:gsub("%p", "%%%0"), "RUN")
   end
   messages[#messages + 1] = "state message: " .. tostring(run.state.message)
   return { messages = messages, same = { states = outcome.states(api, "flow", id), tasks = tasks(api, id),
      artifacts = artifacts(api, id),
      levels = levels, count = run.run_count, retries = run.empirical_policy.retries } }
end

--- What is shown of a run that has ended, once it is complete: Prefect 3 records task runs a moment after it
-- was told of them, and the last log lines come after the last state.
-- @return `same` (states, tasks, levels, count, retries) and `messages` (the run's own name as "RUN")
function outcome.of(api, id)
   local before
   peers.wait_until("the record of the run", 20, function()
      local now = read(api, id)
      local shown = table.concat(now.same.tasks, "\n") .. #now.messages
      local done = before == shown and not shown:find "RUNNING Running;"
      before = shown
      return done
   end)
   return read(api, id)
end

return outcome
