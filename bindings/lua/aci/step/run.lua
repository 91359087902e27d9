--- Carrying out steps: each in a task of its own once what it needs is done. For every thing: read it,
-- compare, write only the difference. In a plan nothing is written, and what would come from things that
-- do not exist yet is unknown.
local broken = require "aci.step.broken"
local errors = require "aci.error"
local task = require "aci.task"
local unknown = require "aci.step.unknown"

local run = {}

local function kind_of(thing)
   local ok, kind = pcall(require, "aci.thing." .. tostring(thing.kind))
   if not ok then
      errors.raise { kind = "usage", code = "NoKind", message = ("a step wants a thing of unknown kind '%s'"):format(
         tostring(thing.kind)), advice = "c.azure:resource(type, name, body) makes one; other steps show other kinds" }
   end
   return kind
end

run.kind_of = kind_of

local function refuse_foreign(thing, why)
   errors.raise { kind = "conflict", code = "NotOurs",
      message = ("%s is there already, and not made by this set-up: %s"):format(thing.label, why),
      advice = "choose another name in config.lua, or take it over with --adopt" }
end

--- What has to happen to a thing: its entry `{step, thing, action, changes, current}`.
local function examine(c, options, this, thing)
   local kind = kind_of(thing)
   local entry = { step = this.name, thing = thing, label = thing.label or kind.label(thing), changes = {} }
   thing.label = entry.label
   if unknown.within(thing.id) then
      entry.action = "create"
      return entry, kind
   end
   entry.current = kind.read(c, thing)
   thing.current = entry.current
   if not entry.current then
      entry.action = "create"
      if kind.fresh then entry.changes = kind.fresh(c, thing) end
      return entry, kind
   end
   entry.changes = kind.differs(c, thing, entry.current)
   entry.action = #entry.changes > 0 and "change" or "nothing"
   local foreign = kind.foreign and kind.foreign(c, thing, entry.current)
   if foreign and not options.adopt and entry.action ~= "nothing" then refuse_foreign(thing, foreign) end
   return entry, kind
end

local function fail_with_thing(err, entry)
   if errors.is(err) and not errors.is(err, "interrupted") and not err.thing then err.thing = entry.label end
   error(err, 0)
end

-- What later things take of one that is only planned: it is known when nothing changes, or when its kind says
-- that a change leaves it (`stays`).
local function planned(entry, kind, thing)
   local known = entry.action == "nothing" or kind.stays and kind.stays(thing)
   return known and entry.current or unknown.value
end

--- Reads, compares, writes one thing; gives what it is then.
local function settle(c, options, this, thing)
   local entry, kind = examine(c, options, this, thing)
   options.record(entry)
   local check = thing.check or kind.check
   if check and options.check and entry.action ~= "nothing" then check(c, thing) end
   if options.plan then
      return planned(entry, kind, thing)
   elseif entry.action == "nothing" then
      if kind.settle then kind.settle(c, thing, entry.current) end
      options.report.thing(entry)
      return entry.current
   end
   options.report.writing(entry)
   local ok, now = pcall(kind.write, c, thing, entry.current, entry, options.report)
   if not ok then fail_with_thing(now, entry) end
   options.report.thing(entry)
   return now
end

local function wanted(c, this)
   local things = this.want(c)
   if type(things) == "table" then return things end
   errors.raise { kind = "usage", code = "NoThings", advice = "it has to return { ... }",
      message = ("the step '%s': its want gives %s, not an array of things"):format(this.name, type(things)) }
end

local function settle_all(c, options, this)
   local things, results = wanted(c, this), {}
   for index, thing in ipairs(things) do
      if type(thing) == "function" then thing = thing(c, table.unpack(results, 1, index - 1)) end
      results[index] = thing and settle(c, options, this, thing) or false
   end
   return results, #things
end

local function run_step(c, options, this)
   options.report.begin(this)
   local results, count = settle_all(c, options, this)
   if this.gives then
      local open = false
      for index = 1, count do open = open or rawequal(results[index], unknown.value) end
      if open then
         c[this.name] = unknown.value
      else
         c[this.name] = this.gives(c, table.unpack(results, 1, count))
      end
   end
   options.report.finish(this)
end

--- Runs the steps. `options`: plan (write nothing), check (ask the `check` of things and kinds whether they
-- could be made, before they are), adopt, report. Gives the entries of all things in the order of the
-- steps. The first failing step cancels the others and its error is raised; what was made stays.
function run.steps(c, steps, options)
   local done, entries, by_step = {}, {}, {}
   for _, this in ipairs(steps) do done[this.name], by_step[this.name] = task.future(), {} end
   options.record = function(entry) table.insert(by_step[entry.step], entry) end
   local functions = {}
   for index, this in ipairs(steps) do
      functions[index] = function()
         for _, need in ipairs(this.needs) do done[need]:wait() end
         local ok, err = xpcall(run_step, broken(this), c, options, this)
         if not ok then
            if errors.is(err) then err.step = err.step or this.name end
            options.report.failed(this, err)
            error(err, 0)
         end
         done[this.name]:set(true)
      end
   end
   task.all(functions)
   for _, this in ipairs(steps) do
      for _, entry in ipairs(by_step[this.name]) do entries[#entries + 1] = entry end
   end
   return entries
end

--- The things of all steps with what is there now: entries like those of a plan, but nothing is refused.
-- For `status` and `teardown`, which have to work also where `setup` could not.
function run.survey(c, steps, report)
   return run.steps(c, steps, { plan = true, adopt = true, report = report })
end

--- What a run would do, and whether it could.
function run.plan(c, steps, options)
   return run.steps(c, steps, { plan = true, check = true, adopt = options.adopt, report = options.report })
end

return run
