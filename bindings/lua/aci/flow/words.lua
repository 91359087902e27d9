--- What Prefect's engines of both majors say of a run, in its states and in its log: `words[2]`, `words[3]`.
-- A run here has `what` ("Flow" or "Task"), `declared`, `logger`, `tries`, and a task run `flow_run`.

local words = {}

--- A number as Python writes a float.
local function float(number)
   local text = ("%.15g"):format(number)
   return text:find "[.en]" and text or text .. ".0"
end

--- A text as Python quotes it.
local function quoted(text)
   local mark = text:find("'", 1, true) and not text:find('"', 1, true) and '"' or "'"
   text = text:gsub("\\", "\\\\"):gsub("\n", "\\n")
   return mark .. (mark == "'" and text:gsub("'", "\\'") or text) .. mark
end

--- "Failed('why')", with the type where the name does not tell it.
local function described(state)
   local parts = {}
   if type(state.message) == "string" and state.message ~= "" then parts[1] = quoted(state.message) end
   if state.type:lower() ~= state.name:lower() then parts[#parts + 1] = "type=" .. state.type end
   return ("Finished in state %s(%s)"):format(state.name, table.concat(parts, ", "))
end

--- An error that a task has logged in full is not told again by the flow that it passed through.
local function traced(run, outcome)
   local top = run.flow_run or run
   local known = top.told == outcome.error
   top.told = outcome.error
   return known and "the error of the task above" or outcome.trace or tostring(outcome.error)
end

local function again(run, state)
   run.logger:info(("Received non-final state 'AwaitingRetry' when proposing final state '%s' and will "
      .. "attempt to run again..."):format(state.name))
end

local function nothing() end

local function failed_state(name, message, ...)
   return { type = "FAILED", name = name, message = message:format(...) }
end

-- ------------------------------------------------------------------------------------------- Prefect 2

local two = { began = nothing, ended = nothing, again = again, crashed = nothing,
   aborted = "Execution was cancelled by the runtime environment." }

--- The state of an outcome that is an error. Dot and no dot are Prefect's own.
function two.failed(what, outcome)
   if outcome.timed_out then
      return failed_state("TimedOut", "%s run exceeded timeout of %s seconds", what, float(outcome.timed_out))
   end
   return failed_state("Failed", what == "Flow" and "Flow run encountered an exception. %s"
      or "Task run encountered an exception %s", tostring(outcome.error))
end

function two.created(run, submitted)
   local logger = run.flow_run.logger
   logger:info(("Created task run '%s' for task '%s'"):format(run.name, run.declared.name))
   logger:info((submitted and "Submitted task run '%s' for execution." or "Executing '%s' immediately...")
      :format(run.name))
end

function two.caught(run, outcome)
   run.logger:error("Encountered exception during execution:\n" .. traced(run, outcome))
end

function two.finished(run, state)
   run.logger:log(state.type == "COMPLETED" and "info" or "error", described(state))
end

function two.stopped(run)
   run.logger:warning "The run was cancelled."
   return "The run was cancelled."
end

--- A flow that gives nothing is what its tasks are.
function two.succeeded(task_states, given)
   if given ~= nil then return nil end
   local bad = 0
   for _, state in ipairs(task_states) do
      if state.type ~= "COMPLETED" then bad = bad + 1 end
   end
   if bad > 0 then return failed_state("Failed", "%d/%d states failed.", bad, #task_states) end
   return { type = "COMPLETED", name = "Completed",
      message = #task_states > 0 and "All states completed." or nil }
end

-- ------------------------------------------------------------------------------------------- Prefect 3

local three = { created = nothing, succeeded = nothing,
   aborted = "Execution was aborted by a termination signal." }

local function timeout_error(seconds)
   return ("TaskRunTimeoutError('Scope timed out after %s second(s).')"):format(float(seconds))
end

--- What went wrong, in one expression; a task's timeout that passes through the flow as well.
local function what_failed(run, outcome)
   local top = run.flow_run or run
   local seconds = run.what == "Task" and outcome.timed_out or top.timeouts[outcome.error]
   return seconds and timeout_error(seconds) or tostring(outcome.error), seconds
end

function three.failed(what, outcome, run)
   if outcome.timed_out then
      return failed_state("TimedOut", "%s run exceeded timeout of %s second(s)", what, float(outcome.timed_out))
   end
   local said, passed = what_failed(run, outcome)
   if passed then return failed_state("TimedOut", "Flow run failed due to timeout: %s", said) end
   return failed_state("Failed", what == "Flow" and "Flow run encountered an exception: %s"
      or "Task run encountered an exception %s", said)
end

function three.began(run)
   if run.what == "Task" then return end
   run.logger:info(("Beginning flow run '%s' for flow '%s'"):format(run.name, run.declared.name))
end

local function task_caught(run, outcome)
   local said, retries = what_failed(run, outcome), run.declared.retries
   if run.tries <= retries then
      local delay = run.declared.retry_delay
      run.logger:info(("Task run failed with exception: %s - Retry %d/%d will start %s"):format(said, run.tries,
         retries, delay > 0 and ("%g second(s) from now"):format(delay) or "immediately"))
      return
   end
   local trace = traced(run, outcome)
   if trace:sub(1, #said + 1) == said .. "\n" then trace = trace:sub(#said + 2) end -- it was said just now
   run.logger:error(("Task run failed with exception: %s%s\n%s"):format(said,
      retries > 0 and " - Retries are exhausted" or "", trace))
   if outcome.timed_out then run.logger:error(three.failed("Task", outcome, run).message) end
end

function three.caught(run, outcome)
   if run.what == "Task" then return task_caught(run, outcome) end
   local said, passed = what_failed(run, outcome)
   if outcome.timed_out or passed then
      run.logger:error(three.failed("Flow", outcome, run).message)
   else
      run.logger:error(("Encountered exception during execution: %s\n%s"):format(said, traced(run, outcome)))
   end
end

function three.again(run, state)
   if run.what == "Flow" then again(run, state) end
end

function three.finished(run, state)
   local fine = run.what == "Flow" or state.type == "COMPLETED"
   run.logger:log(fine and "info" or "error", described(state))
end

function three.crashed(run, state)
   run.logger:error("Crash detected! " .. state.message)
   three.finished(run, state)
end

function three.stopped(run)
   local message = "Flow run was cancelled successfully."
   run.logger:info "Flow run was cancelled."
   three.finished(run, { type = "CANCELLED", name = "Cancelled", message = message })
   return message
end

--- Prefect 3's process tells once more that its flow has failed.
function three.ended(run, state)
   if state.type == "FAILED" then run.logger:error "Engine execution exited with unexpected exception" end
end

words[2], words[3] = two, three

--- The words of a server's major.
function words.of(major)
   return words[major >= 3 and 3 or 2]
end

return words
