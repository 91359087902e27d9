--- The work of tests/mutants: a scratch copy of the tree, one breakage of breakages.lua after the other, the specs
-- that are to catch it, a table.
local clock   = require "aci.clock"
local fs      = require "aci.fs"
local process = require "aci.process"

package.path = "./?.lua;" .. package.path
local breakages = require "tests.support.breakages"

local LIMIT = 300 -- seconds that a spec may take; on a busy machine the contract with Prefect takes 140

--- The tree as it stands here, with the built program; never the tree itself is broken.
local function scratch_copy()
   local folder = assert(fs.tempdir "acihost-mutants-")
   local copied = assert(process.run { args = { "sh", "-c", [[git ls-files -co --exclude-standard -z |
      xargs -0 cp --parents -t "$1" && mkdir "$1/build" && cp build/acihost build/*.so "$1/build"]], "sh", folder } })
   if copied.code ~= 0 then error("the tree cannot be copied: " .. copied.stderr, 0) end
   return folder
end

local function environment(folder)
   local all = process.environment()
   all.ACIHOST_LUA, all.ACIHOST_TESTS, all.NO_COLOR = folder .. "/bindings/lua", "1", "1"
   all.ACIHOST_REQUIRE_WITNESSES = nil
   return all
end

local function named(spec)
   return type(spec) == "table" and spec[1] or spec, type(spec) == "table" and spec[2] or nil
end

--- Runs one spec in the copy. @return true where all held, else the name of the first that did not
local function run_spec(folder, spec)
   local file, filter = named(spec)
   local args = { "busted", "--lua=" .. folder .. "/build/acihost", "-o", "plainTerminal", file }
   if filter then table.insert(args, 2, "--filter=" .. filter) end
   local ran, err = process.run { args = args, cwd = folder, env = environment(folder), stdin = "null",
      timeout = LIMIT }
   if not ran then return nil, ("%s: %s"):format(file, tostring(err)) end
   local count = tonumber(ran.stdout:match "(%d+) success") or 0
   if ran.code == 0 and count > 0 then return true end
   local failed = ran.stdout:match "\n%u%l+ %-> [^\n]+\n([^\n]+)"
   if not failed then return nil, ("%s ran %d checks and ended with %s\n%s"):format(file, count, tostring(ran.code),
      (ran.stdout .. ran.stderr):sub(-600)) end
   return false, failed
end

local whole = {}

--- Without the breakage the spec that caught it must hold; else it would "catch" everything.
local function check_whole(folder, spec)
   local file, filter = named(spec)
   local key = file .. "\0" .. (filter or "")
   if whole[key] == nil then
      local ok, why = run_spec(folder, spec)
      whole[key] = ok and "" or ("NOT TRIED: %s fails without any breakage: %s"):format(file, why)
   end
   return whole[key]
end

-- The broken text, which must still be Lua; nil and why not.
local function broken(text, each)
   local from, to = text:find(each[3], 1, true)
   if not from then return nil, "its text is not there any more" end
   if text:find(each[3], to + 1, true) then return nil, "its text is there more than once" end
   local changed = text:sub(1, from - 1) .. each[4] .. text:sub(to + 1)
   local compiles, err = load(changed, "=" .. each[2])
   return compiles and changed, err
end

-- @return the spec that failed and its check's name; nil and what was tried in vain
local function catch(folder, each)
   local tried = {}
   for index, spec in ipairs(each[5]) do
      local ok, name = run_spec(folder, spec)
      if ok == nil then return nil, name end
      if not ok then return spec, name end
      tried[index] = named(spec)
   end
   return nil, "NOT CAUGHT by " .. table.concat(tried, ", ")
end

--- Breaks, runs, mends. @return the file that caught it and the name of the check; nil and why not
local function try(folder, each)
   local path = folder .. "/" .. each[2]
   local text = assert(fs.read(path))
   local changed, why = broken(text, each)
   if not changed then return nil, "NOT TRIED: " .. tostring(why) end
   local mode = fs.stat(path).mode
   assert(fs.write(path, changed, { mode = mode }))
   local ok, spec, name = pcall(catch, folder, each)
   assert(fs.write(path, text, { mode = mode }))
   if not ok then error(spec, 0) end
   if not spec then return nil, name end
   local fault = check_whole(folder, spec)
   if fault ~= "" then return nil, fault end
   return named(spec), name
end

local function is_chosen(name, words)
   if #words == 0 then return true end
   for _, word in ipairs(words) do
      if name:lower():find(word:lower(), 1, true) then return true end
   end
   return false
end

local function main(words)
   local chosen, caught, began = {}, 0, clock.monotonic()
   for _, each in ipairs(breakages) do
      if is_chosen(each[1], words) then chosen[#chosen + 1] = each end
   end
   local copy <close> = setmetatable({ path = scratch_copy() }, { __close = function(self)
      fs.remove_tree(self.path)
   end })
   io.write(("%-52s %s\n"):format("breakage", "caught by"))
   for _, each in ipairs(chosen) do
      local file, name = try(copy.path, each)
      if file then caught = caught + 1 end
      io.write(("%-52s %s\n"):format(each[1], file and file:match "[^/]+$" .. ": " .. name or name))
      io.flush()
   end
   io.write(("%d breakages, %d caught, %.0f s\n"):format(#chosen, caught, clock.monotonic() - began))
   return #chosen > 0 and caught == #chosen
end

os.exit(main(arg) and 0 or 1, true)
