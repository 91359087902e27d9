-- The program as `lua`: the same command lines through Debian's lua5.4 and through the program, and the
-- same output, messages and exit codes expected. Each line runs by sh in a folder with the files below.
local fs = require "aci.fs"
local process = require "aci.process"

local program = process.self()
local oracle = "/usr/bin/lua5.4"

local files = {
   ["print.lua"] = "print(#arg, ...) for i = -9, 9 do if arg[i] then print(i, arg[i]) end end",
   ["module.lua"] = "print('loading', ...) return { name = ... }",
   ["names.lua"] = "return function(t) local n = {} for k in pairs(t) do n[#n + 1] = k end table.sort(n)"
      .. " print(table.concat(n, ' ')) end",
   ["nothing.lua"] = "print 'loaded'",
   ["broken.lua"] = "local x = = 1",
   ["raises.lua"] = "local function inner() error 'deep' end\nlocal function outer() inner() end\nouter()",
   ["raises_table.lua"] = "error {}",
   ["raises_object.lua"] = "error(setmetatable({}, { __tostring = function() return 'an object' end }))",
   ["raises_odd.lua"] = "error(setmetatable({}, { __tostring = function() return {} end, __name = 'Odd' }))",
   ["raises_nil.lua"] = "error(nil)",
   ["raises_zero.lua"] = "error 'before\\0after'",
   ["requires_broken.lua"] = "require 'broken'",
   ["arg_gone.lua"] = "print(arg, ...)",
   ["close.lua"] = [[
      local a <close> = setmetatable({}, { __close = function(_, e) print('closed a', e) end })
      local b <close> = setmetatable({}, { __close = function(_, e) print('closed b', e) end })
      setmetatable({}, { __gc = function() print 'collected' end })
      local how = ...
      if how == 'error' then error 'boom' end
      if how == 'exit' then os.exit(7) end
      if how == 'close' then os.exit(8, true) end
      if how == 'true' then os.exit(true, true) end
      if how == 'false' then os.exit(false) end]],
   ["warns.lua"] = "warn('one ', 'two') warn '@off' warn 'no' warn '@on' warn 'three'"
      .. " setmetatable({}, { __gc = function() error 'in gc' end })",
   ["shebang.lua"] = "#!/usr/bin/lua\nprint 'after the first line'",
   ["paths.lua"] = "print(package.path, package.cpath)",
   ["shebang_only.lua"] = "#comment without an end of line",
   ["bom.lua"] = "\xEF\xBB\xBF# comment\nprint(3, ...)",
   ["half_bom.lua"] = "\xEF\xBBprint(3)",
   ["compiled.lua"] = "#comment\n" .. string.dump(assert(load("print('compiled', ...)", "@where.lua"))),
   ["truncated.lua"] = string.dump(load "print(3)"):sub(1, 20),
   ["raises_level.lua"] = "local m = setmetatable({}, { __tostring = function()\n"
      .. "return 'line ' .. debug.getinfo(4, 'l').currentline end })\n\nerror(m)",
   ["frames.lua"] = "local i = 0 while debug.getinfo(i) do local f = debug.getinfo(i) i = i + 1"
      .. " print(i, f.what, f.name, f.namewhat, f.short_src, f.currentline) end",
   ["close_raises.lua"] = "local x <close> = setmetatable({}, { __close = function(_, e)"
      .. " error('closing after ' .. tostring(e)) end }) if ... == 'error' then error 'first' end"
      .. " if ... == 'exit' then coroutine.wrap(function() os.exit(4, true) end)() end",
   ["gc_order.lua"] = [[
      setmetatable({}, { __gc = function() print 'first made, last' end })
      setmetatable({}, { __gc = function()
         setmetatable({}, { __gc = function() print 'never' end })
         print(collectgarbage())
         os.exit(0, true)
      end })]],
   ["warn_control.lua"] = "warn '@other' warn('@off', 'x', '@off') warn '@off' warn('@on', 'y') warn '@on'"
      .. " warn('', '@on') print(pcall(warn, 'kept back', {})) warn 'z'",
   ["coroutines.lua"] = [[
      print(coroutine.isyieldable(), select(2, coroutine.running()))
      local co = coroutine.create(function(...) local x = coroutine.yield(...) error { x } end)
      print(coroutine.resume(co, 1, 2)) print(type(select(2, coroutine.resume(co, 3))))
      print(coroutine.resume(co)) print(coroutine.status(co), coroutine.close(co))
      print(pcall(coroutine.wrap(function() error 'wrapped' end)))
      print(pcall(coroutine.wrap(function() error('plain', 0) end)))
      local w = coroutine.wrap(function() return 1 end) w() print(pcall(w))
      print(pcall(pcall)) print(pcall(xpcall)) print(pcall(xpcall, print)) print(xpcall(print, 3))
      print(xpcall(error, function(m) return m .. '!' end, 'handled'))
      print(xpcall(function(...) return select('#', ...), ... end, print, nil, 2, nil))
      print(select(2, xpcall(function() error 'here' end, debug.traceback)))
      print(select(2, xpcall(function() error 'here' end, function(m) return debug.traceback(m, 2) end)))
      print(xpcall(function() error 'here' end, function() return debug.getinfo(2, 'n').name end))
      print(select('#', pcall(function() end)), pcall(error))
      print(pcall(coroutine.resume, 1)) print(pcall(coroutine.wrap, 1))
      print(coroutine.wrap(function() return pcall(function() return coroutine.yield(5) end) end)())
      local deep = 0
      local function down() deep = deep + 1 return coroutine.wrap(down)() end
      print(pcall(down) , deep > 150)
      print(select('#', pcall(string.rep, 'x', -1)), #table.pack(pcall(table.unpack, {}, 1, 200)))
      print(pcall(table.unpack, {}, 1, 1e7))]],
   ["lines.txt"] = "first\nsecond\n",
   ["repl.txt"] = [[
1 + 1
"a\nb"
local x = 1
print(x)
error "boom"
for i = 1, 2 do
print(i)
end
=3
x =
10
x, nil, "y"
error(setmetatable({}, { __tostring = function() return "speaks" end }))
error {}
)
return 5
function f()
   return 1,
      2
end f()
print(...)
_PROMPT, _PROMPT2 = "first ", setmetatable({}, { __tostring = function() return "then " end })
(6 * 2
- 6)
_PROMPT = nil
print = nil
1
print = error
1]],
   ["long.txt"] = "= '" .. ("7"):rep(999) .. "'\nx = [[" .. (" "):rep(5000) .. "\n]] return #x\n",
   ["unfinished.txt"] = "x = {",
}

