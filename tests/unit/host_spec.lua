-- The program as the host of scripts: what it has beyond lua. (As lua: lua_spec.)
local fs = require "aci.fs"
local process = require "aci.process"

describe("the host", function()
   local folder

   before_each(function() folder = fs.realpath(assert(fs.tempdir("host"))) end)
   after_each(function() fs.remove_tree(folder) end)

   local function run(line, environment)
      local env = process.environment()
      env.PROGRAM = process.self()
      for name, value in pairs(environment or {}) do env[name] = value end
      return assert(process.run { args = { "/bin/bash", "-c", line }, cwd = folder, env = env })
   end

   local function write(name, text) assert(fs.write(folder .. "/" .. name, text)) end

   it("is Lua 5.4 with the program's own modules", function()
      assert.equal("Lua 5.4", _VERSION)
      assert.is_function(require("aci.task").spawn)
   end)

   it("finds its modules before those on the path", function()
      package.loaded["aci.error"] = nil
      local _, from = require "aci.error"
      assert.equal(":embedded:", from)
   end)

   describe("a script's name", function()
      before_each(function()
         fs.mkdir(folder .. "/scripts/steps")
         write("here.lua", "print 'here'")
         write("scripts/here.lua", "print 'scripts'")
         write("scripts/mine.lua", "print('mine', require 'steps.own')")
         write("scripts/steps/own.lua", "return 'own step'")
      end)

      local function says(text, line)
         local result = run(line)
         assert.equal("", result.stderr)
         assert.equal(text, result.stdout)
      end

      it("with a slash is that file", function()
         says("here\n", "$PROGRAM ./here.lua")
         says("scripts\n", "$PROGRAM scripts/here.lua")
      end)

      it("NAME.lua is the file here, where there is one, else that of ./scripts", function()
         says("here\n", "$PROGRAM here.lua")
         says("mine\town step\tscripts/steps/own.lua\n", "$PROGRAM mine.lua")
      end)

      it("a bare NAME is NAME.lua of ./scripts", function()
         says("scripts\n", "$PROGRAM here")
         says("mine\town step\tscripts/steps/own.lua\n", "$PROGRAM mine")
      end)

      it("a stray file or folder of that name is not run", function()
         write("mine", "print 'stray'")
         says("mine\town step\tscripts/steps/own.lua\n", "$PROGRAM mine")
         fs.mkdir(folder .. "/here")
         fs.mkdir(folder .. "/scripts/here")
         says("scripts\n", "$PROGRAM here")
         write("setup", "print 'stray'")
         fs.mkdir(folder .. "/scripts/sim")
         assert.not_matches("stray", run("$PROGRAM setup --help").stdout)
         assert.matches("sim", run("$PROGRAM sim --help").stdout)
      end)

      it("that means nothing gives lua's message", function()
         local result = run("$PROGRAM nothing")
         assert.equal(1, result.code)
         assert.matches("cannot open nothing: [^\n(]*\n$", result.stderr)
      end)

      it("that is almost one of ours gives lua's message, and what was probably meant", function()
         for typed, meant in pairs { stauts = "status", ["docter.lua"] = "doctor", loggs = "logs" } do
            local result = run("$PROGRAM " .. typed)
            assert.equal(1, result.code)
            assert.matches(("cannot open %s: .* %%(did you mean %s%%.lua%%?%%)\n$"):format(typed, meant), result.stderr)
         end
         assert.not_matches("did you mean", run("$PROGRAM ./stauts").stderr)
      end)
   end)

   it("finds a step in the script's folder, in ./scripts, and in the installed scripts, in that order", function()
      fs.mkdir(folder .. "/own/steps")
      fs.mkdir(folder .. "/scripts/steps")
      write("own/x.lua", "for _, n in ipairs { 'a', 'b', 'group' } do print((select(2, require('steps.' .. n)))) end")
      write("own/steps/a.lua", "return 1")
      write("scripts/steps/a.lua", "return 2")
      write("scripts/steps/b.lua", "return 3")
      local a, b, group = run("$PROGRAM own/x.lua").stdout:match "^(.-)\n(.-)\n(.-)\n$"
      assert.equal("own/steps/a.lua", a)
      assert.equal("./scripts/steps/b.lua", b)
      assert.matches("^/.*/scripts/steps/group%.lua$", group)
   end)

   it("an installed script uses the step that was copied to ./scripts alone", function()
      assert.equal(0, run("$PROGRAM --eject steps/all").code)
      write("scripts/steps/all.lua", "print 'mine'; os.exit(3)")
      for _, name in ipairs { "setup", "status.lua" } do
         local result = run("ACIHOST_HOME=" .. folder .. "/home $PROGRAM " .. name .. " --cloud local")
         assert.equal("mine\n", result.stdout)
         assert.equal(3, result.code)
      end
   end)

   it("a step copied out alone finds the templates and flows, and a template copied out is used", function()
      for _, name in ipairs { "steps/template", "steps/roles", "steps/deployments", "templates/role.json" } do
         assert.equal(0, run("$PROGRAM --eject " .. name).code)
      end
      assert.equal(fs.read "scripts/templates/role.json", fs.read(folder .. "/scripts/templates/role.json"))
      write("scripts/show.lua", "local files = require 'steps.files'\n"
         .. "print(files 'templates/role.json')\nprint(files 'flows/simple_demo')\n"
         .. "for _, each in ipairs { 'template', 'roles', 'deployments' } do require('steps.' .. each) end")
      local result = run("$PROGRAM show")
      assert.equal("", result.stderr)
      local role, flows = result.stdout:match "^(.-)\n(.-)\n$"
      assert.matches("^%.?/?scripts/templates/role%.json$", role)
      assert.matches("^/.*/scripts/flows/simple_demo$", flows)
   end)

   it("--eject copies a script or a step out, and never over an existing file", function()
      local first = run("$PROGRAM --eject setup && $PROGRAM --eject steps/storage")
      assert.equal(0, first.code)
      assert.equal(fs.read "scripts/setup.lua", fs.read(folder .. "/scripts/setup.lua"))
      assert.equal(fs.read "scripts/steps/storage.lua", fs.read(folder .. "/scripts/steps/storage.lua"))
      write("scripts/setup.lua", "mine")
      local again = run("$PROGRAM --eject setup")
      assert.equal(6, again.code)
      assert.matches("it is left as it is", again.stderr)
      assert.equal("mine", fs.read(folder .. "/scripts/setup.lua"))
      assert.equal(2, run("$PROGRAM --eject nothing").code)
      assert.matches("'steps/storag' to copy out %(did you mean 'steps/storage'%?%)\n$",
         run("$PROGRAM --eject steps/storag").stderr)
      assert.matches("did you mean 'templates/role.json'", run("$PROGRAM --eject templates/rol.json").stderr)
      assert.equal(1, run("$PROGRAM --eject").code)
   end)

   it("--eject in the program's own folder says that the file there is the one", function()
      local before = fs.read "scripts/setup.lua"
      local result = run("cd " .. fs.realpath "." .. " && $PROGRAM --eject setup")
      assert.equal("scripts/setup.lua is yours to edit\n", result.stdout)
      assert.equal(0, result.code)
      assert.equal(before, fs.read "scripts/setup.lua")
   end)

   it("keeps no module's path out of the folder that --eject writes to", function()
      local result = run("$PROGRAM --eject ../../etc/passwd")
      assert.equal(2, result.code)
   end)

   it("exits as the kind of an uncaught error says", function()
      for kind, code in pairs { usage = 2, auth = 4, permission = 5, conflict = 6, network = 7, failed = 1 } do
         local line = ("$PROGRAM -e 'require(\"aci.error\").raise { kind = \"%s\", message = \"m\" }'"):format(kind)
         local result = run(line)
         assert.equal(code, result.code)
         assert.matches(": m\n$", result.stderr)
      end
      assert.equal(4, run("echo 'require(\"aci.error\").raise { kind = \"auth\", message = \"m\" }' | $PROGRAM").code)
   end)

   it("leaves the numbers of closed standard descriptors alone", function()
      local result = run([[$PROGRAM -e 'local fs = require "aci.fs" local f = io.open("x", "w")
         f:write(tostring(fs.stat "/proc/self/fd/0" ~= nil)) f:close() print(1)' <&- >&- 2>&-; cat x]])
      assert.equal("true", result.stdout)
   end)

   it("links nothing but the C library: what is big comes with its first use", function()
      local needed = {}
      for name in run("readelf -d $PROGRAM").stdout:gmatch "Shared library: %[([^%]]+)%]" do
         if not name:find "san%.so" then needed[#needed + 1] = name end -- a sanitizer's build has its own
      end
      table.sort(needed)
      assert.same({ "libc.so.6", "libm.so.6" }, needed)
   end)
end)
