--- What became of the runs, from what nobody can colour: Prefect's record, the marks that the containers
-- made, the request log of the cloud.
local measure = {}

local OK = { [200] = true, [201] = true }

--- The container groups that were created, and written over, for each run: the answers to PUT, also those
-- that were lost on their way. A group's name ends with its run's id, whole or the first ten digits of it (then
-- the ids are random).
function measure.creates(requests, runs)
   local by_name = {}
   for _, request in ipairs(requests) do
      local name = request.method == "PUT" and request.path:lower():match "/containergroups/([^/]+)$"
      local status = request.lost or request.status
      if name and OK[status] then
         local counts = by_name[name] or { [200] = 0, [201] = 0 }
         counts[status] = counts[status] + 1
         by_name[name] = counts
      end
   end
   for _, run in ipairs(runs) do
      run.creates, run.rewrites = 0, 0
      local whole, first = "-" .. run.id, "-" .. run.id:gsub("-", ""):sub(1, 10)
      for name, counts in pairs(by_name) do
         if name:sub(-#whole) == whole or name:sub(-#first) == first then
            run.creates, run.rewrites = run.creates + counts[201], run.rewrites + counts[200]
         end
      end
   end
end

--- How often each line of `what` ("out" or "log") is in the run's log in Prefect.
local function seen_lines(api, id)
   local seen = { out = {}, log = {} }
   for _, entry in ipairs(api:logs(id)) do
      -- one entry may hold several lines of output
      for line in entry.message:gmatch "[^\n]+" do
         local what, number = line:match "^(%l+) (%d+)$"
         if seen[what] then seen[what][what .. " " .. number] = (seen[what][what .. " " .. number] or 0) + 1 end
      end
   end
   return seen
end

--- Lines that were marked and are not in the log, and those that are there more often than marked.
local function compare(marks, seen, what)
   local lost, again, count = 0, 0, 0
   for word, times in pairs(marks) do
      if word:find("^" .. what .. " %d+$") then
         count = count + times
         lost = lost + math.max(0, times - (seen[word] or 0))
         again = again + math.max(0, (seen[word] or 0) - times)
      end
   end
   return count, lost, again
end

--- Fills in what is known of a run: state, message, starts, bodies, lines.
function measure.run(field, run)
   local now = field.api:run(run.id) or {}
   run.state, run.message = now.state_type or "gone", now.state and now.state.message or ""
   local marks, seen = field:marked(run.id), seen_lines(field.api, run.id)
   run.starts, run.bodies = marks.start or 0, marks.body or 0
   run.out, run.out_lost, run.out_again = compare(marks, seen.out, "out")
   run.log, run.log_lost, run.log_again = compare(marks, seen.log, "log")
   -- what may be missing: a container that was ended from outside is cut where it was
   if not run.kind.output then run.out_lost = 0 end
   if not run.kind.whole then run.log_lost = 0 end
end

--- Why a run is not as it must be; nil when it is.
function measure.complaint(run)
   local kind = run.kind
   if run.state ~= kind.ends then return ("is %s, not %s: %s"):format(run.state, kind.ends, run.message) end
   if kind.says and not tostring(run.message):find(kind.says, 1, true) then
      return ("does not say %q: %s"):format(kind.says, tostring(run.message))
   elseif run.starts ~= kind.launches or run.creates > 1 then
      return ("started %d times, %d groups created"):format(run.starts, run.creates)
   elseif run.kind.whole and run.bodies ~= (kind.bodies or 1) then
      return ("its flow ran %d times"):format(run.bodies)
   elseif run.out_lost + run.out_again + run.log_lost + run.log_again > 0 then
      return ("output: %d of %d lost, %d twice; log: %d of %d lost, %d twice"):format(run.out_lost, run.out,
         run.out_again, run.log_lost, run.log, run.log_again)
   end
end

--- How many requests were struck by faults.
function measure.faults(requests)
   local counts = { throttled = 0, unavailable = 0, reset = 0, lost = 0, all = #requests }
   for _, request in ipairs(requests) do
      if request.lost then counts.lost = counts.lost + 1
      elseif request.status == 429 then counts.throttled = counts.throttled + 1
      elseif request.status == 503 then counts.unavailable = counts.unavailable + 1
      elseif request.status == 499 then counts.reset = counts.reset + 1 end
   end
   return counts
end

return measure