local lines = {
   -- versions and usage
   "$LUA -v | head -n 1", "$LUA -v -e 'print(1)' | sed -n 1p", "$LUA -i </dev/null | head -n 1",
   "$LUA -v - </dev/null | head -n 1",
   "$LUA -x", "$LUA --version", "$LUA --v", "$LUA -e", "$LUA -l", "$LUA -e -v", "$LUA -l -e", "$LUA -vv",
   "$LUA -ii", "$LUA -Ex", "$LUA -iv", "$LUA ---", "$LUA -i x", "$LUA -E -", "$LUA -W1", "$LUA -h",
   "$LUA -e 'print(1)' -z", "$LUA -e 'print(1)' -e",
   -- -e and -l
   "$LUA -e 'print(1)'", "$LUA -e'print(1)' -e 'print(2)'", "$LUA -e 'x=1' -e 'print(x)' print.lua a",
   "$LUA -e 'print(...)' print.lua a", "$LUA -e ''", "$LUA -e 'local x = = 1'",
   "$LUA -e 'error(\"e\")' -e 'print(1)'",
   "$LUA -e 'error(\"e\", 0)'", "$LUA -e 'error(2)'", "$LUA -e 'error()'", "$LUA -e 'return 3'",
   "$LUA -e 'print(arg[0], arg[-1])'",
   "$LUA -l module -e 'print(module.name)'", "$LUA -lmodule -e 'print(module.name)'",
   "$LUA -l m=module -e 'print(m.name, module)'",
   "$LUA -lm=module -e 'print(m.name)'", "$LUA -l nothing -e 'print(nothing)'", "$LUA -l string",
   "$LUA -l broken",
   "$LUA -l nosuch.thing 2>&1 | grep -v /scripts/", "$LUA -l m=nosuch 2>&1 | grep -v /scripts/",
   "$LUA -e 'print(module)' -l module -e 'print(module.name)'", "$LUA -l =module",
   "$LUA -l m= 2>&1 | grep -v /scripts/",
   -- the script and its arguments
   "$LUA print.lua", "$LUA print.lua a 'b c' ''", "$LUA print.lua -e -v -- x", "$LUA -- print.lua a",
   "$LUA -W -- print.lua a",
   "$LUA -e 'x=1' -l module print.lua a", "$LUA ./print.lua a", "$LUA shebang.lua", "$LUA $PWD/print.lua a",
   "$LUA nosuch.lua", "$LUA ./nosuch", "$LUA .", "$LUA broken.lua", "$LUA raises.lua",
   "$LUA raises_table.lua",
   "$LUA raises_object.lua", "$LUA raises_odd.lua", "$LUA raises_nil.lua", "$LUA raises_zero.lua",
   "$LUA requires_broken.lua",
   "$LUA -e 'arg = nil' arg_gone.lua", "$LUA -e 'arg = 3' arg_gone.lua x",
   "$LUA -e 'arg = { 1, 2 }' arg_gone.lua x",
   "$LUA -e 'arg[1] = 9 arg[3] = nil' print.lua x y z",
   "$LUA -e 'arg = setmetatable({}, { __len = function() return 1 end })' print.lua",
   "$LUA shebang_only.lua", "$LUA bom.lua a", "$LUA < bom.lua", "$LUA half_bom.lua", "$LUA compiled.lua a",
   "$LUA < compiled.lua", "$LUA - x < compiled.lua", "$LUA -l compiled", "$LUA truncated.lua",
   "$LUA raises_level.lua", "$LUA frames.lua", "$LUA < frames.lua", "$LUA -l frames",
   "LUA_INIT=@frames.lua $LUA -e ''", "$LUA -- -", "$LUA -- --", "$LUA ''",
   "$LUA print.lua $(seq 1 3000) | head -c 2000",
   "$LUA -e 'arg = setmetatable({}, { __len = function() return 5000000 end })' print.lua",
   "$LUA -e 'arg = setmetatable({}, { __len = function() return \"x\" end })' print.lua",
   "$LUA -e 'arg = setmetatable({}, { __len = function() error \"len\" end })' print.lua",
   -- standard input
   "$LUA - < print.lua", "$LUA - a b < print.lua", "$LUA < print.lua", "$LUA -- - a < print.lua",
   "$LUA -e 'x=1' < print.lua", "$LUA -v < print.lua | head -n 1",
   "$LUA -W < warns.lua", "$LUA - < broken.lua", "$LUA < raises.lua", "$LUA </dev/null",
   "$LUA -e 'print(io.read())' < lines.txt",
   "$LUA -e 'for l in io.lines() do print(l) end' < lines.txt",
   "(echo 'print(io.read(\"a\"))'; echo rest) | $LUA -",
   "$LUA print.lua >&-", "$LUA -e 'print(io.read())' <&-",
   -- endings of a session that is not on a terminal
   "echo 'os.exit(3)' | $LUA -i >/dev/null", "echo 'os.exit(4)' | $LUA -i 2>&1 >/dev/null",
   -- the environment
   "LUA_INIT='print(1)' $LUA -e 'print(2)'", "LUA_INIT_5_4='print(54)' LUA_INIT='print(1)' $LUA -e ''",
   "LUA_INIT=@print.lua $LUA -e 'print(2)'",
   "LUA_INIT=@nosuch.lua $LUA -e 'print(2)'", "LUA_INIT='error(10)' $LUA -e 'print(2)'",
   "LUA_INIT_5_4='x =' $LUA -e 'print(2)'",
   "LUA_INIT=@raises.lua $LUA print.lua", "LUA_INIT='print(#arg, arg[1])' $LUA print.lua a",
   "LUA_INIT='error(10)' $LUA -E -e 'print(2)'", "LUA_INIT= $LUA -e 'print(2)'",
   "LUA_PATH=x $LUA -e 'print(package.path)'", "LUA_PATH='x;;y' $LUA -e 'print(package.path)'",
   "LUA_PATH=';;y' $LUA -e 'print(package.path)'",
   "LUA_PATH='x;;' $LUA -e 'print(package.path)'", "LUA_PATH=';;' $LUA -e 'print(package.path)'",
   "for p in ';' ';;;;' 'a;;b;;c' 'a;;;b'; do LUA_PATH=$p LUA_CPATH=$p $LUA paths.lua; done",
   "env -i $LUA -e 'print(package.path, package.cpath)'",
   "LUA_PATH=x LUA_PATH_5_4=y $LUA -e 'print(package.path)'", "LUA_PATH= $LUA -e 'print(package.path)'",
   "LUA_CPATH=x $LUA -e 'print(package.cpath)'", "LUA_CPATH='x;;y' $LUA -e 'print(package.cpath)'",
   "LUA_CPATH_5_4='x;;' $LUA -e 'print(package.cpath)'",
   "LUA_PATH=x LUA_CPATH=y $LUA -E -e 'print(package.path, package.cpath)'",
   "$LUA -e 'print(package.path, package.cpath, package.config)'",
   "LUA_PATH='./?.lua' $LUA -l module", "LUA_PATH='x/?' $LUA -l module 2>&1 | grep -v /scripts/",
   -- endings
   "$LUA close.lua", "$LUA close.lua error", "$LUA close.lua exit", "$LUA close.lua close",
   "$LUA close.lua true", "$LUA close.lua false",
   "$LUA close_raises.lua", "$LUA close_raises.lua error", "$LUA -W close_raises.lua exit", "$LUA -W gc_order.lua",
   "$LUA -e 'error(print)'", "$LUA -e 'error(setmetatable({}, { __name = \"My\" }))'",
   "$LUA -e 'os.exit(300)'", "$LUA -e 'os.exit(-1)'", "$LUA -e 'os.exit()'", "$LUA -e 'os.exit(\"x\")'",
   "$LUA -e 'os.exit(1.5)'", "$LUA -e 'io.write(1) os.exit(0)'",
   "$LUA -e 'while true do print(1) end' | head -n 1", "$LUA -e 'print(os.execute(\"exit 3\"))'",
   "$LUA -e 'print(os.execute(\"kill -9 $$\"))'",
   "$LUA -e 'print(os.execute(), os.execute \"false\") print(os.execute \"nosuch 2>&-\") print(os.execute \"\")'",
   "$LUA -e 'print(os.execute [[kill -INT $$]]) print(os.execute [[exit 130]]) print(pcall(os.execute, {}))'",
   "$LUA -e 'print(io.popen(\"exit 2\"):close())'",
   "$LUA -e \"os.execute('kill -s PIPE \\$\\$; echo still here')\"",
   -- warnings, memory, libraries
   "$LUA warns.lua", "$LUA -W warns.lua", "$LUA -W warn_control.lua", "$LUA warn_control.lua",
   "$LUA -e 'warn \"@on\"' warns.lua",
   "$LUA -W -e 'warn \"@off\" warn \"x\"'", "$LUA -W -e 'warn(1)'", "$LUA -W -e 'warn()'",
   "$LUA -e 'print(collectgarbage(\"incremental\"))'", "$LUA coroutines.lua",
   "$LUA -e 'print(pcall(string.rep, \"x\", 1 << 60))'",
   "$LUA -l names -e 'names(_G)'",
   "$LUA -l names -e 'names(package.loaded)'",
   "$LUA -e 'local function f() return f() + 1 end f()' 2>&1 | head -n 1",
   "$LUA -e 'print((\"x\"):rep(3), #_VERSION, math.maxinteger)'", "$LUA -e 'print(os.setlocale())'",
   "$LUA -e 'print(#debug.traceback())'", "$LUA -e 'string.rep()'",
   "$LUA -e 'os.exit(coroutine.isyieldable() and 1 or 0)'", "exec -a other $LUA -x",
   "echo 'debug.debug() print(x)' | $LUA -", "printf 'x=5\\ncont\\n' | $LUA -e 'debug.debug() print(x)'",
}

