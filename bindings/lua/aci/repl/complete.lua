--- Completion of globals, fields, methods, and of file names inside quotes. It looks only at what is there
-- (rawget, __index tables) and at the reference: it never calls anything, so it never sends a request.
local explore = require "aci.repl.explore"
local fs = require "aci.fs"
local reference = require "aci.repl.reference"

local complete = {}

local MOST = 200 -- names that are shown

local keywords = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true "
   .. "until while"):gmatch "%a+" do
   keywords[#keywords + 1] = word
end

-- -- what a name stands for, without calling ------------------------------------------------------

local function index_table(value)
   local meta = debug.getmetatable(value)
   local index = type(meta) == "table" and rawget(meta, "__index")
   return type(index) == "table" and index or nil
end

-- Field `key` of a value, through tables only.
local function field(value, key)
   for _ = 1, 10 do
      if type(value) == "table" then
         local found = rawget(value, key)
         if found ~= nil then return found end
      end
      value = index_table(value)
      if value == nil then return nil end
   end
end

-- The keys in "a.b[1]['c']"; nil where it is more than names and constants.
local function keys_of(path)
   local first, rest = path:match "^([%a_][%w_]*)(.*)$"
   local keys = { first }
   while rest and rest ~= "" do
      local key, after = rest:match "^%.([%a_][%w_]*)(.*)$"
      if not key then
         key, after = rest:match "^%[(%d+)%](.*)$"
         key = math.tointeger(key)
      end
      if not key then key, after = rest:match "^%[[\"']([^\"'%]]*)[\"']%](.*)$" end
      if not key then return nil end
      keys[#keys + 1], rest = key, after
   end
   return first and keys
end

-- The value of a path, and the client that it would be if it is not connected yet.
local function resolve(path)
   local keys = keys_of(path)
   while not keys and path:find "[%[%.]" do -- the path within an index: a[b.c
      path = path:gsub("^[^%[]*%[?", "", 1)
      keys = keys_of(path)
   end
   if not keys then return nil end
   local value = rawget(_G, keys[1])
   if value == nil and #keys == 1 then return nil, explore.clients[keys[1]] end
   for i = 2, #keys do value = field(value, keys[i]) end
   return value
end

-- -- candidates -----------------------------------------------------------------------------------

local function is_name(key)
   return type(key) == "string" and key:find "^[%a_][%w_]*$" ~= nil
end

local function add_keys(names, value, only_functions)
   for _ = 1, 10 do
      if type(value) == "table" then
         for key, member in next, value do
            if is_name(key) and (not only_functions or type(member) == "function") then names[key] = true end
         end
      end
      value = index_table(value)
      if value == nil then return end
   end
end

local function add_declared(names, client)
   local class = reference.class(client.module, client.class)
   for _, method in ipairs(class and class.methods or {}) do names[method.name] = true end
end

local function members(path, methods)
   local names = {}
   local value, client = resolve(path)
   if client then
      add_declared(names, client)
   elseif value ~= nil then
      add_keys(names, value, methods)
   end
   return names
end

local function globals()
   local names = {}
   add_keys(names, _G)
   for name in pairs(explore.clients) do names[name] = true end
   for _, word in ipairs(keywords) do names[word] = true end
   return names
end

local function modules()
   local names = {}
   for _, name in ipairs(reference.names()) do names["aci." .. name] = true end
   for name in pairs(package.loaded) do
      if not name:find "^aci%._" then names[name] = true end
   end
   return names
end

-- What help takes as a string: a client, a module.
local function topics()
   local names = {}
   for name in pairs(explore.clients) do names[name] = true end
   for _, name in ipairs(reference.names()) do names[name] = true end
   return names
end

local function file_names(part)
   local folder, names = part:match "^(.*/)" or "", {}
   local at = folder == "" and "." or folder:gsub("^~/", (require("aci.process").home() or "~") .. "/")
   for _, name in ipairs(fs.list(at) or {}) do
      local info = fs.stat(at .. "/" .. name)
      names[folder .. name .. (info and info.type == "directory" and "/" or "")] = true
   end
   return names
end

-- -- the cursor -----------------------------------------------------------------------------------

-- The text after the quote that is still open, or nil.
local function open_quote(text)
   local quote, from
   local at = 1
   while at <= #text do
      local char = text:sub(at, at)
      if quote and char == "\\" then
         at = at + 1
      elseif quote and char == quote then
         quote = nil
      elseif not quote and (char == '"' or char == "'") then
         quote, from = char, at + 1
      elseif not quote and text:find("^%-%-", at) then
         return nil
      end
      at = at + 1
   end
   return quote and text:sub(from), quote and text:sub(1, from - 2)
end

-- The members that `text` ends in, and the part of them that is typed; nil where it ends in none.
local function members_at(text)
   local path, sign, part = text:match "([%a_][%w_%.%[%]\"']*)([%.:])([%w_]*)$"
   if path then return members(path, sign == ":"), part end
end

local function quoted_candidates(quoted, before, quote)
   if before:find "require%s*%(?%s*$" then return modules(), quoted, quote end
   if not before:find "%f[%w_]help%s*%(?%s*$" then return file_names(quoted), quoted, "" end
   local names, part = members_at(quoted)
   return names or topics(), part or quoted, quote
end

-- Candidates, the part of them that is typed, and what a complete one ends with.
local function candidates(text)
   local quoted, before = open_quote(text)
   if quoted then return quoted_candidates(quoted, before, text:sub(#before + 1, #before + 1)) end
   local names, part = members_at(text)
   if names then return names, part, "" end
   part = text:match "[%w_\x80-\xff]*$"
   if part:find "^[^%a_]" or text:find("[%.:]" .. part .. "$") then return {}, part, "" end
   return globals(), part, ""
end

local function matching(names, part)
   local list = {}
   for name in pairs(names) do
      if name:sub(1, #part) == part and (part ~= "" or name:sub(1, 2) ~= "__") then list[#list + 1] = name end
   end
   table.sort(list)
   return list
end

local function common_prefix(list)
   local prefix = list[1]
   for _, name in ipairs(list) do
      while name:sub(1, #prefix) ~= prefix do prefix = prefix:sub(1, -2) end
   end
   return prefix
end

-- Names in columns, as wide as the terminal.
local function columns(list)
   local widest, lines = 0, {}
   for _, name in ipairs(list) do widest = math.max(widest, #name) end
   local width = require("aci.term").width() or 80
   local per_line = math.max(1, width // (widest + 2))
   for i = 1, math.min(#list, MOST) do
      local row = (i - 1) // per_line + 1
      lines[row] = (lines[row] or "") .. list[i] .. (" "):rep(widest + 2 - #list[i])
   end
   for i, line in ipairs(lines) do lines[i] = line:gsub("%s+$", "") end
   if #list > MOST then lines[#lines + 1] = ("... %d more"):format(#list - MOST) end
   return table.concat(lines, "\n")
end

--- What Tab does after `text`: what to insert, and what to show above the line (or nil).
function complete.at(text)
   if text:find "^%s*$" then return "   ", nil end
   local names, part, ending = candidates(text)
   local list = matching(names, part)
   if #list == 0 then return "", nil end
   local prefix = common_prefix(list)
   local insert = prefix:sub(#part + 1)
   if #list == 1 then return insert .. ending, nil end
   return insert, insert == "" and columns(list) or nil
end

return complete
