--- help(x): what the reference says about a module, a function, a client or one of its methods.
local nearest = require "aci.nearest"
local explore = require "aci.repl.explore"
local reference = require "aci.repl.reference"
local texts = require "aci._texts"

local help = {}

-- -- as text --------------------------------------------------------------------------------------

local function write_list(lines, title, blocks)
   if #blocks == 0 then return end
   lines[#lines + 1] = ""
   lines[#lines + 1] = title
   for _, block in ipairs(blocks) do
      lines[#lines + 1] = "  " .. block.signature
      local brief = reference.brief(block)
      if brief ~= "" then lines[#lines + 1] = "      " .. brief end
   end
end

local function class_text(class)
   local lines = { class.name }
   write_list(lines, "methods:", class.methods)
   return table.concat(lines, "\n")
end

local function module_text(module)
   local lines = { module.name }
   for _, line in ipairs(module.text or {}) do lines[#lines + 1] = line end
   write_list(lines, "functions:", module.functions)
   local names = {}
   for name, class in pairs(module.classes) do
      if #class.methods > 0 then names[#names + 1] = name end
   end
   table.sort(names)
   for _, name in ipairs(names) do write_list(lines, name .. ":", module.classes[name].methods) end
   return table.concat(lines, "\n")
end

local function add_named(lines, indent, tag)
   local name, kind, rest = reference.parts(tag.text)
   if name then lines[#lines + 1] = (("%s%s (%s) %s"):format(indent, name, kind, rest):gsub("%s+$", "")) end
   return kind
end

-- A parameter with the fields of its record below it.
local function add_parameter(lines, module, tag)
   local kind = add_named(lines, "  ", tag)
   for _, field in ipairs(kind and reference.fields(module, kind) or {}) do
      if field.tag == "field" then add_named(lines, "     ", field) end
   end
end

local function block_text(module, block)
   local lines = { block.signature }
   for _, line in ipairs(block.text) do lines[#lines + 1] = line end
   for _, tag in ipairs(block.tags) do
      if tag.tag == "param" then
         add_parameter(lines, module, tag)
      elseif tag.tag == "return" then
         lines[#lines + 1] = "  gives " .. tag.text:gsub("#%s*", "- ")
      end
   end
   return table.concat(lines, "\n")
end

-- -- finding --------------------------------------------------------------------------------------

local function member_text(module, owner, name)
   local class = owner and reference.class(module, owner)
   local found = reference.module(module)
   local block = class and class.methods[name] or found and found.functions[name]
   if block then return block_text(module, block) end
   for _, each in pairs(found and found.classes or {}) do
      if each.methods[name] then return block_text(module, each.methods[name]) end
   end
end

-- Where a function of the program is declared: module, owner and name, from the line of its source.
local function declared(f)
   local info = debug.getinfo(f, "S")
   local file = info.source:match "^@(aci/.*)%.lua$"
   local text = file and texts.source((file:gsub("/", ".")))
   if not text then return nil end
   local number = 0
   for line in (text .. "\n"):gmatch "([^\n]*)\n" do
      number = number + 1
      if number == info.linedefined then
         local owner, name = line:match "^%s*function ([%w_]+)[.:]([%w_]+)"
         return file:match "^aci/([^/]+)", owner, name
      end
   end
end

-- A function that is a field of a loaded module of ours, or of Lua's.
local function exported(f)
   for module, value in pairs(package.loaded) do
      if type(value) == "table" and module ~= "_G" then
         for name, member in next, value do
            if rawequal(member, f) and type(name) == "string" then return module, name end
         end
      end
   end
   for name, member in next, _G do
      if rawequal(member, f) then return "_G", name end
   end
end

local function function_text(f)
   local module, name = exported(f)
   local text = module and module:find "^aci%." and member_text(module, nil, name)
   if text then return text end
   local file, owner, own = declared(f)
   text = file and own and member_text(file, owner, own)
   if text then return text end
   if module and not module:find "^aci%." then
      return (module == "_G" and name or module .. "." .. name) .. ": a function of Lua, see its manual (man lua)"
   end
   return "a function without an entry in the reference"
end

local function module_of(value)
   for name, loaded in pairs(package.loaded) do
      if rawequal(loaded, value) and name:find "^aci%." then return reference.module(name) end
   end
end

-- The class of the module "aci.NAME" that shares most methods with an object of the type "aci.NAME...".
local function class_by_type(type_name, index)
   local module = type(type_name) == "string" and reference.module(type_name:match "^aci%.(%w+)" or "")
   local best, most = nil, 0
   for _, class in pairs(module and module.classes or {}) do
      local shared = 0
      for _, method in ipairs(class.methods) do
         if rawget(index, method.name) then shared = shared + 1 end
      end
      if shared > most then best, most = class, shared end
   end
   return best
end

-- An object: by a method that it has, or by its type.
local function object_text(value)
   local meta = debug.getmetatable(value)
   local index = type(meta) == "table" and rawget(meta, "__index")
   if type(index) ~= "table" then return nil end
   for _, member in next, index do
      local module, owner = nil, nil
      if type(member) == "function" then module, owner = declared(member) end
      local class = module and reference.class(module, owner)
      if class then return class_text(class) end
   end
   local class = class_by_type(rawget(meta, "__name"), index)
   return class and class_text(class)
end

-- "azure", "aci.azure", "azure.connect", "az", "az:get"
local function named_text(name)
   local client, method = name:match "^([%a_]+)[:.]?([%w_]*)$"
   client = client and explore.clients[client]
   if client then
      if method ~= "" then return member_text(client.module, client.class, method) end
      local class = reference.class(client.module, client.class)
      return class and class_text(class)
   end
   local module = reference.module(name)
   if module then return module_text(module) end
   local first, last = name:match "^(.-)[:.]([%w_]+)$"
   return first and reference.module(first) and member_text(first, nil, last)
end

local function overview()
   local lines = { "help(x) explains a module, a function, a client, a method: help \"http\", help \"az:get\".",
      "", "clients (they connect when they are used):" }
   for _, name in ipairs { "az", "graph", "kv", "blob", "prefect" } do
      lines[#lines + 1] = ("  %-10s aci.%s"):format(name, explore.clients[name].module)
   end
   lines[#lines + 1] = '  in a script: local c = require "aci.setup".connect(), and c.azure, c.graph, c.prefect'
   lines[#lines + 1] = ""
   lines[#lines + 1] = "modules (require \"aci.NAME\"):"
   for _, name in ipairs(reference.names()) do
      local module = reference.module(name)
      lines[#lines + 1] = ("  %-10s %s"):format(name, reference.brief(module))
   end
   return table.concat(lines, "\n")
end

--- The text for a value; nil when nothing is known.
function help.text(x)
   if type(x) == "string" then return named_text(x) end
   local module = module_of(x)
   if module then return module_text(module) end
   if type(x) == "function" then return function_text(x) end
   return object_text(x)
end

-- What can be asked for below "az" or "http": its methods, or its functions.
local function members(owner)
   local client = explore.clients[owner]
   if client then return reference.class(client.module, client.class).methods end
   local module = reference.module(owner)
   return module and module.functions
end

local function topics()
   local list = reference.names()
   for name in pairs(explore.clients) do list[#list + 1] = name end
   table.sort(list)
   return list
end

--- How "az:get" is called, in one line; nil where nothing is known of it.
function help.usage(name)
   local text = named_text(name)
   return text and ("it is called so: %s; help %q says more"):format(text:match "^[^\n]*", name)
end

--- What to ask for in place of a name that nothing is known of.
function help.instead(name)
   local owner, sign = name:match "^(.-)([:.])[%w_]*$"
   local below, list = owner and members(owner), {}
   for _, each in ipairs(below or {}) do list[#list + 1] = owner .. sign .. each.name end
   local near = nearest(name, below and list or topics())
   local all = below and ("help %q lists what there is"):format(owner) or "help() lists what there is"
   return (near and ("did you mean help %q? "):format(near) or "") .. all
end

local function nothing(x)
   if type(x) ~= "string" then return ("nothing in the reference about this %s"):format(type(x)) end
   return ("nothing in the reference about %q; %s"):format(x, help.instead(x))
end

--- Prints it.
function help.show(...)
   if select("#", ...) == 0 then
      io.stdout:write(overview(), "\n")
      return
   end
   io.stdout:write(help.text((...)) or nothing((...)), "\n")
end

return help