-- Interactive, not on a terminal: the options and the file that is typed. Debian's lua5.4 has readline,
-- which writes what it reads; lua itself doesn't.
local sessions = {
   { "-i", "repl.txt" }, { "-i print.lua a", "repl.txt" }, { "-i -e 'print(1)'", "repl.txt" },
   { "-i raises.lua", "repl.txt" }, { "-e '_PROMPT=\"\" _PROMPT2=\"\"' -i", "repl.txt" },
   { "-i", "long.txt" }, { "-i", "lines.txt" }, { "-i -W", "warns.lua" },
}

local function without_echo(text, input)
   local kept, at = {}, 1
   for line in input:gmatch "[^\n]+" do
      local from, to = text:find(line .. "\n", at, true)
      if from then
         kept[#kept + 1] = text:sub(at, from - 1)
         at = to + 1
      end
   end
   return table.concat(kept) .. text:sub(at)
end

-- The program writes its own name in front of messages, and has usage lines of its own.
local function normal(text, path)
   text = text:gsub(path:gsub("%p", "%%%0"), "lua")
   text = text:gsub("  %-%-%a[^\n]*\n", ""):gsub("(Lua 5%.4[^\n]*\n)acihost [%d.]+\n", "%1")
   return (text:gsub("0x%x+", "ADDRESS"))
end

describe("as lua", function()
   local folder, environment

   setup(function()
      folder = assert(fs.tempdir("lua"))
      for name, text in pairs(files) do assert(fs.write(folder .. "/" .. name, text)) end
      environment = process.environment()
      for name in pairs(environment) do
         if name:find "^LUA" then environment[name] = nil end
      end
      environment.COLUMNS = "20000" -- readline breaks the lines that it echoes where the terminal ends
   end)
   teardown(function() fs.remove_tree(folder) end)

   local function run(path, line)
      environment.LUA = path
      local result = assert(process.run { args = { "/bin/bash", "-c", line }, cwd = folder, env = environment })
      return { code = result.code, signal = result.signal,
         stdout = normal(result.stdout, path), stderr = normal(result.stderr, path) }
   end

   for _, line in ipairs(lines) do
      it(line, function()
         assert.same(run(oracle, line), run(program, line))
      end)
   end

   for _, session in ipairs(sessions) do
      local line = ("$LUA %s < %s"):format(session[1], session[2])
      it(line, function()
         local expected = run(oracle, line)
         expected.stdout = without_echo(expected.stdout, files[session[2]])
         assert.same(expected, run(program, line))
      end)
   end

   it("adds one line to the version", function()
      local text = run(program, "$LUA -v | sed -n 2p").stdout
      assert.matches("^acihost %d[%d.]*\n$", text)
   end)

   it("says what is wrong with a statement that the end of input cuts off", function()
      assert.matches("^stdin:1: [^\n]+ near <eof>\n$", run(program, "$LUA -i < unfinished.txt").stderr)
   end)

   it("the table of lines is not trivially alike", function()
      local seen, distinct = {}, 0
      for _, line in ipairs(lines) do
         local result = run(oracle, line)
         local key = ("%s %s %s"):format(result.code, result.stdout, result.stderr)
         if not seen[key] then seen[key], distinct = true, distinct + 1 end
      end
      assert.is_true(distinct > #lines / 2)
   end)
end)
