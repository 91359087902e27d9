-- The interactive mode on a terminal, as a person meets it; and without one.
package.path = "tests/support/?.lua;" .. package.path

local fs = require "aci.fs"
local process = require "aci.process"
local task = require "aci.task"
local terminal = require "terminal"

describe("the REPL", function()
   local folder, at, history

   -- A new session; `greeted` waits for the first prompt.
   local function begin(environment)
      local env = { XDG_STATE_HOME = folder .. "/state", ACIHOST_HOME = folder .. "/home", TERM = "screen",
         ACIHOST_CLOUD = "local", LANG = "C.UTF-8" }
      for name, value in pairs(environment or {}) do env[name] = value end
      at = terminal.open({ process.self() }, folder, env)
      at:expect "\n>$"
      return at
   end

   local function stop_cloud()
      local env = process.environment()
      env.ACIHOST_HOME = folder .. "/home"
      assert.equal(0, process.run({ args = { process.self(), "sim", "stop" }, env = env }).code)
   end

   local function kept()
      return fs.read(history) or ""
   end

   before_each(function()
      folder = fs.realpath(assert(fs.tempdir("repl")))
      history = folder .. "/state/acihost/history"
   end)
   after_each(function()
      if at then at:close() at = nil end
      fs.remove_tree(folder)
   end)

   it("prints expressions, whatever they are, and statements only what they print", function()
      begin()
      at:enter "1 + 1":expect "\n2\n>$"
      at:enter [["a\nb", nil, 1.5]]:expect '\n"a\\nb"\nnil\n1.5\n>$'
      at:enter "{ 1, 2, { deep = {} } }":expect "\n{ 1, 2, { deep = {} } }\n>$"
      at:enter "x = 7":expect "x = 7\n>$"
      at:enter "x":expect "> x\n7\n>$"
      at:enter "= x, _":expect "= x, _\n7\n7\n>$"
      at:enter "t = { name = 't' } t.self = t":enter "t":expect '{ name = "t", self = { %(itself%) } }\n>$'
      at:enter "{ { name = 'a', n = 1 }, { name = 'bcd', n = 22 } }":expect "NAME  N\na     1\nbcd   22\n>$"
      at:enter "require('aci.secret').new 'hidden'":expect "\n<secret>\n>$"
      at:enter "require('aci.json').array {}":expect "\n%[%]\n>$"
      assert.not_matches("\nhidden", at:screen())
   end)

   it("goes on over lines until a statement is whole", function()
      begin()
      at:enter "for i = 1, 2 do":expect "\n>>$"
      at:enter "print('round', i)":expect "i%)\n>>$"
      at:enter "end":expect "\nround%s+1\nround%s+2\n>$"
      at:enter "1 +":expect "\n>>$"
      at:enter "2":expect "2\n3\n>$"
      at:enter "{":enter "1, 'a'":enter "}":expect "\n>> }\n{ 1, \"a\" }\n>$"
      at:enter "tostring(":enter "7)":expect '\n"7"\n>$'
      at:enter "x = [[":enter "]] .. 'end'":enter "x":expect '"end"\n>$'
   end)

   it("understands letters beyond ASCII and edits them", function()
      begin()
      at:type "'Zürich Łó'":press("Left", "BSpace", "Enter"):expect '"Zürich Ł"\n>$'
   end)

   it("tells of a client's method that is none, or is called wrongly, how it is called", function()
      begin()
      at:enter "kv:secrets()"
      at:expect "%(method 'secrets'%)\ndid you mean help \"kv:secret\"%? help \"kv\" lists what there is\n>$"
      at:enter "az:get()"
      at:expect "local 'id'%)\nit is called so: Azure:get%(id, version%); help \"az:get\" says more\n>$"
      at:enter "none = nil":enter "none:get()":expect "%(global 'none'%)\n>$"
      at:press "C-d":expect "ended with 0"
      stop_cloud()
   end)

   it("tells an error without the program's own frames", function()
      begin()
      at:enter "error 'boom'":expect "\nstdin:1: boom\n>$"
      at:enter "function f() error 'deep' end":enter "function g() f() end":enter "g()"
      at:expect "\nstdin:1: deep\n%s+stdin:1: in function 'f'\n%s+stdin:1: in function 'g'\n>$"
      at:enter "require('aci.task').spawn(function() f() end):wait()":expect "\nstdin:1: deep\n"
      at:enter "x = = 1":expect "\nstdin:1: unexpected symbol near '='\n>$"
      at:enter "require('aci.error').raise { kind = 'auth', message = 'no' }":expect "\nno\n>$"
      assert.not_matches("%[C%]", at:screen())
      assert.not_matches("aci/", at:screen())
   end)

   it("says once that a local does not survive its line", function()
      begin()
      at:enter "local a = 1":expect "note: a local lives only as long as its line"
      at:enter "local b = 1":enter "'end'":expect '"end"\n>$'
      assert.equal(1, select(2, at:screen():gsub("note:", "")))
   end)

   describe("history", function()
      it("is kept for the next session, readable by its owner only", function()
         begin()
         at:enter "first = 'kept'":expect "\n>$"
         at:press "C-d":expect "ended with 0"
         at:close()
         assert.equal("first = 'kept'\n", kept())
         assert.equal(tonumber("600", 8), fs.stat(history).mode & tonumber("777", 8))
         begin()
         at:press "Up":expect "> first = 'kept'$"
         at:press("Enter"):enter "first":expect '"kept"\n>$'
      end)

      it("holds no line that begins with a space, none with a secret, and whole statements", function()
         begin { MY_TOKEN = "plain words" }
         for _, line in ipairs {
            " print 'space'", "said = 'some plain words'",
            "password = 'hunter2'", "key = 'AbCdEf0123456789AbCdEf0123456789'",
            "require('aci.secret').new 'hunter3'", "c = { client_secret = 'hunter4' }",
            "u = 'https://a.blob.core.windows.net/c?sv=1&sig=hunter5%2B'", "h = { Authorization = 'Bearer hunter6' }",
            "s = false and kv:set('db', 'hunter7')", "u = 'https://me:hunter8@host/'", "pw = 'hunter9'",
            "h = { ['x-api-key'] = 'hunter10' }", "p = 'pnu_0a1b2c3d4e5f'",
            "id = '/subscriptions/8c3f0e2a-1111-4222-8333-44445555aaaa/resourceGroups/g'",
            "s = false and kv:secret 'testsecret'", "for i = 1, 2 do", "tokens = i", "end", "last = 1",
         } do at:enter(line) end
         at:enter "last + 1":expect "\n2\n>$"
         assert.equal("id = '/subscriptions/8c3f0e2a-1111-4222-8333-44445555aaaa/resourceGroups/g'\n"
            .. "s = false and kv:secret 'testsecret'\n"
            .. "for i = 1, 2 do tokens = i end\nlast = 1\nlast + 1\n", kept())
      end)
   end)

   describe("Tab", function()
      before_each(function() begin() end)

      it("completes globals, fields and methods", function()
         at:type "collectg":press "Tab":expect "> collectgarbage$"
         at:press "C-u":type "string.fo":press "Tab":expect "> string.format$"
         at:press "C-u":type "package.loaded.st":press "Tab":expect "> package.loaded.string$"
         at:press "C-u":enter "object = setmetatable({ own = 1 }, { __index = { method = print } })"
         at:type "object:m":press "Tab":expect "> object:method$"
         at:press "C-u":type "object.":press "Tab":expect "\nmethod  own\n> object%.$"
         at:press "C-u":enter "text = 'x'":type "text:rev":press "Tab":expect "> text:reverse$"
         at:press "C-u":type "io.stdout:fl":press "Tab":expect "> io.stdout:flush$"
         at:press "C-u":enter "rows = { { name = 'x', ['odd'] = { inner = 1 } } }"
         at:type "rows[1].na":press "Tab":expect "> rows%[1%].name$"
         at:press "C-u":type "print(rows[1]['odd'].in":press "Tab":expect "%]%.inner$"
         at:press "C-u":type "rows[#text.pack":press("Tab", "Tab"):type "|":expect "> rows%[#text.pack|$"
         at:press "C-u":type "0x":press "Tab":type "f":expect "> 0xf$"
      end)

      it("calls nothing: no __index function, no client, no cloud", function()
         at:enter "trap = setmetatable({}, { __index = function() called = true return {} end })"
         at:type "trap.a.b":press("Tab", "Tab"):press "C-u"
         at:type "az:deploy":press("Tab", "Tab"):expect "deploy%w+"
         at:press "C-u":type "kv:sec":press "Tab":expect "> kv:secret"
         at:press "C-u":type "graph:":press "Tab":expect "create_application"
         at:press "C-u":type "blob:up":press "Tab":expect "> blob:upload"
         at:press "C-u":enter "called, rawget(_G, 'az'), rawget(_G, 'kv')":expect "\nnil\nnil\nnil\n>$"
         assert.is_nil((fs.stat(folder .. "/home")))
      end)

      it("completes topics and methods inside help's quotes", function()
         at:type "help 'keyv":press "Tab":expect "> help 'keyvault'$"
         at:press "C-u":type "help('az:put_g":press "Tab":expect "> help%('az:put_group'$"
      end)

      it("completes file names inside quotes, and modules after require", function()
         fs.write(folder .. "/data-file.txt", "x")
         fs.mkdir(folder .. "/data-folder")
         at:type "io.open('data-fi":press "Tab":expect "data%-file.txt$"
         at:press "C-u":type "dofile \"data-fo":press "Tab":expect "data%-folder/$"
         at:press "C-u":type "io.open('data":press("Tab", "Tab"):expect "\ndata%-file.txt%s+data%-folder/\n"
         at:press "C-u":type "require 'aci.js":press "Tab":expect "> require 'aci.json'$"
      end)

      it("indents an empty line", function()
         at:press "Tab":type "1":press "Enter":expect "\n>    1\n1\n>$"
      end)
   end)

   describe("Ctrl-C", function()
      before_each(function() begin() end)

      it("clears the line at the prompt, and leaves an unfinished statement", function()
         at:type "half a li":press "C-c":expect "%^C\n>$"
         at:enter "1":expect "\n> 1\n1\n>$"
         at:enter "for i = 1, 2 do":expect "\n>>$"
         at:press "C-c":expect "%^C\n>$"
         at:enter "'new'":expect '\n"new"\n>$'
      end)

      it("interrupts what runs, as often as it must, and never ends the session", function()
         for _, line in ipairs {
            "while true do end", "require('aci.task').sleep(100)",
            "while true do pcall(require('aci.task').sleep, 1) end",
            "require('aci.task').spawn(function() while true do end end):wait()",
            "require('aci.process').run { args = { 'sleep', '100' } }",
         } do
            at:press "C-l":enter(line)
            task.sleep(0.15)
            at:press "C-c":expect "interrupted\n>$"
         end
         at:enter "'still here'":expect '"still here"\n>$'
      end)

      it("ends a busy task that runs while the prompt waits", function()
         at:enter "b = require('aci.task').spawn(function() require('aci.task').sleep(0.1) while true do end end)"
         task.sleep(0.3)
         at:press "C-c":expect "%^C\n>$"
         at:enter "b:done()":expect "\ntrue\n>$"
      end)
   end)

   it("begins a line of its own, whatever was printed or typed before", function()
      begin()
      at:enter "io.write 'no end' x = 1":expect "\nno end\n>$"
      at:enter "require('aci.task').sleep(1)"
      task.sleep(0.2)
      at:type "'typed':ahe":expect "\n> 'typed':ahe$" -- the terminal may have shown it once before
      at:press("BSpace", "BSpace", "BSpace", "BSpace", "Enter"):expect '\n"typed"\n>$'
   end)

   it("edits on after it was stopped and brought back", function()
      at = terminal.open({ "bash", "--norc", "--noprofile" }, folder, { XDG_STATE_HOME = folder .. "/state",
         TERM = "screen", PS1 = "shell$ ", PROGRAM = process.self() })
      at:expect "shell%$$"
      at:enter "$PROGRAM":expect "\n>$"
      at:type "x = 100":expect "> x = 100$"
      at:press "C-z":expect "Stopped.*shell%$$"
      at:enter "fg":expect "\n> x = 100$"
      at:press("BSpace", "Left", "Left"):type "2":press "Enter":enter "x":expect "\n210\n>$"
   end)

   it("lets tasks run while it waits for a line", function()
      begin()
      at:enter "require('aci.task').spawn(function() require('aci.task').sleep(0.1) print 'from the task' end) done = 1"
      at:expect "\n[> ]*from the task"
   end)

   it("explains from the reference", function()
      begin()
      at:enter "help 'az:get'":expect "Azure:get%(id, version%)\nThe resource, or nil when there is none."
      at:enter "help(require('aci.task').sleep)":expect "task.sleep%(seconds%)\nSuspends"
      at:enter "help(require 'aci.secret')":expect "aci.secret\n.*functions:\n  secret.new"
      at:enter "help(require('aci.task').spawn(print))":expect "Task:cancel"
      at:enter "help(require 'aci.error')":expect "aci.error\n.*errors.raise%(fields%)"
      at:enter "help 'nearest'":expect "aci.nearest\nThe word of a list.*nearest%(word, words%)"
      at:enter "help 'az:put'":expect "options%? %({timeout%?: number, on_poll%?: function, query%?: table}%)\n"
      at:enter "help 'blob:sas'":expect "options%? %(aci.SasOptions%)\n     permissions%? %(string%) letters: r read"
      at:enter "help(print)":expect "print: a function of Lua"
      at:enter "help 'kv:get'":expect 'about "kv:get"; did you mean help "kv:set"%? help "kv" lists what there is'
      at:enter "help 'kv.xyzzy'":expect 'about "kv.xyzzy"; help "kv" lists what there is'
      at:enter "help 'az:gte'":expect 'about "az:gte"; did you mean help "az:get"%?'
      at:enter "help 'keyvalt'":expect 'about "keyvalt"; did you mean help "keyvault"%?'
      at:enter "help(7)":expect "nothing in the reference about this number"
      at:enter "help()":expect "clients %(they connect when they are used%)"
      at:press "C-l":enter "help":expect "clients %(they connect when they are used%)"
      at:enter "quit":expect "\nnil\nCtrl%-D ends, or os.exit%(code%)\n>$"
   end)

   it("has the clients of the local cloud at first use", function()
      begin()
      at:enter "#az:groups()":expect "%(az: the local cloud%)\n0\n>$"
      at:enter "az:put_group('repl', 'westeurope').name":expect '"repl"\n>$'
      at:enter "graph:applications_tagged 'none'":expect "\n[%[{][%]}]\n>$"
      at:enter "az":expect "\nAzure: subscription [%x-]+, group aci%-rg\nhelp%(az%) tells what it can do\n>$"
      at:enter "az:put_group('other', 'westeurope') az:groups()":enter "az:groups()"
      at:expect "\nNAME +ID +LOCATION +PROPERTIES +TYPE\nother +/subscri[^\n]+westeurope"
      at:enter "prefect":expect "%(prefect: the local cloud%)\nPrefect: http://127[^\n]+\nhelp%(prefect%)"
      at:enter "graph":expect "\nMicrosoft Graph: tenant [%x-]+\n"
      at:enter "kv":expect "\nKey Vault: https://"
      at:enter "kv.name":expect '\n"[%w-]+"\n>$'
      at:type "az:gro":press("Tab", "Tab"):expect "groups"
      at:press "C-u":press "C-d":expect "ended with 0"
      stop_cloud()
   end)

   it("ends at the end of input and at os.exit", function()
      begin()
      at:press "C-d":expect "ended with 0"
      at:close()
      begin()
      at:enter "os.exit(3)":expect "ended with 3"
   end)

   it("works on a dumb terminal", function()
      begin { TERM = "dumb" }
      at:enter "{ 1, 2 }":expect "\n{ 1, 2 }\n>$"
      at:enter "while true do end"
      task.sleep(0.1)
      at:press "C-c":expect "interrupted\n>$"
      at:type "half":press "C-c":expect "> half%^C\n>$"
      at:enter "'after'":expect '"after"\n>$'
      at:press "C-d":expect "ended with 0"
   end)

   it("works without a terminal", function()
      local result = process.run { args = { process.self(), "-i" },
         input = "1\n{ 1, b = 2 }\n'raw'\nhelp 'az:get'\nerror 'x'\nlocal y = 1\n",
         env = { HOME = folder, PATH = "/bin" } }
      assert.equal(0, result.code)
      local text = result.stdout:gsub("^.-\n.-\n", "")
      assert.matches("^> 1\n> { 1, b = 2 }\n> raw\n> Azure:get%(id, version%)\n.*\n> > > \n$", text)
      assert.matches("^stdin:1: x\nstack traceback:\n", result.stderr)
      assert.is_nil((fs.stat(folder .. "/.local")))
   end)
end)
