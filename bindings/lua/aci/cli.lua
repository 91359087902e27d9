--- aci.cli: what our scripts share of the command line: options, questions, results.
-- Progress while they work is in aci.progress.

local errors = require "aci.error"
local nearest = require "aci.nearest"
local pretty = require "aci.pretty"
local term = require "aci.term"

local cli = {}

local COMMON = {
   cloud = { value = "local|azure", choices = { "local", "azure" }, help = "which cloud; default: local" },
   help = { short = "h", help = "this text" },
   no_input = { help = "never ask; what would be asked is an error" },
   output = {
      short = "o", value = "table|json", choices = { "table", "json" }, help = "how the result is printed",
   },
   verbose = { short = "v", count = 3, help = "what is tried again; -vv: requests, -vvv: headers and bodies" },
   yes = { short = "y", help = "answer yes to what would be asked" },
}
local PLAN = { help = "show what would change and write nothing; exits 3 when something would" }

local function usage(format, ...)
   errors.raise { kind = "usage", message = format:format(...) }
end

local function script_name()
   local name = (_G.arg and _G.arg[0] or "acihost"):match "[^/]*$"
   return (name:gsub("%.lua$", ""))
end

--- This program as the user called it, and the script after it: what can be typed again.
function cli.command(script)
   local arg, first = _G.arg or {}, 0
   while arg[first - 1] do
      first = first - 1
   end
   return ("%s %s"):format(first < 0 and arg[first] or "acihost", script or arg[0] or "")
end

-- -- what the options are -------------------------------------------------------------------------

local OPTION_KEYS = {
   help = true, value = true, choices = true, short = true, count = true, number = true, many = true,
   default = true, least = true,
}

local function check_option(name, option)
   for key in pairs(option) do
      if not OPTION_KEYS[key] then
         error(("option '%s' has an unknown field '%s'"):format(name, tostring(key)), 4)
      end
   end
end

local function options_of(spec)
   local known = {}
   for name, option in pairs(COMMON) do
      known[name] = option
   end
   known.plan = spec.plan and PLAN or nil
   for name, option in pairs(spec.options or {}) do
      check_option(name, option)
      known[name] = option
   end
   return known
end

local function flag(name)
   return "--" .. name:gsub("_", "-")
end

local function by_flag(known)
   local found = {}
   for name, option in pairs(known) do
      found[flag(name)] = name
      if option.short then
         found["-" .. option.short] = name
      end
   end
   return found
end

-- -- reading them ---------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

