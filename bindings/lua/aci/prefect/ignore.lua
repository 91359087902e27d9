--- .prefectignore: gitignore's patterns as Prefect applies them, per file, the last match wins.

local ignore = {}

local MAGIC = "[%^%$%(%)%%%.%[%]%*%+%-%?]"

--- "[a-z]" and "[!a-z]" as a Lua set; nil when the bracket never closes.
local function bracket(text, at)
   local close = text:find("]", text:find("^%[!?%]", at) and at + 3 or at + 2, true)
   if not close then return nil end
   local inner = text:sub(at + 1, close - 1):gsub("^[!^]", "\0"):gsub("[%%%^%]]", "%%%0")
   return "[" .. inner:gsub("^%z", "^/") .. "]", close + 1
end

--- One path segment as a Lua pattern: `*` and `?` stay within it.
local function segment_pattern(text)
   local out, at = {}, 1
   while at <= #text do
      local char, class, after = text:sub(at, at), nil, nil
      if char == "[" then class, after = bracket(text, at) end
      if char == "\\" and at < #text then
         at = at + 1
         out[#out + 1] = text:sub(at, at):gsub(MAGIC, "%%%0")
      elseif char == "*" then
         out[#out + 1] = "[^/]*"
      elseif char == "?" then
         out[#out + 1] = "[^/]"
      else
         out[#out + 1] = class or char:gsub(MAGIC, "%%%0")
      end
      at = after or at + 1
   end
   return "^" .. table.concat(out) .. "$"
end

local function segments(text)
   local list = {}
   for part in text:gmatch "[^/]+" do
      list[#list + 1] = part == "**" and "**" or segment_pattern(part)
   end
   return list
end

--- One line of the file; nil for a comment or an empty line.
local function rule(line)
   line = line:gsub("\r$", "")
   if not line:find "\\%s+$" then line = line:gsub("%s+$", "") end
   if line == "" or line:sub(1, 1) == "#" then return nil end
   local keep = line:sub(1, 1) == "!"
   if keep then line = line:sub(2) end
   local folder = line:sub(-1) == "/"
   local body = line:gsub("/+$", "")
   if body == "" then return nil end
   -- a slash anywhere but at the end ties the pattern to the top folder
   local parts = segments(body)
   if not body:find("/", 1, true) and parts[1] ~= "**" then table.insert(parts, 1, "**") end
   return { keep = keep, folder = folder, parts = parts }
end

--- True when pattern parts from `p` match path parts from `s`, the rest of the path being below them.
local function match(parts, p, names, s, folder)
   if p > #parts then
      -- what is matched is the file itself, or a folder that it is in
      return folder and s <= #names or not folder
   end
   if parts[p] == "**" then
      -- "a/**" means what is inside a, not a itself; "**/" means what is inside any folder
      if p == #parts then return s + (folder and p == 1 and 1 or 0) <= #names end
      for from = s, #names do
         if match(parts, p + 1, names, from, folder) then return true end
      end
      return false
   end
   return names[s] ~= nil and names[s]:find(parts[p]) ~= nil and match(parts, p + 1, names, s + 1, folder)
end

local function names_of(path)
   local names = {}
   for name in path:gmatch "[^/]+" do names[#names + 1] = name end
   return names
end

--- Compiles the text of a .prefectignore.
-- @return a function that tells whether a relative file path is ignored
function ignore.compile(text)
   local rules = {}
   for line in (text .. "\n"):gmatch "(.-)\n" do rules[#rules + 1] = rule(line) end
   return function(path)
      local names, ignored = names_of(path), false
      for _, each in ipairs(rules) do
         if match(each.parts, 1, names, 1, each.folder) then ignored = not each.keep end
      end
      return ignored
   end
end

return ignore
