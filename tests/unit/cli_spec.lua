local cli = require "aci.cli"
local errors = require "aci.error"
local nearest = require "aci.nearest"
local process = require "aci.process"
local progress = require "aci.progress"

local spec = {
   usage = "acihost demo.lua [options] FLOW",
   plan = true,
   options = {
      purge = { help = "also purge" },
      wait_for = { number = true, default = 5 },
      tag = { value = "NAME", short = "t", many = true },
   },
   arguments = { "FLOW", "[MORE...]" },
}

local function parse(...)
   return cli.parse({ ... }, spec)
end

local function wrong(...)
   local ok, err = pcall(parse, ...)
   assert.is_false(ok)
   assert.is_true(errors.is(err, "usage"), tostring(err))
   assert.equal(2, errors.exit_code(err))
   return err.message
end

local function script(code, options)
   options = options or {}
   options.args = { process.self(), "-e", code }
   options.timeout = 20
   return assert(process.run(options))
end

-- Runs the code on a terminal of its own; `typed` is a shell command that writes what is typed.
local function on_terminal(code, typed, env)
   env = env or {}
   env.PATH, env.TERM = os.getenv "PATH", env.TERM or "xterm"
   env.CODE, env.HOST = code, process.self()
   local command = ([[(%s) | script -qec 'trap : INT; "$HOST" -e "$CODE"; stty -a' /dev/null]])
      :format(typed or "sleep 0.2")
   return assert(process.run { args = { "sh", "-c", command }, env = env, timeout = 20 })
end

describe("cli.parse", function()
   it("reads the common options", function()
      local options, rest = parse("-vv", "--output", "json", "--yes", "demo", "--plan", "--cloud=azure", "-v")
      assert.same({
         verbose = 3, output = "json", yes = true, plan = true, cloud = "azure", wait_for = 5,
      }, options)
      assert.same({ "demo" }, rest)
      assert.same({ verbose = 0, output = "table", wait_for = 5 }, (parse "x"))
      assert.equal(3, parse("-vvvvv", "x").verbose)
   end)

   it("reads a script's own options and arguments", function()
      local options, rest = parse("--purge", "--purge", "--wait-for=2.5", "-t", "a", "--tag", "b=c",
         "--no-input", "f", "-", "--", "--yes")
      assert.equal(2.5, options.wait_for)
      assert.same({ "a", "b=c" }, options.tag)
      assert.is_true(options.purge)
      assert.is_true(options.no_input)
      assert.is_nil(options.yes)
      assert.same({ "f", "-", "--yes" }, rest)
   end)

   it("refuses what it does not know, and says what was meant", function()
      assert.truthy(wrong("--plna", "x"):find("unknown option '--plna' (did you mean '--plan'?)", 1, true))
      assert.truthy(wrong("--outptu=json", "x"):find("(did you mean '--output'?)", 1, true))
      assert.equal(nil, wrong("--frobnicate", "x"):find "did you mean")
      assert.truthy(wrong("-x", "x"):find("unknown option '-x'", 1, true))
      assert.truthy(wrong("--plan=1", "x"):find("--plan takes no value", 1, true))
      assert.truthy(wrong("x", "--output"):find("--output needs a value: table|json", 1, true))
      assert.truthy(wrong("x", "--output", "xml"):find("one of table, json, not 'xml'", 1, true))
      assert.truthy(wrong("x", "--wait-for", "long"):find("is a number, not 'long'", 1, true))
      assert.truthy(wrong("--yes"):find("FLOW is missing", 1, true))
      local ok, err = pcall(cli.parse, { "one" }, {})
      assert.is_false(ok)
      assert.truthy(err.message:find("unexpected argument 'one'", 1, true))
      assert.is_false((pcall(cli.parse, { "--plan" }, {})), "only scripts that plan have --plan")
   end)

   it("raises where the script itself is wrong", function()
      assert.error_matches(function() cli.parse({}, { options = { x = { hlep = "" } } }) end,
         "unknown field 'hlep'")
   end)

   it("ends the program: 2 with one line, 0 with the help", function()
      local code = [[
         require "aci.cli".parse({ %q }, { usage = "demo", options = { own = { help = "mine" } } })]]
      local bad = script(code:format "--onw")
      assert.equal(2, bad.code)
      assert.equal("", bad.stdout)
      assert.truthy(bad.stderr:match "unknown option '%-%-onw' %(did you mean '%-%-own'%?%)\n$")
      assert.equal(1, select(2, bad.stderr:gsub("\n", "")))
      local help = script(code:format "--help")
      assert.equal(0, help.code)
      assert.truthy(help.stdout:match "^usage: demo\n")
      assert.truthy(help.stdout:find("--own", 1, true) and help.stdout:find("-v, --verbose", 1, true))
   end)
end)