local function keys(set)
   local list = {}
   for key in pairs(set) do
      list[#list + 1] = key
   end
   table.sort(list)
   return list
end

function Reader:find(text)
   local name = self.flags[text]
   if name then
      return name, self.known[name]
   end
   local meant = #text > 2 and nearest(text, keys(self.flags))
   local hint = meant and (" (did you mean '%s'?)"):format(meant) or ""
   usage("%s: unknown option '%s'%s", self.name, text, hint)
end

local function one_of(value, choices)
   for _, choice in ipairs(choices) do
      if value == choice then
         return true
      end
   end
   return false
end

function Reader:check(text, option, value)
   if option.choices and not one_of(value, option.choices) then
      usage("%s: %s is one of %s, not '%s'", self.name, text, table.concat(option.choices, ", "), value)
   elseif option.number then
      return self:check_number(text, option, value)
   end
   return value
end

function Reader:check_number(text, option, value)
   local number = tonumber(value)
   if not number or number ~= number or math.abs(number) == math.huge then
      usage("%s: %s is a number, not '%s'", self.name, text, value)
   elseif option.least and number < option.least then
      usage("%s: %s is at least %g, not %s", self.name, text, option.least, value)
   end
   return number
end

-- Stores one option; `value` is what came after "=", if anything.
function Reader:set(text, value)
   local name, option = self:find(text)
   if not option.value and not option.number then
      if value then
         usage("%s: %s takes no value", self.name, text)
      end
      self.options[name] = not option.count or math.min((self.options[name] or 0) + 1, option.count)
      return
   end
   if not value then
      self.at = self.at + 1
      value = self.args[self.at]
   end
   if value == nil then
      usage("%s: %s needs a value: %s", self.name, text, option.value or "NUMBER")
   end
   value = self:check(text, option, value)
   if option.many then
      self.options[name] = self.options[name] or {}
      table.insert(self.options[name], value)
   else
      self.options[name] = value
   end
end

-- "-vv" is "-v -v"; the last letter may take a value.
function Reader:letters(text)
   for letter in text:sub(2):gmatch "." do
      self:set("-" .. letter)
   end
end

function Reader:read()
   while self.at < #self.args do
      self.at = self.at + 1
      local text = self.args[self.at]
      if self.only_arguments or text == "-" or text:sub(1, 1) ~= "-" then
         self.rest[#self.rest + 1] = text
      elseif text == "--" then
         self.only_arguments = true
      elseif text:sub(1, 2) == "--" then
         self:set(text:match "^[^=]+", text:match "=(.*)$")
      elseif self.flags[text] == nil and #text > 2 and self.flags[text:sub(1, 2)] then
         self:letters(text)
      else
         self:set(text)
      end
   end
end

-- `wanted`: { "NAME", "[OTHER]", "[MORE...]" }.
function Reader:check_arguments(wanted)
   for i, what in ipairs(wanted) do
      if not self.rest[i] and not what:find "^%[" then
         usage("%s: %s is missing; see %s --help", self.name, what, cli.command())
      end
   end
   local last = wanted[#wanted]
   if #self.rest > #wanted and not (last and last:find("...", 1, true)) then
      usage("%s: unexpected argument '%s'%s", self.name, self.rest[#wanted + 1],
         last and "; a name with blanks in it needs quotes" or "")
   end
end

-- -- help -----------------------------------------------------------------------------------------

local function option_line(name, option)
   local left = (option.short and "-" .. option.short .. ", " or "") .. flag(name)
   local value = option.value or (option.number and "NUMBER")
   return left .. (value and " " .. value or "")
end

local function print_help(spec, known)
   local lines, width = {}, 0
   for _, name in ipairs(keys(known)) do
      local line = { option_line(name, known[name]), known[name].help or "" }
      width = math.max(width, #line[1])
      lines[#lines + 1] = line
   end
   io.stdout:write("usage: ", spec.usage or script_name(), "\n\n")
   for _, line in ipairs(lines) do
      io.stdout:write(("  %-" .. width .. "s  %s"):format(line[1], line[2]), "\n")
   end
end

--- Reads a script's options. A wrong one raises an error of kind usage: the program exits 2.
function cli.parse(args, spec)
   spec = spec or {}
   local known = options_of(spec)
   local reader = setmetatable({
      args = args, at = 0, name = script_name(), known = known, flags = by_flag(known),
      options = {}, rest = {},
   }, Reader)
   reader:read()
   if reader.options.help then
      print_help(spec, known)
      os.exit(0, true)
   end
   reader:check_arguments(spec.arguments or {})
   local options = reader.options
   for name, option in pairs(known) do
      if options[name] == nil then
         options[name] = option.default
      end
   end
   options.verbose = options.verbose or 0
   options.output = options.output or "table"
   if options.verbose > 0 then
      require("aci.trace").to(options.verbose)
   elseif term.isatty "stderr" then
      require("aci.trace").long_waits()
   end
   return options, reader.rest
end

-- -- asking ---------------------------------------------------------------------------------------

--- Asks before something that matters. With `answer`, that has to be typed.
function cli.confirm(question, options, answer)
   options = options or {}
   if options.yes then
      return true
   end
   if options.no_input or not term.isatty "stdin" then
      usage("%s: this asks \"%s\"; without a terminal add --yes", script_name(), question)
   end
   local typed, err = term.ask(question .. (answer and (" [type %s]"):format(answer) or " [y/N]"))
   if not typed then
      error(err, 0)
   end
   typed = typed:match "^%s*(.-)%s*$"
   if answer then
      return typed == answer
   end
   return typed:lower() == "y" or typed:lower() == "yes"
end

--- Asks for a secret that is not shown while it is typed.
function cli.secret(question, options)
   if (options and options.no_input) or not term.isatty "stdin" then
      usage("%s: this asks for \"%s\", which needs a terminal", script_name(), question)
   end
   local typed, err = term.ask_secret(question)
   return typed or error(err, 0)
end

--- Says what the settings have noted, on standard error. Gives them.
function cli.notes(config)
   for _, text in ipairs(config.notes) do io.stderr:write("note: ", text, "\n") end
   return config
end

-- -- results --------------------------------------------------------------------------------------

--- Prints rows as a table on standard output.
function cli.table(rows, columns)
   io.stdout:write(pretty.table(rows, columns))
end

local function is_list(value)
   return type(value) == "table" and type(value[1]) == "table"
end

--- Prints a script's result as its --output says.
function cli.output(value, options, columns)
   if options and options.output == "json" then
      io.stdout:write(require("aci.json").encode(value, { pretty = true }), "\n")
   elseif is_list(value) then
      cli.table(value, columns)
   elseif type(value) == "table" then
      pretty.print(value)
   else
      io.stdout:write(tostring(value), "\n")
   end
end

--- One line for each step on standard error; see aci.progress.
function cli.progress(options)
   return require("aci.progress").new(options)
end

return cli
