--- Runs checks one after the other and tells of each; scripts/checks/*.lua are the checks.
local errors = require "aci.error"

local doctor = {}

local function blocked_by(check, states)
   for _, name in ipairs(check.needs or {}) do
      if states[name] == "wrong" or states[name] == "skipped" then return name end
   end
end

--- One line: the table shows it.
local function brief(text)
   return (tostring(text):gsub("%s*\n%s*", " "))
end

local function of_error(check, err)
   if not errors.is(err) then error(("check %s: %s"):format(check.name, tostring(err)), 0) end
   if errors.is(err, "interrupted") then error(err, 0) end
   return { check = check.name, state = "wrong", seen = brief(err.message), advice = err.advice,
      exit_code = errors.exit_code(err) }
end

local function examine(c, check, states)
   local blocker = blocked_by(check, states)
   if blocker then return { check = check.name, state = "skipped", seen = "needs " .. blocker } end
   local ok, state, seen, advice = pcall(check.run, c)
   if not ok then return of_error(check, state) end
   return { check = check.name, state = state, seen = brief(seen), advice = advice }
end

--- What each check found: rows of `check`, `state` ("ok", "note", "wrong", "skipped"), `seen`, `advice`.
-- A check is `{ name =, needs = {names}, run = function(c) -> state, seen, advice }`; an aci.error that it
-- raises is a "wrong", any other error is the check's own fault and is raised.
function doctor.examine(c, checks)
   local rows, states = {}, {}
   for i, check in ipairs(checks) do
      if type(check) == "string" then break end -- `{ require "a" }` ends in require's second result
      rows[i] = examine(c, check, states)
      states[check.name] = rows[i].state
   end
   return rows
end

--- What to do, each advice once with the checks that call for it: "network, agent: setup.lua makes it".
function doctor.advice(rows)
   local names, lines = {}, {}
   for _, row in ipairs(rows) do
      if row.advice and not names[row.advice] then
         names[row.advice] = {}
         lines[#lines + 1] = row.advice
      end
      if row.advice then table.insert(names[row.advice], row.check) end
   end
   for i, text in ipairs(lines) do lines[i] = table.concat(names[text], ", ") .. ": " .. text end
   return lines
end

--- The exit code that the rows call for: 0 when nothing is wrong, else that of the first error, else 1.
function doctor.exit_code(rows)
   local code = 0
   for _, row in ipairs(rows) do
      if row.state == "wrong" and code == 0 then code = row.exit_code or 1 end
   end
   return code
end

return doctor