describe("cli.confirm", function()
   it("needs a terminal or --yes", function()
      assert.is_true(cli.confirm("sure?", { yes = true }))
      local result = script [[require "aci.cli".confirm("sure?", {})]]
      assert.equal(2, result.code)
      assert.truthy(result.stderr:find("--yes", 1, true))
      assert.truthy(on_terminal([[require "aci.cli".confirm("sure?", { no_input = true })]])
         .stdout:find("--yes", 1, true))
   end)

   it("takes yes, no, and a name that has to be typed", function()
      local code = [[local ok = require "aci.cli".confirm("sure?", {}) print(ok and "went on" or "left")]]
      assert.truthy(on_terminal(code, "echo y; sleep 0.3").stdout:find("went on", 1, true))
      assert.truthy(on_terminal(code, "echo; sleep 0.3").stdout:find("left", 1, true))
      code = [[print(require "aci.cli".confirm("remove?", {}, "rg") and "went on" or "left")]]
      assert.truthy(on_terminal(code, "echo rg; sleep 0.3").stdout:find("went on", 1, true))
      assert.truthy(on_terminal(code, "echo y; sleep 0.3").stdout:find("left", 1, true))
   end)

   it("asks for a secret without showing it, and brings the echo back", function()
      local result = on_terminal([[
         local s = require "aci.cli".secret "key:"
         print(#s, s, require "aci.secret".reveal(s) == "hunter2")]], "sleep 0.5; echo hunter2; sleep 0.3")
      assert.is_nil(result.stdout:find("hunter2", 1, true))
      assert.truthy(result.stdout:match "7%s+<secret>%s+true")
      assert.truthy(result.stdout:find(" echo ", 1, true))
   end)

   it("brings the echo back after Ctrl-C", function()
      local result = on_terminal([[
         local ok = pcall(function() require "aci.cli".secret "key:" end)
         print("never", ok)]], "sleep 0.5; printf '\\003'; sleep 0.3")
      assert.is_nil(result.stdout:find("never", 1, true))
      assert.truthy(result.stdout:find("interrupted", 1, true))
      assert.truthy(result.stdout:find(" echo ", 1, true))
   end)
end)

describe("cli.output", function()
   it("prints tables and JSON on standard output", function()
      local code = [[local cli = require "aci.cli"
         cli.output({ { name = "a", size = 1 } }, { output = "%s" }, { "name", "size" })]]
      assert.equal("NAME  SIZE\na     1\n", script(code:format "table").stdout)
      assert.same({ { name = "a", size = 1 } }, require "aci.json".decode(script(code:format "json").stdout))
   end)
end)

describe("cli.progress", function()
   local function recorded(live)
      local out = {}
      local p = progress.new { live = live, write = function(text) out[#out + 1] = text end }
      return p, function() return table.concat(out) end
   end

   it("writes plain lines, one for each change", function()
      local p, text = recorded(false)
      p:update("group", "creating")
      p:update("group", "creating")
      p:update("vault", "creating", "kv\27[2J")
      p:finish("group", "done", "aci-rg")
      p:note "halfway"
      p:finish("vault", "failed")
      p:finish("other", "skipped")
      assert.equal("  group          creating\n  vault          creating   kv\\x1b[2J\n"
         .. "  group          done       aci-rg (0.0 s)\nhalfway\n  vault          failed     (0.0 s)\n"
         .. "  other          skipped\n", text())
   end)

   it("rewrites what is under way on a terminal", function()
      local p, text = recorded(true)
      p:update("a", "creating")
      p:update("b", "creating")
      p:finish("a", "done")
      local shown = text()
      assert.truthy(shown:find("\27[1A\r\27[J", 1, true))
      assert.truthy(shown:find("\27[2A\r\27[J", 1, true))
      assert.truthy(shown:match "  b%s+creating\n$")
   end)

   it("sends no control sequence where none is understood or wanted", function()
      local code = [[local p = require "aci.cli".progress() p:update("a", "creating") p:finish("a", "done")]]
      assert.is_nil(script(code).stderr:find "\27")
      assert.is_nil(on_terminal(code, nil, { TERM = "dumb" }).stdout:find "\27")
      local live = on_terminal(code).stdout
      assert.truthy(live:find("\27[1A", 1, true))
      assert.truthy(live:find("\27[32m", 1, true))
      local grey = on_terminal(code, nil, { NO_COLOR = "1" }).stdout
      assert.truthy(grey:find("\27[1A", 1, true))
      assert.is_nil(grey:find("\27[32m", 1, true))
   end)
end)

describe("aci.nearest", function()
   it("finds the word that was meant", function()
      assert.equal("plan", nearest("plna", { "play", "plan", "output" }))
      assert.equal("output", nearest("outpu", { "plan", "output" }))
      assert.is_nil(nearest("zzz", { "plan", "output" }))
      assert.is_nil(nearest("a", {}))
   end)
end)
