--- The stubs of bindings/meta as data: modules, their functions and the methods of their classes.
local texts = require "aci._texts"

local reference = {}

local read = {}

-- "--- text" and "---@param ..." lines above a function, without their dashes. Text below a tag goes on with it.
local function add_line(block, line)
   local tag, rest = line:match "^%-%-%-@(%w+)%s*(.*)$"
   local text, last = line:gsub("^%-%-%-%s?", ""), block.tags[#block.tags]
   if tag == "meta" then
      return -- the text below it is the module's own
   elseif tag then
      block.tags[#block.tags + 1] = { tag = tag, text = rest }
   elseif last then
      last.text = last.text .. " " .. text:gsub("^%s+", "")
   else
      block.text[#block.text + 1] = text
   end
end

local OPENING, CLOSING = "[%[{(<]", "[%]})>]"

-- Where a type ends that begins at `from`: at a space that stands in no bracket and behind no ":", "," or "|".
local function type_end(text, from)
   local depth, at = 0, from
   while at <= #text do
      local char, before = text:sub(at, at), text:sub(at - 1, at - 1)
      if char:find(OPENING) then depth = depth + 1 elseif char:find(CLOSING) then depth = depth - 1 end
      if char == " " and depth == 0 and not before:find "[:,|]" then return at - 1 end
      at = at + 1
   end
   return #text
end

--- "name? type what it is" in its three parts.
function reference.parts(text)
   local name, from = text:match "^(%S+)%s+()%S"
   if not name then return nil end
   local to = type_end(text, from)
   return name, text:sub(from, to), (text:sub(to + 1):gsub("^%s+", ""))
end

local function new_block()
   return { text = {}, tags = {} }
end

-- "function Azure:get(id, version) end" -> owner, sign, name, parameters
local function declaration(line)
   return line:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%)"
end

-- Lua's `local Azure = {}` below `---@class aci.Azure`.
local function table_name(line)
   return line:match "^local ([%w_]+) = "
end

local function note_class(module, block, name)
   for _, tag in ipairs(block.tags) do
      if tag.tag == "class" then
         module.classes[name] = { name = tag.text:match "^[%w_%.]+", methods = {}, fields = block.tags }
      end
   end
end

-- A class of fields only, which options and answers are.
local function note_record(module, block)
   local class = block.tags[1]
   if class and class.tag == "class" then module.records[class.text:match "^[%w_%.]+"] = block.tags end
end

local function note_function(module, block, owner, sign, name, parameters)
   block.name, block.signature = name, ("%s%s%s(%s)"):format(owner, sign, name, parameters)
   local class = module.classes[owner]
   local list = class and class.methods or module.functions
   list[#list + 1] = block
   list[name] = block
end

local function parse(text)
   local module, block = { name = text:match "^%-%-%-@meta ([%w_%.]+)", functions = {}, classes = {},
      records = {} }, new_block()
   for line in (text .. "\n"):gmatch "([^\n]*)\n" do
      local owner, sign, name, parameters = declaration(line)
      if line:find "^%-%-%-" then
         add_line(block, line)
      elseif owner then
         note_function(module, block, owner, sign, name, parameters)
         block = new_block()
      elseif line:find "^local function " then -- the module is this function
         module.text = block.text
         note_function(module, block, "", "", line:match "^local function ([%w_]+)%((.-)%)")
         block = new_block()
      elseif table_name(line) then
         if not module.text then module.text = block.text end
         note_class(module, block, table_name(line))
         block = new_block()
      elseif line == "" then
         note_record(module, block)
         block = new_block()
      end
   end
   return module
end

--- The module "aci.NAME" or "NAME", or nil when it has no stub.
function reference.module(name)
   name = name:gsub("^aci%.", "")
   if read[name] == nil then
      local text = texts.reference(name)
      read[name] = text and parse(text) or false
   end
   return read[name] or nil
end

--- The names of all modules that have a stub, in order.
function reference.names()
   local names = texts.references()
   table.sort(names)
   return names
end

--- A class of a module by its name in the source ("Azure") or in full ("aci.Azure").
function reference.class(module, name)
   local found = reference.module(module)
   for own, class in pairs(found and found.classes or {}) do
      if own == name or class.name == name then return class end
   end
end

--- The fields of a record that a parameter's type names, or nil.
function reference.fields(module, kind)
   local found = reference.module(module)
   return found and found.records[kind:match "^[%w_%.]+" or ""]
end

--- The first sentence of a block.
function reference.brief(block)
   local text = table.concat(block.text or {}, " ")
   return ((text:match "^(.-[%.:])%s" or text):gsub(":$", "."))
end

return reference
